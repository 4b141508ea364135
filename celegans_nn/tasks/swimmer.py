"""A planar swimmer of n links in a fluid: dm_control's body, with a heading and a reward of its own.

The body is that of dm_control's `swimmer` (Tassa et al. 2018, arXiv 1801.00690), generated here anew:
boxes of 0.1 m and 0.01 kg joined by hinges, motors of gear 5e-4, MuJoCo's inertial fluid (density 3000,
viscosity 0), no contact. There is no target to swim to. The head starts pointing along +x and the reward is
the forward velocity of the head in its own frame, as in NCAP (Bhattasali et al. 2022, arXiv 2201.05242), so
that a body that has turned is not punished for its heading.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import mujoco
import numpy as np

from celegans_nn.errors import TaskError, nearest, one_line
from celegans_nn.tasks.body import Array, Body, BodyRules, keep_nothing, no_force
from celegans_nn.tasks.ruled import RuledTask
from celegans_nn.tasks.task import whole_number

LINK_LENGTH = 0.1
"""m; dm_control's boxes are 2 mm x 100 mm x 20 mm."""
PHYSICS_DT = 0.002
"""s, dm_control's time step."""
FRAME_SKIP = 15
"""physics steps a control step: dm_control's control step of 0.03 s."""
EPISODE_STEPS = 1000
"""control steps: dm_control's time limit of 30 s."""
HEADING_X = np.pi / 2
"""rad; the head lies at -y in its own frame, so a quarter turn points it along +x."""
ANGLE_NOISE = 0.1
"""rad; joint angles start uniformly within this of a straight body."""
DRIVE_STEPS = 60
"""control steps; the period of NCAP's head oscillator, 1.8 s."""
DRIVES = ("none", "square")
FAILURE_REWARD = -1.0
"""m/s; ten link lengths a second backwards, more than a swimmer reaches."""


def swimmer_mjcf(n_links: int) -> str:
    """The swimmer as MuJoCo XML: what moves and what is measured, nothing that is only drawn.

    >>> swimmer_mjcf(3).count("<joint name=")
    5
    """
    limit = 360.0 / n_links
    children = "".join(
        f'<body name="link_{k}" pos="0 {LINK_LENGTH} 0"><geom class="link"/><site name="link_{k}"/>'
        f'<joint name="joint_{k}" class="bend" range="{-limit!r} {limit!r}"/>'
        for k in range(1, n_links)
    )
    sensors = "".join(f'<velocimeter site="link_{k}"/><gyro site="link_{k}"/>' for k in range(n_links))
    motors = "".join(f'<motor name="motor_{k}" joint="joint_{k}"/>' for k in range(1, n_links))
    return f"""<mujoco model="swimmer{n_links}">
  <option timestep="{PHYSICS_DT}" density="3000"><flag contact="disable"/></option>
  <default>
    <geom type="box" mass="0.01" size="0.001 {LINK_LENGTH / 2} 0.01"/>
    <default class="link"/>
    <default class="root"><joint pos="0 {-LINK_LENGTH / 2} 0" limited="false"/></default>
    <default class="bend"><joint pos="0 {-LINK_LENGTH / 2} 0" axis="0 0 1" limited="true" armature="1e-6"
      solreflimit="0.05 1" solimplimit="0 0.8 0.1"/></default>
    <motor gear="5e-4" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
  <worldbody><body name="link_0" pos="0 0 0.05">
    <joint name="root_x" class="root" type="slide" axis="1 0 0"/>
    <joint name="root_y" class="root" type="slide" axis="0 1 0"/>
    <joint name="root_heading" class="root" axis="0 0 1"/>
    <geom class="link"/><site name="link_0"/>{children}{"</body>" * n_links}
  </worldbody>
  <actuator>{motors}</actuator>
  <sensor>{sensors}</sensor>
</mujoco>"""


class SwimmerConstants(NamedTuple):
    """What the swimmer's rules need to know."""

    n_links: int
    link_length: float
    """m."""
    control_dt: float
    """s."""
    drive_steps: int
    """Control steps of a period of the head's oscillator; 0: there is none."""


def _observe(c: SwimmerConstants, body: Body, seen: Array) -> None:
    """dm_control's observation without the target: joint angles (rad), then for each link its velocity in its own
    frame, x and y (m/s) and rotation (rad/s); then the head oscillator where there is one."""
    joints = c.n_links - 1
    for k in range(joints):
        seen[k] = body.qpos[3 + k]
    for k in range(c.n_links):
        seen[joints + 3 * k] = body.sensordata[6 * k]
        seen[joints + 3 * k + 1] = body.sensordata[6 * k + 1]
        seen[joints + 3 * k + 2] = body.sensordata[6 * k + 5]
    if c.drive_steps > 0:
        step = int(np.rint(body.time[0] / c.control_dt))
        seen[joints + 3 * c.n_links] = 1.0 if 2 * (step % c.drive_steps) < c.drive_steps else -1.0


