"""Pictures and films on disk: whole or not at all, with their exact settings inside."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from runtime.errors import MorphError, TargetError
from runtime.output import gif
from runtime.output.settings import KEY, to_text
from runtime.output.target import (
    check_replaceable,
    check_target,
    encoder_errors,
    staged,
    writing,
)
from runtime.request import Pixels

MAX_FPS = 240


class Film:
    """An open film that takes frames in order."""

    def __init__(self, encoder: _Encoder, target: Path) -> None:
        """Write by ``encoder``, whose failures name ``target``."""
        self._encoder, self._target = encoder, target

    @property
    def frames(self) -> int:
        """How many frames were written."""
        return self._encoder.frames

    def write(self, pixels: Pixels, own: Mapping[str, Any] | None = None) -> None:
        """Add a frame, uint8 [H, W, 3] of the film's size.

        ``own`` are settings of this frame in place of the film's, kept where it is a file of its
        own.

        Raises:
            TargetError: the disk is full or fails.
            ValueError: another shape or type.
        """
        wide, high = self._encoder.size
        if pixels.dtype != np.uint8 or pixels.shape != (high, wide, 3):
            raise ValueError(f"a frame is uint8 {(high, wide, 3)}, not {pixels.shape}")
        with writing(self._target):
            if isinstance(self._encoder, _Folder):
                self._encoder.write(pixels, own)
            else:
                self._encoder.write(pixels)


def check_fps(fps: float, kind: str = "mp4") -> Fraction:
    """Return frames per second as the nearest fraction a container can hold.

    Raises:
        TargetError: not in (0, 240], or above 50 for a gif.
    """
    most = gif.MAX_FPS if kind == "gif" else MAX_FPS
    if not 0.01 <= fps <= most:
        why = ": a gif cannot play faster, use .mp4" if kind == "gif" and fps > most else ""
        raise TargetError(f"{fps:g} frames per second is not between 0.01 and {most}{why}")
    return Fraction(fps).limit_denominator(1001)


@contextmanager
def open_film(
    target: str | Path, size: tuple[int, int], fps: float, settings: Mapping[str, Any]
) -> Iterator[Film]:
    """Open a film of ``size`` (W, H); its name decides what it is.

    - ``.mp4``: H.264 at constant rate, high quality, yuv420p in BT.709, index first, a key frame
      every half second for the seek bar. Odd sides are padded by one repeated row or column,
      because 4:2:0 needs even ones and 4:4:4 is not played by browsers and phones.
    - ``.gif``: 256 colours of its own for every frame, endless.
    - a folder (no suffix, or a name ending in ``/``): 00000.png, 00001.png …, each with its own
      settings.

    The film is written beside its target and moved there when the block ends; when the block
    raises, or Ctrl-C ends it, it is removed and what was there before stays.

    Raises:
        TargetError: the target cannot be written, is a folder of other things, or no frame came.
    """
    kind = check_target(str(target))
    if kind == "png":
        raise TargetError(f"{target} holds one picture: use .mp4, .gif or a folder for a film")
    rate = check_fps(fps, kind)
    path = Path(target)
    with staged(path, folder=kind == "folder") as partial:
        film: _Encoder
        with writing(path):
            if kind == "mp4":
                from runtime.output.mp4 import Mp4  # brings the encoder: slow to import

                film = Mp4(
                    partial, size, rate, to_text(settings), str(settings.get("expression", ""))
                )
            elif kind == "gif":
                film = _Gif(partial, size, rate, settings)
            else:
                film = _Folder(partial, size, settings)
        try:
            yield Film(film, path)
            if film.frames == 0:
                raise TargetError(f"{target}: no frames, nothing was written")
            if kind == "folder":  # looked at when we began, and rendering may take hours
                check_replaceable(path.resolve())
            with writing(path):
                film.finish()
        except BaseException:
            with contextlib.suppress(*encoder_errors()):
                film.abandon()
            raise


def save_still(target: str | Path, pixels: Pixels, settings: Mapping[str, Any]) -> None:
    """Write uint8 [H, W, 3] as PNG with the settings in its metadata.

    Raises:
        TargetError: the name does not end in .png, or the file cannot be written.
    """
    if check_target(str(target)) != "png":
        raise TargetError(f"{target}: a picture's name ends in .png")
    path = Path(target)
    with staged(path, folder=False) as partial, writing(path):
        _save_png(partial, pixels, settings)


def read_settings(path: str | Path) -> dict[str, Any]:
    """Return the settings in the metadata of a file or folder that this program wrote.

    Raises:
        MorphError: no such file, or none of ours.
    """
    path = Path(path)
    try:
        if path.is_dir():
            path = min(path.glob("*.png"), default=path / "00000.png")
        if path.suffix.lower() == ".mp4":
            from runtime.output.mp4 import comment_of

            text = comment_of(path)
        else:
            with Image.open(path) as image:
                text = image.info.get(KEY) or image.info.get("comment", "")
        settings = json.loads(text)
    except FileNotFoundError:
        raise MorphError(f"{path} does not exist") from None
    except Image.DecompressionBombError:
        raise MorphError(f"{path} is too large a picture to be opened") from None
    except (ValueError, TypeError, RecursionError):
        settings = None
    except encoder_errors():
        settings = None
    if not isinstance(settings, dict) or "expression" not in settings:
        raise MorphError(f"{path} carries no settings of this program")
    return settings


class _Encoder(Protocol):
    """What makes a film of one kind; its errors are ``encoder_errors``."""

    size: tuple[int, int]
    frames: int

    def write(self, pixels: Pixels) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...


class _Gif:
    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, settings: Mapping[str, Any]
    ) -> None:
        self.size, self.rate, self.frames = size, rate, 0
        self.stream: BinaryIO = path.open("wb")
        gif.write_header(self.stream, size, to_text(settings))

    def write(self, pixels: Pixels) -> None:
        gif.write_frame(self.stream, pixels, gif.delay(self.frames, self.rate))
        self.frames += 1

    def finish(self) -> None:
        gif.write_end(self.stream)
        self.stream.close()

    def abandon(self) -> None:
        self.stream.close()


class _Folder:
    def __init__(self, path: Path, size: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.path, self.size, self.settings, self.frames = path, size, settings, 0

    def write(self, pixels: Pixels, own: Mapping[str, Any] | None = None) -> None:
        name = f"{self.frames:05d}.png"
        settings = {**self.settings, **(own or {}), "frame": self.frames}
        _save_png(self.path / name, pixels, settings)
        self.frames += 1

    def finish(self) -> None: ...  # nothing is open between frames
    def abandon(self) -> None: ...


def _save_png(path: Path, pixels: Pixels, settings: Mapping[str, Any]) -> None:
    info = PngInfo()
    info.add_text(KEY, to_text(settings))
    Image.fromarray(pixels).save(path, "PNG", pnginfo=info)
