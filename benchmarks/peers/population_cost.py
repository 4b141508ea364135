"""What a network costs in the closed loop, against cells, edges, ticks and the population, and the memory it takes.

`rate` networks of random graphs on HalfCheetah-v5. "network" is the time that one control step of one individual takes
on one core without its body: the compiled program alone, sixteen individuals at once. "loop" is the whole closed loop
on two threads, 100 control steps an episode. "an individual" is the memory of its weights and its state at the start;
"resident" is the process's own memory after the run, MuJoCo's bodies included: there are sixteen a thread, whatever
the population. Medians of interleaved rounds.

Run by `make bench`; writes benchmarks/results/population_cost.md.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from random_networks import RESULTS, network, population

from celegans_nn import make_task
from celegans_nn.files import write_atomic
from celegans_nn.simulation import Evaluator
from celegans_nn.simulation.lanes import LANES, empty_rows
from celegans_nn.simulation.packed import Packed
from celegans_nn.simulation.programs import act, pack
from celegans_nn.studies.machine import machine, versions

THREADS, STEPS, INDIVIDUALS, ALONE = 2, 100, 32, 200
"""Of the loop; control steps of an episode; individuals where these do not vary; control steps of a network alone."""


class Case(NamedTuple):
    """What is run."""

    cells: int
    edges: int
    ticks: int
    individuals: int = INDIVIDUALS


CASES = {
    "cells": [Case(cells, 8 * cells, 5) for cells in (100, 300, 1000)],
    "edges": [Case(300, edges, 5) for edges in (600, 2400, 9600)],
    "ticks": [Case(300, 2400, ticks) for ticks in (1, 5, 10, 20)],
    "individuals": [Case(100, 600, 5, individuals) for individuals in (16, 64, 256, 1024)],
}


@njit(nogil=True, error_model="numpy")
def steps_alone(program: Any, weights: Any, state: Any, seen: Any, out: Any, steps: int) -> None:
    for _ in range(steps):
        act(program, weights, state, seen, out)


def alone(packed: Packed, task: Any) -> Callable[[], float]:
    """Seconds of one control step of one individual, without its body."""
    weights, state = empty_rows(packed.weights.shape[1]), empty_rows(packed.start.shape[1])
    weights[:], state[:] = packed.weights[:LANES].T, packed.start[:LANES].T
    seen, out = empty_rows(len(task.observations)), empty_rows(len(task.actions))
    seen[:] = np.random.default_rng(0).standard_normal(seen.shape)

    def run() -> float:
        started = time.perf_counter()
        steps_alone(packed.program, weights, state, seen, out, ALONE)
        return (time.perf_counter() - started) / (ALONE * LANES)

    return run


def resident() -> float:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured(task: Any, case: Case, rounds: int) -> str:
    """A row of the table."""
    net = network(task, case.cells, case.edges, "rate", case.ticks)
    own, evaluator = population(net, case.individuals), Evaluator(net, task, THREADS)
    packed = pack(net, own)
    network_alone, times, speeds = alone(packed, task), [], []
    for k in range(-1, rounds):
        seconds = network_alone()
        started = time.perf_counter()
        steps = evaluator.evaluate(own, range(case.individuals), STEPS).steps.sum()
        if k >= 0:
            times.append(seconds)
            speeds.append(steps / (time.perf_counter() - started))
    each = (packed.weights.shape[1] + packed.start.shape[1]) * packed.weights.itemsize
    work = 1e9 * median(times) / (case.edges * case.ticks)
    values = [f"{case.cells}", f"{case.edges}", f"{case.ticks}", f"{case.individuals}", f"{1e6 * median(times):.2f}"]
    values += [f"{work:.2f}", f"{median(speeds):,.0f}", f"{each / 1e3:.1f}", f"{resident() / 1e6:.0f}"]
    return f"| {' | '.join(values)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    task, sections, before = make_task("halfcheetah"), [], resident()
    for what, cases in CASES.items():
        head = "| cells | edges | ticks | individuals | network, µs | of an edge in a tick, ns | loop, steps/s | "
        rows = [head + "an individual, kB | resident, MB |", "|---" * 9 + "|"]
        sections.append(
            "\n".join([f"Against {what}:\n", *rows, *(measured(task, case, asked.rounds) for case in cases)])
        )
    host, used = machine(), versions()
    about = (
        f"Before the first run {before / 1e6:.0f} MB are resident: Python, torch and the rest. {host['processor']}, "
        f"{THREADS} threads, {asked.rounds} rounds. Python {used['python']}, torch "
        f"{used['torch']}, numpy {used['numpy']}; sources {used['sources']}."
    )
    what = __doc__.strip().split("\n\n")[1].replace("\n", " ")
    text = "\n\n".join(["# What a network costs in the closed loop", what, *sections, about]) + "\n"
    print(text)
    write_atomic(RESULTS / "population_cost.md", text.encode())


if __name__ == "__main__":
    main()
