"""A checkpoint on disk: its components, loaded one at a time, by class, from safetensors only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from export.checkpoints import tensorfile
from export.checkpoints.lorafuse import COMPONENTS, fuse
from export.checkpoints.network import (
    UNUSABLE,
    clip_text_encoder,
    clip_tokenizer,
    diffusers_network,
    only,
)
from export.checkpoints.sizes import (
    SCHEDULE,
    TEXT_BYTES,
    check_files,
    check_numbers,
    check_sizes,
)
from runtime.bundles.files import read_regular, sha256_file
from runtime.errors import BuildError, one_line

CLASSES: Mapping[str, Mapping[str, str]] = {
    "text_encoder": {"CLIPTextModel": "transformers"},
    "text_encoder_2": {"CLIPTextModelWithProjection": "transformers"},
    "tokenizer": {"CLIPTokenizer": "transformers", "CLIPTokenizerFast": "transformers"},
    "tokenizer_2": {"CLIPTokenizer": "transformers", "CLIPTokenizerFast": "transformers"},
    "unet": {"UNet2DConditionModel": "diffusers"},
    "vae": {"AutoencoderKL": "diffusers", "AutoencoderTiny": "diffusers"},
}
"""component → the classes it may be, and their library; schedulers are any of diffusers'"""

NETWORKS = ("text_encoder", "text_encoder_2", "unet", "vae")
INDEX = "model_index.json"
STEMS: Mapping[str, str] = {"transformers": "model", "diffusers": "diffusion_pytorch_model"}
"""library → how it names its weight files"""
WEIGHTS = re.compile(
    rf"(?P<stem>{'|'.join(STEMS.values())})(?P<half>\.fp16)?"
    r"(-\d{5}-of-(?P<count>\d{5}))?\.safetensors"
)


class NoWeights(BuildError):
    """A component that has no weights in safetensors."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose index was checked; nothing is loaded until ``load`` asks for it."""

    loaders: Mapping[str, Callable[[], Any]]
    """component → what makes it"""
    weights: Mapping[str, Path]
    """label → weight file"""
    source: Mapping[str, Any] = field(default_factory=dict)
    """where it came from, for the manifest"""
    loras: tuple[tuple[Path, float], ...] = ()
    notes: tuple[str, ...] = ()
    """what had to be assumed, in words"""

    @property
    def is_xl(self) -> bool:
        """Whether two text encoders and a pooled vector condition the network."""
        return "text_encoder_2" in self.loaders

    def load(self, component: str) -> Any:
        """Load a network in f32, its LoRAs fused, or a tokenizer or a scheduler.

        Raises:
            BuildError: naming the file that is missing, partial or of another kind.
        """
        loaded = self.loaders[component]()
        if component in COMPONENTS:
            for path, weight in self.loras:
                used = fuse(loaded, component, path, weight, is_xl=self.is_xl)
                if component == "unet" and not used:
                    raise BuildError(f"{path} has nothing for this checkpoint's UNet")
        return loaded

    def bytes(self) -> int:
        """Return the size of all weight files."""
        return sum(path.stat().st_size for path in self.weights.values())

    def sources(self) -> dict[str, Any]:
        """Return where everything came from, with the sha256 of every weight file."""
        noted = {"notes": list(self.notes)} if self.notes else {}
        return {
            **self.source,
            **noted,
            "weights": {name: sha256_file(path).sha256 for name, path in self.weights.items()},
            "loras": [
                {"file": path.name, "sha256": sha256_file(path).sha256, "weight": weight}
                for path, weight in self.loras
            ],
        }


def open_folder(folder: Path, unet: Path | None = None) -> Checkpoint:
    """Read ``folder``/model_index.json and check the class of every component that is needed.

    ``unet`` is a file whose weights take the place of the UNet's. Code in the folder is never read.

    Raises:
        BuildError: no index, a missing component, or a class that is not on the list.
    """
    _refuse_escapes(folder, (folder / INDEX, *(folder / name for name in (*CLASSES, "scheduler"))))
    index = read_json(folder / INDEX)
    if unet is not None:
        tensorfile.check(unet)
    loaders: dict[str, Callable[[], Any]] = {}
    weights: dict[str, Path] = {}
    for component, classes in CLASSES.items():
        name = _class_named(index, component)
        if name is None and component.endswith("_2"):
            continue
        if name is None or name not in classes:
            raise BuildError(
                f"{folder / INDEX} names {name or 'nothing'} as its {component}: only "
                f"{', '.join(classes)} can be exported"
            )
        place = folder / component
        if component == "unet" and unet is not None:
            loaders[component] = partial(_load_unet, name, place, unet)
            weights[f"unet/{unet.name}"] = unet
        elif component in NETWORKS:
            loaders[component] = partial(load_network, classes[name], name, place)
            weights.update(
                {f"{component}/{file.name}": file for file in weight_files(classes[name], place)}
            )
        else:
            loaders[component] = partial(_load_tokenizer, place)
    scheduler = _class_named(index, "scheduler")
    if scheduler is None:
        raise BuildError(f"{folder / INDEX} names no scheduler: the checkpoint is incomplete")
    config = read_json(folder / "scheduler" / "scheduler_config.json")
    loaders["scheduler"] = partial(scheduler_of, scheduler, config)
    return Checkpoint(loaders, weights, {"folder": folder.resolve().name})


