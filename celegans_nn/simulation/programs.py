"""Networks as compiled programs over sixteen individuals: `pack` a population, then `act` in compiled code.

`act(program, weights, state, seen, out)` is one control step of the individuals of all lanes, called from compiled
code: it reads the observations `seen` [n_obs, LANES], advances `state` [S, LANES] in place and writes the outputs
[n_act, LANES] to `out`, before the task bounds them; all float32, C-contiguous, and `weights` is [D, LANES]. Column l
of `weights` and `state` is the row of `Packed.weights` and `Packed.start` of the individual in that lane. It computes
what the module computes, to rounding, and no individual's bits depend on its lane or on the other lanes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from numba.extending import overload
from torch import Tensor, nn

from celegans_nn.errors import NetworkError
from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.networks.feedforward import SparseMLP
from celegans_nn.networks.gru import GRU
from celegans_nn.networks.network import Network
from celegans_nn.simulation.dense_program import DenseProgram, act_dense, pack_dense
from celegans_nn.simulation.gru_program import GRUProgram, act_gru, pack_gru
from celegans_nn.simulation.lanes import LANES, OPTIONS, empty_rows
from celegans_nn.simulation.network_program import network_obstacle, pack_network
from celegans_nn.simulation.network_ticks import NetworkProgram, act_network
from celegans_nn.simulation.packed import Packed
from celegans_nn.simulation.policies import count_individuals
from celegans_nn.simulation.replay import Replay, act_replay

__all__ = ["LANES", "Packed", "act", "empty_rows", "obstacle", "pack"]

PACKERS: dict[type[nn.Module], Any] = {
    Network: pack_network, SparseMLP: pack_network, DenseMLP: pack_dense, GRU: pack_gru,
}  # fmt: skip
ACTS: dict[type, Any] = {
    NetworkProgram: act_network, DenseProgram: act_dense, GRUProgram: act_gru, Replay: act_replay,
}  # fmt: skip


def obstacle(net: nn.Module, names: Iterable[str] = ()) -> str | None:
    """Why a module cannot be compiled, in words; None where it can.

    names: of the tensors in which individuals are to differ.
    """
    if type(net) not in PACKERS:
        known = ", ".join(kind.__name__ for kind in PACKERS)
        return f"{type(net).__name__} has no compiled form; those that have: {known}"
    if net._forward_hooks or net._forward_pre_hooks or "forward" in vars(net):
        return "something is hooked onto its forward pass"
    kinds = {(value.dtype, value.device.type) for value in net.parameters()}
    if not kinds <= {(torch.float32, "cpu")}:
        return "its parameters are not all float32 on the CPU"
    if buffers := dict(net.named_buffers()).keys() & set(names):
        return f"individuals differ in {min(buffers)!r}, which is no parameter of it"
    return network_obstacle(net) if isinstance(net, Network) else None


def pack(net: nn.Module, parameters: Mapping[str, Tensor]) -> Packed:
    """A population of `net`, individual p with row p of every tensor in `parameters`.

    parameters: parameter name -> [P, *shape]. What is not named is the module's own, as it is now.

    Raises NetworkError for a module that cannot be compiled (see `obstacle`), for a name that it does not have, or a
    shape that does not fit.

    >>> pack(nn.Identity(), {})
    Traceback (most recent call last):
    celegans_nn.errors.NetworkError: Identity has no compiled form; those that have: Network, SparseMLP, DenseMLP, GRU
    """
    if (why := obstacle(net, parameters)) is not None:
        raise NetworkError(why)
    count_individuals(parameters, dict(net.named_parameters()))
    return PACKERS[type(net)](net, parameters)


def act(program: Any, weights: Any, state: Any, seen: Any, out: Any) -> None:
    """One control step of the individuals of all lanes, in compiled code; see the module."""


@overload(act, jit_options=OPTIONS)
def _compiled_act(program: Any, weights: Any, state: Any, seen: Any, out: Any) -> Any:
    return ACTS[program.instance_class]
