"""Any of gymnasium's MuJoCo environments as a task: the environment itself, stepped by the interpreter.

Nothing is known of what it reads and pays for, so that it cannot be compiled: this is the slow way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np

from celegans_nn.errors import TaskError, nearest, one_line
from celegans_nn.tasks.body import Array
from celegans_nn.tasks.capsules import FROM_THE_SIDE, capsule_ends
from celegans_nn.tasks.quiet import quiet
from celegans_nn.tasks.task import tanh_actions, whole_number

FAILURE_REWARD = -100.0
"""A step of a failed episode; what an environment pays is not known, so that a task may be given its own."""

EPISODE_STEPS = 1000
"""control steps, where an environment has no time limit."""


class Environments:
    """P copies of an environment, one after the other, under the names of a batch of MuJoCo bodies for what a simulator
    needs of one; `begin` puts each at the start of the episode that gymnasium draws from its seed.

    `status` [P] is not 0 where the last step ended in an error, `warning` [P, 1, 2] counts MuJoCo's warnings.
    """

    def __init__(self, task: EnvironmentTask, n: int) -> None:
        self._each = [_made(task.environment) for _ in range(n)]
        self._centre, self._half = task.centre, task.half
        self._dt = task.control_dt
        self.ctrl = np.zeros((n, len(task.actions)))
        self.observed = np.zeros((n, len(task.observations)))
        self.rewards, self.terminated = np.zeros(n), np.zeros(n, dtype=bool)
        self.x, self.forward_velocity = np.zeros(n), np.zeros(n)
        self.warning, self.status = np.zeros((n, 1, 2), dtype=np.int32), np.zeros(n, dtype=np.int32)

    @property
    def time(self) -> Array:
        """s, [P]."""
        return np.array([env.unwrapped.data.time for env in self._each])

    @property
    def qpos(self) -> Array:
        """[P, nq]."""
        return np.stack([env.unwrapped.data.qpos for env in self._each])

    @property
    def qvel(self) -> Array:
        """[P, nv]."""
        return np.stack([env.unwrapped.data.qvel for env in self._each])

    def begin(self, seeds: Sequence[int]) -> None:
        """Put copy p at the start of an episode from `seeds[p]`."""
        self.warning[:], self.status[:] = 0, 0
        for p, (env, seed) in enumerate(zip(self._each, seeds, strict=True)):
            with quiet():
                self.observed[p], _ = env.reset(seed=int(seed))
            self._note(p, 0.0)
        self.rewards[:], self.terminated[:], self.forward_velocity[:] = 0.0, False, 0.0

    def step(self, ids: Array | None, steps: int, stage: int) -> None:
        """One control step of copies `ids` (None: all) under `ctrl`; `steps` and `stage` are the environment's own."""
        for p in range(len(self._each)) if ids is None else ids:
            env, before = self._each[p], self.x[p]
            action = self._centre + self._half * self.ctrl[p].astype(np.float32)
            try:
                with quiet():
                    self.observed[p], self.rewards[p], self.terminated[p], *_ = env.step(action)
            except mujoco.FatalError:
                self.status[p] = 1
                continue
            self.warning[p, 0, 1] += int(env.unwrapped.data.warning.number.any())
            self._note(p, before)

    def _note(self, p: int, before: float) -> None:
        self.x[p] = self._each[p].unwrapped.data.subtree_com[0, 0]
        self.forward_velocity[p] = (self.x[p] - before) / self._dt


@dataclass(frozen=True)
class EnvironmentTask:
    """An environment of gymnasium (a `LocomotionTask`) that is stepped as it is: see `Environments`."""

    environment: str
    episode_steps: int
    failure_reward: float
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    frame_skip: int
    control_dt: float
    model: mujoco.MjModel = field(compare=False, repr=False)
    centre: Array = field(compare=False, repr=False)
    half: Array = field(compare=False, repr=False)
    """float32 [actions]: the environment's action is centre + half times ours, which is in [-1, 1]."""
    kind: ClassVar[str] = "locomotion"
    settle_steps: ClassVar[int] = 0
    current_sensors: ClassVar[bool] = False
    contact_forces: ClassVar[bool] = False
    has_force: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return f"gymnasium:{self.environment}"

    def make_bodies(self, n: int) -> Environments:
        """`n` copies, which a simulator steps in the place of bodies of its own."""
        return Environments(self, n)

    def initial_state(self, seeds: Sequence[int]) -> tuple[Array, Array]:
        """(qpos [P, nq], qvel [P, nv]) of the episodes that gymnasium draws from `seeds`."""
        copies = self.make_bodies(len(seeds))
        copies.begin(seeds)
        return copies.qpos, copies.qvel

    def observe(self, bodies: Any) -> Array:
        """[P, observations], float64."""
        return bodies.observed.copy()

    def before(self, bodies: Any) -> Array:
        """Nothing: the environment keeps what it needs."""
        return np.empty((len(bodies.rewards), 0))

    def reward(self, before: Array, actions: Array, bodies: Any) -> tuple[Array, Array]:
        """(reward [P], terminated [P]) as the environment said them."""
        return bodies.rewards.copy(), bodies.terminated.copy()

    def progress(self, bodies: Any) -> dict[str, Array]:
        """`x` of the centre of all mass (m), and `forward_velocity`, its mean over the last control step (m/s)."""
        return {"forward_velocity": bodies.forward_velocity.copy(), "x": bodies.x.copy()}

    def force(self, bodies: Any) -> Array:
        """None of its own."""
        return np.zeros(bodies.qvel.shape)

    def segments(self, qpos: Array) -> Array:
        """Both ends of each capsule in the x-z plane (m): [..., nq] -> [..., capsules, 2, 2]."""
        return capsule_ends(self.model, qpos, FROM_THE_SIDE)

    def squash(self, outputs: Array) -> Array:
        """tanh, float32."""
        return tanh_actions(outputs)


