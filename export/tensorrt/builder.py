"""A bundle's graphs → TensorRT engines, once per GPU, through ``tensorrt`` or ``tensorrt_rtx``.

Precision lives in the graphs (TensorRT 11 has no other place for it), shapes are static with one
profile for each batch size, and every engine is built in a child process into the engine cache.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.tensorrt.enginebuilder import Job, free_workspace
from export.tensorrt.engineprocess import run
from export.tensorrt.progress import BuildBar
from export.tensorrt.retry import build_with_retries
from export.tensorrt.structure import structure
from export.tensorrt.timings import Timings
from export.tensorrt.verify import psnr_against_cpu
from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import ROLES
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import Entry, EntryKey
from runtime.engines.gpu import Gpu, find_gpu, no_gpu_line
from runtime.engines.tensorrt.enginekey import (
    LEVEL,
    PLAN,
    engine_key,
    profiles,
    verification_key,
    weight_files,
)
from runtime.engines.tensorrt.module import load_module
from runtime.engines.verified import keep_verified, read_verified
from runtime.errors import BuildError, EngineError, NotFinite
from runtime.perception.psnr import ENOUGH, LEAST

GUESS_S = {"tensorrt": (60.0, 300.0), "tensorrt_rtx": (2.0, 18.0)}
"""Backend → (seconds, seconds per GB of weights) that a first build takes, roughly."""
MORE_MEMORY = 1.25
"""how much more scratch space makes it worth trying for a better engine"""
BAD_REFIT = ("11", "3")
"""the TensorRT whose refittable engines may compute wrongly, by NVIDIA's own release notes"""
WRONG_REFIT = "engines of TensorRT 11.3 that can be refitted may compute wrongly (NVIDIA says so)"

Show = Callable[[str, float, str], None]
"""called with an engine's name, how much of it is done (0 to 1), and the running phase"""


