"""What a population is for the compiled way: a program that all share, and one row of numbers an individual."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

INDIVIDUALS_AT_ONCE = 64
"""So that what is computed on the way to the weights stays within the processor's memory."""


class Packed(NamedTuple):
    """P individuals, ready to act; see `programs`."""

    program: Any
    """What they share. Its type says which compiled code runs it."""
    weights: np.ndarray
    """float32 [P, D]: row p becomes a column of the lanes' weights [D, LANES]."""
    start: np.ndarray
    """float32 [P, S]: the state before the first control step."""
    cells: range
    """The rows of the state in which the cells' outputs stand; none where the module has no cells."""


def effective_values(
    net: nn.Module, parameters: Mapping[str, Tensor], values: Callable[[Any], Sequence[Sequence[Tensor]]]
) -> list[np.ndarray]:
    """What `values` gives for each individual, float32 [P, ...]: an array for each of its groups of tensors.

    values: takes the module with an individual's parameters in it.
    """

    def individual(own: dict[str, Tensor]) -> tuple[Tensor, ...]:
        return functional_call(_Values(net, values), {f"net.{name}": value for name, value in own.items()}, ())

    stacked = {name: value.detach().contiguous() for name, value in parameters.items()}
    with torch.no_grad():
        groups = vmap(individual, chunk_size=INDIVIDUALS_AT_ONCE)(stacked)
    return [np.ascontiguousarray(rows.numpy(), np.float32) for rows in groups]


class _Values(nn.Module):
    """Lets `functional_call` reach what is no `forward`."""

    def __init__(self, net: nn.Module, values: Callable[[Any], Sequence[Sequence[Tensor]]]):
        super().__init__()
        self.net, self.values = net, values

    def forward(self) -> tuple[Tensor, ...]:
        return tuple(torch.cat([value.flatten() for value in group]) for group in self.values(self.net))
