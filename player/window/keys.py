"""Which key does what: read by the window, and by the help that the window shows."""

from __future__ import annotations

from dataclasses import dataclass

import pygame

SHIFT = pygame.KMOD_SHIFT
CTRL = pygame.KMOD_CTRL


@dataclass(frozen=True, slots=True)
class Binding:
    """Keys that do one thing: ``action`` names a method of ``PlayerState``, or of the window."""

    label: str
    meaning: str
    action: str
    keys: tuple[int, ...]
    shift: bool = False


BINDINGS = (
    Binding("Space", "play or pause, turning round at the ends", "play", (pygame.K_SPACE,)),
    Binding(",  .", "slower, faster", "slower", (pygame.K_COMMA,)),
    Binding("", "", "faster", (pygame.K_PERIOD,)),
    Binding("Home  End", "to the start, to the end", "home", (pygame.K_HOME,)),
    Binding("", "", "end", (pygame.K_END,)),
    Binding("N  Shift+N", "next seed, previous seed", "next_seed", (pygame.K_n,)),
    Binding("", "", "previous_seed", (pygame.K_n,), shift=True),
    Binding("A  B", "set mark A, mark B", "mark_a", (pygame.K_a,)),
    Binding("", "", "mark_b", (pygame.K_b,)),
    Binding("Tab", "flip between the marks", "flip", (pygame.K_TAB,)),
    Binding("S", "save a still", "save", (pygame.K_s,)),
    Binding("R", "record to mp4, press again to finish", "record", (pygame.K_r,)),
    Binding("G", "save a grid over both axes", "grid", (pygame.K_g,)),
    Binding("T", "token strip", "toggle_tokens", (pygame.K_t,)),
    Binding("H", "storm strip: how fast the picture changes", "toggle_storms", (pygame.K_h,)),
    Binding("P", "perceptual time, once the scan is whole", "toggle_perceptual", (pygame.K_p,)),
    Binding("I", "lerp or slerp: slide between the words, or turn", "toggle_interp", (pygame.K_i,)),
    Binding("F", "fullscreen", "fullscreen", (pygame.K_f, pygame.K_F11)),
    Binding("F1  ?", "this help", "toggle_help", (pygame.K_F1, pygame.K_QUESTION)),
    Binding("", "", "toggle_help", (pygame.K_SLASH,), shift=True),
    Binding("Esc", "quit", "quit", (pygame.K_ESCAPE,)),
)

HELP = (
    ("←  →", "move by 1/400; hold to glide"),
    ("Shift  Ctrl", "ten times as far, a tenth as far"),
    ("↑  ↓", "along the second axis, if there is one"),
    ("0 … 9", "jump to tenths"),
    *((binding.label, binding.meaning) for binding in BINDINGS if binding.label),
    ("mouse", "click or drag the seek bar and the pad"),
)
"""(keys, what they do), in the order the help shows them."""

ARROWS = {
    pygame.K_LEFT: (-1, 0),
    pygame.K_RIGHT: (1, 0),
    pygame.K_DOWN: (0, -1),
    pygame.K_UP: (0, 1),
}

DIGITS = {getattr(pygame, f"K_{digit}"): digit / 10 for digit in range(10)} | {
    getattr(pygame, f"K_KP{digit}"): digit / 10 for digit in range(10)
}


def key_of(event: pygame.event.Event) -> int:
    """Return the key of a KEYDOWN event, as ``BINDINGS`` and ``DIGITS`` name keys.

    Digits and punctuation count by the character they type: on many layouts (AZERTY) they need
    Shift, and the key itself goes by another name.
    """
    text: str = getattr(event, "unicode", "")
    if len(text) == 1 and text.isprintable() and not text.isalpha():
        typed = ord(text)
        if typed in DIGITS or action_for(typed, shift=False):
            return typed
    return int(event.key)


def action_for(key: int, shift: bool) -> str | None:
    """Return the action a key is bound to; Shift counts only where a binding asks for it."""
    matches = [binding for binding in BINDINGS if key in binding.keys]
    for binding in sorted(matches, key=lambda binding: binding.shift != shift):
        if binding.shift <= shift:
            return binding.action
    return None
