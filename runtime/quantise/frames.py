"""Which frames of a bundle stand for all of them: its own words, seeds, positions and steps."""

from __future__ import annotations

import numpy as np

from runtime.errors import EngineError, ExpressionError, RequestError
from runtime.language.line import DIVISIONS
from runtime.planner import Planner
from runtime.request import MAX_SEED, Request

WORDS = (
    "cat", "dog", "tiger", "horse", "bird", "fish", "apple", "flower", "tree", "forest",
    "mountain", "river", "sea", "beach", "city", "street", "house", "castle", "bridge", "car",
    "train", "boat", "chair", "lamp", "book", "clock", "guitar", "robot", "woman", "man",
    "child", "portrait", "painting", "drawing", "sunset", "night", "snow", "storm", "red", "gold",
)  # fmt: skip
"""drawn from where a bundle does not say which words it was taught"""
LINKS = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "the", "to", "with"})
"""words that no one morphs"""
SHAPES = (
    "{0} -> {1}",
    "a photo of a [{0} -> {1}]",
    "{0} -> {1} | -1/2*{2} .. +1/2*{2}",
    "a {0} in the {1} -> a {2}",
    "[{0} -> {1}]",
)
"""what people type: words, slots, second axes, sentences"""
OTHER_STEPS = 4
"""each frame of this number has another step count than the model's own, where it offers one"""


def sample_requests(planner: Planner, count: int, seed: int) -> list[Request]:
    """Draw ``count`` requests that the model can serve, the same ones for the same ``seed``.

    Each has an expression, a seed and positions of its own.

    Raises:
        EngineError: the model can serve too few.
    """
    random = np.random.default_rng(seed)
    known = planner.vocabulary
    words = sorted(known.words - LINKS) if known is not None else list(WORDS)
    offered = sorted(planner.manifest.steps)
    made: list[Request] = []
    for attempt in range(8 * count):
        chosen = random.choice(words, 3, replace=len(words) < 3)
        t, u = random.random(2).tolist()
        drawn = int(random.integers(MAX_SEED))
        other = int(random.choice(offered))
        steps = planner.manifest.default_steps if len(made) % OTHER_STEPS else other
        expression = SHAPES[attempt % len(SHAPES)].format(*chosen)
        try:
            made.append(planner.request(expression, t=t, u=u, seed=drawn, steps=steps))
        except (RequestError, ExpressionError):  # longer than the model reads
            continue
        if len(made) == count:
            return made
    raise EngineError(
        f"{planner.manifest.model} reads too few words to calibrate int8 on: use --precision f32"
    )


def neighbour(request: Request) -> Request:
    """Return the request one division further along the line, or back from its end."""
    division = 1 / DIVISIONS if request.t <= 0.5 else -1 / DIVISIONS
    return request.at(request.t + division)
