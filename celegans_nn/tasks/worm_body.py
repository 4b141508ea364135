"""The body of `worm`: a planar chain of 25 links moved by 95 muscles, in a medium that drags harder across than along.

Units are scaled: length in body lengths, time in seconds, and force such that the whole body has a drag of 1 along
itself in its own medium. A tissue's stiffness in these units is therefore its stiffness over the medium's drag: what
changes from water to agar is that load and the ratio of normal to tangential drag, not the worm. Real masses would
need steps of a nanosecond, since inertia plays no part at this size; masses here are as large as inertia can be
without playing one (see `inertia`).

Conventions: link 0 is the head; the body lies on its side, so that it bends in the plane towards dorsal and ventral,
and dorsal is on the left of the head's direction. Joint k (1 to 24) lies between links k - 1 and k, is moved by muscle
row k, and its angle is positive where the body bends towards dorsal.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from celegans_nn.errors import TaskError, nearest, one_line
from celegans_nn.tasks.body import Array

N_LINKS = 25
ROWS = 24
"""Rows of body-wall muscles, of four cells each (dorsal and ventral, left and right); row 24 lacks MVL24."""
PHYSICS_DTS = (0.004, 0.002, 0.001)
"""s; parts of a control step, of which `physics_dt` takes the longest that will do."""
BODY_LENGTH = 1e-3
"""m; an adult (Boyle, Berri and Cohen 2012, Front. Comput. Neurosci. 6:10)."""
BENDING_MODULUS = 9.5e-14
"""N m^3: Fang-Yen et al. 2010, PNAS 107:20323, as it is commonly cited. Estimates differ widely: the lateral springs
of Boyle et al. 2012 (10 mN/m, 24 segments, 80 um wide) give 1.3e-15 at rest, and up to 2e-14 with active muscles."""
TISSUE_VISCOSITY = 5e-16
"""N m^3 s, the same: bends relax within 5 ms where no fluid is in the way."""
MUSCLE_TAU = 0.1
"""s, first-order lag of a muscle's force behind its input (Boyle et al. 2012)."""
FULL_BEND = 10.0
"""Curvature x body length that holds in rest where a row's dorsal muscles are active at 1 and its ventral ones at 0:
near the peak of a crawling worm, about 9 (Fang-Yen et al. 2010)."""
UNDULATIONS = {"water": 1.76, "agar": 0.30}
"""Hz; frequencies of swimming and of crawling (Fang-Yen et al. 2010)."""
INERTIA_SHARE = 0.02
"""Of an undulation: what inertia along the body may last."""
STABLE_SHARE = 0.8
"""Of the body's velocity across itself, what drag takes in a physics step; an explicit step allows less than 2."""


class Medium(NamedTuple):
    """A worm's drag in a medium, kg/s, for the whole body moving along itself and across."""

    tangential: float
    normal: float


MEDIA = {
    "water": Medium(3.3e-6, 5.2e-6),  # Boyle et al. 2012
    "agar": Medium(3.2e-3, 128e-3),  # Boyle et al. 2012
    "agar10": Medium(3.2e-3, 32e-3),  # the ratio of Shen et al. 2012, arXiv 1112.1118
}


def medium_named(medium: object) -> Medium:
    """A medium by name, or by a number from 0 (water) to 1 (agar): equal steps multiply both drags alike.

    >>> medium_named("agar").normal / medium_named("agar").tangential
    40.0
    >>> half = medium_named(0.5)
    >>> round(half.normal / half.tangential, 2)
    7.94
    """
    if isinstance(medium, str):
        if medium not in MEDIA:
            raise TaskError(f"task 'worm': unknown medium {one_line(medium)!r}; {nearest(medium, MEDIA)}")
        return MEDIA[medium]
    if isinstance(medium, bool) or not isinstance(medium, (int, float, np.integer, np.floating)):
        raise TaskError(f"task 'worm': medium is {one_line(repr(medium))}; give a name or a number from 0 to 1")
    share = float(medium)
    if not 0 <= share <= 1:
        raise TaskError(f"task 'worm': medium is {share:g}; give a number from 0 (water) to 1 (agar)")
    water, agar = MEDIA["water"], MEDIA["agar"]
    return Medium(*(a ** (1 - share) * b**share for a, b in zip(water, agar, strict=True)))


def undulation_hz(medium: Medium) -> float:
    """The frequency at which a worm undulates in this medium, Hz: between swimming and crawling by its drag.

    >>> round(undulation_hz(MEDIA["water"]), 2), round(undulation_hz(MEDIA["agar10"]), 2)
    (1.76, 0.3)
    """
    low, high = (math.log(MEDIA[name].tangential) for name in ("water", "agar"))
    share = (math.log(medium.tangential) - low) / (high - low)
    return UNDULATIONS["water"] ** (1 - share) * UNDULATIONS["agar"] ** share


