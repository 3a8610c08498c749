"""Folders of a stranger: each is refused in one line, or drawn as if nothing were amiss."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile.case import DRAWN, Case
from tests.support.hostile.manifests import FILES, TEXTS, VALUES
from tests.support.hostile.networks import COSTS, FORMS, WEIGHTS
from tests.support.hostile.words import TOKENIZERS
from tests.support.models.tinybundle import write_tiny

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and forks are POSIX")

CASES = [*VALUES, *TEXTS, *FILES, *TOKENIZERS, *FORMS, *WEIGHTS, *COSTS]
QUICK = 6
"""every so manieth case is in the quick suite, on one of the engines in turn"""
BACKENDS = ("openvino", "onnxruntime-cpu")
ATTACKS = [
    pytest.param(
        case,
        backend,
        id=f"{case.name}-{backend}",
        marks=[] if number % (2 * QUICK) == QUICK * side else [pytest.mark.slow],
    )
    for number, case in enumerate(CASES)
    for side, backend in enumerate(BACKENDS)
]
SECONDS = 5.0
BYTES = 1_000_000_000
Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as it comes from its maker."""
    return write_tiny(tmp_path_factory.mktemp("honest") / "bundle", 5).folder


@pytest.fixture(scope="module")
def outcome_of(own_engine_cache: None) -> Iterator[Callable[[str, Path], Outcome]]:
    """What becomes of a folder on an engine runtime, in a child that is watched."""
    command = [sys.executable, "-m", "tests.support.hostile.guarded"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def ask(backend: str, folder: Path) -> Outcome:
            stdin.write(json.dumps([backend, str(folder)]) + "\n")
            stdin.flush()
            answer: Outcome = json.loads(stdout.readline())
            return answer

        yield cache(ask)
        stdin.close()


def test_there_are_more_than_a_hundred_and_each_has_its_name() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(("case", "backend"), ATTACKS)
def test_a_hostile_folder_is_refused_in_one_line_or_drawn(
    case: Case,
    backend: str,
    honest: Path,
    tmp_path: Path,
    outcome_of: Callable[[str, Path], Outcome],
) -> None:
    folder = tmp_path / "stranger"
    shutil.copytree(honest, folder)
    case.spoil(folder)
    outcome = outcome_of(backend, folder)
    print(outcome)
    assert outcome["seconds"] < SECONDS
    assert outcome["peak_bytes"] < BYTES
    if case.wanted == DRAWN:
        assert (outcome["kind"], outcome["text"]) == (
            "drawn",
            outcome_of(backend, honest)["text"],
        )
    else:
        assert outcome["kind"] == "refused"
        assert case.wanted in outcome["text"]
        assert "\n" not in outcome["text"]
        assert len(outcome["text"]) < 1000
        assert outcome["text"].isprintable()
