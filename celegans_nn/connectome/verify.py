"""Are the shipped tables what they claim to be? Checksums, and every published count, computed afresh."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from celegans_nn.connectome import sources
from celegans_nn.connectome.circuits import CIRCUITS
from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.errors import ConnectomeError, one_line


@dataclass(frozen=True)
class Check:
    """One number, ours beside the published one."""

    table: str
    number: str
    """What is counted."""
    ours: int | str
    published: int | str
    """As the paper states it, or as counted apart from us in the paper's own file."""
    holds: bool
    """Equal; or different by exactly what `explanation` accounts for."""
    explanation: str


def verify_data() -> list[Check]:
    """Recomputes the checksums of the shipped tables and every published count that they should give.

    Everything is read from disk again. All is well if each row `holds`.
    """
    for cached in (sources.table_bytes, sources.read_table, sources._whole):
        cached.cache_clear()
    checks = list(_checksums())
    for count in (_cells, _cook, _varshney, _haspel, _witvliet):
        checks += _guarded(count)
    return checks


def _guarded(count: Callable[[], Iterator[Check]]) -> list[Check]:
    """A table that cannot even be read is one row of the answer, and the others are still counted."""
    try:
        return list(count())
    except (ConnectomeError, LookupError, ValueError) as error:
        what = f"cannot be read ({one_line(error)}); install celegans_nn again"
        return [Check(count.__name__.strip("_"), "readable", "no", "yes", False, what)]


def _count(
    table: str, number: str, ours: int | np.integer, published: int, explanation: str = "", differs_by: int = 0
) -> Check:
    return Check(table, number, int(ours), published, int(ours) == published + differs_by, explanation)


def _checksums() -> Iterator[Check]:
    for line in sources.table_bytes("SHA256SUMS").decode().splitlines():
        expected, _, name = line.partition("  ")
        path = sources.data_folder() / name
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        remedy = "" if found == expected else "not the table that shipped; install again or run data/make_tables.py"
        yield Check(name, "sha256", found[:12], expected[:12], found == expected, remedy)


def _cells() -> Iterator[Check]:
    cells = sources.load_connectome("cook2019", circuit=None).neurons
    neurons = cells[cells["neuron"]]
    yield _count("cells.csv", "neurons", len(neurons), 302)
    yield _count("cells.csv", "neuron classes", neurons["cell_class"].nunique(), 118)
    yield _count("cells.csv", "pharyngeal neurons", (neurons["role"] == "pharyngeal").sum(), 20)
    quadrants = dict(zip(sources.BODY_WALL, (24, 24, 23, 24), strict=True))
    yield _count("cells.csv", "body-wall muscles", cells["cell_class"].isin(list(quadrants)).sum(), 95)
    for quadrant, published in quadrants.items():
        yield _count("cells.csv", f"body-wall muscles {quadrant}", (cells["cell_class"] == quadrant).sum(), published)
    sheets = [row[1] for row in sources.read_table("transmitters.csv")[1]]
    yield _count("transmitters.csv", "neurons of the hermaphrodite", sheets.count("shared"), 302)
    yield _count("transmitters.csv", "male-specific neurons", sheets.count("male"), 93)
    yield _count("somas.csv", "neurons with a position", neurons["y"].notna().sum(), 302)
    for name, circuit in CIRCUITS.items():
        found = sum(cell in set(neurons["name"]) for cell in circuit.neurons)
        yield _count("cells.csv", f"cells of circuit {name}", found, int("".join(filter(str.isdigit, name))))


