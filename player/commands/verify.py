"""``wordmorph verify``: does every engine runtime of this machine draw what it should, how fast?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from player.commands.common import interruptible
from player.options import Force, open_planner
from player.session.reproduce import Invocation
from runtime.bundles.library import BUILT_IN, find_bundle
from runtime.engines.choose import AUTO, BACKENDS
from runtime.errors import EngineError, RequestError, TargetError
from runtime.output.overwrite import check_overwrite
from runtime.output.target import check_place, staged, writing
from runtime.slug import slug

if TYPE_CHECKING:
    from runtime.bench.verify.verdicts import Verdict
    from runtime.bundles.bundle import Bundle


def verify(
    model: Annotated[
        str, typer.Argument(help="A model's name, or the folder of its bundle.")
    ] = BUILT_IN,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.json",
            help="The report; a page of its name lies beside.",
        ),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(help="Try only this engine runtime; repeatable. By default every one."),
    ] = None,
    frames: Annotated[int, typer.Option(help="Frames to time, fewer on a slow engine.")] = 100,
    force: Force = False,
) -> None:
    """Draw on every engine runtime of this machine, compare with f32 on the CPU, and measure.

    Engines that are missing are built first. A report in JSON and a page to read are written.
    """
    if frames < 1:
        raise RequestError(f"{frames} frames cannot be timed: use 1 or more")
    backends = list(dict.fromkeys(backend or AUTO))
    for name in backends:
        if name not in BACKENDS:
            raise RequestError(f"nothing is called {name!r} here: use {', '.join(BACKENDS)}")
    planner = open_planner(Invocation(model=model))
    target = Path(output or f"verify-{slug(planner.manifest.model)}.json")
    beside = _check(target, force)
    with interruptible(None):
        bundle = find_bundle(model)
        from player.session.rendering.latency import scrub_latencies
        from runtime.bench.inchild import in_child
        from runtime.bench.verify.page import page
        from runtime.bench.verify.verdicts import Bounds
        from runtime.bench.verify.verify import verify_bundle
        from runtime.perception.psnr import ENOUGH, LEAST

        console = Console(stderr=True)
        verified = verify_bundle(
            bundle,
            backends,
            Bounds(ENOUGH, LEAST),
            frames=frames,
            prepare=_prepare,
            scrub=scrub_latencies,
            say=lambda text: console.print(text, highlight=False, markup=False, soft_wrap=True),
            run=in_child,
        )
        report = verified.report
        _write(target, report.to_json())
        _write(beside, page(report, verified.worst))
    for verdict in report.verdicts:
        print(_line(verdict))
    print(f"{target} and {beside} can be attached to a report")
    if not report.passed:
        raise EngineError(_fault(report.verdicts))


def _check(target: Path, force: bool) -> Path:
    """Return where the page goes after looking, without writing, whether both files can be.

    Raises:
        TargetError: another suffix, no such folder, no permission, or a file that is there.
    """
    if target.suffix.lower() != ".json":
        raise TargetError(f"{target}: a report is JSON, so its name ends in .json")
    beside = target.with_suffix(".html")
    for path in (target, beside):
        check_place(str(path))
        check_overwrite(str(path), {}, force=force)
    return beside


def _prepare(bundle: Bundle, backend: str) -> bool:
    """Build the engines that a TensorRT needs, where they are missing; others need none."""
    if not backend.startswith("tensorrt"):
        return False
    from export.tensorrt.builder import build_engines

    build_engines(bundle, backend)
    return True


def _write(path: Path, text: str) -> None:
    with staged(path, folder=False) as partial, writing(path):
        partial.write_text(text, encoding="utf-8")


def _line(verdict: Verdict) -> str:
    name = " ".join(filter(None, [verdict.backend, verdict.precision]))
    message = [verdict.word if verdict.reason is None else f"{verdict.word}: {verdict.reason}"]
    worst, speed = verdict.worst, verdict.speed
    if worst is not None and verdict.reason is None:
        message.append(f"{worst.psnr:.1f} dB from f32 on the CPU or better")
    if speed is not None:
        message.append(f"{speed.fps:.1f} fps")
        if speed.scrub is not None:
            message.append(f"{speed.scrub.median:.1f} ms from a key to its frame")
        message.append(f"first frame {speed.open_seconds:.1f} s + {speed.first_frame_ms:.0f} ms")
        message.append(f"{speed.peak_bytes / 1e9:.2f} GB")
    return f"{name}: {', '.join(message)}"


def _fault(verdicts: tuple[Verdict, ...]) -> str:
    from runtime.bench.verify.verdicts import BAD

    bad = [f"{one.backend} ({one.word})" for one in verdicts if one.word in BAD]
    if not bad:
        return "no engine runtime can be used here: wordmorph doctor says what adds one"
    return f"not to be trusted here: {', '.join(bad)}; play with --backend and another"
