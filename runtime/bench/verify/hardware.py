"""The README's table of machines, made from reports of ``wordmorph verify``.

``python -m runtime.bench.verify.hardware FILE.json …`` prints it; with ``--into README.md`` it
replaces the one that stands there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from runtime.bench.figures import in_ms
from runtime.bench.limits.limits import CPU
from runtime.bench.readme import Part
from runtime.bench.verify.verdicts import BAD, Report, Verdict, from_json

BEGIN = "<!-- hardware: written by python -m runtime.bench.verify.hardware -->"
END = "<!-- hardware: end -->"
HEADS = (
    "machine",
    "model",
    "engine runtime",
    "frames a second",
    "from a key to its frame",
    "opened; first frame",
    "memory",
    "least like f32 on the CPU",
)


def table(reports: Sequence[Report]) -> str:
    """Return a Markdown table with a row for each engine runtime that a report could try.

    Those that fail or draw wrongly have a row that says so.
    """
    rows = [
        _row(report, verdict)
        for report in reports
        for verdict in report.verdicts
        if verdict.word != "unusable"
    ]
    lines = [HEADS, tuple("---" for _ in HEADS), *rows]
    return "\n".join([BEGIN, *(f"| {' | '.join(line)} |" for line in lines), END])


PART = Part("runtime.bench.verify.hardware", BEGIN, END, from_json, table)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return PART.main(argv, __doc__, "what wordmorph verify wrote")


def _row(report: Report, verdict: Verdict) -> tuple[str, ...]:
    model = f"{report.model}, {report.width}x{report.height}, " + (
        "one step" if report.steps == 1 else f"{report.steps} steps"
    )
    name = " ".join(filter(None, [verdict.backend, verdict.precision]))
    head = (_machine(report, verdict), model, name)
    if verdict.word in BAD:
        return (*map(_cell, (*head, f"{verdict.word}: {verdict.reason}")), "", "", "", "")
    speed, worst = verdict.speed, verdict.worst
    if speed is None or worst is None:
        return (*map(_cell, head), "", "", "", "", "")
    memory = f"{speed.peak_bytes / 1e9:.1f} GB"
    if speed.gpu_bytes is not None:
        memory += f", {speed.gpu_bytes / 1e9:.1f} GB of the GPU's"
    batched = (
        f"; {1e3 / speed.batched.median:.1f} in batches of {speed.batch}" if speed.batch > 1 else ""
    )
    cells = (
        *head,
        f"{speed.fps:.1f}" + batched,
        "not measured" if speed.scrub is None else in_ms(speed.scrub),
        f"{speed.open_seconds:.1f} s; {speed.first_frame_ms:.0f} ms",
        memory,
        f"{worst.psnr:.1f} dB, {worst.levels} of 255 levels",
    )
    return tuple(map(_cell, cells))


def _machine(report: Report, verdict: Verdict) -> str:
    """Return what a verdict's engines ran on, with the date and what else was running."""
    machine, card = report.machine, report.card
    if card is None or verdict.backend in CPU:
        features = f" ({', '.join(machine.features)})" if machine.features else ""
        name = f"{machine.cores} cores of {machine.processor}{features}"
    else:
        driver = "" if card.driver is None else f", driver {card.driver}"
        name = f"{card.name}{driver}"
    busy = verdict.speed.others if verdict.speed is not None else None
    others = "" if busy is None else f"; other programs used {100 * busy:.0f} % of its cores"
    return f"{name}, {machine.system}, {report.date}{others}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
