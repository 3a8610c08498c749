"""Workers as Ray actors: one for each GPU of a cluster, or for each few cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

from runtime.errors import EngineError, MorphError, one_line
from runtime.farm.crew import Done
from runtime.farm.worker import FarmWorker, Identity, Opening
from runtime.request import Request

CORES = 4
"""cores for one actor where there are no GPUs and more than twice as many"""
OPEN_SECONDS = 600.0


class RayCrew:
    """Actors of a Ray cluster. One that dies is started again by Ray, and its chunk drawn again."""

    def __init__(self, opening: Opening, address: str | None = None) -> None:
        """Join the cluster at ``address`` (``HOST:PORT``), or start one on this machine.

        Raises:
            EngineError: Ray is not installed, or the cluster cannot be reached.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is reported to anybody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError:
            raise EngineError("--farm ray needs Ray: pip install '.[ray]'") from None
        self._ray: Any = ray
        try:
            ray.init(
                address=address,
                ignore_reinit_error=True,
                log_to_driver=False,
                include_dashboard=False if address is None else None,
                logging_level="error",
            )
        except Exception as error:  # Ray raises of many kinds
            where = address or "this machine"
            raise EngineError(
                f"no Ray cluster at {where} ({one_line(error)[:200]}): start one with "
                "'ray start --head', or leave the address out"
            ) from None
        have = ray.cluster_resources()
        gpus = int(have.get("GPU", 0))
        cores = max(1, min(CORES, int(have.get("CPU", 1)) // 2))
        self.count = gpus or max(1, int(have.get("CPU", 1)) // cores)
        remote = ray.remote(FarmWorker)
        options: dict[str, Any] = {
            "num_gpus": 1 if gpus else 0,
            "num_cpus": 0 if gpus else cores,
            "max_restarts": -1,
            "max_task_retries": 0,
        }
        self._actors = [remote.options(**options).remote(opening) for _ in range(self.count)]
        self._free = deque(range(self.count))
        self._queue: deque[tuple[int, tuple[Request, ...]]] = deque()
        self._running: dict[Any, tuple[int, int]] = {}

    def identities(self) -> Sequence[Identity]:
        """See ``Crew.identities``."""
        try:
            found: list[Identity] = self._ray.get(
                [actor.identity.remote() for actor in self._actors], timeout=OPEN_SECONDS
            )
        except Exception as error:  # Ray wraps what the actor raised
            cause = getattr(error, "cause", None) or error
            raise EngineError(f"a worker cannot open the model: {one_line(cause)[:300]}") from None
        return found

    def submit(self, index: int, requests: Sequence[Request]) -> None:
        """See ``Crew.submit``."""
        self._queue.append((index, tuple(requests)))
        self._hand_out()

    def wait(self) -> Done:
        """See ``Crew.wait``."""
        assert self._running, "nothing was submitted"
        (ready, *_), _ = self._ray.wait(list(self._running), num_returns=1)
        index, number = self._running.pop(ready)
        try:
            done = Done(index, self._ray.get(ready))
        except self._ray.exceptions.RayActorError as error:
            done = Done(index, lost=True, error=one_line(error)[:200])
        except Exception as error:  # what the actor raised
            cause = getattr(error, "cause", None) or error
            done = Done(index, error=one_line(cause)[:300])
        self._free.append(number)
        self._hand_out()
        return done

    def close(self) -> None:
        """See ``Crew.close``."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._ray.shutdown()

    def _hand_out(self) -> None:
        while self._free and self._queue:
            index, requests = self._queue.popleft()
            number = self._free.popleft()
            running = self._actors[number].draw.remote(list(requests))
            self._running[running] = (index, number)


def check_address(address: str) -> None:
    """Raise MorphError unless ``address`` is HOST:PORT or ``auto``."""
    host, colon, port = address.rpartition(":")
    if address != "auto" and not (colon and host and port.isdecimal()):
        raise MorphError(f"{address!r} is no address of a Ray cluster: write HOST:PORT")
