"""Killing cells: the same wiring without what they do, and what is known of worms to which it was done."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import ConnectomeError, one_line


def ablate(worm: Connectome, cells: str | Iterable[str] = (), gap_junctions: bool = False) -> Connectome:
    """The wiring after the named cells were killed.

    Their synapses and gap junctions go; the cells themselves stay in the list, mute and deaf, so that an interface, a
    layout, or what a network has learned elsewhere still fits.

    Parameters
    ----------
    cells
        Names of cells or of classes ("AVBL", or "AVB" for both), or one of them.
    gap_junctions
        True takes away every gap junction of the animal, whatever cells it joins, as mutations of innexins do.

    Returns
    -------
    Connectome
        `provenance["ablated"]` lists every ablation done: its cells, and whether it took the gap junctions.

    Raises
    ------
    ConnectomeError
        For a name that is neither a cell nor a class of this wiring, and where nothing is named.

    >>> import pandas as pd
    >>> worm = Connectome.from_edges(pd.DataFrame({
    ...     "pre": ["AVBL", "DB1", "DB1"], "post": ["DB1", "MDL01", "DB2"],
    ...     "kind": ["electrical", "chemical", "chemical"]}))
    >>> mute = ablate(worm, "AVBL")
    >>> len(mute), len(mute.chemical), len(mute.electrical)
    (4, 2, 0)
    >>> mute.provenance["ablated"]
    [{'cells': ['AVBL'], 'gap_junctions': False}]
    """
    if not isinstance(worm, Connectome):
        raise ConnectomeError(f"the wiring is {one_line(worm)!r}; give a Connectome, such as load_connectome(...)")
    if not isinstance(gap_junctions, bool):
        raise ConnectomeError(f"gap_junctions is {one_line(repr(gap_junctions))}; give True or False")
    dead = cells_named(worm, cells)
    if not dead.any() and not gap_junctions:
        raise ConnectomeError("nothing is ablated; name cells or classes, or give gap_junctions=True")
    c, g = worm.chemical_edges, worm.electrical_edges
    kept = ~(dead[c.pre] | dead[c.post])
    joined = np.zeros(len(g.pre), bool) if gap_junctions else ~(dead[g.pre] | dead[g.post])
    done = {"cells": [worm.names[i] for i in np.flatnonzero(dead)], "gap_junctions": gap_junctions}
    return worm.with_edges(
        ChemicalEdges(*(array[kept] for array in c)),
        ElectricalEdges(*(array[joined] for array in g)),
        provenance={"ablated": [*worm.provenance.get("ablated", []), done]},
    )


def cells_named(worm: Connectome, cells: str | Iterable[str]) -> np.ndarray:
    """Which cells these names of cells or classes mean, bool [N]; ConnectomeError for one that means none."""
    classes = worm.cells["cell_class"]
    chosen = np.zeros(len(worm), bool)
    for name in (cells,) if isinstance(cells, str) else cells:
        if name in worm.index:
            chosen[worm.index[name]] = True
        elif isinstance(name, str) and name and (classes == name).any():
            chosen |= classes == name
        else:
            known = sorted({*worm.names, *(str(kind) for kind in classes if kind)})
            raise ConnectomeError(f"no cell and no class is called {one_line(name)!r}; {_near(name, known)}")
    return chosen


def _near(name: object, known: list[str]) -> str:
    """The nearest names, without listing hundreds of them."""
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"there are {len(known)} names to choose from"


class Phenotype(NamedTuple):
    """What became of worms without these cells, or this means of signalling."""

    ablated: tuple[str, ...]
    """Classes of cells."""
    gap_junctions: bool
    forward: str
    """Forward movement: "lost", "impaired", "slower" or "kept"."""
    found: str
    source: str
    read: bool
    """Whether the statement was read again in its source's abstract for this table; else it is as commonly cited."""


PHENOTYPES = (
    Phenotype(
        ("AVB",),
        False,
        "impaired",
        "without AVB, forward movement is uncoordinated",
        "Chalfie et al. 1985, J. Neurosci. 5:956",
        False,
    ),
    Phenotype(
        ("DB", "VB"),
        False,
        "lost",
        "dorsal B-type motor neurons are needed for forward movement and not for backward movement",
        "ablations of Chalfie et al. 1985, as Haspel et al. 2010, J. Neurosci. 30:11151, report them",
        True,
    ),
    Phenotype(
        ("DA", "VA"),
        False,
        "kept",
        "dorsal A-type motor neurons are needed for backward movement and not for forward movement",
        "ablations of Chalfie et al. 1985, as Haspel et al. 2010, J. Neurosci. 30:11151, report them",
        True,
    ),
    Phenotype(
        ("DD", "VD"),
        False,
        "slower",
        "without GABA transmission, worms undulate at a lower frequency and move more slowly, crawling and swimming, "
        "forward and backward",
        "Deng et al. 2021, eNeuro 8(2), ENEURO.0241-20.2020",
        True,
    ),
    Phenotype(
        (),
        True,
        "impaired",
        "mutants of the innexins unc-7 and unc-9 are uncoordinated, and kink in place of moving forward",
        "Starich et al. 2009, Neural Development 4:16; Kawano et al. 2011, Neuron 72:572",
        True,
    ),
)
"""Beside which the effects of `ablate` on a network can be put."""
