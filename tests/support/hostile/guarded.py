"""Open folders in children that are watched: ``python -m tests.support.hostile.guarded``.

Reads JSON lines [backend, folder] and answers each with a line {kind, text, seconds, peak_bytes}.
``kind`` is drawn (``text`` is a digest of the pixels), refused (``text`` is the error), foreign
(an exception that is not ours), hung or crashed. Every folder gets a fork of this process, which
has imported everything but has compiled nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from runtime.engines.choose import usable
from runtime.errors import MorphError
from runtime.pipeline import Pipeline
from runtime.planner import Planner

PATIENCE_S = 20.0
"""well above the limit that tests assert, so that they see how long it took"""
ADDRESS_SPACE = 6 << 30
"""keeps what goes wrong from taking the machine down"""
PRECISIONS = {"openvino": "f32", "onnxruntime-cpu": "auto"}


def open_and_draw(backend: str, folder: str) -> dict[str, Any]:
    """Do what the player does with a model."""
    try:
        Planner.of(folder)
        with Pipeline.open(folder, backend=backend, precision=PRECISIONS[backend]) as pipeline:
            pixels = pipeline.render(pipeline.request("cat", seed=3)).pixels
            return {"kind": "drawn", "text": hashlib.sha256(pixels.tobytes()).hexdigest()}
    except MorphError as error:
        return {"kind": "refused", "text": str(error)}
    except BaseException as error:
        return {"kind": "foreign", "text": f"{type(error).__name__}: {error}"[:500]}


def watch(backend: str, folder: str) -> dict[str, Any]:
    """Fork a child for one folder and say what became of it."""
    if sys.platform == "win32":
        raise NotImplementedError
    reading, writing = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if not child:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        os.write(writing, json.dumps(open_and_draw(backend, folder)).encode())
        os._exit(0)
    os.close(writing)
    answer: dict[str, Any] = {"kind": "hung", "text": ""}
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - start > PATIENCE_S:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.002)
    message = os.read(reading, 1 << 16)
    os.close(reading)
    if message:
        answer = json.loads(message)
    elif status and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        answer = {"kind": "crashed", "text": f"status {status}"}
    seconds = time.monotonic() - start
    return {**answer, "seconds": seconds, "peak_bytes": usage.ru_maxrss * 1024}


def main() -> None:
    """Serve until there is no more to do."""
    for backend in PRECISIONS:
        usable(backend)  # imports it
    for line in sys.stdin:
        backend, folder = json.loads(line)
        print(json.dumps(watch(backend, str(Path(folder)))), flush=True)


if __name__ == "__main__":
    main()
