"""One training phase: the loop with its bar, its schedule and its atomic checkpoints."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from runtime.durable import tidy, write_aside
from runtime.errors import MorphError, TargetError

SAVE_EVERY = 60.0
"""Seconds between checkpoints."""


class Stateful(Protocol):
    """What a checkpoint can hold: modules, optimizers, averages."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that must survive."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take it back."""


class Interrupted(MorphError):
    """Training was stopped by the user; the last checkpoint is whole."""


@dataclass(frozen=True)
class Budget:
    """How long a phase lasts: so many ``updates``, or ``seconds`` of work if that is given."""

    updates: int
    seconds: float | None = None

    def progress(self, done: int, worked: float) -> float:
        """How much of the phase is over, 0 to 1, after ``done`` updates in ``worked`` seconds."""
        return min(1.0, worked / self.seconds if self.seconds else done / self.updates)


@dataclass(frozen=True)
class PhaseRun:
    """Where a phase runs and for how long."""

    folder: Path
    """An existing folder for its checkpoint."""
    budget: Budget
    seed: int
    """Batches depend on it and on the number of the update alone."""
    console: Console
    """Where the bar goes."""


def cosine(progress: float, warmup: float = 0.02) -> float:
    """Learning-rate factor: linear warm-up, then half a cosine to zero."""
    return min(progress / warmup, 1.0) * 0.5 * (1 + math.cos(math.pi * progress)) + 1e-4


def restarted_cosine(progress: float, restart: float = 0.3) -> float:
    """``cosine`` twice: until ``restart``, then over what is left (Loshchilov & Hutter, 2017)."""
    if progress < restart:
        return cosine(progress / restart)
    return cosine((progress - restart) / (1 - restart))


def save(path: Path, state: object) -> None:
    """Write a checkpoint that is either whole or not there.

    Raises:
        TargetError: the place cannot be written.
    """
    try:
        tidy(path)
        with write_aside(path) as partial:
            torch.save(state, partial)
    except OSError as error:
        raise TargetError(f"cannot write checkpoint {path}: {error}") from error


def progress_bar(console: Console) -> Progress:
    """The bar every phase shows."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


def train_phase(
    name: str,
    run: PhaseRun,
    parts: Mapping[str, Stateful],
    update: Callable[[int, float], Mapping[str, float]],
) -> None:
    """Call ``update(done, progress)`` until the budget is spent, going on from a checkpoint.

    ``done`` counts the updates before this one; each returns figures to show, exponentially
    smoothed. ``parts`` is everything that the checkpoint ``name``.pt holds; restored in place.

    Raises:
        Interrupted: Ctrl-C; a checkpoint has been written.
        TargetError: a checkpoint cannot be written.
    """
    path, budget, console = run.folder / f"{name}.pt", run.budget, run.console
    done, worked = 0, 0.0
    if path.exists():
        state = torch.load(path, map_location="cpu", weights_only=True)
        done, worked = state["updates"], state["worked"]
        for key, part in parts.items():
            part.load_state_dict(state["parts"][key])

    def checkpoint() -> None:
        states = {key: part.state_dict() for key, part in parts.items()}
        save(path, {"updates": done, "worked": worked, "parts": states})

    shown: dict[str, float] = {}
    with progress_bar(console) as bar:
        task = bar.add_task(name, total=budget.updates, completed=done, note="")
        saved = logged = time.monotonic()
        try:
            while (progress := budget.progress(done, worked)) < 1:
                start = time.monotonic()
                for key, value in update(done, progress).items():
                    shown[key] = shown.get(key, value) * 0.98 + value * 0.02
                done += 1
                now = time.monotonic()
                worked += now - start
                total = round(done / max(budget.progress(done, worked), 1e-9))
                note = " ".join(f"{key} {value:.4f}" for key, value in shown.items())
                bar.update(task, completed=done, total=total, note=note)
                if not console.is_terminal and now - logged > SAVE_EVERY / 3:
                    console.print(f"{name} {done}/{total} {worked:.0f}s {note}", highlight=False)
                    logged = now
                if now - saved > SAVE_EVERY:
                    checkpoint()
                    saved = now
        except KeyboardInterrupt:
            checkpoint()
            raise Interrupted(
                f"stopped in phase {name} after {done} updates; "
                f"the same command goes on from {path}"
            ) from None
        checkpoint()
