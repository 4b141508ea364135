"""Speed of the closed loop: a population of networks, each with its own weights and its own body.

HalfCheetah-v5 and Swimmer-v5; 100 cells with 600 edges and 279 with 2200; `rate` with 5 ticks a control step and
`lif` with 10; 32 individuals, each for 500 control steps, on two threads. The limit is the same loop without a
network: bodies replay the actions that those individuals chose. "Batch + torch" is this package's own slow way. Peers
have 100 cells: evotorch's GymNE with two actors and a recurrent network of one tick; one gymnasium environment with a
torch module a policy, 5 ticks; the same with snntorch's `Leaky`, 10 ticks. Rounds are interleaved, so that a busy
machine slows all alike: the figures to keep are the shares of the limit, each the median over rounds.

Run by `make bench`; writes benchmarks/results/population.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from statistics import median
from typing import Any

import gymnasium
import numpy as np
import snntorch
import torch
from evotorch.neuroevolution import GymNE
from random_networks import RESULTS, SIZES, TICKS, network, population
from torch import Tensor, nn

from celegans_nn import make_task
from celegans_nn.files import write_atomic
from celegans_nn.simulation import Evaluator, PopulationSimulator, stack_policies
from celegans_nn.simulation.crew import Crew, Start
from celegans_nn.simulation.replay import pack_replay
from celegans_nn.studies.machine import machine, versions

BODIES = {"HalfCheetah-v5": "halfcheetah", "Swimmer-v5": "swimmer_v5"}
THREADS, INDIVIDUALS, STEPS = 2, 32, 500
Run = Callable[[], int]
"""Runs, and gives the environment steps that it ran."""


def chosen_actions(evaluator: Evaluator, own: dict[str, Tensor], individuals: int, steps: int) -> np.ndarray:
    """[individuals, steps, actions], in episodes from seeds 0, 1, ..."""
    films = (
        evaluator.record({name: rows[p : p + 1] for name, rows in own.items()}, p, steps) for p in range(individuals)
    )
    return np.stack([film.actions for film in films])


def compiled_and_limit(task: Any, net: nn.Module) -> tuple[Run, Run]:
    evaluator, own, crew = Evaluator(net, task, THREADS), population(net, INDIVIDUALS), Crew(task, THREADS)
    packed = pack_replay(chosen_actions(evaluator, own, INDIVIDUALS, STEPS))
    starts = [Start(p, p) for p in range(INDIVIDUALS)]

    def ours() -> int:
        return int(evaluator.evaluate(own, range(INDIVIDUALS), STEPS).steps.sum())

    def limit() -> int:
        return int(crew.run(packed, starts, STEPS, squash=False).steps.sum())

    return ours, limit


def batch_and_torch(task: Any, net: nn.Module, individuals: int = 128, steps: int = 60) -> Run:
    simulator, policy = (
        PopulationSimulator(task, individuals, THREADS),
        stack_policies(net, population(net, individuals)),
    )
    return lambda: int(simulator.evaluate(policy, range(individuals), steps).steps.sum())


class TorchPolicy(nn.Module):
    """A leaky rate network over a masked matrix, as one would write it for a single policy."""

    def __init__(self, observations: int, actions: int, cells: int = 100, ticks: int = TICKS["rate"]) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(observations, cells), nn.Linear(cells, actions)
        self.among, self.ticks = nn.Parameter(0.4 * torch.randn(cells, cells)), ticks
        self.register_buffer("mask", (torch.rand(cells, cells) < 0.06).float())

    def forward(self, x: Tensor, v: Tensor | None) -> tuple[Tensor, Tensor]:
        drive, weight = self.into(x), self.among * self.mask
        v = torch.zeros_like(drive) if v is None else v
        for _ in range(self.ticks):
            v = v + 0.3 * (drive + torch.mv(weight, torch.tanh(v)) - v)
        return torch.tanh(self.out(torch.tanh(v))), v


class SnntorchPolicy(nn.Module):
    def __init__(self, observations: int, actions: int, cells: int = 100, ticks: int = TICKS["lif"]) -> None:
        super().__init__()
        self.into, self.among, self.out = (
            nn.Linear(observations, cells),
            nn.Linear(cells, cells),
            nn.Linear(cells, actions),
        )
        self.cells, self.ticks = snntorch.Leaky(beta=0.9), ticks

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        drive, total = self.into(x), 0.0
        spikes, membrane = (torch.zeros_like(drive), torch.zeros_like(drive)) if state is None else state
        for _ in range(self.ticks):
            spikes, membrane = self.cells(drive + self.among(spikes), membrane)
            total = total + spikes
        return torch.tanh(self.out(total / self.ticks)), (spikes, membrane)


def one_environment(body: str, policy: nn.Module, steps: int) -> Run:
    """gymnasium's environment and a module, a step after the other, as tutorials write it."""
    env = gymnasium.make(body)

    def run() -> int:
        (x, _), state = env.reset(seed=0), None
        torch.set_num_threads(1)  # a second one only slows products so small
        with torch.inference_mode():
            for _ in range(steps):
                y, state = policy(torch.from_numpy(x).float(), state)
                x, *_ = env.step(y.numpy())
        torch.set_num_threads(THREADS)
        return steps

    return run


