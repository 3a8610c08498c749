"""A report of ``wordmorph verify`` as one page that stands alone: HTML with its pictures inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.bench.figures import in_ms
from runtime.bench.verify.verdicts import Report, Verdict
from runtime.bench.verify.verify import Pair

AMPLIFIED = 8
"""how much darker than it is a difference is drawn"""
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22282f; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
table { border-collapse: collapse; margin: .6rem 0 1.4rem; }
th, td { text-align: left; padding: .15rem .9rem .15rem 0; vertical-align: top;
         border-bottom: 1px solid #dde2e7; }
figure { display: inline-block; margin: 0 1rem 1rem 0; }
img { max-width: 18rem; display: block; }
figcaption { color: #5b646d; font-size: .85rem; }
.alike { color: #1d7044; }
.coarse, .unusable { color: #8a6100; }
.differs, .failed { color: #a8201a; }
"""


def page(report: Report, worst: Mapping[str, Pair]) -> str:
    """Return a whole HTML document; ``worst`` has each engine's least alike frame."""
    where = report.machine.processor if report.card is None else report.card.name
    title = f"wordmorph verify: {report.model} on {where}"
    verdicts = [(one.backend, one.word, one.reason or "") for one in report.verdicts]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(_result(report))}</p>",
        "<h2>Machine</h2>",
        _table([], summary(report)),
        "<h2>Engine runtimes</h2>",
        _table(("engine runtime", "verdict", "why"), verdicts),
    ]
    for verdict in report.verdicts:
        if verdict.frames:
            parts += _engine(verdict, worst.get(verdict.backend))
    return "\n".join([*parts, "</body></html>", ""])


def summary(report: Report) -> list[tuple[str, str]]:
    """Return what figures must be read with, as (name, text)."""
    machine, card = report.machine, report.card
    features = f" ({', '.join(machine.features)})" if machine.features else ""
    rows = [
        ("model", f"{report.model}, {report.width}x{report.height}, graphs in {report.graphs}"),
        ("steps", str(report.steps)),
        ("digest", report.digest),
        ("date", report.date),
        ("system", machine.system),
        ("processor", f"{machine.processor}, {machine.cores} cores{features}"),
        ("memory", f"{machine.memory_bytes / 1e9:.1f} GB"),
    ]
    if card is None:
        rows.append(("NVIDIA GPU", "none answers"))
    else:
        driver = card.driver or "of unknown version"
        rows += [
            ("NVIDIA GPU", f"{card.name}, compute capability {card.capability}"),
            ("GPU memory", f"{card.memory_bytes / 1e9:.1f} GB"),
            ("driver", f"{driver}, for CUDA {card.cuda}"),
        ]
    return rows + [(name, version) for name, version in machine.versions.items()]


def speeds(verdict: Verdict) -> list[tuple[str, str]]:
    """Return an engine's figures as (name, text); empty where nothing was timed."""
    speed = verdict.speed
    if speed is None:
        return []
    rows = [
        ("frames a second", f"{speed.fps:.1f}, one at a time"),
        ("a frame", in_ms(speed.frame)),
        *(
            [(f"a frame in batches of {speed.batch}", in_ms(speed.batched))]
            if speed.batch > 1
            else []
        ),
        ("a frame of new words", in_ms(speed.new_word)),
        ("opened in", f"{speed.open_seconds:.1f} s"),
        ("first frame", f"{speed.first_frame_ms:.0f} ms"),
        ("memory at the peak", f"{speed.peak_bytes / 1e9:.2f} GB"),
    ]
    if speed.scrub is not None:
        rows.insert(2, ("from a key to its frame", in_ms(speed.scrub)))
    if speed.gpu_bytes is not None:
        rows.append(("GPU memory", f"{speed.gpu_bytes / 1e9:.2f} GB"))
    if verdict.built_seconds is not None:
        rows.append(("engines ready after", f"{verdict.built_seconds:.1f} s"))
    if speed.others is not None:
        rows.append(("other programs used", f"{100 * speed.others:.0f} % of all cores"))
    return rows


def _engine(verdict: Verdict, pair: Pair | None) -> list[str]:
    parts = [
        f"<h2>{escape(verdict.backend)} {escape(verdict.precision or '')}</h2>",
        f"<p>{escape(verdict.device or '')}</p>",
        _table([], speeds(verdict)),
    ]
    if pair is not None:
        apart = np.abs(pair.made.astype(np.int16) - pair.wanted)
        shown = np.clip(255 - AMPLIFIED * apart, 0, 255).astype(np.uint8)
        parts += [
            f"<h3>The frame least like f32 on the CPU: {escape(pair.what)}</h3>",
            _figure(pair.made, f"{verdict.backend} {verdict.precision}"),
            _figure(pair.wanted, "f32 on the CPU"),
            _figure(shown, f"their difference, {AMPLIFIED} times"),
        ]
    rows = [(one.what, f"{one.psnr:.1f}", str(one.levels)) for one in verdict.frames]
    return [*parts, _table(("frame", "PSNR, dB", "worst, of 255 levels"), rows)]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    made = ["<table>"]
    if heads:
        made.append("<tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>")
    for name, *cells in rows:
        kind = f' class="{escape(cells[0])}"' if len(heads) > 1 and heads[1] == "verdict" else ""
        rest = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        made.append(f"<tr{kind}><th>{escape(name)}</th>{rest}</tr>")
    return "\n".join([*made, "</table>"])


def _figure(pixels: NDArray[np.uint8], caption: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _result(report: Report) -> str:
    if report.passed:
        return "Every engine runtime that is usable here draws what f32 on the CPU draws."
    return "Not every engine runtime that is installed here works: see below."
