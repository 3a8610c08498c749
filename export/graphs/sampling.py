"""A few-step diffusers scheduler as data: the table that runtime follows instead of its code.

Such a sampler is linear in the sample, the model's output and fresh noise,
``x' = sample·x + output·model(scale·x, t) + noise·fresh``, so impulses reveal its coefficients.
A multistep scheduler looks linear when each step is probed alone, because its history is empty;
a whole trajectory with random model outputs tells the two apart.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from export.checkpoints.presets import check_steps
from export.course import PLAIN, Course
from runtime.bundles.manifest import Step
from runtime.errors import BuildError, one_line

LINEAR = (
    "DDIMScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "LCMScheduler",
    "TCDScheduler",
)
SHAPE = (1, 4, 8, 8)
TOLERANCE = 1e-5
"""relative; schedulers compute partly in f32, a wrong table is off by orders of magnitude more"""


@dataclass(frozen=True, slots=True)
class SamplerTables:
    """``init_noise_sigma`` and, for each step count, the rows of its table."""

    init_noise_sigma: float
    steps: Mapping[int, tuple[Step, ...]]


def probe(scheduler: Any, counts: Iterable[int], course: Course = PLAIN) -> SamplerTables:
    """Write the step tables of a diffusers ``scheduler`` for each of ``counts`` (1 to 8).

    One ``init_noise_sigma``, that of the smallest count, serves all: where another count starts
    at another sigma, the ratio goes into its first row.

    Raises:
        BuildError: a count out of range, or a scheduler that does not follow a linear table.
    """
    wanted = sorted(set(counts))
    check_steps(wanted)
    tables: dict[int, tuple[Step, ...]] = {}
    sigma = 0.0
    for count in wanted:
        start, rows = _probe_count(scheduler, count, course)
        _check_trajectory(scheduler, start, rows, course)
        sigma = sigma or start
        ratio = start / sigma
        first = replace(rows[0], scale=rows[0].scale * ratio, sample=rows[0].sample * ratio)
        tables[count] = (first, *rows[1:])
    return SamplerTables(sigma, tables)


def _refuse(scheduler: Any, why: str) -> BuildError:
    name = type(scheduler).__name__
    return BuildError(
        f"{name} {why}, so it has no step table: use --scheduler with one of {', '.join(LINEAR)}"
    )


def _prepared(scheduler: Any, count: int, course: Course) -> tuple[Any, list[Any]]:
    """Return a fresh copy set to ``count`` steps, and its timesteps as the pipeline passes them."""
    fresh = copy.deepcopy(scheduler)
    try:
        if count in course.timesteps:
            fresh.set_timesteps(timesteps=list(course.timesteps[count]))
        else:
            fresh.set_timesteps(count)
    except TypeError:
        raise _refuse(scheduler, "takes no timesteps of one's own") from None
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise _refuse(scheduler, f"cannot do {count} steps ({one_line(error)})") from None
    timesteps = list(fresh.timesteps)
    if len(timesteps) != count:
        raise _refuse(scheduler, f"evaluates the model {len(timesteps)} times in {count} steps")
    return fresh, timesteps


def _step(
    scheduler: Any,
    output: Tensor,
    timestep: Any,
    sample: Tensor,
    generator: torch.Generator,
    eta: float,
) -> Tensor:
    """Call ``scheduler.step`` the way diffusers' pipelines do."""
    accepted = inspect.signature(scheduler.step).parameters
    extra: dict[str, Any] = {"eta": eta} if "eta" in accepted else {}
    if "generator" in accepted:
        extra["generator"] = generator
    stepped: Tensor = scheduler.step(output, timestep, sample, return_dict=False, **extra)[0]
    return stepped


def _trial(scheduler: Any, output: Tensor, timestep: Any, sample: Tensor, eta: float) -> Tensor:
    """Step a copy, with the same noise every time."""
    generator = torch.Generator().manual_seed(0)
    return _step(copy.deepcopy(scheduler), output, timestep, sample, generator, eta)


def _coefficient(response: Tensor, impulse: Tensor) -> float:
    return float((response * impulse).sum() / (impulse * impulse).sum())


def _probe_count(scheduler: Any, count: int, course: Course) -> tuple[float, tuple[Step, ...]]:
    walker, timesteps = _prepared(scheduler, count, course)
    eta = course.eta
    impulse = torch.ones(SHAPE, dtype=torch.float64)
    zero = torch.zeros(SHAPE, dtype=torch.float64)
    fresh = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = []
    start = float(walker.init_noise_sigma)
    for timestep in timesteps:
        try:
            scale = _coefficient(walker.scale_model_input(impulse, timestep), impulse)
            drift = _trial(walker, zero, timestep, zero, eta)
            sample = _trial(walker, zero, timestep, impulse, eta) - drift
            output = _trial(walker, impulse, timestep, zero, eta) - drift
            _step(walker, zero, timestep, zero, torch.Generator().manual_seed(0), eta)
        except (ValueError, IndexError, TypeError, RuntimeError, NotImplementedError) as error:
            raise _refuse(scheduler, f"cannot be probed ({one_line(error)})") from None
        row = Step(
            timestep=float(timestep),
            scale=scale,
            sample=_coefficient(sample, impulse),
            output=_coefficient(output, impulse),
            noise=_coefficient(drift, fresh),
        )
        if not all(map(math.isfinite, (row.scale, row.sample, row.output, row.noise))):
            raise _refuse(scheduler, f"divides by zero at timestep {row.timestep:g}")
        rows.append(row)
    return start, tuple(rows)


def _check_trajectory(scheduler: Any, start: float, rows: tuple[Step, ...], course: Course) -> None:
    """Walk ``scheduler`` and its table side by side, with random outputs and seeded noise."""
    walker, timesteps = _prepared(scheduler, len(rows), course)
    random = torch.Generator().manual_seed(1)
    theirs, ours = torch.Generator().manual_seed(2), torch.Generator().manual_seed(2)
    expected = start * torch.randn(SHAPE, generator=random, dtype=torch.float64)
    actual = expected.clone()
    for timestep, row in zip(timesteps, rows, strict=True):
        seen = walker.scale_model_input(expected, timestep)
        output = 4.0 * torch.randn(SHAPE, generator=random, dtype=torch.float64)
        expected = _step(walker, output + 0.1 * seen, timestep, expected, theirs, course.eta)
        actual = row.sample * actual + row.output * (output + 0.1 * row.scale * actual)
        if row.noise:
            actual = actual + row.noise * torch.randn(SHAPE, generator=ours, dtype=torch.float64)
        error = float((actual - expected).norm() / expected.norm())
        if not error <= TOLERANCE:
            config = walker.config
            if getattr(config, "clip_sample", False) or getattr(config, "thresholding", False):
                raise _refuse(scheduler, "clips its samples (clip_sample or thresholding is set)")
            raise _refuse(scheduler, f"remembers earlier steps (off by {error:.1e} here)")
