"""What is open around and over the picture: strips, the keys, figures, a field, full screen."""

from __future__ import annotations

from typing import Literal

ZOOMS = (1, 2, 4, 8)

FieldName = Literal["", "words", "seed"]


class Panels:
    """Which of them are open. No window: a front end draws them."""

    def __init__(self) -> None:
        """Open the storm strip alone."""
        self.fullscreen = False
        self.tokens = False
        self.storms = True
        self.help = False
        self.clean = False
        """whether nothing but the picture is shown"""
        self.stats = False
        """whether the statistics are shown"""
        self.difference = False
        """whether the difference between the marks is wanted instead of the picture"""
        self.typing: FieldName = ""
        """what is being typed, where the front end has a field open"""
        self.zoom = 1
        """times as large as fits the window"""

    def type(self, what: FieldName) -> None:
        """Begin to type words or a seed, or end it."""
        self.typing = what

    def next_zoom(self) -> None:
        """Look closer, up to eight times; then at the whole again."""
        self.zoom = ZOOMS[(ZOOMS.index(self.zoom) + 1) % len(ZOOMS)]

    def toggle_stats(self) -> None:
        """Show or hide the statistics."""
        self.stats = not self.stats

    def toggle_tokens(self) -> None:
        """Show or hide the token strip."""
        self.tokens = not self.tokens

    def toggle_storms(self) -> None:
        """Show or hide the storm strip."""
        self.storms = not self.storms

    def toggle_help(self) -> None:
        """Show or hide the keys."""
        self.help = not self.help

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or leave it."""
        self.fullscreen = not self.fullscreen

    def toggle_clean(self) -> None:
        """Show nothing but the picture, or everything again."""
        self.clean = not self.clean

    def close_uppermost(self) -> bool:
        """Close what lies uppermost on the picture, else show the panel again, else leave full
        screen; False if there is none of these to do.
        """
        if self.typing:
            self.typing = ""
        elif self.help:
            self.help = False
        elif self.stats:
            self.stats = False
        elif self.difference:
            self.difference = False
        elif self.clean:
            self.clean = False
        elif self.fullscreen:
            self.fullscreen = False
        else:
            return False
        return True