def with_vae(checkpoint: Checkpoint, place: Path) -> Checkpoint:
    """Replace the decoder by the one in the folder ``place``.

    Raises:
        BuildError: it is absent, or of a class that is not on the list.
    """
    _refuse_escapes(place, [place])
    name = read_json(place / "config.json").get("_class_name")
    if not isinstance(name, str) or name not in CLASSES["vae"]:
        raise BuildError(f"{place} holds no decoder but {name}: use {', '.join(CLASSES['vae'])}")
    kept = {key: path for key, path in checkpoint.weights.items() if not key.startswith("vae/")}
    files = weight_files(CLASSES["vae"][name], place)
    added = {f"vae/{file.name}": file for file in files}
    loader = partial(load_network, CLASSES["vae"][name], name, place)
    return replace(
        checkpoint,
        loaders={**checkpoint.loaders, "vae": loader},
        weights={**kept, **added},
    )


def _load_unet(name: str, place: Path, file: Path) -> Any:
    """Load the UNet that is described in the folder ``place`` with the weights in ``file``."""
    try:
        return load_network("diffusers", name, place, [file])
    except BuildError as error:
        raise BuildError(f"{file} cannot replace the UNet's weights: {error}") from None


def _class_named(index: Mapping[str, Any], component: str) -> str | None:
    """Return the class that a model_index.json gives a component: ``[library, class]``."""
    entry = index.get(component)
    if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str):
        return entry[1]
    return None


def weight_files(library: str, place: Path) -> list[Path]:
    """Return a component's safetensors: the plain ones, or else its ``fp16`` variant.

    They are found by their names, not by an index, which could name files elsewhere; one whole
    file goes before shards, as in the libraries.

    Raises:
        BuildError: the weights are absent, pickled or cut short, or a shard is not there.
    """
    if not place.is_dir():
        raise NoWeights(f"{place} is missing: the checkpoint is incomplete, fetch it again")
    every = [(path, WEIGHTS.fullmatch(path.name)) for path in sorted(place.iterdir())]
    ours = [(path, match) for path, match in every if match and match["stem"] == STEMS[library]]
    plain = [pair for pair in ours if not pair[1]["half"]]
    candidates = plain or ours
    files = [path for path, match in candidates if not match["count"]][:1]
    files = files or [path for path, _ in candidates]
    if not files:
        for path in sorted(place.iterdir()):
            if path.suffix in tensorfile.PICKLES:
                raise BuildError(f"{path}: {tensorfile.CONVERT}")
        raise NoWeights(f"{place} has no weights in .safetensors: fetch the checkpoint again")
    check_files(place)
    count = candidates[0][1]["count"] if len(files) == len(candidates) else None
    if count and len(files) != int(count):
        raise BuildError(
            f"{place} has {len(files)} of {int(count)} shards: fetch the checkpoint again"
        )
    for path in files:
        tensorfile.check(path)
    return files


def load_network(library: str, name: str, place: Path, files: Sequence[Path] = ()) -> Any:
    """Load a network of an allowed class in f32 from a folder of config.json and safetensors.

    ``files`` hold the weights if they are not those in the folder.

    Raises:
        BuildError: the weights are not all there, do not all fit or are not finite.
    """
    files = files or weight_files(library, place)
    config = read_json(place / "config.json")
    check_sizes(name, place, config, files)
    make = clip_text_encoder if library == "transformers" else diffusers_network
    try:
        return make(name, config, files).eval().requires_grad_(False)
    except UNUSABLE as error:
        raise BuildError(f"{place} cannot be loaded: {one_line(error)}") from None


def scheduler_of(name: str, config: Mapping[str, Any]) -> Any:
    """Make the diffusers scheduler of class ``name``.

    Raises:
        BuildError: diffusers has no such scheduler, or the configuration does not fit it.
    """
    import diffusers

    check_numbers(Path("scheduler_config.json"), config, SCHEDULE, SCHEDULE)
    kind: Any = getattr(diffusers, name, None)
    is_scheduler = isinstance(kind, type) and issubclass(kind, diffusers.SchedulerMixin)
    if not is_scheduler:
        raise BuildError(f"diffusers has no scheduler {name}")
    # keys that this class does not know may be known to the one that replaces it; all are numbers
    # and names, but those with an underline name classes of diffusers
    known = {key for key in config if not key.startswith("_") or key == "_use_default_values"}
    try:
        return kind.from_config(only(config, frozenset(known)))
    except UNUSABLE as error:
        raise BuildError(f"{name} cannot be configured: {one_line(error)}") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BuildError: no such file, or something else in it.
    """
    try:
        content = json.loads(read_regular(path, TEXT_BYTES, links=True))
    except FileNotFoundError:
        raise BuildError(f"no checkpoint in {path.parent}: {path.name} is missing") from None
    except OSError as error:
        raise BuildError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BuildError(f"{path} cannot be read: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise BuildError(f"{path} is not a JSON object")
    return content


def _load_tokenizer(place: Path) -> Any:
    if not place.is_dir():
        raise BuildError(f"{place} is missing: the checkpoint is incomplete, fetch it again")
    check_files(place)
    try:
        return clip_tokenizer(place)
    except UNUSABLE as error:
        raise BuildError(f"{place} cannot be loaded: {one_line(error)}") from None


def _refuse_escapes(folder: Path, places: Iterable[Path]) -> None:
    """Raise BuildError if something in ``places`` is a link that leads out of ``folder``.

    The hub's cache holds links to the blobs of the same repository, or through them to the blobs
    that all its repositories share: those stay.
    """
    roots = [folder.resolve()]
    if folder.resolve().parent.name == "snapshots":
        repository = folder.resolve().parents[1]
        roots.append(repository / "blobs")
        if repository.name.startswith("models--"):
            roots.append(repository.parent / "blobs")
    for place in places:
        for path in (place, *(sorted(place.iterdir()) if place.is_dir() else ())):
            if not any(path.resolve().is_relative_to(root) for root in roots):
                raise BuildError(
                    f"{path} is a link that leads out of {folder}: put the file itself there"
                )
