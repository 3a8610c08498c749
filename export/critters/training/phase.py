"""One training phase: the loop with its bar, its schedule and its atomic checkpoints."""

import math
import os
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
    """How long a phase lasts: `steps` updates, or `seconds` of work if that is given."""

    steps: int
    seconds: float | None = None

    def progress(self, step: int, worked: float) -> float:
        """How much of the phase is over, in [0, 1]."""
        return min(1.0, worked / self.seconds if self.seconds else step / self.steps)


def cosine(progress: float, warmup: float = 0.02) -> float:
    """Learning-rate factor: linear warm-up, then half a cosine to zero."""
    return min(progress / warmup, 1.0) * 0.5 * (1 + math.cos(math.pi * progress)) + 1e-4


def restarted_cosine(progress: float, restart: float = 0.3) -> float:
    """`cosine` twice: once until `restart`, then over what is left (Loshchilov & Hutter, 2017)."""
    if progress < restart:
        return cosine(progress / restart)
    return cosine((progress - restart) / (1 - restart))


def save(path: Path, state: object) -> None:
    """Write a checkpoint that is either whole or not there.

    Raises:
        TargetError: the place cannot be written.
    """
    scratch = path.with_suffix(".part")
    try:
        with scratch.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
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
    folder: Path,
    budget: Budget,
    parts: Mapping[str, Stateful],
    update: Callable[[int, float], Mapping[str, float]],
    console: Console,
) -> None:
    """Run `update(step, progress)` until the budget is spent, going on from a checkpoint.

    Args:
        name: Shown in the bar; the checkpoint is `folder/name.pt`.
        folder: An existing folder.
        budget: When to stop.
        parts: Everything the checkpoint holds; restored in place.
        update: One update; returns figures to show, exponentially smoothed.
        console: Where the bar goes.

    Raises:
        Interrupted: Ctrl-C; a checkpoint has been written.
        TargetError: a checkpoint cannot be written.
    """
    path = folder / f"{name}.pt"
    step, worked = 0, 0.0
    if path.exists():
        state = torch.load(path, map_location="cpu", weights_only=True)
        step, worked = state["step"], state["worked"]
        for key, part in parts.items():
            part.load_state_dict(state["parts"][key])

    def checkpoint() -> None:
        states = {key: part.state_dict() for key, part in parts.items()}
        save(path, {"step": step, "worked": worked, "parts": states})

    shown: dict[str, float] = {}
    with progress_bar(console) as bar:
        task = bar.add_task(name, total=budget.steps, completed=step, note="")
        saved = logged = time.monotonic()
        try:
            while (progress := budget.progress(step, worked)) < 1:
                start = time.monotonic()
                for key, value in update(step, progress).items():
                    shown[key] = shown.get(key, value) * 0.98 + value * 0.02
                step += 1
                now = time.monotonic()
                worked += now - start
                total = round(step / max(budget.progress(step, worked), 1e-9))
                note = " ".join(f"{key} {value:.4f}" for key, value in shown.items())
                bar.update(task, completed=step, total=total, note=note)
                if not console.is_terminal and now - logged > SAVE_EVERY / 3:
                    console.print(f"{name} {step}/{total} {worked:.0f}s {note}", highlight=False)
                    logged = now
                if now - saved > SAVE_EVERY:
                    checkpoint()
                    saved = now
        except KeyboardInterrupt:
            checkpoint()
            raise Interrupted(
                f"stopped in phase {name} at step {step}; the same command goes on from {path}"
            ) from None
        checkpoint()
