"""One graph compiled for the CPU: kept as a file, opened from it by mapping."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from runtime.engines.openvino.core import CORE


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph that runs."""

    request: ov.InferRequest
    file: Path | None = None
    """what it was opened from, if it is kept in a file"""
    mapped: NDArray[np.uint8] | None = None
    """the file's content, which must stay for as long as the request lives"""


def open_graph(
    read: Callable[[], ov.Model],
    blob: Path,
    config: Mapping[Any, Any],
    opening: Mapping[Any, Any] | None = None,
) -> Graph:
    """Open ``blob``, which is compiled from what ``read`` returns if it is not there.

    ``blob`` must have been checked: it is code. ``opening`` are settings for the file alone.
    Where it cannot be written, the graph is kept in memory only.

    Raises:
        RuntimeError: OpenVINO cannot compile the graph; other types of its C++ errors too.
    """
    reading = {**config, **(opening or {})}
    if blob.exists():
        with suppress(RuntimeError):  # written by an OpenVINO that calls itself the same
            return _mapped(blob, reading)
        blob.unlink()
    compiled = CORE.compile_model(read(), "CPU", dict(config))
    try:
        blob.write_bytes(compiled.export_model().getbuffer())
    except OSError:
        with suppress(OSError):
            blob.unlink()
        return Graph(compiled.create_infer_request())
    del compiled
    return _mapped(blob, reading)


def _mapped(blob: Path, config: Mapping[Any, Any]) -> Graph:
    """Open a compiled graph without a copy of its file in memory.

    OpenVINO packs the weights anew for its kernels and hardly reads the file after that.
    """
    with blob.open("rb") as stream:
        # private: OpenVINO takes no memory that cannot be written, though it does not write it
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    content = np.frombuffer(mapped, np.uint8)
    tensor = ov.Tensor(content, shared_memory=True)
    request = CORE.import_model(tensor, "CPU", dict(config)).create_infer_request()
    give_back(blob)
    return Graph(request, blob, content)


def give_back(*files: Path) -> None:
    """Take the pages of mapped files out of this process; whoever reads one gets it back.

    They are the system's anyway, which would take them only when memory is short. Elsewhere than
    on Linux nothing is done.
    """
    if sys.platform != "linux":
        return
    names = {str(file.resolve()) for file in files}
    with suppress(OSError, ValueError), open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            place, *_, name = line.rstrip("\n").split(" ", 5)
            if name.strip() in names:
                start, end = (int(side, 16) for side in place.split("-"))
                ctypes.CDLL(None).madvise(
                    ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED
                )


def fixed_model(graph: Path, batch: int = 1) -> ov.Model:
    """Read a graph and fix its batch."""
    model = CORE.read_model(graph)
    shapes = {
        port: [batch, *port.partial_shape[1:]]
        for port in model.inputs
        if port.partial_shape.is_dynamic
    }
    if shapes:
        model.reshape(shapes)
    return model
