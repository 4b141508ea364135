"""gymnasium's own bodies to move: Swimmer-v5, HalfCheetah-v5, Hopper-v5, Walker2d-v5 and Ant-v5.

For the same actions, observations, rewards and terminations equal gymnasium's bit for bit (Towers et al. 2024,
arXiv 2407.17032). Numbers here are gymnasium's defaults.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import mujoco
import numpy as np

from celegans_nn.errors import TaskError
from celegans_nn.tasks.ant import AntConstants
from celegans_nn.tasks.body import Array
from celegans_nn.tasks.capsules import FROM_ABOVE, FROM_THE_SIDE, capsule_ends
from celegans_nn.tasks.ruled import RuledTask
from celegans_nn.tasks.runners import RunnerConstants
from celegans_nn.tasks.task import whole_number
from celegans_nn.tasks.walkers import WalkerConstants

EPISODE_STEPS = 1000
"""control steps: gymnasium's time limit for all five."""


class Environment(NamedTuple):
    """What sets one of gymnasium's environments apart from the others."""

    name: str
    file: str
    """Of the model."""
    frame_skip: int
    """physics steps a control step."""
    hidden: int
    """Of the coordinates, the first that are not observed."""
    position_noise: float
    """At a reset, coordinates lie uniformly within this of the model's (m, rad)."""
    velocity_noise: float
    """At a reset, velocities (m/s, rad/s) are this times a standard normal number, or where `uniform_velocities`,
    uniformly within this of 0."""
    uniform_velocities: bool
    contact_forces: bool
    failure_reward: float
    """A step of an episode that ends in a failure; below what moving backwards at full effort scores."""
    plane: tuple[int, int]


SWIMMER = Environment("swimmer_v5", "swimmer.xml", 4, 2, 0.1, 0.1, True, False, -2.0, FROM_ABOVE)
HALFCHEETAH = Environment("halfcheetah", "half_cheetah.xml", 5, 1, 0.1, 0.1, False, False, -10.0, FROM_THE_SIDE)
HOPPER = Environment("hopper", "hopper.xml", 4, 1, 5e-3, 5e-3, True, False, -10.0, FROM_THE_SIDE)
WALKER2D = Environment("walker2d", "walker2d_v5.xml", 4, 1, 5e-3, 5e-3, True, False, -10.0, FROM_THE_SIDE)
ANT = Environment("ant", "ant.xml", 5, 2, 0.1, 0.1, False, True, -10.0, FROM_ABOVE)


@dataclass(frozen=True)
class GymnasiumTask(RuledTask):
    """One of gymnasium's locomotion tasks (a `LocomotionTask`). Actions are named after the joints they drive."""

    environment: Environment
    episode_steps: int
    constants: Any
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    model: mujoco.MjModel = field(compare=False, repr=False)
    kind: ClassVar[str] = "locomotion"
    settle_steps: ClassVar[int] = 0
    current_sensors: ClassVar[bool] = False
    has_force: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return self.environment.name

    @property
    def control_dt(self) -> float:
        """s."""
        return _control_dt(self.environment, self.model)

    @property
    def frame_skip(self) -> int:
        return self.environment.frame_skip

    @property
    def contact_forces(self) -> bool:
        return self.environment.contact_forces

    @property
    def failure_reward(self) -> float:
        return self.environment.failure_reward

    def initial_state(self, seeds: Sequence[int]) -> tuple[Array, Array]:
        """The states that gymnasium's `reset(seed=...)` draws."""
        model, (noise, velocity_noise) = self.model, self.environment[4:6]
        qpos, qvel = np.empty((len(seeds), model.nq)), np.empty((len(seeds), model.nv))
        for row, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)  # gymnasium's own: PCG64 of a SeedSequence
            qpos[row] = model.qpos0 + rng.uniform(-noise, noise, model.nq)
            if self.environment.uniform_velocities:
                qvel[row] = rng.uniform(-velocity_noise, velocity_noise, model.nv)
            else:
                qvel[row] = velocity_noise * rng.standard_normal(model.nv)
        return qpos, qvel

    def segments(self, qpos: Array) -> Array:
        """Both ends of each capsule of the body in its plane (m): x-z, and x-y for the swimmer and the ant.
        [..., nq] -> [..., capsules, 2, 2]."""
        return capsule_ends(self.model, qpos, self.environment.plane)


def make_swimmer_v5(episode_steps: int = EPISODE_STEPS) -> GymnasiumTask:
    """Swimmer-v5, three links in a viscous fluid, with episodes of `episode_steps` control steps of 0.04 s.

    >>> task = make_swimmer_v5()
    >>> task.observations[:3], task.actions
    (('free_body_rot', 'motor1_rot', 'motor2_rot'), ('motor1_rot', 'motor2_rot'))
    """
    model = _model(SWIMMER)
    constants = RunnerConstants(SWIMMER.hidden, _control_dt(SWIMMER, model), 1.0, np.float32(1e-4))
    return _task(SWIMMER, episode_steps, constants, model)


