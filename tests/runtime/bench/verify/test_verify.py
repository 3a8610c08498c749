"""Every engine runtime is drawn on, compared and timed: on the tiny graphs, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.bench.verify import verify as verify_module
from runtime.bench.verify.page import page
from runtime.bench.verify.verdicts import Bounds, Likeness, Report, anonymous, from_json, judge
from runtime.bench.verify.verify import Drawn, Verified, shots, verify_bundle
from runtime.bundles.bundle import Bundle
from runtime.errors import BuildError, BundleError, EngineError
from runtime.pipeline import Pipeline
from runtime.planner import Planner
from runtime.request import Frame, Request
from tests.runtime.engines.machine import Machine
from tests.support.models.tinybundle import write_tiny

BOUNDS = Bounds(enough=35.0, least=28.0)
Work = Callable[..., Drawn]


def here(work: Work, *args: Any) -> Drawn:
    return work(*args)


def verified(bundle: Bundle, *backends: str, run: Any = here, **more: Any) -> Verified:
    return verify_bundle(bundle, backends, BOUNDS, frames=5, run=run, **more)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_tiny(tmp_path / "bundle", 5)


def test_a_dozen_frames_take_both_axes_slots_steps_and_a_batch(bundle: Bundle) -> None:
    planner = Planner(bundle.manifest, bundle.folder)
    asked = shots(planner)
    assert len(asked) >= 12
    requests = [shot.request for shot in asked]
    for request in requests:
        planner.check(request)
    assert {request.steps for request in requests} == {1, 2, 3}
    assert {request.u for request in requests} >= {0.0, 0.5, 1.0}
    assert any("[" in request.expression for request in requests)
    assert sum(shot.batched for shot in asked) == 4
    assert requests[-1] == requests[0]


def test_what_draws_alike_is_timed_and_passes(bundle: Bundle) -> None:
    pytest.importorskip("onnxruntime")
    found = verified(bundle, "openvino", "onnxruntime-cpu", scrub=lambda *_: [1.0, 2.0, 3.0])
    report = found.report
    assert report.passed
    assert [one.word for one in report.verdicts] == ["alike", "alike"]
    for verdict in report.verdicts:
        assert verdict.speed is not None
        assert verdict.speed.fps > 0
        assert verdict.speed.frame.count == 5
        assert verdict.speed.scrub is not None
        assert verdict.speed.scrub.median == 2.0
        assert verdict.speed.peak_bytes > 1e7
    assert report.machine.versions["openvino"]
    assert from_json(report.to_json()) == report
    text = page(report, found.worst)
    assert text.count("data:image/png;base64,") == 6
    assert report.machine.processor in text


def planted(backend: str, harm: Callable[[list[Any]], None]) -> Callable[..., Drawn]:
    """Return a run that changes the frames of one engine runtime."""

    def run(work: Work, *args: Any) -> Drawn:
        drawn = work(*args)
        if args[1] == backend and args[2] == "auto":
            pixels = list(drawn.pixels)
            harm(pixels)
            return replace(drawn, pixels=tuple(pixels))
        return drawn

    return run


def test_one_wrong_frame_of_an_engine_is_found_and_shown(bundle: Bundle) -> None:
    def harm(pixels: list[Any]) -> None:
        pixels[6] = 255 - pixels[6]

    found = verified(bundle, "openvino", run=planted("openvino", harm))
    (verdict,) = found.report.verdicts
    assert verdict.word == "differs"
    assert verdict.reason is not None
    assert verdict.reason.startswith("a slot: ")
    assert not found.report.passed
    pair = found.worst["openvino"]
    apart = np.abs(pair.made.astype(int) - (255 - pair.wanted))
    assert apart.mean() < 3, "not the frame that was changed, beside its own reference"
    assert "differs" in page(found.report, found.worst)


def test_a_batch_in_the_wrong_order_is_found(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_many = Pipeline.render_many

    def reversed_batch(pipeline: Pipeline, requests: list[Request]) -> list[Frame]:
        return render_many(pipeline, requests)[::-1]

    monkeypatch.setattr(Pipeline, "render_many", reversed_batch)
    (verdict,) = verified(bundle, "openvino").report.verdicts
    assert verdict.word == "differs"
    assert verdict.worst is not None
    assert verdict.worst.what.startswith("in a batch, ")


def test_an_engine_that_fails_keeps_no_other_from_its_verdict(bundle: Bundle) -> None:
    pytest.importorskip("onnxruntime")

    def run(work: Work, *args: Any) -> Drawn:
        if args[1] == "onnxruntime-cpu":
            raise EngineError("its process ended (SIGSEGV)")
        return work(*args)

    report = verified(bundle, "onnxruntime-cpu", "openvino", run=run).report
    assert [one.word for one in report.verdicts] == ["failed", "alike"]
    assert report.verdicts[0].reason == "its process ended (SIGSEGV)"
    assert not report.passed


def test_what_is_not_installed_is_listed_with_its_reason_and_is_no_fault(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usable(name: str) -> str | None:
        return None if name == "openvino" else f"no {name} in /home/jane doe/.venv/lib/x.so"

    monkeypatch.setattr(verify_module, "usable", usable)
    report = verified(bundle, "tensorrt", "openvino").report
    assert [one.word for one in report.verdicts] == ["unusable", "alike"]
    assert report.passed
    nothing = verified(bundle, "tensorrt").report
    assert not nothing.passed, "nothing could be tried"


def test_without_a_reference_there_is_no_verdict(bundle: Bundle) -> None:
    def run(work: Work, *args: Any) -> Drawn:
        raise EngineError("no openvino")

    with pytest.raises(EngineError, match="no openvino"):
        verified(bundle, "openvino", run=run)


def test_a_gpu_is_built_for_drawn_on_and_named(
    machine: Machine, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the fakes of TensorRT and CUDA, which execute the same graphs."""
    monkeypatch.setattr("runtime.bench.machine.cuda_runtime", lambda: machine.cuda)
    monkeypatch.setattr("runtime.bench.machine.driver_version", lambda: "580.95.05")

    def prepare(bundle: Bundle, backend: str) -> bool:
        machine.build(bundle)
        return True

    report = verified(bundle, machine.backend, prepare=prepare).report
    (verdict,) = report.verdicts
    assert verdict.word == "alike", verdict.reason
    assert verdict.built_seconds is not None
    assert verdict.speed is not None
    assert verdict.speed.batch == 4
    assert verdict.speed.gpu_bytes is not None
    assert verdict.speed.gpu_bytes > 0
    assert report.card is not None
    assert report.card.name == machine.cuda.name
    assert report.card.driver == "580.95.05"
    assert machine.cuda.name in page(report, {})


