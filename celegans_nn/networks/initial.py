"""What a network's weights are before any training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError, nearest, one_line

RANK_SPREAD = 0.5
"""Standard deviation of ln |w| under "rank". Chosen here: the strongest twentieth of edges is about five times as
strong as the weakest."""


def initial_log_weights(
    worm: Connectome, shared: tuple[float, float], weights: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """ln |w| of every chemical edge, float64 [E], and of every gap junction's weight relative to the rest, [G].

    shared: the neuron model's ln |w| of excitatory and of inhibitory edges; edges of unknown sign start as
    excitatory ones. weights:

    "shared"
        These, whatever the wiring's weights (Schmidgall et al. 2022).
    "synapse_count"
        In proportion to ln(1 + synapses), the mean over all edges being the shared one: counts span three orders of
        magnitude, and what a section more does to a synapse of a hundred is little.
    "rank"
        Drawn from `seed` (log-normal, their mean the shared one) and dealt by rank: of each sign the edge with the
        most synapses gets the largest. Two graphs with as many edges of each sign, such as a worm and its control,
        start from the same weights.

    Raises NetworkError for another name.
    """
    if weights not in SCALES:
        raise NetworkError(f"unknown weights {one_line(weights)!r}; {nearest(weights, SCALES)}")
    e, scale = worm.chemical_edges, SCALES[weights]
    excitatory, inhibitory = shared
    ln_w = np.where(e.sign < 0, inhibitory, excitatory)
    return ln_w + scale(e.weight, e.sign, seed), scale(worm.electrical_edges.weight, None, seed)


def _shared(weight: np.ndarray, sign: np.ndarray | None, seed: int) -> np.ndarray:
    return np.zeros(len(weight))


def _by_count(weight: np.ndarray, sign: np.ndarray | None, seed: int) -> np.ndarray:
    strength = np.log1p(weight)
    return np.log(strength / strength.mean()) if len(weight) else strength


def _by_rank(weight: np.ndarray, sign: np.ndarray | None, seed: int) -> np.ndarray:
    ln_w = np.empty(len(weight))
    kind = np.full(len(weight), 2) if sign is None else sign % 3  # gap junctions draw by themselves
    for k in (0, 1, 2):
        here = np.flatnonzero(kind == k)
        stream = (seed, k) if sign is not None else (seed, 3)
        draws = np.random.default_rng(stream).normal(-(RANK_SPREAD**2) / 2, RANK_SPREAD, len(here))
        strongest_first = here[np.argsort(-weight[here], kind="stable")]
        ln_w[strongest_first] = np.sort(draws)[::-1]
    return ln_w


SCALES: dict[str, Callable[[np.ndarray, np.ndarray | None, int], np.ndarray]] = {
    "shared": _shared,
    "synapse_count": _by_count,
    "rank": _by_rank,
}
"""Each choice of initial weights: (weights, signs or None, seed) -> what to add to the shared ln |w|."""
