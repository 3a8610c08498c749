"""The scheduler of the model, and the few timesteps that sampling with it visits."""

import math
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler
from torch import Tensor

TIMESTEPS = 1000
FALL, BEND = 4.2, 0.05
"""How many e-folds the noise share falls over all timesteps, and how early on the way."""
STEPS = (2, 3, 4)
"""Counts of several steps that are trained for."""
STEP_SHARES = (0.5, 0.25, 0.25)


def make_scheduler() -> DDIMScheduler:
    """Zero terminal SNR, v-prediction; sqrt(1 - alpha_bar) falls steeply at first, then slowly.

    The last timestep is all noise. Every other that 2 to 4 steps visit has so little (0.016 to
    0.020 of it) that a step after the first keeps the picture so far instead of drawing it anew.
    """
    noise = [math.exp(-FALL * (1 - (t + 1) / TIMESTEPS) ** BEND) for t in range(TIMESTEPS)]
    kept = [1.0, *(1 - share**2 for share in noise)]
    return DDIMScheduler(
        num_train_timesteps=TIMESTEPS,
        trained_betas=[1 - kept[t + 1] / kept[t] for t in range(TIMESTEPS)],
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,  # trailing spacing ignores it, but Stable Diffusion's pipeline warns at 0
    )


@dataclass(frozen=True)
class Levels:
    """The signal and noise shares of the timesteps, and those that sampling visits."""

    visited: dict[int, tuple[int, ...]]
    """Timesteps by step count, noisiest first."""
    signal: Tensor
    """sqrt(alpha_bar), [TIMESTEPS]."""
    noise: Tensor
    """sqrt(1 - alpha_bar), [TIMESTEPS]."""

    def to(self, device: torch.device) -> "Levels":
        """The same on a device."""
        return Levels(self.visited, self.signal.to(device), self.noise.to(device))

    def picture(self, x: Tensor, timesteps: Tensor, v: Tensor) -> Tensor:
        """The noiseless latents that a prediction of v [B, C, H, W] means.

        Salimans & Ho, 2022, section 4: sqrt(alpha_bar) x - sqrt(1 - alpha_bar) v.
        """
        signal, sigma = self.shares(timesteps)
        return signal * x - sigma * v

    def shares(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Signal and noise of int64 [B], each [B, 1, 1, 1]."""
        index = (timesteps, None, None, None)
        return self.signal[index], self.noise[index]


def sampling_levels(scheduler: DDIMScheduler) -> Levels:
    """Ask the scheduler which timesteps 1 to 4 steps visit."""
    visited = {}
    for count in (1, *STEPS):
        scheduler.set_timesteps(count)
        visited[count] = tuple(int(t) for t in scheduler.timesteps)
    bars = scheduler.alphas_cumprod
    return Levels(visited, bars.sqrt(), (1 - bars).sqrt())
