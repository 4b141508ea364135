"""Surrogate gradients: what a gradient is told that a spike's derivative is. The forward pass knows none of them.

Each peaks at the threshold, x = 0, where x is the distance to it in units of the distance from rest to threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from celegans_nn.errors import NetworkError, nearest, one_line


class Surrogate(NamedTuple):
    """One surrogate: its derivative(x, slope), and the slope used where none is chosen."""

    derivative: Callable[[Tensor, Tensor], Tensor]
    slope: float


TRIANGLE_HEIGHT = 0.3
"""Dimensionless; the dampening factor of Bellec et al. 2018."""

SURROGATES = {
    # 1 / (1 + slope |x|)^2: Zenke and Ganguli 2018, Neural Computation 30:1514; the slope is chosen here, not tuned
    "fast_sigmoid": Surrogate(lambda x, slope: torch.addcmul(x.new_ones(()), slope, x.abs()) ** -2, 10.0),
    # 1 / (1 + (slope x)^2): Fang et al. 2021, ICCV, whose primitive is arctan(pi x) / pi + 1/2
    "arctan": Surrogate(lambda x, slope: 1 / (1 + (slope * x) ** 2), torch.pi),
    # 0.3 max(0, 1 - slope |x|): Bellec et al. 2018, NeurIPS; without the 0.3 Esser et al. 2016, PNAS 113:11441
    "triangular": Surrogate(lambda x, slope: TRIANGLE_HEIGHT * torch.relu(1 - slope * x.abs()), 1.0),
}
DEFAULT = "fast_sigmoid"
CODES = {name: code for code, name in enumerate(SURROGATES)}
"""Whole numbers for the names, which a rule's parameters can hold."""
DERIVATIVES = tuple(surrogate.derivative for surrogate in SURROGATES.values())


def surrogate_parameters(name: str) -> dict[str, Any]:
    """The fields `slope` and `surrogate` of a spiking rule's parameters; NetworkError for an unknown name.

    >>> surrogate_parameters("triangular")
    {'slope': 1.0, 'surrogate': 2}
    """
    if name not in SURROGATES:
        raise NetworkError(f"unknown surrogate {one_line(name)!r}; {nearest(name, SURROGATES)}")
    return {"slope": SURROGATES[name].slope, "surrogate": CODES[name]}
