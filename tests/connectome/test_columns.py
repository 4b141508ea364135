"""Another animal: the fly's visual column, unrolled over a patch of columns and taken through everything."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from celegans_nn.connectome.columns import FLYVIS_COLUMNS, unroll_columns
from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.figure import draw_connectome
from celegans_nn.errors import ConnectomeError
from celegans_nn.networks import Interface, build
from celegans_nn.rewiring import compare, rewire

EYE: dict[str, Any] = {
    "nodes": [
        {"name": "R1", "pattern": ["stride", [1, 1]]},
        {"name": "L1", "pattern": ["stride", [1, 1]]},
        {"name": "Am", "pattern": ["stride", [3, 2]]},
        {"name": "CT", "pattern": ["single", None]},
        {"name": "Tm", "pattern": ["tile", 2]},
    ],
    "edges": [
        {"src": "R1", "tar": "L1", "alpha": -1, "offsets": [[[0, 0], 40], [[1, 0], 2.5], [[-1, 1], 3]]},
        {"src": "L1", "tar": "Am", "alpha": 1, "offsets": [[[0, 0], 7], [[1, 1], 2]]},
        {"src": "CT", "tar": "L1", "alpha": -1, "offsets": [[[0, 0], 5], [[0, -1], 4], [[9, 0], 1]]},
        {"src": "Tm", "tar": "R1", "alpha": 1, "offsets": [[[0, 1], 6]]},
        {"src": "Tm", "tar": "CT", "alpha": 1, "offsets": []},
    ],
    "input_units": ["R1"],
}
"""Written by hand in flyvis's format: every kind of pattern, and an offset that leaves the patch."""


def by_hand(spec: dict[str, Any], radius: int) -> dict[tuple[str, str], tuple[float, int]]:
    """The same patch cell by cell: {(pre, post): (n_syn, sign)}."""
    patch = [
        (u, v)
        for u in range(-radius, radius + 1)
        for v in range(max(-radius, -radius - u), min(radius, radius - u) + 1)
    ]
    cells = set()
    for node in spec["nodes"]:
        kind, steps = node["pattern"]
        for u, v in [(0, 0)] if kind == "single" else patch:
            a, b = steps if kind == "stride" else (steps or 1, steps or 1)
            if u % a == 0 and v % b == 0:
                cells.add((node["name"], u, v))
    return {
        (f"{pre}_{u}_{v}", f"{e['tar']}_{u + du}_{v + dv}"): (n_syn, e["alpha"])
        for e in spec["edges"]
        for (du, dv), n_syn in e["offsets"]
        for pre, u, v in cells
        if pre == e["src"] and (e["tar"], u + du, v + dv) in cells
    }


@pytest.mark.parametrize("radius", [0, 1, 2, 5])
def test_a_small_eye_unrolls_as_it_does_by_hand(radius: int) -> None:
    edges, cells = unroll_columns(EYE, radius)
    rows = zip(edges["src"], edges["tar"], edges["n_syn"], edges["alpha"], strict=True)
    assert {(a, b): (n, sign) for a, b, n, sign in rows} == by_hand(EYE, radius)
    assert len(edges) == len(by_hand(EYE, radius))
    assert (cells["cell_class"] == "R1").sum() == 3 * radius * (radius + 1) + 1
    assert (cells["cell_class"] == "CT").sum() == 1
    assert set(cells["name"][cells["role"] == "sensory"]) == {n for n in cells["name"] if n.startswith("R1_")}


def test_neighbouring_columns_are_one_apart() -> None:
    _, cells = unroll_columns(EYE, 1)
    around = cells[cells["cell_class"] == "L1"].set_index("name")
    distance = np.hypot(around["x"], around["y"])
    assert distance["L1_0_0"] == 0
    assert np.allclose(distance.drop("L1_0_0"), 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("nodes"), "not a wiring by cell type \\(KeyError: 'nodes'\\)"),
        (lambda s: s["edges"][0].update(tar="L9"), "KeyError: 'L9'"),
        (lambda s: s["nodes"][0].update(pattern=["spiral", 1]), "unknown pattern 'spiral'"),
        (lambda s: s["edges"][0].update(offsets=[[[0], 1]]), "not a wiring by cell type"),
        (lambda s: s["edges"][0].update(alpha="plus"), "not a wiring by cell type"),
    ],
)
def test_what_is_not_in_the_format_is_one_line(change: Any, message: str) -> None:
    spec = copy.deepcopy(EYE)
    change(spec)
    with pytest.raises(ConnectomeError, match=message) as error:
        unroll_columns(spec, 2)
    assert "\n" not in str(error.value)


def test_a_radius_below_zero_is_refused() -> None:
    with pytest.raises(ConnectomeError, match="radius is -1; give a whole number"):
        unroll_columns(EYE, -1)


