"""Pictures drawn by a formula, and a pipeline that answers requests with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from runtime.language.expression import parse
from runtime.request import Frame, Request

Pixels = NDArray[np.uint8]


def animal(
    size: int = 256,
    *,
    coat: tuple[int, int, int] = (214, 150, 90),
    kind: str = "cat",
    whiskers: int = 3,
    shift: float = 0.0,
    scale: float = 1.0,
) -> Pixels:
    """A sitting animal on a green ground, uint8 [size, size, 3]; places in 1/256 of the side."""
    big = 2 * size
    image = Image.new("RGB", (big, big), (196, 222, 208))
    draw = ImageDraw.Draw(image)
    unit = big / 256

    def spot(x: float, y: float) -> tuple[float, float]:
        return (128 + (x - 128) * scale + shift) * unit, (200 + (y - 200) * scale) * unit

    def ellipse(x: float, y: float, w: float, h: float, fill: tuple[int, int, int]) -> None:
        draw.ellipse((*spot(x - w, y - h), *spot(x + w, y + h)), fill=fill)

    draw.rectangle((0, 200 * unit, big, big), fill=(160, 190, 175))
    if kind == "cat":
        ellipse(128, 190, 45, 40, coat)
        for side in (-1, 1):
            draw.polygon(
                [spot(128 + side * 12, 95), spot(128 + side * 50, 45), spot(128 + side * 52, 110)],
                fill=coat,
            )
        ellipse(128, 120, 55, 45, coat)
        for side in (-1, 1):
            ellipse(128 + side * 24, 115, 10, 10, (40, 30, 30))
            for i in range(whiskers):
                ends = spot(128 + side * 30, 135 + 4 * i), spot(128 + side * 85, 128 + 9 * i)
                draw.line(ends, fill=(90, 70, 65), width=max(1, round(1.2 * unit)))
    else:
        ellipse(120, 130, 80, 38, coat)
        draw.polygon([spot(190, 130), spot(235, 90), spot(235, 170)], fill=coat)
        ellipse(70, 120, 8, 8, (40, 30, 30))
    return np.array(image.resize((size, size), Image.Resampling.LANCZOS), np.uint8)


def morph(request: Request, size: tuple[int, int]) -> Pixels:
    """A picture that moves with t, changes colour with u and is textured by the seed."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = x / width, y / height
    centre = 0.2 + 0.6 * request.t
    blob = np.exp(-((x - centre) ** 2 + (y - 0.5) ** 2) * 30)
    wave = 0.5 + 0.3 * np.sin(2 * np.pi * (x + y) + request.seed)
    light = np.stack([blob, 0.6 * wave + 0.3 * request.u, 0.8 - 0.5 * blob], axis=-1)
    pixels: Pixels = np.round(255 * np.clip(light, 0, 1)).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels


@dataclass
class DrawnPipeline:
    """Stands where a Pipeline stands; ``asked`` is every request it rendered."""

    size: tuple[int, int] = (64, 48)
    default_steps: int = 1
    batches: tuple[int, ...] = (1, 4)
    stop_after: int | None = None
    """KeyboardInterrupt, as by Ctrl-C, after so many frames"""
    asked: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = SimpleNamespace(
            name="drawn", precision="f32", device="paper", batches=self.batches
        )

    def settings(self) -> dict[str, Any]:
        return {
            "model": "drawings",
            "digest": "d1" * 32,
            "width": self.size[0],
            "height": self.size[1],
            "engine": self.engine.name,
            "precision": self.engine.precision,
            "version": "unknown",
        }

    def drawn_by(self) -> dict[str, str]:
        return {"device": self.engine.device, "library": "unknown"}

    def check(self, request: Request) -> None:
        parse(request.expression)

    def render(self, request: Request) -> Frame:
        if len(self.asked) == self.stop_after:
            raise KeyboardInterrupt
        self.asked.append(request)
        return Frame(morph(request, self.size), request, {"total": 1.0})

    def render_many(self, requests: Sequence[Request]) -> list[Frame]:
        return [self.render(request) for request in requests]

    def frames(self, requests: Sequence[Request]) -> Iterator[Frame]:
        return (self.render(request) for request in requests)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass
