from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.bench.figures import Spread
from runtime.bench.machine import GraphicsCard, Machine
from runtime.bench.verify.hardware import BEGIN, END, PART, main, table
from runtime.bench.verify.verdicts import Bounds, Likeness, Report, Speed, Verdict
from runtime.errors import BundleError, TargetError

SPEED = Speed(
    open_seconds=1.2,
    first_frame_ms=80.0,
    frame=Spread(20.0, 18.0, 30.0, 9),
    batch=4,
    batched=Spread(10.0, 9.0, 12.0, 9),
    new_word=Spread(25.0, 20.0, 30.0, 9),
    scrub=Spread(33.0, 22.0, 44.0, 9),
    peak_bytes=500_000_000,
    gpu_bytes=2_000_000_000,
    others=0.25,
)
FRAMES = (Likeness("on a line", 51.0, 7), Likeness("a slot", 48.0, 9))
REPORT = Report(
    format=1,
    date="2026-11-25",
    model="critters",
    digest="d" * 64,
    width=256,
    height=256,
    steps=1,
    graphs="f32",
    machine=Machine("A | B CPU", ("avx2",), 2, 1 << 34, "Linux x86_64", {"wordmorph": "0.1.0"}),
    card=GraphicsCard("RTX 4090", "8.9", "13.0", "580.95.05", 24 << 30),
    bounds=Bounds(35.0, 28.0),
    verdicts=(
        Verdict("tensorrt", "unusable", "it is not installed"),
        Verdict("tensorrt_rtx", "alike", None, "f16", "RTX 4090", 30.0, FRAMES, SPEED),
        Verdict("onnxruntime", "failed", "no memory"),
        Verdict("openvino", "alike", None, "bf16", "A | B CPU", None, FRAMES, SPEED),
    ),
)


def test_each_row_names_its_machine_and_what_fails_says_so() -> None:
    lines = table([REPORT]).splitlines()
    assert lines[0] == BEGIN
    assert lines[-1] == END
    _, _, rtx, failed, cpu = lines[1:-1]
    assert "RTX 4090, driver 580.95.05, Linux x86_64, 2026-11-25" in rtx
    assert "50.0; 100.0 in batches of 4" in rtx
    assert "48.0 dB, 9 of 255 levels" in rtx
    assert "2.0 GB of the GPU's" in rtx
    assert "other programs used 25 %" in rtx
    assert "failed: no memory" in failed
    assert r"2 cores of A \| B CPU (avx2)" in cpu
    assert "RTX" not in cpu
    bars = [line.replace(r"\|", "").count("|") for line in lines[1:-1]]
    assert len(set(bars)) == 1, "every row has as many cells as the head"


def test_a_readme_gets_its_table_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, readme = tmp_path / "a.json", tmp_path / "README.md"
    file.write_text(REPORT.to_json(), encoding="utf-8")
    readme.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
    assert main([str(file), "--into", str(readme)]) == 0
    assert readme.read_text(encoding="utf-8") == f"before\n\n{table([REPORT])}\n\nafter\n"
    assert main([str(tmp_path / "gone.json"), "--into", str(readme)]) == 1
    assert main([str(file), "--into", str(file)]) == 1
    assert PART.read([file]) == [REPORT]
    assert "there is no section between" in capsys.readouterr().err


def test_files_that_are_no_reports_are_named(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"other\.json: this is no report"):
        PART.read([file])
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(TargetError):
        PART.read([file])


def test_a_machine_without_a_gpu_has_a_row_too() -> None:
    cpu = replace(REPORT, card=None, verdicts=REPORT.verdicts[3:])
    assert "2 cores of A" in table([cpu])
