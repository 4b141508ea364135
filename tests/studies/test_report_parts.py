"""What stands in the report where there are many rewirings and many seeds, from results made up for it."""

import numpy as np
import pandas as pd
import pytest

from celegans_nn.studies.comparison import compare_rows
from celegans_nn.studies.cost_table import cost_rows
from celegans_nn.studies.curve_lines import MOST_LINES, MOST_POINTS, Curve, network_curves
from celegans_nn.studies.dots import TALLEST, axis, piled
from celegans_nn.studies.how_sure import how_sure
from celegans_nn.studies.null_places import described_places, stated_places
from celegans_nn.studies.panels import BOTTOM, LEFT, RIGHT, TOP, frame, panel
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.statistics import iqm
from celegans_nn.studies.store import Record
from celegans_nn.studies.strips import strips
from celegans_nn.studies.summary import summarise
from celegans_nn.studies.tables import results

SPEC = """
name = "s"
[[networks]]
label = "worm"
source = "haspel2012"
[[networks]]
label = "{control}"
source = "haspel2012"
control = ["degree", "density"]
rewirings = 20
[[networks]]
label = "linear"
baseline = "linear"
like = "worm"
[[tasks]]
name = "swimmer6"
method = "es"
budget = 1000
seeds = [0, 1]
[comparison]
metric = "final_forward_speed"
worm = "worm"
nulls = ["degree"]
margin = 0.01
"""


def made_up(trial):
    """0.5 for the worm; of rewiring k, k hundredths; the second seed a little more."""
    base = 0.5 if trial.network.control == "none" else 0.01 * trial.network.control_seed
    return base + 0.001 * trial.seed


@pytest.fixture
def many(write_spec):
    study = load_study(write_spec(SPEC))
    records = {}
    for trial in study.trials:
        row = {
            "untrained_forward_speed": 0.0, "final_forward_speed": made_up(trial), "final": 1.0, "parameters": 100,
            "final_displacement_x": 10.0, "cost_total": 1000, "share_of_s22": 1000 / 2e8,
        }  # fmt: skip
        provenance = {"wall_time_s": 60.0, "cpu_time_s": 30.0}
        records[trial] = Record(trial.hash, trial.definition(), row, [("es", 500, 0.5), ("es", 1000, 1.0)], provenance)
    return study, records, summarise(study, records)


def test_the_worm_stands_on_its_line_among_a_dot_a_rewiring(many):
    study, _, (result,) = many
    (figure,) = described_places(study, result)
    assert figure["score"] == "0.500"
    assert [row["label"] for row in figure["rows"]] == ["degree", "density"]
    for row in figure["rows"]:
        assert row["count"] == len(row["dots"]) == 20
        assert all(dot["at"] < figure["at"] for dot in row["dots"])
        assert row["said"] == ("above 100 % of 20 graphs", f"p = {1 / 21:.2g}, not adjusted")


def test_what_the_stated_comparison_shows_is_not_shown_again(many):
    study, _, (result,) = many
    table = pd.DataFrame(
        [
            {
                "trial": p.trial.hash, "network": n.label, "task": "swimmer6", "seed": p.trial.seed,
                "control_seed": p.trial.network.control_seed if n.group == "control" else None, **p.row,
            }
            for n in result.networks
            for p in n.points
        ]
    )  # fmt: skip
    comparison = compare_rows(study, table)
    (figure,) = stated_places(study, comparison, [result])
    assert [row["label"] for row in figure["rows"]] == ["degree"]
    assert figure["rows"][0]["said"][0] == "supported"
    assert figure["rows"][0]["band"] is not None
    (rest,) = described_places(study, result, {("worm", "degree", "neurons")})
    assert [row["label"] for row in rest["rows"]] == ["density"]


def test_intervals_stand_only_where_ten_units_bear_them_and_a_graph_counts_once(many):
    study, _, (result,) = many
    found = how_sure(study, result)
    assert [row["label"] for row in found["rows"]] == ["degree", "density"]
    assert {row["units"] for row in found["rows"]} == {"20 graphs"}
    means = [0.01 * k + 0.0005 for k in range(20)]
    assert found["rows"][0]["iqm"] == f"{float(iqm(means)):.3f}"
    assert found["improvement"] == [], "the worm has two seeds"
    few = result.__class__(result.task, result.kind, result.metric, result.networks[:1], ())
    assert how_sure(study, few) is None


