"""Hostile manifests and hostile files beside them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from runtime.bundles.manifest import MANIFEST
from tests.support.hostile.case import DRAWN, Case
from tests.support.models.resealed import edit_manifest
from tests.support.models.tinybundle import TOKENIZER

DATA = "denoiser.onnx.data"
FAR = 100_000_000_000
"""bytes of a sparse file that takes no room on the disk"""
REFUSED = "cannot be read"


def _set(**values: Any) -> Callable[[Path], None]:
    """Change fields of the manifest, and seal it."""
    return partial(edit_manifest, change=lambda raw: raw.update(values))


def _inside(field: str, **values: Any) -> Callable[[Path], None]:
    """Change entries of one of the manifest's objects, and seal it."""
    return partial(edit_manifest, change=lambda raw: raw[field].update(values))


def _without(name: str) -> Callable[[Path], None]:
    return partial(edit_manifest, change=lambda raw: raw.pop(name))


def _row(**values: Any) -> Callable[[Path], None]:
    """Change the first row of the first table, and seal the manifest."""
    return partial(edit_manifest, change=lambda raw: raw["steps"]["1"][0].update(values))


def _record(name: str, **values: Any) -> Callable[[Path], None]:
    return partial(edit_manifest, change=lambda raw: raw["files"][name].update(values))


def _text(change: Callable[[str], str]) -> Callable[[Path], None]:
    """Change the text of the manifest, which cannot be sealed then."""

    def spoil(folder: Path) -> None:
        path = folder / MANIFEST
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    return spoil


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / MANIFEST).write_bytes(content)


def _written_twice(text: str) -> str:
    return text.replace('"width": 16', '"width": 99, "width": 16')


def _sparse(name: str, listed: bool) -> Callable[[Path], None]:
    """Make a file look very long; a stranger's manifest says so too."""

    def spoil(folder: Path) -> None:
        with (folder / name).open("ab") as stream:
            stream.truncate(FAR)
        if listed:
            record = {"bytes": FAR, "sha256": "0" * 64}
            edit_manifest(folder, lambda raw: raw["files"].update({name: record}))

    return spoil


def _instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Put something that is no file in the place of one."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def _fifo(path: Path) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    os.mkfifo(path)


def _link_to_copy(path: Path) -> None:
    """Stand for a file outside the folder; it has been moved there, so its content fits."""
    path.symlink_to(path.parent.parent / f"{path.parent.name}-{path.name}")


def _moved_out(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).rename(folder.parent / f"{folder.name}-{name}")
        _link_to_copy(folder / name)

    return spoil


