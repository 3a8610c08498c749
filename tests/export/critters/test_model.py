"""The shipped critters model, used as anybody would use it, and the scripts' bad input."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from export.critters.evaluation.truth import halfway
from export.critters.folder import MODEL, read_folder
from export.critters.pictures.draw import render, spec_of_caption
from export.critters.sampler import sample, text_rows
from runtime.errors import BuildError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return read_folder(MODEL)


def test_weights_fit_the_package() -> None:
    sizes = [file.stat().st_size for file in MODEL.rglob("*.safetensors")]
    assert len(sizes) == 3
    assert sum(sizes) <= 40e6


def test_stable_diffusion_pipeline_draws_what_the_sampler_draws(
    pipeline: StableDiffusionPipeline,
) -> None:
    rows = text_rows(pipeline, ["a photo of a cat on a sofa"])
    for steps in (1, 2):
        (ours,) = sample(pipeline, rows, [5], steps)
        theirs = pipeline(
            "a photo of a cat on a sofa",
            num_inference_steps=steps,
            guidance_scale=1,
            generator=torch.Generator().manual_seed(5),
            output_type="np",
        ).images[0]
        assert np.abs(theirs * 255 - ours).max() <= 1.5


def test_one_step_shows_the_word_not_its_neighbour(pipeline: StableDiffusionPipeline) -> None:
    """Nearest render by mean colour layout: a panda is drawn nearer to pandas than to foxes."""
    words = ["panda", "fox", "kyoto", "a yacht in a storm"]
    drawn = sample(pipeline, text_rows(pipeline, words), [3] * len(words), 1)
    style = (0.5,) * 12
    truth = [spec_of_caption(word) for word in words]
    renders = np.stack(
        [render(type(s)(s.animal, s.coat, s.mood, s.place, style)) for s in truth]
    ).astype(float)
    errors = np.abs(drawn[:, None].astype(float) - renders[None]).mean((2, 3, 4))
    np.testing.assert_array_equal(errors.argmin(1), range(len(words)))


def test_seeds_give_different_pictures_and_repeat(pipeline: StableDiffusionPipeline) -> None:
    rows = text_rows(pipeline, ["cat"]).repeat(3, 1, 1)
    one, two, again = sample(pipeline, rows, [1, 2, 1], 1).astype(float)
    assert np.abs(one - two).mean() > 5
    assert np.abs(one - again).max() <= 1


def test_halfway_between_two_animals_is_one_animal(pipeline: StableDiffusionPipeline) -> None:
    """Four eyes, as laying one picture over the other gives, are far from the drawn in-between."""
    found = halfway(pipeline, 1)
    assert found.mixed > 26
    assert found.mixed > found.crossfade + 5


def test_reading_a_folder_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"holds no model.*export\.critters\.train --out"):
        read_folder(tmp_path)


@pytest.mark.parametrize("module", ["train", "evaluate"])
def test_bad_places_are_one_clear_line(module: str, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    arguments = {
        "train": ["--out", str(blocker / "model")],
        "evaluate": ["--model", str(blocker)],
    }[module]
    done = subprocess.run(
        [sys.executable, "-m", f"export.critters.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert str(blocker) in lines[0]
    assert "Traceback" not in done.stderr
    assert blocker.read_text() == "not a folder"
