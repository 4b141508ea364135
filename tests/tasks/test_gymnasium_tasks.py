"""gymnasium's bodies against gymnasium's own environments: not one bit of difference."""

from types import SimpleNamespace

import gymnasium
import mujoco
import numpy as np
import pytest
import torch

from celegans_nn.networks.baselines import DenseMLP
from celegans_nn.simulation.evaluator import Evaluator
from celegans_nn.tasks import make_task
from celegans_nn.tasks.sums import squares

ENVIRONMENTS = {
    "swimmer_v5": "Swimmer-v5",
    "halfcheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "walker2d": "Walker2d-v5",
    "ant": "Ant-v5",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """gymnasium's own HalfCheetah leaves a MUJOCO_LOG.TXT where it is made."""
    monkeypatch.chdir(tmp_path)


def stacked(bodies):
    names = ("time", "qpos", "qvel", "sensordata", "xpos", "cfrc_ext")
    return SimpleNamespace(**{name: np.stack([np.asarray(getattr(data, name)) for data in bodies]) for name in names})


class Played:
    """Bodies of a task, each a plain MjData, that go on whatever happens to them."""

    def __init__(self, task, seeds):
        self.task, self.bodies = task, [mujoco.MjData(task.model) for _ in seeds]
        for p, seed in enumerate(seeds):
            self.reset(p, seed)

    def reset(self, p, seed):
        data = self.bodies[p]
        mujoco.mj_resetData(self.task.model, data)
        data.qpos[:], data.qvel[:] = (rows[0] for rows in self.task.initial_state([seed]))
        mujoco.mj_forward(self.task.model, data)

    def observe(self):
        return self.task.observe(stacked(self.bodies))

    def step(self, actions):
        kept = self.task.before(stacked(self.bodies))
        for data, action in zip(self.bodies, actions, strict=True):
            data.ctrl[:] = action
            mujoco.mj_step(self.task.model, data, self.task.frame_skip)
            if self.task.contact_forces:
                mujoco.mj_rnePostConstraint(self.task.model, data)
        after = stacked(self.bodies)
        return self.task.observe(after), *self.task.reward(kept, actions, after)


def drawn_actions(steps, individuals, n, seed):
    """float32 actions in [-1, 1]: uniform at four scales, the last at full effort either way."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (steps, individuals, n)) * np.resize([1.0, 0.3, 0.05, 1.0], (individuals, 1))
    actions[:, 3::4] = np.sign(actions[:, 3::4])
    return actions.astype(np.float32)


def differences(name, seeds, steps, after_termination):
    """Largest difference of observations and rewards, and how many terminations differ and how many there were."""
    task, envs = make_task(name), [gymnasium.make(ENVIRONMENTS[name]).unwrapped for _ in seeds]
    ours, actions = Played(task, seeds), drawn_actions(steps, len(seeds), len(task.actions), seed=11)
    start = np.stack([env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)])
    assert start.shape == (len(seeds), len(task.observations))
    largest, unlike, ended = np.abs(ours.observe() - start).max(), 0, 0
    for step_actions in actions:
        observed, rewards, terminated = ours.step(step_actions)
        for p, env in enumerate(envs):
            observation, reward, over, _, _ = env.step(step_actions[p])
            largest = max(largest, np.abs(observed[p] - observation).max(), abs(rewards[p] - reward))
            unlike += bool(terminated[p]) != bool(over)
            ended += bool(over)
            if over and after_termination == "reset":
                seeds[p] += 1000
                env.reset(seed=seeds[p])
                ours.reset(p, seeds[p])
    for env in envs:
        env.close()
    return largest, unlike, ended


@pytest.mark.parametrize("after_termination", ["reset", "go on"])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_observations_rewards_and_terminations_are_gymnasiums(name, after_termination):
    largest, unlike, ended = differences(name, [0, 3, 12345, 2**40], 200, after_termination)
    assert (largest, unlike) == (0.0, 0)
    assert (ended > 0) == (name in ("hopper", "walker2d", "ant"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_twenty_seeds_over_1000_steps_differ_from_gymnasium_by_nothing(name):
    largest, unlike, _ = differences(name, list(range(20)), 1000, "reset")
    assert (largest, unlike) == (0.0, 0)


def linear(task, gain):
    """A linear network on the task, with weights of that size."""
    net = DenseMLP([len(task.observations), len(task.actions)], torch.Generator().manual_seed(2))
    return net, {name: gain * torch.sign(value.detach())[None] for name, value in net.named_parameters()}


def replayed(name, seed, film):
    """Whether gymnasium, given a recording's actions, saw and paid the same; its return; whether it ended there."""
    env, total, over = gymnasium.make(ENVIRONMENTS[name]).unwrapped, 0.0, False
    seen, same = env.reset(seed=seed)[0], True
    for observation, action, reward in zip(film.observations, film.actions, film.rewards, strict=True):
        same = same and not over and np.abs(observation - seen).max() == 0.0
        seen, paid, over, _, _ = env.step(action)
        same, total = same and paid - reward == 0.0, total + paid
    env.close()
    return same, total, over


def compiled_loop_is_gymnasium(name, seeds, steps, gain):
    """Recordings of the compiled loop, and its returns of all seeds at once, against gymnasium."""
    task = make_task(name)
    net, one = linear(task, gain)
    evaluator = Evaluator(net, task, threads=1)
    assert evaluator.obstacle(one) is None
    everyone = {key: value.expand(len(seeds), *value.shape[1:]) for key, value in one.items()}
    got = evaluator.evaluate(everyone, seeds, steps)
    for p, seed in enumerate(seeds):
        film = evaluator.record(one, seed, steps)
        same, total, over = replayed(name, seed, film)
        assert same
        assert (got.returns[p], got.steps[p]) == (total, len(film.rewards))
        assert over == (len(film.rewards) < steps)
    assert not got.failed.any()
    return got.steps


def test_the_compiled_loop_does_to_the_hopper_what_gymnasium_does():
    assert (compiled_loop_is_gymnasium("hopper", [0, 7, 2**40], 200, 0.3) < 200).all()


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.02, 0.5])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_compiled_loop_differs_from_gymnasium_by_nothing(name, gain):
    compiled_loop_is_gymnasium(name, list(range(20)), 1000, gain)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_task_constants_are_those_of_the_registered_environment(name):
    task, env = make_task(name), gymnasium.make(ENVIRONMENTS[name]).unwrapped
    assert task.episode_steps == gymnasium.spec(ENVIRONMENTS[name]).max_episode_steps
    assert (task.frame_skip, task.control_dt) == (env.frame_skip, env.dt)
    assert (len(task.observations), len(task.actions)) == (env.observation_space.shape[0], env.action_space.shape[0])
    assert len(set(task.observations)) == len(task.observations)
    np.testing.assert_array_equal(np.abs(task.model.actuator_ctrlrange), 1)
    weights = (env._forward_reward_weight, np.float32(env._ctrl_cost_weight))
    assert (task.constants.forward_weight, task.constants.control_weight) == weights


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_model_equals_gymnasiums_in_every_array_and_leaves_no_log_file(name, tmp_path):
    ours = make_task(name).model
    assert not list(tmp_path.iterdir())
    theirs = gymnasium.make(ENVIRONMENTS[name]).unwrapped.model
    compared = 0
    for field in dir(theirs):
        value = getattr(theirs, field)
        if not field.startswith("_") and isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            np.testing.assert_array_equal(getattr(ours, field), value, err_msg=field)
            compared += 1
    assert compared > 200
    for field in ("timestep", "density", "viscosity", "integrator", "solver", "iterations", "tolerance", "gravity"):
        np.testing.assert_array_equal(getattr(ours.opt, field), getattr(theirs.opt, field), err_msg=field)


