"""``wordmorph verify`` from end to end, on the tiny bundle."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from runtime.bench import inchild
from runtime.bench.verify.verdicts import from_json
from runtime.bench.verify.verify import Drawn
from tests.support.cli import Cli
from tests.support.models.tinybundle import write_tiny


@pytest.fixture
def cli(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Run ``wordmorph verify …`` in a folder of its own: (exit status, stdout, stderr)."""
    (tmp_path / "jane").mkdir()
    monkeypatch.chdir(tmp_path / "jane")
    return partial(cli, "verify")


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_tiny(tmp_path / "jane-model", 5).folder)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inchild, "in_child", lambda work, *args: work(*args))


def test_a_report_and_a_page_are_written_and_name_nobody(cli: Cli, model: str) -> None:
    words = (model, "--backend", "openvino", "--backend", "tensorrt", "--frames", "5")
    status, out, _ = cli(*words)
    assert status == 0, out
    assert "openvino" in out
    assert "fps" in out
    text = Path("verify-tiny.json").read_text(encoding="utf-8")
    page = Path("verify-tiny.html").read_text(encoding="utf-8")
    openvino, tensorrt = from_json(text).verdicts
    assert openvino.word == "alike"
    assert openvino.speed is not None
    assert openvino.speed.scrub is not None
    assert tensorrt.word == "unusable" or tensorrt.built_seconds is not None
    for owned in ("jane", str(Path.home())):
        assert owned not in text
        assert owned not in page
    assert sorted(os.listdir()) == ["verify-tiny.html", "verify-tiny.json"]

    status, _, err = cli(*words)
    assert status == 1
    assert "verify-tiny.json exists already" in err
    assert Path("verify-tiny.json").read_text(encoding="utf-8") == text


@pytest.mark.usefixtures("in_this_process")
def test_force_writes_over_both_files(cli: Cli, model: str) -> None:
    for name in ("r.json", "r.html"):
        Path(name).write_text("old", encoding="utf-8")
    status, _, _ = cli(model, "-o", "r.json", "--backend", "openvino", "--frames", "2", "--force")
    assert status == 0
    assert from_json(Path("r.json").read_text(encoding="utf-8")).model == "tiny"
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_engine_that_draws_wrongly_ends_with_1_and_is_named(
    cli: Cli, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tampered(work: Callable[..., Drawn], *args: Any) -> Drawn:
        drawn = work(*args)
        if args[2] == "f32":  # what the others are compared with
            return drawn
        return replace(drawn, pixels=(*drawn.pixels[:-1], 255 - drawn.pixels[-1]))

    monkeypatch.setattr(inchild, "in_child", tampered)
    status, out, err = cli(model, "--backend", "openvino", "--frames", "2")
    assert status == 1
    assert "differs: the first frame again: " in out
    assert "wordmorph: not to be trusted here: openvino (differs)" in err
    report = from_json(Path("verify-tiny.json").read_text(encoding="utf-8"))
    assert not report.passed
    assert "differs" in Path("verify-tiny.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("unheard-of",), "unknown model 'unheard-of'"),
        (("sd-turbo",), "wordmorph build sd-turbo"),
        (("--frames", "0"), "use 1 or more"),
        (("--backend", "tensorflow"), "nothing is called 'tensorflow' here"),
        (("--output", "report.txt"), "ends in .json"),
        (("-o", "nowhere/report.json"), "there is no folder nowhere"),
        (("-o", "here.json"), "here.json exists already"),
        (("-o", "page.json"), "page.html exists already"),
        (("-o", "folder.json", "--force"), "it is a folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_drawn(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr(inchild, "in_child", None)
    Path("here.json").write_text("mine", encoding="utf-8")
    Path("page.html").write_text("mine", encoding="utf-8")
    Path("folder.json").mkdir()
    before = sorted(os.listdir())
    status, out, err = cli(*words)
    assert (status, out) == (1, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert sorted(os.listdir()) == before
    assert Path("here.json").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_may_not_be_written_is_said_first(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inchild, "in_child", None)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    status, _, err = cli()
    assert status == 1
    assert "no permission to write in" in err
    assert len(err.splitlines()) == 1
