"""Workers as processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.resource_tracker import ensure_running

from runtime.errors import DeviceLost, EngineError, MorphError, one_line, say_warnings_plainly
from runtime.farm.crew import OPEN_SECONDS, Done, Patience
from runtime.farm.worker import FarmWorker, Identity, Job, Opening

MOST = 64
_TRIES = 5
"""workers that may end in a row before one of them is open, where one was open before"""
_END_S = 5.0


class _Hand:
    """One process and the pipe to it."""

    def __init__(self, opening: Opening, failed: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, opening), daemon=True)
        with _unheard():
            self.process.start()
        theirs.close()
        self.is_open = False
        self.failed = failed
        """how many before it ended before they were open"""
        self.job: int | None = None
        self.since = time.monotonic()
        """when it began its job, or to open the model"""

    def end(self) -> None:
        self.process.terminate()
        self.process.join(_END_S)
        self.kill()

    def kill(self) -> None:
        """End a process that may be deaf; one that the system itself cannot end is left to it."""
        self.pipe.close()
        self.process.kill()
        self.process.join(_END_S)


class LocalCrew:
    """So many processes; one that dies or hangs is replaced, and its job reported as lost."""

    def __init__(self, opening: Opening, count: int) -> None:
        """Start ``count`` processes that open the model.

        Raises:
            MorphError: not 1 to 64.
        """
        if not 1 <= count <= MOST:
            raise MorphError(f"{count} workers make no farm: use 1 to {MOST}")
        self._opening = opening
        self._hands = [_Hand(opening) for _ in range(count)]
        self._queue: deque[tuple[int, Job]] = deque()
        self._identity: Identity | None = None
        self._patience = Patience()

    @property
    def count(self) -> int:
        """See ``Crew.count``."""
        return len(self._hands)

    def identities(self) -> Sequence[Identity]:
        """See ``Crew.identities``."""
        found = [_identity_of(hand) for hand in self._hands]
        self._identity = found[0]
        return found

    def submit(self, index: int, job: Job) -> None:
        """See ``Crew.submit``."""
        self._queue.append((index, job))
        self._hand_out()

    def wait(self) -> Done:
        """See ``Crew.wait``."""
        while True:
            awaited = [hand for hand in self._hands if hand.job is not None or not hand.is_open]
            assert awaited, "nothing was submitted"
            late = min(self._deadline(hand) for hand in awaited) - time.monotonic()
            ready = wait([hand.pipe for hand in awaited], max(0.0, late))
            for hand in awaited:
                if hand.pipe in ready:
                    done = self._hear(hand)
                elif self._deadline(hand) <= time.monotonic():
                    done = self._replace(hand, "a worker hung")
                else:
                    continue
                if done is not None:
                    return done

    def drop(self) -> None:
        """See ``Crew.drop``."""
        self._queue.clear()

    def in_hand(self) -> Iterator[Done]:
        """See ``Crew.in_hand``."""
        self.drop()
        while any(hand.job is not None for hand in self._hands):
            yield self.wait()

    def close(self) -> None:
        """See ``Crew.close``."""
        for hand in self._hands:
            hand.end()

    def _deadline(self, hand: _Hand) -> float:
        return hand.since + (self._patience.seconds if hand.is_open else OPEN_SECONDS)

    def _hear(self, hand: _Hand) -> Done | None:
        """Take what a worker sends; return what became of a job, if that is what it tells."""
        try:
            answer = hand.pipe.recv()
        except (EOFError, OSError):
            return self._replace(hand, "a worker ended")
        if isinstance(answer, str) and hand.job is None:
            return self._replace(hand, f"a worker cannot open the model: {answer}")
        if isinstance(answer, Identity):
            if self._identity is not None:
                self._identity.check_same(answer)
            hand.is_open, done = True, None
        else:
            assert hand.job is not None
            done = (
                Done(hand.job, error=answer) if isinstance(answer, str) else Done(hand.job, answer)
            )
            self._patience.note(time.monotonic() - hand.since)
            hand.job = None
        self._hand_out()
        return done

    def _hand_out(self) -> None:
        for hand in self._hands:
            if hand.is_open and hand.job is None and self._queue:
                index, job = self._queue.popleft()
                hand.job, hand.since = index, time.monotonic()
                with suppress(OSError):  # it has died meanwhile: wait() notices
                    hand.pipe.send(job)

    def _replace(self, hand: _Hand, why: str) -> Done | None:
        """Start another worker for one that is no use, and return what became of its job.

        The others go on meanwhile, and without it where again and again none opens.

        Raises:
            EngineError: there are no others.
        """
        hand.kill()
        number = self._hands.index(hand)
        failed = 0 if hand.is_open else hand.failed + 1
        if failed < _TRIES:
            self._hands[number] = _Hand(self._opening, failed)
        else:
            del self._hands[number]
        if not self._hands:
            raise EngineError(f"{why}, {failed} times in a row")
        return None if hand.job is None else Done(hand.job, lost=True, error=why)


def _identity_of(hand: _Hand) -> Identity:
    """Wait until a worker is open.

    Raises:
        EngineError: it cannot, or does not.
    """
    if not hand.pipe.poll(OPEN_SECONDS):
        raise EngineError(f"a worker did not open the model within {OPEN_SECONDS:.0f} s")
    try:
        answer = hand.pipe.recv()
    except (EOFError, OSError):
        raise EngineError("a worker ended while it opened the model") from None
    if isinstance(answer, str):
        raise EngineError(f"a worker cannot open the model: {answer}")
    assert isinstance(answer, Identity)
    hand.is_open = True
    return answer


@contextmanager
def _unheard() -> Iterator[None]:
    """Let a process that is started here hear no Ctrl-C, not even while it imports.

    Windows has no such mask.
    """
    if sys.platform == "win32":
        yield
        return
    ensure_running()  # else it is started meanwhile, and lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
        except DeviceLost:  # which releases nothing any more, and might wait for ever
            os._exit(1)
        except Exception as error:  # likewise
            answer = one_line(error)
        try:
            pipe.send(answer)
        except OSError:
            return