@dataclass(frozen=True, slots=True)
class Options:
    """How to build; none of it changes what an engine computes."""

    workspace: int = 0
    """scratch space in bytes, 0 for a share of what is free"""
    refit: bool = False
    """make engines that take another checkpoint's weights, where TensorRT can: the next checkpoint
    is ready in seconds, but fewer layers are fused and frames can take twice the time
    (NVIDIA/TensorRT #2936, #3099)"""


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
        BuildError: TensorRT cannot read or build a graph, the build was killed, or what was built
            for the GPU at hand draws something else than the CPU does.
        TargetError: the engine cache cannot be written, or the disk is full.
    """
    builder = Builder(bundle, backend, gpu, cache or EngineCache(), options or Options())
    with BuildBar({_words(role): builder.expect(role) for role in ROLES}) as bar:
        if builder.options.refit and not builder.refits:
            bar.say(f"--refit is left out: {WRONG_REFIT}")
        entries = _build_all(builder, bar)
        if gpu is None and not builder.is_verified(entries):
            try:
                bar.say(builder.verify(entries))
            except BuildError as error:
                if not any(entry.notes.get("refitted") for entry in entries):
                    raise
                bar.say(f"building anew, because refitting went wrong: {error}")
                builder.refits = False
                entries = _build_all(builder, bar)
                bar.say(builder.verify(entries))
        return entries


def _build_all(builder: Builder, bar: BuildBar) -> list[Entry]:
    entries = []
    for role in ROLES:
        entry, made = builder.build(role, bar.show, bar.say)
        entries.append(entry)
        bar.show(_words(role), 1.0, "")
        how = describe(entry) if made else "already built"
        bar.say(f"{_words(role)}: {entry.bytes / 1e6:.0f} MB, {how}")
    return entries


def describe(entry: Entry) -> str:
    """Return how long an engine took to build and how much memory, in words."""
    peak = entry.notes.get("peak_bytes", 0) / 1e9
    verb = "refitted" if entry.notes.get("refitted") else "built"
    level = entry.notes.get("level", LEVEL)
    why = " for want of memory," if entry.notes.get("starved") else ""
    poor = f" at optimisation level {level},{why}" if level < LEVEL else ""
    return f"{verb}{poor} in {entry.notes.get('seconds', 0):.1f} s with {peak:.1f} GB at the peak"


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
        self._bundle, self._backend, self._cache, self.options = bundle, backend, cache, options
        self._version = str(load_module(backend).__version__)
        chosen = gpu or find_gpu()
        if chosen is None:
            raise EngineError(f"{backend} builds for the GPU it finds, and {no_gpu_line()}")
        self._gpu = chosen
        self._timings = Timings(cache, backend, self._version, chosen)
        wrong = backend == "tensorrt" and tuple(self._version.split(".")[:2]) == BAD_REFIT
        self._asked_refit = options.refit and not wrong
        self.refits = self._asked_refit
        """whether engines are to be refittable still: it is given up where refitting went wrong"""

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
        """Return the engine of one graph, and whether it was made now.

        One that memory was too short for is made again when there is more, and one that was asked
        for with another ``refit``.
        """
        key, name = self._key(role), _words(role)
        made = False

        def make(folder: Path) -> Mapping[str, Any]:
            nonlocal made
            notes = self._make(role, key, folder, lambda done, phase: show(name, done, phase), say)
            made = True
            return notes

        entry = self._cache.get_or_build(
            key,
            make,
            need_bytes=self._need(role),
            on_wait=lambda: say(f"{name}: another process is building it, waiting"),
        )
        why = None if made else self._why_again(entry)
        if why:
            say(f"{name}: it was {describe(entry)}; {why}, building it again")
            try:
                entry = self._cache.replace(key, make)
            except BuildError as error:
                say(f"the old engine stays, because {error}")
        return entry, made

    def is_verified(self, entries: list[Entry]) -> bool:
        """Whether these very engines drew on this GPU what the CPU draws."""
        return bool(read_verified(self._cache, self._verified_key(entries)))

    def verify(self, entries: list[Entry]) -> str:
        """Draw frames on the engines and on the CPU; return a line that says how like they are.

        Engines between ``LEAST`` and ``ENOUGH`` are kept, and the line says so: they took minutes
        to build, and what they draw is the same picture. Until this has been done no player opens
        them.

        Raises:
            BuildError: they differ, and are in quarantine now; or they cannot be run.
        """
        try:
            found = psnr_against_cpu(self._bundle, self._backend, self._gpu, self._cache)
        except NotFinite:
            raise self._refused(entries, "values that are not finite") from None
        except EngineError as error:
            raise BuildError(f"the {self._backend} engines cannot be tried: {error}") from None
        if found < LEAST:
            far = f"something else, {found:.1f} dB from f32 on the CPU"
            raise self._refused(entries, far)
        keep_verified(self._cache, self._verified_key(entries), found, is_like=True)
        message = f"frames of these engines are {found:.1f} dB from f32 on the CPU"
        if found >= ENOUGH:
            return message
        return f"{message}: coarse (below {ENOUGH:.0f} dB); --precision f32 is exact and slower"

    def _refused(self, entries: list[Entry], drawn: str) -> BuildError:
        for entry in entries:
            self._cache.quarantine(entry.folder)
        return BuildError(
            f"the new {self._backend} engines draw {drawn}, and are in quarantine: play with "
            "another --backend, or build the model with --precision f32"
        )

    def _verified_key(self, entries: list[Entry]) -> EntryKey:
        digests = {
            role: entry.files[PLAN].sha256 for role, entry in zip(ROLES, entries, strict=True)
        }
        return verification_key(self._bundle, self._backend, self._version, self._gpu, digests)

    def _need(self, role: str) -> int:
        """Return a guess at the bytes of an engine; weights stored in f16 widen in f32 graphs."""
        half = self._bundle.manifest.precision == "f16" and role == "denoiser"
        return int(_weight_bytes(self._bundle, role) * (1.2 if half else 2.4)) + (16 << 20)

    def _why_again(self, entry: Entry) -> str | None:
        """Return why an engine that is there is to be made again, or None.

        One that was to be refittable and could not be made so is not tried again.
        """
        notes = entry.notes
        if self._asked_refit and not (notes.get("refit") or notes.get("asked_refit")):
            return "it cannot be refitted"
        if notes.get("refit") and not self._asked_refit:
            return "what can be refitted draws slower"
        if not notes.get("starved"):
            return None
        now = self.options.workspace or free_workspace()
        is_more = now > MORE_MEMORY * float(notes.get("workspace", 0))
        return "there is more memory now" if is_more else None

    def _key(self, role: str) -> EntryKey:
        return engine_key(self._bundle, role, self._backend, self._version, self._gpu)

    def _make(
        self,
        role: str,
        key: EntryKey,
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
            precision=self._bundle.manifest.precision,
            level=LEVEL,
            refit=self.refits,
            workspace=self.options.workspace,
        )
        shape = structure(graph)
        notes = {
            "structure": shape,
            "driver": self._gpu.driver,
            "made": time.time(),
            "asked_refit": self._asked_refit,
        }
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            work = Path(temporary)
            base = self._base(key, shape, work)
            if base:
                try:
                    return notes | run(replace(job, base=base), show)
                except BuildError as error:
                    say(f"building anew, because {error}")
            if self._backend == "tensorrt":  # tensorrt_rtx times nothing
                job = replace(job, timing=str(self._timings.read(work)))
            try:
                return notes | build_with_retries(job, show, say)
            except BuildError as error:
                raise BuildError(f"the {_words(role)}: {error}") from None
            finally:
                self._timings.keep(work)

    def _base(self, key: EntryKey, shape: str, work: Path) -> str:
        """Copy out an engine that differs only in its weights, if it can be refitted here."""
        if not (self.refits and shape):
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


def _words(role: str) -> str:
    return role.replace("_", " ")


def _weight_bytes(bundle: Bundle, role: str) -> int:
    manifest = bundle.manifest
    return sum(
        manifest.files[name].bytes
        for name in [manifest.graphs[role], *weight_files(manifest, role)]
    )
