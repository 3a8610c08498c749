"""A child whose work nothing interrupts, as native code: ``python -m tests.support.stubborn``."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from runtime.durable import beside
from runtime.engines.childprocess import Send, serve


def work(task: dict[str, Any], send: Send, cancelled: threading.Event) -> dict[str, Any]:
    half = beside(Path(task["out"]))
    half.mkdir()
    (half / "weights").write_text("half", encoding="utf-8")
    send("stage", str(os.getpid()))
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(serve(work))
