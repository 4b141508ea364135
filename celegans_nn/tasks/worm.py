"""`worm`: a planar C. elegans that 95 body-wall muscles, named as in the connectome, move through water or over agar.

Nothing here knows a wiring. Observations are the command to go and, in one of the ways that have been proposed, how
the body is bent where each muscle row lies; `celegans_nn.direct_interface` hands them to the cells that are held to
feel them, with nothing learned. A rhythm comes from the network's loop through the body, or from a drive of the head,
or not at all: both are presets that can be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import mujoco
import numpy as np

from celegans_nn.errors import TaskError, nearest, one_line
from celegans_nn.tasks.body import Array
from celegans_nn.tasks.ruled import RuledTask
from celegans_nn.tasks.task import whole_number
from celegans_nn.tasks.worm_body import (
    FULL_BEND,
    N_LINKS,
    ROWS,
    Medium,
    full_torque,
    medium_named,
    muscle_names,
    physics_dt,
    segments,
    undulation_hz,
    worm_mjcf,
)
from celegans_nn.tasks.worm_rules import WormConstants

CONTROL_DT = 0.02
"""s, a control step: a fifth of the muscles' lag."""
EPISODE_STEPS = 500
"""Control steps: 10 s, eighteen undulations of swimming or three of crawling."""
ANGLE_NOISE = 0.05
"""rad; joint angles start uniformly within this of a straight body."""
FAILURE_REWARD = -1.0
"""Body lengths a second; three times as fast backwards as a worm swims."""
DRIVES = ("none", "sine", "square")


class Field(NamedTuple):
    """Which rows' joints a row feels, counted from itself towards the tail, and whether a dorsal bend of them excites
    dorsal cells (1) or ventral ones (-1)."""

    nearest: int
    furthest: int
    dorsal: float


