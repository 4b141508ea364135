"""NCAP: the published circuit, number by number, with signs that hold; and it swims."""

import math

import numpy as np
import pytest
import torch

from celegans_nn.errors import NetworkError
from celegans_nn.networks import baseline, build, count_parameters, load_network, save_network
from celegans_nn.networks.ncap import NCAP, PERIOD
from celegans_nn.simulation import Evaluator, evaluator
from celegans_nn.tasks import make_task
from tests.worms import random_worm

JOINTS = tuple(f"joint_{k}" for k in range(1, 6))
SIGN = {"proprioception": 1, "drive": 1, "ipsilateral": 1, "contralateral": -1}
FULL = math.pi / 3
"""rad: as far as a joint of six links bends."""


def ncap(shared=True, observations=JOINTS, **weights):
    """Weights are 1, or -1 where they inhibit, but for those that are given."""
    net = NCAP(observations, JOINTS, torch.Generator().manual_seed(0), shared)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.fill_(weights.get(name, SIGN[name]))
    return net


def torques(net, x, state=None):
    return torch.tanh(net(torch.tensor([x]), state)[0])[0].tolist()


@pytest.mark.parametrize(("shared", "number"), [(True, 4), (False, 30)])
def test_it_has_the_weights_of_the_paper_with_their_signs(shared, number):
    net = NCAP(JOINTS, JOINTS, torch.Generator().manual_seed(1), shared)
    assert count_parameters(net) == number
    for name, parameter in net.named_parameters():
        assert (SIGN[name] * parameter > 0).all()


def test_a_joint_follows_the_one_in_front_and_the_first_the_oscillator():
    x = [0.5 * FULL, -0.25 * FULL, 0.0, -2 * FULL, 0.0]
    early, late = ([[0.0]], [[PERIOD // 2]])
    expected = [0.5, -0.25, 0.0, -1.0]
    assert torques(ncap(), x, torch.tensor(early)) == pytest.approx([1.0, *expected], abs=2e-6)
    assert torques(ncap(), x, torch.tensor(late, dtype=torch.float32)) == pytest.approx([-1.0, *expected], abs=2e-6)


def test_a_muscle_is_inhibited_by_the_other_side_and_neither_pushes():
    net = ncap(shared=False)
    with torch.no_grad():
        net.drive.copy_(torch.tensor([[0.6], [1.0]]))
        net.ipsilateral[1] = 0.0
    x = [0.0, 0.5 * FULL, -0.5 * FULL, 0.0, 0.0]
    assert torques(net, x) == pytest.approx([0.6, 0.0, 0.5, 0.0, 0.0], abs=2e-6), "ventral muscles are cut off"


@pytest.mark.parametrize("name", SIGN)
@pytest.mark.parametrize("shared", [True, False])
def test_a_weight_of_the_wrong_sign_counts_as_none(name, shared):
    x = [0.3, -0.2, 0.4, 0.1, -0.5]
    assert torques(ncap(shared, **{name: -0.7 * SIGN[name]}), x) == torques(ncap(shared, **{name: 0.0}), x)


def test_the_oscillator_is_the_tasks_where_it_gives_one_and_else_the_same_square_wave():
    own, given = ncap(), ncap(observations=(*JOINTS, "head_oscillator"))
    task = make_task("swimmer6", head_drive="square")
    mine = theirs = None
    for step in range(2 * PERIOD + 5):
        drive = 1.0 if 2 * (step % task.constants.drive_steps) < task.constants.drive_steps else -1.0
        a, mine = own(torch.zeros(1, 5), mine)
        b, theirs = given(torch.tensor([[0.0] * 5 + [drive]]), theirs)
        assert torch.equal(a, b)


def test_with_weights_set_by_hand_a_swimmer_swims_forward():
    task = make_task("swimmer6", episode_steps=300)
    net = NCAP(task.observations, task.actions, torch.Generator())
    own = {name: torch.tensor([float(SIGN[name])]) for name, _ in net.named_parameters()}
    evaluator._warn.cache_clear()  # it is said once a process, and another test may have heard it
    with pytest.warns(UserWarning, match="NCAP has no compiled form"):
        found = Evaluator(net, task, 1).evaluate(own, [0])
    seconds = task.episode_steps * task.control_dt
    assert found.metrics["forward_speed"][0] > 0.05
    assert found.metrics["displacement_x"][0] / seconds > 0.04, "it comes along, and does not only turn its head"
    assert not found.failed.any()


def test_individuals_differ_in_their_weights_alone():
    task = make_task("swimmer6", episode_steps=20)
    own = {name: torch.full((3,), float(sign)) for name, sign in SIGN.items()}
    own["drive"] = torch.tensor([1.0, 0.0, 1.0])
    net = NCAP(task.observations, task.actions, torch.Generator())
    returns = Evaluator(net, task, 1).evaluate(own, [0, 0, 0]).returns
    assert returns[0] == returns[2] != returns[1]
    assert np.isfinite(returns).all()


def test_it_is_a_baseline_of_networks_that_drive_swimmers():
    task = make_task("swimmer4", head_drive="square")
    net = baseline("ncap", like=build(random_worm(), "rate", inputs=task.observations, outputs=task.actions), seed=3)
    assert net.actions == ("joint_1", "joint_2", "joint_3")
    assert net.observations[net.oscillator] == "head_oscillator"
    with pytest.raises(NetworkError, match="ncap drives swimmers, whose actions are joints that they feel"):
        baseline("ncap", like=build(random_worm(), "rate", inputs=5, outputs=3))


@pytest.mark.parametrize("shared", [True, False])
def test_it_comes_back_from_disk_bit_for_bit(shared, tmp_path):
    net, x = NCAP(("speed", *JOINTS), JOINTS, torch.Generator().manual_seed(5), shared), torch.randn(4, 6)
    save_network(net, tmp_path)
    twin = load_network(tmp_path)
    assert torch.equal(twin(x)[0], net(x)[0])
    assert (twin.shared, twin.observations, twin.actions) == (net.shared, net.observations, net.actions)
