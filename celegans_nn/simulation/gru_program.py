"""`networks.gru.GRU` as a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from celegans_nn.networks.gru import GRU
from celegans_nn.simulation.lane_ops import ONE, ZERO, sigmoid, tanh
from celegans_nn.simulation.lanes import load, of, store
from celegans_nn.simulation.layers import copy_rows, weighted
from celegans_nn.simulation.packed import Packed, effective_values


class GRUProgram(NamedTuple):
    """In the state stand the hidden units, after them the observations, then the units' next values; in the weights
    `weight_ih`, `weight_hh` and the readout's, row by row."""

    inputs: int
    hidden: int
    along: np.ndarray
    """int64, 0 to the longer of both: the places of a row's inputs."""


def pack_gru(net: GRU, parameters: Mapping[str, Tensor]) -> Packed:
    """See `programs.pack`."""
    (weights,) = effective_values(net, parameters, lambda of: [[of.weight_ih, of.weight_hh, of.readout.weight]])
    inputs, hidden, _ = net.sizes
    program = GRUProgram(inputs, hidden, np.arange(max(inputs, hidden)))
    return Packed(program, weights, np.zeros((len(weights), inputs + 2 * hidden), np.float32), range(0))


def act_gru(program: Any, weights: Any, state: Any, seen: Any, out: Any) -> None:
    """See `programs.act`, which compiles it."""
    inputs, hidden, along = program.inputs, program.hidden, program.along
    recurrent = 3 * hidden * inputs
    readout = recurrent + 3 * hidden * hidden
    copy_rows(seen, 0, state, hidden, inputs)
    for k in range(hidden):
        row = k
        reset = weighted(of(ZERO), weights, row * inputs, state, hidden, along, 0, inputs)
        reset = sigmoid(weighted(reset, weights, recurrent + row * hidden, state, 0, along, 0, hidden))
        row = hidden + k
        update = weighted(of(ZERO), weights, row * inputs, state, hidden, along, 0, inputs)
        update = sigmoid(weighted(update, weights, recurrent + row * hidden, state, 0, along, 0, hidden))
        row = 2 * hidden + k
        felt = weighted(of(ZERO), weights, row * inputs, state, hidden, along, 0, inputs)
        kept = weighted(of(ZERO), weights, recurrent + row * hidden, state, 0, along, 0, hidden)
        new = tanh(felt + reset * kept)
        store(state, hidden + inputs + k, (of(ONE) - update) * new + update * load(state, k))
    copy_rows(state, hidden + inputs, state, 0, hidden)
    for k in range(out.shape[0]):
        store(out, k, weighted(of(ZERO), weights, readout + k * hidden, state, 0, along, 0, hidden))
