"""The vocabulary of update rules: elementwise functions with one meaning in every backend.

Here they act on torch tensors. A compiled backend gives each a scalar overload of the same equation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def exp(x: Any) -> Any:
    """e to the power x; also for a plain number, since parameters are computed from constants with it."""
    return torch.exp(torch.as_tensor(x))


def rectify(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return torch.relu(x)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return torch.tanh(x)


def select(condition: Tensor, chosen: Any, otherwise: Tensor) -> Tensor:
    """`chosen` where the condition is not 0, else `otherwise`. No gradient flows to the condition."""
    return torch.where(condition != 0, chosen, otherwise)


def spike(distance: Tensor, slope: Any) -> Tensor:
    """1 where distance >= 0, else 0; backwards the fast sigmoid, d/dx = 1 / (1 + slope |x|)^2.

    Surrogate gradient of Zenke and Ganguli 2018, Neural Computation 30:1514.
    """
    return _FastSigmoidSpike.apply(distance, torch.as_tensor(slope, dtype=distance.dtype, device=distance.device))


class _FastSigmoidSpike(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(distance: Tensor, slope: Tensor) -> Tensor:
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        distance, slope = ctx.saved_tensors
        return grad / (1 + slope * distance.abs()) ** 2, None
