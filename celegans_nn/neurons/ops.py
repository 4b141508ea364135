"""The vocabulary of update rules: elementwise functions with one meaning in every backend.

Here they act on torch tensors. A compiled backend gives each a scalar overload of the same equation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from celegans_nn.neurons import jumps


def exp(x: Any) -> Any:
    """e to the power x; also for a plain number, since parameters are computed from constants with it."""
    return torch.exp(torch.as_tensor(x))


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return torch.sigmoid(x)


def rectify(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return torch.relu(x)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return torch.tanh(x)


def clip(x: Tensor, low: Any, high: Any) -> Tensor:
    """x, but not below `low` nor above `high`; no gradient passes where it is changed."""
    return torch.clamp(x, torch.as_tensor(low, dtype=x.dtype), torch.as_tensor(high, dtype=x.dtype))


def select(condition: Tensor, chosen: Any, otherwise: Tensor) -> Tensor:
    """`chosen` where the condition, a spike, is 1; `otherwise` where it is 0, an infinite one as the largest number
    that there is; NaN where it is NaN. No gradient flows to the condition."""
    return jumps.select(condition, _like(otherwise, chosen), otherwise)


def spike(distance: Tensor, slope: Any, surrogate: int) -> Tensor:
    """1 where distance >= 0, else 0; NaN stays. Backwards the surrogate of that code and slope (see `surrogates`)."""
    return jumps.spike(distance, _like(distance, slope), surrogate)


def _like(x: Tensor, value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=x.dtype, device=x.device)
