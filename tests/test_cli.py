import random
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.seeds import draw_seed

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("command", ["play", "render", "grid", "storms", "tokens"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([""], "cat -> kitten"),
        (["cat ->"], "^"),
        (["a photo of a [cat]"], "^"),
        (["a [cat:dog:0.4]"], "^"),
        (["cat", "--model", "stable-difusion"], "known here are critters"),
        (["the " * 80 + "cat -> kitten"], "81 tokens"),
        (["cat -> kitten", "--interp", "cubic"], "lerp"),
        (["a [cat -> kitten]", "--edit-row", "77"], "77"),
    ],
)
def test_bad_words_end_in_a_line_and_nothing_on_disk(
    cli: Cli, tmp_path: Path, command: str, words: list[str], says: str
) -> None:
    target = [] if command in ("play", "tokens") else ["-o", "out.png"]
    status, _, err = cli(command, *target, *words)
    assert status == 1
    assert says in err
    assert err.startswith("wordmorph: ")
    assert len(err.splitlines()) <= 3  # the message, the expression, the caret
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["play", "render", "bench"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seed", "-1"], "use 0 to 4294967295"),
        (["--seed", "4294967296"], "use 0 to 4294967295"),
        (["--steps", "63"], "use 1"),
        (["--size", "512x512"], "256x256"),
        (["--size", "huge"], "WIDTHxHEIGHT"),
        (["--backend", "cuda"], "openvino"),
    ],
)
def test_settings_the_model_cannot_serve(
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    options: list[str],
    says: str,
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    target = ["-o", "out.png"] if command == "render" else []
    status, _, err = cli(command, *target, "cat -> kitten", *options)
    assert status == 1
    assert says in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_display_suggests_render(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    status, _, err = cli("play", "cat -> kitten")
    assert status == 1
    assert "wordmorph render" in err


def test_bench_names_the_engine_that_ran(cli: Cli) -> None:
    status, out, _ = cli("bench", "--frames", "5", "--backend", "openvino", "--precision", "f32")
    assert status == 0
    assert "openvino f32" in out
    assert "fps" in out


def test_models_lists_what_is_here_and_what_can_be_built(cli: Cli) -> None:
    status, out, _ = cli("models")
    assert status == 0
    for name in ("critters", "sd-turbo", "sdxl-lightning"):
        assert name in out


def test_the_version_is_the_one_in_pyproject_and_the_changelog_knows_it(cli: Cli) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    status, out, err = cli("--version")
    assert (status, out, err) == (0, f"wordmorph {project['version']}\n", "")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(project['version'])}\b", changes, re.MULTILINE)


def test_every_command_explains_itself(cli: Cli) -> None:
    _, out, _ = cli("--help")
    for command in (
        "play",
        "render",
        "grid",
        "storms",
        "tokens",
        "bench",
        "build",
        "doctor",
        "verify",
    ):
        assert command in out
        status, help_text, _ = cli(command, "--help")
        assert status == 0
        assert help_text.count("--") >= 1


def test_words_without_quotes_are_answered_with_quotes(cli: Cli) -> None:
    status, _, err = cli("render", "cat", "-", "-o", "out.png")  # the shell took > kitten
    assert status == 1
    assert 'in quotes, as in wordmorph render "cat -> kitten"' in err
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["models"], ["doctor"], ["tokens", "cat -> kitten"]])
def test_a_full_disk_under_the_output_is_a_line(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from player.cli import main; main()", *words],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("wordmorph: the output cannot be written")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize("words", [["tokens", "cat -> kitten"], ["doctor"], ["models"]])
def test_ctrl_c_in_the_first_second_is_a_line(words: list[str]) -> None:
    draws = random.Random(draw_seed())
    for _ in range(3):
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
                "from player.cli import main; print('ready', flush=True); main()",
                *words,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(draws.uniform(0.0, 0.8))
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
        assert "Traceback" not in err
        # doctor's own status is 1 where it finds a problem; -SIGINT where it was over already
        assert child.returncode in (0, 1, 130, -signal.SIGINT)


def test_a_preset_that_is_not_built_is_answered_with_the_command_that_builds_it(cli: Cli) -> None:
    status, _, err = cli("tokens", "cat -> kitten", "--model", "sd-turbo")
    assert (status, err) == (
        1,
        "wordmorph: sd-turbo is not built here yet: wordmorph build sd-turbo\n",
    )