def make_halfcheetah(episode_steps: int = EPISODE_STEPS) -> GymnasiumTask:
    """HalfCheetah-v5 with episodes of `episode_steps` control steps of 0.05 s.

    >>> task = make_halfcheetah()
    >>> len(task.observations), len(task.actions), task.control_dt
    (17, 6, 0.05)
    """
    model = _model(HALFCHEETAH)
    constants = RunnerConstants(HALFCHEETAH.hidden, _control_dt(HALFCHEETAH, model), 1.0, np.float32(0.1))
    return _task(HALFCHEETAH, episode_steps, constants, model)


def make_hopper(episode_steps: int = EPISODE_STEPS) -> GymnasiumTask:
    """Hopper-v5 with episodes of at most `episode_steps` control steps of 0.008 s; a fall ends one."""
    model = _model(HOPPER)
    constants = WalkerConstants(
        control_dt=_control_dt(HOPPER, model),
        forward_weight=1.0,
        control_weight=np.float32(1e-3),
        healthy_reward=1.0,
        lowest=0.7,
        highest=np.inf,
        largest_angle=0.2,
        largest_state=100.0,
    )
    return _task(HOPPER, episode_steps, constants, model)


def make_walker2d(episode_steps: int = EPISODE_STEPS) -> GymnasiumTask:
    """Walker2d-v5 with episodes of at most `episode_steps` control steps of 0.008 s; a fall ends one."""
    model = _model(WALKER2D)
    constants = WalkerConstants(
        control_dt=_control_dt(WALKER2D, model),
        forward_weight=1.0,
        control_weight=np.float32(1e-3),
        healthy_reward=1.0,
        lowest=0.8,
        highest=2.0,
        largest_angle=1.0,
        largest_state=np.inf,
    )
    return _task(WALKER2D, episode_steps, constants, model)


def make_ant(episode_steps: int = EPISODE_STEPS) -> GymnasiumTask:
    """Ant-v5, contact forces included, with episodes of at most `episode_steps` control steps of 0.05 s; one ends
    where the torso is too low or too high.

    >>> task = make_ant()
    >>> len(task.observations), task.observations[-1], task.actions[:2]
    (105, 'ankle_4_contact_force_z', ('hip_4', 'ankle_4'))
    """
    model = _model(ANT)
    constants = AntConstants(
        control_dt=_control_dt(ANT, model),
        forward_weight=1.0,
        control_weight=np.float32(0.5),
        contact_weight=5e-4,
        largest_force=1.0,
        healthy_reward=1.0,
        lowest=0.2,
        highest=1.0,
    )
    return _task(ANT, episode_steps, constants, model)


def _task(environment: Environment, episode_steps: int, constants: Any, model: mujoco.MjModel) -> GymnasiumTask:
    positions, velocities = _coordinates(model)
    return GymnasiumTask(
        environment=environment,
        episode_steps=whole_number(environment.name, "episode_steps", episode_steps, 1, 10**9),
        constants=constants,
        observations=(
            *positions[environment.hidden :],
            *velocities,
            *(_contacts(model) if environment.contact_forces else ()),
        ),
        actions=tuple(model.joint(joint).name for joint in model.actuator_trnid[:, 0]),
        model=model,
    )


def _coordinates(model: mujoco.MjModel) -> tuple[list[str], list[str]]:
    """Names of qpos and qvel, from those of the joints."""
    positions: list[str] = []
    velocities: list[str] = []
    for joint in map(model.joint, range(model.njnt)):
        if joint.type[0] == mujoco.mjtJoint.mjJNT_FREE:
            positions += [f"{joint.name}_{axis}" for axis in ("x", "y", "z", "qw", "qx", "qy", "qz")]
            velocities += [f"{joint.name}_{axis}" for axis in ("vx", "vy", "vz", "wx", "wy", "wz")]
        else:
            positions.append(joint.name)
            velocities.append(f"{joint.name}_velocity")
    return positions, velocities


def _contacts(model: mujoco.MjModel) -> list[str]:
    """Names of `cfrc_ext` of each body; one that has no name takes that of the joint which moves it."""
    bodies = [model.body(k).name or model.joint(model.body_jntadr[k]).name for k in range(1, model.nbody)]
    return [f"{body}_contact_{kind}_{axis}" for body in bodies for kind in ("torque", "force") for axis in "xyz"]


def _control_dt(environment: Environment, model: mujoco.MjModel) -> float:
    return float(model.opt.timestep * environment.frame_skip)


def _model(environment: Environment) -> mujoco.MjModel:
    spec = importlib.util.find_spec("gymnasium")  # its model files are all we need: the package is not imported
    path = Path(*(spec.submodule_search_locations or ())) / "envs/mujoco/assets" / environment.file if spec else None
    if path is None or not path.is_file():
        raise TaskError(
            f"{environment.name}'s body comes with gymnasium, which is not there; pip install 'gymnasium[mujoco]'"
        )
    return _compiled(path)


def _compiled(path: Path) -> mujoco.MjModel:
    """gymnasium's model, its total mass set after compiling where it sets one: the same numbers, without MuJoCo's
    warning that the XML's `settotalmass` is deprecated, which would leave a MUJOCO_LOG.TXT in the user's folder."""
    spec = mujoco.MjSpec.from_file(str(path))
    total_mass = spec.compiler.settotalmass
    spec.compiler.settotalmass = -1.0
    model = spec.compile()
    if total_mass > 0:
        mujoco.mj_setTotalmass(model, total_mass)
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return model
