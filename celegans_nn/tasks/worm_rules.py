"""What the worm feels, what it is paid for, and what the medium does to it: rules of one body (see `body`)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from celegans_nn.tasks.body import Array, Body, BodyRules
from celegans_nn.tasks.worm_body import N_LINKS, ROWS

HEAD_ROWS = 6
"""Rows of the head and neck, which the ventral cord's motor neurons do not reach or hardly (White et al. 1986)."""

SHORTEST_REACH = 0.1
"""Body lengths from tail to head."""


class WormConstants(NamedTuple):
    """What the worm's rules need to know; scaled units."""

    normal_drag: float
    """Over the tangential drag."""
    nearest: int
    """Rows between a row and the first that it feels, negative towards the head."""
    furthest: int
    """The same for the last that it feels."""
    felt: float
    """What one radian of the mean joint angle felt gives; 0: nothing is felt, and nothing observed."""
    physics_dt: float
    """s; so is the next."""
    control_dt: float
    drive_torque: float
    """On every joint of the head, at its peak; 0: none."""
    drive_hz: float
    drive_square: bool


def link_motion(body: Body, ago: float, motion: Array) -> None:
    """Writes each link's direction towards the head (cos, sin), its rotation (rad/s) and its centre's velocity (body
    lengths a second) into motion [N_LINKS, 5]; directions as they were `ago` seconds ago at these velocities."""
    half = 0.5 / N_LINKS
    angle, spin = body.qpos[2], body.qvel[2]
    x, y = body.qvel[0], body.qvel[1]  # of the link's front end
    for k in range(N_LINKS):
        if k > 0:
            angle -= body.qpos[2 + k]
            spin -= body.qvel[2 + k]
        cos, sin = math.cos(angle - ago * spin), math.sin(angle - ago * spin)
        dx, dy = half * spin * sin, -half * spin * cos
        motion[k, 0], motion[k, 1], motion[k, 2] = cos, sin, spin
        motion[k, 3], motion[k, 4] = x + dx, y + dy
        x, y = x + 2 * dx, y + 2 * dy


def drag(c: WormConstants, body: Body) -> None:
    """Resistive-force theory (Gray and Hancock 1955): a piece of the body that moves at v is held back by the
    tangential drag times v along it and the normal drag times v across it, each as if it were alone.

    Writes the forces on head_x and head_y, and the torques on heading and joints, into qfrc_applied: along the chain
    from the tail, what the links behind a joint are held back by turns about it.

    MuJoCo's velocity is that of the step from the last posture to this one, so that it belongs to the posture half a
    step ago. Taken with the present one, a wave would drift by its own rotation, at a tenth of its speed in water.
    """
    motion = np.empty((N_LINKS, 5))
    link_motion(body, 0.5 * c.physics_dt, motion)
    length = 1.0 / N_LINKS
    force_x, force_y, torque = 0.0, 0.0, 0.0  # on all links behind
    for k in range(N_LINKS - 1, -1, -1):
        cos, sin, spin, vx, vy = motion[k, 0], motion[k, 1], motion[k, 2], motion[k, 3], motion[k, 4]
        along = -length * (vx * cos + vy * sin)
        across = -length * c.normal_drag * (vy * cos - vx * sin)
        fx, fy = along * cos - across * sin, along * sin + across * cos
        # turning this link alone, the links behind carried along: by its rear end, its centre, and about its centre
        torque += length * (force_x * sin - force_y * cos) - 0.5 * length * across
        torque -= c.normal_drag * length**3 / 12.0 * spin
        force_x, force_y = force_x + fx, force_y + fy
        body.qfrc_applied[2 + k] = torque if k == 0 else -torque
    body.qfrc_applied[0], body.qfrc_applied[1] = force_x, force_y
    if c.drive_torque > 0.0:
        wave = math.sin(2.0 * math.pi * c.drive_hz * body.time[0])
        if c.drive_square:
            wave = 1.0 if wave >= 0.0 else -1.0
        for row in range(HEAD_ROWS):
            body.qfrc_applied[3 + row] += c.drive_torque * wave


def pose(body: Body, found: Array) -> None:
    """Writes the centre of mass (x, y) and the line from tail to head (x, y), body lengths, into found [4]."""
    x, y, angle = body.qpos[0], body.qpos[1], body.qpos[2]
    found[0], found[1], found[2], found[3] = x, y, 0.0, 0.0
    for k in range(N_LINKS):
        if k > 0:
            angle -= body.qpos[2 + k]
        cos, sin = math.cos(angle) / N_LINKS, math.sin(angle) / N_LINKS
        share = (N_LINKS - k - 0.5) / N_LINKS  # of the links' equal masses, what moves with this one's direction
        found[0] -= share * cos
        found[1] -= share * sin
        found[2] += cos
        found[3] += sin


def towards(x: float, y: float, head_x: float, head_y: float) -> float:
    """The part of (x, y) in the direction of the head. A body almost closed into a ring has no such direction, and is
    given less than its whole way."""
    reach = math.sqrt(head_x * head_x + head_y * head_y)
    return (x * head_x + y * head_y) / max(reach, SHORTEST_REACH)


def observe(c: WormConstants, body: Body, seen: Array) -> None:
    """The command to go, 1; then, where there is proprioception, the mean joint angle that each row feels, as a share
    of a full bend. A row that has none of its field on the body feels nothing."""
    seen[0] = 1.0
    if c.felt == 0.0:
        return
    for row in range(ROWS):
        total, joints = 0.0, 0
        for joint in range(max(row + c.nearest, 0), min(row + c.furthest + 1, ROWS)):
            total += body.qpos[3 + joint]
            joints += 1
        seen[1 + row] = c.felt * total / max(joints, 1)


def before(c: WormConstants, body: Body, kept: Array) -> None:
    """Where the body is and where its head points."""
    pose(body, kept)


def reward(c: WormConstants, kept: Array, action: Array, body: Body) -> tuple[float, bool]:
    """How far the centre of mass came towards the head in this control step, body lengths a second (mm/s); a worm
    never terminates. By places: the velocity at the end of each step has another mean, by 2 % in water."""
    now = np.empty(4)
    pose(body, now)
    head_x, head_y = 0.5 * (kept[2] + now[2]), 0.5 * (kept[3] + now[3])
    return towards(now[0] - kept[0], now[1] - kept[1], head_x, head_y) / c.control_dt, False


def progress(c: WormConstants, body: Body, now: Array) -> None:
    """Velocity of the centre of mass towards the head (body lengths a second), in the posture of half a step ago to
    which it belongs (see `drag`): with the present one, a swimmer seems faster by a third. And its x now."""
    motion, place = np.empty((N_LINKS, 5)), np.empty(4)
    link_motion(body, 0.5 * c.physics_dt, motion)
    pose(body, place)
    vx, vy = 0.0, 0.0
    for k in range(N_LINKS):
        vx += motion[k, 3] / N_LINKS
        vy += motion[k, 4] / N_LINKS
    now[0] = towards(vx, vy, place[2], place[3])
    now[1] = place[0]


RULES = BodyRules(observe, before, reward, progress, drag)
HELPERS = (link_motion, pose, towards)
