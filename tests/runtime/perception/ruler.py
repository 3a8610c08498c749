"""Our distance against NVIDIA FLIP: ``python -m tests.runtime.perception.ruler`` prints tables.

FLIP (Andersson et al. 2020) says how visible the difference of two pictures is to somebody who
flips between them at 67 pixels a degree. Its mean over the picture is taken here.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.stats import kendalltau, spearmanr

from export.critters.pictures.captions import ANIMALS, COATS, MOODS
from runtime.perception.distance import VISIBLE, describe_frame, distance
from runtime.perception.storms.change import posts_of
from runtime.perception.storms.storms import find_flickers, find_zones, thresholds
from runtime.perception.storms.survey import FOLLOWERS, Survey
from runtime.pipeline import Pipeline

Pixels = NDArray[np.uint8]

MORPHS = (
    "cat -> kitten",
    "cat -> dog",
    "fox -> owl",
    "a photo of a [cat -> fox] on a sofa",
    "a [white -> black] rabbit on grass",
    "a [sleepy -> happy] bear",
    "kyoto -> tokyo",
    "a yacht on a calm sea -> a yacht in a storm",
    "panda on snow -> panda at night",
    "cat - 3/7*tabby -> cat + 3/7*tabby",
)
PLACES = ("on a sofa", "on grass", "on snow", "at night", "in the rain", "by the sea")
APART = (1 / 400, 1 / 200, 1 / 100, 1 / 50, 1 / 25, 1 / 12, 1 / 6, 1 / 3)


def flip_map(a: Pixels, b: Pixels) -> NDArray[np.float32]:
    """The FLIP error of two frames at each pixel, 0 to 1, [H, W]."""
    import flip_evaluator

    pair = (np.ascontiguousarray(x, np.float32) / np.float32(255) for x in (a, b))
    errors, _, _ = flip_evaluator.evaluate(*pair, "LDR", applyMagma=False, computeMeanError=False)
    return np.asarray(errors, np.float32)[..., 0]


def flip(a: Pixels, b: Pixels) -> float:
    """The mean of the FLIP error, as it is usually told."""
    return float(flip_map(a, b).mean())


def flip_worst(a: Pixels, b: Pixels) -> float:
    """The FLIP error that 1 pixel in 1000 exceeds: a change in a small place does not drown."""
    return float(np.quantile(flip_map(a, b), 0.999))


def ours(a: Pixels, b: Pixels) -> float:
    return distance(describe_frame(a), describe_frame(b))


def rms(a: Pixels, b: Pixels) -> float:
    """The ruler that nobody should need: root mean square difference in grey levels."""
    return float(np.sqrt(((a.astype(np.float64) - b) ** 2).mean()))


RULERS = ((ours, ".4f"), (flip, ".4f"), (flip_worst, ".3f"), (rms, ".2f"))


@dataclass(frozen=True)
class Pair:
    morph: str
    t: float
    apart: float
    first: Pixels
    second: Pixels


def pairs(pipeline: Pipeline, count: int, seed: int = 17) -> list[Pair]:
    """Frames of real morphs, near and far from each other, each morph in turn."""
    rng = np.random.default_rng(seed)
    made = []
    for morph in itertools.islice(itertools.cycle(MORPHS), count):
        apart = float(rng.choice(APART))
        t = float(rng.uniform(0, 1 - apart))
        request = pipeline.request(morph, seed=int(rng.integers(0, 50)))
        frames = (pipeline.render(request.at(place)).pixels for place in (t, t + apart))
        made.append(Pair(morph, t, apart, *frames))
    return made


def planted(pipeline: Pipeline, seed: int = 0) -> dict[str, tuple[Pixels, Pixels]]:
    """A frame and the same with one change, from what nobody sees to what everybody does."""
    cat = pipeline.render(pipeline.request("cat", seed=seed)).pixels
    rng = np.random.default_rng(seed)
    whisker = Image.fromarray(cat)
    height, width = cat.shape[:2]
    ImageDraw.Draw(whisker).line(
        (0.58 * width, 0.5 * height, 0.78 * width, 0.46 * height), fill=(90, 70, 65), width=1
    )
    noise = np.clip(np.round(cat + rng.normal(0, 2, cat.shape)), 0, 255).astype(np.uint8)
    brighter = np.minimum(cat.astype(int) + 1, 255).astype(np.uint8)
    shifted = np.concatenate([cat[:, :1], cat[:, :-1]], axis=1)

    def drawn(prompt: str) -> Pixels:
        return pipeline.render(pipeline.request(prompt, seed=seed)).pixels

    return {
        "brighter by one level": (cat, brighter),
        "noise of two levels": (cat, noise),
        "a whisker": (cat, np.asarray(whisker)),
        "shifted by one pixel": (cat, shifted),
        "another coat": (cat, drawn("white cat")),
        "another animal": (cat, drawn("dog")),
    }


def kinds(pipeline: Pipeline) -> dict[str, list[float]]:
    """How far a picture moves by our distance when one thing about it is another."""
    found: dict[str, list[float]] = {"mood": [], "coat": [], "place": [], "animal": []}
    for seed in (0, 1):
        descriptors = {
            animal: describe_frame(pipeline.render(pipeline.request(animal, seed=seed)).pixels)
            for animal in ANIMALS
        }
        found["animal"] += [
            distance(descriptors[a], descriptors[b]) for a, b in combinations(ANIMALS, 2)
        ]
        for animal in ANIMALS[1 - seed :: 2]:
            for kind, phrases in (
                ("mood", [f"{word} {animal}" for word in MOODS]),
                ("coat", [f"{word} {animal}" for word in COATS]),
                ("place", [f"{animal} {words}" for words in PLACES]),
            ):
                for phrase in phrases:
                    frame = pipeline.render(pipeline.request(phrase, seed=seed))
                    found[kind].append(distance(descriptors[animal], describe_frame(frame.pixels)))
    return found


def agreement(a: list[float], b: list[float]) -> dict[str, float]:
    return {"spearman": float(spearmanr(a, b)[0]), "kendall": float(kendalltau(a, b)[0])}


def zones(frames: list[Pixels], ruler: Any) -> NDArray[np.bool_]:
    """Which intervals of a film storm, by storms.py's rules on any ruler; without bisection."""
    at = np.linspace(0, 1, len(frames))
    reach = tuple(
        np.array([ruler(a, b) for a, b in zip(frames, frames[k:], strict=False)])
        for k in range(1, FOLLOWERS + 1)
    )
    posts = posts_of(at)
    spans = np.array([ruler(frames[a], frames[b]) for a, b in itertools.pairwise(posts)])
    film = Survey(at, reach, posts, spans)
    shaken = np.zeros(len(film.distances), bool)
    for flicker in find_flickers(film):
        shaken[flicker.first - 1 : flicker.last + 1] = True
    calm, fast = thresholds(film.speed[~shaken])
    stormy = np.zeros(len(film.distances), bool)
    for zone in find_zones(film, shaken, (calm + fast) / 2, fast):
        if zone.kind == "storm":
            stormy |= (at[:-1] >= zone.start - 1e-9) & (at[1:] <= zone.end + 1e-9)
    return stormy


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare our distance with NVIDIA FLIP.")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--films", type=int, default=4)
    options = parser.parse_args()
    with Pipeline.open("critters", backend="openvino", precision="f32") as pipeline:
        made = pairs(pipeline, options.pairs)
        rows = [(ours(p.first, p.second), flip(p.first, p.second), rms(p.first, p.second))
                for p in made]  # fmt: skip
        table = np.array(rows)
        print(f"| {options.pairs} pairs | Spearman | Kendall |\n| --- | --- | --- |")
        for name, a, b in (("ours and FLIP", 0, 1), ("ours and RMS", 0, 2), ("FLIP and RMS", 1, 2)):
            found = agreement(table[:, a].tolist(), table[:, b].tolist())
            print(f"| {name} | {found['spearman']:.3f} | {found['kendall']:.3f} |")
        ranks = table.argsort(0).argsort(0)
        print("\n| where they disagree most | apart | ours (rank) | FLIP (rank) |")
        print("| --- | --- | --- | --- |")
        for i in np.argsort(-abs(ranks[:, 0] - ranks[:, 1]))[:6]:
            pair = made[i]
            print(
                f"| {pair.morph}, t = {pair.t:.3f} | {pair.apart:.4f} | {rows[i][0]:.4f} "
                f"({ranks[i, 0]}) | {rows[i][1]:.4f} ({ranks[i, 1]}) |"
            )
        print("\n| planted on three cats | ours | FLIP | FLIP's worst 0.1 % | RMS |")
        print("| --- | --- | --- | --- | --- |")
        plants = [planted(pipeline, seed) for seed in range(3)]
        for name in plants[0]:
            shown = [
                " to ".join(f"{v:{form}}" for v in (min(values), max(values)))
                for ruler, form in RULERS
                for values in [[ruler(*plant[name]) for plant in plants]]
            ]
            print(f"| {name} | {' | '.join(shown)} |")
        print(f"\nours calls a difference visible above {VISIBLE}\n")
        print("| what is another | pairs | 5 % below | half below | 95 % below |")
        print("| --- | --- | --- | --- | --- |")
        for kind, values in kinds(pipeline).items():
            low, middle, high = np.percentile(values, [5, 50, 95])
            print(f"| {kind} | {len(values)} | {low:.3f} | {middle:.3f} | {high:.3f} |")
        print()
        if not options.films:
            return
        print("| film of 41 frames | intervals in a storm: ours | FLIP | both | either |")
        print("| --- | --- | --- | --- | --- |")
        for morph in [*MORPHS[:2], MORPHS[7], MORPHS[9], MORPHS[3], MORPHS[6]][: options.films]:
            request = pipeline.request(morph)
            frames = [pipeline.render(request.at(i / 40)).pixels for i in range(41)]
            here, there = zones(frames, ours), zones(frames, flip)
            counts = (here, there, here & there, here | there)
            print(f"| {morph} | {' | '.join(str(int(stormy.sum())) for stormy in counts)} |")


if __name__ == "__main__":
    main()
