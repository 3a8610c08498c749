"""A frame of a checkpoint as diffusers draws it, and as our bundle of it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray

from export.quiet import quiet
from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import BASIS
from runtime.engines.choose import choose

PROMPTS = ("tiger", "a photo of the dog", "kitten on the sofa")
SEED = 11
EDITS = {
    "mix": [0.3, 0.7, 0.0],
    "subtraction": [1.0, -0.5, 0.0],
    "slot": [0.0, 0.0, 1.0],
    "plain": [1.0, 0.0, 0.0],
}


def rows_of(edit: str, tokens: int) -> NDArray[np.float32]:
    """Weights [3, T]; the slot edit changes rows 1 to 6 and leaves the others to the first."""
    weights = np.zeros((3, tokens), np.float32)
    weights[0] = 1
    rows = slice(1, 7) if edit == "slot" else slice(0, tokens)
    weights[:, rows] = np.array(EDITS[edit], np.float32)[:, None]
    return weights


class Diffusers:
    """The reference: a checkpoint folder in diffusers' own pipeline, in f32."""

    def __init__(self, folder: Path) -> None:
        with quiet():
            self.pipe: Any = diffusers.DiffusionPipeline.from_pretrained(folder)
        self.pipe.set_progress_bar_config(disable=True)
        self.is_xl = hasattr(self.pipe, "text_encoder_2")

    def encode(self, prompt: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        with torch.no_grad(), quiet():
            encoded = self.pipe.encode_prompt(
                prompt=prompt,
                device="cpu",
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
            )
        return encoded[0][0], encoded[2][0] if self.is_xl else None

    def frame(
        self,
        edit: str,
        steps: int,
        guidance: float = 1.0,
        size: tuple[int, int] | tuple[None, None] = (None, None),
    ) -> NDArray[np.uint8]:
        embeddings, pooled = zip(*map(self.encode, PROMPTS), strict=True)
        basis = torch.stack(embeddings)
        weights = torch.from_numpy(rows_of(edit, basis.shape[1]))
        extra: dict[str, Any] = {}
        if self.is_xl:
            mixed = torch.tensor(EDITS[edit]) @ torch.stack(pooled)
            extra["pooled_prompt_embeds"] = mixed[None]
        with torch.no_grad(), quiet():
            picture = self.pipe(
                prompt_embeds=torch.einsum("kt,ktd->td", weights, basis)[None],
                generator=torch.Generator().manual_seed(SEED),
                num_inference_steps=steps,
                guidance_scale=guidance,
                width=size[0],
                height=size[1],
                output_type="pil",
                **extra,
            ).images[0]
        pixels: NDArray[np.uint8] = np.asarray(picture)
        return pixels


def our_frame(bundle: Bundle, edit: str, steps: int) -> NDArray[np.uint8]:
    """The same frame from the bundle alone: its tokenizers, graphs and step table."""
    from tokenizers import Tokenizer

    manifest = bundle.manifest
    engine = choose(bundle, "openvino", "f32")
    words = [Tokenizer.from_file(str(bundle.folder / name)) for name in manifest.tokenizers]
    encoded = [
        engine.encode(tuple(np.array([word.encode(prompt).ids]) for word in words))
        for prompt in PROMPTS
    ]
    basis = np.zeros((BASIS, manifest.tokens, manifest.embedding), np.float32)
    basis[:3] = [embedding for embedding, _ in encoded]
    pooled = pooled_weights = None
    if manifest.pooled:
        pooled = np.zeros((BASIS, manifest.pooled), np.float32)
        pooled[:3] = [one for _, one in encoded]
        pooled_weights = np.zeros((1, BASIS), np.float32)
        pooled_weights[0, :3] = EDITS[edit]
    weights = np.zeros((1, BASIS, manifest.tokens), np.float32)
    weights[0, :3] = rows_of(edit, manifest.tokens)
    generator = torch.Generator().manual_seed(SEED)
    draws = [torch.randn(1, *manifest.latent, generator=generator) for _ in range(steps + 1)]
    engine.load_basis(basis, pooled)
    engine.load_noise(torch.cat(draws).numpy())
    pixels: NDArray[np.uint8] = (
        engine.render(weights, pooled_weights, manifest.steps[steps]).pixels[0].copy()
    )
    engine.close()
    return pixels
