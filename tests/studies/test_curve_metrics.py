"""A learning curve's area and its cost to a score, as metrics of the pre-registered comparison."""

import pandas as pd
import pytest

from celegans_nn.studies.comparison import NOT_SUPPORTED, SUPPORTED, compare_rows
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.store import Record, load_curves, write_record, write_tables
from celegans_nn.studies.verdict import headline, write_comparison

SPEC = """
name = "s"
[[networks]]
label = "{control}"
source = "haspel2012"
control = ["none", "degree"]
rewirings = 19
[[tasks]]
name = "swimmer6"
method = "ga"
budget = 1000
seeds = [0, 1]
[comparison]
METRIC
worm = "none"
nulls = ["degree"]
"""
AREA = 'metric = "area_under_curve"\nmargin = 0.05'
COST = 'metric = "cost_to_threshold"\nthreshold = 1.0\nmargin = 50'


def study_with(write_spec, metric):
    return load_study(write_spec(SPEC.replace("METRIC", metric)))


def rows_and_curves(study, reached_at):
    """Curves that rise from 0 to 2 in one step at the cost that `reached_at(network, seed)` gives; None: never."""
    rows, points = [], []
    for trial in study.trials:
        network = trial.network
        graph = None if network.control == "none" else network.control_seed
        rows.append({"trial": trial.hash, "network": network.label, "task": trial.task.label, "seed": trial.seed,
                     "control_seed": graph})  # fmt: skip
        at = reached_at(network, trial.seed)
        curve = [("ga", cost, 2.0 if at is not None and cost >= at else 0.0) for cost in range(100, 1001, 100)]
        points += [(trial.hash, *point) for point in [("untrained", 0, 9.0), *curve, ("final", 1000, 9.0)]]
    return pd.DataFrame(rows), pd.DataFrame(points, columns=["trial", "stage", "cost", "score"])


def worm_first(network, seed):
    return 300 if network.control == "none" else 600 + 100 * (network.control_seed % 3)


def test_a_worm_that_learns_sooner_has_the_lower_cost_and_the_larger_area(write_spec):
    study = study_with(write_spec, COST)
    found = compare_rows(study, *rows_and_curves(study, worm_first))
    assert found.spec.direction == "lower"
    assert found.verdict == SUPPORTED
    assert found.settings[0].outcomes[0].worm_score == 300
    assert set(found.settings[0].outcomes[0].null_scores) == {600, 700, 800}
    assert "lower cost_to_threshold (1)" in headline(found)
    study = study_with(write_spec, AREA)
    found = compare_rows(study, *rows_and_curves(study, worm_first))
    assert found.verdict == SUPPORTED
    # from 100 to 1000: up between 200 and 300, then 2 to the end
    assert found.settings[0].outcomes[0].worm_score == pytest.approx((100 * 1.0 + 700 * 2.0) / 900)


def test_curves_that_never_reach_the_score_cost_the_whole_budget_and_tie(write_spec):
    study = study_with(write_spec, COST)
    found = compare_rows(study, *rows_and_curves(study, lambda network, seed: None))
    (outcome,) = found.settings[0].outcomes
    assert (outcome.worm_score, set(outcome.null_scores)) == (1000, {1000})
    assert (outcome.p, outcome.p_reverse) == (1.0, 1.0)
    late = compare_rows(study, *rows_and_curves(study, lambda n, s: None if n.control == "none" else 1000))
    assert late.verdict == NOT_SUPPORTED  # reached at the end of the budget, or censored there: the same


def test_held_out_points_go_before_those_of_training_where_there_are_any(write_spec):
    study = study_with(write_spec, COST)
    table, curves = rows_and_curves(study, worm_first)
    more = pd.DataFrame([(trial, "held_out", 500, 0.5) for trial in table["trial"]], columns=curves.columns)
    found = compare_rows(study, table, pd.concat([curves[curves["stage"] != "untrained"], more]).sort_values("cost"))
    assert found.settings[0].outcomes[0].worm_score == 1000  # only "final" lies above the threshold


def test_a_trial_without_a_curve_has_no_score(write_spec):
    study = study_with(write_spec, AREA)
    table, curves = rows_and_curves(study, worm_first)
    lost = table.loc[table["network"] == "none", "trial"].iloc[0]
    assert "the worm lacks a score from some seed" in compare_rows(study, table, curves[curves["trial"] != lost]).notes


def test_the_metric_is_taken_from_the_curves_that_the_folder_holds(write_spec, tmp_path):
    study = study_with(write_spec, COST)
    for trial in study.trials:
        row = {"control_seed": None if trial.network.control == "none" else trial.network.control_seed, "final": 1.0}
        curve = [("ga", 0, 0.0), ("ga", worm_first(trial.network, trial.seed), 2.0)]
        write_record(tmp_path, Record(trial.hash, trial.definition(), row, curve, {}))
    write_tables(tmp_path, study)
    assert set(load_curves(tmp_path)["cost"]) == {0, 300, 600, 700, 800}
    assert write_comparison(tmp_path, study).verdict == SUPPORTED
