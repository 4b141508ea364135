"""What the report says of the points: their order, and that few of them decide nothing."""

import pytest

from celegans_nn.studies.answer import answer
from celegans_nn.studies.progress import TimeLeft
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.store import Record
from celegans_nn.studies.strips import strips
from celegans_nn.studies.summary import best_swimmer, original_of, summarise
from celegans_nn.studies.tables import preservation

SPEC = """
name = "s"
[[networks]]
label = "worm, {neuron}"
source = "haspel2012"
neuron = ["rate", "lif"]
[[networks]]
label = "null"
source = "haspel2012"
control = "degree"
control_seeds = SEEDS
[[networks]]
label = "linear"
baseline = "linear"
like = "worm, rate"
[[tasks]]
name = "swimmer6"
method = "es"
budget = 1000
seeds = [0, 1]
"""


def results_of(write_spec, speeds, rewirings="[0]"):
    """The study's results, each network's trials with the given final speeds."""
    study = load_study(write_spec(SPEC.replace("SEEDS", rewirings)))
    left = {label: list(values) for label, values in speeds.items()}
    records = {}
    for trial in study.trials:
        speed = left[trial.network.label].pop(0)
        row = {
            "untrained_forward_speed": 0.001, "final_forward_speed": speed, "final": 1.0,
            "final_displacement_x": 30 * 0.9 * speed, "parameters": 100, "cost_total": 1000, "share_of_s22": 1000 / 2e8,
        }  # fmt: skip
        records[trial] = Record(trial.hash, trial.definition(), row, [("es", 10, 0.5)], {})
    return study, summarise(study, records)


def sentences(study, results):
    ((_, found),) = answer(study, results).findings
    return " ".join(found)


@pytest.mark.parametrize(
    ("null", "said"),
    [
        ([0.1, 0.2], "lies above null (0.100 and 0.200 m/s) in every trial"),
        ([0.5, 0.6], "lies below null (0.500 and 0.600 m/s) in every trial"),
        ([0.1, 0.35], "overlaps with null (0.100 and 0.350 m/s)"),
    ],
)
def test_the_worm_is_set_against_the_control_that_differs_in_wiring_alone(write_spec, null, said):
    speeds = {"worm, rate": [0.3, 0.4], "worm, lif": [0.9, 0.9], "null": null, "linear": [0.0, 0.0]}
    assert f"worm, rate (0.300 and 0.400 m/s) {said}" in sentences(*results_of(write_spec, speeds))


def test_levels_of_realism_are_ordered_and_said_to_overlap_or_not(write_spec):
    speeds = {"worm, rate": [0.3, 0.4], "worm, lif": [0.5, 0.6], "null": [0.1, 0.1], "linear": [0.7, 0.8]}
    said = sentences(*results_of(write_spec, speeds))
    assert "lif (0.500 and 0.600 m/s), rate (0.300 and 0.400 m/s); no two of them overlap" in said
    assert "Highest mean of all: linear (0.700 and 0.800 m/s); lowest: null" in said


def test_a_body_that_curls_instead_of_swimming_is_named(write_spec):
    speeds = {"worm, rate": [0.3, 0.4], "worm, lif": [0.5, 0.6], "null": [0.1, 0.1], "linear": [0.7, 0.8]}
    study, results = results_of(write_spec, speeds)
    assert "turned or curled" not in sentences(study, results)
    results[0].networks[1].points[1].row["final_displacement_x"] = 0.05
    assert "In one trial the body came less than a third" in sentences(study, results)
    assert "turned or curled: worm, lif (seed 1)." in sentences(study, results)


def test_one_rewiring_decides_nothing_and_says_which_p_it_could_reach(write_spec):
    speeds = {"worm, rate": [0.9, 0.9], "worm, lif": [0.9, 0.9], "null": [0.1, 0.1], "linear": [0.0, 0.0]}
    found = answer(*results_of(write_spec, speeds))
    assert found.headline.startswith("Undecided at this budget")
    limits = " ".join(found.limits)
    assert "1/(1+1) = 0.5" in limits
    assert "no interval is drawn" in limits
    assert "1,000 environment steps" in limits
    assert "0.0005 % of the 200,000,000" in limits


