"""What goes wrong on people's machines: the table, and the tests that plant each row of it.

A test that plants a fault for real is marked ``@pytest.mark.fault(number)``. Where a GPU would be
needed, it is planted in the fakes of ``tests/support/gpu``.
``pytest --collect-only -q --write-faults`` writes ``docs/faults.md`` anew; ``tests/test_faults.py``
holds that page, the table and the marks to each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

FAULTS = {
    1: "engine truncated, or one byte of it flipped",
    2: "weights replaced under the same name",
    3: "engine runtime, GPU or shape changed; a manifest of another GPU",
    4: "TensorRT returns nothing instead of an engine or a context",
    5: "Ctrl-C or SIGKILL in the middle of a build",
    6: "two processes build one engine",
    7: "disk full",
    8: "out of GPU memory in a build",
    9: "out of GPU memory while playing",
    10: "the system kills a build for its memory",
    11: "a GPU provider that is silently the CPU",
    12: "both onnxruntime wheels installed",
    13: "onnxruntime's TensorRT provider wants another TensorRT",
    14: "NVIDIA's package index cannot be reached",
    15: "a shape or token count outside what was built",
    16: "frames that are not finite, or black from an overflow in f16",
    17: "CUDA graph capture fails",
    18: "a GPU that is lost: a sticky CUDA error, a driver that was reset, a laptop that slept",
    19: "a partial safetensors file",
    20: "a pickled checkpoint",
    21: "code in a model folder",
    22: "a model name that is a path",
    23: "an engine of somebody else's, or without a manifest",
    26: "a gamepad or MIDI device that is unplugged, and plugged in again",
    28: "no network",
    29: "an engine that was built again draws a little otherwise, or something else",
    30: "a worker of a farm that dies or hangs",
}
"""Numbers as in the list of faults that the design was made against."""

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
PLANTED = pytest.StashKey[Mapping[int, list[str]]]()
"""fault → the tests that plant it, of those that were collected, selected or not"""
FILES = pytest.StashKey[set[str]]()
"""the test files that were collected: some are not, where a package is absent"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write docs/faults.md anew")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which tests plant what, before any are deselected."""
    planted = planted_by(items)
    config.stash[PLANTED] = planted
    config.stash[FILES] = {item.path.relative_to(ROOT).as_posix() for item in items}
    if unknown := set(planted) - set(FAULTS):
        raise pytest.UsageError(f"faults that are not in the table: {sorted(unknown)}")
    if config.getoption("--write-faults"):
        PAGE.write_text(page(planted), encoding="utf-8")


def planted_by(items: Iterable[pytest.Item]) -> dict[int, list[str]]:
    """Return the tests that are marked with each fault: files from the root and functions."""
    found: dict[int, set[str]] = {}
    for item in items:
        for mark in item.iter_markers("fault"):
            file = item.path.relative_to(ROOT).as_posix()
            found.setdefault(mark.args[0], set()).add(f"{file}::{item.name.split('[')[0]}")
    return {number: sorted(tests) for number, tests in sorted(found.items())}


def page(planted: Mapping[int, list[str]]) -> str:
    """Return the page that shows the table with its tests."""
    lines = [
        "# What goes wrong, and the tests that plant it",
        "",
        "Written by `pytest --collect-only -q --write-faults`.",
        "",
        "| | fault | planted by |",
        "| --- | --- | --- |",
    ]
    for number, text in FAULTS.items():
        tests = "<br>".join(f"`{test}`" for test in planted.get(number, []))
        lines.append(f"| {number} | {text} | {tests} |")
    return "\n".join(lines) + "\n"


def read_page(text: str) -> dict[int, list[str]]:
    """Return what ``page`` was given."""
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]*) \|$", text, re.MULTILINE)
    return {int(number): re.findall(r"`([^`]+)`", tests) for number, tests in rows}
