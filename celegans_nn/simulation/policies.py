"""One policy out of many parameter vectors: `torch.func` runs a module once for a whole population."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils import _pytree as pytree

from celegans_nn.errors import NetworkError, nearest

Policy = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""(observations float32 [P, n_obs], state or None) -> (outputs [P, n_act], state). A module with
`(y, state) = net(x, state)` is itself one: the same network in P bodies."""


def stack_policies(net: nn.Module, parameters: Mapping[str, Tensor]) -> Policy:
    """A policy whose individual p is `net` with row p of every tensor in `parameters`.

    net: a module with `(y, state) = net(x, state)`, x `[1, n_obs]`, y `[1, n_act]`; its state may be a
        tensor, any nesting of tuples, named tuples, lists and dicts of tensors, or None.
    parameters: parameter (or buffer) name -> `[P, *shape]`. What is not named is the module's own and
        shared by all.

    A module may offer `precompute() -> pytree of tensors`, what its parameters determine (such as effective
    weights); it is then computed once for each individual, here, and handed to every call as
    `net(x, state, precomputed)`.

    Raises NetworkError for a name the module does not have, or a shape that does not fit.
    """
    stacked = _checked(net, parameters)
    hoisted: tuple[Any, ...] = ()
    if hasattr(net, "precompute"):
        inside = _Precompute(net)
        named = {f"net.{name}": value for name, value in stacked.items()}
        hoisted = (vmap(lambda own: functional_call(inside, own, ()))(named),)

    def policy(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        leaves, structure = pytree.tree_flatten(state)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        after: list[Any] = []

        def individual(own: dict[str, Tensor], known: tuple[Any, ...], x: Tensor, mine: list[Tensor]) -> Any:
            before = pytree.tree_unflatten(_merge(leaves, mine), structure)
            y, new = functional_call(net, own, (x.unsqueeze(0), before, *known))
            new_leaves, new_structure = pytree.tree_flatten(new)
            after[:] = [
                new_structure,
                [None if isinstance(leaf, Tensor) else leaf for leaf in new_leaves],
                [isinstance(leaf, Tensor) for leaf in new_leaves],
            ]
            return y.squeeze(0), [leaf for leaf in new_leaves if isinstance(leaf, Tensor)]

        y, mine = vmap(individual)(stacked, hoisted, x, tensors)
        structure_after, constants, is_tensor = after
        rows = iter(mine)
        merged = [next(rows) if tensor else constant for tensor, constant in zip(is_tensor, constants, strict=True)]
        return y, pytree.tree_unflatten(merged, structure_after)

    return policy


class _Precompute(nn.Module):
    """`functional_call` reaches a module's forward only; this makes `precompute` one."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self) -> Any:
        return self.net.precompute()  # type: ignore[operator]


def _merge(leaves: list[Any], tensors: list[Tensor]) -> list[Any]:
    """`leaves` with its tensors replaced, in order, by `tensors`."""
    rows = iter(tensors)
    return [next(rows) if isinstance(leaf, Tensor) else leaf for leaf in leaves]


def _checked(net: nn.Module, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # functional_call ignores a name it does not know, and an individual would silently be the shared network
    own = dict(net.named_parameters()) | dict(net.named_buffers())
    sizes = set()
    for name, value in parameters.items():
        if name not in own:
            raise NetworkError(f"the network has no parameter {name!r}: {nearest(name, own)}")
        if value.ndim == 0 or value.shape[1:] != own[name].shape:
            raise NetworkError(
                f"stacked parameter {name!r} has shape {tuple(value.shape)}; "
                f"give [individuals, {', '.join(map(str, own[name].shape))}]"
            )
        sizes.add(len(value))
    if len(sizes) != 1:
        raise NetworkError(
            f"stacked parameters hold {sorted(sizes)} individuals; every tensor needs the same number of rows"
        )
    return dict(parameters)
