"""The program talks to nobody, judged by the system calls of its processes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.network.attempts import is_attempt, missing_tool, run
from tests.network.commands import COMMANDS, shell_words

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-c", "from player.cli import main; main()")
LOOK_UP = "import socket; socket.getaddrinfo('example.com', 443)"

needs_a_tool = pytest.mark.skipif(missing_tool() is not None, reason=str(missing_tool()))


def environment(home: Path) -> dict[str, str]:
    """Our environment with a home of its own, as it is before anything of ours was imported."""
    from runtime.telemetry import REFUSALS

    unset = {*REFUSALS, "XDG_CACHE_HOME", "XDG_DATA_HOME"}
    plain = {name: value for name, value in os.environ.items() if name not in unset}
    return plain | {"HOME": str(home), "PYTHONPATH": str(ROOT), "SDL_VIDEODRIVER": "dummy"}


@needs_a_tool
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if command.slow else [])
        for name, command in COMMANDS.items()
    ],
)
def test_a_command_tries_no_network_and_leaves_no_identity(tmp_path: Path, name: str) -> None:
    command = COMMANDS[name]
    if command.builds:
        shutil.copytree(ROOT / "export" / "critters" / "model", tmp_path / "model")
    home = tmp_path / "home"
    home.mkdir()
    ran = run(
        shell_words(command, PROGRAM),
        cwd=tmp_path,
        env=environment(home),
        serves=command.serves,
    )
    assert ran.attempts == ()
    expected = 0 if command.seconds is None else 128 + signal.SIGTERM
    assert ran.status == expected, ran.output
    assert not any("microsoft" in path.name.lower() for path in home.rglob("*"))


@needs_a_tool
def test_the_judge_sees_a_look_up_of_a_name_by_native_code(tmp_path: Path) -> None:
    ran = run([sys.executable, "-c", LOOK_UP], cwd=tmp_path, env=environment(tmp_path))
    assert any("53" in attempt for attempt in ran.attempts), ran.output


@pytest.mark.parametrize(
    ("call", "attempt"),
    [
        ('7 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("1.2.3.4")}', 1),
        ('connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}', 1),
        ('7 connect(3, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}', 1),
        ('connect(3, {sa_family=AF_UNIX, sun_path="/tmp/.X11-unix/X0"}, 20) = 0', 0),
        ("7 socket(AF_INET6, SOCK_DGRAM, IPPROTO_IP) = 17", 1),
        ('bind(4, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, 16)', 1),
        ('bind(4, {sa_family=AF_INET6, sin6_port=htons(0), inet_pton(AF_INET6, "::1", &x)}', 0),
        ('connect(4, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}', 1),
    ],
)
def test_what_counts_as_an_attempt(call: str, attempt: bool) -> None:
    assert is_attempt(call) == bool(attempt)
    if "127.0.0.1" in call:
        assert not is_attempt(call, serves=True)