def through_everything(fly: Connectome, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    """Rewired, compared, drawn, and a network that depends on its inputs."""
    control = rewire(fly, "degree", seed=0)
    report = compare(fly, control)
    assert report.kept("in-degree") and report.kept("out-degree")
    assert control != fly
    draw_connectome(fly).draw_without_rendering()
    eye = Interface(("light", "dark"), ("turn",), inputs, outputs)
    for worm in (fly, control):
        net = build(worm, "rate", eye, gap_junctions=False, ticks=8)
        dark, light = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
        assert net(dark[None])[0].item() == 0
        assert net(light[None])[0].item() != 0


def test_a_small_eye_goes_through_rewiring_comparison_and_a_network() -> None:
    edges, cells = unroll_columns(EYE, 4)
    fly = Connectome.from_edges(edges, cells, FLYVIS_COLUMNS)
    assert len(fly) == len(cells)
    assert fly.chemical_edges.weight.sum() == edges["n_syn"].sum()
    assert Counter(fly.chemical_edges.sign.tolist()) == Counter(edges["alpha"])
    ends = tuple(n for n in fly.names if n.startswith("Am"))
    through_everything(fly, tuple(n for n in fly.names if n.startswith("R1")), ends)


# -- the fly itself (fetched; run by make test-all) -----------------------------------------------------------------


@pytest.fixture(scope="module")
def visual_column(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("flyvis")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), "flyvis==1.2.0"]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("flyvis-*.whl")
    return json.loads(zipfile.ZipFile(wheel).read("flyvis/connectome/fib25-fib19_v2.2.json"))


def gaps_filled(offsets: list[Any]) -> list[Any]:
    """What flyvis assumes beside the data: one synapse at each offset that is missing within the known ones' hull."""
    if len(offsets) < 3:
        return offsets
    from matplotlib.path import Path as Outline
    from scipy.spatial import ConvexHull

    known = np.array([offset for offset, _ in offsets])
    hull = Outline(known[ConvexHull((1 + 1e-6) * known, qhull_options="QJ").vertices])
    low, high = known.min(axis=0), known.max(axis=0)
    grid = [(u, v) for u in range(low[0], high[0] + 1) for v in range(low[1], high[1] + 1)]
    missing = set(grid) - set(map(tuple, known.tolist()))
    return offsets + [[list(at), 1] for at in grid if at in missing and hull.contains_point(at)]


@pytest.mark.slow
def test_with_flyvis_assumptions_the_patch_of_721_columns_has_the_published_numbers(
    visual_column: dict[str, Any],
) -> None:
    edges = [{**edge, "offsets": gaps_filled(edge["offsets"])} for edge in visual_column["edges"]]
    edges_table, cells = unroll_columns({**visual_column, "edges": edges}, 15)
    fly = Connectome.from_edges(edges_table, cells, FLYVIS_COLUMNS)
    assert (len(fly), len(fly.chemical_edges.pre)) == (45_669, 1_513_231)  # Lappalainen et al. 2024


@pytest.mark.slow
def test_the_fly_unrolls_as_it_does_by_hand(visual_column: dict[str, Any]) -> None:
    edges, cells = unroll_columns(visual_column, 2)
    expected = by_hand(visual_column, 2)
    rows = zip(edges["src"], edges["tar"], edges["n_syn"], edges["alpha"], strict=True)
    assert len(edges) == len(expected) == 26_636
    assert {(a, b): (n, sign) for a, b, n, sign in rows} == expected
    assert len(cells) == 63 * 19 + 2 * 3


@pytest.mark.slow
def test_a_cell_in_the_middle_has_all_the_synapses_that_the_file_gives_its_type(visual_column: dict[str, Any]) -> None:
    offsets = [offset for edge in visual_column["edges"] for offset, _ in edge["offsets"]]
    reach = max(max(abs(du), abs(dv), abs(du + dv)) for du, dv in offsets)
    fly = Connectome.from_edges(*unroll_columns(visual_column, reach), FLYVIS_COLUMNS)
    sent = fly.chemical.groupby("pre")["weight"].sum()
    everywhere = {n["name"] for n in visual_column["nodes"] if n["pattern"] == ["stride", [1, 1]]}
    for node in visual_column["nodes"]:
        ours = [edge for edge in visual_column["edges"] if edge["src"] == node["name"]]
        if all(edge["tar"] in everywhere for edge in ours):
            total = sum(n_syn for edge in ours for _, n_syn in edge["offsets"])
            assert sent.get(f"{node['name']}_0_0", 0) == pytest.approx(total), node["name"]


@pytest.mark.slow
def test_the_fly_goes_through_rewiring_comparison_and_a_network(visual_column: dict[str, Any]) -> None:
    fly = Connectome.from_edges(*unroll_columns(visual_column, 2), FLYVIS_COLUMNS)
    inputs = tuple(name for name in fly.names if name[:3] in ("R1_", "R2_", "R3_", "R4_", "R5_", "R6_"))
    outputs = tuple(name for name in fly.names if name[:3] in ("T4a", "T4b", "T5a", "T5b"))
    assert len(inputs) == 6 * 19 and len(outputs) == 4 * 19
    through_everything(fly, inputs, outputs)
