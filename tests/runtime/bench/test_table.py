from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.bench.figures import (
    Benchmark,
    Denoising,
    Layer,
    PeerFigures,
    Spread,
    from_json,
)
from runtime.bench.run import bench_bundle
from runtime.bench.table import BEGIN, END, PART, lines, main, section
from runtime.engines.cpu import peak_bytes
from runtime.errors import BundleError, TargetError
from runtime.pipeline import Pipeline


@pytest.fixture(scope="module")
def held() -> int:
    """More memory than the model takes, held by this process before anything is measured."""
    np.ones(700_000_000, np.uint8)
    return peak_bytes()


@pytest.fixture(scope="module")
def measured(held: int) -> Benchmark:
    request = Pipeline.open("critters").request("cat -> kitten")
    return bench_bundle(lambda: Pipeline.open("critters"), request, frames=4)


def test_what_is_measured_adds_up(measured: Benchmark, held: int) -> None:
    stages = measured.stages
    assert set(stages) == {"text", "mix", "denoise", "decode"}
    assert sum(stage.ms.median for stage in stages.values()) <= 1.3 * measured.frame.p90
    for name in ("denoise", "decode"):
        stage = stages[name]
        assert stage.gflop is not None
        assert stage.share is not None
        assert 0 < stage.share <= 1.05, f"{name} is faster than the machine can be"
        assert stage.gflops == pytest.approx(stage.gflop / (stage.ms.median / 1e3))
    assert 1e8 < measured.peak_bytes < held, "the memory is that of this process"
    assert measured.fill.batch >= 1
    assert measured.new_word.median > measured.stages["decode"].ms.p10


def test_json_gives_back_the_same_figures(measured: Benchmark) -> None:
    missing = PeerFigures("diffusers", "needs torch")
    known = PeerFigures("x", ms=Spread(3, 2, 4, 9), ratio=Spread(2, 1, 3, 9), psnr=50.0, note="n")
    result = replace(measured, scrub=Spread(20, 10, 30, 7), peers=(missing, known))
    assert from_json(result.to_json()) == result


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}', '{"format": 1}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="benchmark figures"):
        from_json(text)


def test_both_texts_say_why_a_peer_did_not_run(measured: Benchmark) -> None:
    result = replace(measured, peers=(PeerFigures("diffusers", "needs torch"),))
    for text in ("\n".join(lines(result)), section([result])):
        assert "does not run here: needs torch" in text
        assert result.machine.processor in text
        assert f"{result.fps:.1f}" in text
        assert "of the limit" in text


def test_figures_say_what_was_run_on_what(measured: Benchmark) -> None:
    command = "wordmorph bench --frames 4 'cat -> kitten'"
    ours, theirs = Spread(14, 13, 15, 9), Spread(28, 27, 29, 9)
    peer = PeerFigures(
        "x",
        ms=theirs,
        ours_ms=ours,
        ratio=Spread(2, 1, 3, 9),
        psnr=50.0,
        open_seconds=1,
        others=0.4,
    )
    result = replace(measured, command=command, peers=(peer,), others=0.01)
    shown = section([result])
    assert f"```console\n{command} --json\n```" in shown
    assert "| 28.0 ms (27.0 to 29.0) | 14.0 ms (13.0 to 15.0) | 2.00 times" in shown
    text = "\n".join(lines(result))
    assert "ours in turn with it 14.0 ms" in text
    for made in (shown, text):
        assert "40 %" in made, "the busiest part of the run"
        assert f"openvino {result.machine.versions['openvino']}" in made
    assert f"wordmorph {result.machine.versions['wordmorph']}" in text


@pytest.mark.parametrize(
    ("engine", "package"),
    [
        ("tensorrt_rtx", "tensorrt-rtx"),
        ("onnxruntime", "onnxruntime-gpu"),
        ("tensorrt", "tensorrt"),
    ],
)
def test_a_gpu_is_named_beside_the_processor(
    measured: Benchmark, engine: str, package: str
) -> None:
    versions = {"python": "3.12.1", package: "7.8.9"}
    machine = replace(measured.machine, versions=versions)
    result = replace(measured, engine=engine, device="NVIDIA L4", machine=machine)
    shown = section([result])
    assert f"on NVIDIA L4, with {machine.cores} cores of {machine.processor}" in shown
    assert f"{package} 7.8.9" in shown


def test_what_is_kept_and_the_slowest_operations_are_shown(measured: Benchmark) -> None:
    layer = Layer("decode", "Convolution", "brgconv_avx2_f32", 55, 12.34, 0.91)
    result = replace(measured, layers=(layer,), denoising=Denoising(1.5, 0.45, 0.05))
    shown, text = section([result]), "\n".join(lines(result))
    for made in (shown, text):
        assert "25 % of the denoiser's 2.00 GFLOP hear no text" in made
        assert "2.5 % depend on the step alone" in made
        assert "12.34 ms" in made
        assert "brgconv_avx2_f32" in made
    silent = "\n".join(lines(replace(result, layers=())))
    assert "layers" in silent, "asked for, and no word of it"


def test_figures_of_before_are_read(measured: Benchmark) -> None:
    raw = json.loads(replace(measured, peers=(PeerFigures("x", "gone"),)).to_json())
    for name in ("command", "more_limits", "denoising", "layers"):
        del raw[name]
    del raw["peers"][0]["others"]
    old = from_json(json.dumps(raw))
    assert old.command is None
    assert "```" not in section([old])


def test_a_readme_gets_its_section_replaced(
    measured: Benchmark, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, figures = tmp_path / "README.md", tmp_path / "critters.json"
    figures.write_text(measured.to_json(), encoding="utf-8")
    readme.write_text(f"before\n\n{BEGIN}\nold figures\n{END}\n\nafter\n", encoding="utf-8")
    assert main([str(figures), "--into", str(readme)]) == 0
    text = readme.read_text(encoding="utf-8")
    assert text == f"before\n\n{section([measured])}\n\nafter\n"
    assert main([str(tmp_path / "gone.json"), "--into", str(readme)]) == 1
    assert readme.read_text(encoding="utf-8") == text
    assert "error: " in capsys.readouterr().err
    with pytest.raises(TargetError):
        PART.insert("no section here", "new")


def test_a_plot_shows_the_stages_and_the_roof(measured: Benchmark) -> None:
    from runtime.bench.plot import draw_benchmark

    known = draw_benchmark(measured)
    blind = draw_benchmark(replace(measured, limits=replace(measured.limits, flop_per_second=None)))
    other = replace(measured.limits, precision="int8", flop_per_second=9e12)
    two = draw_benchmark(replace(measured, more_limits=(other,)))
    assert known.shape == blind.shape == two.shape == (588, 1344, 3)
    assert (known[:, 672:] != two[:, 672:]).mean() > 0.005, "one roof for two precisions"
    assert (known[:, 672:] != blind[:, 672:]).mean() > 0.005
