"""One policy out of many parameter vectors: `torch.func` runs a module once for a whole population."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils import _pytree as pytree

from celegans_nn.errors import NetworkError, nearest
from celegans_nn.simulation.tape import Tape, record

Policy = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""(observations float32 [P, n_obs], state or None) -> (outputs [P, n_act], state). A module with
`(y, state) = net(x, state)` is itself one: the same network in P bodies."""

MOST_TAPES = 16
"""A state whose kind is new at every step (a counter) would make a tape a step; beyond this many, none are made."""


class PolicyStack:
    """A module made ready to run with the parameters of P individuals: `policy = stack(parameters)`.

    net: a module with `(y, state) = net(x, state)`, x `[1, n_obs]`, y `[1, n_act]`; its state may be a
        tensor, any nesting of tuples, named tuples, lists and dicts of tensors, or None. All that a step leaves
        behind must be in that state.

    The first call of each shape is recorded and played from then on (see `tape`), for every later `parameters`
    too: keep the stack while the population evolves, make a new one when the module itself has been changed.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self._tapes: dict[Any, tuple[Tape | None, _Frame]] = {}

    def __call__(self, parameters: Mapping[str, Tensor]) -> Policy:
        """A policy whose individual p has row p of every tensor in `parameters`.

        parameters: parameter (or buffer) name -> `[P, *shape]`. What is not named is the module's own, as it
            is now, and shared by all. No gradient flows through the policy.

        Raises NetworkError for a name the module does not have, or a shape that does not fit.
        """
        own = dict(self.net.named_parameters()) | dict(self.net.named_buffers())
        individuals = count_individuals(parameters, own)
        shared = {name: value for name, value in own.items() if name not in parameters}
        constants = [value.detach() for value in (*parameters.values(), *shared.values())]
        names = (tuple(parameters), tuple(shared))
        layout = (_layout(constants), self.net.training)
        bound: dict[Any, Any] = {}

        @torch.no_grad()
        def policy(x: Tensor, state: Any) -> tuple[Tensor, Any]:
            if len(x) != individuals:
                raise NetworkError(f"{len(x)} rows of observations for {individuals} individuals; give one row each")
            tensors, frame = _Frame.of(state)
            variables = [x, *tensors]
            key = (names, frame, layout, _layout(variables))
            if key not in bound:
                if key not in self._tapes and len(self._tapes) < MOST_TAPES:
                    return self._record(key, constants, variables)
                tape, after = self._tapes.get(key, (None, frame))
                if tape is None:
                    (y, *tensors), after = _run(self.net, names, constants, variables, frame)
                    return y, after.fill(tensors)
                bound[key] = tape.bind(constants), after
            play, after = bound[key]
            y, *tensors = play(variables)
            return y, after.fill(tensors)

        return policy

    def _record(self, key: Any, constants: list[Tensor], variables: list[Tensor]) -> tuple[Tensor, Any]:
        names, frame, *_ = key
        after = frame

        def run(constants: list[Tensor], variables: list[Tensor]) -> list[Tensor]:
            nonlocal after
            outputs, after = _run(self.net, names, constants, variables, frame)
            return outputs

        (y, *tensors), tape = record(run, constants, variables)
        self._tapes[key] = tape, after
        return y, after.fill(tensors)


def stack_policies(net: nn.Module, parameters: Mapping[str, Tensor]) -> Policy:
    """A policy whose individual p is `net` with row p of every tensor in `parameters`; see `PolicyStack`.

    One population, once. Keep a `PolicyStack` where parameters change and the module stays.

    >>> policy = stack_policies(nn.Identity(), {"weight": torch.zeros(3, 2, 2)})
    Traceback (most recent call last):
    celegans_nn.errors.NetworkError: the network has no parameter 'weight'; it has none
    """
    return PolicyStack(net)(parameters)


class _Frame(NamedTuple):
    """What is left of a nested state when its tensors are taken out; hashable."""

    structure: pytree.TreeSpec
    leaves: tuple[Any, ...]
    """`_TENSOR` where a tensor stood, else what stood there."""

    @staticmethod
    def of(state: Any) -> tuple[list[Tensor], _Frame]:
        leaves, structure = pytree.tree_flatten(state)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        return tensors, _Frame(structure, tuple(_TENSOR if isinstance(leaf, Tensor) else leaf for leaf in leaves))

    def fill(self, tensors: Sequence[Tensor]) -> Any:
        rows = iter(tensors)
        return pytree.tree_unflatten([next(rows) if x is _TENSOR else x for x in self.leaves], self.structure)


_TENSOR = object()


def _layout(tensors: list[Tensor]) -> tuple[Any, ...]:
    """What of the tensors decides which operations run on them."""
    return tuple((tensor.shape, tensor.stride(), tensor.dtype) for tensor in tensors)


def _run(
    net: nn.Module,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    constants: list[Tensor],
    variables: list[Tensor],
    frame: _Frame,
) -> tuple[list[Tensor], _Frame]:
    """One control step of every individual: ([outputs, tensors of the state], the state's frame)."""
    stacked = dict(zip(names[0], constants, strict=False))
    shared = dict(zip(names[1], constants[len(stacked) :], strict=True))
    after = frame

    def individual(mine: dict[str, Tensor], x: Tensor, tensors: list[Tensor]) -> list[Tensor]:
        nonlocal after
        y, state = functional_call(net, {**mine, **shared}, (x.unsqueeze(0), frame.fill(tensors)))
        new, after = _Frame.of(state)
        return [y.squeeze(0), *new]

    return vmap(individual)(stacked, variables[0], variables[1:]), after


def count_individuals(parameters: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> int:
    """How many individuals `parameters` holds, once names and shapes are checked."""
    # functional_call ignores a name it does not know, and every individual would silently be the same network
    for name, value in parameters.items():
        if name not in own:
            raise NetworkError(f"the network has no parameter {name!r}; {nearest(name, own) if own else 'it has none'}")
        if value.ndim == 0 or value.shape[1:] != own[name].shape:
            raise NetworkError(
                f"stacked parameter {name!r} has shape {list(value.shape)}; "
                f"give {['individuals', *own[name].shape]}".replace("'individuals'", "individuals")
            )
    sizes = sorted({len(value) for value in parameters.values()})
    if len(sizes) != 1 or sizes[0] == 0:
        raise NetworkError(f"stacked parameters hold {sizes or 'no'} individuals; every tensor needs the same number")
    return sizes[0]
