"""Build one TensorRT engine in a process of its own: ``python -m export.tensorrt.enginebuilder``.

A build can be killed by the system for its memory and cannot be interrupted by a signal, so it
is kept apart; ``runtime.engines.childprocess`` says how the two talk.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.engines.childprocess import Send, WorkCancelled, serve
from runtime.engines.cpu import memory_bytes
from runtime.engines.gpu import check, cuda_runtime, find_gpu
from runtime.engines.tensorrt.enginekey import Profile
from runtime.engines.tensorrt.module import derive, load_module, make_log, trt
from runtime.errors import BuildError, EngineError

GPU_SHARE, HOST_SHARE = 0.8, 0.5
"""The part of the free memory that a build may use as scratch space."""
STARVED = "insufficient memory"
"""what TensorRT's warnings say when it skips tactics; the error that follows names just the layer
that was left without one"""
NO_TACTIC = "Could not find any implementation"
"""what its error says when it has skipped them all"""


@dataclass(frozen=True, slots=True)
class Job:
    """What to build, from which file, into which."""

    backend: str
    graph: str
    plan: str
    profiles: list[Profile]
    capability: str
    precision: str
    level: int
    refit: bool
    workspace: int = 0
    """bytes of scratch space, or 0 for a share of what is free"""
    timing: str = ""
    """a file that holds kernel timings, read if it is there and written"""
    base: str = ""
    """an engine of the same architecture to put the graph's weights into"""


def build(job: Job, send: Send, cancelled: threading.Event) -> dict[str, Any]:
    """Build ``job.plan``; return notes about the build. ``send`` is called with its progress.

    Raises:
        WorkCancelled: ``cancelled`` was set meanwhile.
        BuildError: the graph cannot be parsed or built, with TensorRT's error log.
    """
    trt = load_module(job.backend)
    log, errors = make_log(job.backend, warning=STARVED)
    builder = trt.Builder(log)
    network = _parse(job, builder, log)
    config = builder.create_builder_config()
    config.builder_optimization_level = job.level
    workspace = job.workspace or free_workspace()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    if job.precision == "f32":
        config.clear_flag(trt.BuilderFlag.TF32)
    if job.refit:
        config.set_flag(trt.BuilderFlag.REFIT)
    if job.backend == "tensorrt_rtx":
        _target(job, config)
    for shapes in job.profiles:
        profile = builder.create_optimization_profile()
        for name, shape in shapes.items():
            fixed = trt.Dims(shape)
            profile.set_shape(name, fixed, fixed, fixed)
        if config.add_optimization_profile(profile) < 0:
            raise BuildError(f"TensorRT refused the shapes {shapes}: {errors.tail()}")
    timing = _read_timing(job, config) if job.timing else None
    monitor = derive(Monitor, trt.IProgressMonitor)
    monitor.send, monitor.cancelled = send, cancelled
    config.progress_monitor = monitor
    plan = builder.build_serialized_network(network, config)
    if job.timing and timing is not None:
        Path(job.timing).write_bytes(memoryview(timing.serialize()))
    if cancelled.is_set():
        raise WorkCancelled
    if plan is None:
        text = errors.tail()
        why = f" ({STARVED})" if errors.warned and NO_TACTIC in text else ""
        raise BuildError(f"TensorRT could not build the engine{why}: {text}")
    Path(job.plan).write_bytes(memoryview(plan))
    return {"refit": job.refit, "level": job.level, "workspace": workspace}


def refit(job: Job, send: Send, cancelled: threading.Event) -> dict[str, Any]:
    """Put the weights of ``job.graph`` into the engine ``job.base``; needs the GPU.

    Raises:
        BuildError: the engine does not fit the graph after all.
    """
    trt = load_module(job.backend)
    send("start", "refit", None, 3)
    log, errors = make_log(job.backend)
    engine = trt.Runtime(log).deserialize_cuda_engine(Path(job.base).read_bytes())
    if engine is None:
        raise BuildError(f"the engine to refit cannot be loaded: {errors.tail()}")
    send("advance", "refit", 0)
    refitter = trt.Refitter(engine, log)
    parser = trt.OnnxParserRefitter(refitter, log)
    with _beside(job.graph) as name:
        if not parser.refit_from_file(name):
            raise BuildError(f"the weights do not fit: {errors.tail()}")
    if missing := refitter.get_missing_weights():
        raise BuildError(f"the graph lacks weights the engine needs: {', '.join(missing[:3])}")
    if not refitter.refit_cuda_engine():
        raise BuildError(f"the engine took no new weights: {errors.tail()}")
    send("advance", "refit", 1)
    if cancelled.is_set():
        raise WorkCancelled
    settings = engine.create_serialization_config()
    settings.set_flag(trt.SerializationFlag.INCLUDE_REFIT)  # else it could be refitted only once
    Path(job.plan).write_bytes(memoryview(engine.serialize_with_config(settings)))
    send("finish", "refit")
    return {"refit": True, "level": job.level, "refitted": True}


