"""A program that plays actions from a table: to check bodies, and for what the loop costs without a network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from celegans_nn.simulation.lanes import LANES
from celegans_nn.simulation.packed import Packed
from celegans_nn.tasks.task import Array


class Replay(NamedTuple):
    """An individual's weights are its actions, step after step; its state is the step."""

    actions: int
    """Of a step."""


def pack_replay(actions: Array) -> Packed:
    """[P, T, n_act], of P individuals in T control steps -> what `Crew.run` takes, with `squash=False`."""
    table = np.ascontiguousarray(actions, np.float32)
    individuals, _, width = table.shape
    start = np.zeros((individuals, 1), np.float32)  # float32 counts to 2^24 without a gap
    return Packed(Replay(width), table.reshape(individuals, -1), start, range(0))


def act_replay(program: Any, weights: Any, state: Any, seen: Any, out: Any) -> None:
    """See `programs.act`, which compiles it. After the last action, as in a lane without an episode, it stays."""
    for lane in range(LANES):
        row = min(int(state[0, lane]) * program.actions, weights.shape[0] - program.actions)
        for k in range(program.actions):
            out[k, lane] = weights[row + k, lane]
        state[0, lane] += np.float32(1)
