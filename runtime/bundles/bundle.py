"""The folder that export writes and runtime reads: manifest.json, tokenizers and graphs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.files import FileRecord, open_regular, read_regular, sha256_file, size_of
from runtime.bundles.manifest import ROLES, Manifest, read_manifest
from runtime.bundles.soundness import Soundness
from runtime.bundles.tokenizerfile import TokenizerFile, parse_tokenizer
from runtime.errors import BundleError

if TYPE_CHECKING:
    from runtime.bundles.graphs.graph import Use
    from runtime.bundles.graphs.onnxfile import Tensor

TOKENIZER_BYTES = 16 << 20
"""longest tokenizer that is read; CLIP's has 3.6 MB"""
SPARE_BYTES = 1 << 20
"""longest file that no graph explains: a licence, a list of words, padding behind weights"""
HASHED_AT_ONCE = 4
"""files: a model of gigabytes opens sooner, hashing leaves Python free"""
CHUNK = 1 << 22
"""numbers that are looked at together"""


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


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle and check every file: its kind, its length, what it holds, its sha256.

    What is long is read last, and nothing is compiled: a folder that was made to take memory or
    time is refused by its sizes alone. What was found sound before is only compared with its
    hashes.

    Raises:
        BundleError: naming the file that is missing, truncated, altered or not what an exporter
            writes.
    """
    manifest = read_manifest(folder)
    for name in manifest.files:
        _check_length(folder, manifest, name)
    soundness = Soundness(manifest)
    sound = soundness.is_known()
    use = None if sound else _check_contents(folder, manifest)
    paths = [folder / name for name in manifest.files]
    with ThreadPoolExecutor(HASHED_AT_ONCE) as pool:
        for path, found in zip(paths, pool.map(_hashed, paths), strict=True):
            if found != manifest.files[path.name]:
                raise _altered(path)
    if use is not None:
        _check_finite(folder, use.weights["decoder"])
        soundness.keep()
    return Bundle(folder, manifest)


def _check_contents(folder: Path, manifest: Manifest) -> Use:
    """Check what tokenizers and graphs hold; return what the graphs use of the other files."""
    from runtime.bundles.graphs.graph import GRAPH_BYTES, Use, check_graph  # of no use to the known

    tokenizers = [read_tokenizer(folder, manifest, name) for name in manifest.tokenizers]
    use = Use()
    for role in ROLES:
        name = manifest.graphs[role]
        try:
            check_graph(_read(folder, manifest, name, GRAPH_BYTES), role, manifest, use)
        except BundleError as error:
            raise refused(folder / name, error) from None
    for number, tokenizer in enumerate(tokenizers):
        rows = use.rows.get(("input_ids", "input_ids_2")[number], 0)
        if tokenizer.highest >= rows:
            raise BundleError(
                f"{folder / manifest.tokenizers[number]} has the token {tokenizer.highest} and the "
                f"text encoder knows {rows}: build the model again"
            )
    _check_data(folder, manifest, use)
    return use


def read_tokenizer(folder: Path, manifest: Manifest, name: str) -> TokenizerFile:
    """Read one of the manifest's tokenizers, checked against its length and sha256.

    Raises:
        BundleError: naming what is wrong with the file.
    """
    try:
        tokenizer = parse_tokenizer(_read(folder, manifest, name, TOKENIZER_BYTES))
    except BundleError as error:
        raise refused(folder / name, error) from None
    if tokenizer.length != manifest.tokens:
        raise BundleError(
            f"{folder / name} gives {tokenizer.length} rows and the text encoder of "
            f"{manifest.model} reads {manifest.tokens}: build the model again"
        )
    return tokenizer


def refused(path: Path, error: BundleError) -> BundleError:
    """Return a parser's complaint as a whole sentence of one line."""
    text = str(error)
    return BundleError(text if str(path) in text else f"{path} {text}: build the model again")


def _check_length(folder: Path, manifest: Manifest, name: str) -> None:
    path, record = folder / name, manifest.files[name]
    try:
        size = size_of(path)
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: build the model again") from None
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): build the model again") from (
            None
        )
    if size != record.bytes:
        raise BundleError(
            f"{path} has {size} bytes instead of {record.bytes}: build the model again"
        )


def _read(folder: Path, manifest: Manifest, name: str, limit: int) -> bytes:
    """Read a short file whole and check it against the manifest."""
    _check_length(folder, manifest, name)
    try:
        content = read_regular(folder / name, limit)
    except OSError as error:
        raise BundleError(f"cannot be read ({error.strerror})") from None
    if FileRecord(hashlib.sha256(content).hexdigest(), len(content)) != manifest.files[name]:
        raise _altered(folder / name)
    return content


def _check_data(folder: Path, manifest: Manifest, use: Use) -> None:
    """Refuse files whose length nothing explains: they would be hashed to their end."""
    known = {*manifest.graphs.values(), *manifest.tokenizers}
    for name, record in manifest.files.items():
        if name not in known and record.bytes > use.ends.get(name, 0) + SPARE_BYTES:
            raise BundleError(
                f"{folder / name} has {record.bytes} bytes and the graphs use "
                f"{use.ends.get(name, 0)}: build the model again"
            )


def _check_finite(folder: Path, weights: Sequence[Tensor]) -> None:
    """Refuse a decoder with weights that are not finite: its pictures would not show it."""
    for tensor in weights:
        if tensor.floats and not all(
            np.isfinite(numbers).all() for numbers in _numbers(folder, tensor, tensor.floats)
        ):
            raise BundleError(
                f"{folder} has a weight of the decoder that is not finite, {tensor.name[:60]!r}: "
                "build the model again"
            )


def _numbers(folder: Path, tensor: Tensor, kind: str) -> Iterator[NDArray[Any]]:
    """Yield a weight's numbers of a numpy ``kind``, some at a time."""
    if not tensor.file:
        yield np.frombuffer(tensor.raw, kind)
        return
    with open_regular(folder / tensor.file) as stream:
        stream.seek(tensor.offset)
        for start in range(0, tensor.elements, CHUNK):
            yield np.fromfile(stream, kind, min(CHUNK, tensor.elements - start))


def _hashed(path: Path) -> FileRecord:
    try:
        return sha256_file(path)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None


def _altered(path: Path) -> BundleError:
    return BundleError(f"{path} was altered (its sha256 differs): build the model again")
