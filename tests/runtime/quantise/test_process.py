"""What is calibrated and judged in a process of its own, and what comes of the built-in model."""

from __future__ import annotations

import threading
from pathlib import Path

import openvino as ov
import pytest

from runtime.engines.openvino import int8 as int8_module
from runtime.engines.openvino.engine import best_precision
from runtime.engines.openvino.graph import fixed_model
from runtime.engines.openvino.int8 import files_of
from runtime.pipeline import Pipeline
from runtime.quantise import process
from runtime.quantise.frames import sample_requests
from runtime.quantise.judge import Fidelity, compare, draw
from runtime.quantise.process import CALIBRATION, CALIBRATION_SEED
from tests.runtime.engines.openvino.test_int8 import GOOD, RIVAL
from tests.support.child import run_code
from tests.support.models.tinybundle import write_worded


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


BAD = {**GOOD, "worst_psnr_db": 31.0}


@pytest.mark.parametrize(
    ("figures", "roles"),
    [
        ([GOOD], ["denoiser", "decoder"]),
        ([BAD, GOOD], ["denoiser", "decoder"]),
        ([BAD, BAD, GOOD], ["denoiser"]),
        ([BAD, BAD, BAD, GOOD], ["decoder"]),
        ([BAD, BAD, BAD, BAD], ["denoiser", "decoder"]),
        ([BAD, {**BAD, "psnr_db": 29.0}, BAD, BAD], []),
    ],
)
def test_what_costs_too_much_quality_stays_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    figures: list[dict[str, float]],
    roles: list[str],
) -> None:
    """The child's own work, but for NNCF and the judgement."""
    bundle = write_worded(tmp_path / "worded", 5)
    measured = [
        Fidelity(**one) for one in (*([] if best_precision() == "f32" else [RIVAL]), *figures)
    ]
    scopes: list[tuple[str, str]] = []
    monkeypatch.setattr(process, "import_nncf", lambda: None)
    monkeypatch.setattr(process, "compare", lambda got, exact: measured.pop(0))

    def copy(graph: Path, role: str, inputs: object, target: Path, scope: str) -> None:
        scopes.append((role, scope))
        ov.save_model(fixed_model(graph), target, compress_to_fp16=False)

    monkeypatch.setattr(process, "quantise", copy)
    out = tmp_path / "out"
    out.mkdir()
    task = {"bundle": str(bundle.folder), "digest": bundle.digest(), "out": str(out)}
    notes = process.work(task, lambda *message: None, threading.Event())
    assert not measured
    assert {path.name for path in out.iterdir()} == {
        name for role in roles for name in files_of(role)
    }
    assert list(notes["scopes"]) == (roles or ["denoiser", "decoder"])
    again = [("denoiser", "convolutions")] if len(figures) > 1 else []
    assert scopes == [("denoiser", "all"), ("decoder", "all"), *again]
    assert len(notes["tried"]) == len(figures)


def test_nncf_does_not_bring_torch() -> None:
    """It loads torch wherever that is installed, gigabytes in some wheels."""
    code = (
        "import sys; from runtime.quantise.quantise import import_nncf; import_nncf(); "
        "print(sys.modules['torch'], 'torch.nn' in sys.modules)"
    )
    done = run_code(code)
    assert done.stdout == "None False\n", done.stderr


@pytest.mark.slow
def test_the_built_in_model_in_int8(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    """100 frames that were not calibrated on, against f32 and beside what ``auto`` takes."""
    taken = set(sample_requests(pipeline.planner, CALIBRATION, CALIBRATION_SEED))
    requests = sample_requests(pipeline.planner, 100, 77)
    assert not taken & set(requests)
    exact = draw(pipeline, requests)
    with pytest.warns(RuntimeWarning, match="calibrated once"):
        int8 = Pipeline.open("critters", backend="openvino", precision="int8")
    with int8:
        ours = compare(draw(int8, requests), exact)
    with Pipeline.open("critters", backend="openvino", precision=best_precision()) as best:
        rival = compare(draw(best, requests), exact)
    with capsys.disabled():
        print(f"\nint8: {ours}\n{best_precision()}: {rival}\nf32: {exact.frame_ms:.1f} ms")
        print(f"int8 draws {rival.frame_ms / ours.frame_ms:.2f} times as fast")
    assert ours.psnr_db >= 38
    assert ours.worst_psnr_db >= int8_module.LEAST_DB
