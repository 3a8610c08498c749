"""Checkpoints that somebody made to hang or to take memory: refused by their sizes, at once."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.models import checkpoints
from tests.support.models.checkpoints import Checkpoints

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and alarms are POSIX")

SECONDS = 5


@pytest.fixture
def folder(tmp_path: Path, checkpoint_of: Checkpoints) -> Path:
    """A checkpoint of its own, to be spoiled."""
    return Path(shutil.copytree(checkpoint_of("sd-turbo"), tmp_path / "mine"))


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds, whatever it waits for."""
    if sys.platform == "win32":
        raise NotImplementedError

    def ring(*_: object) -> None:
        raise TimeoutError

    old = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def refusal(folder: Path) -> str:
    """The one line that opening and loading everything ends in, soon enough."""
    started = time.monotonic()
    with alarm(4 * SECONDS):
        message = checkpoints.refusal(folder)
    assert time.monotonic() - started < SECONDS
    return message


@pytest.mark.parametrize(
    "name",
    [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "tokenizer/tokenizer.json",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_fifo_is_not_waited_for(folder: Path, name: str) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    message = refusal(folder)
    assert "not a regular file" in message
    assert Path(name).name in message


def test_a_long_configuration_is_not_read(folder: Path) -> None:
    with (folder / "unet" / "config.json").open("ab") as stream:
        stream.truncate(100_000_000_000)
    assert "are allowed" in refusal(folder)


@pytest.mark.parametrize(
    ("component", "changes", "printed"),
    [
        ("text_encoder", {"num_hidden_layers": 1_000_000}, "more layers than there are weights"),
        ("text_encoder", {"num_hidden_layers": 40, "hidden_size": 4096}, "cannot be loaded"),
        ("text_encoder", {"hidden_size": 64}, "cannot be loaded"),
        ("text_encoder", {"vocab_size": 1_000_000}, "cannot be loaded"),
        ("text_encoder", {"vocab_size": 10**12}, "out of range"),
        ("text_encoder", {"hidden_size": "wide"}, "cannot be"),
        ("unet", {"layers_per_block": 1_000_000}, "more layers than there are weights"),
        ("unet", {"layers_per_block": 30, "transformer_layers_per_block": 30}, "more layers"),
        ("unet", {"block_out_channels": [65536] * 4}, "cannot be loaded"),
        ("unet", {"block_out_channels": [16] * 1000}, "out of range"),
        ("unet", {"cross_attention_dim": 1_000_000}, "cannot be loaded"),
        ("vae", {"num_decoder_blocks": [1_000_000, 1, 1, 1]}, "more layers"),
        ("vae", {"latent_channels": 4096}, "cannot be loaded"),
        ("scheduler", {"num_train_timesteps": 10**12}, "out of range"),
        ("scheduler", {"trained_betas": [0.1] * 200_000}, "out of range"),
    ],
)
def test_sizes_are_compared_with_the_weights_before_anything_is_made(
    folder: Path, component: str, changes: dict[str, Any], printed: str
) -> None:
    name = "scheduler_config.json" if component == "scheduler" else "config.json"
    checkpoints.edit_json(folder / component / name, **changes)
    message = refusal(folder)
    assert printed in message
