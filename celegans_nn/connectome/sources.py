"""Named data sets: the tables that ship with the package, as Connectomes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from celegans_nn.connectome.circuits import Circuit, get_circuit
from celegans_nn.connectome.connectome import ChemicalEdges, Connectome, ElectricalEdges
from celegans_nn.connectome.polarity import POLARITIES, polarity_for, transmitter_signs
from celegans_nn.errors import ConnectomeError, nearest, one_line

BODY_WALL = ("MDL", "MDR", "MVL", "MVR")
"""Classes (quadrants) of the 95 body-wall muscles."""


@dataclass(frozen=True)
class Source:
    """A data set that ships with the package."""

    name: str
    what: str
    weight_unit: str
    circuit: str | None
    """The circuit that "default" means; None for the whole table."""
    citation: str
    head_only: bool = False
    """Cells further back were not imaged, so that a missing cell says nothing about the animal."""


WITVLIET_STAGES = ("L1", "L1", "L1", "L1", "L2", "L3", "adult", "adult")


def _witvliet(n: int, stage: str) -> Source:
    return Source(
        f"witvliet2021_{n}",
        f"head of one hermaphrodite, {stage}: number {n} of eight by age",
        "synapses",
        None,
        "Witvliet et al. 2021, Nature 596:257-261",
        head_only=True,
    )


SOURCES = {
    source.name: source
    for source in (
        Source(
            "cook2019",
            "adult hermaphrodite, whole animal",
            "EM sections",
            "command_vnc79",
            "Cook et al. 2019, Nature 571:63-71, SI 5 as corrected in July 2020",
        ),
        Source(
            "cook2019_male",
            "adult male, whole animal",
            "EM sections",
            "command_vnc79",
            "Cook et al. 2019, Nature 571:63-71, SI 5 as corrected in July 2020",
        ),
        Source(
            "varshney2011",
            "adult hermaphrodite, somatic nervous system",
            "synapses",
            "command_vnc79",
            "Varshney et al. 2011, PLoS Computational Biology 7:e1001066",
        ),
        Source(
            "haspel2012",
            "model of the locomotor circuit: six repeating units of motor neurons and muscle rows",
            "model units",
            None,
            "Haspel and O'Donovan 2011, Journal of Neuroscience 31:14611-14623, and 2012, Worm 1(2)",
        ),
        *(_witvliet(n, stage) for n, stage in enumerate(WITVLIET_STAGES, start=1)),
    )
}


def load_connectome(
    source: str = "cook2019",
    circuit: str | None = "default",
    muscles: bool = True,
    polarity: str = "transmitter",
) -> Connectome:
    """A named wiring diagram, or a named circuit of it.

    Parameters
    ----------
    source
        "cook2019" (hermaphrodite), "cook2019_male", "varshney2011", "haspel2012", or "witvliet2021_1" to
        "witvliet2021_8": the heads of eight hermaphrodites from birth (1) to adulthood (7 and 8).
    circuit
        A name in `circuits.CIRCUITS`; None for the whole table; "default" for command_vnc79, or for the whole
        of haspel2012, which is its own circuit, and of witvliet2021_1 to 8, which hold the head only.
    muscles
        True keeps the body-wall muscles that the circuit's neurons reach by a chemical synapse (the whole table
        keeps every end organ); False keeps neurons only. varshney2011 names no muscles, so there it adds none.
    polarity
        What gives a chemical synapse its sign. "transmitter": the presynaptic neuron's, ACh and Glu +1, GABA -1,
        all others 0 (unknown). haspel2012 carries its own signs, which equal those of its transmitters: it is
        loaded with polarity "haspel2012" whichever of the two is given.

    Returns
    -------
    Connectome
        Weights in `provenance["weight_unit"]`; `provenance["notes"]` says what to know about the selection.
        Warns (UserWarning) where the circuit has no inhibitory synapse, or lacks cells in this table.

    Raises
    ------
    ConnectomeError
        One line with the nearest known names for an unknown source, circuit or polarity; and for a circuit with
        cells outside the head in a source that holds the head only.

    >>> worm = load_connectome("cook2019", circuit="command_vnc79", muscles=False)
    >>> len(worm), worm.provenance["unknown_sign_edges"]
    (79, 0)
    """
    if not isinstance(source, str) or source not in SOURCES:
        raise ConnectomeError(f"unknown source {one_line(source)!r}; {nearest(source, SOURCES)}")
    polarity = polarity_for(polarity, source)
    chosen = _chosen_circuit(source, circuit)
    whole = _whole(source)
    _refuse_cells_outside(whole, source, chosen)
    selected = whole.subset(_selection(whole, chosen, muscles))
    notes = _notes(selected, source, chosen, muscles)
    sign = selected.chemical_edges.sign
    facts = {
        "circuit": chosen.name if chosen else None,
        "circuit_why": f"{chosen.why} ({chosen.citation})" if chosen else "the whole table",
        "muscles": bool(muscles),
        "polarity": polarity,
        "polarity_means": POLARITIES[polarity],
        "unknown_sign_edges": int((sign == 0).sum()),
        "notes": notes,
    }
    return selected.with_edges(provenance=facts)


def _chosen_circuit(source: str, circuit: str | None) -> Circuit | None:
    if circuit == "default":
        circuit = SOURCES[source].circuit
    if circuit is None or (source == "haspel2012" and circuit == "haspel2012"):
        return None
    chosen = get_circuit(circuit)
    if source == "haspel2012":
        raise ConnectomeError(
            f"circuit {chosen.name!r} names cells of the worm, and haspel2012 has a model's cells (hm_AS1, ...); "
            "leave circuit out, or take source 'cook2019'"
        )
    return chosen


def _refuse_cells_outside(whole: Connectome, source: str, circuit: Circuit | None) -> None:
    """A cell that was not imaged is not a cell without synapses: half a circuit of such a table would mislead."""
    absent = [name for name in circuit.neurons if name not in whole.index] if circuit else []
    if circuit and absent and SOURCES[source].head_only:
        shown = ", ".join(absent[:8]) + (", ..." if len(absent) > 8 else "")
        raise ConnectomeError(
            f"{source} holds the head only, and lacks {len(absent)} of the {len(circuit.neurons)} cells of "
            f"{circuit.name}: {shown}; leave circuit out for the whole table, or take source 'cook2019'"
        )


def _selection(whole: Connectome, circuit: Circuit | None, muscles: bool) -> list[str]:
    """Names to keep."""
    neuron = whole.cells["neuron"]
    if circuit is None:
        return [name for name, is_neuron in zip(whole.names, neuron, strict=True) if is_neuron or muscles]
    kept = [name for name in circuit.neurons if name in whole.index]
    if muscles:
        edges = whole.chemical_edges
        from_circuit = np.zeros(len(whole), bool)
        from_circuit[[whole.index[name] for name in kept]] = True
        reached = np.unique(edges.post[from_circuit[edges.pre]])
        kept += [whole.names[i] for i in reached if whole.cells["cell_class"][i] in BODY_WALL]
    return kept


def _notes(selected: Connectome, source: str, circuit: Circuit | None, muscles: bool) -> list[str]:
    """What a user should know about this selection; the first two kinds are also warned about."""
    sign = selected.chemical_edges.sign
    notes = []
    if circuit and (missing := [name for name in circuit.neurons if name not in selected.index]):
        notes.append(f"{source} lacks {len(missing)} of the {circuit.name} cells: {', '.join(missing)}")
    if len(sign) and not (sign < 0).any():
        what = circuit.name if circuit else source
        notes.append(f"{what} has no inhibitory chemical edge in {source} under this polarity")
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=3)
    if unknown := int((sign == 0).sum()):
        notes.append(f"{unknown} of {len(sign)} chemical edges have sign 0: their neuron has no known fast transmitter")
    if source == "varshney2011" and muscles:
        junctions = sum(int(count) for _, count in read_table("varshney2011_nmj.csv")[1])
        notes.append(f"varshney2011 lumps its {junctions} neuromuscular junctions together: no muscle could be added")
    if SOURCES[source].head_only:
        notes.append("the head only: synapses outside it, and cells that have none inside, are not in this table")
        notes.append(
            "gap junctions are incomplete (see the paper): compare their number with another source's with care"
        )
    return notes + (_haspel_notes() if source == "haspel2012" else [])


def _haspel_notes() -> list[str]:
    rows = read_table("haspel2012_gaps.csv")[1]
    one_way = [f"{a} - {b}" for a, b, forth, back in rows if forth != back]
    return [
        "cells are labels of a model (hm_AS12 and hm_VB12 do not exist in the worm), without soma positions",
        "a muscle row is left and right merged; row k of the model is read as row k + 6 of the worm (inferred)",
        f"{len(one_way)} of {len(rows)} gap-junction pairs are given in one direction only; the weight is the mean "
        f"of both directions: {', '.join(one_way)}",
    ]


# -- from table to Connectome -----------------------------------------------------------------------------------


@cache
def _whole(source: str) -> Connectome:
    """The whole table, signed; read once a process (a Connectome cannot be edited)."""
    cells, more = _haspel_cells() if source == "haspel2012" else _worm_cells(source)
    index = {name: i for i, name in enumerate(cells["name"].tolist())}
    first, second, kind, weights, *signs = zip(*read_table(f"{source}.csv")[1], strict=True)
    pre, post = (np.fromiter(map(index.__getitem__, ends), np.int32, len(kind)) for ends in (first, second))
    weight = np.fromiter(map(float, weights), np.float64, len(kind))
    chemical = np.array(kind) == "chemical"
    if signs:
        sign = np.array(signs[0], dtype=np.int8)[chemical]
    else:
        sign = transmitter_signs(cells["transmitter"])[pre[chemical]]
    facts = {
        "source": source,
        "what": SOURCES[source].what,
        "citation": SOURCES[source].citation,
        "table": f"data/{source}.csv",
        "table_sha256": hashlib.sha256(table_bytes(f"{source}.csv")).hexdigest(),
        "weight_unit": SOURCES[source].weight_unit,
        **more,
    }
    return Connectome(
        cells,
        ChemicalEdges(pre[chemical], post[chemical], weight[chemical], sign),
        ElectricalEdges(pre[~chemical], post[~chemical], weight[~chemical]),
        json.dumps(facts),
    )


def _worm_cells(source: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    header, rows = read_table("cells.csv")
    if f"in_{source}" in header:
        rows = [row for row in rows if row[header.index(f"in_{source}")] == "true"]
    else:  # a list of edges, which names no cell without one
        named = {name for edge in read_table(f"{source}.csv")[1] for name in edge[:2]}
        rows = [row for row in rows if row[0] in named]
    transmitter = {row[0]: row[3] for row in read_table("transmitters.csv")[1]}
    soma = {row[0]: row[1:] for row in read_table("somas.csv")[1]}
    position = np.array([soma.get(row[0], ("nan",) * 3) for row in rows], dtype=np.float64)
    text = [[row[0], row[1], row[2], transmitter.get(row[0], "")] for row in rows]
    return _columns(text, [row[3] == "true" for row in rows], position), {}


def _haspel_cells() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    _, rows = read_table("haspel2012_cells.csv")
    cells = _columns(
        [[row[0], row[1], row[2], row[4]] for row in rows],
        [row[3] == "true" for row in rows],
        np.full((len(rows), 3), np.nan),
    )
    segment = {row[0]: int(row[5]) for row in rows}
    return cells, {"segment": segment, "muscle_row": {row[0]: int(row[6]) for row in rows if row[6]}}


def _columns(text: list[list[str]], neuron: list[bool], position: np.ndarray) -> dict[str, np.ndarray]:
    named = zip(("name", "cell_class", "role", "transmitter"), np.array(text, dtype=object).T, strict=True)
    return dict(named) | {"neuron": np.array(neuron, bool)} | dict(zip("xyz", position.T, strict=True))


# -- the shipped files ------------------------------------------------------------------------------------------


def data_folder() -> Path:
    """Where the tables are: inside the installed package, or data/ beside it in an editable install."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "data", package.parent / "data"):
        if (folder / "SHA256SUMS").is_file():
            return folder
    raise ConnectomeError(f"the tables are missing from {package / 'data'}; install celegans_nn again")


@cache
def table_bytes(name: str) -> bytes:
    """A shipped file as it stands on disk."""
    path = data_folder() / name
    if not path.is_file():
        raise ConnectomeError(f"{path} is missing; install celegans_nn again")
    return path.read_bytes()


@cache
def read_table(name: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a shipped table, all text. Shared by every caller: do not edit it."""
    text = table_bytes(name).decode()
    # most tables need no quotes, and splitting is three times as fast as csv.reader
    lines = csv.reader(io.StringIO(text)) if '"' in text else (line.split(",") for line in text.splitlines())
    header, *rows = lines
    return header, rows
