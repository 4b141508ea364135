"""One connectome in, one control out, with a record of how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import RewiringError, nearest, one_line
from celegans_nn.rewiring.boundary import boundary
from celegans_nn.rewiring.class_block import class_block, class_block_degree
from celegans_nn.rewiring.degree import degree
from celegans_nn.rewiring.degree_sign import degree_sign
from celegans_nn.rewiring.density import density
from celegans_nn.rewiring.edges import Rewired, check_scope, end_cells, seed_number
from celegans_nn.rewiring.hub_capped import hub_capped
from celegans_nn.rewiring.lattice import lattice
from celegans_nn.rewiring.reciprocity import reciprocity
from celegans_nn.rewiring.sign_shuffle import sign_shuffle
from celegans_nn.rewiring.small_world import small_world
from celegans_nn.rewiring.spatial import spatial
from celegans_nn.rewiring.statistics import statistics
from celegans_nn.rewiring.strength import strength
from celegans_nn.rewiring.void import refuse_void
from celegans_nn.rewiring.weight_shuffle import weight_shuffle

INTERFACE_SHUFFLE = "interface_shuffle"

NULLS: dict[str, Callable[..., Rewired]] = {
    "density": density,
    "statistics": statistics,
    "degree": degree,
    "degree_sign": degree_sign,
    "reciprocity": reciprocity,
    "boundary": boundary,
    "class_block": class_block,
    "class_block_degree": class_block_degree,
    "spatial": spatial,
    "lattice": lattice,
    "small_world": small_world,
    "hub_capped": hub_capped,
    "strength": strength,
    "sign_shuffle": sign_shuffle,
    "weight_shuffle": weight_shuffle,
}
"""The null models that rewire a graph, from those that keep least to those that keep most."""

KEEP_A_BOUNDARY = ("boundary",)
"""Those that are given the positions of input and output cells too."""


def rewire(
    worm: Connectome,
    null: str,
    *,
    seed: int | np.random.Generator,
    scope: str = "neurons",
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    initial_weights: str = "table",
) -> Connectome:
    """A control for `worm`: the same cells, rewired by the null model `null`. `worm` itself is not changed.

    Parameters
    ----------
    null
        One of `NULLS`; each one's docstring says what it keeps.
    seed
        A whole number from 0, or a Generator, from which one is drawn. The same seed gives the same control.
    scope
        "neurons" (default): only edges between two neurons move, so that no neuron is put on a muscle it does
        not drive, nor gap junctions with a muscle. "muscles": only edges with a muscle at an end. "all": every
        edge, each among those between the same kinds of cells. Self-loops stay in every scope.
    inputs, outputs
        Names of the cells that take observations and that drive actions; `boundary` alone looks at them. By default
        those of a network: motor neurons and muscles.
    initial_weights
        "table", or "shared" if the networks to be compared start from one weight a sign: then null models that
        differ from a lower rung in weights alone are refused.

    Returns
    -------
    Connectome
        Its provenance has the worm's and `rewired`: null, seed, scope, edges in scope, moves attempted and
        accepted and edges that moved (in all and of each kind of edge), and, if `worm` was itself rewired, that
        record as `after`.

    Raises
    ------
    RewiringError
        For an unknown null, scope or cell, for a seed that is no whole number, where nothing can move, where the
        wiring lacks what the null needs, and where the control would be void.

    >>> import pandas as pd
    >>> ring = pd.DataFrame({"pre": list("ABCDEF"), "post": list("BCDEFA"), "kind": "chemical"})
    >>> control = rewire(Connectome.from_edges(ring), "degree", seed=0)
    >>> control.chemical["pre"].tolist(), sorted(control.chemical["post"])
    (['A', 'B', 'C', 'D', 'E', 'F'], ['A', 'B', 'C', 'D', 'E', 'F'])
    """
    ends = check_request(worm, null, scope, inputs, outputs, initial_weights)
    return make_control(worm, null, seed_number(seed), scope, ends)


def make_control(
    worm: Connectome, null: str, seed: int, scope: str, ends: tuple[np.ndarray, ...], **more: object
) -> Connectome:
    """`rewire` after its checks; `ends` is what they gave, `more` goes into the record."""
    made = NULLS[null](worm, scope, np.random.default_rng(seed), *ends)
    moves = {"chemical": made.chemical_moves, "electrical": made.electrical_moves}
    record = {
        "null": null,
        "seed": seed,
        "scope": scope,
        "attempted": sum(m.attempted for m in moves.values()),
        "accepted": sum(m.accepted for m in moves.values()),
        **{kind: m._asdict() for kind, m in moves.items()},
        **made.notes,
        **more,
    }
    before = worm.provenance.get("rewired")
    if before is not None:
        record["after"] = before
    return worm.with_edges(made.chemical, made.electrical, {"rewired": record})


def check_request(
    worm: Connectome,
    null: str,
    scope: str,
    inputs: Iterable[str] | None,
    outputs: Iterable[str] | None,
    initial_weights: str,
) -> tuple[np.ndarray, ...]:
    """RewiringError for a wrong argument of `rewire`; else what the null model needs beside wiring, scope and rng."""
    if not isinstance(worm, Connectome):
        raise RewiringError(f"the wiring is {one_line(worm)!r}; give a Connectome, such as load_connectome(...)")
    _check_null(null)
    check_scope(scope)
    refuse_void(null, initial_weights)
    ends = end_cells(worm, inputs, outputs)
    return ends if null in KEEP_A_BOUNDARY else ()


def _check_null(null: str) -> None:
    if not isinstance(null, str):
        raise RewiringError(f"the null model is {one_line(null)!r}; give one name of {', '.join(NULLS)}")
    if null == INTERFACE_SHUFFLE:
        raise RewiringError(
            "interface_shuffle keeps the graph and moves its inputs and outputs; "
            "use shuffle_interface(worm, interface, seed=...), which gives another Interface"
        )
    if null not in NULLS:
        raise RewiringError(f"unknown null model {one_line(null)!r}; {nearest(null, NULLS)}")
