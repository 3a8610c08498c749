from __future__ import annotations

import subprocess
import sys
import time

from runtime.bench.machine import Watch, _own_seconds


def test_a_childs_work_is_our_own() -> None:
    """As long as it lives: a peer in a process of its own is no other program."""
    before = _own_seconds()
    watch = Watch()
    with subprocess.Popen(
        [sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL
    ) as child:
        try:
            deadline = time.monotonic() + 60
            while _own_seconds() - before < 0.3 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert _own_seconds() - before >= 0.3
            others = watch.others()
            assert others is None or 0 <= others <= 1
        finally:
            child.kill()
