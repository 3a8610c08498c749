from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.perception.charting.walk import FILLED
from runtime.perception.distance import describe_frame
from runtime.perception.ground import filled
from tests.support.seeds import draw_seed

Pixels = NDArray[np.uint8]
SIDE = 256


def scene(x: float = 0.5, size: float = 0.2, light: float = 1.0) -> Pixels:
    """A dark disc on a backdrop that brightens from top to bottom."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    ground = 150 + 60 * down
    disc = np.clip((size - np.hypot(across - x, down - 0.6)) * 60, 0, 1)
    grey = light * (ground * (1 - disc) + 40 * disc)
    pixels: Pixels = np.round(np.stack([grey, grey * 0.9, grey * 0.8], -1)).astype(np.uint8)
    return pixels


def of(now: Pixels, start: Pixels | None = None) -> float:
    return filled(describe_frame(scene() if start is None else start), describe_frame(now))


def test_what_happens_to_the_subject_fills_no_ground() -> None:
    assert of(scene()) == 0
    assert of(scene(x=0.51, size=0.21)) == 0, "an outline that moves a little"
    coat = scene()
    coat[130:180:6, 110:146] = 200
    assert of(coat) < FILLED, "stripes on the subject"


def test_light_and_noise_fill_no_ground() -> None:
    draws = np.random.default_rng(draw_seed())
    grain = draws.integers(-2, 3, (SIDE, SIDE, 3))
    assert of(scene(light=0.8)) == 0
    assert of((scene() + grain).astype(np.uint8)) == 0


def test_the_share_is_that_of_the_ground_with_streaks() -> None:
    share = float(np.random.default_rng(draw_seed()).uniform(0.2, 0.9))
    torn = scene()
    torn[2::7, : round(share * SIDE)] -= 25
    ground = describe_frame(scene())
    around = np.pad(ground.edges > 0, 1)
    held = np.lib.stride_tricks.sliding_window_view(around, (3, 3)).any((2, 3))
    empty = np.logical_not(held)
    left = empty[:, : round(share * held.shape[1])].sum() / empty.sum()
    assert of(torn) == pytest.approx(left, abs=0.08), share


def test_a_picture_without_empty_ground_tells_nothing() -> None:
    busy = scene()
    busy[::4] = 10
    torn = busy.copy()
    torn[:, ::8] = 250
    assert of(torn, busy) == 0


@pytest.mark.parametrize("shape", [(8, 8), (24, 40), (64, 64), (96, 512), (512, 768)])
def test_every_size_of_frame_has_its_ground(shape: tuple[int, int]) -> None:
    plain = np.full((*shape, 3), 128, np.uint8)
    torn = plain.copy()
    cell = round(np.sqrt(shape[0] * shape[1]) / 32) or 1
    for row in range(cell // 2, shape[0], cell):
        torn[row : row + max(1, cell // 4)] = 90
    assert of(plain, plain) == 0
    assert of(torn, plain) == (0 if min(shape) < 48 else 1), shape


def test_frames_of_other_sizes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        of(scene()[:128])
