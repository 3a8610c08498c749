"""What a farm asks of whoever owns its workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from runtime.farm.worker import Identity, Job, Result


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: its result, or why there is none.

    ``lost`` says that the worker died, not that the job cannot be done: it is worth another try.
    """

    index: int
    result: Result | None = None
    error: str = ""
    lost: bool = False


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
        """Return the next job that is done, in whatever order."""

    def in_hand(self) -> Iterator[Done]:
        """Forget the jobs that no worker has begun, and yield the others as they are done."""

    def close(self) -> None:
        """End the workers."""
