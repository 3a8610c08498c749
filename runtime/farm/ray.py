"""Workers as Ray actors: one for each GPU of a cluster, or for each few cores."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from runtime.errors import DeviceLost, EngineError, MorphError, one_line
from runtime.farm.crew import OPEN_SECONDS, Done, Patience
from runtime.farm.worker import FarmWorker, Identity, Job, Opening

CORES = 4
"""cores for one actor where there are no GPUs and a machine has twice as many"""
OTHERS_SECONDS = 60.0
"""How long actors are waited for, at least, once one is open: their cores may be taken."""
REACH_SECONDS = 10.0
TRIES = 5
"""Actors that may die or fail in a row before one of them is open, where one was open before."""
_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""a frame of no settings; its fourth byte is its type"""
_NOBODY = "http://127.0.0.1:9"
_HOME = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its Linux too then takes the loopback for itself
    "http_proxy": _NOBODY,
    "https_proxy": _NOBODY,
    "no_proxy": "127.0.0.1,localhost",
}


class RayCrew:
    """Actors of a Ray cluster; one that dies or hangs is replaced, and its job reported as lost.

    Ray itself starts none again: a call to one that it is about to would fail at once, not wait.
    """

    def __init__(self, opening: Opening, address: str | None = None) -> None:
        """Join the cluster at ``address`` (``HOST:PORT``), or start one on this machine.

        Raises:
            EngineError: Ray is not installed, or the cluster cannot be reached.
        """
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if address is not None and _has_token():  # ray.init shows it only to clusters of its own
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        try:
            with _at_home() if address is None else nullcontext():  # it reads some when imported
                import ray
        except ImportError:
            raise EngineError("--farm ray needs Ray: pip install '.[ray]'") from None
        self._ray: Any = ray
        _check_reachable(address)
        self._quiet = ExitStack()
        # Ray prints what its daemons say, as of a dead worker, to standard output, where results go
        self._quiet.enter_context(redirect_stdout(self._quiet.enter_context(_nowhere())))
        try:
            with _at_home() if address is None else nullcontext():
                ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level="error",
                    include_dashboard=False if address is None else None,
                )
        except Exception as error:  # Ray raises of many kinds
            self._quiet.close()
            where = address or "this machine"
            raise EngineError(
                f"no Ray cluster at {where} ({one_line(error)[:200]}): start one with "
                "'ray start --head', or leave the address out"
            ) from None
        count, needs = actors_for([node["Resources"] for node in ray.nodes() if node["Alive"]])
        self._actor = ray.remote(FarmWorker).options(**needs)
        self._opened_with = opening
        self._actors = [self._actor.remote(opening) for _ in range(count)]
        self._free: deque[int] = deque()
        self._queue: deque[tuple[int, Job]] = deque()
        self._running: dict[Any, tuple[int, int]] = {}
        """job and actor"""
        self._opening: dict[Any, int] = {}
        self._since: dict[int, float] = {}
        """when each actor began its job, or to open the model"""
        self._failed = [0] * count
        """how many in each one's place died or failed since one was open there"""
        self._patience = Patience()
        self._identity: Identity | None = None

    @property
    def count(self) -> int:
        """See ``Crew.count``."""
        busy = [number for _, number in self._running.values()]
        return len({*self._free, *busy, *self._opening.values()})

    def identities(self) -> Sequence[Identity]:
        """See ``Crew.identities``; actors that find no place are done without."""
        began, until = time.monotonic(), time.monotonic() + OPEN_SECONDS
        coming = {actor.identity.remote(): i for i, actor in enumerate(self._actors)}
        found: list[Identity] = []
        try:
            while coming:
                left = max(0.0, until - time.monotonic())
                ready, _ = self._ray.wait(list(coming), num_returns=1, timeout=left)
                if not ready:
                    break
                found.append(self._ray.get(ready[0]))
                self._free.append(coming.pop(ready[0]))
                if len(found) == 1:
                    now = time.monotonic()
                    until = now + max(OTHERS_SECONDS, now - began)
        except Exception as error:  # Ray wraps what the actor raised
            raise EngineError(f"a worker cannot open the model: {_reason(error)}") from None
        if not found:
            raise EngineError(
                f"no worker opened the model within {OPEN_SECONDS:.0f} s: are the cluster's GPUs "
                "and cores taken? 'ray status' tells"
            )
        for number in coming.values():
            self._ray.kill(self._actors[number])
        self._identity = found[0]
        return found

    def submit(self, index: int, job: Job) -> None:
        """See ``Crew.submit``."""
        self._queue.append((index, job))
        self._hand_out()

    def wait(self) -> Done:
        """See ``Crew.wait``."""
        while True:
            waiting = [*self._opening, *self._running]
            assert waiting, "nothing was submitted"
            late = min(map(self._deadline, waiting)) - time.monotonic()
            ready, others = self._ray.wait(waiting, num_returns=1, timeout=max(0.0, late))
            if ready:
                done = self._hear(ready[0])
            else:
                done = self._give_up(min(others, key=self._deadline))
            if done is not None:
                self._hand_out()
                return done

    def drop(self) -> None:
        """See ``Crew.drop``."""
        self._queue.clear()

    def in_hand(self) -> Iterator[Done]:
        """See ``Crew.in_hand``."""
        self.drop()
        while self._running:
            yield self.wait()

    def close(self) -> None:
        """See ``Crew.close``."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._ray.shutdown()
        self._quiet.close()

    def _deadline(self, waited: Any) -> float:
        if waited in self._opening:
            return self._since[self._opening[waited]] + OPEN_SECONDS
        return self._since[self._running[waited][1]] + self._patience.seconds

    def _hear(self, ready: Any) -> Done | None:
        """Take what an actor answers; return what became of a job, if that is what it tells."""
        if ready in self._opening:
            self._take_back(self._opening.pop(ready), ready)
            return None
        index, number = self._running.pop(ready)
        try:
            done = Done(index, self._ray.get(ready))
        except Exception as error:  # what the actor raised, or Ray's word for one that is gone
            raised = isinstance(error, self._ray.exceptions.RayTaskError)
            lost = not raised or isinstance(error, DeviceLost)
            done = Done(index, error=_reason(error), lost=lost)
        if done.lost:
            self._replace(number)
            return done
        self._patience.note(time.monotonic() - self._since[number])
        self._free.append(number)
        return done

    def _give_up(self, waited: Any) -> Done | None:
        """Do without an answer that is long overdue."""
        if waited in self._opening:
            late = f"no worker opened the model within {OPEN_SECONDS:.0f} s"
            self._go_without(self._opening.pop(waited), late)
            return None
        index, number = self._running.pop(waited)
        self._replace(number)
        return Done(index, lost=True, error="a worker hung")

    def _hand_out(self) -> None:
        while self._free and self._queue:
            index, job = self._queue.popleft()
            number = self._free.popleft()
            # an actor may be replaced on another machine: it looks whether it draws the same
            running = self._actors[number].do.remote(job, self._identity)
            self._running[running] = (index, number)
            self._since[number] = time.monotonic()

    def _replace(self, number: int) -> None:
        """Start another actor for one that is no use; it gets no job before it is open."""
        self._ray.kill(self._actors[number])
        self._actors[number] = self._actor.remote(self._opened_with)
        self._opening[self._actors[number].identity.remote()] = number
        self._since[number] = time.monotonic()

    def _go_without(self, number: int, why: str) -> None:
        """End an actor that another does not replace; raise EngineError if it was the last."""
        self._ray.kill(self._actors[number])
        if self.count == 0:
            raise EngineError(why)

    def _take_back(self, number: int, ready: Any) -> None:
        """Hear whether the actor that replaces another is open; if not, try the next."""
        try:
            self._ray.get(ready)
        except Exception as error:  # Ray wraps what the actor raised, or says that it died
            self._failed[number] += 1
            if self._failed[number] < TRIES:
                self._replace(number)
            else:
                self._go_without(number, f"a worker cannot open the model: {_reason(error)}")
            return
        self._failed[number] = 0
        self._free.append(number)
        self._hand_out()


@contextmanager
def _at_home() -> Iterator[None]:
    """Let the processes that Ray starts here talk to each other alone, over the loopback.

    Without dashboard and reports one of them still asks what cloud it is in, by a name look-up and
    requests to addresses of three providers: a proxy that nobody is takes them.
    """
    before = {name: os.environ.get(name) for name in _HOME}
    os.environ.update(_HOME)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _has_token() -> bool:
    """Tell whether a cluster's token is kept here, as 'ray start --head' leaves one."""
    named = any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return named or (Path.home() / ".ray" / "auth_token").is_file()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _reason(error: Exception) -> str:
    """Return what an actor raised, which Ray wraps, in one line."""
    if getattr(error, "actor_init_failed", False):  # then it is a traceback's last line
        kind, _, text = str(error).rstrip().splitlines()[-1].partition(": ")
        return (text or kind)[:300]
    return one_line(getattr(error, "cause", None) or error)[:300]


