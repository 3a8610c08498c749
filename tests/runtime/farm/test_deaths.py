"""Real workers and real drivers are killed, and the file is the one that nobody died over."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from runtime.output.film import read_settings
from tests.network.attempts import missing_tool, run
from tests.support.seeds import draw_seed

ROOT = Path(__file__).parents[3]
PROGRAM = (sys.executable, "-c", "from player.cli import main; main()")
HERE = ("--precision", "f32", "--backend", "openvino")
FRAMES = 2000
PATIENCE_S = 900.0
"""for the first chunks, on a busy machine"""

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray")
SPECS = ["local:2", pytest.param("ray", marks=needs_ray)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kills the POSIX way"),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The issue's film of 2,000 frames, as one process renders it."""
    film = tmp_path_factory.mktemp("plain") / "plain"
    subprocess.run(command(film), cwd=ROOT, check=True)
    return film


def command(film: Path, *more: str) -> list[str]:
    """The command that renders the film into a folder of pictures, which lose nothing."""
    words = ("render", "cat -> kitten", "--frames", str(FRAMES), *HERE, "-o", f"{film}/")
    return [*PROGRAM, *words, *more]


def same(film: Path, plain: Path) -> None:
    assert read_settings(film)["digest"] == read_settings(plain)["digest"]
    names = sorted(path.name for path in plain.iterdir())
    assert len(names) == FRAMES
    assert sorted(path.name for path in film.iterdir()) == names
    for name in names:
        with Image.open(film / name) as one, Image.open(plain / name) as other:
            assert one.convert("RGB").tobytes() == other.convert("RGB").tobytes(), name


@contextmanager
def peak_of(pid: int) -> Iterator[list[int]]:
    """Watch the resident bytes of one process, its children left out; the list's end is the peak"""
    peak, over = [0], threading.Event()

    def watch() -> None:
        process = psutil.Process(pid)
        while not over.wait(0.2):
            try:
                peak.append(max(peak[-1], process.memory_info().rss))
            except psutil.Error:
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("spec", SPECS)
def test_a_killed_driver_goes_on_and_its_film_is_the_plain_one(
    tmp_path: Path, plain: Path, spec: str
) -> None:
    """Killed at about a quarter; 2,000 frames are 393 MB, and the driver never holds many."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    film = tmp_path / "farm"
    farmed = command(film, "--farm", spec)
    child = subprocess.Popen(farmed, cwd=ROOT, env=environment)
    deadline = time.monotonic() + PATIENCE_S

    def kept() -> dict[Path, int]:
        found = {}
        for path in tmp_path.glob("cache/wordmorph/farm/*/[!.]*"):
            with contextlib.suppress(FileNotFoundError):  # they go when the film is whole
                found[path] = path.stat().st_mtime_ns
        return found

    while len(kept()) < FRAMES // 8 // 4:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    child.kill()
    child.wait()
    time.sleep(2)  # what a worker had in hand is nobody's now
    before = kept()
    assert not film.exists()
    again = subprocess.Popen(farmed, cwd=ROOT, env=environment)
    seen: dict[Path, int] = {}
    with peak_of(again.pid) as peak:
        while again.poll() is None:
            seen |= kept()
            time.sleep(0.5)
    assert again.returncode == 0
    assert all(seen.get(path, made) == made for path, made in before.items()), "drawn twice"
    assert not kept()
    print(f"{spec}: {len(before)} chunks kept, peak of the driver {peak[-1] / 2**20:.0f} MiB")
    assert peak[-1] < 450 * 2**20
    same(film, plain)


@pytest.mark.parametrize("spec", SPECS)
def test_a_worker_killed_every_20_seconds_changes_nothing(
    tmp_path: Path, plain: Path, spec: str
) -> None:
    seed = draw_seed()
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    film = tmp_path / "farm"
    driver = subprocess.Popen(command(film, "--farm", spec), cwd=ROOT, env=environment)
    chunks = tmp_path / "cache/wordmorph/farm"
    killed = kill_now_and_then(driver, random.Random(seed), lambda: any(chunks.glob("*/*")))
    print(f"{spec}: {killed} workers killed")
    assert driver.returncode == 0
    assert killed >= 1
    same(film, plain)


ANIMALS = [
    "bear", "cat", "dog", "fox", "kitten", "lion", "mouse", "owl", "panda", "puppy", "rabbit",
    "tiger",
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
def test_an_atlas_whose_workers_die_every_20_seconds_is_the_same_to_the_last_digit(
    tmp_path: Path, spec: str
) -> None:
    """Twelve animals, 66 lines: the measurements, and the figures drawn up from them."""
    seed = draw_seed()
    words = [*PROGRAM, "atlas", *ANIMALS, "--frames", "21", "--seeds", "2", "--json", *HERE]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(name: str, *more: str) -> subprocess.Popen[str]:
        store = str(tmp_path / f"{name}.sqlite")
        return subprocess.Popen(
            [*words, "--store", store, *more],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    alone, _ = run("plain").communicate()
    driver = run("farm", "--farm", spec)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(driver.communicate()[0]))
    reader.start()
    killed = kill_now_and_then(
        driver, random.Random(seed), lambda: _lines(tmp_path / "farm.sqlite")
    )
    reader.join()
    print(f"{spec}: {killed} workers killed")
    assert driver.returncode == 0
    assert killed >= 1
    farmed, plain = json.loads(heard[0]), json.loads(alone)
    for name in ("words", "order", "places", "stress", "lines"):
        assert farmed[name] == plain[name], name
    assert _kept(tmp_path / "farm.sqlite") == _kept(tmp_path / "plain.sqlite")


def test_ctrl_c_on_an_atlas_of_two_workers_loses_no_line(tmp_path: Path) -> None:
    store = tmp_path / "a.sqlite"
    words = [*PROGRAM, "atlas", *ANIMALS[:6], "--frames", "51", *HERE, "--store", str(store)]
    driver = subprocess.Popen(
        [*words, "--farm", "local:2"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE_S
    while _lines(store) < 3:
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    pause = random.uniform(0, 1)
    print(f"Ctrl-C after {pause:.3f} s more")
    time.sleep(pause)
    before = _lines(store)
    driver.send_signal(signal.SIGINT)
    _, message = driver.communicate(timeout=120)
    assert driver.returncode == 130, message
    assert f"{_lines(store)} of the lines measured now are kept" in message
    assert _lines(store) >= before + 2, "a worker's line was dropped"


def _kept(store: Path) -> list[tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        return sorted(database.execute("SELECT key, found FROM measurements"))


def _lines(store: Path) -> int:
    try:
        return len(_kept(store))
    except sqlite3.Error:  # not there yet, or being written
        return 0


def kill_now_and_then(
    driver: subprocess.Popen[Any], draws: random.Random, started: Callable[[], object]
) -> int:
    """Kill a worker every 20 seconds once ``started`` until the driver ends; return how many."""
    killed = 0
    next_death = time.monotonic() + 20
    while driver.poll() is None:
        time.sleep(0.2)
        if time.monotonic() > next_death and started() and (workers := workers_of(driver.pid)):
            draws.choice(workers).kill()
            killed += 1
            next_death = time.monotonic() + 20
    return killed


def workers_of(driver: int) -> list[psutil.Process]:
    """The processes that hold a model: spawned ones here, or Ray's actors."""
    found = []
    try:
        for process in psutil.Process(driver).children(recursive=True):
            words = " ".join(process.cmdline())
            if "spawn_main" in words or words.startswith("ray::FarmWorker"):
                found.append(process)
    except psutil.Error:
        pass
    return found