PROPRIOCEPTION: dict[str, Field | None] = {
    "none": None,
    # 200 um, or five rows of 40 um, in front: Wen et al. 2012, Neuron 76:750
    "wen2012": Field(-5, -1, 1.0),
    # the side that is stretched, here and behind, over half the body: Boyle et al. 2012, Front. Comput. Neurosci. 6:10
    "boyle2012": Field(0, ROWS // 2 - 1, -1.0),
}


@dataclass(frozen=True)
class Worm(RuledTask):
    """The worm task (a `LocomotionTask`); lengths in body lengths (1 mm), so that speeds are mm/s too."""

    medium: Medium
    proprioception: str
    head_drive: str
    head_drive_hz: float
    head_drive_bend: float
    episode_steps: int
    settle_steps: int
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    model: mujoco.MjModel = field(compare=False, repr=False)
    name: ClassVar[str] = "worm"
    kind: ClassVar[str] = "locomotion"
    control_dt: ClassVar[float] = CONTROL_DT
    current_sensors: ClassVar[bool] = False
    contact_forces: ClassVar[bool] = False
    has_force: ClassVar[bool] = True
    failure_reward: ClassVar[float] = FAILURE_REWARD

    @property
    def frame_skip(self) -> int:
        """Physics steps a control step."""
        return round(CONTROL_DT / physics_dt(self.medium))

    @property
    def constants(self) -> WormConstants:
        """What chooses and feeds the rules."""
        felt = PROPRIOCEPTION[self.proprioception]
        bend = 0.0 if self.head_drive == "none" else self.head_drive_bend
        return WormConstants(
            normal_drag=self.medium.normal / self.medium.tangential,
            nearest=0 if felt is None else felt.nearest,
            furthest=0 if felt is None else felt.furthest,
            felt=0.0 if felt is None else felt.dorsal * N_LINKS / FULL_BEND,
            physics_dt=physics_dt(self.medium),
            control_dt=self.control_dt,
            drive_torque=full_torque(self.medium) * bend / FULL_BEND,
            drive_hz=self.head_drive_hz,
            drive_square=self.head_drive == "square",
        )

    def initial_state(self, seeds: Sequence[int]) -> tuple[Array, Array]:
        """Head along +x, joint angles U(-0.05, 0.05) rad from each seed, everything at rest."""
        qpos = np.zeros((len(seeds), self.model.nq))
        for row, seed in zip(qpos, seeds, strict=True):
            row[3:] = np.random.default_rng(seed).uniform(-ANGLE_NOISE, ANGLE_NOISE, ROWS)
        return qpos, np.zeros((len(seeds), self.model.nv))

    def segments(self, qpos: Array) -> Array:
        """Front and rear end of each link in the x-y plane: [..., nq] -> [..., links, 2, 2]."""
        return segments(qpos)


def make_worm(
    medium: str | float = "water",
    proprioception: str = "wen2012",
    head_drive: str = "none",
    head_drive_hz: float | None = None,
    head_drive_bend: float = 6.0,
    episode_steps: int = EPISODE_STEPS,
    settle_steps: int = 0,
) -> Worm:
    """The worm in a medium, with episodes of `episode_steps` control steps of 0.02 s.

    Parameters
    ----------
    medium
        "water", "agar", "agar10" (agar with the ratio of drags that Shen et al. 2012 measured), or a number from 0
        (water) to 1 (agar), in between on a logarithmic scale.
    proprioception
        "wen2012": a row feels the bend of the 200 um in front of it. "boyle2012": a row feels the stretch from where
        it lies to half a body length behind. "none". What is felt is observed as `proprioception_01` to `_24`, in
        units of a full bend (curvature 10 a body length); positive excites the dorsal cells of the row that have
        this sense, negative the ventral ones.
    head_drive
        "sine" or "square": muscles of rows 1 to 6, which no cell of the ventral cord moves, bend the head to and fro,
        whatever the network does, by `head_drive_bend` (curvature x body length, at rest) at `head_drive_hz` (Hz; a
        worm's own in this medium if not given). "none": only what the network does.
    settle_steps
        Control steps at the start that cost as the others do and are not scored.

    The first observation, `forward`, is 1: the command to go, for those cells that are told (see
    `celegans_nn.direct_interface`). Actions are the activities of the 95 muscles about a resting tone, in [-1, 1].
    The reward is how far the centre of mass comes towards the head, in body lengths a second.

    >>> task = make_worm("agar")
    >>> len(task.observations), task.observations[:2], len(task.actions), task.actions[:2]
    (25, ('forward', 'proprioception_01'), 95, ('MDL01', 'MDR01'))
    """
    drags = medium_named(medium)
    for what, name, known in (
        ("proprioception", proprioception, tuple(PROPRIOCEPTION)),
        ("head_drive", head_drive, DRIVES),
    ):
        if name not in known:
            raise TaskError(f"task 'worm': unknown {what} {one_line(name)!r}; {nearest(str(name), known)}")
    hz = undulation_hz(drags) if head_drive_hz is None else _within("head_drive_hz", head_drive_hz, 0.01, 10.0)
    episode_steps = whole_number("worm", "episode_steps", episode_steps, 1, 10**9)
    rows = ROWS if proprioception != "none" else 0
    return Worm(
        medium=drags,
        proprioception=proprioception,
        head_drive=head_drive,
        head_drive_hz=hz,
        head_drive_bend=_within("head_drive_bend", head_drive_bend, 0.0, 20.0),
        episode_steps=episode_steps,
        settle_steps=whole_number("worm", "settle_steps", settle_steps, 0, episode_steps - 1),
        observations=("forward", *(f"proprioception_{row:02d}" for row in range(1, rows + 1))),
        actions=muscle_names(),
        model=mujoco.MjModel.from_xml_string(worm_mjcf(drags)),
    )


def _within(option: str, value: object, low: float, high: float) -> float:
    known = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not known or not low <= value <= high:  # type: ignore[operator]
        raise TaskError(f"task 'worm': {option} is {one_line(repr(value))}; give a number from {low:g} to {high:g}")
    return float(value)  # type: ignore[arg-type]