def test_four_rewirings_could_reach_a_fifth(write_spec):
    speeds = {"worm, rate": [0.9] * 2, "worm, lif": [0.9] * 2, "null": [0.1] * 8, "linear": [0.0] * 2}
    assert "1/(1+4) = 0.2" in " ".join(answer(*results_of(write_spec, speeds, "[0, 1, 2, 3]")).limits)


def test_a_control_finds_the_network_that_it_was_made_from(write_spec):
    study = load_study(write_spec(SPEC.replace("SEEDS", "[7]")))
    rate, lif, null, linear = study.networks
    assert original_of(null, study) == rate
    assert original_of(lif, study) == lif
    assert linear.like == rate


def test_the_best_swimmer_is_the_worms_own_even_where_a_baseline_is_faster(write_spec):
    speeds = {"worm, rate": [0.3, 0.4], "worm, lif": [0.1, 0.6], "null": [0.7, 0.7], "linear": [0.8, 0.9]}
    point = best_swimmer(results_of(write_spec, speeds)[1][0])
    assert (point.trial.network.label, point.trial.seed) == ("worm, lif", 1)


def test_a_trial_whose_speed_is_not_a_number_is_shown_nowhere_as_a_point(write_spec):
    nan = float("nan")
    speeds = {"worm, rate": [nan, 0.4], "worm, lif": [0.1, 0.6], "null": [nan, nan], "linear": [0.8, 0.9]}
    study, results = results_of(write_spec, speeds)
    rows = {row["label"]: row["points"] for row in strips(results[0])["strips"]}
    assert [len(rows[label]) for label in ("worm, rate", "worm, lif", "null", "linear")] == [1, 2, 0, 2]
    assert "null" not in sentences(study, results)


def test_points_stand_at_their_share_of_the_axis(write_spec):
    speeds = {"worm, rate": [0.0, 0.5], "worm, lif": [0.25, 1.0], "null": [0.0, 0.0], "linear": [0.0, 0.0]}
    drawn = strips(results_of(write_spec, speeds)[1][0])
    assert [p["to"] for p in drawn["strips"][0]["points"]] == [0.0, 50.0]
    assert [p["to"] for p in drawn["strips"][1]["points"]] == [25.0, 100.0]
    assert (drawn["ticks"][0]["text"], drawn["ticks"][-1]["text"]) == ("0.0", "1.0")


def test_nothing_finished_is_said_plainly(write_spec):
    study = load_study(write_spec(SPEC.replace("SEEDS", "[0]")))
    found = answer(study, summarise(study, {}))
    assert found.headline == "No trial has finished yet."
    assert found.findings == ()


def test_time_left_counts_each_task_at_its_own_speed(tiny):
    trials = load_study(tiny).trials
    swim = [t for t in trials if t.task.name == "swimmer6"]
    digits = [t for t in trials if t.task.name == "digits"]
    left = TimeLeft(trials, workers=1)
    assert left.seconds() is None
    for trial in swim:
        left.update(trial, 0.0, 0.0)
        left.update(trial, 1.0, 10.0)
    left.update(digits[0], 0.0, 0.0)
    left.update(digits[0], 0.5, 1.0)
    assert left.seconds() == pytest.approx(2.0 * (len(digits) - 0.5))
    assert left.done == sum(t.task.budget for t in swim) + 0.5 * digits[0].task.budget


def test_of_many_rewirings_of_a_null_the_page_tables_the_first_two(write_spec):
    (table,) = preservation(load_study(write_spec(SPEC.replace("SEEDS", "[3, 1, 2, 0]"))))
    (part,) = table["main"]
    assert part["labels"] == ["degree, seed 3", "degree, seed 1"]
    assert len(part["rows"]) > 5
    assert all(len(line["controls"]) == 2 for line in part["rows"])