def _cook() -> Iterator[Check]:
    worm = sources.load_connectome("cook2019", circuit=None)
    chemical, gaps = worm.chemical_edges, worm.electrical_edges
    own, own_gap = _is_self(chemical), _is_self(gaps)
    table = "cook2019.csv"
    yield _count(table, "chemical edges", len(own), 4879)
    yield _count(table, "of them self-connections", own.sum(), 38)
    yield _count(table, "chemical weight (EM sections)", chemical.weight.sum(), 28113)
    yield _count(table, "gap-junction pairs", (~own_gap).sum(), 1433, "self-gaps are counted apart")
    yield _count(table, "self-gaps", own_gap.sum(), 17)
    yield _count(table, "gap-junction weight (EM sections)", gaps.weight.sum(), 11680, "the 17 self-gaps included")
    within, within_gap = _between_neurons(worm, chemical), _between_neurons(worm, gaps)
    yield _count(table, "neuron-to-neuron chemical edges", within.sum(), 3709, "the 38 self-connections included")
    yield _count(table, "neuron-to-neuron gap-junction pairs", (within_gap & ~own_gap).sum(), 1091)
    others = within & ~own
    yield _count(table, "neuron-to-neuron, no self-connections", others.sum(), 3671, "3709 less the 38")
    unknown = (chemical.sign == 0) & others
    yield _count(table, "of them of unknown sign (transmitter)", unknown.sum(), 477, "polarity leaves these at 0")
    tap = worm.subset(CIRCUITS["tap_withdrawal16"].neurons).chemical_edges
    yield _count(table, "inhibitory edges in tap_withdrawal16", (tap.sign < 0).sum(), 0, "loading it warns")
    gap = worm.adjacency("electrical")
    for pair, published in (("ALA CANL", 401), ("ALA CANR", 401), ("ALA PVDL", 250), ("ALA PVDR", 250)):
        first, second = pair.split()
        yield _count(table, f"gap weight {first}-{second}", gap[worm.index[first], worm.index[second]], published)
    can = np.isin(chemical.pre, [worm.index["CANL"], worm.index["CANR"]])
    yield _count(table, "chemical edges out of CAN", can.sum(), 0)


def _varshney() -> Iterator[Check]:
    worm = sources.load_connectome("varshney2011", circuit=None)
    chemical, gaps = worm.chemical_edges, worm.electrical_edges
    own_gap = _is_self(gaps)
    table = "varshney2011.csv"
    yield _count(table, "neurons", len(worm), 279)
    yield _count(table, "chemical connections", len(chemical.pre), 2194)
    why = "the file has 6394 from either side; 6393 if its one row under 'avfl', 'avfr' is missed [inferred]"
    yield _count(table, "chemical synapses (S + Sp)", chemical.weight.sum(), 6393, why, differs_by=1)
    yield _count(table, "gap-junction pairs", (~own_gap).sum(), 514, "self-gaps are counted apart")
    yield _count(table, "self-gaps", own_gap.sum(), 3)
    yield _count(table, "gap junctions without self-gaps", gaps.weight[~own_gap].sum(), 887)
    yield _count(table, "gap junctions", gaps.weight.sum(), 890, "the 3 self-gaps included")
    junctions = sum(int(count) for _, count in sources.read_table("varshney2011_nmj.csv")[1])
    yield _count("varshney2011_nmj.csv", "neuromuscular junctions", junctions, 1410)
    yield _count(table, "giant component of the gap junctions", _largest(worm, gaps, "weak"), 248)
    yield _count(table, "strong component of the chemical edges", _largest(worm, chemical, "strong"), 237)


def _haspel() -> Iterator[Check]:
    worm = sources.load_connectome("haspel2012")
    edges, gaps = worm.chemical_edges, worm.electrical_edges
    motor = worm.cells["neuron"]
    table = "haspel2012.csv"
    yield _count(table, "cells", len(worm), 102)
    yield _count(table, "motor neurons", motor.sum(), 66)
    yield _count(table, "muscle rows", (~motor).sum(), 36)
    yield _count(table, "signed edges", len(edges.sign), 336)
    yield _count(table, "excitatory", (edges.sign > 0).sum(), 264)
    yield _count(table, "inhibitory", (edges.sign < 0).sum(), 72)
    yield _count(table, "edges out of a muscle row", (~motor[edges.pre]).sum(), 0)
    both = np.intersect1d(edges.pre[edges.sign > 0], edges.pre[edges.sign < 0])
    yield _count(table, "neurons with both signs (Dale's law)", len(both), 0)
    yield _count(table, "gap-junction pairs", len(gaps.pre), 89)
    yield from _haspel_gaps(worm)
    yield from _haspel_unit(worm)


