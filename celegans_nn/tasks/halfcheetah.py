"""HalfCheetah-v5: gymnasium's own model, observation and reward, vectorised over a population.

For the same actions, observations, rewards and terminations equal gymnasium's bit for bit (Towers et al. 2024,
arXiv 2407.17032; the body is Wawrzynski's, 2009).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

import mujoco
import numpy as np

from celegans_nn.errors import TaskError
from celegans_nn.tasks.body import Array, Body, BodyRules, no_force
from celegans_nn.tasks.ruled import RuledTask
from celegans_nn.tasks.sums import squares
from celegans_nn.tasks.task import whole_number

FRAME_SKIP = 5
"""physics steps a control step (gymnasium's default)."""
FORWARD_WEIGHT, CONTROL_WEIGHT, RESET_NOISE = 1.0, 0.1, 0.1
"""gymnasium's default reward weights and reset noise."""
EPISODE_STEPS = 1000
"""control steps: gymnasium's time limit."""
LARGEST_ACTION = np.float32(1.0)
FAILURE_REWARD = -10.0
"""a step; below what running backwards at full effort scores."""
JOINTS = ("bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")
ROOT = ("rootx", "rootz", "rooty")


class RunnerConstants(NamedTuple):
    """What the rules of a body that is paid for running need to know."""

    skipped: int
    """Of qpos, the first that are not observed."""
    control_dt: float
    """s."""
    forward_weight: float
    """a m/s."""
    control_weight: np.float32
    """gymnasium's control cost is float32."""


def _observe(c: RunnerConstants, body: Body, seen: Array) -> None:
    """Positions but the first (m, rad), then velocities (m/s, rad/s)."""
    positions = len(body.qpos) - c.skipped
    for k in range(positions):
        seen[k] = body.qpos[c.skipped + k]
    for k in range(len(body.qvel)):
        seen[positions + k] = body.qvel[k]


def _before(c: RunnerConstants, body: Body, kept: Array) -> None:
    """x, m."""
    kept[0] = body.qpos[0]


def _reward(c: RunnerConstants, kept: Array, action: Array, body: Body) -> tuple[float, bool]:
    """Mean forward velocity over the control step (m/s) less the control cost; it never terminates."""
    velocity = (body.qpos[0] - kept[0]) / c.control_dt
    return c.forward_weight * velocity - c.control_weight * squares(action, LARGEST_ACTION), False


def _progress(c: RunnerConstants, body: Body, now: Array) -> None:
    """Of the torso."""
    now[0], now[1] = body.qvel[0], body.qpos[0]


RULES = BodyRules(_observe, _before, _reward, _progress, no_force)


@dataclass(frozen=True)
class HalfCheetah(RuledTask):
    """The HalfCheetah task (a `LocomotionTask`)."""

    episode_steps: int
    control_dt: float
    model: mujoco.MjModel = field(compare=False, repr=False)
    name: ClassVar[str] = "halfcheetah"
    kind: ClassVar[str] = "locomotion"
    settle_steps: ClassVar[int] = 0
    observations: ClassVar[tuple[str, ...]] = (
        *ROOT[1:],
        *JOINTS,
        *(f"{joint}_velocity" for joint in (*ROOT, *JOINTS)),
    )
    actions: ClassVar[tuple[str, ...]] = JOINTS
    frame_skip: ClassVar[int] = FRAME_SKIP
    current_sensors: ClassVar[bool] = False
    contact_forces: ClassVar[bool] = False
    has_force: ClassVar[bool] = False
    failure_reward: ClassVar[float] = FAILURE_REWARD

    @property
    def constants(self) -> RunnerConstants:
        """What chooses and feeds the rules."""
        return RunnerConstants(1, self.control_dt, FORWARD_WEIGHT, np.float32(CONTROL_WEIGHT))

    def initial_state(self, seeds: Sequence[int]) -> tuple[Array, Array]:
        """The states that gymnasium's `reset(seed=...)` draws."""
        model = self.model
        qpos, qvel = np.empty((len(seeds), model.nq)), np.empty((len(seeds), model.nv))
        for row, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)  # gymnasium's own: PCG64 of a SeedSequence
            qpos[row] = model.qpos0 + rng.uniform(-RESET_NOISE, RESET_NOISE, model.nq)
            qvel[row] = RESET_NOISE * rng.standard_normal(model.nv)
        return qpos, qvel

    def segments(self, qpos: Array) -> Array:
        """Both ends of each capsule of the body in the x-z plane (m): [..., nq] -> [..., 8, 2, 2]."""
        data, model = mujoco.MjData(self.model), self.model
        capsules = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE)
        half = model.geom_size[capsules, 1, None]
        drawn = []
        for row in np.reshape(qpos, (-1, model.nq)):
            data.qpos[:] = row
            mujoco.mj_kinematics(model, data)
            centre = data.geom_xpos[capsules][:, (0, 2)]
            along = half * data.geom_xmat[capsules][:, (2, 8)]  # the z axis of each geom
            drawn.append(np.stack((centre - along, centre + along), axis=1))
        return np.stack(drawn).reshape(*np.shape(qpos)[:-1], len(capsules), 2, 2)


def make_halfcheetah(episode_steps: int = EPISODE_STEPS) -> HalfCheetah:
    """HalfCheetah-v5 with episodes of `episode_steps` control steps of 0.05 s.

    >>> task = make_halfcheetah()
    >>> len(task.observations), len(task.actions), task.control_dt
    (17, 6, 0.05)
    """
    spec = importlib.util.find_spec("gymnasium")  # its model file is all we need: the package is not imported
    path = Path(*(spec.submodule_search_locations or ())) / "envs/mujoco/assets/half_cheetah.xml" if spec else None
    if path is None or not path.is_file():
        raise TaskError("halfcheetah's body comes with gymnasium, which is not there; pip install 'gymnasium[mujoco]'")
    model = _compiled(path)
    return HalfCheetah(
        episode_steps=whole_number("halfcheetah", "episode_steps", episode_steps, 1, 10**9),
        control_dt=model.opt.timestep * FRAME_SKIP,
        model=model,
    )


def _compiled(path: Path) -> mujoco.MjModel:
    """gymnasium's model, its total mass set after compiling: the same numbers, without MuJoCo's warning that the
    XML's `settotalmass` is deprecated, which would leave a MUJOCO_LOG.TXT in the user's folder."""
    spec = mujoco.MjSpec.from_file(str(path))
    total_mass = spec.compiler.settotalmass
    spec.compiler.settotalmass = -1.0
    model = spec.compile()
    mujoco.mj_setTotalmass(model, total_mass)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model
