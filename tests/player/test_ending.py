"""The program is told to end: by Ctrl-C, by a closing terminal, by the system; once or twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals the POSIX way")

HANG = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
"""native code that neither returns nor hears of signals, though others may run"""
CLI = "import sys; from player.cli import main; sys.argv[0] = 'wordmorph'; main()"
STUCK = f"""
import player.options
def never(*_, **__):
    print("opening", flush=True)
    {HANG}
player.options.Pipeline.open = never
{CLI}
"""
PLAY = """
import signal, sys, threading, time
if hasattr(signal, "SIGHUP"):  # under nohup, tests are started with it ignored
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
from pathlib import Path
import pygame
from player.ending import ending
from player.window.window import Window
from runtime.request import Request
from tests.player.fakes import FakeRenderer
window = Window(lambda: FakeRenderer(), Request("cat -> kitten"), picture=(64, 64),
                folder=Path(sys.argv[1]))
def act():
    while window.state.frame is None:
        time.sleep(0.02)
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_r, mod=0, unicode="r"))
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=pygame.K_r, mod=0))
    while window.session.keeping.recorder is None:
        time.sleep(0.02)
    time.sleep(1.0)
    print("recording", flush=True)
threading.Thread(target=act, daemon=True).start()
with ending():
    window.run()
"""


def start(code: str, *words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SDL_VIDEODRIVER": "dummy"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def hear(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(process.communicate())


@pytest.mark.parametrize(
    ("number", "times", "target"),
    [
        ("SIGINT", 4, "film.mp4"),
        ("SIGTERM", 1, "frames/"),
        pytest.param("SIGINT", 4, "frames/", marks=pytest.mark.slow),
        pytest.param("SIGHUP", 1, "film.mp4", marks=pytest.mark.slow),
        pytest.param("SIGTERM", 1, "film.mp4", marks=pytest.mark.slow),
    ],
)
def test_a_film_that_is_stopped_leaves_nothing(
    tmp_path: Path, number: str, times: int, target: str
) -> None:
    words = ("render", "cat -> kitten", "-o", target, "--frames", "5000")
    with start(CLI, *words, cwd=tmp_path) as process:
        wait_until(lambda: any(".partial" in name for name in os.listdir(tmp_path)))
        time.sleep(0.3)
        for _ in range(times):
            process.send_signal(signal.Signals[number])
            time.sleep(0.02)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.Signals[number]
    assert "Traceback" not in err
    assert err.count("interrupted") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_model_that_never_opens_can_be_left(tmp_path: Path, number: str) -> None:
    with start(STUCK, "render", "cat", "-o", "a.png", cwd=tmp_path) as process:
        hear(process, "opening")
        time.sleep(0.5)
        process.send_signal(signal.Signals[number])
        _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.Signals[number]
    assert err == "wordmorph: ended although a library did not return\n"


def test_a_window_closes_though_its_model_never_opens(tmp_path: Path) -> None:
    code = f"import player.session.rendering.worker as w; w.STUCK_SECONDS = 0.5\n{STUCK}"
    with start(code, "play", "cat -> kitten", cwd=tmp_path) as process:
        hear(process, "opening")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "as soon as the model is open" in out


@pytest.mark.parametrize("number", ["SIGHUP", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_a_recording_is_finished_before_the_end(tmp_path: Path, number: str) -> None:
    with start(PLAY, str(tmp_path), cwd=tmp_path) as process:
        hear(process, "recording")
        process.send_signal(signal.Signals[number])
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
    film, take = sorted(os.listdir(tmp_path))
    assert take == film.replace(".mp4", ".take.json")
    with av.open(str(tmp_path / film)) as container:
        assert len(list(container.decode(video=0))) >= 15
