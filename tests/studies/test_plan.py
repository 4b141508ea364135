"""What is said of a study's cost before it runs, and that nothing is written by asking."""

import pytest

from celegans_nn.cli import main
from celegans_nn.errors import SpecError
from celegans_nn.studies import plan as planning
from celegans_nn.studies.pace import Pace, earlier_paces, kind_of, measured_pace
from celegans_nn.studies.plan import plan_study
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.runner import run_study
from celegans_nn.studies.store import Record, write_record
from celegans_nn.studies.trial import run_trial

ONE = """
name = "one"
[[networks]]
label = "{control}"
source = "haspel2012"
control = ["none", "degree"]
rewirings = 3
[[tasks]]
name = "swimmer6"
method = "es+ga"
budget = 1_000_000
seeds = [0, 1]
[[tasks]]
name = "digits"
method = "bptt"
budget = 500
"""


@pytest.fixture
def paced(monkeypatch):
    """Every kind of trial takes 10 s; the list of trials that were timed."""
    timed = []
    monkeypatch.setattr(planning, "measured_pace", lambda trial: timed.append(trial) or Pace(10.0, "measured now"))
    return timed


def finish(folder, trials, seconds, processor=None):
    from celegans_nn.studies.machine import machine, versions

    was = {
        "wall_time_s": seconds,
        "processor": processor or machine()["processor"],
        "version_sources": versions()["sources"],
    }
    for trial in trials:
        write_record(folder, Record(trial.hash, trial.definition(), {"final": 1.0}, [], was))


def test_a_plan_counts_trials_graphs_and_cost(write_spec, tmp_path, paced):
    plan = plan_study(load_study(write_spec(ONE)), tmp_path / "none", workers=2)
    rows = {(r.task, r.network): (r.graphs, r.trials, r.done, r.budget) for r in plan.rows}
    assert rows == {
        ("swimmer6", "none"): (1, 2, 0, 1_000_000), ("swimmer6", "degree"): (3, 6, 0, 1_000_000),
        ("digits", "none"): (1, 1, 0, 500), ("digits", "degree"): (3, 3, 0, 500),
    }  # fmt: skip
    assert plan.cost == {"environment steps": 8_000_000, "samples": 2_000}
    assert plan.seconds == 12 * 10 / 2
    assert "12 trials (0 done), 8,000,000 environment steps and 2,000 samples" in plan.summary()[0]
    assert "at most 0.5 % of the steps" in plan.summary()[1]


def test_a_graph_and_its_rewirings_are_timed_once(write_spec, tmp_path, paced):
    plan_study(load_study(write_spec(ONE)), tmp_path / "none")
    assert [t.task.name for t in paced] == ["swimmer6", "digits"]


def test_earlier_trials_of_this_machine_tell_and_are_not_run_again(write_spec, tmp_path, paced):
    study = load_study(write_spec(ONE))
    swims = [t for t in study.trials if t.task.name == "swimmer6"]
    finish(tmp_path, swims[:3], 40.0)
    plan = plan_study(study, tmp_path, workers=1)
    assert plan.rows[0].pace == Pace(40.0, "3 earlier trials")
    assert sum(row.done for row in plan.rows) == 3
    assert plan.seconds == 5 * 40 + 4 * 10
    assert [t.task.name for t in paced] == ["digits"]


def test_trials_of_another_processor_tell_nothing_about_this_one(write_spec, tmp_path):
    study = load_study(write_spec(ONE))
    finish(tmp_path, study.trials[:1], 40.0, processor="an abacus")
    records = planning.read_records(tmp_path, study)
    assert len(records) == 1
    assert earlier_paces(records.items()) == {}


def test_no_study_takes_less_than_its_longest_trial(write_spec, tmp_path, paced):
    assert plan_study(load_study(write_spec(ONE)), tmp_path / "none", workers=1000).seconds == 10.0


def test_more_of_the_same_training_takes_longer(write_spec):
    text = ONE.replace("budget = 500", 'label = "{budget}"\nbudget = [600_000, 6_000_000]')
    study = load_study(write_spec(text))
    small, large = (next(t for t in study.trials if t.task.label == label) for label in ("600000", "6000000"))
    assert kind_of(small) != kind_of(large)
    assert measured_pace(large).seconds > 2 * measured_pace(small).seconds > 0


def test_a_body_is_timed_by_its_own_simulation(write_spec):
    trial = load_study(write_spec(ONE)).trials[0]
    pace = measured_pace(trial)
    assert pace.how == "measured now"
    assert 1 < pace.seconds < 10_000  # a million steps of a swimmer


def test_the_command_prints_the_plan_and_writes_nothing(write_spec, tmp_path, paced, monkeypatch, capsys):
    path = write_spec(ONE)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        main(["study", "plan", str(path), "--workers", "2"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "about 1 min 0 s on this machine with 2 workers" in out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_network_that_cannot_be_built_is_said_in_the_plan(write_spec, tmp_path):
    text = ONE.replace('source = "haspel2012"', 'source = "cook2019"\ncircuit = "sensorimotor115"')
    with pytest.raises(SpecError, match=r"network 'none': .* edges have no known sign"):
        plan_study(load_study(write_spec(text)), tmp_path)


def test_no_workers_cannot_be_planned_for(write_spec, tmp_path):
    with pytest.raises(SpecError, match="workers = 0"):
        plan_study(load_study(write_spec(ONE)), tmp_path, workers=0)


@pytest.mark.parametrize(
    ("method", "budget", "said"),
    [("es+ga", 20_000, "ga: a generation costs 16000"), ("ars", 1_999, "ars: a generation")],
)
def test_a_budget_that_holds_no_generation_is_refused_before_anything_is_timed_or_run(
    write_spec, tmp_path, paced, method, budget, said
):
    spec = write_spec(ONE.replace('"es+ga"', f'"{method}"').replace("1_000_000", str(budget)))
    with pytest.raises(SpecError, match=f"network 'none', task 'swimmer6': {said}") as caught:
        plan_study(load_study(spec), tmp_path / "none")
    assert "\n" not in str(caught.value)
    assert paced == []
    with pytest.raises(SpecError, match=said):
        run_study(spec, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_trial_whose_population_the_budget_chooses_can_be_timed(write_spec):
    spec = ONE.replace('"es+ga"', '"ars"\ntask = { episode_steps = 20 }').replace("1_000_000", "2_000")
    assert measured_pace(load_study(write_spec(spec)).trials[0]).seconds > 0


SWIMMERS = """
name = "swimmers"
[[networks]]
label = "worm"
source = "haspel2012"
[[networks]]
label = "gru"
baseline = "gru"
like = "worm"
[[networks]]
label = "ncap"
baseline = "ncap"
like = "worm"
[[tasks]]
name = "swimmer3"
method = "ars"
budget = 80
task = { episode_steps = 5 }
"""


def test_gru_and_ncap_take_part_in_a_study_and_what_cannot_train_them_is_known_first(write_spec, tmp_path):
    rows = [run_trial(trial).row for trial in load_study(write_spec(SWIMMERS)).trials]
    assert [row["baseline"] for row in rows] == [None, "gru", "ncap"]
    assert all(row["cost_total"] == 80 and row["final"] != row["untrained"] for row in rows)
    refused = load_study(write_spec(SWIMMERS + "options = { normalise = true }\n"))
    with pytest.raises(SpecError, match="network 'ncap', task 'swimmer3': normalise: ncap feels the joints' angles"):
        plan_study(refused, tmp_path)
