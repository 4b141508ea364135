"""The notebooks run from beginning to end at their smallest sizes, and stand here as they were run at full size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
NUMBERED = [path for path in NOTEBOOKS if path.name[0].isdigit()]
"""Those that fetch nothing, and have smaller sizes for CELEGANS_NN_PRESET=smoke."""
LARGEST = 500_000
"""Bytes of a notebook: its figures are part of the repository."""


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", NUMBERED, ids=name)
def test_a_notebook_runs_shows_what_it_showed_and_leaves_nothing_behind(path, tmp_path, monkeypatch):
    monkeypatch.setenv("CELEGANS_NN_PRESET", "smoke")
    notebook = nbformat.read(path, as_version=4)
    before = [shown(cell) for cell in code_cells(notebook)]
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    assert [shown(cell) for cell in code_cells(notebook)] == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_notebook_stands_here_as_it_was_run_from_beginning_to_end(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in kinds or "image/jpeg" in kinds for cell in cells for kinds in shown(cell))
    assert path.stat().st_size < LARGEST


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any) -> list[list[str]]:
    """The kinds of each table and figure that a cell shows; what it prints left aside."""
    return [sorted(output.data) for output in cell.outputs if "data" in output]