def _flip(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return spoil


def _cut(name: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def _readme(listed: bool) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "README.md"
        path.write_text("# hello\n", encoding="utf-8")
        if listed:
            from runtime.bundles.files import sha256_file

            made = sha256_file(path)
            record = {"bytes": made.bytes, "sha256": made.sha256}
            edit_manifest(folder, lambda raw: raw["files"].update({path.name: record}))

    return spoil


ROW = {"timestep": 999.0, "scale": 0.5, "sample": 0.25, "output": -0.75, "noise": 0.0}

VALUES = [
    Case("infinite width", _text(lambda t: t.replace('"width": 16', '"width": 1e999')), REFUSED),
    Case(
        "infinite default steps",
        _text(lambda t: t.replace('"default_steps": 1', '"default_steps": Infinity')),
        REFUSED,
    ),
    Case("sigma not a number", _text(lambda t: t.replace("1.5", "NaN")), REFUSED),
    Case("steps not a number", _text(lambda t: t.replace("0.75", "NaN")), REFUSED),
    Case("pooled without an output", _set(pooled=7), "instead of"),
    Case("basis of 10^12", _set(basis=10**12), REFUSED),
    Case("basis of 0", _set(basis=0), REFUSED),
    Case("another basis than the graph's", _set(basis=4), "instead of"),
    Case("odd latent", _set(latent=[3, 5, 8]), "cannot become"),
    Case("latent of text", _set(latent=["3", "4", "8"]), REFUSED),
    Case("latent of two", _set(latent=[3, 4]), REFUSED),
    Case("latent of other channels", _set(latent=[4, 4, 8]), "instead of"),
    Case("parity a number", _set(parity=3), REFUSED),
    Case("parity nested", _set(parity={"bf16": {"psnr": {"a": [1]}}}), "no numbers"),
    Case("parity of text", _set(parity={"bf16": {"psnr": "high"}}), DRAWN),
    Case("steps of text", _set(steps={"1": ["a", "b"]}), REFUSED),
    Case("100,000 step rows", _set(steps={"1": [ROW] * 100_000}), "are allowed"),
    Case("65 step rows", _set(steps={"1": [ROW] * 65}), REFUSED),
    Case("two rows for one step", _set(steps={"1": [ROW] * 2}), "2 rows in the table of 1"),
    Case("no rows", _set(steps={"1": []}), REFUSED),
    Case("no steps", _set(steps={}), REFUSED),
    Case("steps a list", _set(steps=[ROW]), REFUSED),
    Case("a row of 10^300", _row(output=1e300), REFUSED),
    Case("a row with more", _row(more=1.0), "of 'steps'"),
    Case("a row of truth", _row(output=True), REFUSED),
    Case("default steps without a table", _set(default_steps=5), "no table"),
    Case("default steps of 10^300", _set(default_steps=10**300), "no table"),
    Case("negative sigma", _set(init_noise_sigma=-1.0), REFUSED),
    Case("tokenizers a number", _set(tokenizers=7), REFUSED),
    Case("no tokenizers", _set(tokenizers=[]), REFUSED),
    Case("three tokenizers", _set(tokenizers=[TOKENIZER] * 3), REFUSED),
    Case("one tokenizer twice", _set(tokenizers=[TOKENIZER] * 2), "two parts"),
    Case("a graph for a tokenizer", _set(tokenizers=["decoder.onnx"]), "two parts"),
    Case("data for a tokenizer", _set(tokenizers=[DATA]), "no CLIP tokenizer"),
    Case("graphs a list", _set(graphs=["a", "b", "c"]), REFUSED),
    Case("graphs of numbers", _set(graphs={"decoder": 1}), REFUSED),
    Case("a graph too many", _inside("graphs", more="decoder.onnx"), "must name the graphs"),
    Case("one graph for two", _inside("graphs", decoder="denoiser.onnx"), "two parts"),
    Case("graphs swapped", _inside("graphs", decoder="denoiser.onnx", denoiser="decoder.onnx"), ""),
    Case("a graph above", _inside("graphs", decoder="../decoder.onnx"), "plain file name"),
    Case("a graph anywhere", _inside("graphs", decoder="/etc/passwd"), "plain file name"),
    Case("a graph for Windows", _inside("graphs", decoder="..\\decoder.onnx"), "plain file name"),
    Case("the manifest as a graph", _inside("graphs", decoder=MANIFEST), "plain file name"),
    Case("an unlisted graph", _inside("graphs", decoder="new.onnx"), "no hash"),
    Case("a data file above", _inside("files", **{"../x": {"bytes": 1, "sha256": "0" * 64}}), ""),
    Case("negative bytes", _record(DATA, bytes=-1), "no sha256"),
    Case("a short hash", _record(DATA, sha256="00"), "no sha256"),
    Case("files a list", _set(files=[]), REFUSED),
    Case("a file of text", _set(files={DATA: "x"}), REFUSED),
    Case("1,000 files", _set(files={f"{i}": {"bytes": 0, "sha256": "0" * 64} for i in range(1000)}),
         REFUSED),
    Case("unknown field", _set(code="import os"), "of 'code'"),
    Case("no basis", _without("basis"), "of 'basis'"),
    Case("no width", _without("width"), REFUSED),
    Case("format 3", _set(format=3), "has format 3"),
    Case("format of text", _set(format="2"), "has format"),
    Case("a name that moves the cursor", _set(model="\x1b[2J"), "cannot be printed"),
    Case("a name of 10,000 letters", _set(model="m" * 10_000), REFUSED),
    Case("unknown precision", _set(precision="f64"), "unknown precision"),
    Case("more tokens than the graph's", _set(tokens=77), "rows"),
    Case("10^9 tokens", _set(tokens=10**9), REFUSED),
    Case("10^9 numbers a row", _set(embedding=10**9), REFUSED),
    Case("65,536 numbers a row", _set(embedding=65536), "instead of"),
    Case("pictures of 10^5", _set(width=10**5, height=10**5), REFUSED),
    Case("larger pictures", _set(width=32, height=16), "instead of"),
    Case("pictures of another shape", _set(width=32), "cannot become"),
    Case("width of truth", _set(width=True), REFUSED),
    Case("width of 16.5", _set(width=16.5), REFUSED),
]  # fmt: skip

TEXTS = [
    Case("one field twice", _text(_written_twice), DRAWN),
    Case("nested 100,000 deep", _text(lambda t: t.replace("{", '{"a":' + "[" * 100_000, 1)), ""),
    Case("sources nested deep", _text(lambda t: t.replace('"sources": {}', '"sources": {"a": '
         + '{"a":' * 3000 + "1" + "}" * 3000 + "}")), ""),
    Case("a list", _bytes(b"[" * 1000 + b"]" * 1000), ""),
    Case("empty", _bytes(b""), ""),
    Case("zeros", _bytes(bytes(1000)), ""),
    Case("half", _text(lambda t: t[: len(t) // 2]), ""),
    Case("UTF-16", _text(lambda t: "\ufeff" + t), ""),
    Case("a long number", _text(lambda t: t.replace('"width": 16', '"width": 1' + "0" * 9999)), ""),
    Case("altered, not sealed", _text(lambda t: t.replace("-0.75", "-0.5")), "its digest differs"),
    Case("sealed by nobody", lambda folder: _unsealed(folder, None), "its digest differs"),
    Case("sealed by a number", lambda folder: _unsealed(folder, 7), "its digest differs"),
]  # fmt: skip


def _unsealed(folder: Path, digest: object) -> None:
    raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    raw["digest"] = digest
    (folder / MANIFEST).write_text(json.dumps(raw), encoding="utf-8")


FILES = [
    Case("a manifest of 100 GB", _sparse(MANIFEST, listed=False), "are allowed"),
    Case("a manifest that is a FIFO", _instead(MANIFEST, _fifo), "not a regular file"),
    Case("a manifest without end", _instead(MANIFEST, lambda p: p.symlink_to("/dev/zero")), "link"),
    Case("a manifest elsewhere", _moved_out(MANIFEST), "link"),
    Case("a manifest that is a folder", _instead(MANIFEST, Path.mkdir), ""),
    Case("a graph that is a FIFO", _instead("decoder.onnx", _fifo), "not a regular file"),
    Case("data that is a FIFO", _instead(DATA, _fifo), "not a regular file"),
    Case("a tokenizer that is a FIFO", _instead(TOKENIZER, _fifo), "not a regular file"),
    Case("a graph elsewhere", _moved_out("decoder.onnx"), "link"),
    Case("data elsewhere", _moved_out(DATA), "link"),
    Case("data without end", _instead(DATA, lambda path: path.symlink_to("/dev/zero")), "link"),
    Case("data that is a folder", _instead(DATA, Path.mkdir), "not a regular file"),
    Case("data of 100 GB", _sparse(DATA, listed=False), "instead of"),
    Case("data of 100 GB, listed", _sparse(DATA, listed=True), "the graphs use"),
    Case("a graph of 100 GB, listed", _sparse("decoder.onnx", listed=True), "are allowed"),
    Case("a tokenizer of 100 GB, listed", _sparse(TOKENIZER, listed=True), "are allowed"),
    Case("another file of 100 GB, listed", _sparse("more", listed=True), "the graphs use 0"),
    Case("another file of 100 GB", _sparse("more", listed=False), DRAWN),
    Case("no data", lambda folder: (folder / DATA).unlink(), "is missing"),
    Case("half the data", _cut(DATA), "instead of"),
    Case("half a graph", _cut("denoiser.onnx"), "instead of"),
    Case("one bit of the data", _flip(DATA), "was altered"),
    Case("one bit of a graph", _flip("decoder.onnx"), "was altered"),
    Case("one bit of the tokenizer", _flip(TOKENIZER), "was altered"),
    Case("a read-me", _readme(listed=False), DRAWN),
    Case("a read-me, listed", _readme(listed=True), DRAWN),
]
"""FIFOs and links exist on POSIX systems only."""