@needs_ray
@pytest.mark.skipif(missing_tool() is not None, reason=str(missing_tool()))
def test_a_cluster_that_is_started_here_speaks_over_the_loopback_alone(tmp_path: Path) -> None:
    """By default Ray asks three providers' addresses what cloud it is in, and a name server."""
    words = ("render", "cat -> kitten", "--frames", "9", *HERE, "-o", "film.gif", "--farm", "ray")
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    ran = run([*PROGRAM, *words], cwd=tmp_path, env=environment, serves=True)
    assert ran.status == 0, ran.output
    # gRPC opens datagram sockets to see what kinds there are; where one is pointed shows below
    pointed = [line for line in ran.attempts if " socket(" not in line]
    assert pointed == []


@needs_ray
def test_a_cluster_that_runs_already_is_joined(tmp_path: Path) -> None:
    """With the token that ``ray start`` leaves at home."""
    ray = shutil.which("ray") or str(Path(sys.executable).with_name("ray"))
    nobody = "http://127.0.0.1:9"
    environment = os.environ | {
        "HOME": str(tmp_path), "http_proxy": nobody, "https_proxy": nobody, "no_proxy": "127.0.0.1",
    }  # fmt: skip
    head = [
        "start",
        "--head",
        "--node-ip-address",
        "127.0.0.1",
        "--port",
        "6399",
        "--num-cpus",
        "2",
    ]
    subprocess.run(
        [ray, *head, "--include-dashboard", "false", "--disable-usage-stats"],
        env=environment, check=True,
    )  # fmt: skip
    try:
        words = ("render", "cat -> kitten", "--frames", "9", *HERE, "-o", f"{tmp_path}/film/")
        ran = subprocess.run(
            [*PROGRAM, *words, "--farm", "ray:127.0.0.1:6399"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert len(list((tmp_path / "film").glob("*.png"))) == 9
    finally:
        subprocess.run([ray, "stop", "--force"], check=True)


@needs_ray
def test_a_cluster_that_cannot_be_reached_is_a_line(tmp_path: Path) -> None:
    words = ("render", "cat -> kitten", "--frames", "9", "-o", "film.gif")
    began = time.monotonic()
    ran = subprocess.run(
        [*PROGRAM, *words, "--farm", "ray:127.0.0.1:9"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, ran.stderr
    assert "no Ray cluster at 127.0.0.1:9" in lines[0]
    assert "ray start --head" in lines[0]
    assert time.monotonic() - began < 180
    assert os.listdir(tmp_path) == []
