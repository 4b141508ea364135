"""Named ways in and out: which cells take observations, which cells drive actions, and what is learned between."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.ends import default_ends
from celegans_nn.errors import NetworkError, nearest, one_line, whole_number

KINDS = ("mlp", "linear")
INIT_BOUND = 0.3
"""Encoder and decoder start from U(-0.3, 0.3) (Schmidgall et al. 2022)."""


@dataclass(frozen=True)
class Interface:
    """Observation and action names mapped to cells through an encoder and a decoder.

    Schmidgall et al. 2022 encode observations onto the motor neurons and decode the body-wall muscles, both
    non-linearly and with sizes they do not give: `mlp` is one hidden layer of `hidden` tanh units and a linear
    layer; `linear` is the linear layer alone.
    """

    observations: tuple[str, ...]
    actions: tuple[str, ...]
    input_cells: tuple[str, ...]
    output_cells: tuple[str, ...]
    encoder: str = "mlp"
    decoder: str = "mlp"
    hidden: int = 16

    def __post_init__(self) -> None:
        for what, kind in (("encoder", self.encoder), ("decoder", self.decoder)):
            if kind not in KINDS:
                raise NetworkError(f"unknown {what} {one_line(kind)!r}; {nearest(kind, KINDS)}")
        for what in ("observations", "actions", "input_cells", "output_cells"):
            names = getattr(self, what)
            if not names:
                raise NetworkError(f"the interface has no {what.replace('_', ' ')}; name at least one")
            if len(set(names)) != len(names):
                raise NetworkError(f"the interface names one of its {what.replace('_', ' ')} twice; name each once")
        if self.hidden < 1:
            raise NetworkError(f"hidden is {self.hidden}; give at least one hidden unit")

    def check(self, worm: Connectome) -> None:
        """NetworkError where a named cell is not in the wiring."""
        for name in (*self.input_cells, *self.output_cells):
            if name not in worm.index:
                raise NetworkError(f"the interface names cell {one_line(name)!r}, which the wiring does not have")


def default_interface(
    worm: Connectome,
    inputs: int | Sequence[str],
    outputs: int | Sequence[str],
    encoder: str = "mlp",
    decoder: str = "mlp",
    hidden: int = 16,
) -> Interface:
    """Observations onto the motor neurons; actions from the muscles, or from the motor neurons without muscles.

    A wiring with no known motor neuron takes and gives through all its neurons.
    """
    input_cells, output_cells = (tuple(worm.cells["name"][ends].tolist()) for ends in default_ends(worm))
    return Interface(
        _named(inputs, "observation"), _named(outputs, "action"), input_cells, output_cells, encoder, decoder, hidden
    )


def _named(names: int | Sequence[str], what: str) -> tuple[str, ...]:
    if isinstance(names, str) or (not isinstance(names, int) and not isinstance(names, Sequence)):
        raise NetworkError(f"{what}s are {one_line(names)!r}; give their number or a list of names")
    if isinstance(names, int):
        return tuple(f"{what}_{i}" for i in range(whole_number(f"{what}s", names, 1, 10**6, NetworkError)))
    return tuple(str(name) for name in names)


def dense_layer(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer without bias, weights from U(-b, b), b = min(0.3, sqrt(3 / inputs)).

    0.3 is Schmidgall et al.'s; the second bound keeps the variance of wide inputs (784 pixels) at one. Without a
    bias, rest in gives rest out: a body cannot earn by bending into a fixed curl, which evolution otherwise finds
    long before it finds to swim.
    """
    # nn.Linear itself would draw from the global generator
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=False)
    bound = min(INIT_BOUND, (3.0 / inputs) ** 0.5)
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=generator)
    return layer


def check_observations(x: Tensor, observations: int) -> None:
    """NetworkError where x is not [batch, observations]."""
    if x.dim() != 2 or x.shape[1] != observations:
        raise NetworkError(f"x has shape {list(x.shape)}; give [batch, {observations}]")


class Coder(nn.Module):
    """An encoder or decoder: x [batch, inputs] -> [batch, outputs]."""

    def __init__(self, kind: str, inputs: int, outputs: int, hidden: int, generator: torch.Generator):
        super().__init__()
        sizes = [inputs, hidden, outputs] if kind == "mlp" else [inputs, outputs]
        self.layers = nn.ModuleList(dense_layer(a, b, generator) for a, b in itertools.pairwise(sizes))

    @property
    def first_weight(self) -> Tensor:
        """[hidden or outputs, inputs]."""
        return self.layers[0].weight  # type: ignore[return-value]

    def forward(self, x: Tensor, first: Tensor | None = None) -> Tensor:
        """`first` takes the place of the first layer's weights."""
        for i, layer in enumerate(self.layers):
            given = x if i == 0 else torch.tanh(x)
            x = layer(given) if i or first is None else nn.functional.linear(given, first)
        return x
