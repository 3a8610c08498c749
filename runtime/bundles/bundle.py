"""The folder that export writes and runtime reads: manifest.json, tokenizers and graphs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runtime.errors import BundleError

FORMAT = 2
MANIFEST = "manifest.json"
ROLES = ("text_encoder", "denoiser", "decoder")
BASIS = 8
"""K: how many basis prompts a frame can mix; fixed so that every graph has static shapes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One sampler step: ``x' = sample·x + output·model(scale·x, timestep) + noise·fresh``."""

    timestep: float
    scale: float
    sample: float
    output: float
    noise: float


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file's content: sha256 in hex and its length in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the runtime needs to know about a model besides its graphs.

    Graph inputs and outputs (B is dynamic, everything else static; all f32 unless said):

    - text_encoder: ``input_ids`` int64 [1, T] (and ``input_ids_2``) → ``embedding`` [1, T, D]
      (and ``pooled`` [1, P])
    - denoiser: ``sample`` [B, C, h, w], ``timestep`` [1], ``basis`` [K, T, D], ``weights``
      [B, K, T] (and ``pooled_basis`` [K, P], ``pooled_weights`` [B, K]), ``coefficients`` [4] =
      (scale, sample, output, noise), ``noise`` [B, C, h, w] → ``next_sample`` [B, C, h, w]
    - decoder: ``latent`` [B, C, h, w] → ``pixels`` uint8 [B, H, W, 3] and ``total`` [B], the sum
      of the picture's values before they are rounded, by which engines notice that one of them
      is not finite; bundles of before this have no total
    """

    model: str
    width: int
    height: int
    latent: tuple[int, int, int]
    """(C, h, w)"""
    tokens: int
    """T, 77 for CLIP"""
    embedding: int
    """D"""
    pooled: int
    """P, or 0 for models without a pooled vector"""
    init_noise_sigma: float
    steps: Mapping[int, tuple[Step, ...]]
    """step count → the rows of its table"""
    default_steps: int
    scheduler: str
    tokenizers: tuple[str, ...]
    """files, one for each text encoder"""
    graphs: Mapping[str, str]
    """role → file"""
    files: Mapping[str, FileRecord]
    parity: Mapping[str, Any] = field(default_factory=dict)
    """what the export's gate measured against diffusers"""
    sources: Mapping[str, Any] = field(default_factory=dict)
    """where the weights came from, with hashes"""
    basis: int = BASIS
    precision: str = "f32"
    """the type the graphs compute in: f32, f16 or bf16"""
    format: int = FORMAT

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose manifest was read and whose files were checked against it."""

    folder: Path
    manifest: Manifest

    def path(self, role: str) -> Path:
        """Return the graph file of ``text_encoder``, ``denoiser`` or ``decoder``."""
        return self.folder / self.manifest.graphs[role]

    def digest(self) -> str:
        """Return a sha256 over every file's content: the identity of the model."""
        state = hashlib.sha256()
        for name, record in sorted(self.manifest.files.items()):
            state.update(f"{name}\0{record.sha256}\n".encode())
        return state.hexdigest()


def sha256_file(path: Path) -> FileRecord:
    """Hash a file in one pass."""
    with path.open("rb") as stream:
        return FileRecord(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)


def read_manifest(folder: Path) -> Manifest:
    """Parse ``folder``/manifest.json.

    Raises:
        BundleError: no such file, not JSON, another format, a field missing or of a wrong type,
            or a file name that leaves the folder.
    """
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise BundleError(
                f"{path} has format {raw['format']}, this program reads {FORMAT}: build it again"
            )
        manifest = Manifest(
            model=str(raw["model"]),
            width=int(raw["width"]),
            height=int(raw["height"]),
            latent=(int(raw["latent"][0]), int(raw["latent"][1]), int(raw["latent"][2])),
            tokens=int(raw["tokens"]),
            embedding=int(raw["embedding"]),
            pooled=int(raw["pooled"]),
            init_noise_sigma=float(raw["init_noise_sigma"]),
            steps={
                int(count): tuple(Step(**row) for row in rows)
                for count, rows in raw["steps"].items()
            },
            default_steps=int(raw["default_steps"]),
            scheduler=str(raw["scheduler"]),
            tokenizers=tuple(raw["tokenizers"]),
            graphs=dict(raw["graphs"]),
            files={name: FileRecord(**record) for name, record in raw["files"].items()},
            parity=raw["parity"],
            sources=raw["sources"],
            basis=int(raw["basis"]),
            precision=str(raw["precision"]),
        )
    except FileNotFoundError:
        raise BundleError(f"no bundle in {folder}: {MANIFEST} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise BundleError(f"{path} cannot be read ({error!r}): build the model again") from None
    named = [*manifest.graphs.values(), *manifest.tokenizers, *manifest.files]
    for name in named:
        if Path(name).name != name or name in ("", ".", ".."):
            raise BundleError(f"{path} names {name!r}, which is not a plain file name")
    for name in [*manifest.graphs.values(), *manifest.tokenizers]:
        if name not in manifest.files:
            raise BundleError(f"{path} lists no hash for {name}: build the model again")
    if set(manifest.graphs) != set(ROLES):
        raise BundleError(f"{path} must name the graphs {', '.join(ROLES)}: build it again")
    return manifest


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle and check every file against the manifest's length and sha256.

    Raises:
        BundleError: naming the file that is missing, truncated or altered.
    """
    manifest = read_manifest(folder)
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path} is missing: build the model again")
        size = path.stat().st_size
        if size != record.bytes:
            raise BundleError(
                f"{path} has {size} bytes instead of {record.bytes}: build the model again"
            )
        if sha256_file(path) != record:
            raise BundleError(f"{path} was altered (its sha256 differs): build the model again")
    return Bundle(folder, manifest)
