"""The figures of a report show its numbers, lie inside their sheet, and take users' names as text."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.figures import CONTROL, WORM, png_bytes
from celegans_nn.rewiring import compare, compare_ensemble, rewire, rewire_many
from celegans_nn.rewiring.figures import VERDICTS
from celegans_nn.rewiring.triads import TRIADS


@pytest.fixture(scope="module")
def worm():
    return load_connectome("cook2019", circuit=None)


@pytest.fixture(scope="module")
def report(worm):
    return compare(worm, rewire(worm, "degree", seed=0))


@pytest.fixture(scope="module")
def ensemble(worm):
    return compare_ensemble(worm, rewire_many(worm, "degree", n=5, seed=0, workers=1))


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def points(axes, markers="oDs<>"):
    return [line for line in axes.lines if line.get_marker() in tuple(markers)]


def texts(figure):
    """Every visible text with its extent in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    found = figure.findobj(lambda artist: hasattr(artist, "get_text") and hasattr(artist, "get_unitless_position"))
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in found if t.get_text().strip() and t.get_visible()]
    width, height = figure.canvas.get_width_height()
    return boxes, width, height


@pytest.mark.parametrize("which", ["report", "ensemble"])
def test_no_text_lies_on_another_or_off_the_sheet(which, request):
    boxes, width, height = texts(request.getfixturevalue(which).figure())
    assert len(boxes) > 60
    for text, box in boxes:
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 2 or b.y1 <= a.y0 + 2
        assert apart, (one, other)


def test_each_measure_stands_at_its_ratio_in_the_colour_of_its_verdict(report):
    axes = panel(report.figure(), "Measures of the graph")
    drawn = {label.get_text(): line for label, line in zip(axes.get_yticklabels(), points(axes), strict=True)}
    for measure in ("chemical edges", "reciprocity", "clustering", "largest strong component"):
        row = report[measure]
        assert drawn[measure].get_xdata() == pytest.approx(row.control / row.original)
        expected = VERDICTS["kept exactly" if row.verdict == "kept exactly" else "changed"]
        assert to_hex(drawn[measure].get_color()) == expected
    assert to_hex(drawn["strong components"].get_color()) == VERDICTS["kept within 5 %"]


def test_a_measure_that_the_control_no_longer_has_stands_at_no_ratio(worm):
    report = compare(worm, rewire(worm, "density", seed=0))  # whose cells have several signs
    assert np.isnan(report["excitatory cells"].control)
    axes = panel(report.figure(), "Measures of the graph")
    names = [label.get_text() for label in axes.get_yticklabels()]
    marks = dict(zip(names, [line.get_marker() for line in points(axes, "ox<>")], strict=True))
    assert {name for name, mark in marks.items() if mark == "x"} == {
        "excitatory cells", "inhibitory cells", "unknown cells", "cells without chemical output"
    }  # fmt: skip


def test_the_verdicts_of_measures_of_every_cell_are_shown(report):
    axes = panel(report.figure(), "Every cell, every value")
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [r.measure for r in report if r.shape != "scalar" and r.verdict]
    for name, line in zip(names, points(axes, "s"), strict=True):
        assert (to_hex(line.get_color()) == VERDICTS["changed"]) == (not report.kept(name))


def test_triads_of_both_stand_at_their_counts(report):
    axes = panel(report.figure(), "Triads, chemical")
    shown = {line.get_label(): line.get_xdata() - 1 for line in points(axes, "oD")}
    assert shown["original"].tolist() == [report[f"triad {name}"].original for name in TRIADS]
    assert shown["control"].tolist() == [report[f"triad {name}"].control for name in TRIADS]


def test_the_distribution_of_degrees_is_the_share_of_cells_with_at_least_so_many(worm, report):
    axes = panel(report.figure(), "Cells of at least this out-degree")
    line = next(line for line in axes.lines if line.get_label() == "original")
    degree = worm.chemical.groupby("pre").size().reindex(worm.names).fillna(0)
    for least in (0, 1, 5, 20):
        share = line.get_ydata()[np.searchsorted(line.get_xdata(), least + 1)]
        assert share == pytest.approx((degree >= least).mean())


def test_the_original_stands_at_its_z_among_the_controls(ensemble):
    axes = ensemble.figure().axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    of_worm = [line for line in points(axes, "o") if to_hex(line.get_color()) == WORM]
    of_controls = [line for line in points(axes, "o") if to_hex(line.get_color()) == CONTROL]
    row = ensemble["reciprocity"]
    at = names.index("reciprocity")
    assert of_worm[at].get_xdata() == pytest.approx(row.z)
    assert of_controls[at].get_xdata() == pytest.approx((ensemble.values["reciprocity"] - row.mean) / row.sd)
    assert "in-strength, sd over cells" in names
    assert "in-degree" not in names


def test_the_notes_name_what_all_controls_kept(ensemble):
    said = " ".join(text.get_text() for text in ensemble.figure().texts).replace("\n", " ")
    assert "5 controls resolve percentiles to 20 %" in said
    assert "in-degree;" in said


AWKWARD = {
    "no edges but one": [("A", "B", "chemical")],
    "gap junctions alone": [("A", "B", "electrical"), ("B", "C", "electrical")],
    "a self-loop": [("A", "A", "chemical")],
    "a ring": [(a, b, "chemical") for a, b in zip("ABCDEF", "BCDEFA", strict=True)],
}


@pytest.mark.parametrize("name", AWKWARD)
def test_small_graphs_and_graphs_that_lack_a_kind_of_edge_are_drawn(name):
    edges = pd.DataFrame(AWKWARD[name], columns=["pre", "post", "kind"])
    worm = Connectome.from_edges(edges)
    turned = Connectome.from_edges(edges.rename(columns={"pre": "post", "post": "pre"}), worm.neurons[["name"]])
    for figure in (compare(worm, turned).figure(), compare_ensemble(worm, [turned, worm]).figure()):
        assert png_bytes(figure, 40).startswith(b"\x89PNG")


def test_a_source_with_dollar_signs_is_drawn_as_text(worm):
    edges = pd.DataFrame({"pre": list("ABCDEF"), "post": list("BCDEFA"), "kind": "chemical"})
    ring = Connectome.from_edges(edges, source=r"$\frac$ <b>")
    controls = [rewire(ring, "degree", seed=k) for k in range(3)]
    for figure in (compare(ring, controls[0]).figure(), compare_ensemble(ring, controls).figure()):
        figure.savefig(io.BytesIO(), format="png", dpi=40)
        assert r"$\frac$ <b>" in figure.texts[0].get_text()


def test_importing_rewiring_does_not_load_matplotlib():
    code = "import sys, celegans_nn.rewiring; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
