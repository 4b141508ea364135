"""One connectome in, one control out, with a record of how it was made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import LARGEST_SEED, RewiringError, nearest, one_line, whole_number
from celegans_nn.rewiring.degree import degree
from celegans_nn.rewiring.density import density
from celegans_nn.rewiring.edges import Rewired, check_scope
from celegans_nn.rewiring.statistics import statistics

NULLS: dict[str, Callable[[Connectome, str, np.random.Generator], Rewired]] = {
    "density": density,
    "statistics": statistics,
    "degree": degree,
}
"""Every null model, from the one that keeps least to the one that keeps most."""


def rewire(worm: Connectome, null: str, *, seed: int | np.random.Generator, scope: str = "neurons") -> Connectome:
    """A control for `worm`: the same cells, rewired by the null model `null`. `worm` itself is not changed.

    Parameters
    ----------
    null
        "density", "statistics" or "degree"; each one's docstring says what it keeps.
    seed
        A whole number from 0, or a Generator, from which one is drawn. The same seed gives the same control.
    scope
        "neurons" (default): only edges between two neurons move, so that no neuron is put on a muscle it does
        not drive, nor gap junctions with a muscle. "muscles": only edges with a muscle at an end. "all": every
        edge, each among those between the same kinds of cells. Self-loops stay in every scope.

    Returns
    -------
    Connectome
        Its provenance has the worm's and `rewired`: null, seed, scope, moves attempted and accepted (in all
        and of each kind of edge), and, if `worm` was itself rewired, that record as `after`.

    Raises
    ------
    RewiringError
        For an unknown null or scope, for a seed that is no whole number, and where nothing can move.

    >>> import pandas as pd
    >>> ring = pd.DataFrame({"pre": list("ABCDEF"), "post": list("BCDEFA"), "kind": "chemical"})
    >>> control = rewire(Connectome.from_edges(ring), "degree", seed=0)
    >>> control.chemical["pre"].tolist(), sorted(control.chemical["post"])
    (['A', 'B', 'C', 'D', 'E', 'F'], ['A', 'B', 'C', 'D', 'E', 'F'])
    """
    if not isinstance(worm, Connectome):
        raise RewiringError(f"the wiring is {one_line(worm)!r}; give a Connectome, such as load_connectome(...)")
    if null not in NULLS:
        raise RewiringError(f"unknown null model {one_line(null)!r}; {nearest(null, NULLS)}")
    check_scope(scope)
    number = _seed_number(seed)
    made = NULLS[null](worm, scope, np.random.default_rng(number))
    moves = {"chemical": made.chemical_moves, "electrical": made.electrical_moves}
    record = {
        "null": null,
        "seed": number,
        "scope": scope,
        "attempted": sum(m.attempted for m in moves.values()),
        "accepted": sum(m.accepted for m in moves.values()),
        **{kind: m._asdict() for kind, m in moves.items()},
        **made.notes,
    }
    before = worm.provenance.get("rewired")
    if before is not None:
        record["after"] = before
    return worm.with_edges(made.chemical, made.electrical, {"rewired": record})


def _seed_number(seed: int | np.random.Generator) -> int:
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    return whole_number("seed", seed, 0, LARGEST_SEED, RewiringError)
