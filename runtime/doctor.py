"""What this machine can run, and one line for each thing it cannot: why, and what to do."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from runtime.bundles.library import BUILT_IN, find_bundle, known_models, unreadable
from runtime.bundles.manifest import read_manifest
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.place import QUARANTINE
from runtime.engines.choose import BACKENDS
from runtime.engines.cpu import cpu_features, cpu_name, memory_bytes
from runtime.engines.gpu import find_gpu, no_gpu_line
from runtime.errors import EngineError, MorphError, first_line
from runtime.version import library_version

State = Literal["ok", "absent", "problem"]
LOW_MEMORY = 2 << 30
LOW_DISK = 5 << 30
PROVIDER = ("libonnxruntime_providers_tensorrt.so", "onnxruntime_providers_tensorrt.dll")
"""ONNX Runtime's own TensorRT provider, on Linux and on Windows"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about this machine; a ``problem`` breaks something, ``absent`` is only a lack."""

    subject: str
    state: State
    text: str


def examine() -> list[Finding]:
    """Look at engine runtimes, processor, memory, display, cache and models; no network."""
    return [
        *_engines(),
        *_conflicts(),
        _gpu(),
        _processor(),
        _memory(),
        _display(),
        *_cache(),
        *_models(),
    ]


def _engines() -> Iterator[Finding]:
    for backend, module in BACKENDS.items():
        try:
            reason = import_module(module).available(backend)
        except Exception as error:  # a broken wheel must not hide the rest of the report
            reason = f"broken: {first_line(error)}"
        if reason:
            yield Finding(backend, "absent", reason)
        else:
            yield Finding(backend, "ok", f"usable, version {library_version(backend)}")


def _conflicts() -> Iterator[Finding]:
    if _installed("onnxruntime") and _installed("onnxruntime-gpu"):
        yield Finding(
            "onnxruntime packages",
            "problem",
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; run: "
            "pip uninstall -y onnxruntime onnxruntime-gpu && "
            "pip install 'onnxruntime-gpu[cuda,cudnn]'",
        )
    wanted = provider_soname()
    have = tensorrt_soname()
    if wanted and have and wanted != have:
        yield Finding(
            "onnxruntime's TensorRT provider",
            "absent",
            f"it wants {wanted} and the installed tensorrt brings {have}, so it cannot load; "
            "wordmorph drives tensorrt itself and needs it for nothing",
        )


def provider_soname() -> str | None:
    """Return the TensorRT library that ONNX Runtime's own provider was linked to, if any."""
    for package in ("onnxruntime-gpu", "onnxruntime"):
        with suppress(PackageNotFoundError, OSError):
            for file in distribution(package).files or []:
                if file.name in PROVIDER:
                    data = Path(str(file.locate())).read_bytes()
                    if found := re.search(rb"libnvinfer\.so\.\d+|nvinfer_\d+\.dll", data):
                        return found.group().decode()
    return None


def tensorrt_soname() -> str | None:
    """Return the library that the installed ``tensorrt`` package brings, or None."""
    made = library_version("tensorrt")
    if not made[:1].isdigit():
        return None
    major = made.split(".")[0]
    return f"nvinfer_{major}.dll" if sys.platform == "win32" else f"libnvinfer.so.{major}"


def _gpu() -> Finding:
    try:
        gpu = find_gpu()
    except EngineError as error:
        return Finding("NVIDIA GPU", "absent", f"{error}; add it with: pip install cuda-bindings")
    if gpu is None:
        return Finding("NVIDIA GPU", "absent", no_gpu_line())
    text = f"{gpu.name}, compute capability {gpu.capability}, driver for CUDA {gpu.driver}"
    return Finding("NVIDIA GPU", "ok", text)


def _processor() -> Finding:
    features = cpu_features()
    fast = any("bf16" in name for name in features)
    text = f"{cpu_name()}, {os.cpu_count()} threads; {', '.join(features) or 'no known extensions'}"
    return Finding("processor", "ok", text if fast else f"{text}; no bf16, so f32 is used")


def _memory() -> Finding:
    free, total = memory_bytes()
    text = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    if free < LOW_MEMORY:
        return Finding("memory", "absent", f"{text}: close other programs before building")
    return Finding("memory", "ok", text)


def _display() -> Finding:
    linux = sys.platform.startswith("linux")
    names = ("SDL_VIDEODRIVER", "WAYLAND_DISPLAY", "DISPLAY")
    chosen = {name: os.environ[name] for name in names if os.environ.get(name)}
    if linux and not chosen:
        return Finding(
            "display", "absent", "none, so no window: wordmorph render makes films without one"
        )
    text = ", ".join(f"{name}={value}" for name, value in chosen.items())
    return Finding("display", "ok", text or "the system's own")


def _cache() -> Iterator[Finding]:
    cache = EngineCache()
    where = cache.root
    while not os.path.exists(where):  # Path.exists raises where it may not look
        where = where.parent
    free = shutil.disk_usage(where).free
    try:
        entries = cache.entries()
    except EngineError as error:
        yield Finding("engine cache", "problem", str(error))
        return
    size = sum(entry.bytes for entry in entries)
    text = f"{len(entries)} entries, {size / 1e6:.0f} MB in {cache.root}; {free / 1e9:.0f} GB free"
    if not os.access(where, os.W_OK):
        yield Finding("engine cache", "problem", f"{where} cannot be written: set XDG_CACHE_HOME")
    elif free < LOW_DISK:
        yield Finding("engine cache", "absent", f"{text}; make room with: wordmorph engines prune")
    else:
        yield Finding("engine cache", "ok", text)
    bad = len(list((cache.root / QUARANTINE).glob("*")))
    if bad:
        yield Finding(
            "quarantine",
            "problem",
            f"{bad} engines did not verify and are not used; run: wordmorph engines prune",
        )


def _models() -> Iterator[Finding]:
    hidden = unreadable()
    if hidden is not None:
        yield Finding("models", "problem", hidden)
    for name, folder in known_models().items():
        try:
            if name != BUILT_IN:
                read_manifest(folder)
                yield Finding(f"model {name}", "ok", f"built, in {folder}")
                continue
            bundle = find_bundle(name)
        except MorphError as error:
            yield Finding(f"model {name}", "problem", str(error))
        else:
            size = sum(record.bytes for record in bundle.manifest.files.values())
            made = f"{bundle.manifest.width}x{bundle.manifest.height}, {size / 1e6:.0f} MB"
            yield Finding(f"model {name}", "ok", f"built in, {made}, every file verified")


def _installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
