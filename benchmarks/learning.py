"""Learning curves over ten seeds: linear policies by random search, and the worm's circuit by the genetic algorithm.

`linear, Swimmer-v5` and `linear, HalfCheetah-v5`: augmented random search (Mania, Guy and Recht 2018, arXiv
1803.07055) from zero weights with the hyperparameters that RL Zoo publishes for these bodies
(huggingface.co/sb3/ars-Swimmer-v3 and ars-HalfCheetah-v3): V1 with one direction, and V2-t with 4 of 32. Unlike theirs,
outputs pass through tanh here; there the simulator clips them. `haspel2012, swimmer6`: the circuit of the worm's
locomotion as in benchmarks/studies/first_look.toml, rate neurons, by the genetic algorithm alone. A point is the mean
return of eight held-out episodes, at the cost in environment steps that training had had until then.

`.venv/bin/python benchmarks/learning.py` takes about 25 minutes on two cores and goes on where it was stopped; rows
stand in benchmarks/results/learning.csv, the table in learning.md and the curves in learning.png (a line a seed, the
median bold). `--experiment`, `--seeds` and `--budget` run a part of it, `--results` elsewhere.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when the libraries load; a seed is one thread

import argparse
import csv
import io
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

import celegans_nn as cnn
from celegans_nn.figures import BASELINE, FAINT, INK, WORM, figure_style, save_png
from celegans_nn.files import write_atomic
from celegans_nn.studies.machine import machine, versions

RESULTS = Path(__file__).parent / "results"
SEEDS = 10
COLUMNS = ("experiment", "seed", "stage", "cost", "score", "sources")


class Experiment(NamedTuple):
    """One network on one body by one method."""

    task: tuple[str, dict[str, Any]]
    make: Callable[[Any, int], nn.Module]
    method: str
    budget: int
    """Environment steps a seed."""
    options: dict[str, Any]
    unit: str
    published: dict[str, float]
    """What others report, whatever it cost them, by source."""
    colour: str


def linear(task: Any, seed: int) -> nn.Module:
    """A linear policy that starts at zero, as Mania et al.'s does."""
    net = cnn.baseline("linear", like=circuit(task, seed), seed=seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    return net


def circuit(task: Any, seed: int) -> nn.Module:
    worm = cnn.load_connectome("haspel2012")
    return cnn.build(worm, "rate", inputs=task.observations, outputs=task.actions, ticks=20, share="edge", seed=seed)


EXPERIMENTS = {
    "linear, Swimmer-v5": Experiment(
        ("swimmer_v5", {}), linear, "ars", 400_000,
        {"ars": {"directions": 1, "learning_rate": 0.02, "sigma": 0.01}, "evaluate_every": 10},
        "return of 1000 steps",
        {"Mania et al., best, Swimmer-v1": 365.0, "RL Zoo, 2 M steps, Swimmer-v3": 350.2}, BASELINE,
    ),
    "linear, HalfCheetah-v5": Experiment(
        ("halfcheetah_v5", {}), linear, "ars", 1_280_000,
        {"ars": {"directions": 32, "top": 4, "learning_rate": 0.02, "sigma": 0.03}, "normalise": True,
         "evaluate_every": 1},
        "return of 1000 steps",
        {"Mania et al., best, HalfCheetah-v1": 6722.0, "RL Zoo, 12.5 M steps, HalfCheetah-v3": 4046.1}, BASELINE,
    ),
    "haspel2012, swimmer6": Experiment(
        ("swimmer6", {"episode_steps": 200, "settle_steps": 75, "head_drive": "square"}), circuit, "ga", 300_000,
        {"ga": {"population": 16, "elites": 3, "mutation_interface": 0.03, "mutation_connectome": 0.03},
         "evaluate_every": 5},
        "return of 125 scored steps, m/s", {}, WORM,
    ),
}  # fmt: skip


def run(name: str, seed: int, budget: int | None, kept: Path) -> list[dict[str, Any]]:
    """One seed: its held-out points, as rows."""
    torch.set_num_threads(1)
    experiment = EXPERIMENTS[name]
    task = cnn.make_task(experiment.task[0], **experiment.task[1])
    checkpoint = kept / f"learning-{experiment.task[0]}-{seed}.checkpoint"
    result = cnn.train(
        experiment.make(task, seed), task, method=experiment.method, seed=seed, budget=budget or experiment.budget,
        options=experiment.options, checkpoint=checkpoint, every=5, threads=1,
    )  # fmt: skip
    sources = versions()["sources"]
    rows = [
        dict(zip(COLUMNS, (name, seed, point.stage, point.cost, point.score, sources), strict=True))
        for point in result.curve
        if point.stage in ("untrained", "held_out", "final")
    ]
    checkpoint.unlink()
    return rows


def read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return [{**row, "seed": int(row["seed"]), "cost": int(row["cost"]), "score": float(row["score"])} for row in rows]


def write(rows: list[dict[str, Any]], results: Path) -> None:
    """Rows, table and figure of what there is."""
    order = list(EXPERIMENTS)
    rows.sort(key=lambda row: (order.index(row["experiment"]), row["seed"], row["cost"], row["stage"] == "final"))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(results / "learning.csv", text.getvalue())
    write_atomic(results / "learning.md", table(rows))
    draw(rows, results / "learning.png")


def scores(rows: list[dict[str, Any]], name: str, stage: str) -> np.ndarray:
    return np.array([row["score"] for row in rows if row["experiment"] == name and row["stage"] == stage])


def table(rows: list[dict[str, Any]]) -> str:
    about = (__doc__ or "").strip().split("\n\n")
    lines = ["# Learning curves", "", about[0], "", about[1].replace("\n", " "), ""]
    lines += [
        "| experiment | method | steps a seed | seeds | untrained, median | final, median | worst and best seed | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, experiment in EXPERIMENTS.items():
        first, last = scores(rows, name, "untrained"), scores(rows, name, "final")
        if not len(last):
            continue
        cost = max(row["cost"] for row in rows if row["experiment"] == name)
        better = f"{int((last > first).sum())} of {len(last)} seeds above their start"
        lines.append(
            f"| {name} | {experiment.method} | {cost} | {len(last)} | {np.median(first):.4g} | {np.median(last):.4g} | "
            f"{last.min():.4g}, {last.max():.4g} | {better} |"
        )
    lines += ["", "Published, for other versions of these bodies and at other costs: "]
    for name, experiment in EXPERIMENTS.items():
        if experiment.published:
            lines.append(f"- {name}: " + "; ".join(f"{who}: {value:g}" for who, value in experiment.published.items()))
    lines.append("- haspel2012, swimmer6: nothing comparable; this body, reward and episode are this package's own.")
    host, used = machine(), versions()
    lines += ["", f"{host['processor']}, one thread a seed; Python {used['python']}, mujoco {used['mujoco']}."]
    return "\n".join(lines) + "\n"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    names = [name for name in EXPERIMENTS if any(row["experiment"] == name for row in rows)]
    with figure_style():
        figure = Figure(figsize=(3.5 * len(names), 3.2), layout="constrained")
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
            experiment = EXPERIMENTS[name]
            own = [row for row in rows if row["experiment"] == name and row["stage"] != "final"]
            curves = []
            for seed in sorted({row["seed"] for row in own}):
                points = [(row["cost"] / 1e6, row["score"]) for row in own if row["seed"] == seed]
                curves.append(np.array(points).T)
                axes.plot(*curves[-1], color=experiment.colour, lw=0.8, alpha=0.4)
            if len({curve.shape for curve in curves}) == 1:
                axes.plot(curves[0][0], np.median([c[1] for c in curves], axis=0), color=experiment.colour, lw=2.2)
            for (who, value), side in zip(experiment.published.items(), ("bottom", "top"), strict=False):
                axes.axhline(value, color=FAINT, lw=0.8, ls="--")
                axes.annotate(who, (1, value), (0, 2 if side == "bottom" else -2), ("axes fraction", "data"),
                              "offset points", ha="right", va=side, fontsize=6.5, color=INK)  # fmt: skip
            axes.set(title=f"{name}, {experiment.method}", xlabel="million environment steps", ylabel=experiment.unit)
        save_png(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", choices=EXPERIMENTS, action="append")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 0")
    parser.add_argument("--budget", type=int, help="environment steps a seed, in place of each experiment's own")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes, one seed each at a time")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = read(given.results / "learning.csv")
    done = {(row["experiment"], row["seed"]) for row in rows}
    todo = [(n, s) for n in given.experiment or EXPERIMENTS for s in range(given.seeds) if (n, s) not in done]
    kept = given.results / "runs"
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(run, name, seed, given.budget, kept) for name, seed in todo]):
            new = future.result()
            last = new[-1]
            rows += new
            write(rows, given.results)
            print(
                f"{last['experiment']}, seed {last['seed']}: {last['score']:.4g} after {last['cost']} steps", flush=True
            )
    write(rows, given.results)  # also where every seed stood already: the page follows this file
    if kept.exists() and not any(kept.iterdir()):
        kept.rmdir()


if __name__ == "__main__":
    main()
