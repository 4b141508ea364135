"""The `interface_shuffle` control: the graph stays; which of its cells are inputs and outputs is drawn anew."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import RewiringError, one_line
from celegans_nn.rewiring.edges import KINDS, cell_kinds, end_cells, seed_number


class HasEnds(Protocol):
    """A dataclass that names a network's input and output cells, such as `networks.Interface`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def input_cells(self) -> tuple[str, ...]:
        """Cells that take observations."""

    @property
    def output_cells(self) -> tuple[str, ...]:
        """Cells that drive actions."""


Ends = TypeVar("Ends", bound=HasEnds)


def shuffle_interface(worm: Connectome, interface: Ends, *, seed: int | np.random.Generator) -> Ends:
    """`interface` with other cells of `worm` in the places of its input and output cells; all else as it was.

    One permutation of the cells, uniformly random within each kind (neuron, muscle, end organ), is applied to
    both lists. So the numbers of inputs and outputs of each kind are kept, and which inputs are outputs too.

    Parameters
    ----------
    interface
        A dataclass with `input_cells` and `output_cells`, tuples of names. It is not changed.
    seed
        A whole number from 0, or a Generator, from which one is drawn. The same seed gives the same cells.

    Raises
    ------
    RewiringError
        For an unknown cell, for a seed that is no whole number, and where the control would be void: where inputs
        and outputs are each all or none of the cells of every kind, their sets cannot change, and an encoder and
        a decoder that are learned would not tell the order.

    >>> import pandas as pd
    >>> from celegans_nn.networks import Interface
    >>> ring = pd.DataFrame({"pre": list("ABCDEF"), "post": list("BCDEFA"), "kind": "chemical"})
    >>> eye_to_tail = Interface(("light",), ("turn",), input_cells=("A",), output_cells=("F",))
    >>> other = shuffle_interface(Connectome.from_edges(ring), eye_to_tail, seed=1)
    >>> len(other.input_cells), len(other.output_cells), other.input_cells == other.output_cells
    (1, 1, False)
    """
    if not isinstance(worm, Connectome):
        raise RewiringError(f"the wiring is {one_line(worm)!r}; give a Connectome, such as load_connectome(...)")
    fields = getattr(interface, "__dataclass_fields__", {})
    if isinstance(interface, type) or not {"input_cells", "output_cells"} <= set(fields):
        raise RewiringError(f"the interface is {one_line(interface)!r}; give an Interface with input and output cells")
    rng = np.random.default_rng(seed_number(seed))
    kinds = cell_kinds(worm)
    ends = end_cells(worm, interface.input_cells, interface.output_cells)
    _refuse_void(kinds, *ends)
    stand_in = np.arange(len(worm))
    for kind in range(KINDS):
        cells = np.flatnonzero(kinds == kind)
        stand_in[cells] = rng.permutation(cells)
    inputs, outputs = (tuple(worm.names[i] for i in stand_in[cells]) for cells in ends)
    return dataclasses.replace(interface, input_cells=inputs, output_cells=outputs)


def _refuse_void(kinds: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> None:
    of_kind = np.bincount(kinds, minlength=KINDS)
    for cells in (inputs, outputs):
        named = np.bincount(kinds[np.unique(cells)], minlength=KINDS)
        if ((named > 0) & (named < of_kind)).any():
            return
    raise RewiringError(
        "interface_shuffle is void: the inputs and the outputs are each all or none of the neurons and of the muscles, "
        "so a shuffle names the same cells again; name some of them, or choose a null model that moves edges"
    )
