"""Export one bundle in a process of its own: ``python -m export.exporter``.

An export may need more memory than there is, and then the system kills it without a word.
``runtime.engines.childprocess`` says how the two processes talk.
"""

from __future__ import annotations

import _thread
import contextlib
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.publish import remove_leftovers
from runtime.engines.childprocess import Send, run_child, serve
from runtime.errors import BuildError, TargetError


def export_in_child(
    model: str, options: Mapping[str, Any], out: Path, progress: Callable[[str], None]
) -> tuple[Bundle, dict[str, Any]]:
    """Build ``spec_for(model, **options)`` at ``out`` in a child; return the bundle and notes.

    ``options`` are JSON values; the notes hold ``seconds`` and ``peak_bytes``. ``progress`` is
    called with a short text at the start of every stage.

    Raises:
        BuildError: what went wrong, or the signal that killed the child.
        TargetError: ``out`` cannot be written.
        KeyboardInterrupt: after the child has stopped.
    """
    task = {"model": model, "options": dict(options), "out": str(out)}
    try:
        notes = run_child("export.exporter", task, lambda _kind, stage: progress(stage))
    except OSError as error:
        raise TargetError(f"{out} cannot be written: {error}") from None
    except (BuildError, KeyboardInterrupt):
        with contextlib.suppress(OSError):  # a child that was killed could not
            remove_leftovers(out)
        raise
    return open_bundle(out), notes


def main() -> int:
    """Be the child."""

    def work(task: dict[str, Any], send: Send, cancelled: threading.Event) -> dict[str, Any]:
        from export.build import build
        from export.checkpoints.resolve import spec_for

        if cancelled.is_set():
            raise KeyboardInterrupt
        spec = spec_for(task["model"], **task["options"])
        build(spec, Path(task["out"]), lambda stage: send("stage", stage))
        return {}

    return serve(work, cancel=_thread.interrupt_main)


if __name__ == "__main__":
    sys.exit(main())
