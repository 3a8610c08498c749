"""Work in a process of its own: its memory is its own, and it may die alone."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

from runtime.errors import EngineError, MorphError, one_line

P = ParamSpec("P")
T = TypeVar("T")


def in_child(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``work`` returns in a fresh process; it and its arguments can be pickled.

    The process is ended with the call, whatever happens.

    Raises:
        EngineError: whatever was raised there, or how the process ended.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit a GPU that is open here
    ours, theirs = spawn.Pipe(duplex=False)
    child = spawn.Process(target=_run, args=(theirs, work, args, kwargs))
    child.start()
    theirs.close()
    try:
        done, value = ours.recv()
    except (EOFError, OSError):
        child.join()
        raise EngineError(f"its process ended ({_status(child.exitcode)})") from None
    finally:
        ours.close()
        child.kill()
        child.join()
    if not done:
        raise EngineError(value)
    answer: T = value
    return answer


def _run(
    pipe: Connection,
    work: Callable[..., object],
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    try:
        answer = True, work(*args, **kwargs)
    except MorphError as error:
        answer = False, str(error)
    except Exception as error:  # told to the parent, which has a person to tell
        answer = False, one_line(error)
    pipe.send(answer)


def _status(code: int | None) -> str:
    if code is None or code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
