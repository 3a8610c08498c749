"""A bundle's graphs → TensorRT engines, once per GPU, through ``tensorrt`` or ``tensorrt_rtx``.

Precision lives in the graphs (TensorRT 11 has no other place for it), shapes are static with one
profile for each batch size, and every engine is built in a child process into the engine cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.planbuilder import Job
from export.planprocess import run
from export.progress import BuildBar
from runtime.bundle import ROLES, Bundle
from runtime.cachefolder import Entry, Key
from runtime.enginecache import EngineCache
from runtime.engines.gpu import NO_GPU, Gpu, find_gpu
from runtime.engines.plans import (
    LEVEL,
    PLAN,
    load_module,
    plan_key,
    profiles,
    weight_files,
)
from runtime.errors import BuildError, EngineError

LOWER_LEVEL = 1
TIMING = "timing.cache"
GUESS_S = {"tensorrt": (60.0, 300.0), "tensorrt_rtx": (2.0, 18.0)}
"""Backend → (seconds, seconds per GB of weights) that a first build takes, roughly."""
NEEDS_MEMORY = ("OutOfMemory", "out of memory", "workspace limit", "cudaErrorMemoryAllocation")
"""What TensorRT says when it wants more memory than it may have."""

Show = Callable[[str, float, str], None]
"""called with an engine's name, how much of it is done (0 to 1), and the running phase"""


@dataclass(frozen=True, slots=True)
class Options:
    """How to build; none of it changes what an engine computes."""

    workspace: int = 0
    """scratch space in bytes, 0 for a share of what is free"""
    refit: bool | None = None
    """make engines that take another checkpoint's weights; None is yes for the GPU at hand"""


def build_engines(
    bundle: Bundle,
    backend: str,
    *,
    gpu: Gpu | None = None,
    cache: EngineCache | None = None,
    options: Options | None = None,
) -> list[Entry]:
    """Build the engines of a bundle for the GPU at hand, with a progress bar; reuse known ones.

    ``gpu`` builds for another GPU than the one here (``tensorrt_rtx`` needs none to build):
    ``Gpu("any", "8.9")``. Ctrl-C cancels the build, leaves nothing half-made, and is raised.

    Raises:
        EngineError: the package is absent or broken, or there is no GPU to build for.
        BuildError: TensorRT cannot read or build a graph, or the build was killed.
        TargetError: the engine cache cannot be written, or the disk is full.
    """
    builder = Builder(bundle, backend, gpu, cache or EngineCache(), options or Options())
    with BuildBar({_words(role): builder.expect(role) for role in ROLES}) as bar:
        entries = []
        for role in ROLES:
            entry, fresh = builder.build(role, bar.show, bar.say)
            entries.append(entry)
            bar.show(_words(role), 1.0, "")
            how = describe(entry) if fresh else "already built"
            bar.say(f"{_words(role)}: {entry.bytes / 1e6:.0f} MB, {how}")
        return entries


def describe(entry: Entry) -> str:
    """Return how long an engine took to build and how much memory, in words."""
    peak = entry.notes.get("peak_bytes", 0) / 1e9
    verb = "refitted" if entry.notes.get("refitted") else "built"
    return f"{verb} in {entry.notes.get('seconds', 0):.1f} s with {peak:.1f} GB at the peak"


