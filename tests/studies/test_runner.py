"""Running a study: the same bytes however it is run, nothing twice, and no trial that takes others with it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest
import torch

from celegans_nn.errors import SpecError
from celegans_nn.studies import load_results, load_study, lock, machine, pool, resume_study, run_study, runner
from celegans_nn.studies.spec import shared_for
from celegans_nn.studies.store import is_finished, read_record
from celegans_nn.studies.trial import make_network, make_trial_task, run_trial, trained_network
from tests.studies.failing import MESSAGE, worker_that_fails

TABLES = ("results.csv", "curves.csv")


def stamps(folder):
    return {p.name: p.stat().st_mtime_ns for p in (folder / "trials").glob("*.json")}


def test_one_worker_gives_the_bytes_of_two(finished, tiny, tmp_path):
    run_study(tiny, out=tmp_path / "one", workers=1)
    for name in TABLES:
        assert (tmp_path / "one" / name).read_bytes() == (finished / name).read_bytes()


def test_results_hold_a_sorted_row_a_trial_and_only_what_seed_and_spec_determine(finished):
    study, table = load_study(finished / "spec.toml"), load_results(finished)
    assert table["trial"].tolist() == sorted(t.hash for t in study.trials)
    assert not [c for c in table.columns if "time" in c or "version" in c or "processor" in c or "error" in c]
    swim = table[table["task"] == "swimmer6"]
    assert (swim["cost_total"] == swim["cost_es"] + swim["cost_ga"]).all()
    assert (swim["cost_total"] <= 120).all()
    assert (swim["share_of_s22"] == swim["cost_total"] / 2e8).all()
    assert table[table["task"] == "digits"]["share_of_s22"].isna().all()
    assert swim[["untrained", "after_pretraining", "final", "final_forward_speed"]].notna().all(axis=None)
    assert table[table["network"] == "linear"]["baseline"].tolist() == ["linear"] * 3


def test_the_table_that_comes_back_is_the_file_read_again(finished):
    table = load_results(finished)
    for trial in load_study(finished / "spec.toml").trials:
        row = read_record(finished, trial.hash).row
        again = table[table["trial"] == trial.hash].iloc[0]
        assert again["final"] == row["final"]
        assert again["wiring"] == row["wiring"] or row["wiring"] is None


def test_provenance_has_machine_versions_and_time_of_every_trial(finished):
    table = pd.read_parquet(finished / "provenance.parquet")
    assert len(table) == 15
    assert (table["wall_time_s"] > 0).all()
    assert table[["version_torch", "version_mujoco", "version_sources", "processor", "cores"]].notna().all(axis=None)
    assert table["error"].isna().all()


def test_controls_of_one_null_are_different_graphs_and_neuron_models_share_theirs(finished):
    table = load_results(finished)
    graphs = table[table["baseline"].isna()].groupby("network")["wiring"].nunique()
    assert graphs.to_dict() == {"degree null": 2, "worm, rate": 1, "worm, lif": 1}
    assert table[table["neuron"].isin(["rate", "lif"]) & (table["control"] == "none")]["wiring"].nunique() == 1


def test_a_finished_study_is_not_run_again_and_a_lost_trial_alone_is(finished, tiny, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(finished, folder)
    before = stamps(folder)
    run_study(tiny, out=folder, workers=2)
    assert stamps(folder) == before
    lost = load_study(tiny).trials[3]
    (folder / "trials" / f"{lost.hash}.json").unlink()
    resume_study(folder, workers=1)
    after = stamps(folder)
    assert {name for name in after if after[name] != before[name]} == {f"{lost.hash}.json"}
    assert (folder / "results.csv").read_bytes() == (finished / "results.csv").read_bytes()


def test_weights_are_kept_and_give_the_trained_network_back(finished, tmp_path):
    import torch

    for trial in load_study(finished / "spec.toml").trials[:5]:
        again = run_trial(trial).net
        stored = trained_network(trial, finished)
        for (name, mine), (other, theirs) in zip(again.named_parameters(), stored.named_parameters(), strict=True):
            assert name == other
            assert torch.equal(mine, theirs)


FAILING = """
name = "f"
[[networks]]
label = "worm"
source = "haspel2012"
[[tasks]]
name = "swimmer6"
label = "fails"
method = "es"
budget = 90_000
[[tasks]]
name = "digits"
method = "bptt"
budget = 64
"""


TWO_GOOD = (
    FAILING.replace("fails", "first")
    .replace("swimmer6", "digits")
    .replace('"es"', '"bptt"')
    .replace("budget = 90_000\n", "budget = 128\n")
)


def test_a_failing_trial_is_recorded_with_its_error_and_the_rest_go_on(write_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "WORKER", worker_that_fails(budget=90_000))
    table = run_study(write_spec(FAILING), out=tmp_path / "out", workers=1)
    assert table["task"].tolist() == ["digits"]
    study = load_study(tmp_path / "out" / "spec.toml")
    (error,) = runner.failures(tmp_path / "out", study).values()
    assert MESSAGE in error
    assert "\n" not in error
    provenance = pd.read_parquet(tmp_path / "out" / "provenance.parquet")
    assert provenance.set_index("task").loc["fails", "error"] == error
    failed = next(t for t in study.trials if t.task.label == "fails")
    assert not is_finished(tmp_path / "out", failed), "a failed trial is tried again"


def worker_that_dies(folder, times):
    """A worker whose first so many processes die on their first trial."""
    return sys.executable, "-c", (
        "import pathlib, runpy, sys\n"
        f"died = pathlib.Path({str(folder / 'died')!r})\n"
        "before = len(died.read_text()) if died.exists() else 0\n"
        f"if before < {times}:\n"
        "    died.write_text('x' * (before + 1)); sys.stdin.readline(); sys.exit('out of memory')\n"
        "runpy.run_module('celegans_nn.studies.worker', run_name='__main__')\n"
    )  # fmt: skip


def test_a_worker_that_dies_again_and_again_fails_its_own_trial_only(write_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "WORKER", worker_that_dies(tmp_path, times=3))
    spec = write_spec(TWO_GOOD)
    table = run_study(spec, out=tmp_path / "out", workers=1)
    assert table["task"].tolist() == ["digits"]
    (error,) = runner.failures(tmp_path / "out", load_study(spec)).values()
    assert error == "the worker process died 3 times, the last time with exit code 1: out of memory"


def test_a_trial_whose_worker_dies_twice_is_tried_a_third_time(write_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "WORKER", worker_that_dies(tmp_path, times=2))
    table = run_study(write_spec(TWO_GOOD), out=tmp_path / "out", workers=1)
    assert len(table) == 2
    assert (tmp_path / "died").read_text() == "xx"


def test_stopping_ends_the_workers_and_leaves_what_was_finished(tiny, tmp_path):
    study = load_study(tiny)
    events = pool.run_trials(tmp_path, study.trials, workers=1)
    for event in events:
        if event.ended:
            break
    events.close()
    assert not [t for t in threading.enumerate() if isinstance(t, pool._Worker)]
    assert is_finished(tmp_path, event.trial)
    assert sum(is_finished(tmp_path, t) for t in study.trials) < len(study.trials)


def test_ctrl_c_then_resume_gives_the_bytes_of_an_uninterrupted_run(finished, tiny, tmp_path):
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "celegans_nn.cli", "study"]
    process = subprocess.Popen(
        [*command, "run", str(tiny), "--out", str(folder), "--workers", "1"], stderr=subprocess.PIPE
    )
    while process.poll() is None and not list(folder.glob("trials/*.json")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1].decode()
    assert process.returncode == 130
    assert "interrupted; what was finished is kept" in said
    assert "Traceback" not in said
    kept = stamps(folder)
    assert 0 < len(kept) < 15
    resume_study(folder, workers=2)
    assert {name: stamp for name, stamp in stamps(folder).items() if name in kept} == kept
    for name in TABLES:
        assert (folder / name).read_bytes() == (finished / name).read_bytes()


def test_a_second_run_into_the_same_folder_is_refused(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
    with lock.locked(tmp_path), pytest.raises(SpecError, match="another run is writing here"):
        run_study(tiny, out=tmp_path)


def test_nothing_is_written_for_a_network_that_cannot_be_built(write_spec, tmp_path):
    text = FAILING.replace('source = "haspel2012"', 'source = "cook2019"\ncircuit = "sensorimotor115"')
    with pytest.raises(SpecError, match=r"network 'worm': .* edges have no known sign") as error:
        run_study(write_spec(text), out=tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_of_a_nulls_rewirings_one_is_built_before_the_first_trial(write_spec, monkeypatch):
    spec = """
