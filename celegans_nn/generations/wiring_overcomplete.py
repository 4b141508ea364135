"""The wiring that generations begin with, where everything is connected, and the one they end with, cut to size."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import LARGEST_SEED, GenerationsError, one_line, whole_number
from celegans_nn.generations.prune import strongest

TO_NEURONS, TO_MUSCLES = "to_neurons", "to_muscles"


def overcomplete(worm: Connectome, seed: int) -> Connectome:
    """The worm's cells, every neuron onto every other neuron and onto every muscle, all weights 1.

    Names, classes and roles stay, and so do ways in and out. As in the worm a neuron has one sign; how many are
    inhibitory is the worm's own share (of its neurons with outgoing edges of known sign; one of both counts by its
    greater weight), and which ones is drawn from `seed`, so that nothing of the wiring is inherited unseen. End organs
    other than muscles stay without edges, as do neurons onto themselves.

    There are no gap junctions: they have no sign, all of them together would make one cell of the circuit, and a
    pruning that compares a conductance with a synaptic weight compares two units. What is compared with the result
    should run without them too.

    GenerationsError for a wiring without neurons, or whose edges have no known sign.

    >>> import pandas as pd
    >>> worm = Connectome.from_edges(pd.DataFrame(
    ...     {"pre": list("ABC"), "post": list("BCA"), "kind": "chemical", "sign": [1, -1, 1]}))
    >>> overcomplete(worm, seed=0)
    <Connectome edges: 3 cells (3 neurons), 6 chemical edges (4 +, 2 -, 0 unknown), 0 gap-junction pairs>
    """
    seed = whole_number("seed", seed, 0, LARGEST_SEED, GenerationsError)
    neurons, muscles = np.flatnonzero(_is_neuron(worm)), np.flatnonzero(worm.cells["role"] == "muscle")
    if len(neurons) < 2:
        raise GenerationsError(f"an over-complete wiring needs two neurons, and this one has {len(neurons)}")
    sign = np.zeros(len(worm), np.int8)
    sign[neurons] = _dealt_signs(worm, len(neurons), np.random.default_rng(seed))
    targets = np.concatenate([neurons, muscles])
    pre, post = np.repeat(neurons, len(targets)), np.tile(targets, len(neurons))
    pre, post = pre[pre != post], post[pre != post]
    nobody = np.empty(0, np.int32)
    record = {"seed": seed, "of": worm.fingerprint, "excitatory": int((sign > 0).sum()),
              "inhibitory": int((sign < 0).sum())}  # fmt: skip
    return worm.with_edges(
        ChemicalEdges(pre, post, np.ones(len(pre)), sign[pre]),
        ElectricalEdges(nobody, nobody, np.empty(0)),
        {"overcomplete": record},
    )


def blocks(worm: Connectome) -> dict[str, np.ndarray]:
    """Positions of the chemical edges onto neurons, and of those onto muscles and other end organs; none if empty.

    They are the two layers of a pruning: what a motor neuron tells a muscle is not weighed against what it tells
    another neuron.
    """
    to_neurons = _is_neuron(worm)[worm.chemical_edges.post]
    parts = {TO_NEURONS: np.flatnonzero(to_neurons), TO_MUSCLES: np.flatnonzero(~to_neurons)}
    return {name: edges for name, edges in parts.items() if len(edges)}


def cut_to(evolved: Connectome, worm: Connectome) -> Connectome:
    """The strongest edges of an evolved wiring, as many onto neurons and as many onto muscles as the worm has; of
    equals the first. Only then do the two compare as graphs and as priors.

    GenerationsError where the evolved one has fewer: it was pruned too far.
    """
    edges, wanted = evolved.chemical_edges, {name: len(part) for name, part in blocks(worm).items()}
    stays = np.zeros(len(edges.pre), bool)
    for name, part in blocks(evolved).items():
        keep = wanted.pop(name, 0)
        if keep > len(part):
            raise GenerationsError(
                f"the evolved wiring has {len(part)} edges {name.replace('_', ' ')}, fewer than the worm's {keep}; "
                "prune less, or fewer times"
            )
        stays[part[strongest(edges.weight[part], np.ones(len(part), bool), keep)]] = True
    for name, missing in wanted.items():
        raise GenerationsError(f"the evolved wiring has no edge {name.replace('_', ' ')}, and the worm has {missing}")
    return evolved.with_edges(
        ChemicalEdges(*(column[stays] for column in edges)), provenance={"cut_to": worm.fingerprint}
    )


def _is_neuron(worm: Connectome) -> np.ndarray:
    return worm.cells["neuron"].astype(bool)


def _dealt_signs(worm: Connectome, neurons: int, rng: np.random.Generator) -> np.ndarray:
    """+1 or -1 for each neuron, in random order, with the worm's share of inhibitory ones."""
    edges, known = worm.chemical_edges, _is_neuron(worm)[worm.chemical_edges.pre]
    total = np.bincount(edges.pre[known], (edges.weight * edges.sign)[known], len(worm))
    excitatory, inhibitory = int((total > 0).sum()), int((total < 0).sum())
    if not excitatory + inhibitory:
        source = one_line(worm.provenance.get("source", "this wiring"), 60)
        raise GenerationsError(
            f"no neuron of {source} has edges of known sign, so there is no share of inhibitory ones to take over; "
            "give edges their signs"
        )
    signs = np.ones(neurons, np.int8)
    signs[: round(neurons * inhibitory / (excitatory + inhibitory))] = -1
    return rng.permutation(signs)
