"""What the storm strip and P are told while a line is being filled, in any precision."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from player.session.filling.scan import Speeds
from player.session.motion.playhead import Warp
from player.session.rendering.renderer import PendingRequest
from player.session.rendering.worker import Worker
from runtime.cache import FrameCache
from runtime.perception.distance import distance
from runtime.perception.storms.storms import thresholds
from runtime.request import Frame, Request
from tests.player.fakes import FakeRenderer
from tests.runtime.perception.storms.test_storms import Planted

BASE = Request("cat -> kitten")
MOMENTS = (25, 50, 100, 401)


class Film(FakeRenderer):
    """Draws a film that drifts, and storms from 0.3 to 0.7; ``noise`` is other for every frame."""

    noise = 0.0

    def render(self, request: Request) -> Frame:
        planted = Planted(slope=(0.3, 0.7), drift=0.4, noise=self.noise)
        return replace(super().render(request), pixels=planted.picture(request.t))


class Rounded(Film):
    noise = 0.2


def scanned(fake: Film) -> dict[int, Speeds]:
    """Fill a line as idle time does; return what is told at each of the moments."""
    worker = Worker(lambda: fake, FrameCache())
    worker.ask(PendingRequest(BASE))
    worker.open()
    told: dict[int, Speeds] = {}
    for _ in range(600):
        worker.turn()
        known = len(worker.cache)
        if known in MOMENTS and worker.lines.speeds is not None:
            told[known] = worker.lines.speeds
    return told


@pytest.fixture(scope="module")
def told() -> dict[type[Film], dict[int, Speeds]]:
    return {kind: scanned(kind()) for kind in (Film, Rounded)}


def seen(speeds: Speeds) -> NDArray[np.float64]:
    total = np.concatenate([[0.0], np.cumsum(speeds.values)])
    share: NDArray[np.float64] = total / total[-1]
    return share


@pytest.mark.parametrize("known", MOMENTS)
@pytest.mark.parametrize("kind", [Film, Rounded])
def test_the_strip_says_the_same_at_every_moment_and_in_every_precision(
    told: dict[type[Film], dict[int, Speeds]], kind: type[Film], known: int
) -> None:
    speeds, truth = told[kind][known], told[Film][401]
    assert np.abs(seen(speeds) - seen(truth)).max() < 0.03
    calm, fast = thresholds(truth.values)
    bright = (speeds.values > (calm + fast) / 2).mean()
    assert bright == pytest.approx((truth.values > (calm + fast) / 2).mean(), abs=0.04)


def test_perceptual_time_is_that_of_exact_frames(
    told: dict[type[Film], dict[int, Speeds]],
) -> None:
    exact, rounded = (told[kind][401].warp() for kind in (Film, Rounded))
    places = np.linspace(0, 1, 41)
    apart = [abs(exact.time(float(x)) - rounded.time(float(x))) for x in places]
    assert max(apart) < 0.01
    # frames far enough apart that even rounding to grey levels is no part of their change
    descriptors = [Planted(slope=(0.3, 0.7), drift=0.4).descriptor_at(k / 40) for k in range(41)]
    frames = Warp.of_distances(np.array([distance(*pair) for pair in pairwise(descriptors)]))
    assert max(abs(exact.time(float(x)) - frames.time(float(x))) for x in places) < 0.02


def test_what_is_known_densely_looks_no_stormier_than_the_rest() -> None:
    class Even(Film):
        def render(self, request: Request) -> Frame:
            planted = Planted(drift=0.3, noise=0.5)
            return replace(super(Film, self).render(request), pixels=planted.picture(request.t))

    speeds = scanned(Even())[50].values  # the coarse pass, and some ahead of the playhead
    assert speeds.max() < 1.3 * np.median(speeds)