def physics_dt(medium: Medium) -> float:
    """s; the longest step at which `inertia` is over within a fiftieth of an undulation.

    >>> [physics_dt(MEDIA[name]) for name in ("water", "agar10", "agar")]
    [0.004, 0.004, 0.001]
    """
    longest = STABLE_SHARE * INERTIA_SHARE / undulation_hz(medium) * medium.tangential / medium.normal
    return next((dt for dt in PHYSICS_DTS if dt <= longest), PHYSICS_DTS[-1])


def inertia(medium: Medium) -> float:
    """The time (s) in which drag along the body stops it; also its mass, whose tangential drag is 1.

    As short as an explicit step of drag allows: 8 ms in water, 50 ms on agar. Across the body, drag stops it sooner by
    the ratio of the two. An eighth of it, in steps of an eighth, changes speeds of undulation by less than 1 %.
    """
    return medium.normal / medium.tangential * physics_dt(medium) / STABLE_SHARE


def stiffness(medium: Medium) -> float:
    """Of one joint, in scaled units of torque a radian: b / l, over the torque of the tangential drag at 1 body
    length a second. 720 in water, 0.74 on agar."""
    return BENDING_MODULUS / (BODY_LENGTH / N_LINKS) / (medium.tangential * BODY_LENGTH**2)


def muscle_names() -> tuple[str, ...]:
    """The 95 body-wall muscles, row by row, as in the connectome.

    >>> muscle_names()[:5], len(muscle_names())
    (('MDL01', 'MDR01', 'MVL01', 'MVR01', 'MDL02'), 95)
    """
    names = (f"{quadrant}{row:02d}" for row in range(1, ROWS + 1) for quadrant in ("MDL", "MDR", "MVL", "MVR"))
    return tuple(name for name in names if name != "MVL24")


def full_torque(medium: Medium) -> float:
    """The torque (scaled) that holds a joint at `FULL_BEND`."""
    return stiffness(medium) * FULL_BEND / N_LINKS


def worm_mjcf(medium: Medium, mass: float | None = None) -> str:
    """The worm as MuJoCo XML. Fluid and gravity are off, and nothing touches; drag is the task's own force, that of
    `worm_rules.drag`.

    mass: of the whole body, scaled; None for `inertia`'s.

    >>> worm_mjcf(MEDIA["water"]).count("<general name=")
    95
    """
    length, k = 1 / N_LINKS, stiffness(medium)
    link_mass = (inertia(medium) if mass is None else mass) / N_LINKS
    turn = link_mass * length**2 / 12  # of a slender rod; only rotation in the plane plays a part
    link = (
        f'<inertial pos="{-length / 2} 0 0" mass="{link_mass!r}" diaginertia="{turn!r} {turn!r} {turn!r}"/>'
        f'<geom type="capsule" fromto="0 0 0 {-length} 0 0" size="0.02" contype="0" conaffinity="0"/>'
    )
    children = "".join(
        f'<body name="link_{row}" pos="{-length} 0 0"><joint name="joint_{row}" class="bend"/>{link}'
        for row in range(1, ROWS + 1)
    )
    muscles = "".join(_muscle(name, full_torque(medium)) for name in muscle_names())
    return f"""<mujoco model="worm">
  <option timestep="{physics_dt(medium)}" gravity="0 0 0"><flag constraint="disable"/></option>
  <default>
    <default class="bend"><joint type="hinge" axis="0 0 -1" stiffness="{k!r}"
      damping="{k * TISSUE_VISCOSITY / BENDING_MODULUS!r}"/></default>
    <general dyntype="filterexact" dynprm="{MUSCLE_TAU}" ctrllimited="true" ctrlrange="-1 1"/>
  </default>
  <worldbody><body name="link_0">
    <joint name="head_x" type="slide" axis="1 0 0"/>
    <joint name="head_y" type="slide" axis="0 1 0"/>
    <joint name="heading" type="hinge" axis="0 0 1"/>{link}{children}{"</body>" * N_LINKS}
  </worldbody>
  <actuator>{muscles}</actuator>
</mujoco>"""


def _muscle(name: str, torque: float) -> str:
    """A muscle pulls its joint towards its side; two of a side share the work, and one that is alone does it all."""
    row, dorsal = int(name[3:]), name[1] == "D"
    share = 1.0 if name == "MVR24" else 0.5
    gear = (torque if dorsal else -torque) * share
    return f'<general name="{name}" joint="joint_{row}" gear="{gear!r}"/>'


def segments(qpos: Array) -> Array:
    """Front and rear end of each link (body lengths): [..., nq] -> [..., links, 2, 2]."""
    bends = np.concatenate([qpos[..., 2:3], -qpos[..., 3:]], axis=-1)
    angle = np.cumsum(bends, axis=-1)
    along = np.stack((np.cos(angle), np.sin(angle)), axis=-1) / N_LINKS
    rear = qpos[..., None, :2] - np.cumsum(along, axis=-2)
    return np.stack((rear + along, rear), axis=-2)
