"""The note's edits, computed here with torch by hand, drawn by diffusers and by the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

import export.critters
from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.library import built_in
from runtime.engines.choose import choose
from runtime.pipeline import Pipeline
from tests.support.seeds import draw_seed

SENTENCE = "a photo of a {} on a sofa"
# One row of 77 moves a random network little, so the edits of single rows are large.
CRITTERS = Path(export.critters.__file__).parent / "model"


@dataclass(frozen=True)
class Pair:
    """One checkpoint in both programs."""

    pipe: Any
    ours: Pipeline

    def encode(self, prompt: str) -> torch.Tensor:
        with torch.no_grad():
            rows: torch.Tensor = self.pipe.encode_prompt(prompt, torch.device("cpu"), 1, False)[0]
        return rows[0]

    def row_of(self, prompt: str, word: str) -> int:
        """Find a one-token word's row from the ids alone."""
        ids = self.pipe.tokenizer(prompt).input_ids
        (token,) = self.pipe.tokenizer(word, add_special_tokens=False).input_ids
        assert ids.count(token) == 1
        return int(ids.index(token))

    def drawn(self, embedding: torch.Tensor, seed: int, steps: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        latents = torch.randn((1, *self.ours.bundle.manifest.latent), generator=generator)
        width, height = self.ours.size
        (picture,) = self.pipe(
            prompt_embeds=embedding[None],
            latents=latents,
            generator=generator,
            num_inference_steps=steps,
            guidance_scale=1.0,
            width=width,
            height=height,
            output_type="np",
        ).images
        return np.asarray((picture * 255).round())


@pytest.fixture(scope="module", params=["critters-itself", "sd15", "sd-turbo"])
def pair(
    request: pytest.FixtureRequest,
    checkpoint_of: Callable[[str], Path],
    bundle_of: Callable[[str], Bundle],
) -> Iterator[Pair]:
    if request.param == "critters-itself":
        folder, bundle = CRITTERS, open_bundle(built_in())
    else:
        folder, bundle = checkpoint_of(request.param), bundle_of(request.param)
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(
        folder, safety_checker=None, feature_extractor=None, torch_dtype=torch.float32
    )
    pipe.set_progress_bar_config(disable=True)
    with Pipeline(bundle, choose(bundle, "openvino", "f32")) as ours:
        yield Pair(pipe, ours)


def mixed(pair: Pair) -> tuple[torch.Tensor, dict[str, Any]]:
    cat, kitten = pair.encode("cat"), pair.encode("kitten")
    return 0.7 * cat + 0.3 * kitten, {"expression": "cat -> kitten", "t": 0.3}


def subtracted(pair: Pair) -> tuple[torch.Tensor, dict[str, Any]]:
    edited = pair.encode("kitten")
    edited[1:] -= 3 / 7 * pair.encode("tabby")[1:]
    return edited, {"expression": "kitten - 3/7*tabby"}


def slotted(pair: Pair) -> tuple[torch.Tensor, dict[str, Any]]:
    edited, kitten = pair.encode(SENTENCE.format("cat")), pair.encode(SENTENCE.format("kitten"))
    tabby = pair.encode(SENTENCE.format("tabby"))
    row = pair.row_of(SENTENCE.format("cat"), "cat")
    edited[row] = 0.4 * edited[row] + 0.6 * kitten[row] + 8 * tabby[row]
    text = SENTENCE.format("[cat -> kitten | -8*tabby .. +8*tabby]")
    return edited, {"expression": text, "t": 0.6, "u": 1.0}


def two_slots(pair: Pair) -> tuple[torch.Tensor, dict[str, Any]]:
    first = "a photo of a cat on a sofa"
    edited = pair.encode(first)
    for word, there in (
        ("cat", "a photo of a tiger on a sofa"),
        ("sofa", "a photo of a cat on a dog"),
    ):
        row = pair.row_of(first, word)
        edited[row] = -5.75 * edited[row] + 6.75 * pair.encode(there)[row]
    text = "a photo of a [cat -> 9*tiger - 8*cat] on a [sofa -> 9*dog - 8*sofa]"
    return edited, {"expression": text, "t": 0.75}


def tail(pair: Pair) -> tuple[torch.Tensor, dict[str, Any]]:
    edited, kitten = pair.encode(SENTENCE.format("cat")), pair.encode(SENTENCE.format("kitten"))
    row = pair.row_of(SENTENCE.format("cat"), "cat")
    edited[row:] = 0.5 * edited[row:] + 0.5 * kitten[row:]
    return edited, {"expression": SENTENCE.format("[cat -> kitten]"), "t": 0.5, "edit": "tail"}


def by_index(pair: Pair) -> tuple[torch.Tensor, dict[str, Any]]:
    """As in the note: the row is given by its number, 0 being BOS."""
    edited, dog = pair.encode("a photo of cat"), pair.encode("a photo of dog")
    edited[4] = -5 * edited[4] + 6 * dog[4]
    return edited, {"expression": "a photo of [cat - 6*cat + 6*dog]", "edit_row": 4}


def turned(pair: Pair) -> tuple[torch.Tensor, dict[str, Any]]:
    cat, dog = pair.encode("cat").double(), pair.encode("dog").double()
    cosine = torch.nn.functional.cosine_similarity(cat, dog, dim=1)
    angle = torch.arccos(cosine.clamp(-1, 1))[:, None]
    edited = cat.clone()
    far = (torch.sin(angle) > 1e-3)[:, 0]
    spherical = (torch.sin(0.7 * angle) * cat + torch.sin(0.3 * angle) * dog) / torch.sin(angle)
    edited[far] = spherical[far]
    flat = ~far
    edited[flat] = 0.7 * cat[flat] + 0.3 * dog[flat]
    return edited.float(), {"expression": "cat -> dog", "t": 0.3, "interp": "slerp"}


EDITS = (mixed, subtracted, slotted, two_slots, tail, by_index, turned)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("steps", [1, 2])
def test_frames_are_those_of_diffusers(
    pair: Pair, edit: Callable[[Pair], tuple[torch.Tensor, dict[str, Any]]], steps: int
) -> None:
    embedding, asked = edit(pair)
    seed = draw_seed()
    expected = pair.drawn(embedding, seed, steps)
    frame = pair.ours.render(pair.ours.request(**asked, seed=seed, steps=steps))
    assert np.abs(frame.pixels - expected).max() <= 2, (asked, seed)


def test_the_edits_are_heard(pair: Pair) -> None:
    """Otherwise any mix would have passed."""
    frames = [
        pair.ours.render(pair.ours.request(**edit(pair)[1], seed=3)).pixels.astype(float)
        for edit in EDITS
    ]
    least = min(np.abs(a - b).mean() for a, b in combinations(frames, 2))
    assert least > 0.3
