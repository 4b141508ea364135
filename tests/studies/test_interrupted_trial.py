"""An interrupted trial goes on from its checkpoint, and a finished one leaves none."""

import json

import pytest
import torch

from celegans_nn.studies import load_study
from celegans_nn.studies.store import read_record
from celegans_nn.studies.trial import make_trial_task, run_trial, trained_network
from celegans_nn.studies.worker import serve

SPEC = """
name = "one"
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
budget = 200
task = { episode_steps = 5 }
options = { es = { population = 4 }, ga = { population = 4, elites = 1 }, evaluation_episodes = 1, normalise = true }
"""


class Stopped(BaseException):
    pass


@pytest.fixture
def trial(write_spec):
    return next(t for t in load_study(write_spec(SPEC)).trials if t.network.label == "linear")


def test_an_interrupted_trial_goes_on_where_it_stood_and_ends_with_the_same_row(trial, tmp_path):
    def stop(done, total):
        if done > 140:
            raise Stopped

    whole = run_trial(trial)
    with pytest.raises(Stopped):
        serve(tmp_path, trial.definition(), stop)
    assert read_record(tmp_path, trial.hash) is None
    assert len(list((tmp_path / "trials").glob("*.checkpoint"))) == 1
    costs = []
    serve(tmp_path, trial.definition(), lambda done, total: costs.append(done))
    assert min(costs) > 100, "pretraining is not run again"
    record = read_record(tmp_path, trial.hash)
    assert record.error is None
    assert json.loads(json.dumps(whole.row)) == record.row and list(whole.curve) == record.curve
    assert not list((tmp_path / "trials").glob("*.checkpoint"))


def test_a_network_trained_on_normalised_observations_comes_back_with_its_normalisation(trial, tmp_path):
    result = run_trial(trial, tmp_path)
    net = trained_network(trial, tmp_path)
    x = torch.ones(1, len(make_trial_task(trial.task).observations))
    assert not torch.equal(net(x)[0], result.net(x)[0])
    assert torch.equal(net.net(x)[0], result.net(x)[0])
