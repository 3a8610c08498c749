"""One TensorRT build in a child process, followed from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from export.tensorrt.enginebuilder import Job
from export.tensorrt.progress import PhaseTree
from runtime.engines.childprocess import run_child


def run(job: Job, show: Callable[[float, str], None]) -> dict[str, Any]:
    """Do ``job`` in a child process; return its notes.

    Raises:
        BuildError: TensorRT's error log, or the signal that killed the child.
        KeyboardInterrupt: after the child has stopped.
        OSError: the child could not write the engine.
    """
    phases = PhaseTree()

    def receive(kind: str, *values: Any) -> None:
        if kind == "start":
            phases.start(*values)
        elif kind == "advance":
            phases.advance(*values)
        else:
            phases.finish(*values)
        show(min(phases.fraction, 0.99), phases.current)

    return run_child("export.tensorrt.enginebuilder", asdict(job), receive)
