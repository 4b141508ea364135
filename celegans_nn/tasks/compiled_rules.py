"""The rules of `rules.RULES` for compiled code: called by name here, chosen by the type of the constants.

Compiled in strict floating point, so that rewards are those of the interpreter to the last bit.
"""

from __future__ import annotations

from typing import Any

from numba.extending import overload, register_jitable

from celegans_nn.compiled import njit_kept
from celegans_nn.tasks.body import Body
from celegans_nn.tasks.rules import HELPERS, RULES

# not `strict`: it would have annotations be the same as well
OPTIONS: Any = {"error_model": "numpy"}

for _helper in HELPERS:
    register_jitable(**OPTIONS)(_helper)


def observe(c: Any, body: Any, seen: Any) -> Any:
    """See `body.BodyRules`; so with the others."""


def before(c: Any, body: Any, kept: Any) -> Any:
    """What `reward` needs from before the control step."""


def reward(c: Any, kept: Any, action: Any, body: Any) -> Any:
    """(reward, terminated)."""


def progress(c: Any, body: Any, now: Any) -> Any:
    """Forward velocity and x."""


def force(c: Any, body: Any) -> Any:
    """The task's own forces."""


@overload(observe, jit_options=OPTIONS, strict=False)
def _chosen_observe(c: Any, body: Any, seen: Any) -> Any:
    return RULES[c.instance_class].observe


@overload(before, jit_options=OPTIONS, strict=False)
def _chosen_before(c: Any, body: Any, kept: Any) -> Any:
    return RULES[c.instance_class].before


@overload(reward, jit_options=OPTIONS, strict=False)
def _chosen_reward(c: Any, kept: Any, action: Any, body: Any) -> Any:
    return RULES[c.instance_class].reward


@overload(progress, jit_options=OPTIONS, strict=False)
def _chosen_progress(c: Any, body: Any, now: Any) -> Any:
    return RULES[c.instance_class].progress


@overload(force, jit_options=OPTIONS, strict=False)
def _chosen_force(c: Any, body: Any) -> Any:
    return RULES[c.instance_class].force


@njit_kept(nogil=True, **OPTIONS)
def _row(bodies: Any, p: Any) -> Any:
    """Body p of P."""
    return Body(
        bodies.time[p],
        bodies.qpos[p],
        bodies.qvel[p],
        bodies.ctrl[p],
        bodies.qfrc_applied[p],
        bodies.sensordata[p],
        bodies.xpos[p],
        bodies.cfrc_ext[p],
    )


@njit_kept(nogil=True, **OPTIONS)
def observe_all(c: Any, bodies: Any, seen: Any) -> None:
    """`observe` of P bodies, whose arrays have a first axis [P]; so with the others."""
    for p in range(len(seen)):
        observe(c, _row(bodies, p), seen[p])


@njit_kept(nogil=True, **OPTIONS)
def before_all(c: Any, bodies: Any, kept: Any) -> None:
    for p in range(len(kept)):
        before(c, _row(bodies, p), kept[p])


@njit_kept(nogil=True, **OPTIONS)
def reward_all(c: Any, kept: Any, actions: Any, bodies: Any, rewards: Any, terminated: Any) -> None:
    for p in range(len(rewards)):
        rewards[p], terminated[p] = reward(c, kept[p], actions[p], _row(bodies, p))


@njit_kept(nogil=True, **OPTIONS)
def progress_all(c: Any, bodies: Any, now: Any) -> None:
    for p in range(len(now)):
        progress(c, _row(bodies, p), now[p])


@njit_kept(nogil=True, **OPTIONS)
def force_all(c: Any, bodies: Any) -> None:
    for p in range(len(bodies.qfrc_applied)):
        force(c, _row(bodies, p))
