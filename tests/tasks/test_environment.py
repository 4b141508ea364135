"""Any of gymnasium's MuJoCo environments through the slow way, against the environment itself and our own tasks."""

import gymnasium
import numpy as np
import pytest
import torch

from celegans_nn.errors import TaskError
from celegans_nn.simulation import PopulationSimulator, evaluate_population, record_episode
from celegans_nn.tasks import make_task


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """gymnasium's own HalfCheetah leaves a MUJOCO_LOG.TXT where it is made."""
    monkeypatch.chdir(tmp_path)


def swaying(n, gain=0.8):
    """A policy of `n` outputs that depends on what it sees and how long it has lived."""

    def policy(x, state):
        step = 0 if state is None else state
        seen = x[:, :1] + torch.sin(torch.arange(n, dtype=torch.float32) + 0.3 * step)
        return gain * seen, step + 1

    return policy


@pytest.mark.parametrize("name", ["Humanoid-v5", "Pusher-v5", "Reacher-v5", "InvertedDoublePendulum-v5"])
def test_an_episode_is_that_of_the_environment_itself(name):
    task, seeds = make_task(f"gymnasium:{name}"), [3, 8]
    simulator, expected = PopulationSimulator(task, 2), []
    for seed in seeds:
        env = gymnasium.make(name)
        seen, state, total, steps = env.reset(seed=seed)[0], None, 0.0, 0
        while steps < 40:
            y, state = swaying(len(task.actions))(torch.from_numpy(seen.astype(np.float32)[None]), state)
            low, high = env.action_space.low, env.action_space.high
            seen, reward, over, _, _ = env.step((low + high) / 2 + (high - low) / 2 * np.tanh(y.numpy()[0]))
            total, steps = total + reward, steps + 1
            if over:
                break
        expected.append((total, steps))
        env.close()
    for _ in range(2):  # and again, nothing of an episode staying behind
        got = simulator.evaluate(swaying(len(task.actions)), seeds, 40)
        assert list(zip(got.returns, got.steps, strict=True)) == expected
        assert not got.failed.any()


@pytest.mark.parametrize(("ours", "theirs"), [("walker2d", "Walker2d-v5"), ("swimmer_v5", "Swimmer-v5")])
def test_it_earns_what_our_own_task_of_the_same_body_earns(ours, theirs):
    task, seeds = make_task(ours), [0, 1, 2]
    own = evaluate_population(swaying(len(task.actions)), task, seeds, 60)
    slow = evaluate_population(swaying(len(task.actions)), make_task(f"gymnasium:{theirs}"), seeds, 60)
    np.testing.assert_array_equal(slow.returns, own.returns)
    np.testing.assert_array_equal(slow.steps, own.steps)


def test_an_individual_whose_output_is_not_finite_fails_alone():
    task = make_task("gymnasium:HalfCheetah-v5", failure_reward=-7)

    def partly(x, state):
        y, state = swaying(6)(x, state)
        y[1] = float("nan") if state > 5 else y[1]
        return y, state

    got, well = (evaluate_population(policy, task, [0, 1, 2], 12) for policy in (partly, swaying(6)))
    assert got.failed.tolist() == [False, True, False]
    assert (got.returns[1], got.steps[1]) == (-7 * 12, 6)
    np.testing.assert_array_equal(got.returns[[0, 2]], well.returns[[0, 2]])


def test_a_body_that_flies_apart_fails_alone_and_leaves_no_log(tmp_path, capfd):
    simulator = PopulationSimulator(make_task("gymnasium:HalfCheetah-v5"), 2)  # whose own making warns
    simulator.reset([0, 1])
    simulator.bodies._each[1].unwrapped.data.qvel[:] = 1e12
    steps = list(simulator.control_steps(swaying(6), 3))
    assert [step.failed.tolist() for step in steps] == [[False, True], [False, False], [False, False]]
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_it_can_be_recorded_and_its_speed_is_that_of_the_centre_of_mass():
    task = make_task("gymnasium:Humanoid-v5")
    film = record_episode(swaying(17), task, 4, 10)
    assert film.qpos.shape == (11, task.model.nq)
    assert film.segments.shape[0] == 11
    got = evaluate_population(swaying(17), task, [4], 10)
    assert got.metrics["forward_speed"][0] * 10 * task.control_dt == pytest.approx(got.metrics["displacement_x"][0])


def test_the_time_limit_is_the_environments_unless_told():
    assert make_task("gymnasium:Reacher-v5").episode_steps == gymnasium.spec("Reacher-v5").max_episode_steps == 50
    assert make_task("gymnasium:Reacher-v5", episode_steps=9).episode_steps == 9


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Humanod-v5", "no environment 'Humanod-v5': did you mean 'Humanoid-v5'"),
        ("CartPole-v1", "no MuJoCo body"),
        ("Humanoid-v77", "no environment 'Humanoid-v77'"),
        ("os:Humanoid-v5", "names a module"),
        ("", "no environment ''"),
    ],
)
def test_what_is_no_such_environment_is_refused_in_one_line(name, message):
    with pytest.raises(TaskError, match=message) as error:
        make_task(f"gymnasium:{name}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["abc", None, True, float("nan"), -float("inf")])
def test_a_failure_reward_that_is_no_number_is_refused_in_one_line(value):
    with pytest.raises(TaskError, match=r"failure_reward is .*; give a number") as error:
        make_task("gymnasium:Reacher-v5", failure_reward=value)
    assert "\n" not in str(error.value)
