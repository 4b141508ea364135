"""The figure of a connectome: every edge at its place and in its colour, for any animal, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.figure import cell_order, draw_connectome, save_figure
from celegans_nn.connectome.layout import VENTRAL, layout
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import ConnectomeError
from celegans_nn.figures import EXCITATORY, GAP, INHIBITORY, UNKNOWN
from tests.worms import random_worm

SIGNS = {1: EXCITATORY, -1: INHIBITORY, 0: UNKNOWN}


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def marks(figure: Figure, panel: int) -> dict[str, set[tuple[int, int]]]:
    """(row, column) of the squares of a matrix, by colour."""
    found: dict[str, set[tuple[int, int]]] = {}
    for collection in figure.axes[panel].collections:
        places = np.asarray(collection.get_offsets())
        if collection.get_label() == "_edges":
            found[to_hex(collection.get_facecolor()[0])] = {(int(y), int(x)) for x, y in places}
    return found


def nameless(edges: int = 30) -> Connectome:
    """Cells of which nothing is known but their names."""
    pairs = [(f"n{i}", f"n{(3 * i + 1) % edges}") for i in range(edges)]
    return Connectome.from_edges(pd.DataFrame(pairs, columns=["pre", "post"]).assign(kind="chemical"))


@pytest.mark.parametrize("worm", [load_connectome("haspel2012"), random_worm(3)], ids=["haspel2012", "random"])
def test_every_edge_stands_once_at_its_cells_in_the_colour_of_its_sign(worm: Connectome) -> None:
    figure, place = draw_connectome(worm), cell_order(worm).place
    e, g = worm.chemical_edges, worm.electrical_edges
    expected: dict[str, set[tuple[int, int]]] = {}
    for pre, post, sign in zip(e.pre, e.post, e.sign, strict=True):
        expected.setdefault(SIGNS[int(sign)], set()).add((int(place[pre]), int(place[post])))
    drawn = {colour: found for colour, found in marks(figure, 0).items() if found}
    assert drawn == expected
    both = {(int(place[a]), int(place[b])) for a, b in zip(g.pre, g.post, strict=True)}
    assert marks(figure, 1).get(GAP, set()) == both | {(b, a) for a, b in both}


def test_cells_are_ordered_by_role_class_and_place() -> None:
    worm = load_connectome()
    order = cell_order(worm)
    assert sorted(order.cells) == list(range(len(worm))) and (order.cells[order.place] == np.arange(len(worm))).all()
    assert [r for i, r in enumerate(order.role) if i == 0 or r != order.role[i - 1]] == ["inter", "motor", "muscle"]
    names = [worm.names[i] for i in order.cells]
    assert names[:2] == ["AVAL", "AVAR"] or names[:2] == ["AVAR", "AVAL"]
    motor = [name for name in names if name.startswith("VD")]
    assert motor == [f"VD{i}" for i in range(1, 14)]


def test_the_degrees_of_all_cells_are_in_the_histograms() -> None:
    worm = load_connectome("haspel2012")
    figure = draw_connectome(worm)
    for axes in figure.axes[2:5]:
        assert sum(bar.get_height() for bar in axes.patches) == len(worm)
    assert "mean 3.3" in figure.axes[2].get_title(loc="left")


@pytest.mark.parametrize(
    ("worm", "panels"),
    [
        (load_connectome("witvliet2021_8"), 6),
        (load_connectome("varshney2011"), 6),
        (load_connectome("haspel2012", muscles=False), 6),
        (nameless(), 4),
    ],
    ids=["head", "no muscles", "no positions, no muscles", "nothing known"],
)
def test_what_is_not_known_is_left_out(worm: Connectome, panels: int) -> None:
    figure = draw_connectome(worm)
    assert len(figure.axes) == panels
    assert any(title.startswith("Along the body") for title in titles(figure)) == (panels == 6)


def test_thousands_of_cells_are_drawn_as_pixels_of_a_light_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.unique(rng.integers(0, 4000**2, 60_000)))
    edges = pd.DataFrame({"pre": codes // 4000, "post": codes % 4000, "kind": "chemical"})
    save_figure(draw_connectome(Connectome.from_edges(edges)), tmp_path / "many.svg")
    assert 10_000 < (tmp_path / "many.svg").stat().st_size < 2_000_000


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "PNG"])
def test_a_saved_figure_is_the_same_bytes_each_time(tmp_path: Path, ending: str) -> None:
    for name in "ab":
        save_figure(draw_connectome(nameless()), tmp_path / f"{name}.{ending}")
    first, second = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
    assert first == second
    assert first.lstrip().startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending.lower()])


@pytest.mark.parametrize("name", ["wiring.gif", "wiring", "png"])
def test_another_ending_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConnectomeError, match=r"a figure ends in \.png, \.svg, \.pdf"):
        save_figure(draw_connectome(nameless()), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_the_muscles_of_a_head_stand_in_the_first_third_of_the_body() -> None:
    worm = load_connectome("witvliet2021_8")
    places = layout(worm)
    ventral = places.x[np.array(places.row) == VENTRAL]
    assert len(ventral) == 16 and ventral.max() < 0.4
    assert "motor neurons" in places.rows


def test_muscles_and_other_cells_are_not_drawn_as_neurons() -> None:
    worm = load_connectome("cook2019", circuit=None)
    body = draw_connectome(worm).axes[-1]
    other, neuron, muscle = (len(marked.get_offsets()) for marked in body.collections[-3:])
    assert (neuron, muscle, other) == (302, 135, 36)


def test_a_name_full_of_markup_is_drawn_as_text() -> None:
    edges = pd.DataFrame({"pre": ["$\\alpha$", "<b>&"], "post": ["<b>&", "$x"], "kind": "chemical"})
    cells = pd.DataFrame({"name": ["$\\alpha$", "<b>&", "$x"], "cell_class": "$\\bad{$", "y": [1.0, 2.0, 3.0]})
    figure = draw_connectome(Connectome.from_edges(edges, cells))
    figure.draw_without_rendering()
    assert "$\\bad{$" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
