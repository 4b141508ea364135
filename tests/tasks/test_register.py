"""The swimmer through gymnasium: its own checks, and the task's numbers."""

import os
import subprocess
import sys
import warnings

import gymnasium
import mujoco
import numpy as np
import pytest

from celegans_nn.errors import TaskError
from celegans_nn.tasks import make_task

ID = "celegans_nn.tasks.register:celegans_nn/Swimmer-v0"

CHECK = f"""
import sys, warnings
import gymnasium
from gymnasium.utils.env_checker import check_env
warnings.simplefilter("error")
warnings.filterwarnings("ignore", ".* -?infinity. ")  # so do gymnasium's own bodies: nothing bounds a velocity
env = gymnasium.make({ID!r}, n_links=int(sys.argv[1]), head_drive=sys.argv[2]).unwrapped
check_env(env)
drawn = gymnasium.make({ID!r}, render_mode="rgb_array", width=64, height=48)
drawn.reset(seed=0)
picture = drawn.render()
drawn.close()
print(picture.shape, picture.std() > 1)
"""


@pytest.mark.parametrize(("n_links", "head_drive"), [("6", "none"), ("3", "square")])
def test_it_passes_gymnasiums_own_checks_and_can_be_drawn(n_links, head_drive):
    environment = {**os.environ, "MUJOCO_GL": "egl"}
    command = [sys.executable, "-c", CHECK, n_links, head_drive]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "(48, 64, 3) True"


@pytest.mark.parametrize("options", [{}, {"n_links": 2}, {"n_links": 25}, {"n_links": 4, "head_drive": "square"}])
def test_it_observes_and_pays_what_the_task_does(options):
    env, task = gymnasium.make(ID, **options), make_task("swimmer", **options)
    seen, _ = env.reset(seed=3)
    assert len(seen) == len(task.observations)
    assert env.action_space.shape == (len(task.actions),)
    env.unwrapped.reset(seed=3)
    data, rng = mujoco.MjData(task.model), np.random.default_rng(0)
    data.qpos[:] = env.unwrapped._data.qpos
    mujoco.mj_forward(task.model, data)
    total = 0.0
    for _ in range(20):
        action = rng.uniform(-1, 1, len(task.actions)).astype(np.float32)
        seen, reward, terminated, truncated, info = env.step(action)
        data.ctrl[:] = action
        mujoco.mj_step(task.model, data, task.frame_skip)
        mujoco.mj_step1(task.model, data)
        bodies = Stacked(data)
        np.testing.assert_array_equal(seen, task.observe(bodies)[0])
        expected, _ = task.reward(task.before(bodies), action[None], bodies)
        assert (reward, info["forward_velocity"]) == (expected[0], expected[0])
        assert not (terminated or truncated)
        total += abs(reward)
    assert total > 0
    assert info["x"] == pytest.approx(task.progress(bodies)["x"][0], abs=1e-15)


class Stacked:
    """One MjData as a population of one."""

    def __init__(self, data):
        self.time = np.array([data.time])
        for name in ("qpos", "qvel", "sensordata"):
            setattr(self, name, getattr(data, name)[None].copy())


def test_an_episode_is_truncated_after_1000_steps_and_its_seed_decides_it():
    env = gymnasium.make(ID, n_links=2)
    first, second, again = (env.reset(seed=seed)[0] for seed in (5, 6, 5))
    assert (first == again).all()
    assert (first != second).any()
    still = np.zeros(1, dtype=np.float32)
    ends = [env.step(still)[3] for _ in range(1000)]
    assert ends == [False] * 999 + [True]


def test_importing_the_tasks_registers_nothing_and_making_it_twice_warns_of_nothing():
    code = "import gymnasium, celegans_nn.tasks; print('celegans_nn/Swimmer-v0' in gymnasium.registry)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            gymnasium.make(ID).close()


@pytest.mark.parametrize("options", [{"n_links": 1}, {"n_links": 26}, {"render_mode": "depth"}, {"head_drive": "x"}])
def test_an_option_that_cannot_be_is_refused_in_one_line(options):
    with warnings.catch_warnings(), pytest.raises(TaskError) as error:
        warnings.simplefilter("ignore")
        gymnasium.make(ID, **options)
    assert "\n" not in str(error.value)
