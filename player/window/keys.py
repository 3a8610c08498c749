"""pygame's keys by the names that the table of actions uses."""

from __future__ import annotations

import pygame

from player.session.actions import ACTIONS

SHIFT = pygame.KMOD_SHIFT
CTRL = pygame.KMOD_CTRL

ARROWS = {
    pygame.K_LEFT: (-1, 0),
    pygame.K_RIGHT: (1, 0),
    pygame.K_DOWN: (0, -1),
    pygame.K_UP: (0, 1),
}

KEY_NAMES = {
    pygame.K_SPACE: "Space",
    pygame.K_HOME: "Home",
    pygame.K_END: "End",
    pygame.K_TAB: "Tab",
    pygame.K_RETURN: "Enter",
    pygame.K_KP_ENTER: "Enter",
    pygame.K_ESCAPE: "Escape",
    pygame.K_DELETE: "Delete",
    pygame.K_PAGEUP: "PageUp",
    pygame.K_PAGEDOWN: "PageDown",
    pygame.K_LEFT: "Left",
    pygame.K_RIGHT: "Right",
    pygame.K_UP: "Up",
    pygame.K_DOWN: "Down",
    **{getattr(pygame, f"K_F{number}"): f"F{number}" for number in range(1, 13)},
    **{getattr(pygame, f"K_KP{digit}"): str(digit) for digit in range(10)},
}

TYPED = {key.name for action in ACTIONS for key in action.keys if len(key.name) == 1}
"""Keys that the table names by the character they type."""


def key_of(event: pygame.event.Event) -> int:
    """Return the key of a KEYDOWN event.

    Digits and punctuation count by the character they type: on many layouts (AZERTY) they need
    Shift, and the key itself goes by another name. Letters of other alphabets count by where
    they are: the key of a Latin N is N on a Cyrillic keyboard too.
    """
    text: str = getattr(event, "unicode", "")
    if len(text) == 1 and not text.isalpha() and text in TYPED:
        return ord(text)
    if event.key == pygame.K_SLASH and event.mod & SHIFT:  # where SDL reports no character
        return pygame.K_QUESTION
    key, scancode = int(event.key), int(getattr(event, "scancode", 0))
    if key > 127 and key not in KEY_NAMES and pygame.KSCAN_A <= scancode <= pygame.KSCAN_Z:
        return ord("a") + scancode - pygame.KSCAN_A
    return key


def name_of(key: int) -> str:
    """Return a key's name in the table of actions; empty for keys it cannot name."""
    if key in KEY_NAMES:
        return KEY_NAMES[key]
    return chr(key) if 32 < key < 127 else ""
