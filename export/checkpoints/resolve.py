"""What a user names, as a ModelSpec; and what a ModelSpec names, as a Checkpoint."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from export.checkpoints.checkpoint import INDEX, Checkpoint, NoWeights, open_folder, with_vae
from export.checkpoints.hub.errors import Unfetched
from export.checkpoints.hub.hub import (
    anywhere,
    checkpoint_patterns,
    commit_of,
    fetch,
    fetch_file,
    fetch_here,
    in_silence,
    refuse_pickles,
)
from export.checkpoints.hub.resume import Progress
from export.checkpoints.identity import is_plain, tag
from export.checkpoints.presets import (
    MODELS,
    TAESD,
    TAESDXL,
    Hub,
    Lora,
    ModelSpec,
    Precision,
    Prediction,
    check_steps,
)
from runtime.errors import BuildError
from runtime.request import parse_size
from runtime.slug import slug

SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "lcm": "LCMScheduler",
    "tcd": "TCDScheduler",
}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def spec_for(
    model: str,
    *,
    name: str | None = None,
    loras: Sequence[str] = (),
    vae: str | None = None,
    size: str | None = None,
    steps: Sequence[int] = (),
    default_steps: int | None = None,
    precision: str | None = None,
    scheduler: str | None = None,
    guidance: float | None = None,
    tokenizer: Path | str | None = None,
    prediction: str | None = None,
    unet: Path | str | None = None,
) -> ModelSpec:
    """Turn what stands on a command line into a spec; options left out keep the preset's value.

    ``model`` is the name of a preset, a folder, a ``.safetensors`` file, or a hub id with or
    without ``@revision``. ``loras`` are ``FILE@weight``, ``size`` is ``WxH``. What is not a preset
    as it stands gets a name that ends in a short digest of what was asked, unless ``name`` is
    given.

    Raises:
        BuildError, RequestError: an unknown model (the presets are listed) or an option that
            cannot be read.
    """
    spec = MODELS[model] if model in MODELS else _spec_of_source(model)
    if name is not None and slug(name) != name:
        raise BuildError(f"{name!r} cannot name a model: {slug(name)!r} can")
    if steps:
        check_steps(steps)
    offered = steps or spec.steps
    if default_steps is None:
        default_steps = spec.default_steps if spec.default_steps in offered else min(offered)
    _check_known(precision, get_args(Precision), "precision")
    if scheduler not in (None, *SCHEDULERS, *SCHEDULERS.values()):
        raise BuildError(f"unknown scheduler {scheduler!r}: use {', '.join(SCHEDULERS)}")
    _check_known(prediction, get_args(Prediction), "prediction")
    asked: dict[str, Any] = {
        "loras": (*spec.loras, *map(parse_lora, loras)),
        "size": None if size is None else parse_size(size),
        "steps": tuple(sorted({*offered, default_steps})),
        "default_steps": default_steps,
        "vae": vae,
        "precision": precision,
        "scheduler": SCHEDULERS.get(scheduler or "", scheduler),
        "guidance": guidance,
        "unet": None if unet is None else Path(unet),
        "tokenizer": None if tokenizer is None else Path(tokenizer),
        "prediction": prediction,
    }
    spec = replace(spec, **{key: value for key, value in asked.items() if value is not None})
    if name is None and not is_plain(spec):
        name = f"{spec.name[:55].rstrip('-._')}-{tag(spec)}"
    return replace(spec, name=name or spec.name)


def pinned(spec: ModelSpec) -> ModelSpec:
    """Return a spec whose source cannot move: a branch or tag of a hub becomes its commit.

    Raises:
        BuildError: the hub cannot be asked and nothing is in its cache, or it has no such thing.
    """
    if not isinstance(spec.source, Hub):
        return spec
    return replace(spec, source=replace(spec.source, revision=commit_of(spec.source)))


def open_checkpoint(spec: ModelSpec, progress: Progress = in_silence) -> Checkpoint:
    """Fetch what must be fetched and open the checkpoint of a spec; nothing is loaded yet.

    ``progress`` is called with a short text while large files come.

    Raises:
        BuildError: it is absent, incomplete, of another kind, or cannot be fetched.
    """
    loras = tuple((_file(lora.source, progress), lora.weight) for lora in spec.loras)
    unet = None if spec.unet is None else _file(spec.unet, progress)
    if unet is not None and isinstance(spec.source, Path) and not spec.source.is_dir():
        raise BuildError(f"--unet goes with a diffusers folder or a hub id, not with {spec.source}")
    if isinstance(spec.source, Path) and not spec.source.is_dir():
        from export.checkpoints.singlefile import open_original

        checkpoint = open_original(spec.source, spec.tokenizer, spec.prediction)
    elif isinstance(spec.source, Path):
        try:
            checkpoint = open_folder(spec.source, unet)
        except NoWeights:
            if spec.source != MODELS["critters"].source:
                raise
            raise BuildError(
                "only the bundle of the built-in model is installed, not what it was built from: "
                "in wordmorph's own folder, name ./export/critters/model instead"
            ) from None
    else:
        checkpoint = anywhere(spec.source, partial(_open_place, unet=unet, progress=progress))
    if spec.vae == "taesd":
        tiny = spec.tiny_vae or (TAESDXL if checkpoint.is_xl else TAESD)
        files = ["config.json", "diffusion_pytorch_model.safetensors"]
        checkpoint = with_vae(checkpoint, fetch(tiny, files, progress).folder)
    elif spec.vae != "full":
        checkpoint = with_vae(checkpoint, Path(spec.vae).expanduser())
    return replace(checkpoint, loras=loras)


def _file(source: Hub | Path, progress: Progress) -> Path:
    return fetch_file(source, progress) if isinstance(source, Hub) else source.expanduser()


def _open_place(place: Hub, unet: Path | None, progress: Progress) -> Checkpoint:
    """Fetch and open a repository: its wanted variant, or else the other one.

    Many hold only half-size files, and some only full ones.

    Raises:
        Unfetched: it cannot be read, or has no whole checkpoint in safetensors.
    """
    for variant in (place.variant, None if place.variant else "fp16"):
        fetched = fetch_here(place, checkpoint_patterns(variant, unet=unet is None), progress)
        if not (fetched.folder / INDEX).is_file():
            raise Unfetched(place, f"has no {INDEX}, so it is no diffusers checkpoint")
        with contextlib.suppress(NoWeights):
            checkpoint = open_folder(fetched.folder, unet)
            where = {"hub": fetched.hub.repo, "revision": fetched.hub.revision}
            return replace(checkpoint, source=where)
    refuse_pickles(fetched.hub)
    raise Unfetched(place, "has not all its weights in .safetensors: give another repository")


def parse_lora(text: str) -> Lora:
    """Read ``FILE@weight``; without a weight it is 1."""
    file, at, weight = text.rpartition("@")
    if not at:
        return Lora(Path(text))
    try:
        strength = float(weight)
        if not math.isfinite(strength):
            raise BuildError(f"--lora {text}: {weight} is no weight, {file}@0.8 has one")
        return Lora(Path(file), strength)
    except ValueError:
        if text.endswith(".safetensors"):
            return Lora(Path(text))
        raise BuildError(f"--lora {text}: write FILE@weight, for instance {file}@0.8") from None


def _check_known(text: str | None, known: Sequence[str], what: str) -> None:
    if text not in (None, *known):
        raise BuildError(f"unknown {what} {text!r}: use {' or '.join(known)}")


def _spec_of_source(model: str) -> ModelSpec:
    path = Path(model).expanduser()
    if model and (path.is_dir() or path.is_file() or path.suffix == ".safetensors"):
        if not path.exists():
            raise BuildError(f"{path} does not exist")
        return ModelSpec(slug(path.stem if path.is_file() else path.resolve().name), path, model)
    repo, _, revision = model.partition("@")
    if HUB_ID.fullmatch(repo) and not model.startswith("."):
        licence = f"as on the page of {repo}"
        return ModelSpec(slug(repo.split("/")[1]), Hub(repo, revision or "main"), model, licence)
    raise BuildError(
        f"unknown model {model!r}: use {', '.join(MODELS)}, a hub id such as owner/name, a "
        "diffusers folder or a .safetensors file"
    )
