"""Named ways in and out: which cells take observations, which cells drive actions, and what is learned between."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.ends import default_ends
from celegans_nn.errors import NetworkError, nearest, one_line, whole_number

KINDS = ("mlp", "linear")
"""Coders that are learned, and that `default_interface` makes."""
FIXED = "fixed"
"""A coder of given gains between named ends, with nothing to learn: see `direct_interface`."""
INIT_BOUND = 0.3
"""Encoder and decoder start from U(-0.3, 0.3) (Schmidgall et al. 2022)."""


Gains = tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class Interface:
    """Observation and action names mapped to cells through an encoder and a decoder.

    Schmidgall et al. 2022 encode observations onto the motor neurons and decode the body-wall muscles, both
    non-linearly and with sizes they do not give: `mlp` is one hidden layer of `hidden` tanh units and a linear
    layer; `linear` is the linear layer alone. `fixed` is a linear layer of gains that are given and never trained:
    triples (position in what goes in, position in what comes out, gain), of `observations` and `input_cells` in
    `input_gains`, of `output_cells` and `actions` in `output_gains`; what is not named is 0.
    """

    observations: tuple[str, ...]
    actions: tuple[str, ...]
    input_cells: tuple[str, ...]
    output_cells: tuple[str, ...]
    encoder: str = "mlp"
    decoder: str = "mlp"
    hidden: int = 16
    input_gains: Gains = ()
    output_gains: Gains = ()

    def __post_init__(self) -> None:
        for what, kind in (("encoder", self.encoder), ("decoder", self.decoder)):
            if kind not in (*KINDS, FIXED):
                raise NetworkError(f"unknown {what} {one_line(kind)!r}; {nearest(kind, (*KINDS, FIXED))}")
        for what in ("observations", "actions", "input_cells", "output_cells"):
            names = getattr(self, what)
            if not names:
                raise NetworkError(f"the interface has no {what.replace('_', ' ')}; name at least one")
            if len(set(names)) != len(names):
                raise NetworkError(f"the interface names one of its {what.replace('_', ' ')} twice; name each once")
        if self.hidden < 1:
            raise NetworkError(f"hidden is {self.hidden}; give at least one hidden unit")
        for what in ("input_gains", "output_gains"):
            object.__setattr__(self, what, _plain(what, getattr(self, what)))
        _check_gains("input_gains", self.input_gains, self.encoder, len(self.observations), len(self.input_cells))
        _check_gains("output_gains", self.output_gains, self.decoder, len(self.output_cells), len(self.actions))

    def check(self, worm: Connectome) -> None:
        """NetworkError where a named cell is not in the wiring."""
        for name in (*self.input_cells, *self.output_cells):
            if name not in worm.index:
                raise NetworkError(f"the interface names cell {one_line(name)!r}, which the wiring does not have")


def _plain(what: str, gains: Any) -> Gains:
    """The same, all of Python's own whole numbers and floats, which alone can be saved."""
    try:
        return tuple((operator.index(source), operator.index(target), float(gain)) for source, target, gain in gains)
    except (TypeError, ValueError):
        raise NetworkError(f"{what} are {one_line(repr(gains))}; give triples of two positions and a gain") from None


def _check_gains(what: str, gains: Gains, kind: str, inputs: int, outputs: int) -> None:
    """NetworkError where a fixed coder has no gains, another has some, or one does not fit its ends."""
    if (kind == FIXED) != bool(gains):
        raise NetworkError(f"{what} hold {len(gains)} gains for a coder of kind {kind!r}; give them for 'fixed' alone")
    if len({gain[:2] for gain in gains}) != len(gains):
        raise NetworkError(f"{what} name one pair of ends twice; add the gains up into one")
    for source, target, gain in gains:
        if not (0 <= source < inputs and 0 <= target < outputs and math.isfinite(gain)):
            raise NetworkError(
                f"{what} hold ({source}, {target}, {gain}); give positions below {inputs} and {outputs}, "
                "and a finite gain"
            )


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
    """NetworkError where x is not a tensor [batch, observations]."""
    if not isinstance(x, Tensor):
        raise NetworkError(f"x is {one_line(repr(x))}; give a tensor [batch, {observations}]")
    if x.dim() != 2 or x.shape[1] != observations:
        raise NetworkError(f"x has shape {list(x.shape)}; give [batch, {observations}]")


class Coder(nn.Module):
    """A learned encoder or decoder: x [batch, inputs] -> [batch, outputs]."""

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


class FixedCoder(nn.Module):
    """Gains that are given: x [batch, inputs] -> [batch, outputs]. It has no parameter."""

    first_weight: Tensor
    """[outputs, inputs]."""

    def __init__(self, gains: Gains, inputs: int, outputs: int):
        super().__init__()
        weight = torch.zeros(outputs, inputs)
        for source, target, gain in gains:
            weight[target, source] = gain
        self.register_buffer("first_weight", weight, persistent=False)

    def forward(self, x: Tensor, first: Tensor | None = None) -> Tensor:
        """`first` takes the place of the gains."""
        return nn.functional.linear(x, self.first_weight if first is None else first)


def coders(interface: Interface, generator: torch.Generator) -> tuple[Coder | FixedCoder, Coder | FixedCoder]:
    """The interface's (encoder, decoder); what is learned is drawn from `generator`, the encoder first."""
    i = interface

    def coder(kind: str, gains: Gains, inputs: int, outputs: int) -> Coder | FixedCoder:
        if kind == FIXED:
            return FixedCoder(gains, inputs, outputs)
        return Coder(kind, inputs, outputs, i.hidden, generator)

    return (
        coder(i.encoder, i.input_gains, len(i.observations), len(i.input_cells)),
        coder(i.decoder, i.output_gains, len(i.output_cells), len(i.actions)),
    )
