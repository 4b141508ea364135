"""One body as arrays of numbers, and the rules by which a task reads and scores it.

A rule is a plain function of numbers and arrays: the compiled closed loop and the loop over a whole population run
the same one, and so does the interpreter. A task's rules are chosen by the type of its constants (see `rules`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

KEPT = 8
"""Numbers that a body keeps from before a control step, for `reward`; a task may use fewer."""


class Body(NamedTuple):
    """MuJoCo's own arrays of one body, flat float64; or of P bodies, each with a first axis [P].

    Where bodies are stepped by `Batch`, `sensordata` is there for tasks with `current_sensors`, `xpos` and `cfrc_ext`
    for tasks with `contact_forces`; elsewhere they are empty.
    """

    time: Array
    """[1], s."""
    qpos: Array
    """[nq], m and rad (quaternions for free joints)."""
    qvel: Array
    """[nv], m/s and rad/s."""
    ctrl: Array
    """[nu], what the actuators were told."""
    qfrc_applied: Array
    """[nv], N and N m: forces of the task's own, written by `force`."""
    sensordata: Array
    """[ns]."""
    xpos: Array
    """[3 nbody], m, positions of bodies as MuJoCo's last step left them: the world's first, then the others."""
    cfrc_ext: Array
    """[6 nbody], N m and N: torque and force of contacts on each body."""


class BodyRules(NamedTuple):
    """The functions of a task; `c` is its constants. Every array is float64 but `action`.

    All must compile under numba as they stand, in strict floating point.
    """

    observe: Callable[[Any, Body, Array], None]
    """(c, body, seen) writes the observation into seen [observations]."""
    before: Callable[[Any, Body, Array], None]
    """(c, body, kept) writes what `reward` needs from before the control step into kept [KEPT]."""
    reward: Callable[[Any, Array, Array, Body], tuple[float, bool]]
    """(c, kept, action, body) -> (reward, terminated) of the control step that just ended; action [actions] is
    float32, in [-1, 1], as gymnasium gets it."""
    progress: Callable[[Any, Body, Array], None]
    """(c, body, now) writes the forward velocity (m/s) into now[0] and x (m) into now[1]."""
    force: Callable[[Any, Body], None]
    """(c, body) writes body.qfrc_applied before every physics step, from `time`, `qpos`, `qvel` and `ctrl` alone."""


def keep_nothing(c: Any, body: Body, kept: Array) -> None:
    """`before` of a task whose reward is read from the new state alone."""


def no_force(c: Any, body: Body) -> None:
    """`force` of a task that adds none to MuJoCo's."""
