"""What a task promises. A task knows its inputs, outputs, score and cost, and nothing about networks.

Two kinds, told apart by `kind`: `LocomotionTask` (a body in MuJoCo, scored in steps of its control loop)
and `ClassificationTask` (images shown for a number of control steps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from celegans_nn import errors
from celegans_nn.errors import TaskError
from celegans_nn.tasks.body import Array

if TYPE_CHECKING:
    import mujoco


class Bodies(Protocol):
    """The state of P bodies, one row each, under MuJoCo's own names; in practice a `mujoco.batch.Batch`."""

    @property
    def qpos(self) -> Array: ...
    @property
    def qvel(self) -> Array: ...
    @property
    def sensordata(self) -> Array: ...
    @property
    def time(self) -> Array: ...


class LocomotionTask(Protocol):
    """A body in MuJoCo with named observations and actions; every method works on P bodies at once.

    `control_dt` is in seconds and holds `frame_skip` physics steps. `current_sensors` says whether sensors
    are read, so that the simulator computes them at the new state (`mj_step` alone leaves them one physics
    step behind); `contact_forces` whether contact forces are, so that the simulator computes them after the physics
    steps (`mj_rnePostConstraint`) and keeps `xpos` and `cfrc_ext`; `has_force` whether the task adds forces of its own
    before every physics step. The first `settle_steps` of an episode cost as the others do and are not scored.
    `failure_reward` is what each step of an episode counts that ended in a failure (a non-finite action or
    state); it lies below what the body can reach by moving badly.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def observations(self) -> tuple[str, ...]: ...
    @property
    def actions(self) -> tuple[str, ...]: ...
    @property
    def episode_steps(self) -> int: ...
    @property
    def settle_steps(self) -> int: ...
    @property
    def control_dt(self) -> float: ...
    @property
    def frame_skip(self) -> int: ...
    @property
    def model(self) -> mujoco.MjModel: ...
    @property
    def current_sensors(self) -> bool: ...
    @property
    def contact_forces(self) -> bool: ...
    @property
    def has_force(self) -> bool: ...
    @property
    def failure_reward(self) -> float: ...

    def initial_state(self, seeds: Sequence[int]) -> tuple[Array, Array]:
        """(qpos [P, nq], qvel [P, nv]) of an episode's first moment, each row from its own seed."""

    def observe(self, bodies: Bodies) -> Array:
        """[P, observations], float64."""

    def before(self, bodies: Bodies) -> Array:
        """What `reward` needs from before the control step; a copy."""

    def reward(self, before: Array, actions: Array, bodies: Bodies) -> tuple[Array, Array]:
        """(reward [P] float64, terminated [P] bool) of the control step that just ended."""

    def progress(self, bodies: Bodies) -> dict[str, Array]:
        """`forward_velocity` (m/s) and `x` (m) now, each [P]."""

    def force(self, bodies: Bodies) -> Array:
        """The task's own forces [P, nv] for the next physics step: what belongs into `qfrc_applied`."""

    def segments(self, qpos: Array) -> Array:
        """Ends of the body's segments in the plane of motion, m: [..., nq] -> [..., segments, 2 ends, 2]."""

    def squash(self, outputs: Array) -> Array:
        """Unbounded network outputs -> actions in [-1, 1], float32 [P, actions]."""


@dataclass(frozen=True)
class Split:
    """Images `x` (float32 [n, d], standardised) with their classes `y` (int64 [n]); both read-only."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.y)


class ClassificationTask(Protocol):
    """Images and their classes; an image is shown unchanged for `steps` control steps."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def observations(self) -> tuple[str, ...]: ...
    @property
    def actions(self) -> tuple[str, ...]: ...
    @property
    def steps(self) -> int: ...
    @property
    def train(self) -> Split: ...
    @property
    def validation(self) -> Split: ...
    @property
    def test(self) -> Split: ...


Task = LocomotionTask | ClassificationTask


def tanh_actions(outputs: Array) -> Array:
    """tanh in float32: gymnasium takes float32 actions, and its control cost depends on that precision.

    >>> tanh_actions(np.array([[0.0, 100.0]]))
    array([[0., 1.]], dtype=float32)
    """
    return np.tanh(np.asarray(outputs, dtype=np.float32))


def whole_number(task: str, option: str, value: object, low: int, high: int) -> int:
    """`value` if it is a whole number in [low, high], else a TaskError that names task and option."""
    return errors.whole_number(f"task {task!r}: {option}", value, low, high, TaskError)
