"""Workers as processes on this machine."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from runtime.errors import EngineError, MorphError, one_line, say_warnings_plainly
from runtime.farm.crew import Done
from runtime.farm.worker import FarmWorker, Identity, Job, Opening

MOST = 64
OPEN_SECONDS = 600.0
"""how long a worker may take to open a model"""
_TRIES = 5
"""workers that may die in a row while they open it, where one was open before"""


class _EndedError(EngineError):
    """A worker died before it was open."""


class _Hand:
    """One process and the pipe to it."""

    def __init__(self, opening: Opening) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, opening), daemon=True)
        self.process.start()
        theirs.close()
        self.job: int | None = None

    def identity(self) -> Identity:
        if not self.pipe.poll(OPEN_SECONDS):
            raise EngineError(f"a worker did not open the model within {OPEN_SECONDS:.0f} s")
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise _EndedError("a worker ended while it opened the model") from None
        if isinstance(answer, str):
            raise EngineError(f"a worker cannot open the model: {answer}")
        assert isinstance(answer, Identity)
        return answer

    def end(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class LocalCrew:
    """So many processes; one that dies is replaced, and its job reported as lost."""

    def __init__(self, opening: Opening, count: int) -> None:
        """Start ``count`` processes that open the model.

        Raises:
            MorphError: not 1 to 64.
        """
        if not 1 <= count <= MOST:
            raise MorphError(f"{count} workers make no farm: use 1 to {MOST}")
        self.count = count
        self._opening = opening
        self._hands = [_Hand(opening) for _ in range(count)]
        self._queue: deque[tuple[int, Job]] = deque()
        self._identity: Identity | None = None

    def identities(self) -> Sequence[Identity]:
        """See ``Crew.identities``."""
        found = [hand.identity() for hand in self._hands]
        self._identity = found[0]
        return found

    def submit(self, index: int, job: Job) -> None:
        """See ``Crew.submit``."""
        self._queue.append((index, job))
        self._hand_out()

    def wait(self) -> Done:
        """See ``Crew.wait``."""
        while True:
            busy: dict[Any, _Hand] = {
                hand.pipe: hand for hand in self._hands if hand.job is not None
            }
            assert busy, "nothing was submitted"
            for ready in wait(list(busy)):
                hand = busy[ready]
                index = hand.job
                assert index is not None
                try:
                    answer = hand.pipe.recv()
                except (EOFError, OSError):
                    self._replace(hand)
                    return Done(index, lost=True, error="a worker ended")
                hand.job = None
                self._hand_out()
                if isinstance(answer, str):
                    return Done(index, error=answer)
                return Done(index, answer)

    def in_hand(self) -> Iterator[Done]:
        """See ``Crew.in_hand``."""
        self._queue.clear()
        while any(hand.job is not None for hand in self._hands):
            yield self.wait()

    def close(self) -> None:
        """See ``Crew.close``."""
        for hand in self._hands:
            hand.end()

    def _hand_out(self) -> None:
        for hand in self._hands:
            if hand.job is None and self._queue:
                index, job = self._queue.popleft()
                hand.job = index
                try:
                    hand.pipe.send(job)
                except OSError:  # it has died meanwhile: wait() notices
                    return

    def _replace(self, hand: _Hand) -> None:
        number = self._hands.index(hand)
        for tried in range(1, _TRIES + 1):
            self._hands[number].end()
            fresh = self._hands[number] = _Hand(self._opening)
            try:
                identity = fresh.identity()
                break
            except _EndedError:
                if tried == _TRIES:
                    raise
        if self._identity is not None:
            self._identity.check_same(identity)
        self._hand_out()


def _work(pipe: Connection, opening: Opening) -> None:
    """Do what comes through the pipe until it ends, as it does when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    say_warnings_plainly()
    try:
        worker = FarmWorker(opening)
        pipe.send(worker.identity())
    except Exception as error:  # told to the parent, which has a person to tell
        pipe.send(one_line(error))
        return
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: object = worker.do(job)
        except Exception as error:  # likewise
            answer = one_line(error)
        try:
            pipe.send(answer)
        except OSError:
            return