def test_engines_that_cannot_be_built_are_a_fault(machine: Machine, bundle: Bundle) -> None:
    def prepare(bundle: Bundle, backend: str) -> bool:
        raise BuildError("the new engines draw something else, 12.0 dB")

    (verdict,) = verified(bundle, machine.backend, prepare=prepare).report.verdicts
    assert verdict.word == "failed"
    assert verdict.reason == "the new engines draw something else, 12.0 dB"


@pytest.mark.parametrize(
    ("precision", "psnr", "word"),
    [
        ("f32", 36.0, "alike"),
        ("f32", 34.0, "differs"),
        ("f16", 36.0, "alike"),
        ("f16", 34.0, "coarse"),
        ("bf16", 27.0, "differs"),
    ],
)
def test_the_least_alike_frame_decides(precision: str, psnr: float, word: str) -> None:
    frames = [Likeness("good", 60.0, 1), Likeness("bad", psnr, 90), Likeness("fair", 50.0, 2)]
    message, why = judge(precision, frames, BOUNDS)
    assert message == word
    assert (why is None) == (word == "alike")
    assert why is None or why.startswith("bad: ")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no /opt/jane/lib/x.so: gone", "no …/x.so: gone"),
        (r"no C:\Users\jane\x.dll", "no …/x.dll"),
        ("see https://www.nvidia.com/drivers", "see https://www.nvidia.com/drivers"),
        ("-3/7*tabby and/or 1/400", "-3/7*tabby and/or 1/400"),
        ("'/mnt/jane/a b'", "'…/a b'"),
    ],
)
def test_reasons_travel_without_folders(text: str, wanted: str) -> None:
    assert anonymous(text) == wanted


def test_reasons_travel_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jane doe")
    monkeypatch.setenv("USERPROFILE", "/home/jane doe")
    assert "jane" not in anonymous("no /home/jane doe/.cache/wordmorph/engines/ab/plan")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1}', "\x00"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="no report of 'wordmorph verify'"):
        from_json(text)


def test_a_report_of_another_kind_of_value_is_refused(bundle: Bundle) -> None:
    report: Report = verified(bundle, "openvino").report
    with pytest.raises(BundleError):
        from_json(report.to_json().replace('"alike"', '"splendid"'))
