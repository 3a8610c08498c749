"""The claims of edited embeddings, put to a trained model."""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray

from export.critters.evaluation.classifier import LABELS, Classifier, probabilities, shrink
from export.critters.sampler import sample, text_rows

SEEDS = list(range(16))
OFFSETS = np.linspace(-3 / 7, 3 / 7, 7)
SENTENCE = "a photo of a {} on a sofa"
SLOT = 5
"""The row of the animal in ``SENTENCE``; row 0 is BOS."""


@dataclass(frozen=True)
class Claims:
    """What edits do, over 16 seeds."""

    tabby_spearman: float
    """Rank correlation of u with the tabby probability of ``cat + u*tabby``, mean over seeds."""
    tabby_curve: list[float]
    """Mean tabby probability at each of the seven u."""
    morph_ends: int
    """Seeds at which ``cat -> kitten`` begins as a cat and ends as a kitten."""
    slot_edits: int
    """Seeds at which a sofa's cat becomes a kitten when the row of that word alone changes."""


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Rank correlation of two series; 0 if either is constant."""
    ranks = np.array([[(v > row).sum() + (v == row).sum() / 2 for v in row] for row in (x, y)])
    if ranks.std(axis=1).min() == 0:
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def _classify(
    pipeline: StableDiffusionPipeline, classifier: Classifier, rows: torch.Tensor, steps: int
) -> dict[str, NDArray[np.float32]]:
    """Class probabilities of one picture per row tensor and seed, the seeds varying fastest."""
    repeated = rows.repeat_interleave(len(SEEDS), dim=0)
    pixels = sample(pipeline, repeated, SEEDS * len(rows), steps)
    return probabilities(classifier, shrink(pixels))


def check_claims(pipeline: StableDiffusionPipeline, classifier: Classifier, steps: int) -> Claims:
    """Check the note's claims at a step count."""
    cat, kitten, tabby = text_rows(pipeline, ["cat", "kitten", "tabby"])
    animals, coats, places = LABELS["animal"], LABELS["coat"], LABELS["place"]

    edited = []
    for offset in OFFSETS:
        rows = cat + float(offset) * tabby
        rows[0] = cat[0]
        edited.append(rows)
    seen = _classify(pipeline, classifier, torch.stack(edited), steps)
    curves = seen["coat"][:, coats.index("tabby")].reshape(len(OFFSETS), len(SEEDS))
    correlations = [spearman(OFFSETS, curves[:, i].astype(np.float64)) for i in range(len(SEEDS))]

    named = _classify(pipeline, classifier, torch.stack([cat, kitten]), steps)["animal"].argmax(1)
    first, last = named.reshape(2, len(SEEDS))
    ends = (first == animals.index("cat")) & (last == animals.index("kitten"))

    sentences = text_rows(pipeline, [SENTENCE.format("cat"), SENTENCE.format("kitten")])
    slot = sentences[0].clone()
    slot[SLOT] = sentences[1][SLOT]
    found = _classify(pipeline, classifier, torch.stack([sentences[0], slot]), steps)
    animal = found["animal"].argmax(1).reshape(2, len(SEEDS))
    place = found["place"].argmax(1).reshape(2, len(SEEDS))
    turned = (animal[0] == animals.index("cat")) & (animal[1] == animals.index("kitten"))
    turned &= (place == places.index("sofa")).all(0)
    return Claims(
        float(np.mean(correlations)),
        [float(p) for p in curves.mean(1)],
        int(ends.sum()),
        int(turned.sum()),
    )
