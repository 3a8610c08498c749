"""manifest.json: everything about a bundle besides its graphs, sealed by a digest of its content.

Bundles get shared, so a manifest is a stranger's text: its length is bounded before it is parsed,
its types are strict, and its sizes must agree with each other before anything goes by them.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import NoneType
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from runtime.bundles.files import FileRecord, read_regular
from runtime.errors import BundleError, bare_line

FORMAT = 2
MANIFEST = "manifest.json"
ROLES = ("text_encoder", "denoiser", "decoder")
BASIS = 8
"""K: how many basis prompts a frame can mix; fixed so that every graph has static shapes."""

MANIFEST_BYTES = 1 << 20
"""longest manifest that is parsed"""
PIXELS = 1 << 26
"""most pixels of a frame: 8192 x 8192"""
BASIS_FLOATS = 1 << 24
"""most numbers in a basis [K, T, D]: 64 MiB"""
SHA256 = re.compile(r"[0-9a-f]{64}")
SCALE = 64
"""most pixels a side that one cell of the latent becomes"""

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Side = Annotated[int, Meta(ge=1, le=8192)]
Width = Annotated[int, Meta(ge=1, le=1 << 16)]
Factor = Annotated[float, Meta(ge=-1e6, le=1e6)]
Figure = (bool, int, float, str, NoneType)


@dataclass(frozen=True, slots=True)
class Step:
    """One sampler step: ``x' = sample·x + output·model(scale·x, timestep) + noise·fresh``."""

    timestep: Annotated[float, Meta(ge=-1e6, le=1e6)]
    scale: Factor
    sample: Factor
    output: Factor
    noise: Factor


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

    model: Name
    width: Side
    height: Side
    latent: tuple[Annotated[int, Meta(ge=1, le=256)], Side, Side]
    """(C, h, w)"""
    tokens: Annotated[int, Meta(ge=2, le=1024)]
    """T, 77 for CLIP"""
    embedding: Width
    """D"""
    pooled: Annotated[int, Meta(ge=0, le=1 << 16)]
    """P, or 0 for models without a pooled vector"""
    init_noise_sigma: Annotated[float, Meta(gt=0, le=1e6)]
    steps: Annotated[
        Mapping[
            Annotated[int, Meta(ge=1, le=64)],
            Annotated[tuple[Step, ...], Meta(min_length=1, max_length=64)],
        ],
        Meta(min_length=1, max_length=64),
    ]
    """step count → the rows of its table"""
    default_steps: int
    scheduler: Name
    tokenizers: Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)]
    """files, one for each text encoder"""
    graphs: Mapping[str, str]
    """role → file"""
    files: Annotated[Mapping[str, FileRecord], Meta(max_length=64)]
    parity: Mapping[str, Any] = field(default_factory=dict)
    """what the export's gate measured against diffusers; null where that is not finite"""
    sources: Mapping[str, Any] = field(default_factory=dict)
    """where the weights came from, with hashes"""
    basis: Annotated[int, Meta(ge=1, le=64)] = BASIS
    precision: str = "f32"
    """the type the graphs compute in: f32, f16 or bf16"""
    format: int = FORMAT

    def to_json(self) -> str:
        """Return the text of manifest.json, sealed."""
        content = _plain(asdict(self))
        content["digest"] = content_digest(content)
        return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def content_digest(content: Mapping[str, Any]) -> str:
    """Return a sha256 in hex over a manifest's JSON values, but for ``digest`` itself.

    Raises:
        ValueError, RecursionError: numbers that are not finite, or values that nest too deep.
    """
    sealed = {name: value for name, value in content.items() if name != "digest"}
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``folder``/manifest.json; no other file is looked at.

    Raises:
        BundleError: no such file, not a regular one, too long, another format, altered, or with
            values that no exporter writes.
    """
    path = folder / MANIFEST
    try:
        text = read_regular(path, MANIFEST_BYTES)
    except FileNotFoundError:
        raise BundleError(f"no bundle in {folder}: {MANIFEST} is missing") from None
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None
    try:
        manifest = parse_manifest(text)
    except BundleError as error:
        raise BundleError(f"{path} {error}: build the model again") from None
    return manifest


def parse_manifest(text: bytes) -> Manifest:
    """Return what a manifest.json says.

    Raises:
        BundleError: what is wrong with it, to follow the file's name.
    """
    try:
        raw = msgspec.json.decode(text)
        if not isinstance(raw, dict):
            raise BundleError("holds no manifest")
        made = raw.get("format")
        if made != FORMAT:
            shown = made if isinstance(made, int) else "no number"
            raise BundleError(f"has format {shown}, this program reads {FORMAT}")
        if "digest" not in raw:
            raise BundleError("has no digest, so it was made by an older version")
        if content_digest(raw) != raw.get("digest"):
            raise BundleError("was altered (its digest differs)")
        manifest = msgspec.convert(raw, Manifest, strict=True, str_keys=True)
        again = json.loads(manifest.to_json())
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BundleError(f"cannot be read ({bare_line(error)})") from None
    names = sorted({*raw, *again} - {"digest"})
    strange = [name for name in names if raw.get(name, raw) != again.get(name, again)]
    if strange:
        raise BundleError(f"does not say what an exporter says of {strange[0][:40]!r}")
    for problem in _disagreements(manifest):
        raise BundleError(problem)
    return manifest


def _disagreements(manifest: Manifest) -> Iterator[str]:
    """Yield what in a manifest of the right types cannot be true."""
    for text in (manifest.model, manifest.scheduler, *manifest.files):
        if not text.isprintable():
            yield f"holds {text[:60]!r}, which cannot be printed"
    named = [*manifest.graphs.values(), *manifest.tokenizers, *manifest.files]
    for name in named:
        if not _is_plain(name):
            yield f"names {name[:60]!r}, which is not a plain file name"
    if set(manifest.graphs) != set(ROLES):
        yield f"must name the graphs {', '.join(ROLES)}"
    own = [*manifest.graphs.values(), *manifest.tokenizers]
    if len(set(own)) != len(own):
        yield "names one file for two parts"
    for name in own:
        if name not in manifest.files:
            yield f"lists no hash for {name}"
    for name, record in manifest.files.items():
        if not SHA256.fullmatch(record.sha256) or record.bytes < 0:
            yield f"has no sha256 and length of {name}"
    for figures in manifest.parity.values():
        for figure in figures.values() if isinstance(figures, dict) else [figures]:
            if not isinstance(figure, Figure):
                yield "has parity figures that are no numbers"
    if manifest.precision not in ("f32", "f16", "bf16"):
        yield f"has an unknown precision, {manifest.precision[:20]!r}"
    if manifest.default_steps not in manifest.steps:
        yield f"has no table for its default of {manifest.default_steps:.6g} steps"
    for count, rows in manifest.steps.items():
        if len(rows) != count:
            yield f"has {len(rows)} rows in the table of {count} steps"
    _, rows_of_cells, cells = manifest.latent
    scale = manifest.width // cells
    if (cells * scale, rows_of_cells * scale) != (manifest.width, manifest.height) or (
        not 1 <= scale <= SCALE
    ):
        yield (
            f"has pictures of {manifest.width}x{manifest.height}, which a latent of "
            f"{cells}x{rows_of_cells} cannot become"
        )
    if manifest.width * manifest.height > PIXELS:
        yield f"has pictures of {manifest.width}x{manifest.height}, which is too large"
    if manifest.basis * manifest.tokens * (manifest.embedding + manifest.pooled) > BASIS_FLOATS:
        yield f"has {manifest.tokens} rows of {manifest.embedding} numbers, which is too large"


def _is_plain(name: str) -> bool:
    """Whether a name stays in its folder on every system."""
    return (
        0 < len(name) <= 200
        and name not in (".", "..", MANIFEST)
        and not any(letter in "/\\:\0" for letter in name)
    )


def _plain(value: Any) -> Any:
    """Return values as JSON knows them: lists, text for keys, null for what is not finite."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
