"""How a diffusers pipeline is asked to sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLAIN_ETA = 0.0
"""what diffusers' pipelines pass to schedulers that take an eta, unless told otherwise"""


@dataclass(frozen=True, slots=True)
class Course:
    """How a pipeline is asked to sample, where that is not as it would by itself."""

    timesteps: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """step count → the timesteps to visit; the scheduler's own where none are given"""
    eta: float = PLAIN_ETA
    """how much of the noise is fresh at every step, 0 to 1, for TCD and DDIM"""

    def arguments(self, count: int) -> dict[str, Any]:
        """Return what a diffusers pipeline is called with to sample so in ``count`` steps."""
        chosen = self.timesteps.get(count)
        steps = {"num_inference_steps": count} if chosen is None else {"timesteps": list(chosen)}
        return {**steps, "eta": self.eta}


PLAIN = Course()
