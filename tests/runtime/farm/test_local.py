"""Processes on this machine: some hang, some die, some never open, and the others go on."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from runtime.errors import DeviceLost, EngineError
from runtime.farm import crew as crew_module
from runtime.farm import local
from runtime.farm.farm import Farm
from runtime.farm.local import LocalCrew
from runtime.farm.worker import FarmWorker, Job, Opening
from tests.runtime.farm.test_farm import CRITTERS, F32, IDENTITY, draws_all, film
from tests.support.drawn import morph
from tests.support.seeds import draw_seed

Pipe = Any
"""a ``Connection``, or what stands for one on Windows"""
Behaviour = Callable[[Pipe], None]


def works(pipe: Pipe) -> None:
    """Open at once, and draw whatever comes."""
    pipe.send(IDENTITY)
    while True:
        pipe.send(np.stack([morph(one, (48, 32)) for one in pipe.recv()]))


def hangs(pipe: Pipe) -> None:
    """Open, take a job, and never be heard of again."""
    pipe.send(IDENTITY)
    pipe.recv()
    pipe.poll(None)


def dies(pipe: Pipe) -> None:
    """Open, and end over the first job."""
    pipe.send(IDENTITY)
    pipe.recv()
    pipe.close()


def never_opens(pipe: Pipe) -> None:
    """Be busy with opening for ever."""
    pipe.poll(None)


def cannot_open(pipe: Pipe) -> None:
    """End before it is open."""
    pipe.close()


class Hand:
    """Stands where a process and its pipe stand."""

    left: list[Behaviour] = []  # noqa: RUF012
    killed = 0

    def __init__(self, opening: Opening, failed: int = 0) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.is_open, self.failed, self.since = False, failed, time.monotonic()
        self.job: int | None = None
        behaves = self.left.pop(0) if self.left else cannot_open

        def run() -> None:
            try:
                behaves(theirs)
            except (EOFError, OSError):
                pass
            finally:
                theirs.close()

        threading.Thread(target=run, daemon=True).start()

    def kill(self) -> None:
        type(self).killed += 1
        self.pipe.close()

    end = kill


@contextmanager
def crew_of(
    monkeypatch: pytest.MonkeyPatch, count: int, *behaviours: Behaviour
) -> Iterator[LocalCrew]:
    monkeypatch.setattr(local, "_Hand", Hand)
    monkeypatch.setattr(crew_module, "LEAST_PATIENCE_S", 1.0)
    Hand.left, Hand.killed = list(behaviours), 0
    yield LocalCrew(Opening(), count)


def draws_film(crew: LocalCrew, scratch: Path, frames: int = 60) -> None:
    with Farm(CRITTERS, crew, scratch) as farm:
        draws_all(farm, film(frames))


def test_a_worker_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with crew_of(monkeypatch, 2, hangs, works, works) as crew:
        draws_film(crew, tmp_path)
        assert not Hand.left, "nobody took its place"


def test_the_others_go_on_while_a_dead_worker_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with crew_of(monkeypatch, 2, dies, works, never_opens) as crew:
        draws_film(crew, tmp_path)
        assert not Hand.left


def test_the_others_go_on_without_one_that_never_opens_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with crew_of(monkeypatch, 2, dies, works, *[cannot_open] * 20) as crew:
        draws_film(crew, tmp_path, 400)
        assert crew.count >= 1


def test_where_no_worker_opens_again_it_ends_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with crew_of(monkeypatch, 2, dies, dies) as crew, pytest.raises(EngineError) as error:
        draws_film(crew, tmp_path)
    assert "a worker ended, 5 times in a row" in str(error.value)


@pytest.mark.fault(30)
@pytest.mark.skipif(sys.platform == "win32", reason="stops the POSIX way")
def test_a_real_process_that_is_stopped_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        return
    monkeypatch.setattr(crew_module, "LEAST_PATIENCE_S", 3.0)
    requests = film(20)
    crew = LocalCrew(F32, 2)
    with Farm(CRITTERS, crew, tmp_path) as farm:
        frames = farm.frames(requests)
        drawn = [next(frames) for _ in range(6)]
        victim = random.Random(draw_seed()).choice(crew._hands).process
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGSTOP)
        drawn += list(frames)
        assert not victim.is_alive()
    assert [frame.request for frame in drawn] == requests


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such mask")
def test_ctrl_c_is_not_heard_by_a_worker_that_still_imports() -> None:
    crew = LocalCrew(F32, 1)
    try:
        pid = crew._hands[0].process.pid
        assert pid is not None
        os.kill(pid, signal.SIGINT)
        assert len(crew.identities()) == 1
    finally:
        crew.close()


class Lost:
    """A worker whose GPU is lost."""

    def __init__(self, opening: Opening) -> None:
        pass

    def identity(self) -> object:
        return IDENTITY

    def do(self, job: Job) -> object:
        raise DeviceLost("the GPU is gone")


def lose(pipe: Pipe) -> None:
    """What a worker's process does, in one of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "FarmWorker", Lost)
        local._work(pipe, Opening())


@pytest.mark.fault(18)
def test_a_worker_whose_gpu_is_lost_ends_for_another_to_take_its_place() -> None:
    """Its process is a daemon, which may start none itself."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=lose, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    assert ours.recv() == IDENTITY
    ours.send(tuple(film(1)))
    with pytest.raises((EOFError, OSError)):
        ours.recv()
    process.join()
    assert process.exitcode == 1


def test_a_worker_does_not_open_a_lost_gpu_again(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = FarmWorker(F32)
    try:

        def lost(*_: object) -> None:
            raise DeviceLost("the GPU is gone")

        engine = SimpleNamespace(encode=lost, batches=(1,))
        monkeypatch.setattr(worker._pipeline._recovery, "engine", engine)
        with pytest.raises(DeviceLost):
            worker.do(tuple(film(2)))
    finally:
        monkeypatch.undo()
        worker.close()
