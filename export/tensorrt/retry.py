"""Building one engine: what is tried again, with which changes, when TensorRT refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from export.tensorrt.planbuilder import STARVED, Job
from export.tensorrt.planprocess import run
from runtime.errors import BuildError

LOWER_LEVEL = 1
NEEDS_MEMORY = (
    "OutOfMemory",
    "out of memory",
    "workspace limit",
    "cudaErrorMemoryAllocation",
    STARVED,
)
"""What TensorRT says when it wants more memory than it may have."""
UNREADABLE = "cannot read the graph"
"""what no other settings would change"""


def build_with_retries(
    job: Job, show: Callable[[float, str], None], say: Callable[[str], None]
) -> dict[str, Any]:
    """Build ``job``; if that fails, without refitting, then at a lower level if memory is short.

    Each is given up once; what was built in the end is in the notes. Refitting is given up first
    and whatever the error says, because TensorRT's errors do not name it: for want of a GPU it is
    ``MyelinCheckException: graph_jit.cpp:278 … CUDA_SUCCESS failed``.

    Raises:
        BuildError: another failure, or the same ones still.
    """
    while True:
        try:
            return run(job, show)
        except BuildError as error:
            text = str(error)
            short = any(words in text for words in NEEDS_MEMORY)
            if job.refit and UNREADABLE not in text:
                job = replace(job, refit=False)
                say(f"building an engine that cannot be refitted, because {error}")
            elif short and job.level > LOWER_LEVEL:
                job = replace(job, level=LOWER_LEVEL)
                say(f"not enough memory, trying once more at optimisation level {job.level}")
            elif short:
                raise BuildError(
                    f"{error}; close other programs, build at a smaller --size, "
                    "or play with another --backend"
                ) from None
            else:
                raise
