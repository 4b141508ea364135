"""Networks without the worm, matched to one with it: what a comparison must beat."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from celegans_nn.errors import LARGEST_SEED, NetworkError, nearest, one_line, whole_number
from celegans_nn.networks.feedforward import SparseMLP
from celegans_nn.networks.gru import GRU
from celegans_nn.networks.interface import check_observations, dense_layer
from celegans_nn.networks.ncap import NCAP
from celegans_nn.networks.network import Network


class DenseMLP(nn.Module):
    """Dense layers without bias, ReLU between: x [batch, inputs] -> (y [batch, outputs], None). It has no state."""

    def __init__(self, sizes: list[int], generator: torch.Generator):
        super().__init__()
        self.layers = nn.ModuleList(dense_layer(a, b, generator) for a, b in itertools.pairwise(sizes))

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, None]:
        check_observations(x, self.layers[0].in_features)  # type: ignore[arg-type]
        for i, layer in enumerate(self.layers):
            x = layer(x if i == 0 else torch.relu(x))
        return x, None


def baseline(name: str, *, like: Network, seed: int = 0) -> nn.Module:
    """A baseline with the same inputs and outputs as the network `like`, from its own seed.

    dense_mlp
        Two hidden layers with as many units together as `like` has cells (Schmidgall et al. 2022 match neurons).
    dense_mlp_parameters
        Two equal hidden layers of the width whose parameter count comes nearest to that of `like` with one weight
        an edge, as the genetic algorithm trains it.
    sparse_mlp
        The wiring of `like` turned feedforward; see `SparseMLP`.
    linear
        One linear layer (Mania et al. 2018 reach good locomotion with it).
    gru
        Gated recurrent units, as many as bring the parameter count nearest to that of `like` with one weight an edge.
    ncap
        The circuit that Bhattasali et al. 2022 designed by hand for a swimmer; see `NCAP`. It is matched to nothing.

    Raises NetworkError for another name, where `like` is no network of a wiring, and for "ncap" where it drives no
    swimmer.
    """
    if not isinstance(name, str) or name not in BASELINES:
        raise NetworkError(f"unknown baseline {one_line(repr(name))}; {nearest(name, BASELINES)}")
    if not isinstance(like, Network):
        raise NetworkError(f"like is {one_line(repr(like))}; give a network that build(...) made")
    seed = whole_number("seed", seed, 0, LARGEST_SEED, NetworkError)
    return BASELINES[name](like, torch.Generator().manual_seed(seed))


def _dense_by_neurons(like: Network, generator: torch.Generator) -> nn.Module:
    first = (len(like.worm) + 1) // 2
    return DenseMLP([_inputs(like), first, max(len(like.worm) - first, 1), _outputs(like)], generator)


def _dense_by_parameters(like: Network, generator: torch.Generator) -> nn.Module:
    ends = _inputs(like) + _outputs(like)
    width = _width(like, lambda width: width * width + width * ends)
    return DenseMLP([_inputs(like), width, width, _outputs(like)], generator)


def _gru(like: Network, generator: torch.Generator) -> nn.Module:
    inputs, outputs = _inputs(like), _outputs(like)
    hidden = _width(like, lambda hidden: 3 * hidden * (inputs + hidden) + hidden * outputs)
    return GRU(inputs, hidden, outputs, generator)


def _width(like: Network, size: Callable[[int], int]) -> int:
    """The width whose `size(width)` parameters come nearest to what `like` trains in the end, where it begins with
    shared weights too."""
    target = count_parameters(like.unshared())
    width = 1
    while size(width) < target:
        width += 1
    return width - 1 if width > 1 and target - size(width - 1) < size(width) - target else width


def _ncap(like: Network, generator: torch.Generator) -> nn.Module:
    return NCAP(like.interface.observations, like.interface.actions, generator)


def _sparse(like: Network, generator: torch.Generator) -> nn.Module:
    share, unknown_sign = like.chemical.share, like.chemical.unknown_sign
    return SparseMLP(like.worm, like.interface, share, unknown_sign, generator, like.weights, like.seed)


def _linear(like: Network, generator: torch.Generator) -> nn.Module:
    return DenseMLP([_inputs(like), _outputs(like)], generator)


BASELINES: dict[str, Callable[[Network, torch.Generator], nn.Module]] = {
    "dense_mlp": _dense_by_neurons,
    "dense_mlp_parameters": _dense_by_parameters,
    "sparse_mlp": _sparse,
    "linear": _linear,
    "gru": _gru,
    "ncap": _ncap,
}


def count_parameters(net: nn.Module) -> int:
    """The number of trained values."""
    return sum(p.numel() for p in net.parameters())


def _inputs(like: Network) -> int:
    return len(like.interface.observations)


def _outputs(like: Network) -> int:
    return len(like.interface.actions)
