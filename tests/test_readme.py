"""Everything the README shows is run here, except opening a window, which .ci/run does."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from player.cli import main
from player.program import make_app
from player.session.actions import HELP
from runtime.bench.table import PART, section
from runtime.language.expression import parse
from runtime.language.openaxis import open_axis

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("wordmorph ")
]
RUN_HERE = [line for line in COMMANDS if shlex.split(line)[1] != "play"]


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (None, 0), line


@pytest.mark.parametrize("line", RUN_HERE)
def test_commands_run_and_make_the_pictures_shown(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    run(line, monkeypatch)
    for made in (tmp_path / "docs").glob("*.png"):
        shown = Image.open(ROOT / "docs" / made.name).convert("RGB")
        again = Image.open(made).convert("RGB")
        assert again.size == shown.size
        difference = np.abs(np.asarray(again, int) - np.asarray(shown, int))
        assert difference.mean() < 3, f"{made.name} is not what {line} makes"


@pytest.mark.slow
@pytest.mark.parametrize("picture", ["ranges.png", "cat-kitten-tabby.png"])
def test_the_page_of_ranges_shows_what_its_commands_make(
    picture: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "ranges.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("wordmorph ")]
    assert len(lines) == 2
    (line,) = [line for line in lines if line.endswith(f"docs/{picture}")]
    test_commands_run_and_make_the_pictures_shown(line, monkeypatch, tmp_path)
    assert (tmp_path / "docs" / picture).is_file()


def test_every_command_is_named_and_every_name_is_a_command() -> None:
    known = {
        command.callback.__name__ for command in make_app().registered_commands if command.callback
    }
    known |= {group.name for group in make_app().registered_groups if group.name}
    assert {shlex.split(line)[1] for line in COMMANDS} <= known
    assert len(RUN_HERE) >= 10
    for name in known:
        assert f"wordmorph {name}" in TEXT, f"the README never shows wordmorph {name}"


def test_pictures_exist() -> None:
    for name in re.findall(r"!\[.*?\]\((.*?)\)", TEXT):
        assert (ROOT / name).is_file(), name


def test_the_python_shown_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    for name in ("striped",):
        pixels = names[name]
        assert isinstance(pixels, np.ndarray)
        assert pixels.shape == (256, 256, 3)


def test_the_language_shown_parses() -> None:
    block = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)[0]
    shown = [part for line in block.splitlines() for part in re.split(r"\s{3,}", line)[:1]]
    assert len(shown) >= 5
    for expression in shown:
        axis = open_axis(expression)
        parse(expression if axis is None else axis.close(-1, 1))


def test_the_keys_shown_are_the_keys_there_are() -> None:
    (table,) = re.findall(r"\| keys \| what they do \|\n\| --- \| --- \|\n((?:\|.*\n)+)", TEXT)
    assert table.splitlines() == [f"| {keys} | {meaning} |" for keys, meaning in HELP]


def test_the_speeds_shown_are_what_the_bench_printed() -> None:
    measured = sorted((ROOT / "docs" / "bench").glob("*.json"))
    assert measured, "no figures were kept in docs/bench"
    assert section(PART.read(measured)) in TEXT, (
        "run: python -m runtime.bench.table --into README.md …"
    )


def test_the_table_of_machines_is_that_of_their_reports() -> None:
    from runtime.bench.verify import hardware

    reports = sorted((ROOT / "docs" / "hardware").glob("*.json"))
    assert reports
    assert hardware.table(hardware.PART.read(reports)) in TEXT
