"""The `boundary` null: degrees, and how many edges lead from inputs to outputs, to hidden cells, and between these."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring.degree import chemical_groups, degree_chemical, degree_electrical
from celegans_nn.rewiring.edges import STAYS, Rewired, cell_kinds, movable_blocks, refuse_unmoved
from celegans_nn.rewiring.switching import Labels, never_refused

STUCK = "no switch that keeps the numbers of edges between inputs, outputs and hidden cells is possible"
PARTS = ("hidden", "input", "output", "both")
INPUT, OUTPUT = 1, 2
ATTEMPTS_PER_EDGE = 50.0
"""Attempts for each edge in scope.

The share of edges the control still has stops falling at 10 (scope "neurons", motor neurons in and muscles out, mean
of 40 seeds, standard error at most .001 and .002). But where a part is small, as the interneurons of the command
circuit are, its edges wait for one of the few partners that keep the counts: so five times as many.

| attempts an edge | 1 | 2 | 3 | 5 | 10 | 20 | 50 | 100 | 300 |
|---|---|---|---|---|---|---|---|---|---|
| cook2019, 3671 edges | .371 | .189 | .134 | .107 | .102 | .102 | .102 | .101 | .102 |
| command_vnc79, 599 edges | | .309 | .269 | .253 | .243 | .244 | .243 | .244 | .242 |
| its share of edges that have moved | | .791 | .865 | .909 | .936 | .958 | .984 | .995 | 1.000 |
"""


def boundary(
    worm: Connectome,
    scope: str,
    rng: np.random.Generator,
    inputs: np.ndarray,
    outputs: np.ndarray,
    attempts_per_edge: float = ATTEMPTS_PER_EDGE,
) -> Rewired:
    """What `degree` keeps, and the number of edges from each part of the network to each: input, output, both, hidden.

    So a control has no more direct ways from inputs to outputs than the worm. Ways over several cells can still
    get shorter or longer: compare path lengths. Counts are kept in each block (neuron to neuron, neuron to muscle,
    ...), for gap junctions by unordered pair of parts; weights and signs are dealt as in `degree`.

    All graphs that the chain reaches are equally likely. They need not be all graphs with these degrees and counts:
    of the digraphs on four cells, all listed, 62 of 568 ensembles fall into pieces between which no move leads if
    two cells are inputs and two hidden, and on five cells, three of them hidden, 5270 of 176,349.

    inputs, outputs: int64, positions of the cells. Raises RewiringError where no switch would be ruled out;
    where one would be, but none was in the attempts made, the provenance says so under `equals`.
    """
    part = np.zeros(len(worm), dtype=np.int64)
    part[inputs] += INPUT
    part[outputs] += OUTPUT
    notes = {"parts": ", ".join(f"{n} {name}" for name, n in zip(PARTS, np.bincount(part, minlength=4), strict=True))}
    if not any(_restrictions(worm, scope, part)):
        raise RewiringError(
            f"boundary is void: among {notes['parts']} cells, every edge in scope {scope!r} leaves one part, or every "
            "one enters one, so no switch is ruled out and it equals degree; choose degree, or other inputs and outputs"
        )
    labels = Labels(part, np.zeros(1, dtype=np.int64))
    chemical, moves = degree_chemical(worm, scope, rng, attempts_per_edge, labels=labels)
    electrical, gap_moves = degree_electrical(worm, scope, rng, attempts_per_edge, labels=labels)
    attempts = moves.attempted + gap_moves.attempted
    notes |= never_refused("degree", int(labels.refused[0]), attempts, "the counts between the parts")
    return refuse_unmoved(Rewired(chemical, electrical, moves, gap_moves, notes), "boundary", scope, STUCK)


def _restrictions(worm: Connectome, scope: str, part: np.ndarray) -> Iterator[bool]:
    """For each block of chemical edges, then of gap junctions: whether the counts rule out a switch.

    Nothing to move is no void boundary: then the one answer is True.
    """
    e, kinds = worm.electrical_edges, cell_kinds(worm)
    pre, post = np.concatenate([e.pre, e.post]), np.concatenate([e.post, e.pre])
    chemical = chemical_groups(worm, scope), worm.chemical_edges.pre, worm.chemical_edges.post
    electrical = movable_blocks(kinds, pre, post, scope), pre, post
    if max(chemical[0].max(initial=STAYS), electrical[0].max(initial=STAYS)) == STAYS:
        yield True
    for blocks, sources, targets in (chemical, electrical):
        for block in np.unique(blocks[blocks >= 0]):
            here = blocks == block
            yield _rules_out(sources[here], targets[here], part)


def _rules_out(pre: np.ndarray, post: np.ndarray, part: np.ndarray) -> bool:
    """Whether two edges differ in the part they leave and in the part they enter, here or after some switches.

    If any two agree in one of these, then all agree in the same one. Of two parts one must not be a single cell: two
    such edges are then one to it and one from it, and their switch would be a self-loop anyway.
    """
    leaves, enters = part[pre], part[post]
    of_part = np.bincount(part[np.unique(np.concatenate([pre, post]))])
    alone = (of_part > 0).sum() == 2 and (of_part == 1).any()
    return len(np.unique(leaves)) > 1 and len(np.unique(enters)) > 1 and not alone