name = "s"
[[networks]]
label = "{control}, {neuron}"
source = "haspel2012"
neuron = ["rate", "lif"]
control = ["none", "degree"]
rewirings = 50
[[tasks]]
name = "digits"
method = "bptt"
budget = 64
"""
    built = []

    def make(network, task, seed):
        built.append((network.label, network.control_seed))
        return make_network(network, task, seed)

    monkeypatch.setattr("celegans_nn.studies.trial.make_network", make)
    runner.check_networks(load_study(write_spec(spec)))
    assert sorted(built) == [("degree, lif", 0), ("degree, rate", 0), ("none, lif", 0), ("none, rate", 0)]


def test_no_workers_is_refused(tiny, tmp_path):
    with pytest.raises(SpecError, match="workers = 0"):
        run_study(tiny, out=tmp_path / "out", workers=0)
    assert not os.path.exists(tmp_path / "out")


def test_results_of_other_code_are_kept_and_said_to_be_so(finished, tiny, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "old"
    shutil.copytree(finished, folder)
    run_study(tiny, out=folder, workers=1)
    assert "another state of the code" not in capsys.readouterr().err
    monkeypatch.setattr(machine, "source_hash", lambda: "0" * 64)
    run_study(tiny, out=folder, workers=1)
    assert "15 of them by another state of the code" in capsys.readouterr().err
    assert (folder / "results.csv").read_bytes() == (finished / "results.csv").read_bytes()


NETWORK = """
name = "nulls"
[[networks]]
label = "net"
source = "cook2019"
neuron = "rate"
CHANGED
[[tasks]]
name = "digits"
method = "bptt"
budget = 64
"""


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ('control = "weight_shuffle"', "void under shared initial weights"),
        ('source = "haspel2012"\ncontrol = "boundary"', "boundary is void"),
        ('source = "haspel2012"\ncontrol = "interface_shuffle"', "void"),
        ('source = "haspel2012"\ncontrol = "lattice"', "no position"),
        ('preset = "s23"', "has no preset 's23'"),
    ],
)
def test_a_control_that_cannot_be_or_would_be_void_is_refused_before_anything_is_written(
    write_spec, tmp_path, changed, part
):
    text = NETWORK.replace("CHANGED", changed)
    if "source" in changed:
        text = text.replace('source = "cook2019"\n', "")
    with pytest.raises(SpecError, match=part):
        run_study(write_spec(text), out=tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_weights_by_count_make_a_shuffle_of_weights_another_network_and_inputs_can_be_shuffled(write_spec):
    study = load_study(
        write_spec(NETWORK.replace("CHANGED", 'weights = "synapse_count"\ncontrol = ["none", "weight_shuffle", '
                                   '"interface_shuffle"]').replace('label = "net"', 'label = "{control}"'))
    )  # fmt: skip
    task = make_trial_task(study.tasks[0])
    nets = {n.control: make_network(shared_for(n, "bptt"), task, 0) for n in study.networks}
    matrices = {name: net.chemical.matrix() for name, net in nets.items()}
    assert not torch.equal(matrices["none"], matrices["weight_shuffle"])
    assert torch.equal(matrices["none"], matrices["interface_shuffle"])
    ends = {name: (set(net.interface.input_cells), set(net.interface.output_cells)) for name, net in nets.items()}
    assert ends["none"] == ends["weight_shuffle"] != ends["interface_shuffle"]
