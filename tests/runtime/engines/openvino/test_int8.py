"""Int8 of a bundle: calibrated once, kept with its figures, checked, refused where it spoils."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import openvino as ov
import pytest

from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from runtime.engines.openvino import int8 as int8_module
from runtime.engines.openvino.engine import OpenVinoEngine, open_engine
from runtime.engines.openvino.graph import fixed_model
from runtime.engines.openvino.int8 import GRAPHS, Int8, files_of, int8_graphs, int8_key, worthwhile
from runtime.errors import EngineError
from tests.support.child import run_code
from tests.support.models.tinybundle import see_tiny, write_tiny

Measured = Callable[[Mapping[str, float]], None]
GOOD = {"psnr_db": 41.0, "worst_psnr_db": 39.0, "neighbour_noise": 0.5, "frame_ms": 7.0}
RIVAL = {"psnr_db": 51.0, "worst_psnr_db": 49.0, "neighbour_noise": 0.6, "frame_ms": 9.0}


@pytest.fixture
def calibrations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """A cache of its own, NNCF as if it were there; the folders that were calibrated."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(int8_module, "installed", lambda: True)
    return []


@pytest.fixture
def measured(calibrations: list[Path], monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Let calibration copy the bundle's own graphs and measure what it is told."""

    def set_figures(figures: Mapping[str, float]) -> None:
        def run(module: str, task: dict[str, Any], receive: object) -> dict[str, Any]:
            folder = Path(task["out"])
            calibrations.append(folder)
            for role, name in GRAPHS.items():
                graph = fixed_model(Path(task["bundle"]) / f"{role}.onnx")
                ov.save_model(graph, folder / name, compress_to_fp16=False)
            return {"int8": dict(figures), "rival": RIVAL, "f32_ms": 9.0}

        monkeypatch.setattr(int8_module, "run_child", run)

    return set_figures


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_tiny(tmp_path / "bundle", 5)


def test_it_is_calibrated_once_and_draws(
    bundle: Bundle, measured: Measured, calibrations: list[Path]
) -> None:
    measured(GOOD)
    with pytest.warns(RuntimeWarning, match="calibrated once"):
        engine = open_engine(bundle, "int8")
    assert (engine.name, engine.precision) == ("openvino", "int8")
    see_tiny(engine, 1, 1, 2, apart=3)
    assert open_engine(bundle, "int8").precision == "int8"
    assert len(calibrations) == 1


def test_below_30_db_it_is_refused_with_the_figure_again_without_measuring(
    bundle: Bundle, measured: Measured, calibrations: list[Path]
) -> None:
    measured({**GOOD, "psnr_db": 29.94, "worst_psnr_db": 21.2})
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(EngineError, match=r"29\.9 dB .*worst 21\.2.* below 30 dB"),
    ):
        open_engine(bundle, "int8")
    with pytest.raises(EngineError, match=r"29\.9 dB") as caught:
        open_engine(bundle, "int8")
    assert "\n" not in str(caught.value)
    assert len(calibrations) == 1
    assert open_engine(bundle, "auto").precision != "int8"


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, True),
        ({"psnr_db": 37.9}, False),
        ({"worst_psnr_db": 33.9}, False),
        ({"neighbour_noise": 0.61}, False),
        ({"frame_ms": 9.5}, False),
        ({"psnr_db": float("nan")}, False),
    ],
)
def test_auto_takes_it_where_it_is_made_faithful_calm_and_faster(
    bundle: Bundle, measured: Measured, changed: Mapping[str, float], wanted: bool
) -> None:
    measured({**GOOD, **changed})
    assert not worthwhile(bundle)  # nothing is calibrated unasked
    with pytest.warns(RuntimeWarning), suppress(EngineError):
        int8_graphs(bundle)
    assert worthwhile(bundle) is wanted
    assert (open_engine(bundle, "auto").precision == "int8") is wanted


@pytest.mark.parametrize("noise", [0.49, 0.51])
def test_where_there_is_no_bf16_it_must_be_calm_by_itself(
    bundle: Bundle, measured: Measured, monkeypatch: pytest.MonkeyPatch, noise: float
) -> None:
    monkeypatch.setitem(globals(), "RIVAL", None)
    measured({**GOOD, "neighbour_noise": noise})
    with pytest.warns(RuntimeWarning):
        int8_graphs(bundle)
    assert worthwhile(bundle) is (noise < 0.5)


def test_a_graph_that_is_not_there_in_int8_is_the_bundles_own(
    bundle: Bundle, measured: Measured, calibrations: list[Path]
) -> None:
    measured(GOOD)
    with pytest.warns(RuntimeWarning):
        whole = int8_graphs(bundle)
    assert whole.roles == {"denoiser", "decoder"}
    part = Int8.of(whole.folder, ["decoder"])
    assert part.digest != whole.digest
    for name in files_of("denoiser"):
        (whole.folder / name).unlink()
    see_tiny(OpenVinoEngine(bundle, "int8", part), 1, 1, 2, apart=3)


@pytest.mark.parametrize("file", ["denoiser.xml", "decoder.bin"])
def test_an_altered_graph_is_never_read(bundle: Bundle, measured: Measured, file: str) -> None:
    measured(GOOD)
    with pytest.warns(RuntimeWarning):
        path = int8_graphs(bundle).folder / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(EngineError, match=f"{file} .*does not match its sha256"):
        open_engine(bundle, "int8")
    assert not path.exists()


def test_another_bundle_has_graphs_of_its_own(tmp_path: Path, bundle: Bundle) -> None:
    other = write_tiny(tmp_path / "other", 6)
    assert int8_key(other).digest() != int8_key(bundle).digest()


def test_without_nncf_it_says_what_to_install(
    bundle: Bundle, calibrations: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_module, "installed", lambda: False)
    with pytest.raises(EngineError, match=r"nncf.*pip install '\.\[int8\]'"):
        open_engine(bundle, "int8")
    assert open_engine(bundle, "auto").precision in ("bf16", "f32")


def test_a_child_that_fails_leaves_nothing(
    bundle: Bundle, calibrations: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real child, for which the bundle on disk is not the one it was started for."""
    monkeypatch.setattr(Bundle, "digest", lambda self: "another")
    with (
        pytest.warns(RuntimeWarning),
        pytest.raises(EngineError, match="was replaced meanwhile") as caught,
    ):
        int8_graphs(bundle)
    assert "\n" not in str(caught.value)
    assert EngineCache().entries() == []


def test_the_engine_itself_imports_neither_nncf_nor_the_calibration() -> None:
    code = (
        "import sys, runtime.engines.openvino.engine; "
        "print([m for m in sys.modules if m.split('.')[0] in ('nncf', 'torch', 'scipy') "
        "or m.startswith('runtime.quantise')])"
    )
    done = run_code(code)
    assert done.stdout == "[]\n", done.stderr
