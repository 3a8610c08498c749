"""What a farm asks of whoever owns its workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from runtime.farm.worker import Identity, Job, Result


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: its result, or why there is none.

    ``lost`` says that the worker died or hung, not that the job cannot be done: it is worth more
    tries.
    """

    index: int
    result: Result | None = None
    error: str = ""
    lost: bool = False


OPEN_SECONDS = 600.0
"""How long a worker may take to open a model, and for a job while none is known to take less."""
PATIENCE = 10.0
"""Jobs, as long as the median one, that a worker may take for one before it counts as hung."""
LEAST_PATIENCE_S = 60.0


class Patience:
    """How long a worker may be silent over a job: from how long others took."""

    def __init__(self) -> None:
        """Know of no job yet."""
        self._taken: deque[float] = deque(maxlen=99)

    def note(self, seconds: float) -> None:
        """Take note of a job that took so long."""
        self._taken.append(seconds)

    @property
    def seconds(self) -> float:
        """So long a job may take."""
        if not self._taken:
            return OPEN_SECONDS
        return max(LEAST_PATIENCE_S, PATIENCE * median(self._taken))


class Crew(Protocol):
    """Workers, on this machine or on others."""

    @property
    def count(self) -> int:
        """How many there are."""

    def identities(self) -> Sequence[Identity]:
        """Wait until every worker is open and return what each draws with.

        Raises:
            MorphError: a worker cannot open the model, or cannot be reached.
        """

    def submit(self, index: int, job: Job) -> None:
        """Give a job to whoever is free first; never waits."""

    def wait(self) -> Done:
        """Return the next job that is done, in whatever order.

        A worker that died, or was silent for much longer than its jobs take, is replaced while the
        others go on, and its job is reported as lost.

        Raises:
            EngineError: no worker is left, and none can be started.
        """

    def drop(self) -> None:
        """Forget the jobs that no worker has begun."""

    def in_hand(self) -> Iterator[Done]:
        """``drop``, and yield the other jobs as they are done."""

    def close(self) -> None:
        """End the workers."""
