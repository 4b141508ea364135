"""What of a module can be pruned, and fresh modules from a seed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from celegans_nn.errors import GenerationsError, nearest, one_line

MakeModel = Callable[..., nn.Module]
"""`make_model(seed=...)`, `make_model(seed)` or `make_model()`; the latter draws from torch's seeded global stream."""


class Prunable(NamedTuple):
    """A parameter object and every place that it is tied to."""

    parameter: nn.Parameter
    names: tuple[str, ...]
    """As `named_parameters` calls it, first name first: its name in a connectome is the first."""

    @property
    def name(self) -> str:
        return self.names[0]


def prunable(model: nn.Module) -> dict[str, Prunable]:
    """Every real parameter of two or more dimensions, by name; tied weights are one parameter.

    >>> net = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    >>> list(prunable(net))
    ['0.weight']
    """
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if isinstance(parameter, UninitializedParameter):
            raise GenerationsError(
                f"{name!r} has no shape yet; pass one batch through the model before it is handed over"
            )
        if parameter.ndim >= 2 and parameter.is_floating_point() and parameter.numel():
            if ".parametrizations." in f".{name}":
                raise GenerationsError(f"{name!r} is parametrized already; bake that in first")
            names.setdefault(parameter, []).append(name)
    return {found[0]: Prunable(parameter, tuple(found)) for parameter, found in names.items()}


def chosen(model: nn.Module, names: Sequence[str] | None) -> dict[str, Prunable]:
    """Those of these names, in the model's order; all where None. GenerationsError for an unknown name, or for none."""
    found = prunable(model)
    if not found:
        raise GenerationsError(
            f"a {type(model).__name__} without parameters of two or more dimensions cannot be pruned"
        )
    if names is None:
        return found
    if isinstance(names, str) or not names:
        raise GenerationsError(f"parameters is {one_line(repr(names), 60)}; give a list of names, or None for all")
    wanted = {canonical(found, name) for name in names}
    return {name: parameter for name, parameter in found.items() if name in wanted}


def canonical(found: dict[str, Prunable], name: str) -> str:
    """The first name of the parameter that has this one among its names."""
    for first, parameter in found.items():
        if name in parameter.names:
            return first
    raise GenerationsError(
        f"the model has no prunable parameter {one_line(repr(name), 80)}; {nearest(str(name), found)}"
    )


def owner_of(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module that holds the parameter, and what it calls it."""
    path, _, attribute = name.rpartition(".")
    return model.get_submodule(path), attribute


def weight_of(model: nn.Module, name: str) -> Tensor:
    """The weight as the model uses it: parametrizations applied."""
    owner, attribute = owner_of(model, name)
    return getattr(owner, attribute).detach()


def derived(seed: int, *words: int | str) -> int:
    """A seed of its own stream, below 2^31, for these words under `seed`.

    >>> derived(0, "generation", 1) != derived(0, "generation", 2)
    True
    """
    numbers = [n for word in words for n in ([word] if isinstance(word, int) else list(str(word).encode()))]
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1)[0] >> 1)


@contextmanager
def torch_seeded(seed: int) -> Iterator[None]:
    """torch's global streams start from `seed` inside and go on where they were outside."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def make(make_model: MakeModel, seed: int) -> nn.Module:
    """A fresh module, the same for the same seed however it draws its weights."""
    with torch_seeded(seed):
        if takes(make_model, "seed"):
            model = make_model(seed=seed)
        elif _positional(make_model):
            model = make_model(seed)
        else:
            model = make_model()
    if not isinstance(model, nn.Module):
        raise GenerationsError(f"make_model gave a {type(model).__name__}; it must give a torch.nn.Module")
    return model


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether the function has a parameter of this name that can be given by name."""
    try:
        parameter = inspect.signature(function).parameters.get(name)
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def _positional(function: Callable[..., Any]) -> bool:
    """Whether the function cannot be called without an argument."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