def test_names_stand_for_the_coordinates_that_carry_them():
    task = make_task("ant")
    assert task.observations[:6] == ("root_z", "root_qw", "root_qx", "root_qy", "root_qz", "hip_1")
    assert task.actions == ("hip_4", "ankle_4", "hip_1", "ankle_1", "hip_2", "ankle_2", "hip_3", "ankle_3")
    walker = make_task("walker2d")
    assert walker.observations[:3] == ("rootz", "rooty", "thigh_joint")
    assert walker.observations[8:10] == ("rootx_velocity", "rootz_velocity")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_segments_are_the_capsules_ends(name):
    task = make_task(name)
    qpos, _ = task.initial_state([0, 1])
    segments = task.segments(qpos)
    capsules = np.flatnonzero(task.model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE)
    assert segments.shape == (2, len(capsules), 2, 2)
    if name not in ("ant",):  # the ant's legs leave the plane
        length = np.linalg.norm(segments[:, :, 0] - segments[:, :, 1], axis=-1)
        np.testing.assert_allclose(length, np.tile(2 * task.model.geom_size[capsules, 1], (2, 1)), rtol=1e-9)
    shifted = qpos + np.eye(task.model.nq)[0]
    np.testing.assert_allclose(
        task.segments(shifted) - segments, np.broadcast_to([1.0, 0.0], segments.shape), atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 6, 7, 8, 9, 15, 16, 84, 127, 128])
def test_squares_are_summed_as_numpy_sums_them(n, dtype):
    rng = np.random.default_rng(n)
    for scale in (0.3, 1.0, 40.0):
        x = (scale * rng.standard_normal(n)).astype(dtype)
        for limit in (dtype(1.0), dtype(np.inf)):
            expected = np.sum(np.square(np.clip(x, -limit, limit)))
            got = squares(x, limit)
            assert (got, got.dtype) == (expected, expected.dtype)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_failure_costs_more_than_anything_the_body_can_do(name):
    task = make_task(name)
    ours, worst = Played(task, [0, 1, 2, 3]), 0.0
    for step_actions in drawn_actions(150, 4, len(task.actions), seed=5):
        worst = min(worst, ours.step(step_actions)[1].mean())
    assert task.failure_reward < worst