def _check_reachable(address: str | None) -> None:
    """Raise EngineError if no cluster answers at HOST:PORT: Ray itself would try for minutes.

    One answers a greeting of HTTP/2 (RFC 9113, 3.4), which its gRPC runs on, with its settings.
    """
    if address is None or address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS) as line:
            if os.environ.get("RAY_USE_TLS", "0") == "1":
                return
            line.settimeout(REACH_SECONDS)
            line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS)
            answer = line.recv(len(_SETTINGS))
        why = "" if answer[3:4] == _SETTINGS[3:4] else "who listens there is no Ray"
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
    if why:
        raise EngineError(
            f"no Ray cluster at {address} ({why}): start one with 'ray start --head', or leave the "
            "address out"
        )


def actors_for(machines: Sequence[Mapping[str, float]]) -> tuple[int, dict[str, int]]:
    """Return how many actors the machines have room for, and what each of them needs.

    ``machines`` are the resources of each. An actor has a GPU, or where there are none a few cores,
    all of one machine.
    """
    gpus = sum(int(machine.get("GPU", 0)) for machine in machines)
    if gpus:
        return gpus, {"num_gpus": 1, "num_cpus": 0}
    cpus = [int(machine.get("CPU", 0)) for machine in machines]
    cores = max(1, min(CORES, max(cpus, default=1) // 2))
    return max(1, sum(cpu // cores for cpu in cpus)), {"num_gpus": 0, "num_cpus": cores}


def check_address(address: str) -> None:
    """Raise MorphError unless ``address`` is HOST:PORT or ``auto``."""
    host, colon, port = address.rpartition(":")
    if address != "auto" and not (colon and host and port.isdecimal()):
        raise MorphError(f"{address!r} is no address of a Ray cluster: write HOST:PORT")
