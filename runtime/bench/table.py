"""Figures as text: lines for a terminal, and the README's performance section.

``python -m runtime.bench.table FILE.json …`` prints the section that benchmarks saved with
``wordmorph bench --json`` come to; with ``--into README.md`` it replaces the one that stands there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from runtime.bench.figures import (
    Benchmark,
    Denoising,
    Layer,
    PeerFigures,
    Spread,
    StageFigures,
    from_json,
)
from runtime.bench.limits.limits import CPU
from runtime.bench.readme import Part

BEGIN = "<!-- bench: written by python -m runtime.bench.table -->"
END = "<!-- bench: end -->"


def lines(result: Benchmark) -> list[str]:
    """Return one benchmark as lines for people."""
    machine = result.machine
    random = ", random weights" if result.random_weights else ""
    rows = [
        ("model", f"{result.model} {result.width}x{result.height}, {_steps(result)}{random}"),
        ("engine", f"{result.engine} {result.precision}"),
        ("device", result.device),
        ("machine", f"{machine.processor}, {machine.cores} cores, {machine.system}"),
        ("versions", _versions(result, tuple(machine.versions))),
        ("others on it", _percent(result.busiest)),
        ("open", f"{result.open_seconds:.2f} s; first frame {result.first_frame_ms:.1f} ms"),
        ("live", f"{result.fps:.1f} fps ({result.frame.count} frames)"),
        ("a frame", _ms(result.frame)),
        *((f"  {name}", _stage(stage)) for name, stage in result.stages.items()),
        ("filling", f"{1e3 / result.fill.ms.median:.1f} fps in batches of {result.fill.batch}"),
        ("key to frame", "not measured" if result.scrub is None else _ms(result.scrub)),
        ("new words", _ms(result.new_word)),
        ("peak memory", f"{result.peak_bytes / 1e9:.2f} GB"),
        ("limit", _limits(result)),
        *([] if result.denoising is None else [("kept", _kept(result.denoising))]),
        *((f"against {peer.name}", _peer(peer)) for peer in result.peers),
        *([] if result.layers is None else _layers(result.layers)),
    ]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text}" for name, text in rows]


def section(results: Sequence[Benchmark]) -> str:
    """Return the performance section of a README, in Markdown."""
    parts = [BEGIN]
    for result in results:
        random = " with random weights" if result.random_weights else ""
        parts += [
            f"**{result.model}**{random}, {result.width}x{result.height}, {_steps(result)}, "
            f"{result.engine} {result.precision}, on {_place(result)}; other programs used "
            f"{_percent(result.busiest)} of the cores meanwhile:",
            "",
            *(
                []
                if result.command is None
                else ["```console", f"{result.command} --json", "```", ""]
            ),
            "| what | median (10 to 90 %) | GFLOP | GFLOP/s | of the limit |",
            "| --- | --- | --- | --- | --- |",
            _row("a frame", result.frame, _total(result)),
            *(_row(name, stage.ms, stage) for name, stage in result.stages.items() if stage.gflop),
            _row(f"a frame of a film, in batches of {result.fill.batch}", result.fill.ms),
            *([] if result.scrub is None else [_row("from a key to its frame", result.scrub)]),
            _row("a frame of new words", result.new_word),
            "",
            f"{result.fps:.1f} frames a second; {result.open_seconds:.1f} s to open, "
            f"{result.peak_bytes / 1e9:.1f} GB at the peak. {_limits(result)}."
            + ("" if result.denoising is None else f" {_kept(result.denoising)}."),
            "",
        ]
        if result.peers:
            parts += [
                f"| in turn with {result.model} | its frame | our frame, in turn | "
                "its time over ours | likeness |",
                "| --- | --- | --- | --- | --- |",
                *(_peer_row(peer) for peer in result.peers),
                "",
            ]
        if result.layers:
            parts += [
                "| operations | kernel | how many | in one run | of the graph |",
                "| --- | --- | --- | --- | --- |",
                *(
                    f"| {one.stage}: {one.operation} | {one.kernel} | {one.count} | "
                    f"{one.ms:.2f} ms | {_percent(one.share)} |"
                    for one in result.layers
                ),
                "",
            ]
    return "\n".join([*parts, END])


PART = Part("runtime.bench.table", BEGIN, END, from_json, section)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return PART.main(argv, __doc__, "what wordmorph bench --json printed")


def _total(result: Benchmark) -> StageFigures | None:
    """Return all graphs of a frame as one stage, where each was counted."""
    graphs = [stage for stage in result.stages.values() if stage.gflop is not None]
    least = [stage.limit_ms for stage in graphs if stage.limit_ms is not None]
    if not graphs or len(least) != len(graphs):
        return None
    gflop = sum(stage.gflop or 0.0 for stage in graphs)
    median = result.frame.median
    return StageFigures(
        result.frame,
        gflop=gflop,
        gflops=gflop / (median / 1e3),
        limit_ms=sum(least),
        share=sum(least) / median,
    )


def _place(result: Benchmark) -> str:
    """Return what the engine ran on, and with what."""
    machine = result.machine
    own = result.engine.replace("_", "-")
    named = _versions(result, ("python", own.removesuffix("-cpu"), f"{own}-gpu"))
    processor = (
        f"{machine.cores} cores of {machine.processor} "
        f"({', '.join(machine.features) or machine.system}; {named})"
    )
    return processor if result.engine in CPU else f"{result.device}, with {processor}"


def _versions(result: Benchmark, names: Sequence[str]) -> str:
    """Return the versions of those of ``names`` that were there."""
    versions = result.machine.versions
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)


def _row(what: str, ms: Spread, stage: StageFigures | None = None) -> str:
    counted = ["", "", ""]
    if stage is not None and stage.gflop is not None:
        counted = [f"{stage.gflop:.2f}", f"{stage.gflops:.0f}", _percent(stage.share)]
    return f"| {what} | {_ms(ms)} | {' | '.join(counted)} |"


def _peer_row(peer: PeerFigures) -> str:
    if peer.ms is None or peer.ratio is None or peer.psnr is None:
        return f"| {peer.name} | does not run here: {peer.reason} | | | |"
    note = f" ({peer.note})" if peer.note else ""
    ours = "" if peer.ours_ms is None else _ms(peer.ours_ms)
    return (
        f"| {peer.name}{note} | {_ms(peer.ms)} | {ours} | {_times(peer.ratio)} | "
        f"{peer.psnr:.1f} dB |"
    )


def _peer(peer: PeerFigures) -> str:
    if peer.ms is None or peer.ratio is None or peer.psnr is None:
        return f"does not run here: {peer.reason}"
    ours = "" if peer.ours_ms is None else f", ours in turn with it {_ms(peer.ours_ms)}"
    return (
        f"it takes {_times(peer.ratio)} our time: {_ms(peer.ms)}{ours}; frames alike to "
        f"{peer.psnr:.1f} dB or better; ready after {peer.open_seconds:.0f} s ({peer.note})"
    )


def _stage(stage: StageFigures) -> str:
    text = _ms(stage.ms)
    if stage.gflop is not None:
        text += f"; {stage.gflop:.2f} GFLOP at {stage.gflops:.0f} GFLOP/s"
    if stage.share is not None:
        text += f", {_percent(stage.share)} of the limit ({stage.limit_ms:.2f} ms)"
    return text


def _kept(work: Denoising) -> str:
    whole = work.text + work.noise + work.step
    return (
        f"{100 * (work.noise + work.step) / whole:.0f} % of the denoiser's {whole:.2f} GFLOP hear "
        f"no text and run once for each seed; {100 * work.step / whole:.1f} % depend on the step "
        "alone"
    )


def _layers(layers: Sequence[Layer]) -> list[tuple[str, str]]:
    if not layers:
        return [("layers", "not measured: only openvino tells what each takes")]
    return [
        (
            f"{one.stage}, {one.operation}",
            f"{one.ms:.2f} ms in one run, {_percent(one.share)}: {one.count} of {one.kernel}",
        )
        for one in layers
    ]


def _limits(result: Benchmark) -> str:
    limits = result.limits
    message = [
        f"matrix products in {one.precision} ran at {one.flop_per_second / 1e9:.0f} GFLOP/s"
        for one in (limits, *result.more_limits)
        if one.flop_per_second is not None
    ]
    if limits.bytes_per_second is not None:
        message.append(f"copying at {limits.bytes_per_second / 1e9:.1f} GB/s, read and written")
    if limits.reason is not None:
        message.append(f"not measured: {limits.reason}")
    text = ", ".join(message)
    return text[:1].upper() + text[1:]


def _steps(result: Benchmark) -> str:
    return "one step" if result.steps == 1 else f"{result.steps} steps"


def _ms(spread: Spread) -> str:
    digits = 1 if spread.median < 1000 else 0
    middle, low, high = (f"{x:.{digits}f}" for x in (spread.median, spread.p10, spread.p90))
    return f"{middle} ms ({low} to {high})"


def _times(spread: Spread) -> str:
    return f"{spread.median:.2f} times ({spread.p10:.2f} to {spread.p90:.2f})"


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.0f} %"


if __name__ == "__main__":
    sys.exit(main())