def make_environment(
    environment: str, episode_steps: int | None = None, failure_reward: float = FAILURE_REWARD
) -> EnvironmentTask:
    """gymnasium's environment of that id, with its own time limit where `episode_steps` is None.

    Its `model` and `control_dt` are those of the environment; so are the names of actions, where actuators have some.

    failure_reward: what each step of an episode counts that ends in a failure.

    >>> task = make_environment("InvertedPendulum-v5")
    >>> task.name, len(task.observations), task.actions, task.episode_steps
    ('gymnasium:InvertedPendulum-v5', 4, ('slide',), 1000)
    """
    env = _made(environment)
    base, seen, acted = env.unwrapped, env.observation_space, env.action_space
    name, boxes = f"gymnasium:{environment}", (gymnasium.spaces.Box, gymnasium.spaces.Box)
    if not isinstance(getattr(base, "model", None), mujoco.MjModel):
        raise TaskError(f"task {name!r} has no MuJoCo body; give one of gymnasium's MuJoCo environments")
    if not (isinstance(seen, boxes) and isinstance(acted, boxes) and len(seen.shape) == len(acted.shape) == 1):
        raise TaskError(f"task {name!r} observes {one_line(seen)} and acts by {one_line(acted)}; give rows of numbers")
    if not np.isfinite([acted.low, acted.high]).all():
        raise TaskError(f"task {name!r} has actions without limits; give an environment whose actions have some")
    if isinstance(failure_reward, bool) or not isinstance(failure_reward, (int, float)):
        raise TaskError(f"task {name!r}: failure_reward is {one_line(repr(failure_reward))}; give a number")
    if not np.isfinite(failure_reward):
        raise TaskError(f"task {name!r}: failure_reward is {failure_reward}; give a number that is finite")
    if episode_steps is None:
        episode_steps = gymnasium.spec(environment).max_episode_steps or EPISODE_STEPS
    frame_skip = int(getattr(base, "frame_skip", 1))
    return EnvironmentTask(
        environment=environment,
        episode_steps=whole_number(name, "episode_steps", episode_steps, 1, 10**9),
        failure_reward=float(failure_reward),
        observations=tuple(f"observation_{k}" for k in range(seen.shape[0])),
        actions=_action_names(base.model, acted.shape[0]),
        frame_skip=frame_skip,
        control_dt=float(base.model.opt.timestep * frame_skip),
        model=base.model,
        centre=((acted.low + acted.high) / 2).astype(np.float32),
        half=((acted.high - acted.low) / 2).astype(np.float32),
    )


def _action_names(model: mujoco.MjModel, n: int) -> tuple[str, ...]:
    """Those of the actuators where there is one for each action and all have names, else numbers."""
    names = [model.actuator(k).name for k in range(model.nu)]
    return tuple(names) if n == len(names) == len(set(names) - {""}) else tuple(f"action_{k}" for k in range(n))


def _made(environment: str) -> Any:
    """The environment without its time limit, which the task keeps."""
    if ":" in environment:  # gymnasium would import what stands before it
        raise TaskError(f"{one_line(environment)!r} names a module; import what registers it, and give the id alone")
    if environment not in gymnasium.registry:
        raise TaskError(f"gymnasium has no environment {environment!r}: {nearest(environment, gymnasium.registry)}")
    try:
        with quiet():
            return gymnasium.make(environment, max_episode_steps=-1, disable_env_checker=True)
    except Exception as error:  # it may need a package that is not there
        raise TaskError(f"gymnasium cannot make {environment!r}: {one_line(error)}") from error
