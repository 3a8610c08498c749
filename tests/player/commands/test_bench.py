from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from player import ranging
from player.commands import bench as bench_module
from runtime.bundles.library import built_in
from tests.support.cli import Cli


def test_json_and_plot_of_one_run(cli: Cli, tmp_path: Path) -> None:
    plot = tmp_path / "bench.png"
    words = ("--frames", "4", "--turns", "2", "--against", "onnxruntime", "--against", "whole")
    more = ("--layers", "2", "--plot", str(plot), "--json")
    status, out, _ = cli("bench", *words, *more)
    assert status == 0
    found = json.loads(out)
    assert found["model"] == "critters"
    assert found["scrub"]["count"] == 4
    assert found["command"] == (
        "wordmorph bench --against onnxruntime --against whole --frames 4 --turns 2 --layers 2 "
        "--seed 0 --steps 1 'cat -> kitten'"
    )
    assert [peer["name"] for peer in found["peers"]] == ["onnxruntime", "whole"]
    assert [peer["ratio"]["count"] for peer in found["peers"]] == [2, 2]
    assert len(found["layers"]) == 4
    assert found["machine"]["versions"]["openvino"]
    with Image.open(plot) as drawn:
        assert drawn.size == (1344, 588)


def test_the_command_kept_is_what_was_typed_without_folders(cli: Cli, tmp_path: Path) -> None:
    made = tmp_path / "my model"
    shutil.copytree(built_in(), made)
    words = ("--frames", "2", "--model", str(made), "--interp", "slerp", "--precision", "f32")
    status, out, _ = cli("bench", *words, "--json", "--", "-1/2*tabby + cat -> dog")
    assert status == 0
    command = json.loads(out)["command"]
    assert str(tmp_path) not in command
    assert shlex.split(command) == [
        *("wordmorph", "bench", "--frames", "2", "--seed", "0", "--steps", "1"),
        *("--interp", "slerp", "--model", "my model", "--precision", "f32"),
        *("--", "-1/2*tabby + cat -> dog"),
    ]


def test_an_open_range_is_found_before_anything_is_timed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranging, "close_range", lambda axis, *_: axis.close(-0.25, 0.5))
    status, out, _ = cli("bench", "--frames", "2", "--json", "cat | -?*dog .. +?*dog")
    assert status == 0
    command = json.loads(out)["command"]
    assert shlex.split(command)[-1] == "cat | -0.25*dog .. +0.5*dog"


def test_without_torch_diffusers_is_reported_with_what_adds_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_module, "can_export", lambda: False)
    status, out, _ = cli("bench", "--frames", "2", "--turns", "1", "--against", "diffusers")
    assert status == 0
    assert "does not run here: needs torch and diffusers: pip install" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--frames", "0"), "use 1 or more"),
        (("--turns", "0"), "use 1 or more"),
        (("--layers", "-1"), "use 0 or more"),
        (("--against", "tensorflow"), "nothing is called 'tensorflow' here"),
        (("--random-weights", "sd3"), "use sd-turbo, sd15, sdxl, critters"),
        (("--plot", "bench.pdf"), "bench.pdf"),
        (("--plot", "nowhere/bench.png"), "no folder nowhere"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_opens(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setattr(bench_module, "open_pipeline", None)
    status, _, error = cli("bench", *words)
    assert status == 1
    assert says in error
    assert error.startswith("wordmorph: ")
    assert len(error.splitlines()) == 1
