"""Graphs of every awkward kind for hypothesis, and plain readings of them that share no code with the package."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges

SIGNS = {
    "all excitatory": lambda draw, cells: dict.fromkeys(cells, (1,)),
    "all inhibitory": lambda draw, cells: dict.fromkeys(cells, (-1,)),
    "all unknown": lambda draw, cells: dict.fromkeys(cells, (0,)),
    "one sign a cell": lambda draw, cells: {c: (draw(st.sampled_from([1, -1, 0])),) for c in cells},
    "several signs a cell": lambda draw, cells: dict.fromkeys(cells, (1, -1, 0)),
}


@st.composite
def connectomes(draw):
    """Up to nine cells: neurons, muscles, another organ; self-loops, mutual edges and isolated cells as they come.

    Half of them have cell classes, half have positions.
    """
    counts = draw(st.tuples(st.integers(1, 6), st.integers(0, 2), st.integers(0, 1)))
    roles = [r for r, n in zip(("motor", "muscle", "other"), counts, strict=True) for _ in range(n)]
    roles = draw(st.permutations(roles))
    names = [f"C{i}" for i in range(len(roles))]
    ordered = [(a, b) for a in names for b in names]
    chemical = draw(st.lists(st.sampled_from(ordered), unique=True, max_size=len(ordered)))
    electrical = draw(st.lists(st.sampled_from([(a, b) for a, b in ordered if a <= b]), unique=True, max_size=12))
    of_cell = SIGNS[draw(st.sampled_from(sorted(SIGNS)))](draw, names)
    weight = st.integers(1, 5)
    synapses = [(int(a[1]), int(b[1]), draw(weight), draw(st.sampled_from(of_cell[a]))) for a, b in chemical]
    gaps = [(int(a[1]), int(b[1]), draw(weight)) for a, b in electrical]
    blank = np.full(len(roles), "", dtype=object)
    cells = {"name": np.array(names, object), "role": np.array(roles, object), "cell_class": blank}
    cells |= {"neuron": np.array(roles) == "motor", "transmitter": blank}
    if draw(st.booleans()):
        cells["cell_class"] = np.array([draw(st.sampled_from("PQ")) for _ in roles], object)
    cells |= {axis: np.full(len(roles), np.nan) for axis in "xyz"}
    if draw(st.booleans()):
        place = st.integers(0, 20)
        cells |= {axis: np.array([draw(place) for _ in roles], float) for axis in "xyz"}
    return Connectome(
        cells,
        ChemicalEdges(*np.array(synapses, int).reshape(-1, 4).T),
        ElectricalEdges(*np.array(gaps, int).reshape(-1, 3).T),
    )


def role_of(worm):
    return dict(zip(worm.names, worm.cells["role"], strict=True))


def in_scope(worm, a, b, scope):
    roles = {role_of(worm)[a], role_of(worm)[b]}
    return a != b and (scope == "all" or (roles == {"motor"} if scope == "neurons" else "muscle" in roles))


def chemical_rows(worm):
    """(pre, post, weight, sign) of every edge, cells by name."""
    pre, post, *rest = (array.tolist() for array in worm.chemical_edges)
    return [(worm.names[a], worm.names[b], *row) for a, b, *row in zip(pre, post, *rest, strict=True)]


def electrical_rows(worm):
    """(pre, post, weight) of every pair, cells by name."""
    pre, post, weight = (array.tolist() for array in worm.electrical_edges)
    return [(worm.names[a], worm.names[b], w) for a, b, w in zip(pre, post, weight, strict=True)]


examples = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
