"""Muon: updates by orthogonalised momentum, for the matrices inside a network."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_THIN = 20
_DECAY = 0.01


def orthogonalise(matrices: Tensor) -> Tensor:
    """Push the singular values of each matrix [..., R, C] towards 1, in bfloat16.

    Newton-Schulz iteration with the quintic of Jordan et al., "Muon: an optimizer for hidden
    layers in neural networks" (2024); singular values end between about 0.7 and 1.2.
    """
    a, b, c = _QUINTIC
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = (matrices if wide else matrices.mT).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x if wide else x.mT
    return result


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, and scaled to the size of AdamW's updates.

    The scale 0.2 * sqrt(max(R, C)) is that of Liu et al., "Muon is scalable for LLM training"
    (2025), so that AdamW's learning rates fit. A convolution's weight counts as [out, rest].
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        """Take parameters of two dimensions or more."""
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update; matrices of one shape are orthogonalised together."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                push = parameter.grad.lerp(state["momentum"], group["momentum"])
                matrix = push.flatten(1)
                alike[matrix.shape].append((parameter, matrix))
            for shape, members in alike.items():
                updates = orthogonalise(torch.stack([matrix for _, matrix in members]))
                scale = 0.2 * max(shape) ** 0.5 * group["lr"]
                for (parameter, _), push in zip(members, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(push.view(parameter.shape).to(parameter.dtype), alpha=scale)


class Optimizers:
    """Muon for the hidden weights; AdamW for vectors, embeddings and the thin outer layers."""

    def __init__(self, *modules: nn.Module, hidden_rate: float, rest_rate: float) -> None:
        """Share out the learning parameters of ``modules``; ``update`` scales the rates."""
        hidden: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for module in modules:
            for name, parameter in module.named_parameters():
                if not parameter.requires_grad:
                    continue
                thin = parameter.ndim < 2 or min(parameter.shape[:2]) < _THIN
                (rest if thin or "embedding" in name else hidden).append(parameter)
        self.rates = (hidden_rate, rest_rate)
        self.members: tuple[torch.optim.Optimizer, ...] = (
            Muon(hidden, lr=hidden_rate, weight_decay=_DECAY),
            torch.optim.AdamW(rest, lr=rest_rate, betas=(0.9, 0.98), weight_decay=0.0),
        )

    def update(self, loss: Tensor, factor: float) -> None:
        """Back-propagate ``loss`` and update, with both rates multiplied by ``factor``."""
        for member, rate in zip(self.members, self.rates, strict=True):
            for group in member.param_groups:
                group["lr"] = rate * factor
            member.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for member in self.members:
            for group in member.param_groups:
                nn.utils.clip_grad_norm_(group["params"], 1.0)
            member.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of both."""
        return {"members": [member.state_dict() for member in self.members]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        for member, state in zip(self.members, state_dict["members"], strict=True):
            member.load_state_dict(state)
