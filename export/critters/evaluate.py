"""Measures the built-in model: ``python -m export.critters.evaluate``.

First the measure itself, on fresh renders; then samples of fixed captions and seeds, the decoder,
the claims about edited embeddings, and the cost of a frame. Exits 0 if everything passes.
"""

import json
import random
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from export.critters.evaluation.claims import SEEDS, check_claims
from export.critters.evaluation.classifier import (
    LABELS,
    Classifier,
    draw_labelled,
    labels_of,
    load_classifier,
    probabilities,
    shrink,
)
from export.critters.evaluation.truth import asked_for, halfway, mean_psnr, psnrs
from export.critters.folder import MODEL, read_folder
from export.critters.pictures.draw import render as render_spec
from export.critters.pictures.draw import sample_spec, spec_of_caption
from export.critters.sampler import sample, text_rows
from export.critters.training.autoencoder import to_pixels, to_tensor
from runtime.engines.openvino.core import CORE
from runtime.errors import MorphError, TargetError

DEFAULT_STEPS = 1
CAPTIONS = (
    "cat", "kitten", "dog", "puppy", "rabbit", "fox", "bear", "panda", "tiger", "lion", "owl",
    "mouse",
    "a tabby kitten", "a white kitten on snow", "a photo of a tabby cat on a sofa",
    "a drawing of a fox at night", "a black dog in the rain", "a sleepy brown puppy on grass",
    "a happy spotted dog by the sea", "a surprised gray owl at night", "orange cat on a sofa",
    "a picture of a white rabbit on grass", "a spotted mouse on a sofa", "a gray bear on snow",
    "a photo of a sleepy lion by the sea", "happy tiger in the rain", "a black panda on grass",
    "a picture of a surprised orange mouse on snow", "kyoto", "tokyo", "a yacht on a calm sea",
    "a yacht in a storm",
)  # fmt: skip
STEP_COUNTS = (1, 2, 3, 4)
CLAIMED_AT = (1, 2)
"""Step counts at which the claims about edits are put to the test."""
BARS_BY_DEFAULT = (0.95, 0.95, 0.90)
"""Animal, place and coat at the default step count."""
BARS_ELSEWHERE = (0.90, 0.90, 0.85)
FIT = 0.98
"""What the classifier must reach on fresh renders before it may judge."""
FRESH = 2_000
FRAME_RUNS = 60


@dataclass(frozen=True)
class Score:
    """One figure of the report and the bar it is held against, if any."""

    name: str
    value: float
    bar: float | None
    at_most: bool = False

    @property
    def passed(self) -> bool:
        """Whether the bar is met; true where there is none."""
        if self.bar is None:
            return True
        return self.value <= self.bar if self.at_most else self.value >= self.bar


def accuracies_on_renders(classifier: Classifier) -> list[Score]:
    """Accuracy of each head on fresh renders, where the caption names what it looks for."""
    pictures, labels = draw_labelled(FRESH, seed=77)
    seen = probabilities(classifier, pictures)
    results = []
    for name in LABELS:
        truth = labels[name].numpy()
        named = truth >= 0
        share = (seen[name].argmax(1) == truth)[named].mean()
        results.append(Score(f"classifier: {name} on fresh renders", float(share), FIT))
    return results


def accuracies(pixels: NDArray[np.uint8], classifier: Classifier) -> dict[str, float]:
    """Share of right attributes over ``CAPTIONS`` x ``SEEDS`` pictures, where they are named."""
    seen = probabilities(classifier, shrink(pixels))
    right: dict[str, list[float]] = {name: [] for name in LABELS}
    for i, caption in enumerate(CAPTIONS):
        spec = spec_of_caption(caption)
        rows = slice(i * len(SEEDS), (i + 1) * len(SEEDS))
        wanted = labels_of(spec)
        open_ones = {"mood": spec.mood is None, "place": spec.place is None}
        for name, label in wanted.items():
            if label >= 0 and not open_ones.get(name):
                right[name] += (seen[name][rows].argmax(1) == label).tolist()
    return {name: float(np.mean(values)) for name, values in right.items()}


def decoder_psnr(pipeline: StableDiffusionPipeline) -> float:
    """Mean PSNR in dB of encoding and decoding 256 fresh renders, as 8-bit pictures."""
    rng = random.Random(99)
    figures = []
    for _ in range(16):
        pixels = np.stack([render_spec(sample_spec(rng)[0]) for _ in range(16)])
        with torch.inference_mode():
            latents = pipeline.vae.encode(to_tensor(pixels, pipeline.device)).latents
            back = to_pixels(pipeline.vae.decode(latents).sample)
        figures.append(mean_psnr(back, pixels))
    return float(np.mean(figures))


