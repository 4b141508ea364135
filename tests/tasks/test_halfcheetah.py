"""HalfCheetah against gymnasium's own environment: not one bit of difference."""

import gymnasium
import mujoco
import numpy as np
import pytest
import torch

from celegans_nn.simulation import PopulationSimulator
from celegans_nn.tasks import make_task


def population_under(task, seeds, actions):
    """Observations [T + 1, P, n], rewards and terminations [T, P] of `actions` [T, P, n], through the simulator."""
    simulator = PopulationSimulator(task, len(seeds))
    simulator.reset(seeds)
    observed, rewards, ended = [task.observe(simulator.bodies)], [], []
    pending = iter(torch.from_numpy(np.arctanh(actions.astype(np.float64))))

    def policy(x, state):
        return next(pending), None

    applied = []
    for step in simulator.control_steps(policy, len(actions)):
        observed.append(task.observe(simulator.bodies))
        rewards.append(step.rewards)
        ended.append(~step.running)
        applied.append(step.actions)
    return np.array(observed), np.array(rewards), np.array(ended), np.array(applied)


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_observations_rewards_and_terminations_are_gymnasiums_over_1000_steps(scale):
    task, seeds, rng = make_task("halfcheetah"), [0, 3, 12345], np.random.default_rng(7)
    actions = scale * rng.uniform(-0.999, 0.999, (1000, len(seeds), 6)).astype(np.float32)
    observed, rewards, ended, applied = population_under(task, seeds, actions)
    assert observed.shape == (1001, 3, 17)
    assert applied.dtype == np.float32
    for p, seed in enumerate(seeds):
        env = gymnasium.make("HalfCheetah-v5")
        np.testing.assert_array_equal(observed[0, p], env.reset(seed=seed)[0])
        for t, action in enumerate(applied[:, p]):
            observation, reward, terminated, _, info = env.step(action)
            assert np.abs(observed[t + 1, p] - observation).max() == 0.0
            assert rewards[t, p] - reward == 0.0
            assert bool(ended[t, p]) == terminated
        assert np.abs(info["x_position"]) > 0.1
        env.close()


def test_task_constants_are_those_of_the_registered_environment():
    task, env = make_task("halfcheetah"), gymnasium.make("HalfCheetah-v5").unwrapped
    assert task.episode_steps == gymnasium.spec("HalfCheetah-v5").max_episode_steps
    assert (task.frame_skip, task.control_dt) == (env.frame_skip, env.dt)
    assert (len(task.observations), len(task.actions)) == (env.observation_space.shape[0], env.action_space.shape[0])
    names = [mujoco.mj_id2name(env.model, mujoco.mjtObj.mjOBJ_ACTUATOR, k) for k in range(env.model.nu)]
    assert task.actions == tuple(names)
    np.testing.assert_array_equal(env.action_space.high, 1)


def test_model_equals_gymnasiums_in_every_array_and_leaves_no_log_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ours = make_task("halfcheetah").model
    assert not list(tmp_path.iterdir())
    theirs = gymnasium.make("HalfCheetah-v5").unwrapped.model
    compared = 0
    for name in dir(theirs):
        value = getattr(theirs, name)
        if not name.startswith("_") and isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            np.testing.assert_array_equal(getattr(ours, name), value, err_msg=name)
            compared += 1
    assert compared > 200


def test_segments_are_the_capsules_ends():
    task = make_task("halfcheetah")
    qpos, _ = task.initial_state([0, 1])
    segments = task.segments(qpos)
    capsules = np.flatnonzero(task.model.geom_bodyid > 0)
    assert segments.shape == (2, len(capsules), 2, 2)
    length = np.linalg.norm(segments[:, :, 0] - segments[:, :, 1], axis=-1)
    np.testing.assert_allclose(length, np.tile(2 * task.model.geom_size[capsules, 1], (2, 1)), rtol=1e-9)
    shifted = qpos + np.eye(task.model.nq)[0]
    np.testing.assert_allclose(task.segments(shifted) - segments, np.broadcast_to([1.0, 0.0], segments.shape))