class Builder:
    """Builds the engines of one bundle for one GPU."""

    def __init__(
        self,
        bundle: Bundle,
        backend: str,
        gpu: Gpu | None,
        cache: EngineCache,
        options: Options,
    ) -> None:
        """Find out what to build for; nothing is written yet."""
        self._bundle, self._backend, self._cache, self._options = bundle, backend, cache, options
        self._version = str(load_module(backend).__version__)
        here = _gpu_here()
        chosen = gpu or here
        if chosen is None:
            raise EngineError(f"{NO_GPU}, and {backend} builds for the GPU it finds")
        self._gpu = chosen
        self._refit = gpu is None if options.refit is None else options.refit

    def expect(self, role: str) -> float:
        """Return how many seconds the build of one graph should take: as the nearest in size."""
        size = _weight_bytes(self._bundle, role)
        if self._cache.find(self._key(role)):
            return 0.0
        past = [
            (abs(entry.bytes - size), entry.notes["seconds"])
            for entry in self._cache.entries()
            if entry.fields.get("engine") == self._backend
            and entry.fields.get("role") == role
            and "seconds" in entry.notes
        ]
        base, per_gb = GUESS_S[self._backend]
        return float(min(past)[1]) if past else base + per_gb * size / 1e9

    def build(
        self, role: str, show: Show, say: Callable[[str], None] = print
    ) -> tuple[Entry, bool]:
        """Return the engine of one graph, and whether it was made now."""
        key, name = self._key(role), _words(role)
        made = False

        def make(folder: Path) -> Mapping[str, Any]:
            nonlocal made
            made = True
            return self._make(role, key, folder, lambda done, phase: show(name, done, phase), say)

        need = int(_weight_bytes(self._bundle, role) * 1.2) + (16 << 20)
        entry = self._cache.get_or_build(
            key,
            make,
            need_bytes=need,
            on_wait=lambda: say(f"{name}: another process is building it, waiting"),
        )
        return entry, made

    def _key(self, role: str) -> Key:
        return plan_key(self._bundle, role, self._backend, self._version, self._gpu)

    def _make(
        self,
        role: str,
        key: Key,
        folder: Path,
        show: Callable[[float, str], None],
        say: Callable[[str], None],
    ) -> dict[str, Any]:
        graph = self._bundle.path(role)
        job = Job(
            backend=self._backend,
            graph=str(graph),
            plan=str(folder / PLAN),
            profiles=list(profiles(self._bundle.manifest, role)),
            capability=self._gpu.capability,
            precision=self._bundle.manifest.weights,
            level=LEVEL,
            refit=self._refit,
            workspace=self._options.workspace,
        )
        shape = structure(graph)
        notes = {"structure": shape, "driver": self._gpu.driver, "made": time.time()}
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            work = Path(temporary)
            base = self._base(key, shape, work)
            if base:
                try:
                    return notes | run(replace(job, base=base), show)
                except BuildError as error:
                    say(f"building anew, because {error}")
            if self._backend == "tensorrt":  # tensorrt_rtx times nothing
                job = replace(job, timing=str(self._read_timing(work)))
            try:
                return notes | self._without_refit(job, show, say)
            except BuildError as error:
                raise BuildError(f"the {_words(role)}: {error}") from None
            finally:
                self._keep_timing(work / TIMING)

    def _without_refit(
        self, job: Job, show: Callable[[float, str], None], say: Callable[[str], None]
    ) -> dict[str, Any]:
        """Build an engine that takes other weights, or one that does not if that cannot be."""
        if job.refit:
            try:
                return self._with_less_memory(job, show, say)
            except BuildError as error:
                say(f"building an engine for these weights only, because {error}")
        return self._with_less_memory(replace(job, refit=False), show, say)

    def _with_less_memory(
        self, job: Job, show: Callable[[float, str], None], say: Callable[[str], None]
    ) -> dict[str, Any]:
        try:
            return run(job, show)
        except BuildError as error:
            if not any(text in str(error) for text in NEEDS_MEMORY):
                raise
            say(f"not enough memory, trying once more at optimisation level {LOWER_LEVEL}")
        try:
            return run(replace(job, level=LOWER_LEVEL), show)
        except BuildError as error:
            raise BuildError(
                f"{error}; close other programs, build at a smaller --size, "
                "or play with another --backend"
            ) from None

    def _base(self, key: Key, shape: str, work: Path) -> str:
        """Copy out an engine that differs only in its weights, if it can be refitted here."""
        if not (self._refit and shape):
            return ""
        for entry in self._cache.entries():
            same = all(
                entry.fields.get(name) == value
                for name, value in key.fields.items()
                if name not in ("graph", "weights")
            )
            if same and entry.notes.get("refit") and entry.notes.get("structure") == shape:
                try:
                    path = work / "base.plan"
                    path.write_bytes(self._cache.load(entry, PLAN))
                    return str(path)
                except EngineError:
                    continue  # it is in quarantine now
        return ""

    def _timing_key(self) -> Key:
        fields = {
            "kind": "timing",
            "engine": self._backend,
            "version": self._version,
            "gpu": self._gpu.name,
            "capability": self._gpu.capability,
        }
        return Key("timing", fields)

    def _read_timing(self, work: Path) -> Path:
        entry = self._cache.find(self._timing_key())
        if entry:
            with contextlib.suppress(EngineError):  # in quarantine now: timings are taken again
                (work / TIMING).write_bytes(self._cache.load(entry, TIMING))
        return work / TIMING

    def _keep_timing(self, path: Path) -> None:
        """Keep kernel timings, also those of a build that was cancelled."""
        if path.exists():

            def copy(folder: Path) -> dict[str, Any]:
                shutil.copyfile(path, folder / TIMING)
                return {}

            self._cache.replace(self._timing_key(), copy)


def structure(graph: Path) -> str:
    """Return a sha256 of a graph without its weights: equal for checkpoints of one architecture.

    Whole numbers and scalars count, since they are part of the computation; names do too.
    Empty where the package onnx is absent: then nothing is known to be equal.
    """
    try:
        import onnx
    except ImportError:
        return ""

    model = onnx.load(graph, load_external_data=False)
    for tensor in model.graph.initializer:
        floating = tensor.data_type not in (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
        if floating and any(extent > 1 for extent in tensor.dims):
            for name in ("raw_data", "float_data", "int32_data", "external_data"):
                tensor.ClearField(name)
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()


def _words(role: str) -> str:
    return role.replace("_", " ")


def _weight_bytes(bundle: Bundle, role: str) -> int:
    manifest = bundle.manifest
    return sum(
        manifest.files[name].bytes
        for name in [manifest.graphs[role], *weight_files(manifest, role)]
    )


def _gpu_here() -> Gpu | None:
    try:
        return find_gpu()
    except EngineError:
        return None
