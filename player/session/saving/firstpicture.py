"""The picture that a player opens with, kept from an earlier session: shown while a model opens.

A frame is a pure function of its request, its bundle and the engine that drew it, so it is the very
picture that will be drawn; where another engine opens, or on another machine, it is drawn anew.
Pictures that came over a network are not kept: they may have lost something on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from runtime.errors import MorphError
from runtime.output.film import read_settings, save_still
from runtime.request import Frame, Request
from runtime.userfolders import cache_folder

KEPT = 24
"""pictures; the oldest goes first"""
MADE_BY = ("digest", "engine", "precision", "version", "width", "height")
"""what, besides its request and the machine, says which picture it is"""
MADE_ON = "made_on"


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """A frame of an earlier session and the settings it was drawn with."""

    frame: Frame
    settings: Mapping[str, Any]

    def is_drawn_by(self, settings: Mapping[str, Any]) -> bool:
        """Tell whether a model and an engine of these settings draw the same."""
        same = all(self.settings.get(name) == settings.get(name) for name in MADE_BY)
        return same and self.settings.get(MADE_ON) == _here()


def kept_picture(request: Request, digest: str) -> FirstPicture | None:
    """Return what was kept of a request of the bundle with a digest; None if nothing was."""
    path = _path(request, digest)
    with suppress(MorphError, OSError, ValueError, SyntaxError):
        settings = read_settings(path)
        with Image.open(path, formats=("PNG",)) as image:
            pixels = np.array(image.convert("RGB"))
        shape = settings.get("height"), settings.get("width"), 3
        asked = asdict(request)
        same = all(settings.get(name) == asked[name] for name in asked)
        if same and settings.get("digest") == digest and pixels.shape == shape:
            pixels.flags.writeable = False
            return FirstPicture(Frame(pixels, request), settings)
    return None


def keep(frame: Frame, settings: Mapping[str, Any]) -> None:
    """Keep a frame for the next start; where that cannot be, the next start waits for its model."""
    path = _path(frame.request, str(settings.get("digest", "")))
    with suppress(MorphError, OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        save_still(path, frame.pixels, {**settings, **asdict(frame.request), MADE_ON: _here()})
        kept = sorted(path.parent.glob("*.png"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-KEPT]:
            old.unlink()


def _here() -> str:
    """Name the processor and the engine libraries, either of which may round otherwise."""
    from runtime.bench.machine import this_machine  # not before the window is open

    machine = this_machine()
    return f"{machine.processor} {' '.join(machine.features)} {sorted(machine.versions.items())}"


def _path(request: Request, digest: str) -> Path:
    name = hashlib.sha256(repr((request, digest)).encode()).hexdigest()[:32]
    return cache_folder() / "first" / f"{name}.png"