def evotorch(body: str, individuals: int = 16, steps: int = 250) -> Run:
    problem = GymNE(
        body,
        network="RNN(obs_length, 100) >> Linear(100, act_length)",
        num_actors=2,
        episode_length=steps,
        observation_normalization=False,
    )

    def run() -> int:
        problem.evaluate(problem.generate_batch(individuals))
        return individuals * steps

    return run


def runs(body: str) -> Iterator[tuple[str, str, Run]]:
    """(what, of which limit, run); a limit is its own."""
    task = make_task(BODIES[body])
    for cells, edges in SIZES:
        for level, ticks in TICKS.items():
            ours, limit = compiled_and_limit(task, network(task, cells, edges, level))
            name = f"{level}, {ticks} ticks, {cells} cells, {edges} edges"
            yield f"limit: replay of {name}", f"limit: replay of {name}", limit
            yield f"celegans_nn {name}", f"limit: replay of {name}", ours
    small = {level: f"limit: replay of {level}, {ticks} ticks, 100 cells, 600 edges" for level, ticks in TICKS.items()}
    for level in TICKS:
        yield f"Batch + torch {level}, 100 cells", small[level], batch_and_torch(task, network(task, 100, 600, level))
    observations, actions = len(task.observations), len(task.actions)
    yield "evotorch GymNE, 2 actors, 1 tick", small["rate"], evotorch(body)
    yield (
        "gymnasium + torch module, 5 ticks",
        small["rate"],
        one_environment(body, TorchPolicy(observations, actions), 400),
    )
    yield (
        "gymnasium + snntorch Leaky, 10 ticks",
        small["lif"],
        one_environment(body, SnntorchPolicy(observations, actions), 80),
    )


def measure(asked: list[tuple[str, str, Run]], rounds: int) -> dict[str, list[float]]:
    """Environment steps a second in every round, after one that is not counted."""
    speeds: dict[str, list[float]] = {name: [] for name, _, _ in asked}
    for k in range(-1, rounds):
        for name, _, run in asked:
            started = time.perf_counter()
            steps = run()
            if k >= 0:
                speeds[name].append(steps / (time.perf_counter() - started))
    return speeds


COMPARED = (
    ("rate", "evotorch GymNE, 2 actors, 1 tick", "evotorch"),
    ("lif", "gymnasium + snntorch Leaky, 10 ticks", "snntorch"),
)


def faster(speeds: dict[str, list[float]], level: str, peer: str, short: str) -> str:
    ours = speeds[f"celegans_nn {level}, {TICKS[level]} ticks, 100 cells, 600 edges"]
    ratio = median(a / b for a, b in zip(ours, speeds[peer], strict=True))
    return f"{ratio:.1f} times {short}'s steps with `{level}`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    os.chdir(tempfile.mkdtemp())  # MuJoCo leaves a log where gymnasium's models make it warn
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    columns, limits = {}, {}
    for body in BODIES:
        every = list(runs(body))
        columns[body], limits = measure(every, asked.rounds), {name: limit for name, limit, _ in every}
    lines = [
        "| | " + " | ".join(f"{body}, steps/s | of its limit" for body in BODIES) + " |",
        "|---|" + "---|" * (2 * len(BODIES)),
    ]
    for name, limit in limits.items():
        cells = []
        for speeds in columns.values():
            share = median(own / of for own, of in zip(speeds[name], speeds[limit], strict=True))
            cells += [f"{median(speeds[name]):,.0f}", "1" if name == limit else f"{share:.3f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    times = ", ".join(faster(columns["HalfCheetah-v5"], *peer) for peer in COMPARED)
    host, used = machine(), versions()
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("mujoco", "gymnasium", "numba", "evotorch", "snntorch")
    )
    about = (
        f"On HalfCheetah-v5 and with 100 cells that is {times}. {host['processor']}, {THREADS} threads, {asked.rounds} "
        f"interleaved rounds, medians. Python {used['python']}, torch {used['torch']}, numpy {used['numpy']}, "
        f"{libraries}; sources {used['sources']}."
    )
    what = __doc__.strip().split("\n\n")[1].replace("\n", " ")
    text = "\n\n".join(["# The closed loop, side by side", what, "\n".join(lines), about]) + "\n"
    print(text)
    write_atomic(RESULTS / "population.md", text.encode())


if __name__ == "__main__":
    main()