def _reward(c: SwimmerConstants, kept: Array, action: Array, body: Body) -> tuple[float, bool]:
    """Forward velocity of the head (m/s) now: it lies at -y of its own frame. A swimmer never terminates."""
    return -body.sensordata[1], False


def _progress(c: SwimmerConstants, body: Body, now: Array) -> None:
    """Forward velocity of the head (m/s), and x of the body's centre of mass (m)."""
    x, angle = body.qpos[0], 0.0
    for k in range(c.n_links):
        angle += body.qpos[2 + k]
        # of the links' equal masses, the share behind each joint, and half of the link's own, moves with its angle
        x -= c.link_length * math.sin(angle) * (c.n_links - k - 0.5) / c.n_links
    now[0], now[1] = -body.sensordata[1], x


RULES = BodyRules(_observe, keep_nothing, _reward, _progress, no_force)


@dataclass(frozen=True)
class Swimmer(RuledTask):
    """The swimmer task (a `LocomotionTask`). Link 0 is the head; joint k lies between links k - 1 and k."""

    n_links: int
    episode_steps: int
    settle_steps: int
    head_drive: str
    name: str
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    model: mujoco.MjModel = field(compare=False, repr=False)
    kind: ClassVar[str] = "locomotion"
    control_dt: ClassVar[float] = PHYSICS_DT * FRAME_SKIP
    frame_skip: ClassVar[int] = FRAME_SKIP
    current_sensors: ClassVar[bool] = True
    contact_forces: ClassVar[bool] = False
    has_force: ClassVar[bool] = False
    failure_reward: ClassVar[float] = FAILURE_REWARD

    @property
    def constants(self) -> SwimmerConstants:
        """What chooses and feeds the rules."""
        drive_steps = DRIVE_STEPS if self.head_drive == "square" else 0
        return SwimmerConstants(self.n_links, LINK_LENGTH, self.control_dt, drive_steps)

    def initial_state(self, seeds: Sequence[int]) -> tuple[Array, Array]:
        """Head along +x, joint angles U(-0.1, 0.1) rad from each seed, everything at rest."""
        qpos = np.zeros((len(seeds), self.model.nq))
        qpos[:, 2] = HEADING_X
        for row, seed in zip(qpos, seeds, strict=True):
            row[3:] = np.random.default_rng(seed).uniform(-ANGLE_NOISE, ANGLE_NOISE, self.n_links - 1)
        return qpos, np.zeros((len(seeds), self.model.nv))

    def segments(self, qpos: Array) -> Array:
        """Front and rear end of each link in the x-y plane (m): [..., nq] -> [..., links, 2, 2]."""
        angle = np.cumsum(qpos[..., 2:], axis=-1)
        along = LINK_LENGTH * np.stack((-np.sin(angle), np.cos(angle)), axis=-1)
        tip = qpos[..., None, :2] + np.array([0.0, -LINK_LENGTH / 2])
        rear = tip + np.cumsum(along, axis=-2)
        return np.stack((rear - along, rear), axis=-2)


def make_swimmer(
    n_links: int = 6, episode_steps: int = EPISODE_STEPS, settle_steps: int = 0, head_drive: str = "none"
) -> Swimmer:
    """The swimmer of `n_links`, 2 to 25 (dm_control has 3 and more); an episode is `episode_steps` steps of 0.03 s.

    The first `settle_steps` of them are simulated and counted as cost, but not scored. In a short episode a body
    can earn as much by curling up once, which carries the head some 0.3 m along its own heading and the body
    nowhere, as by swimming; it cannot where scoring begins after that.

    `head_drive` "square" adds an observation, `head_oscillator`, that is +1 and -1 by turns for 30 control steps
    each, as NCAP's does; every network is given it alike. With "none" a rhythm must come from the network and
    its loop through the body.

    >>> task = make_swimmer()
    >>> task.name, len(task.observations), task.actions
    ('swimmer6', 23, ('joint_1', 'joint_2', 'joint_3', 'joint_4', 'joint_5'))
    """
    n_links = whole_number("swimmer", "n_links", n_links, 2, 25)
    name = f"swimmer{n_links}"
    episode_steps = whole_number(name, "episode_steps", episode_steps, 1, 10**9)
    settle_steps = whole_number(name, "settle_steps", settle_steps, 0, episode_steps - 1)
    if head_drive not in DRIVES:
        raise TaskError(
            f"task {name!r}: unknown head_drive {one_line(head_drive)!r}; {nearest(str(head_drive), DRIVES)}"
        )
    joints = tuple(f"joint_{k}" for k in range(1, n_links))
    velocities = tuple(f"link_{k}_{what}" for k in range(n_links) for what in ("vx", "vy", "wz"))
    return Swimmer(
        n_links=n_links,
        episode_steps=episode_steps,
        settle_steps=settle_steps,
        head_drive=head_drive,
        name=name,
        observations=joints + velocities + (("head_oscillator",) if head_drive == "square" else ()),
        actions=joints,
        model=mujoco.MjModel.from_xml_string(swimmer_mjcf(n_links)),
    )
