"""The `spatial` null: degrees, and how many edges join cells how far apart."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import RewiringError, one_line
from celegans_nn.rewiring.degree import degree_chemical, degree_electrical
from celegans_nn.rewiring.edges import Rewired, cell_kinds, movable_blocks, refuse_unmoved
from celegans_nn.rewiring.switching import Bands, never_refused, squared_lengths

STUCK = "no switch that keeps degrees and distances is possible"
BINS = 10
TOLERANCE = 0.02
ATTEMPTS_PER_EDGE = 100.0
ATTEMPTS_PER_GAP = 1000.0
"""Attempts for each chemical edge and gap junction in scope.

32 % (cook2019) and 11 % (command_vnc79) of the attempts on chemical edges are accepted, so the chain mixes more
slowly than that of `degree`, most slowly the circuit's gap junctions: 22 in a decile, none of which may become 21.
The share of edges the control still has (scope "neurons", mean of 20 and 40 seeds, standard error at most .003 for
chemical edges and .005 for gap junctions):

| attempts an edge | 2 | 5 | 10 | 20 | 50 | 100 | 200 | 500 | 1000 | 2000 | 5000 |
|---|---|---|---|---|---|---|---|---|---|---|---|
| cook2019, 3671 chemical edges | .371 | .185 | .135 | .123 | .119 | .119 | .119 | .119 | | | |
| cook2019, 1091 gap junctions | .401 | .185 | .114 | .102 | .099 | .102 | .098 | .100 | | | |
| command_vnc79, 599 chemical edges | .706 | .491 | .364 | .302 | .289 | .287 | .288 | .284 | .288 | .285 | .281 |
| command_vnc79, 223 gap junctions | .715 | .697 | .589 | .483 | .386 | .349 | .318 | .300 | .284 | .285 | .274 |
"""


def spatial(
    worm: Connectome,
    scope: str,
    rng: np.random.Generator,
    attempts_per_edge: float = ATTEMPTS_PER_EDGE,
    attempts_per_gap: float = ATTEMPTS_PER_GAP,
) -> Rewired:
    """What `degree` keeps, and the number of edges in each tenth of the worm's edges by length, within 2 %.

    Length is the straight distance between two cell bodies in micrometres, which is not the length of wire: neurites
    run along the nerve ring and cords, and synapse away from the bodies. Chemical edges and gap junctions in scope
    have deciles of their own; an edge as long as the boundary of two belongs to the shorter one. 2 % of the edges in
    a decile are rounded down: with fewer than 50 edges in it, its count is exact. Weights and signs are
    dealt as in `degree`.

    The chain is that of `degree`, without switches that would take a decile out of its band. All graphs it reaches
    are equally likely; they need not be all graphs with these degrees and bands. Where no attempt was rejected by the
    bands alone, the provenance says so under `equals`. Raises RewiringError where a cell at
    an end of an edge in scope has no position.
    """
    place = np.stack([worm.cells[axis].astype(np.float64) for axis in "xyz"], axis=1)
    chemical_bands, electrical_bands = (
        _bands(worm, place, e.pre, e.post, scope) for e in (worm.chemical_edges, worm.electrical_edges)
    )
    chemical, moves = degree_chemical(worm, scope, rng, attempts_per_edge, bands=chemical_bands)
    electrical, gap_moves = degree_electrical(worm, scope, rng, attempts_per_gap, bands=electrical_bands)
    refused = int(chemical_bands.refused[0] + electrical_bands.refused[0])
    notes = never_refused("degree", refused, moves.attempted + gap_moves.attempted, "distances")
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, notes), "spatial", scope, STUCK)


def _bands(worm: Connectome, place: np.ndarray, pre: np.ndarray, post: np.ndarray, scope: str) -> Bands:
    here = movable_blocks(cell_kinds(worm), pre, post, scope) >= 0
    pre, post = pre[here].astype(np.int64), post[here].astype(np.int64)
    ends = np.unique(np.concatenate([pre, post]))
    lost = ends[np.isnan(place[ends]).any(axis=1)]
    if len(lost):
        raise RewiringError(
            f"spatial: cell {one_line(worm.names[lost[0]])!r} has no position, one of {len(lost)} such cells in scope "
            f"{scope!r}; give every cell x, y and z, or choose another null model or scope"
        )
    squared = np.sort(squared_lengths(place, pre, post))
    # The longest edge of each decile, an edge of the worm, so that no rounding puts it on the other side.
    longest = squared[np.ceil(np.arange(1, BINS) / BINS * len(squared)).astype(int) - 1] if len(squared) else squared
    held = np.bincount(np.searchsorted(longest, squared, side="left"), minlength=BINS)
    slack = np.floor(TOLERANCE * held).astype(np.int64)
    return Bands(place, longest, held, held - slack, held + slack, np.zeros(1, dtype=np.int64))
