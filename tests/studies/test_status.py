"""`study status` tells how a study stands while it runs, when it was stopped, and when it is done."""

import json
import shutil
import time

import pytest

from celegans_nn.errors import SpecError
from celegans_nn.studies import heartbeat, load_study
from celegans_nn.studies.lock import locked
from celegans_nn.studies.status import study_status
from celegans_nn.studies.store import Record, read_record, trial_path, write_record


@pytest.fixture
def stopped(finished, tmp_path):
    """The tiny study with the first of its five swimmers failed and two not run: folder, and these five trials."""
    folder = tmp_path / "stopped"
    shutil.copytree(finished, folder)
    trials = [t for t in load_study(folder / "spec.toml").trials if t.task.label == "swimmer6"]
    write_record(folder, Record(trials[0].hash, trials[0].definition(), None, [], {"wall_time_s": 2.0}, "it broke"))
    for trial in trials[1:3]:
        trial_path(folder, trial.hash).unlink()
    return folder, trials


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_finished_study_has_nothing_left_and_cost_what_its_trials_cost(finished):
    before, status = files(finished), study_status(finished)
    assert (len(status.done), status.failed, status.running, status.left) == (15, {}, {}, 0)
    digits = [t for t in status.study.trials if t.task.label == "digits"]
    assert status.cost()["digits"] == (128 * len(digits), 128 * len(digits))
    assert "nothing left to do" in status.lines()[-1]
    assert not status.active
    assert files(finished) == before, "nothing is written"


def test_a_stopped_study_tells_what_failed_and_what_is_left(stopped):
    folder, trials = stopped
    status = study_status(folder)
    assert (len(status.done), status.failed, status.running, status.left) == (12, {trials[0]: "it broke"}, {}, 2)
    mean = sum(read_record(folder, trial.hash).provenance["wall_time_s"] for trial in trials[3:]) / 2
    assert status.seconds_left == pytest.approx(max(3 * mean / status.workers, mean))
    lines = status.lines()
    assert lines[1] == "trials   15: 12 done, 1 failed, 0 running, 2 left"
    assert lines[-1] == f"failed   {trials[0].describe()}: it broke"


def test_a_running_study_tells_what_runs_and_for_how_long(stopped):
    folder, trials = stopped
    spent = study_status(folder).cost()["swimmer6"][0]
    running = {trials[0].hash: 0.0, trials[1].hash: 0.5, trials[4].hash: 0.9}
    with locked(folder):
        heartbeat.Heartbeat(folder, workers=2).beat(running, 40.0)
        status = study_status(folder)
    assert status.active
    assert status.running == {trials[0]: 0.0, trials[1]: 0.5}, "a trial that has ended meanwhile is done"
    assert (len(status.done), len(status.failed), status.left) == (12, 0, 1)
    assert status.cost()["swimmer6"][0] == spent + 60
    assert 30 < status.seconds_left <= 40
    assert "left on 2 workers" in " ".join(status.lines())
    assert status.lines()[-1] == f"running  {trials[1].describe()}: 50%"


def test_what_a_killed_run_left_does_not_count_as_running(stopped):
    folder, trials = stopped
    heartbeat.Heartbeat(folder, workers=2).beat({trials[1].hash: 0.5}, 40.0)
    assert study_status(folder).running == {}
    (folder / heartbeat.FILE).write_text(json.dumps({"written": time.time()}))
    with locked(folder):
        assert study_status(folder).running == {}


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(SpecError, match="holds no study"):
        study_status(tmp_path)
