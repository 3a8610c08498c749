"""Averages of weights, which draw better than the weights themselves."""

import copy
from typing import Any

import torch
from torch import nn

DECAY = 0.998


class Average:
    """An exponential moving average of the weights of some modules."""

    def __init__(self, *modules: nn.Module) -> None:
        """Start from the present weights."""
        self.modules = modules
        self.copies = [copy.deepcopy(module).requires_grad_(False) for module in modules]

    @torch.no_grad()
    def update(self, done: int) -> None:
        """Move towards the present weights, after ``done`` updates; faster in the first ones."""
        rate = 1 - min(DECAY, (1 + done) / (10 + done))
        for mean, module in zip(self.copies, self.modules, strict=True):
            torch._foreach_lerp_(list(mean.parameters()), list(module.parameters()), rate)

    def apply(self) -> None:
        """Give the modules their averages."""
        for mean, module in zip(self.copies, self.modules, strict=True):
            module.load_state_dict(mean.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """The averages."""
        return {"copies": [mean.state_dict() for mean in self.copies]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them back."""
        for mean, state in zip(self.copies, state_dict["copies"], strict=True):
            mean.load_state_dict(state)