def free_workspace() -> int:
    """Return how many bytes of scratch space a build may take on this machine."""
    try:
        cudart = cuda_runtime()
        if find_gpu(cudart):
            free, _ = check(cudart.cudaMemGetInfo(), "asking for free GPU memory")
            return int(free * GPU_SHARE)
    except EngineError:
        pass
    return int(memory_bytes()[0] * HOST_SHARE) or 1 << 32


def _parse(job: Job, builder: trt.Builder, log: trt.ILogger) -> trt.INetworkDefinition:
    trt = load_module(job.backend)
    strong = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(strong)
    parser = trt.OnnxParser(network, log)
    with _beside(job.graph) as name:
        parsed = parser.parse_from_file(name)
    if not parsed:
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        listed = "; ".join(
            f"{error.node_operator()} {error.node_name()}: {error.desc()}" for error in errors[:3]
        )
        more = f" and {len(errors) - 3} more" if len(errors) > 3 else ""
        raise BuildError(f"TensorRT cannot read the graph: {listed}{more}")
    return network


@contextlib.contextmanager
def _beside(graph: str) -> Iterator[str]:
    """Work in the folder of ``graph`` and yield its bare name.

    TensorRT opens files by narrow names, which on Windows cannot spell every user's folder.
    """
    path = Path(graph)
    with contextlib.chdir(path.parent):
        yield path.name


def _target(job: Job, config: trt.IBuilderConfig) -> None:
    """Compile for ``job.capability``, whether or not such a GPU is here."""
    trt: Any = load_module(job.backend)
    wanted = f"SM{job.capability.replace('.', '')}"
    known = [name for name in trt.ComputeCapability.__members__ if name.startswith("SM")]
    if wanted not in known:
        raise BuildError(
            f"{job.backend} does not serve GPUs of compute capability {job.capability} "
            f"(only {', '.join(sorted(known))}): install the package tensorrt for this one"
        )
    target: Any = config  # only tensorrt_rtx has these
    target.num_compute_capabilities = 1
    target.set_compute_capability(getattr(trt.ComputeCapability, wanted), 0)


def _read_timing(job: Job, config: trt.IBuilderConfig) -> trt.ITimingCache | None:
    path = Path(job.timing)
    known = path.read_bytes() if path.exists() else b""
    cache = config.create_timing_cache(known)
    if cache is None or not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


class Monitor(trt.IProgressMonitor):  # type: ignore[misc, unused-ignore]  # Any without the stubs
    """Called from the builder's own threads; less its base class, which is the backend's."""

    send: Send
    cancelled: threading.Event

    def phase_start(self, phase_name: str, parent_phase: str, num_steps: Any) -> None:
        """See ``IProgressMonitor``."""
        self.send("start", phase_name, parent_phase, int(num_steps))

    def phase_finish(self, phase_name: str) -> None:
        """See ``IProgressMonitor``."""
        self.send("finish", phase_name)

    def step_complete(self, phase_name: str, step: Any) -> bool:
        """See ``IProgressMonitor``; False stops the build."""
        self.send("advance", phase_name, int(step))
        return not self.cancelled.is_set()


def main() -> int:
    """Build the job on stdin, as ``runtime.engines.childprocess`` describes."""

    def work(task: dict[str, Any], send: Send, cancelled: threading.Event) -> dict[str, Any]:
        job = Job(**task)
        return (refit if job.base else build)(job, send, cancelled)

    return serve(work)


if __name__ == "__main__":
    sys.exit(main())
