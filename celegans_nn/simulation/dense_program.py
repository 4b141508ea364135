"""`networks.baselines.DenseMLP`, and with it the linear policy, as a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.simulation.layers import Layers, copy_rows, dense, run_layers
from celegans_nn.simulation.packed import Packed, effective_values


class DenseProgram(NamedTuple):
    """The observations stand in the state's first rows, the layers' units after them."""

    layers: Layers


def pack_dense(net: DenseMLP, parameters: Mapping[str, Tensor]) -> Packed:
    """See `programs.pack`."""
    (weights,) = effective_values(net, parameters, lambda of: [[layer.weight for layer in of.layers]])
    layers: Any = net.layers
    sizes = [layers[0].in_features, *(layer.out_features for layer in layers)]
    program = DenseProgram(dense(sizes, inputs=0, weight=0, unit=sizes[0], rectified=True))
    return Packed(program, weights, np.zeros((len(weights), sum(sizes)), np.float32), range(0))


def act_dense(program: Any, weights: Any, state: Any, seen: Any, out: Any) -> None:
    """See `programs.act`, which compiles it."""
    layers = program.layers
    copy_rows(seen, 0, state, 0, seen.shape[0])
    run_layers(layers, weights, state)
    copy_rows(state, layers.unit + layers.hidden, out, 0, out.shape[0])
