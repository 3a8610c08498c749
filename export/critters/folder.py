"""The finished model as a diffusers folder: written whole, read back, sampled."""

import copy
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from export.critters.pictures.captions import taught_words
from export.critters.training.schedule import make_scheduler
from export.critters.training.tokenizer import save_tokenizer
from runtime.bundles.vocabulary import write_vocabulary
from runtime.durable import tidy, write_aside
from runtime.errors import BuildError, TargetError, first_line

MODEL = Path(__file__).parent / "model"
"""The trained model that comes with this package."""


def write_folder(
    folder: Path,
    unet: UNet2DConditionModel,
    encoder: CLIPTextModel,
    autoencoder: AutoencoderTiny,
    tokenizer: CLIPTokenizer,
) -> None:
    """Save a model in float16 where ``StableDiffusionPipeline.from_pretrained`` loads it.

    What the folder held before stays until the new one is whole; its model card is kept.

    Raises:
        TargetError: the folder cannot be written.
    """
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    for name, module in (("unet", unet), ("text_encoder", encoder), ("vae", autoencoder)):
        pipeline.register_modules(**{name: copy.deepcopy(module).cpu().half()})
    try:
        tidy(folder)
        with write_aside(folder, folder=True) as partial:
            pipeline.save_pretrained(partial)
            save_tokenizer(tokenizer, partial / "tokenizer")
            write_vocabulary(partial, taught_words())
            card = folder / "README.md"
            if card.exists():
                shutil.copy(card, partial)
    except OSError as error:
        raise TargetError(f"cannot write the model to {folder}: {error}") from error


def read_folder(folder: Path) -> StableDiffusionPipeline:
    """Load a model in float32.

    Raises:
        BuildError: the folder is missing or not a diffusers folder.
    """
    if not (folder / "model_index.json").exists():
        raise BuildError(
            f"{folder} holds no model (no model_index.json); train one with "
            f"'python -m export.critters.train --out {folder}'"
        )
    try:
        pipeline = StableDiffusionPipeline.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, safety_checker=None
        )
    except (OSError, ValueError) as error:
        raise BuildError(f"{folder} cannot be loaded: {first_line(error)}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