def test_many_trials_are_one_row_of_the_table_and_folded_below_it(many):
    _, _, (result,) = many
    found = results(result)
    rows = {block["label"]: block["rows"] for block in found["blocks"]}
    assert (len(rows["worm"]), len(rows["degree"])) == (2, 1)
    assert rows["degree"][0][:2] == ["20 graphs", "2 seeds"]
    assert "(0.000 … 0.191)" in " ".join(rows["degree"][0])
    assert [(block["label"], len(block["rows"])) for block in found["folded"]] == [("degree", 40), ("density", 40)]


def test_many_trials_of_a_network_are_piled_dots_and_few_are_lines(many):
    _, _, (result,) = many
    rows = {row["label"]: row for row in strips(result)["strips"]}
    assert not rows["worm"]["piled"]
    assert rows["degree"]["piled"]
    assert len(rows["degree"]["points"]) == 40
    assert rows["degree"]["before"] == (0.0, 0.0)
    assert all(0 <= point["y"] <= rows["degree"]["height"] for point in rows["degree"]["points"])


def test_a_pile_of_any_height_stays_low_enough_to_be_read():
    above, highest = piled([50.0] * 200)
    assert highest == pytest.approx(TALLEST)
    assert above(0) == 0 < above(199) <= TALLEST


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.50, 0.52], [-3.0, -2.5], [0.0]])
def test_an_axis_without_zero_holds_its_values(values):
    scale = axis(values, zero=False)
    assert all(0 <= scale.at(v) <= 100 for v in values)
    assert scale.low < scale.high


def curves(trials, points):
    cost = np.linspace(10, 1000, points)
    return [Curve("n", "control", cost, k + 0 * cost, ("es",) * points, f"seed {k}") for k in range(trials)]


def test_few_curves_are_lines_and_many_their_median_with_a_band_of_four_fifths():
    few, many = network_curves("n", curves(MOST_LINES, 50)), network_curves("n", curves(101, 50))
    assert [line.name for line in few.lines][:2] == ["seed 0", "seed 1"]
    assert few.band is None
    (line,) = many.lines
    assert line.name == "median of 101 trials"
    assert np.allclose(line.y, 50)
    assert (np.unique(many.band[1]), np.unique(many.band[2])) == (pytest.approx(10), pytest.approx(90))


def test_a_long_curve_keeps_its_ends_and_loses_points_that_no_one_could_see():
    (curve,) = curves(1, 5000)
    (line,) = network_curves("n", [curve]).lines
    assert len(line.x) <= MOST_POINTS
    assert (line.x[0], line.x[-1]) == (10, 1000)


def test_a_curve_stands_inside_its_panel_where_its_values_say():
    found = network_curves("n", curves(3, 50))
    on = frame([found], 1000)
    drawn = panel(found, on)
    places = np.array([[float(v) for v in pair.split(",")] for pair in drawn["lines"][2]["points"].split()])
    assert (places[:, 0] >= LEFT).all() and (places[:, 0] <= RIGHT).all()
    assert (places[:, 1] >= TOP).all() and (places[:, 1] <= BOTTOM).all()
    low, high = on.y
    value = low + (BOTTOM - places[0, 1]) / (BOTTOM - TOP) * (high - low)
    assert value == pytest.approx(2, abs=1e-3)


def test_the_cost_counts_every_trial_and_its_share_of_the_papers_pretraining(many):
    _, records, found = many
    (row,) = cost_rows(found, records)
    trials = len(records)
    assert row["all"] == f"{1000 * trials:,} environment steps"
    assert row["share"] == "0.0005 %"
    assert row["share_all"] == f"{100 * trials * 1000 / 2e8:.2g} %"
    assert row["wall"] == f"{trials:.1f} min"
    assert row["processor"] == f"{trials / 2:.1f} min"
