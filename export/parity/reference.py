"""What diffusers itself draws: the frames that the exported graphs must equal.

Everything runs in torch f32 inside the real diffusers pipeline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from export.course import PLAIN, Course
from runtime.bundles.manifest import BASIS
from runtime.errors import BuildError

PROMPTS = ("cat", "kitten", "a photo of a tabby cat on a sofa")
SEED = 7
DEAF = 0.02
"""mean grey levels; below this, not even one pixel in fifty changes with the text"""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MixCase:
    """A way of mixing the basis: weights [K, T] and, for two-encoder models, [K]."""

    name: str
    weights: Floats
    pooled_weights: Floats


@dataclass(frozen=True, slots=True)
class Case:
    """What diffusers made of one edit in one number of steps."""

    edit: MixCase
    steps: int
    latent: Floats
    """final latent [C, h, w]"""
    frame: NDArray[np.uint8]
    """[H, W, 3]"""
    finite: bool = True
    """whether the latent and the picture it was decoded to held numbers only"""


@dataclass(frozen=True, slots=True)
class Reference:
    """What diffusers computed: ``basis`` [K, T, D], ``pooled`` [K, P] or None, and the cases."""

    basis: Floats
    pooled: Floats | None
    noise: Floats
    """[S, C, h, w]: the unit initial latent, then the draws of the steps, in generator order"""
    cases: tuple[Case, ...]


def pipeline_of(is_xl: bool, **components: Any) -> Any:
    """Return the diffusers pipeline over the components at hand; the others are None."""
    import diffusers

    absent = dict.fromkeys(("vae", "unet", "scheduler", "tokenizer", "text_encoder"))
    if is_xl:
        absent.update(dict.fromkeys(("tokenizer_2", "text_encoder_2")))
        pipe = diffusers.StableDiffusionXLPipeline(
            **{**absent, **components}, add_watermarker=False
        )
    else:
        pipe = diffusers.StableDiffusionPipeline(
            **{**absent, **components},
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def edits(tokens: int) -> tuple[MixCase, ...]:
    """Return a plain mix, a subtraction, an edit of three rows, and the plain first prompt."""

    def edit(name: str, rows: slice, values: tuple[float, float, float]) -> MixCase:
        weights = np.zeros((BASIS, tokens), np.float32)
        weights[0] = 1.0
        weights[:3, rows] = np.array(values, np.float32)[:, None]
        pooled = np.zeros(BASIS, np.float32)
        pooled[:3] = values
        return MixCase(name, weights, pooled)

    everything = slice(1, None)
    return (
        edit("mix", everything, (0.63, 0.37, 0.0)),
        edit("subtraction", everything, (1.0, 0.0, -3 / 7)),
        edit("rows", slice(1, 4), (0.25, 0.75, 0.0)),
        edit("plain", everything, (1.0, 0.0, 0.0)),
    )


def schedule(counts: tuple[int, ...], tokens: int) -> list[tuple[MixCase, int]]:
    """Return which edit is tried at which step count: all at the smallest, then one at each."""
    every = edits(tokens)
    smallest, *others = sorted(counts)
    return [(edit, smallest) for edit in every] + [
        (every[i % 3], count) for i, count in enumerate(others)
    ]


def encode(pipe: Any, is_xl: bool) -> tuple[Floats, Floats | None]:
    """Return the basis [K, T, D] and pooled basis [K, P] that diffusers makes of ``PROMPTS``."""
    rows, pooled = [], []
    for prompt in PROMPTS:
        with torch.no_grad():
            encoded = pipe.encode_prompt(
                prompt=prompt,
                device=torch.device("cpu"),
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
            )
        rows.append(encoded[0][0].numpy())
        if is_xl:
            pooled.append(encoded[2][0].numpy())
    return _fill(rows), _fill(pooled) if is_xl else None


def _fill(rows: list[Any]) -> Floats:
    """Stack arrays of one shape, repeating the first until there are ``BASIS`` of them."""
    arrays = [np.asarray(row, np.float32) for row in rows]
    return np.stack([*arrays, *[arrays[0]] * (BASIS - len(arrays))])


def draw(
    pipe: Any,
    basis: Floats,
    pooled: Floats | None,
    latent: tuple[int, int, int],
    size: tuple[int, int],
    counts: tuple[int, ...],
    guidance: float,
    progress: Callable[[str], None],
    course: Course = PLAIN,
) -> Reference:
    """Run the diffusers pipeline ``pipe`` on every scheduled edit. ``size`` is (width, height)."""
    generator = torch.Generator().manual_seed(SEED)
    draws = [torch.randn(1, *latent, generator=generator) for _ in range(1 + max(counts))]
    cases = []
    for edit, count in schedule(counts, basis.shape[1]):
        progress(f"diffusers reference: {edit.name}, {count} steps")
        extra: dict[str, Any] = {}
        if pooled is not None:
            extra["pooled_prompt_embeds"] = torch.from_numpy(edit.pooled_weights @ pooled)[None]
        generator = torch.Generator().manual_seed(SEED)
        start = torch.randn(1, *latent, generator=generator)
        finals: list[torch.Tensor] = []

        def keep(
            _pipe: Any, _index: int, _timestep: Any, state: Any, finals: list[Any] = finals
        ) -> Any:
            finals[:] = [state["latents"].clone()]
            return state

        with torch.no_grad():
            picture = pipe(
                prompt_embeds=torch.from_numpy(
                    np.einsum("kt,ktd->td", edit.weights, basis)[None].astype(np.float32)
                ),
                latents=start,
                generator=generator,
                **course.arguments(count),
                guidance_scale=guidance,
                width=size[0],
                height=size[1],
                output_type="np",
                callback_on_step_end=keep,
                **extra,
            ).images[0]
        final = finals[0][0].numpy().astype(np.float32)
        finite = bool(np.isfinite(final).all() and np.isfinite(picture).all())
        frame = (np.nan_to_num(picture) * 255).round().astype(np.uint8)
        cases.append(Case(edit, count, final, frame, finite))
    return Reference(basis, pooled, torch.cat(draws).numpy(), tuple(cases))


def hears(expected: Reference) -> float:
    """Return the smallest mean difference, in grey levels, between frames of different edits.

    A randomly initialised network hardly hears its text: there, parity says nothing about the mix.
    """
    return min(_differences(expected))


def check_reference(expected: Reference) -> None:
    """Refuse a model that draws nothing, whatever parity says of its graphs.

    Raises:
        BuildError: embeddings, latents or pictures that are not finite; pictures of one plain
            colour; the same picture for every text.
    """
    texts = [expected.basis] if expected.pooled is None else [expected.basis, expected.pooled]
    what = None
    if not all(np.isfinite(one).all() for one in texts):
        what = "its text encoder gives values that are not finite"
    elif not all(case.finite for case in expected.cases):
        what = "its latents or pictures are not finite"
    elif all(_is_plain(case.frame) for case in expected.cases):
        what = f"its pictures are one plain colour, {expected.cases[0].frame[0, 0].tolist()}"
    elif max(_differences(expected)) < DEAF:
        what = f"its pictures change by less than {DEAF}/255 whatever the text says"
    if what is not None:
        raise BuildError(
            f"diffusers itself draws nothing of this checkpoint: {what}; no bundle was written"
        )


def _is_plain(frame: NDArray[np.uint8]) -> bool:
    return bool(np.ptp(frame.reshape(-1, 3), axis=0).max() <= 1)


def _differences(expected: Reference) -> list[float]:
    """Return the mean differences, in grey levels, of every two edits at the fewest steps."""
    smallest = min(case.steps for case in expected.cases)
    frames = [case.frame.astype(np.float32) for case in expected.cases if case.steps == smallest]
    return [float(np.abs(a - b).mean()) for i, a in enumerate(frames) for b in frames[i + 1 :]]
