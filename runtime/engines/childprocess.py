"""A child process that works, reports its progress, and can be cancelled from outside.

Work that may be killed by the system for its memory is kept apart from the program that reports
it. The child's first line on stdin is its task in JSON; it answers with JSON lines on stdout, the
last one of a kind in ``ENDS``; stdin closing means cancel, which also happens when the parent dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.engines.cpu import peak_bytes
from runtime.errors import BuildError, MorphError

OWN_GROUP: Mapping[str, Any] = (
    {"creationflags": 0x00000200}  # CREATE_NEW_PROCESS_GROUP, which only Windows' module names
    if sys.platform == "win32"
    else {"start_new_session": True}
)
"""keeps Ctrl-C from the child: it is ours to translate"""
CANCEL_WAIT_S = 5.0
"""how long a child may take to stop before its parent kills it"""
ORPHAN_WAIT_S = 5.0
"""how long it may go on without a parent"""
ENDS = ("done", "failed", "disk", "cancelled")

Send = Callable[..., None]
"""called with the kind of a message and its values"""


class WorkCancelled(Exception):
    """The parent asked the work to stop."""


def child_environment() -> dict[str, str]:
    """Return this process's environment for a child that shall find the same program."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path}


def run_child(module: str, task: dict[str, Any], receive: Send) -> dict[str, Any]:
    """Run ``python -m module`` on ``task``; return its notes.

    ``receive`` is called with every message that comes before.

    Raises:
        BuildError: the error that the child reported, or the signal that killed it.
        KeyboardInterrupt: after the child has stopped.
        OSError: the child could not write.
    """
    with tempfile.TemporaryFile() as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=child_environment(),
            text=True,
            encoding="utf-8",
            **OWN_GROUP,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        answer = None
        try:
            with contextlib.suppress(BrokenPipeError):  # it died at once: the status says how
                child.stdin.write(json.dumps(task) + "\n")
                child.stdin.flush()
                answer = _follow(child.stdout, receive)
        finally:
            with contextlib.suppress(OSError):  # closing flushes, into a broken pipe too
                child.stdin.close()
            _stop(child)
            child.stdout.close()
        if answer is None:
            stderr.seek(0)
            tail = stderr.read().decode(errors="replace").strip().splitlines()
            raise BuildError(_reason(child.returncode, tail[-1] if tail else ""))
    kind, *values = answer
    if kind == "failed":
        raise BuildError(values[0])
    if kind == "disk":
        raise OSError(*values)
    if kind == "cancelled":
        raise KeyboardInterrupt
    notes: dict[str, Any] = values[0]
    return notes


def serve(
    work: Callable[[dict[str, Any], Send, threading.Event], dict[str, Any]],
    cancel: Callable[[], None] = lambda: None,
) -> int:
    """Be the child: read the task, do the work, answer; native libraries' prints go to stderr.

    ``work(task, send, cancelled)`` returns notes; ``cancel`` is called once ``cancelled`` is set.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock, cancelled, over = threading.Lock(), threading.Event(), threading.Event()

    def send(kind: str, *values: object) -> None:
        with lock:
            answers.write(json.dumps([kind, *values]) + "\n")
            answers.flush()

    task = json.loads(sys.stdin.readline())

    def wait_for_end() -> None:
        sys.stdin.read()
        if not over.is_set():
            cancelled.set()
            cancel()
            _end_with_parent(parent, over)

    parent = os.getppid()
    threading.Thread(target=wait_for_end, daemon=True).start()
    started = time.monotonic()
    with contextlib.suppress(BrokenPipeError):  # nobody is left to be told
        try:
            notes = work(task, send, cancelled)
            over.set()
            seconds = round(time.monotonic() - started, 2)
            send("done", {**notes, "seconds": seconds, "peak_bytes": peak_bytes()})
        except (WorkCancelled, KeyboardInterrupt):
            send("cancelled")
        except MorphError as error:
            send("failed", str(error))
        except OSError as error:
            send("disk", error.errno, str(error))
        answers.close()
    sys.stderr.flush()
    os._exit(0)  # the reader of stdin may still wait, and a cancelled builder's threads too


def _follow(lines: Any, receive: Send) -> list[Any] | None:
    for line in lines:
        answer: list[Any] = json.loads(line)
        if answer[0] in ENDS:
            return answer
        receive(*answer)
    return None


def _stop(child: subprocess.Popen[str]) -> None:
    try:
        child.wait(CANCEL_WAIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _end_with_parent(parent: int, over: threading.Event) -> None:
    """Leave if the work goes on although nobody waits for it: native code cannot be cancelled.

    A parent that lives kills what does not answer; a killed one cannot.
    """
    started = time.monotonic()
    while not over.wait(0.2):
        orphan = os.getppid() != parent  # Windows never says so
        patience = ORPHAN_WAIT_S if orphan else ORPHAN_WAIT_S + CANCEL_WAIT_S
        if time.monotonic() - started > patience:
            os._exit(1)


def _reason(status: int, last_line: str) -> str:
    if status == -9 or status == 137:
        return (
            "the build was killed (signal 9), most likely because the machine ran out of memory: "
            "close other programs, or build at a smaller --size"
        )
    if status < 0:
        return f"the build crashed ({signal.Signals(-status).name}): {last_line}"
    return f"the build ended without a result (status {status}): {last_line}"
