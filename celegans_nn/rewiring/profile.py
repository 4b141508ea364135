"""Every measure of one wiring, taken once: what a control is held against."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.rewiring import measures
from celegans_nn.rewiring.paths import path_lengths
from celegans_nn.rewiring.statistics import SILENT, cell_signs
from celegans_nn.rewiring.triads import partners, triad_census, triangles

SCALAR, EACH_CELL, MULTISET = "scalar", "each cell", "multiset"
SIGNS = {"excitatory": 1, "inhibitory": -1, "unknown": 0}
TRIAD = "triad "
"""What the names of the triads' measures start with."""


class Measured(NamedTuple):
    """One measure of one wiring."""

    values: np.ndarray
    """float64: [1] of a scalar, NaN where it is not defined; [N] of each cell; [any length], ascending, a multiset."""
    shape: str
    """SCALAR, EACH_CELL or MULTISET."""


Profile: TypeAlias = dict[str, Measured]


def profile(worm: Connectome, inputs: np.ndarray, outputs: np.ndarray) -> Profile:
    """All measures of `worm` by name, in the order of a report.

    `inputs` and `outputs` are positions of cells, int [any length] each, between which paths are measured.
    """
    return {
        **_counts(worm),
        **_excitation(worm),
        **_degrees(worm),
        **_graph(worm),
        **_components(worm),
        **_paths(worm, inputs, outputs),
        "sum of soma distances, chemical (um)": _scalar(measures.soma_distance(worm, worm.chemical_edges)),
        "sum of soma distances, gap junctions (um)": _scalar(measures.soma_distance(worm, worm.electrical_edges)),
    }


def _scalar(value: float) -> Measured:
    return Measured(np.array([value], dtype=np.float64), SCALAR)


def _multiset(values: np.ndarray) -> Measured:
    return Measured(np.sort(values.astype(np.float64)), MULTISET)


def _counts(worm: Connectome) -> Profile:
    e, g = worm.chemical_edges, worm.electrical_edges
    return {
        "chemical edges": _scalar(len(e.pre)),
        "gap-junction pairs": _scalar(len(g.pre)),
        "self-loops, chemical": _scalar((e.pre == e.post).sum()),
        "self-loops, gap junctions": _scalar((g.pre == g.post).sum()),
        "chemical weights (multiset)": _multiset(e.weight),
        "gap-junction weights (multiset)": _multiset(g.weight),
    }


def _excitation(worm: Connectome) -> Profile:
    """Edges, weights and cells by sign; the ratios are NaN without inhibition, cells' signs where one has several."""
    e = worm.chemical_edges
    weight = {name: e.weight[e.sign == sign] for name, sign in SIGNS.items()}
    total = {name: float(w.sum()) for name, w in weight.items()}
    edges = {name: len(w) for name, w in weight.items()}
    made = {f"{name} edges": _scalar(n) for name, n in edges.items()}
    made |= {f"{name} weights (multiset)": _multiset(w) for name, w in weight.items()}
    made |= {f"{name} weight, sum": _scalar(t) for name, t in total.items()}
    for what, by_sign in (("edges", edges), ("weights", total)):
        less = by_sign["inhibitory"]
        made[f"excitatory to inhibitory, {what}"] = _scalar(by_sign["excitatory"] / less if less else np.nan)
    signs = cell_signs(worm)
    for name, sign in (*SIGNS.items(), ("", SILENT)):
        label = f"{name} cells" if name else "cells without chemical output"
        made[label] = _scalar(np.nan if signs is None else (signs == sign).sum())
    return made


def _degrees(worm: Connectome) -> Profile:
    made = {}
    for what, weighted in (("degree", False), ("strength", True)):
        for name, sign in (("", None), *SIGNS.items()):
            for way, amount in zip(("in", "out"), measures.degrees(worm, sign, weighted), strict=True):
                made[f"{way}-{what}, {name}" if name else f"{way}-{what}"] = Measured(amount, EACH_CELL)
    made["gap-junction degree"] = Measured(measures.gap_degrees(worm), EACH_CELL)
    made["gap-junction strength"] = Measured(measures.gap_degrees(worm, weighted=True), EACH_CELL)
    return made


def _graph(worm: Connectome) -> Profile:
    graph = partners(worm.chemical_edges, len(worm))
    closed = triangles(graph)
    return {
        "reciprocity": _scalar(measures.reciprocity(worm)),
        "clustering": _scalar(measures.clustering_of(graph, closed)),
        "clustering, gap junctions": _scalar(measures.gap_clustering(worm)),
        "spectral radius, weights": _scalar(measures.spectral_radius(worm, "weight")),
        "spectral radius, signed weights": _scalar(measures.spectral_radius(worm, "signed")),
        **{TRIAD + name: _scalar(n) for name, n in triad_census(graph, closed).items()},
    }


def _components(worm: Connectome) -> Profile:
    strong = measures.component_sizes(worm, "strong")
    return {
        "strong components": _scalar(len(strong)),
        "strong component sizes (multiset)": _multiset(strong),
        "largest strong component": _scalar(strong[0]),
        "largest weak component": _scalar(measures.component_sizes(worm, "weak")[0]),
        "largest gap-junction component": _scalar(measures.component_sizes(worm, "gap")[0]),
    }


def _paths(worm: Connectome, inputs: np.ndarray, outputs: np.ndarray) -> Profile:
    pairs = path_lengths(worm, inputs, outputs)
    connected = mean = longest = np.nan
    if pairs is not None:
        connected = float(pairs.sum())
        if connected:
            mean, longest = float(pairs @ np.arange(len(pairs)) / connected), float(len(pairs) - 1)
    return {
        "input-output pairs connected": _scalar(connected),
        "mean shortest path, input to output": _scalar(mean),
        "longest shortest path, input to output": _scalar(longest),
    }
