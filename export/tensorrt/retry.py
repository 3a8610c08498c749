"""Building one engine: what is tried again, with which changes, when TensorRT refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from export.tensorrt.enginebuilder import STARVED, Job
from export.tensorrt.engineprocess import run
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
UNREADABLE, KILLED = "cannot read the graph", "killed (signal"
"""what no other settings would change"""


def build_with_retries(
    job: Job, show: Callable[[float, str], None], say: Callable[[str], None]
) -> dict[str, Any]:
    """Build ``job``; if that fails, without refitting, then at a lower level.

    Each is given up once; what was built in the end is in the notes. Refitting is given up first
    and whatever the error says, because TensorRT's errors do not name it: for want of a GPU it is
    ``MyelinCheckException: graph_jit.cpp:278 … CUDA_SUCCESS failed``. The lower level helps where
    memory is short, and where a fusion that level 3 tries fails (``empty runtime-fusion MVMF``:
    ``tensorrt_rtx`` 1.7 says so of sound graphs).

    Raises:
        BuildError: another failure, or the same ones still.
    """
    starved = False
    while True:
        try:
            return run(job, show) | {"starved": starved}
        except BuildError as error:
            text = str(error)
            short = any(words in text for words in NEEDS_MEMORY)
            if job.refit and UNREADABLE not in text:
                job = replace(job, refit=False)
                say(f"building an engine that cannot be refitted, because {error}")
            elif short and job.level > LOWER_LEVEL:
                job, starved = replace(job, level=LOWER_LEVEL), True
                say(f"not enough memory, trying once more at optimisation level {job.level}")
            elif short:
                raise BuildError(
                    f"{error}; close other programs, build at a smaller --size, "
                    "or play with another --backend"
                ) from None
            elif job.level > LOWER_LEVEL and UNREADABLE not in text and KILLED not in text:
                job = replace(job, level=LOWER_LEVEL)
                say(f"trying once more at optimisation level {job.level}, because {error}")
            else:
                raise
