"""The closed loop in compiled code: sixteen individuals in lockstep, each with a body of its own.

A thread has sixteen lanes. In a round, every lane's body is observed, one call of the program answers for all of them,
and every body makes its control step and is scored. A lane whose episode has ended takes the next one that no thread
has begun. Nothing that an episode comes to depends on its lane, on its neighbours or on the number of threads.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from celegans_nn.compiled import njit_kept
from celegans_nn.simulation.episodes import LIMIT
from celegans_nn.simulation.programs import act
from celegans_nn.tasks.body import Body
from celegans_nn.tasks.compiled_rules import before, force, observe, progress, reward
from celegans_nn.tasks.task import Array

OPTIONS: Any = {"error_model": "numpy", "nogil": True}
"""Strict floating point: rewards are those of gymnasium to the last bit."""
INNER: Any = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Of what only compiled code calls."""
IDLE = -1
"""The episode of a lane that has none."""
NO_STAGE, ALL_STAGES = np.int32(0), np.int32(3)
"""mjtStage."""


class Layout(NamedTuple):
    """Columns of a state row where its parts start, and how many each part has."""

    qpos: int
    qvel: int
    ctrl: int
    force: int
    positions: int
    velocities: int
    controls: int


class Lanes(NamedTuple):
    """A thread's memory; `L` lanes."""

    batch: Any
    """The address of MuJoCo's batch of L bodies, uintp."""
    rows: Array
    """[L, state] float64, MuJoCo's own, as are the next five."""
    sensordata: Array
    xpos: Array
    cfrc_ext: Array
    warning: Array
    """int32 [L, kinds, 2]."""
    status: Array
    """int32 [L]."""
    ids: Array
    """int32 [L], for calls that concern some lanes."""
    episode: Array
    """int64 [L], or IDLE."""
    step: Array
    """int64 [L], control steps since the episode began."""
    broken: Array
    """bool [L], whose physics have ended in an error or a warning."""
    observed: Array
    """float64 [L, observations]."""
    kept: Array
    """float64 [L, KEPT]."""
    action: Array
    """float32 [L, actions]."""
    now: Array
    """float64 [L, 2], progress."""
    start: Array
    """float64 [L], x where scoring began."""
    weights: Array
    """float32 [parameters, L]; so the next three, for the program."""
    state: Array
    seen: Array
    out: Array


class Plan(NamedTuple):
    """What is to be run; all threads share it. n episodes of P individuals."""

    taken: Array
    """int64 [1], how many episodes have been begun. To stop early, set it to n and `stop` to 1."""
    stop: Array
    """int64 [1]."""
    individual: Array
    """int64 [n]."""
    beginning: Array
    """int64 [n], the row of `qpos` and `qvel` where an episode begins."""
    qpos: Array
    qvel: Array
    weights: Array
    """float32 [P, parameters]; `state` [P, size] is the program's at the start."""
    state: Array
    mean: Array
    """float64 [observations], or [0] where observations are not normalised; so `scale`."""
    scale: Array
    steps: int
    """Control steps of an episode."""
    settle_steps: int
    frame_skip: int
    stage: int
    """How much of the new state is computed after a control step; see `physics`."""
    has_force: bool
    contact_forces: int
    """The address of the function that computes them, or 0."""
    squash: bool
    """Whether actions are tanh of what the program answers, or that itself."""
    failure_reward: float


class Results(NamedTuple):
    """Of n episodes; see `Episodes`."""

    returns: Array
    steps: Array
    failed: Array
    speed: Array
    displacement: Array
    seen_sum: Array
    """float64 [n, observations], of observations before they are normalised; so the next."""
    seen_square: Array


class Trace(NamedTuple):
    """What the first lane did, step by step; arrays of no rows keep nothing."""

    qpos: Array
    """[T + 1, nq]; row 0 is the start."""
    observed: Array
    """float64 [T, observations]."""
    outputs: Array
    """float32 [T, actions], as the program answered."""
    actions: Array
    rewards: Array
    state: Array
    """float32 [T, state], the program's, after each step."""


_emitted: Any = intrinsic  # numba's own annotations would have callers pass the typing context too


def _of_mujoco(name: str, *arguments: Any) -> Any:
    """A function of MuJoCo's that gives a whole number, found by its name (see `physics.library`), so that what is
    compiled can be kept on disk."""
    return types.ExternalFunction(name, types.intc(*arguments))


_ADDRESS, _NUMBER = types.uintp, types.intc
_mjb_reset = _of_mujoco("mjb_reset", _ADDRESS, _ADDRESS, _NUMBER, _ADDRESS, _NUMBER)
_mjb_forward = _of_mujoco("mjb_forward", _ADDRESS, _ADDRESS, _NUMBER, _NUMBER)
_mjb_step = _of_mujoco("mjb_step", _ADDRESS, _ADDRESS, _NUMBER, _NUMBER, _NUMBER)
_mjb_apply = _of_mujoco("mjb_apply", _ADDRESS, _ADDRESS, _NUMBER, _ADDRESS, _ADDRESS, _NUMBER)


