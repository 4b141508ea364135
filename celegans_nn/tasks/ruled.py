"""The methods of a locomotion task that follow from its rules: the rules of one body, run over P of them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from celegans_nn.tasks.body import KEPT, Body
from celegans_nn.tasks.task import Array, Bodies, tanh_actions


class Ruled(Protocol):
    """What a task must say for its rules to be run."""

    @property
    def constants(self) -> Any: ...
    @property
    def observations(self) -> tuple[str, ...]: ...
    @property
    def current_sensors(self) -> bool: ...
    @property
    def contact_forces(self) -> bool: ...


class RuledTask:
    """What a `LocomotionTask` does with P bodies at once, where `constants` choose its rules (see `rules`).

    The loops are compiled when they are first run, and kept on disk.
    """

    def observe(self: Ruled, bodies: Bodies) -> Array:
        """[P, observations], float64."""
        from celegans_nn.tasks import compiled_rules

        rows = _rows(self, bodies)
        seen = np.empty((len(rows.qpos), len(self.observations)))
        compiled_rules.observe_all(self.constants, rows, seen)
        return seen

    def before(self: Ruled, bodies: Bodies) -> Array:
        """What `reward` needs from before the control step, [P, KEPT]."""
        from celegans_nn.tasks import compiled_rules

        rows = _rows(self, bodies)
        kept = np.zeros((len(rows.qpos), KEPT))
        compiled_rules.before_all(self.constants, rows, kept)
        return kept

    def reward(self: Ruled, before: Array, actions: Array, bodies: Bodies) -> tuple[Array, Array]:
        """(reward [P] float64, terminated [P] bool) of the control step that just ended."""
        from celegans_nn.tasks import compiled_rules

        rows = _rows(self, bodies)
        rewards, terminated = np.empty(len(rows.qpos)), np.empty(len(rows.qpos), dtype=bool)
        actions = np.ascontiguousarray(actions, dtype=np.float32)
        compiled_rules.reward_all(self.constants, np.ascontiguousarray(before), actions, rows, rewards, terminated)
        return rewards, terminated

    def progress(self: Ruled, bodies: Bodies) -> dict[str, Array]:
        """`forward_velocity` (m/s) and `x` (m) now, each [P]."""
        from celegans_nn.tasks import compiled_rules

        rows = _rows(self, bodies)
        now = np.empty((len(rows.qpos), 2))
        compiled_rules.progress_all(self.constants, rows, now)
        return {"forward_velocity": now[:, 0].copy(), "x": now[:, 1].copy()}

    def force(self: Ruled, bodies: Bodies) -> Array:
        """The task's own forces now, N and N m, [P, nv]: what belongs into `qfrc_applied` for the next physics step."""
        from celegans_nn.tasks import compiled_rules

        rows = _rows(self, bodies, forces=True)
        compiled_rules.force_all(self.constants, rows)
        return rows.qfrc_applied

    def squash(self, outputs: Array) -> Array:
        """tanh, float32."""
        return tanh_actions(outputs)


def _rows(task: Ruled, bodies: Bodies, forces: bool = False) -> Body:
    """What the rules read of P bodies, each array [P, n]. Asking a `Batch` for an array makes it keep it up to date
    at every step, so that only what is read is asked for."""
    individuals = len(bodies.qpos)

    def rows(name: str, there: bool = True) -> Array:
        if not there:
            return np.empty((individuals, 0))
        values = np.asarray(getattr(bodies, name), dtype=float)
        return np.ascontiguousarray(values.reshape(individuals, -1))

    return Body(
        time=rows("time"),
        qpos=rows("qpos"),
        qvel=rows("qvel"),
        ctrl=rows("ctrl", forces),
        qfrc_applied=np.zeros(bodies.qvel.shape) if forces else rows("qfrc_applied", False),
        sensordata=rows("sensordata", task.current_sensors),
        xpos=rows("xpos", task.contact_forces),
        cfrc_ext=rows("cfrc_ext", task.contact_forces),
    )
