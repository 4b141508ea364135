"""What the README says of the first look, run with its own specification."""

import re
from pathlib import Path

import pytest

from celegans_nn.studies import run_study
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.trial import run_trial

ROOT = Path(__file__).parents[2]
STUDY = load_study(ROOT / "benchmarks/studies/first_look.toml")
STATED = float(re.search(r"faster than \*\*([\d.]+) m/s\*\*", (ROOT / "README.md").read_text())[1])
STILL = 0.02


def worm_trials(task):
    return [t for t in STUDY.trials if t.task.name == task and t.network.label.startswith("worm, ")]


@pytest.mark.slow
@pytest.mark.parametrize("trial", worm_trials("swimmer6"), ids=lambda t: t.describe())
def test_the_worms_circuit_learns_to_swim_faster_than_the_readme_states(trial):
    row = run_trial(trial).row
    assert abs(row["untrained_forward_speed"]) < STILL
    assert row["final_forward_speed"] > STATED > STILL
    assert row["cost_total"] <= trial.task.budget


@pytest.mark.parametrize("trial", worm_trials("digits")[:3], ids=lambda t: t.describe())
def test_every_level_of_realism_reads_digits_above_ninety_per_cent(trial):
    assert run_trial(trial).row["final"] > 0.90


def test_the_first_look_has_the_seven_networks_and_the_seeds_it_promises():
    assert [n.label for n in STUDY.networks] == [
        *("worm, relu", "worm, rate", "worm, lif", "statistics null, rate", "degree null, rate", "dense MLP", "linear"),
    ]
    swimmer, digits = STUDY.tasks
    assert len(swimmer.seeds) == 2 and len(digits.seeds) == 3
    assert swimmer.budget <= 200_000


def test_its_smoke_preset_runs_every_network_on_every_task(tmp_path):
    table = run_study(STUDY.path, "smoke", out=tmp_path / "smoke", workers=2)
    assert len(table) == 7 * 2
    assert table["final"].notna().all()
    assert set(table["task"]) == {"swimmer6", "digits"}
