"""Killed at any moment, worker or runner, a study loses nothing, runs nothing twice and ends with the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from celegans_nn.studies import load_study, resume_study, run_study
from celegans_nn.studies.lock import is_locked

SPEC = """
name = "kills"
[[networks]]
label = "worm"
source = "haspel2012"
[[networks]]
label = "linear"
baseline = "linear"
like = "worm"
[[tasks]]
name = "swimmer6"
method = "es+ga"
budget = BUDGET
seeds = SEEDS
task = { episode_steps = 10 }
options = { es = { population = 4 }, ga = { population = 4, elites = 1 }, evaluation_episodes = 1, normalise = true }
"""

WORKER = """
import os
from celegans_nn.studies import worker
from celegans_nn.studies.spec import Trial
from celegans_nn.studies.store import is_finished

def serve(folder, definition, progress=None):
    trial = Trial.from_definition(definition)
    state = "again" if is_finished(folder, trial) else "begin"
    with open({log!r}, "a") as log:
        log.write(f"{{os.getpid()}} {{state}} {{trial.hash}}\\n")
    return run(folder, definition, progress)

run, worker.serve = worker.serve, serve
worker.main()
"""
RUNNER = """
import sys
from celegans_nn.cli import main
from celegans_nn.studies import pool
pool.WORKER = (sys.executable, "-c", {worker!r})
main(sys.argv[1:])
"""


class Run:
    """A study run by the command line, whose workers note what they begin."""

    def __init__(self, spec: Path, out: Path, log: Path):
        self.out, self.log = out, log
        log.touch()
        code = RUNNER.format(worker=WORKER.format(log=str(log)))
        self.command = [sys.executable, "-c", code, "study", "run", str(spec), "--out", str(out), "--workers", "2"]

    def start(self) -> subprocess.Popen:
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self.process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def notes(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()]

    def finished(self) -> dict[str, int]:
        return {p.name: p.stat().st_mtime_ns for p in (self.out / "trials").glob("*.json")}

    def workers(self) -> list[int]:
        return [pid for pid in {int(note[0]) for note in self.notes()} if alive(pid)]


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(condition, seconds=600.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "never came"
        time.sleep(0.01)


def small_spec(write_spec, seeds, budget):
    return write_spec(SPEC.replace("SEEDS", str(list(range(seeds)))).replace("BUDGET", str(budget)))


@pytest.fixture
def start(tmp_path):
    """Starts the study of a file in tmp_path / "out"; a test that fails leaves none running."""
    runs = []

    def run(spec):
        runs.append(Run(spec, tmp_path / "out", tmp_path / "log"))
        runs[0].start()
        return runs[0]

    yield run
    runs[0].kill()


def test_a_runner_that_is_killed_takes_its_workers_along_and_the_study_goes_on(write_spec, start, tmp_path):
    spec = small_spec(write_spec, seeds=2, budget=10_000)
    run = start(spec)
    wait_until(lambda: len(run.workers()) == 2 and list((run.out / "trials").glob("*.checkpoint")))
    workers = run.workers()
    run.kill()
    wait_until(lambda: not any(alive(pid) for pid in workers))
    wait_until(lambda: not is_locked(run.out))  # the last thread of a process ends after the first
    kept = run.finished()
    assert len(kept) < 4
    resume_study(run.out, workers=2)
    assert {name: stamp for name, stamp in run.finished().items() if name in kept} == kept
    run_study(spec, out=tmp_path / "whole", workers=2)
    assert (run.out / "results.csv").read_bytes() == (tmp_path / "whole" / "results.csv").read_bytes()


@pytest.mark.slow
def test_twenty_kills_at_random_moments_of_a_study_of_forty_trials(write_spec, start, tmp_path):
    spec, moments = small_spec(write_spec, seeds=20, budget=6_000), random.Random(0)
    trials = [trial.hash for trial in load_study(spec).trials]
    assert len(trials) == 40
    run, of_workers = start(spec), 0
    for k in range(20):
        wait_until(lambda k=k: len(run.finished()) >= 1.8 * k and run.workers())
        time.sleep(moments.uniform(0.0, 0.4))
        assert run.process.poll() is None, "the study ended before it was killed twenty times"
        victims = run.workers()
        if victims and moments.random() < 0.5:
            os.kill(moments.choice(victims), signal.SIGKILL)
            of_workers += 1
        else:
            run.kill()
            run.start()
    assert run.process.wait(timeout=1800) == 0
    assert 0 < of_workers < 20
    assert sorted(p.name for p in (run.out / "trials").iterdir()) == sorted(
        f"{trial}.{kind}" for trial in trials for kind in ("json", "safetensors", "normaliser")
    ), "every trial is there, and nothing else"
    assert not [note for note in run.notes() if note[1] == "again"], "no finished trial is run again"
    run_study(spec, out=tmp_path / "whole", workers=2)
    for name in ("results.csv", "curves.csv"):
        assert (run.out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
