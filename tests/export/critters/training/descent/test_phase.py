"""A phase of training: it goes on after an end, and is not repeated."""

import os
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

from export.critters.training.descent.muon import Optimizers
from export.critters.training.descent.phase import (
    Budget,
    Interrupted,
    PhaseRun,
    Stateful,
    save,
    train_phase,
)
from runtime.errors import TargetError


def run(folder: Path, updates: int) -> PhaseRun:
    return PhaseRun(folder, Budget(updates), 0, Console(quiet=True))


class Toy:
    """A regression whose every update depends on its number alone."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.net = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 24))
        self.optimizers = Optimizers(self.net, hidden_rate=1e-2, rest_rate=1e-2)
        self.parts: dict[str, Stateful] = {"net": self.net, "optimizers": self.optimizers}
        self.stop_at = -1

    def update(self, done: int, progress: float) -> dict[str, float]:
        if done == self.stop_at:
            raise KeyboardInterrupt
        x = torch.randn(16, 24, generator=torch.Generator().manual_seed(done))
        loss = (self.net(x) - x.flip(1)).square().mean()
        self.optimizers.update(loss, 1 - progress)
        return {"loss": loss.item()}


def test_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, broken, resumed = Toy(), Toy(), Toy()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    train_phase("toy", run(tmp_path / "a", 30), whole.parts, whole.update)
    broken.stop_at = 11
    with pytest.raises(Interrupted, match="after 11 updates; the same command goes on"):
        train_phase("toy", run(tmp_path / "b", 30), broken.parts, broken.update)
    train_phase("toy", run(tmp_path / "b", 30), resumed.parts, resumed.update)
    for one, other in zip(whole.net.parameters(), resumed.net.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert resumed.update(31, 1.0)["loss"] < 0.95 * Toy().update(31, 1.0)["loss"]


def test_finished_phase_is_not_repeated(tmp_path: Path) -> None:
    toy = Toy()
    train_phase("toy", run(tmp_path, 5), toy.parts, toy.update)
    again = Toy()
    again.stop_at = 0
    train_phase("toy", run(tmp_path, 5), again.parts, again.update)
    torch.testing.assert_close(again.net[0].weight, toy.net[0].weight)


def test_failed_save_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "phase.pt"
    save(path, {"updates": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(TargetError, match="disk full"):
            save(path, {"updates": 2})
    assert torch.load(path, weights_only=True) == {"updates": 1}
    assert os.listdir(tmp_path) == ["phase.pt"]
