"""The gated network in lanes does what it does in torch, and goes the compiled way through an episode."""

import numpy as np
import pytest
import torch

from celegans_nn.networks.gru import GRU
from celegans_nn.simulation import Evaluator, PopulationSimulator
from celegans_nn.simulation.policies import stack_policies
from celegans_nn.simulation.programs import LANES, pack
from celegans_nn.tasks import make_task
from tests.simulation.lane_runs import Lanes, perturbed


@pytest.mark.parametrize(("inputs", "hidden", "outputs"), [(5, 8, 3), (9, 4, 2), (1, 1, 1)])
def test_it_agrees_with_torch_at_each_of_100_control_steps_and_forgets_nothing(inputs, hidden, outputs):
    net = GRU(inputs, hidden, outputs, torch.Generator().manual_seed(1))
    parameters = perturbed(net, LANES, spread=0.3)
    lanes, policy, state = Lanes.of(pack(net, parameters), inputs, outputs), stack_policies(net, parameters), None
    rng = np.random.default_rng(0)
    for step in range(100):
        seen = rng.normal(size=(inputs, LANES)).astype(np.float32) * (step < 60)
        ours = lanes.step(seen)
        y, state = policy(torch.from_numpy(seen.T.copy()), state)
        np.testing.assert_allclose(ours, y.numpy().T, atol=5e-6)
        np.testing.assert_allclose(lanes.state[:hidden], state.numpy().reshape(LANES, hidden).T, atol=5e-6)
        if step == 59:
            assert np.abs(ours).max() > 0.05


def test_nan_in_one_lane_stays_there():
    net = GRU(3, 4, 2, torch.Generator().manual_seed(1))
    parameters = perturbed(net, 3)
    clean, spoiled = (Lanes.of(pack(net, parameters), 3, 2) for _ in range(2))
    seen = np.ones((3, 3), np.float32)
    spoilt = seen.copy()
    spoilt[0, 1] = np.nan
    a, b = clean.step(seen), spoiled.step(spoilt)
    assert np.isnan(b[:, 1]).all()
    assert np.array_equal(a[:, [0, 2]], b[:, [0, 2]])


def test_an_episode_goes_the_compiled_way_and_ends_as_through_torch(recwarn):
    task = make_task("swimmer3", episode_steps=20)
    net = GRU(len(task.observations), 6, len(task.actions), torch.Generator().manual_seed(2))
    parameters = perturbed(net, 2)
    found = Evaluator(net, task, 1).evaluate(parameters, [3, 4])
    assert not [w for w in recwarn if "no compiled form" in str(w.message)]
    through_torch = PopulationSimulator(task, 2).evaluate(stack_policies(net, parameters), [3, 4])
    np.testing.assert_allclose(found.returns, through_torch.returns, rtol=1e-3)
