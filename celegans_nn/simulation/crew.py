"""Threads with sixteen lanes each, which run a plan of episodes through the compiled closed loop (`loop`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import event

from celegans_nn.simulation.episodes import Normalisation, Watch
from celegans_nn.simulation.lanes import LANES, empty_rows
from celegans_nn.simulation.loop import IDLE, Lanes, Layout, Plan, Results, Trace, run
from celegans_nn.simulation.packed import Packed
from celegans_nn.simulation.physics import NO_STAGE, VELOCITY_STAGE, Bodies, contact_forces_address
from celegans_nn.simulation.recording import Recording
from celegans_nn.tasks.body import KEPT
from celegans_nn.tasks.quiet import quiet
from celegans_nn.tasks.task import LocomotionTask

LOOK_S = 0.2
"""Seconds between two looks at how far the episodes are."""


class Start(NamedTuple):
    """Of an episode: who makes it, and the seed of its first moment."""

    individual: int
    seed: int


class Crew:
    """Bodies of one task and the threads that move them, kept from one evaluation to the next. Nothing of an episode
    stays behind.

    task: one with rules (`tasks.rules`). threads: they change the time it takes, never a bit of the result.
    """

    def __init__(self, task: Any, threads: int):
        self.task, self.threads = task, threads
        self._bodies: list[Bodies] = []
        self._lanes: list[Lanes] = []

    def run(
        self,
        packed: Packed,
        episodes: Sequence[Start],
        steps: int,
        normalise: Normalisation | None = None,
        squash: bool = True,
        trace: Trace | None = None,
        watch: Watch | None = None,
    ) -> Results:
        """Every episode, of at most `steps` control steps; the results are in the order of `episodes`.

        squash: whether actions are tanh of the program's answers, or these themselves.
        trace: to be filled with the first episode's steps. watch: see `Watch`.
        """
        crew = min(self.threads, len(episodes))
        width = min(LANES, -(-len(episodes) // crew))
        lanes = self._memory(crew, packed)
        plan, results = self._plan(packed, episodes, steps, normalise, squash), _results(self.task, len(episodes))
        shared: tuple[Any, ...] = (self._layout(), plan, results, self._no_trace() if trace is None else trace, width)
        compile_loop(packed.program, self.task, lanes[0], shared)
        with quiet(), ThreadPoolExecutor(crew) as pool:
            running = [pool.submit(run, packed.program, self.task.constants, own, *shared) for own in lanes]
            try:
                while watch is not None and wait(running, LOOK_S, "FIRST_EXCEPTION").not_done:
                    watch(_episodes_done(plan, lanes))
                for each in running:
                    each.result()
            finally:
                plan.stop[0] = 1  # ends the others where one was interrupted
        if watch is not None:
            watch(len(episodes))
        return results

    def trace(self, packed: Packed, steps: int) -> Trace:
        """Room for an episode of so many steps."""
        model, state = self.task.model, packed.start.shape[1]
        actions = np.zeros((2, steps, len(self.task.actions)), np.float32)
        observed = np.zeros((steps, len(self.task.observations)))
        qpos, rewards = np.zeros((steps + 1, model.nq)), np.zeros(steps)
        return Trace(qpos, observed, actions[0], actions[1], rewards, np.zeros((steps, state), np.float32))

    def _no_trace(self) -> Trace:
        numbers, floats = np.zeros((0, 0)), np.zeros((0, 0), np.float32)
        return Trace(numbers, numbers, floats, floats, np.zeros(0), floats)

    def _layout(self) -> Layout:
        place, model = self._bodies[0].place, self.task.model
        return Layout(
            qpos=place["qpos"],
            qvel=place["qvel"],
            ctrl=place["ctrl"],
            force=place["qfrc_applied"],
            positions=model.nq,
            velocities=model.nv,
            controls=model.nu,
        )

    def _memory(self, crew: int, packed: Packed) -> list[Lanes]:
        """Lanes for so many threads, with room for such a program."""
        shape = packed.weights.shape[1], packed.start.shape[1]
        while len(self._bodies) < crew:
            self._bodies.append(Bodies(self.task.model, LANES))
        if self._lanes and (len(self._lanes[0].weights), len(self._lanes[0].state)) != shape:
            self._lanes = []
        while len(self._lanes) < crew:
            self._lanes.append(_lanes(self._bodies[len(self._lanes)], self.task, *shape))
        return self._lanes[:crew]

    def _plan(
        self,
        packed: Packed,
        episodes: Sequence[Start],
        steps: int,
        normalise: Normalisation | None,
        squash: bool,
    ) -> Plan:
        task = self.task
        rows = {seed: row for row, seed in enumerate(dict.fromkeys(episode.seed for episode in episodes))}
        qpos, qvel = task.initial_state(list(rows))
        mean, scale = (np.zeros(0), np.zeros(0)) if normalise is None else normalise
        return Plan(
            taken=np.zeros(1, np.int64),
            stop=np.zeros(1, np.int64),
            individual=np.array([episode.individual for episode in episodes]),
            beginning=np.array([rows[episode.seed] for episode in episodes]),
            qpos=np.ascontiguousarray(qpos, float),
            qvel=np.ascontiguousarray(qvel, float),
            weights=packed.weights,
            state=packed.start,
            mean=np.ascontiguousarray(mean, float),
            scale=np.ascontiguousarray(scale, float),
            steps=steps,
            settle_steps=task.settle_steps,
            frame_skip=task.frame_skip,
            stage=VELOCITY_STAGE if task.current_sensors else NO_STAGE,
            has_force=task.has_force,
            contact_forces=contact_forces_address() if task.contact_forces else 0,
            squash=squash,
            failure_reward=float(task.failure_reward),
        )


def record_compiled(
    crew: Crew,
    packed: Packed,
    seed: int,
    steps: int,
    normalise: Normalisation | None = None,
    squash: bool = True,
    watch: Watch | None = None,
) -> Recording:
    """The episode of the first individual, step by step. Arguments as of `Crew.run`."""
    trace = crew.trace(packed, steps)
    results = crew.run(packed, [Start(0, seed)], steps, normalise, squash, trace, watch)
    lived, task = int(results.steps[0]), crew.task
    return Recording(
        control_dt=task.control_dt,
        qpos=trace.qpos[: lived + 1],
        segments=task.segments(trace.qpos[: lived + 1]),
        observations=trace.observed[:lived],
        outputs=trace.outputs[:lived],
        actions=trace.actions[:lived],
        rewards=trace.rewards[:lived],
        failed=bool(results.failed[0]),
        cells=trace.state[:lived, packed.cells.start : packed.cells.stop],
    )


def _episodes_done(plan: Plan, lanes: Sequence[Lanes]) -> float:
    """While threads are at work, and so to within an episode."""
    begun = min(int(plan.taken[0]), len(plan.individual))
    steps = np.concatenate([own.step[own.episode != IDLE] for own in lanes])
    return max(begun - len(steps) + float(steps.sum()) / plan.steps, 0.0)


def _lanes(bodies: Bodies, task: LocomotionTask, weights: int, state: int) -> Lanes:
    observations, actions = len(task.observations), len(task.actions)
    return Lanes(
        batch=np.uintp(bodies.address),
        rows=bodies.rows,
        sensordata=bodies.sensordata,
        xpos=bodies.xpos.reshape(LANES, -1),
        cfrc_ext=bodies.cfrc_ext.reshape(LANES, -1),
        warning=bodies.warning,
        status=bodies.status,
        ids=np.zeros(LANES, np.int32),
        episode=np.full(LANES, IDLE),
        step=np.zeros(LANES, np.int64),
        broken=np.zeros(LANES, bool),
        observed=np.zeros((LANES, observations)),
        kept=np.zeros((LANES, KEPT)),
        action=np.zeros((LANES, actions), np.float32),
        now=np.zeros((LANES, 2)),
        start=np.zeros(LANES),
        weights=empty_rows(weights),
        state=empty_rows(state),
        seen=empty_rows(observations),
        out=empty_rows(actions),
    )


def _results(task: LocomotionTask, episodes: int) -> Results:
    numbers = np.zeros((3, episodes))
    seen = np.zeros((2, episodes, len(task.observations)))
    return Results(
        returns=numbers[0],
        steps=np.zeros(episodes, np.int64),
        failed=np.zeros(episodes, bool),
        speed=numbers[1],
        displacement=numbers[2],
        seen_sum=seen[0],
        seen_square=seen[1],
    )


class _Word(event.Listener):
    """Tells the user that compiling has begun."""

    def __init__(self, what: str):
        self.what = what

    def on_start(self, begun: Any) -> None:
        if begun.data["dispatcher"] is run:
            print(f"celegans_nn: compiling the closed loop of {self.what}, once: it is kept on disk", file=sys.stderr)

    def on_end(self, ended: Any) -> None:
        """Nothing to say."""


def compile_loop(program: Any, task: Any, lanes: Lanes, shared: Sequence[Any]) -> None:
    """Compiles the loop for such a program and task, or takes it from the disk, where this process has not yet."""
    kinds = tuple(numba.typeof(argument) for argument in (program, task.constants, lanes, *shared))
    if kinds not in run.overloads:
        with event.install_listener("numba:compile", _Word(f"{type(program).__name__} and {task.name}")):
            run.compile(kinds)
