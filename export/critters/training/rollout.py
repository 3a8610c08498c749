"""Pictures on their way through several steps: what trains the steps after the first."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from export.critters.training.schedule import STEP_SHARES, STEPS, Levels

Predict = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From x [B, C, H, W], timesteps [B] and text rows [B, 77, D], the picture's latents."""


class Rollout:
    """A few slots, each holding one picture that goes one step further with every ``advance``.

    A later step sees in training what it sees in use: the model's own picture so far, noised with
    the noise that it began from, as DDIM does (Song et al., 2021, eq. 12 with eta = 0).
    """

    def __init__(self, levels: Levels, slots: int) -> None:
        """Start with empty slots."""
        self.levels = levels
        self.left: list[tuple[int, ...]] = [()] * slots
        """The timesteps each slot has yet to go through."""
        self.picked = torch.zeros(slots, dtype=torch.long)
        """Which pictures they are."""

    def refill(
        self,
        rng: np.random.Generator,
        picked: Tensor,
        drawn: Tensor,
        noise: Tensor,
        rows: Tensor,
    ) -> None:
        """Put pictures that the first step has just drawn into the slots that are done.

        ``picked`` int64 [B], B at least the number of slots, says which pictures these are;
        ``drawn`` [B, C, H, W] is what the first step made of ``noise`` and of text ``rows``
        [B, 77, D]. ``rng`` chooses how many steps each picture takes.
        """
        slots = len(self.left)
        done = [i for i in range(slots) if not self.left[i]]
        drawn, rows = drawn[:slots].detach(), rows[:slots].detach()
        for i in done:
            count = int(rng.choice(STEPS, p=STEP_SHARES))
            self.left[i] = self.levels.visited[count][1:]
        start, spread = self._shares(0, drawn.device)
        x = start * drawn + spread * noise[:slots]
        fresh = (x, rows, picked[:slots])
        if len(done) == slots:
            self.x, self.rows, self.picked = (part.clone() for part in fresh)
            return
        for held, new in zip((self.x, self.rows, self.picked), fresh, strict=True):
            held[done] = new[done].to(held.dtype)

    def advance(self, predict: Predict) -> tuple[Tensor, Tensor]:
        """Take every slot one step further.

        Returns its prediction, [S, C, H, W], and the share of noise it began with, [S].
        """
        device = self.x.device
        times = torch.tensor([left[0] for left in self.left], device=device)
        mended = predict(self.x, times, self.rows)
        signal, sigma = self._shares(0, device)
        noise = (self.x - signal * mended.detach()) / sigma
        next_signal, next_sigma = self._shares(1, device)
        self.x = next_signal * mended.detach() + next_sigma * noise
        self.left = [left[1:] for left in self.left]
        return mended, sigma.flatten()

    def _shares(self, ahead: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Signal and noise at the timestep ``ahead`` of each slot, its last if there is none."""
        times = [left[min(ahead, len(left) - 1)] for left in self.left]
        return self.levels.shares(torch.tensor(times, device=device))
