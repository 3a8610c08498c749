"""OpenVINO's engine: its precision follows what was measured, its failures are one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.bundles.bundle import Bundle
from runtime.engines.openvino import engine as engine_module
from runtime.engines.openvino import prologue as prologue_module
from runtime.engines.openvino import text as text_module
from runtime.engines.openvino.engine import open_engine, suited_precision
from runtime.errors import EngineError, first_line, last_line
from tests.support.child import run_code
from tests.support.models.tinybundle import TOKENS, render_tiny, see_tiny, write_tiny


@pytest.mark.parametrize(
    ("parity", "wanted"),
    [
        ({}, "bf16"),
        ({"f32": {"psnr": 20.0}, "bf16": {"psnr": 53.6}}, "bf16"),
        ({"bf16": {"psnr": 34.9}}, "f32"),
        ({"bf16": {"psnr": float("nan")}}, "f32"),
        ({"bf16": {"psnr": None}}, "f32"),
        ({"bf16": {}}, "bf16"),
    ],
)
def test_a_bundle_that_bf16_spoils_runs_in_f32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parity: dict[str, Any], wanted: str
) -> None:
    monkeypatch.setattr(engine_module, "best_precision", lambda: "bf16")
    bundle = write_tiny(tmp_path)
    bundle = Bundle(bundle.folder, replace(bundle.manifest, parity=parity))
    assert suited_precision(bundle) == wanted


def test_auto_asks_the_bundle_and_a_name_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "best_precision", lambda: "bf16")
    bundle = write_tiny(tmp_path, 5)
    bundle = Bundle(bundle.folder, replace(bundle.manifest, parity={"bf16": {"psnr": 12.0}}))
    engine = open_engine(bundle, "auto")
    assert engine.precision == "f32"
    see_tiny(engine, 1, 1, 2)
    assert open_engine(bundle, "bf16").precision == "bf16"


@pytest.mark.parametrize("what", ["text encoder", "denoiser", "decoder"])
def test_a_failed_run_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    engine = open_engine(write_tiny(tmp_path), "f32")
    infer = text_module.infer

    def refuse(request: Any, name: str, inputs: Any = None) -> Any:
        # a tensor of a shape that the graph does not take makes OpenVINO itself refuse
        if name == what:
            wrong = np.zeros((1, 2, 3, 4, 5), np.int64)
            return infer(request, name, [wrong])
        return infer(request, name, inputs)

    for module in (engine_module, prologue_module, text_module):
        monkeypatch.setattr(module, "infer", refuse)

    def use() -> None:
        engine.encode((np.zeros((1, TOKENS), np.int64),))
        render_tiny(engine, 1, 1, 1)

    with pytest.raises(EngineError, match=f"openvino failed in the {what}") as caught:
        use()
    assert "\n" not in str(caught.value)


def test_an_error_that_says_nothing_is_named_by_its_type() -> None:
    assert first_line(RuntimeError("\n a\nb\n")) == "a"
    assert last_line(RuntimeError("\n a\nb\n")) == "b"
    assert first_line(KeyError()) == last_line(KeyError()) == "KeyError"


OPEN_AND_CLOSE = """
import gc, os, signal, sys
from pathlib import Path
from runtime.bundles.bundle import open_bundle
from runtime.engines.openvino.engine import open_engine
signal.signal(signal.SIGINT, signal.default_int_handler)
engines = [open_engine(open_bundle(Path(sys.argv[1])), "f32") for _ in range(3)]
while engines:
    engines.pop(0).close()
    gc.collect()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_after_engines_have_come_and_gone_is_no_crash(tmp_path: Path) -> None:
    """A freed alternate signal stack was left in use: see ``runtime.engines.openvino.core``."""
    bundle = write_tiny(tmp_path)
    done = run_code(OPEN_AND_CLOSE, bundle.folder)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr


NO_REPORT = """
import os, sys
forks = []
os.register_at_fork(before=lambda: forks.append(1))
from runtime.engines.openvino.core import CORE
import openvino, time
time.sleep(0.5)
print(len(forks), sys.modules.get("openvino_telemetry"))
"""


def test_openvino_reports_to_nobody() -> None:
    """Its telemetry forks, which hung an export's child for good."""
    done = run_code(NO_REPORT)
    assert (done.returncode, done.stdout) == (0, "0 None\n"), done.stderr
