"""A single ``.safetensors`` file in the original layout: weights only, no configuration."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from export.checkpoints import tensorfile
from export.checkpoints.architectures import ARCHITECTURES, SCHEDULER, Architecture
from export.checkpoints.checkpoint import Checkpoint, scheduler_of
from export.checkpoints.hub.hub import fetch
from export.checkpoints.network import UNUSABLE, clip_tokenizer, read_weights
from export.checkpoints.presets import CLIP, Prediction
from runtime.errors import BuildError, one_line

UNET = "model.diffusion_model."
VAE = "first_stage_model."
TRAINING = f"{VAE}loss."
"""what only the training of a decoder needs"""
CONTEXT = ".attn2.to_k.weight"
INPUT = UNET + "input_blocks.0.0.weight"
V_PREDICTION, ZERO_SNR = "v_pred", "ztsnr"
"""empty tensors by which a file says that it predicts velocity, and that its noise ends in noise"""
ASSUMED = (
    "this Stable Diffusion 2 file does not say what it predicts: assumed noise (epsilon), as the "
    "512x512 checkpoints do; for a 768x768 one give --prediction v"
)


def open_original(
    path: Path, tokenizer: Path | None = None, prediction: Prediction | None = None
) -> Checkpoint:
    """Recognise the family of the checkpoint in ``path`` by the width of its cross-attention.

    ``tokenizer`` is a folder with CLIP's; the hub's is fetched when it is None. ``prediction`` is
    what the network predicts; by default what the file's own marks say, else noise.

    Raises:
        BuildError: not safetensors, partial, or not a Stable Diffusion checkpoint.
    """
    shapes = tensorfile.shapes(path)
    family, architecture = _recognise(path, shapes)
    if any(key.endswith("cond_proj.weight") for key in shapes):
        raise BuildError(
            f"{path} takes a guidance embedding, which this layout does not describe: use the "
            "diffusers folder of the checkpoint"
        )
    if shapes[INPUT][1] != architecture.unet["in_channels"]:
        raise BuildError(f"{path} is an inpainting or depth checkpoint: those are not supported")
    marked = V_PREDICTION in shapes
    is_v = prediction == "v" or (prediction is None and marked)
    unet = architecture.unet
    if is_v and family == "sd2":  # those were trained on 768x768
        unet = {**unet, "sample_size": unet["sample_size"] * 3 // 2}
    scheduler = {
        **SCHEDULER,
        "prediction_type": "v_prediction" if is_v else "epsilon",
        "rescale_betas_zero_snr": ZERO_SNR in shapes,
    }
    loaders: dict[str, Callable[[], Any]] = {
        "unet": partial(_diffusers_network, "UNet2DConditionModel", path, unet),
        "vae": partial(_diffusers_network, "AutoencoderKL", path, architecture.vae),
        "text_encoder": partial(_text_encoder, "CLIPTextModel", path, architecture.text),
        "tokenizer": partial(_tokenizer, tokenizer, architecture.pads[0]),
        "scheduler": partial(scheduler_of, "EulerDiscreteScheduler", scheduler),
    }
    if architecture.text_2 is not None:
        loaders["text_encoder_2"] = partial(
            _text_encoder, "CLIPTextModelWithProjection", path, architecture.text_2
        )
        loaders["tokenizer_2"] = partial(_tokenizer, tokenizer, architecture.pads[1])
    unsure = family == "sd2" and prediction is None and not marked
    return Checkpoint(
        loaders, {path.name: path}, {"file": path.name}, notes=(ASSUMED,) if unsure else ()
    )


def _recognise(path: Path, shapes: Mapping[str, list[int]]) -> tuple[str, Architecture]:
    """Return the name of the family and its networks."""
    widths = {
        shape[-1] for key, shape in shapes.items() if key.startswith(UNET) and key.endswith(CONTEXT)
    }
    for family, architecture in ARCHITECTURES.items():
        if widths == {architecture.context} and INPUT in shapes:
            return family, architecture
    if any(".lora_" in key for key in shapes):
        raise BuildError(f"{path} is a LoRA: build a checkpoint with --lora {path}")
    raise BuildError(
        f"{path} is not a Stable Diffusion 1, 2 or XL checkpoint in the original layout: for "
        "others give a diffusers folder"
    )


@contextmanager
def _described(path: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a folder with ``config`` in it, to load the weights in ``path`` by.

    Raises:
        BuildError: the libraries find that they do not fit.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        try:
            yield folder
        except UNUSABLE as error:
            why = one_line(error)
            raise BuildError(f"{path} does not fit the architecture it looks like: {why}") from None


def _diffusers_network(name: str, path: Path, config: Mapping[str, Any]) -> Any:
    import diffusers
    import torch

    state = read_weights([path], (UNET,) if name.startswith("UNet") else (VAE,))
    count = sum(not key.startswith(TRAINING) for key in state)
    with _described(path, {"_class_name": name, **config}) as folder:
        network = getattr(diffusers, name).from_single_file(
            state, config=folder, local_files_only=True, torch_dtype=torch.float32
        )
    network = _complete(network, path)
    extra = count - len(network.state_dict())  # every weight has one name in either layout
    if extra > 0:
        raise BuildError(
            f"{path} does not fit the architecture it looks like: {name} has no place for {extra} "
            "of its weights"
        )
    return network


def _text_encoder(name: str, path: Path, config: Mapping[str, Any]) -> Any:
    import transformers
    from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm

    state = read_weights([path], ("cond_stage_model.", "conditioner.embedders."))
    with _described(path, {"model_type": "clip_text_model", **config}) as folder:
        network = create_diffusers_clip_model_from_ldm(
            getattr(transformers, name), state, config=folder, local_files_only=True
        )
    return _complete(network, path)


def _complete(network: Any, path: Path) -> Any:
    missing = [name for name, tensor in network.named_parameters() if tensor.is_meta]
    if missing:
        raise BuildError(
            f"{path} lacks {len(missing)} weights of {type(network).__name__}, "
            f"{missing[0]} among them: fetch it again"
        )
    return network.eval().requires_grad_(False)


def _tokenizer(folder: Path | None, pad: str) -> Any:
    place = folder or fetch(CLIP, ["tokenizer*.json", "vocab.json", "merges.txt"]).folder
    try:
        return clip_tokenizer(place, pad_token=pad, model_max_length=77)
    except UNUSABLE as error:
        raise BuildError(f"{place} holds no CLIP tokenizer: {one_line(error)}") from None
