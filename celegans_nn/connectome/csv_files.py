"""A Connectome to and from a folder of CSV files, without loss."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from celegans_nn.connectome.connectome import CELL_COLUMNS, Connectome
from celegans_nn.connectome.files import read_bytes, write_text
from celegans_nn.connectome.graphs import EDGE_COLUMNS, NUMBERS, as_number, cell_rows, edge_rows
from celegans_nn.connectome.tables import connectome_from_tables
from celegans_nn.errors import ConnectomeError, one_line


def to_csv(worm: Connectome, folder: str | Path) -> None:
    """Writes `neurons.csv`, `provenance.json` and `edges.csv` into `folder` (made if need be), each atomically.

    Numbers are written so that they read back to the same bits; an unknown value is an empty field.
    """
    folder = Path(folder)
    neurons = [[_csv_text(row[c]) for c in CELL_COLUMNS] for row in cell_rows(worm)]
    edges = [[_csv_text(value) for value in row] for row in edge_rows(worm)]
    write_text(folder / "neurons.csv", _csv(CELL_COLUMNS, neurons))
    write_text(folder / "provenance.json", json.dumps(worm.provenance, indent=2) + "\n")
    write_text(folder / "edges.csv", _csv(EDGE_COLUMNS, edges))


def from_csv(folder: str | Path) -> Connectome:
    """From a folder that `to_csv` wrote, or that holds at least an `edges.csv`, or from one file of edges.

    `edges.csv` has the columns pre, post, kind and optionally weight and sign; `neurons.csv` (optional) has name
    and optionally the other cell columns; a `provenance.json` beside them is kept. Errors name file and line.
    """
    folder = Path(folder)
    edges_file, neurons_file = (folder / "edges.csv", folder / "neurons.csv") if folder.is_dir() else (folder, None)
    has_neurons = neurons_file is not None and neurons_file.is_file()
    edges = _read_csv(edges_file)
    return connectome_from_tables(
        edges,
        _read_csv(neurons_file) if has_neurons and neurons_file else None,
        source=edges_file.name,
        neurons_source="neurons.csv",
        first_line=2,
        provenance=_read_provenance(folder / "provenance.json") if folder.is_dir() else {},
    )


def _csv_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _csv(header: Iterable[str], rows: list[list[str]]) -> str:
    """As csv.writer does it, but a lone carriage return is quoted too (Python 3.11 leaves it bare)."""

    def field(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text

    return "".join(",".join(map(field, row)) + "\n" for row in (header, *rows))


def _read_csv(path: Path) -> pd.DataFrame:
    """The file as text, None where a number or a truth value is left empty."""
    lines = _csv_lines(path)
    if not lines or not any(lines[0]):
        raise ConnectomeError(f"{path}: the file is empty; its first line must name the columns")
    header = [name.strip() for name in lines[0]]
    if twice := [name for name in header if header.count(name) > 1]:
        raise ConnectomeError(f"{path.name} line 1: column {one_line(twice[0])!r} is named twice; rename one")
    for i, row in enumerate(lines[1:], start=2):
        if len(row) != len(header):
            raise ConnectomeError(
                f"{path.name} line {i}: {len(row)} values, but the header names {len(header)} columns; "
                "add the missing ones or put values with a comma in double quotes"
            )
    table = pd.DataFrame(lines[1:], columns=header, dtype=object)
    for column in header:
        if column in (*NUMBERS, "neuron"):
            convert = str if column == "neuron" else as_number
            values = [convert(text) if text.strip() else None for text in table[column]]
            table[column] = pd.Series(values, dtype=object)
    return table


def _csv_lines(path: Path) -> list[list[str]]:
    data = read_bytes(path, "give the folder that holds edges.csv")
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise ConnectomeError(f"{path}: byte {error.start + 1} is not UTF-8; save the table as UTF-8 CSV") from None
    except csv.Error as error:
        raise ConnectomeError(f"{path}: not a CSV table ({one_line(error)}); check its quotes") from None
    while lines and not any(lines[-1]):
        lines.pop()
    return lines


def _read_provenance(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConnectomeError(f"{path}: not JSON ({one_line(error)}); correct or remove it") from None
    if not isinstance(found, dict):
        raise ConnectomeError(f"{path}: not a JSON object; correct or remove it")
    return found