def _haspel_gaps(worm: Connectome) -> Iterator[Check]:
    table = "haspel2012_gaps.csv"
    _, rows = sources.read_table(table)
    entries = np.array([row[2:] for row in rows], dtype=np.float64)
    one_way = (entries == 0).any(axis=1)
    yield _count(table, "non-zero gap entries", (entries != 0).sum(), 161)
    yield _count(table, "symmetric pairs", (entries[:, 0] == entries[:, 1]).sum(), 72)
    yield _count(table, "one-directional pairs", one_way.sum(), 17, "the edge table has the mean of both directions")
    classes = ["-".join(sorted((row[0][3:5], row[1][3:5]))) for row, only in zip(rows, one_way, strict=True) if only]
    yield _count(table, "one-directional VD-VA", classes.count("VA-VD"), 12)
    yield _count(table, "one-directional VB-DB", classes.count("DB-VB"), 5)
    gap = worm.adjacency("electrical")
    stored = np.array([gap[worm.index[row[0]], worm.index[row[1]]] for row in rows])
    yield _count(table, "pairs whose weight is that mean", (stored == entries.mean(axis=1)).sum(), 89)


def _haspel_unit(worm: Connectome) -> Iterator[Check]:
    """The 17 x 17 matrices that are published apart are what lies within one unit of the full ones."""
    segment = np.array([worm.provenance["segment"][name] for name in worm.names])
    edges = worm.chemical_edges
    within = (segment[edges.pre] == 1) & (segment[edges.post] == 1)
    table = "haspel2012.csv"
    yield _count(table, "one unit: cells", (segment == 1).sum(), 17)
    yield _count(table, "one unit: signed edges", within.sum(), 51)
    yield _count(table, "one unit: excitatory", (edges.sign[within] > 0).sum(), 39)
    yield _count(table, "one unit: inhibitory", (edges.sign[within] < 0).sum(), 12)
    entries = [
        float(value) != 0
        for first, second, *values in sources.read_table("haspel2012_gaps.csv")[1]
        if segment[worm.index[first]] == segment[worm.index[second]] == 1
        for value in values
    ]
    yield _count("haspel2012_gaps.csv", "one unit: non-zero gap entries", sum(entries), 16)


WITVLIET = (
    (187, 161, 775, 1296, 83, 104),
    (194, 162, 986, 1895, 124, 133),
    (198, 162, 1012, 2128, 94, 109),
    (204, 168, 1136, 2777, 209, 243),
    (211, 174, 1515, 4116, 292, 419),
    (216, 175, 1525, 4456, 214, 267),
    (222, 181, 2202, 7467, 291, 400),
    (219, 180, 2186, 7970, 310, 430),
)
"""Of each animal's sheet: cells, neurons, chemical connections, their synapses, gap-junction pairs, gap junctions."""


def _witvliet() -> Iterator[Check]:
    what = ("cells", "neurons", "chemical connections", "chemical synapses", "gap-junction pairs", "gap junctions")
    for n, counted in enumerate(WITVLIET, start=1):
        worm = sources.load_connectome(f"witvliet2021_{n}")
        chemical, gaps = worm.chemical_edges, worm.electrical_edges
        ours = (
            len(worm), worm.cells["neuron"].sum(), len(chemical.pre), chemical.weight.sum(),
            len(gaps.pre), gaps.weight.sum(),
        )  # fmt: skip
        for number, found, expected in zip(what, ours, counted, strict=True):
            yield _count(f"witvliet2021_{n}.csv", number, found, expected, "counted apart in the authors' sheet")


def _is_self(edges: ChemicalEdges | ElectricalEdges) -> np.ndarray:
    return edges.pre == edges.post


def _between_neurons(worm: Connectome, edges: ChemicalEdges | ElectricalEdges) -> np.ndarray:
    neuron = worm.cells["neuron"]
    return neuron[edges.pre] & neuron[edges.post]


def _largest(worm: Connectome, edges: ChemicalEdges | ElectricalEdges, connection: str) -> int:
    """Cells in the largest connected component."""
    ones = np.ones(len(edges.pre))
    matrix = coo_array((ones, (edges.pre, edges.post)), shape=(len(worm), len(worm)))
    _, component = connected_components(matrix, directed=True, connection=connection)
    return int(np.bincount(component).max())