def frame_milliseconds(pipeline: StableDiffusionPipeline) -> float:
    """Median time of one step and decoding in OpenVINO on this CPU."""
    import openvino

    class Frame(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unet, self.vae = pipeline.unet, pipeline.vae

        def forward(self, noise: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            v = self.unet(noise, torch.tensor(999), rows, return_dict=False)[0]
            latents = -v / self.vae.config.scaling_factor
            pixels: torch.Tensor = self.vae.decode(latents, return_dict=False)[0]
            return pixels

    noise, rows = torch.randn(1, 16, 16, 16), text_rows(pipeline, ["cat"]).clone()
    with torch.no_grad():
        graph = openvino.convert_model(
            Frame().eval().requires_grad_(False), example_input=(noise, rows)
        )
    graph.reshape({0: list(noise.shape), 1: list(rows.shape)})
    compiled = CORE.compile_model(graph, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    times = []
    for _ in range(FRAME_RUNS):
        start = time.perf_counter()
        compiled([noise.numpy(), rows.numpy()])
        times.append(time.perf_counter() - start)
    return float(np.median(times[10:]) * 1000)


def contact_sheet(columns: list[NDArray[np.uint8]]) -> Image.Image:
    """Rows are captions; the columns are the first seeds of some step counts, half size."""
    side, text, gap, per_column = 128, 250, 6, 5
    width = text + len(columns) * (per_column * side + gap)
    sheet = Image.new("RGB", (width, side * len(CAPTIONS)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, caption in enumerate(CAPTIONS):
        pen.text((6, row * side + 56), caption, "black")
        for block, pixels in enumerate(columns):
            for i in range(per_column):
                picture = Image.fromarray(pixels[row * len(SEEDS) + i]).resize((side, side))
                x = text + block * (per_column * side + gap) + i * side
                sheet.paste(picture, (x, row * side))
    return sheet


def evaluate(model: Path, console: Console) -> tuple[list[Score], dict[str, Any], Image.Image]:
    """Measure a model folder: results to judge, all figures, a contact sheet.

    Raises:
        BuildError: the folder cannot be loaded.
        MorphError: the classifier is not fit to judge.
    """
    pipeline = read_folder(model)
    classifier = load_classifier(console)
    results = accuracies_on_renders(classifier)
    if not all(result.passed for result in results):
        worst = min(results, key=lambda result: result.value)
        raise MorphError(
            f"the measure is unfit: {worst.name} {worst.value:.1%}, below {FIT:.0%}; "
            "no sample was judged"
        )
    rows = text_rows(pipeline, list(CAPTIONS)).repeat_interleave(len(SEEDS), dim=0)
    columns: list[NDArray[np.uint8]] = []
    figures: dict[str, Any] = {}
    truth = asked_for(pipeline, CAPTIONS, SEEDS)
    for steps in STEP_COUNTS:
        bars = BARS_BY_DEFAULT if steps == DEFAULT_STEPS else BARS_ELSEWHERE
        unit = f"at {steps} step{'s' * (steps > 1)}"
        console.print(f"sampling {len(rows)} pictures {unit}")
        pixels = sample(pipeline, rows, SEEDS * len(CAPTIONS), steps)
        columns.append(pixels)
        shares = accuracies(pixels, classifier)
        figures[f"steps_{steps}"] = shares
        results += [
            Score(f"{name} {unit}", shares[name], bar)
            for name, bar in zip(("animal", "place", "coat", "mood"), (*bars, None), strict=True)
        ]
        found = psnrs(pixels, truth)
        shares["psnr"] = float(found.mean())
        name = f"PSNR against what was asked for {unit}, dB"
        if steps == 1:
            at_one = found
            results.append(Score(name, shares["psnr"], None))
            continue
        shares["nearer"] = float((found > at_one).mean())
        results += [
            Score(name, shares["psnr"], figures["steps_1"]["psnr"]),
            Score(f"nearer to it than in one step {unit}", shares["nearer"], 0.5),
        ]
    for steps in CLAIMED_AT:
        claims = check_claims(pipeline, classifier, steps)
        figures[f"claims_{steps}"] = asdict(claims)
        unit = f"at {steps} step{'s' * (steps > 1)}"
        results += [
            Score(f"cat + u*tabby: Spearman {unit}", claims.tabby_spearman, 0.8),
            Score(f"cat -> kitten: right ends of 16 {unit}", claims.morph_ends, 15),
            Score(f"one word of a sentence: right of 16 {unit}", claims.slot_edits, 15),
        ]
        between = halfway(pipeline, steps)
        figures[f"halfway_{steps}"] = asdict(between)
        results += [
            Score(
                f"two animals mixed: PSNR against the in-between {unit}, dB", between.mixed, None
            ),
            Score(f"their crossfade: PSNR against it {unit}, dB", between.crossfade, None),
        ]
    results.append(Score("decoder PSNR, dB", decoder_psnr(pipeline), 30.0))
    results.append(Score("frame at 1 step, ms", frame_milliseconds(pipeline), 20.0, at_most=True))
    figures["results"] = [asdict(result) | {"passed": result.passed} for result in results]
    return results, figures, contact_sheet([columns[0], columns[1], columns[-1]])


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    model: Annotated[Path, typer.Option(help="The diffusers folder to measure.")] = MODEL,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures here.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet PNG here.")] = None,
) -> None:
    """Measure the built-in model and hold it against its bars."""
    console = Console(stderr=True)
    try:
        for target in (json_file, sheet):
            if target and not target.parent.is_dir():
                raise TargetError(f"cannot write {target}: {target.parent} is no folder")
        results, figures, picture = evaluate(model, console)
        try:
            if json_file:
                json_file.write_text(json.dumps(figures, indent=1) + "\n")
            if sheet:
                picture.save(sheet)
        except OSError as error:
            raise TargetError(f"cannot write {error.filename}: {error.strerror}") from error
    except MorphError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("error: stopped; nothing was written", file=sys.stderr)
        raise SystemExit(130) from None
    table = Table("figure", "value", "bar", "")
    for result in results:
        share = not {"Spearman", "PSNR"} & set(re.split(r"\W+", result.name))
        share &= result.bar is None or result.bar <= 1
        value = f"{result.value:.1%}" if share else f"{result.value:.2f}"
        if result.bar is None:
            table.add_row(result.name, value, "none", "")
            continue
        bar = f"{'<=' if result.at_most else '>='} {result.bar:.4g}"
        table.add_row(result.name, value, bar, "[green]PASS" if result.passed else "[red]FAIL")
    Console().print(table)
    raise SystemExit(0 if all(result.passed for result in results) else 1)


if __name__ == "__main__":
    app()
