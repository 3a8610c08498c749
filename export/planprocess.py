"""A build in a child process, followed, cancelled and mourned from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export.planbuilder import Job
from export.progress import PhaseTree
from runtime.errors import BuildError

CANCEL_WAIT_S = 30.0


def run(job: Job, show: Callable[[float, str], None]) -> dict[str, Any]:
    """Do ``job`` in a child process; return its notes.

    Raises:
        BuildError: what TensorRT said, or the signal that killed the child.
        KeyboardInterrupt: after the child has stopped.
        OSError: the child could not write the engine.
    """
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile() as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", "export.planbuilder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=os.environ | {"PYTHONPATH": path},
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is ours to translate
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(asdict(job)) + "\n")
            child.stdin.flush()
            answer = _follow(child.stdout, show)
        except BrokenPipeError:
            answer = None  # it died at once: the status says how
        except BaseException:
            child.stdin.close()
            _stop(child)
            raise
        finally:
            if not child.stdin.closed:
                child.stdin.close()
            _stop(child)
            child.stdout.close()
        if answer is None:
            stderr.seek(0)
            tail = stderr.read().decode(errors="replace").strip().splitlines()
            raise BuildError(_died(child.returncode, tail[-1] if tail else ""))
    kind, *values = answer
    if kind == "failed":
        raise BuildError(values[0])
    if kind == "disk":
        raise OSError(*values)
    if kind == "cancelled":
        raise KeyboardInterrupt
    notes: dict[str, Any] = values[0]
    return notes


def _follow(lines: Any, show: Callable[[float, str], None]) -> list[Any] | None:
    phases = PhaseTree()
    for line in lines:
        kind, *values = json.loads(line)
        if kind == "start":
            phases.start(*values)
        elif kind == "step":
            phases.step(*values)
        elif kind == "finish":
            phases.finish(*values)
        else:
            return [kind, *values]
        show(min(phases.fraction, 0.99), phases.current)
    return None


def _stop(child: subprocess.Popen[str]) -> None:
    try:
        child.wait(CANCEL_WAIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _died(status: int, last_line: str) -> str:
    if status == -9 or status == 137:
        return (
            "the build was killed (signal 9), most likely because the machine ran out of memory: "
            "close other programs, or build at a smaller --size"
        )
    if status < 0:
        return f"the build crashed ({signal.Signals(-status).name}): {last_line}"
    return f"the build ended without an engine (status {status}): {last_line}"