@_emitted
def _fetch_add(typing: Any, address: Any) -> Any:
    """Adds 1 to the int64 at an address, at once for all threads, and gives what was there."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", pointer, ir.IntType(64)(1), "monotonic")

    return types.int64(types.uintp), emit


@njit_kept(**INNER)
def _pointer(array: Any) -> Any:
    return np.uintp(array.ctypes.data)


@njit_kept(**INNER)
def copy(source: Any, target: Any) -> None:
    """target[:] = source, which numba takes seconds to compile, for what it says of shapes that do not fit."""
    for k in range(len(target)):
        target[k] = source[k]


@njit_kept(**INNER)
def _body(lanes: Any, layout: Any, lane: int) -> Any:
    row = lanes.rows[lane]
    return Body(
        row[:1],
        row[layout.qpos : layout.qpos + layout.positions],
        row[layout.qvel : layout.qvel + layout.velocities],
        row[layout.ctrl : layout.ctrl + layout.controls],
        row[layout.force : layout.force + layout.velocities],
        lanes.sensordata[lane],
        lanes.xpos[lane],
        lanes.cfrc_ext[lane],
    )


@njit_kept(**INNER)
def _fill(constants: Any, lanes: Any, layout: Any, plan: Any, results: Any, trace: Any, lane: int) -> None:
    """Gives a lane the next episode that nobody has begun, if there is one: the body at its start, all that follows
    from that computed, and the weights."""
    episode = _fetch_add(_pointer(plan.taken))
    lanes.episode[lane] = IDLE
    if episode >= len(plan.individual):
        return
    lanes.episode[lane], lanes.step[lane] = episode, 0
    lanes.ids[0] = lane
    _mjb_reset(lanes.batch, _pointer(lanes.ids), np.int32(1), np.uintp(0), NO_STAGE)
    body = _body(lanes, layout, lane)
    copy(plan.qpos[plan.beginning[episode]], body.qpos)
    copy(plan.qvel[plan.beginning[episode]], body.qvel)
    failures = _mjb_forward(lanes.batch, _pointer(lanes.ids), np.int32(1), ALL_STAGES)
    lanes.broken[lane] = failures > 0 or _warned(lanes, lane)
    progress(constants, body, lanes.now[lane])
    lanes.start[lane] = lanes.now[lane, 1]
    individual = plan.individual[episode]
    for k in range(len(lanes.weights)):
        lanes.weights[k, lane] = plan.weights[individual, k]
    for k in range(len(lanes.state)):
        lanes.state[k, lane] = plan.state[individual, k]
    if lane == 0 and len(trace.qpos) > 0:
        copy(body.qpos, trace.qpos[0])


@njit_kept(**INNER)
def _warned(lanes: Any, lane: int) -> bool:
    """MuJoCo answers a non-finite state by resetting it, and a lack of memory by leaving out constraints: what it
    counts as a warning is an episode that means nothing from there on."""
    warnings = 0
    for kind in range(lanes.warning.shape[1]):
        warnings += lanes.warning[lane, kind, 1]
    return warnings > 0


@njit_kept(**INNER)
def _look(constants: Any, lanes: Any, layout: Any, plan: Any, results: Any, trace: Any, width: int) -> int:
    """What every individual sees, normalised where that is asked for; how many have an episode."""
    alive = 0
    for lane in range(width):
        episode = lanes.episode[lane]
        if episode == IDLE:
            continue
        alive += 1
        observed, total, squares = lanes.observed[lane], results.seen_sum[episode], results.seen_square[episode]
        observe(constants, _body(lanes, layout, lane), observed)
        for k in range(len(observed)):
            value = observed[k]
            total[k] += value
            squares[k] += value * value
            if len(plan.mean) > 0:
                value = (value - plan.mean[k]) / plan.scale[k]
                value = LIMIT if value > LIMIT else -LIMIT if value < -LIMIT else value
            lanes.seen[k, lane] = np.float32(value)
        if lane == 0 and lanes.step[0] < len(trace.rewards):
            copy(observed, trace.observed[lanes.step[0]])
    return alive


@njit_kept(**INNER)
def _decide(constants: Any, lanes: Any, layout: Any, plan: Any, width: int) -> int:
    """Actions, and what rewards need from before them; how many bodies can take the step, first in `ids`."""
    moving = 0
    for lane in range(width):
        if lanes.episode[lane] == IDLE:
            continue
        action, body, usable = lanes.action[lane], _body(lanes, layout, lane), not lanes.broken[lane]
        for k in range(len(action)):
            value = lanes.out[k, lane]
            if plan.squash:
                value = np.float32(math.tanh(np.float64(value)))
            else:
                value = np.float32(1) if value > 1 else np.float32(-1) if value < -1 else value
            action[k] = value
            usable = usable and math.isfinite(value)
        lanes.broken[lane] = not usable
        if usable:
            for k in range(len(action)):
                body.ctrl[k] = action[k]
            before(constants, body, lanes.kept[lane])
            lanes.ids[moving] = lane
            moving += 1
    return moving


@njit_kept(**INNER)
def _move(constants: Any, lanes: Any, layout: Any, plan: Any, count: int) -> None:
    """The physics of a control step, of the first `count` lanes in `ids`."""
    ids, number = _pointer(lanes.ids), np.int32(count)
    stage = np.int32(plan.stage)
    if plan.has_force:
        for step in range(plan.frame_skip):
            for k in range(count):
                force(constants, _body(lanes, layout, lanes.ids[k]))
            last = step == plan.frame_skip - 1
            failures = _mjb_step(lanes.batch, ids, number, np.int32(1), stage if last else NO_STAGE)
            _note_errors(lanes, count, failures)
    else:
        _note_errors(lanes, count, _mjb_step(lanes.batch, ids, number, np.int32(plan.frame_skip), stage))
    if plan.contact_forces != 0:
        function = np.uintp(plan.contact_forces)
        _mjb_apply(lanes.batch, ids, number, function, np.uintp(0), np.int32(0))
        _mjb_forward(lanes.batch, ids, number, NO_STAGE)  # nothing to compute: this copies cfrc_ext out


@njit_kept(**INNER)
def _note_errors(lanes: Any, count: int, failures: int) -> None:
    if failures > 0:
        for k in range(count):
            lane = lanes.ids[k]
            lanes.broken[lane] = lanes.broken[lane] or lanes.status[lane] != 0


@njit_kept(**INNER)
def _score(constants: Any, lanes: Any, layout: Any, plan: Any, results: Any, trace: Any, lane: int) -> bool:
    """Counts the control step; whether the episode has ended with it."""
    episode, step, body = lanes.episode[lane], lanes.step[lane], _body(lanes, layout, lane)
    earned, terminated = 0.0, False
    failed = lanes.broken[lane] or _warned(lanes, lane)
    if not failed:
        earned, terminated = reward(constants, lanes.kept[lane], lanes.action[lane], body)
        failed = not math.isfinite(earned)
    lanes.step[lane] = step + 1
    results.steps[episode] = step + 1
    if lane == 0 and step < len(trace.rewards):
        copy(body.qpos, trace.qpos[step + 1])
        trace.rewards[step] = earned
        for k in range(len(lanes.action[lane])):
            trace.outputs[step, k], trace.actions[step, k] = lanes.out[k, lane], lanes.action[lane, k]
        for k in range(len(lanes.state)):
            trace.state[step, k] = lanes.state[k, lane]
    if failed:
        results.failed[episode] = True
        results.returns[episode] = plan.failure_reward * plan.steps
        results.speed[episode] = results.displacement[episode] = math.nan
        for k in range(results.seen_sum.shape[1]):
            results.seen_sum[episode, k] = results.seen_square[episode, k] = 0.0
        return True
    now = lanes.now[lane]
    progress(constants, body, now)
    if step < plan.settle_steps:
        lanes.start[lane] = now[1]
    else:
        results.returns[episode] += earned
        results.speed[episode] += now[0]
    ended = terminated or step + 1 >= plan.steps
    if ended:
        results.displacement[episode] = now[1] - lanes.start[lane]
        results.speed[episode] /= max(step + 1 - plan.settle_steps, 1)
    return ended


@njit_kept(**OPTIONS)
def run(program: Any, constants: Any, lanes: Any, layout: Any, plan: Any, results: Any, trace: Any, width: int) -> None:
    """Runs episodes on the first `width` lanes until none is left. Threads may run this at once, each with lanes of
    its own; results are zeros at first."""
    for lane in range(width):
        _fill(constants, lanes, layout, plan, results, trace, lane)
    while plan.stop[0] == 0 and _look(constants, lanes, layout, plan, results, trace, width) > 0:
        act(program, lanes.weights, lanes.state, lanes.seen, lanes.out)
        moving = _decide(constants, lanes, layout, plan, width)
        if moving > 0:
            _move(constants, lanes, layout, plan, moving)
        for lane in range(width):
            if lanes.episode[lane] != IDLE and _score(constants, lanes, layout, plan, results, trace, lane):
                _fill(constants, lanes, layout, plan, results, trace, lane)
