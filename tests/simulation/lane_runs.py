"""A population in lanes, and the same individuals in torch, each as a module of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from celegans_nn.compiled import njit_kept
from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.networks.network import Delayed, cells_of
from celegans_nn.simulation.policies import stack_policies
from celegans_nn.simulation.programs import LANES, act, empty_rows, pack


@njit_kept(nogil=True, error_model="numpy")
def control_step(program, weights, state, seen, out):
    act(program, weights, state, seen, out)


def perturbed(net, individuals, seed=0, spread=0.05):
    """Every parameter with noise of its own for each individual."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: value.detach() + spread * torch.randn((individuals, *value.shape), generator=generator)
        for name, value in net.named_parameters()
    }


class Lanes(NamedTuple):
    """At most LANES individuals; lane l holds number chosen[l] of the population."""

    program: object
    weights: np.ndarray
    state: np.ndarray
    seen: np.ndarray
    out: np.ndarray

    @staticmethod
    def of(packed, inputs, outputs, chosen=None):
        chosen = np.arange(min(LANES, len(packed.weights))) if chosen is None else chosen
        weights, state = empty_rows(packed.weights.shape[1]), empty_rows(packed.start.shape[1])
        weights[:, : len(chosen)], state[:, : len(chosen)] = packed.weights[chosen].T, packed.start[chosen].T
        return Lanes(packed.program, weights, state, empty_rows(inputs), empty_rows(outputs))

    def step(self, seen):
        """seen [n_obs, at most LANES] -> outputs [n_act, LANES]."""
        self.seen[:, : seen.shape[1]] = seen
        control_step(self.program, self.weights, self.state, self.seen, self.out)
        return self.out.copy()


def ends(net):
    """How many observations and actions."""
    if isinstance(net, DenseMLP):
        return net.layers[0].in_features, net.layers[-1].out_features
    return len(net.interface.observations), len(net.interface.actions)


class Agreement(NamedTuple):
    """Largest differences between lanes and torch as shares of the largest value, and what shows that a test had a
    network to look at."""

    output: float
    state: float
    """Of any field of the neuron model's state."""
    activity: float
    """Mean size of what cells send."""
    missed: int
    """Control steps of an individual in which a spike fell out differently, and which the rest leaves out."""


def agreement(net, individuals=4, steps=200, seed=0):
    """Every control step begins in both ways from the state that torch reached in the one before."""
    inputs, outputs = ends(net)
    parameters = perturbed(net, individuals, seed)
    lanes, policy, state = Lanes.of(pack(net, parameters), inputs, outputs), stack_policies(net, parameters), None
    rng = np.random.default_rng(seed)
    worst = largest = worst_state = activity = 0.0
    missed = 0
    for _ in range(steps):
        seen = rng.normal(size=(inputs, individuals)).astype(np.float32)
        ours = lanes.step(seen)[:, :individuals]
        y, state = policy(torch.from_numpy(seen.T.copy()), state)
        theirs = y.numpy().T
        same = np.ones(individuals, bool)
        if state is None:
            activity += np.abs(theirs).mean()
        else:
            mine, fields = _exchanged(lanes, state)
            output = fields._fields.index("output")
            if (np.isin(fields.output, (0, 1))).all():
                same = (mine[output] == fields.output).all(0)
            shares = [
                np.abs(a - b)[:, same].max() / np.abs(b).max() for a, b in zip(mine, fields, strict=True) if b.any()
            ]
            worst_state, activity = max(worst_state, *shares, 0.0), activity + np.abs(fields.output).mean()
        missed += (~same).sum()
        worst, largest = max(worst, np.abs(ours - theirs)[:, same].max()), max(largest, np.abs(theirs).max())
    return Agreement(worst / max(largest, 1e-6), worst_state, activity / steps, missed)


def _exchanged(lanes, state):
    """The lanes' fields [N, individuals] after a step, and torch's, which take their place."""
    fields = type(cells_of(state))(*(field.numpy().T[:, 0, :] for field in cells_of(state)))
    sent = [each.numpy().T[:, 0, :] for each in state.sent] if isinstance(state, Delayed) else []
    theirs = np.concatenate([*fields, *sent])
    place = lanes.state[: len(theirs), : theirs.shape[1]]
    mine = np.split(place[: sum(map(len, fields))].copy(), len(fields))
    place[:] = theirs
    return mine, fields
