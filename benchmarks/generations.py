"""Wirings that evolve: the outer loop of benchmarks/studies/generations_worm.toml and generations_images.toml.

    python benchmarks/generations.py evolve worm images --out runs/generations    # hours; goes on where it stopped
    celegans-nn study run benchmarks/studies/generations_worm.toml --workers 1
    celegans-nn study run benchmarks/studies/generations_images.toml --workers 1
    python benchmarks/generations.py report --runs runs                           # writes results/generations.md

`evolve` leaves each wiring, cut to the worm's numbers of synapses, in benchmarks/studies/evolved/.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from celegans_nn import Connectome, compare, load_connectome, make_task, rewire
from celegans_nn.files import write_atomic
from celegans_nn.generations import Generation, cut_to, evolve_wiring, overcomplete

HERE = Path(__file__).parent
EVOLVED = HERE / "studies" / "evolved"
ROWS = HERE / "results" / "generations"
"""Rows of the two studies, and where and when each trial ran."""
SEEDS = (0, 1, 2)
GENERATIONS = 12
"""Prunings of a fifth, after which 6.9 % of all synapses are left; the worm's wiring has 4.4 % of those onto neurons
and 6.2 % of those onto muscles."""
RADIUS = 1.0
"""Spectral radius that the weights of every generation start with: with one weight for 66 or for 3 synapses a neuron,
neurons would either all saturate or hardly hear each other."""
TICKS = 20
NULLS = "statistics", "degree"
"""Of each evolved wiring: as many synapses, by target and sign, placed at random; and with each cell's degrees."""
RANDOM = 19
"""Of each."""
MEASURES = (
    "neuron-to-neuron edges in common", "neuron-to-muscle edges in common", "excitatory edges", "reciprocity",
    "clustering", "triad 030T", "triad 030C", "largest strong component", "mean shortest path, input to output",
    "longest shortest path, input to output",
)  # fmt: skip


@dataclass(frozen=True)
class Arm:
    task: str
    method: str
    budget: int
    """Of each generation."""
    metric: str
    told: str
    """What the metric is, and in which unit."""
    unit: str
    """Of the budget."""
    task_options: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)


ARMS = {
    "worm": Arm(
        "swimmer6", "es", 60_000, "final_forward_speed",
        "mean speed of the body along its own axis over held-out episodes, m/s", "environment steps",
        {"episode_steps": 200, "settle_steps": 75, "head_drive": "square"},
        {"es": {"population": 16, "update": "adam"}, "evaluation_episodes": 2},
    ),
    "images": Arm("fashion_mnist", "bptt", 10_000, "final", "test accuracy", "images", {"steps": 1}),
}  # fmt: skip


def evolve(arms: list[str], out: Path) -> None:
    worm = load_connectome("haspel2012")
    for seed in SEEDS:
        for name in arms:
            folder = EVOLVED / f"{name}_seed{seed}"
            if not folder.exists():
                cut_to(_evolved(name, seed, worm, out), worm).to_csv(folder)
                print(f"{folder} is there", flush=True)


def _evolved(name: str, seed: int, worm: Connectome, out: Path) -> Connectome:
    arm = ARMS[name]

    def told(generation: Generation) -> None:
        score = generation.scores[arm.metric]
        print(f"{name} {seed}: generation {generation.number}, {arm.metric} {score:.4f}", flush=True)

    return evolve_wiring(
        overcomplete(worm, seed=seed), make_task(arm.task, **arm.task_options), generations=GENERATIONS,
        budget=arm.budget, method=arm.method, seed=seed, ticks=TICKS, spectral_radius=RADIUS, options=arm.options,
        checkpoint=out / f"{name}_seed{seed}", progress=told, threads=1,
    )  # fmt: skip


def report(runs: Path) -> None:
    """benchmarks/results/generations.md, of all that is there, and of what the studies' folders in `runs` have."""
    for name in ARMS:
        for kind in ("results", "provenance"):
            path = runs / f"generations_{name}" / f"{kind}.parquet"
            if path.exists():
                write_atomic(ROWS / f"{name}_{kind}.parquet", path.read_bytes())
    worm = load_connectome("haspel2012")
    parts = [INTRODUCTION]
    for name, arm in ARMS.items():
        evolved = [Connectome.from_csv(folder) for folder in sorted(EVOLVED.glob(f"{name}_seed*"))]
        if evolved:
            parts += [f"## {arm.task}", _outer(arm, evolved), _graphs(worm, evolved)]
            parts += [*_priors(arm, ROWS / f"{name}_results.parquet"), FOUND[name]]
    parts.append(NOT_SHOWN)
    write_atomic(HERE / "results" / "generations.md", "\n\n".join(parts) + "\n")


def _outer(arm: Arm, evolved: Sequence[Connectome]) -> str:
    facts = [worm.provenance["evolved"] for worm in evolved]
    rows = [
        [str(k + 1), f"{sum(facts[0]['history'][k]['kept'].values()):,}"]
        + [f"{fact['history'][k]['scores'][arm.metric]:.3f}" for fact in facts]
        for k in range(len(facts[0]["history"]))
    ]
    heads = ["generation", "synapses left", *(f"outer seed {fact['seed']}" for fact in facts)]
    cost = f"Each outer seed cost {facts[0]['samples']:,} {arm.unit}."
    return f"**The outer loop**: {arm.told}, in each generation before its pruning. {cost}\n\n{_table(heads, rows)}"


def _graphs(worm: Connectome, evolved: Sequence[Connectome]) -> str:
    values = [{row.measure: row.control for row in compare(worm, one)} for one in evolved]
    random = [[_rewired(worm, one, null) for null in NULLS] for one in evolved]
    own = {row.measure: row.original for row in compare(worm, evolved[0])}
    rows = []
    for measure in MEASURES:
        cells = [measure, _number(own[measure])]
        for value, nulls in zip(values, random, strict=True):
            chance = [[draw[measure] for draw in null] for null in nulls]
            ranges = "; ".join(f"{_number(min(draws))} to {_number(max(draws))}" for draws in chance)
            cells.append(f"{_number(value[measure])} ({ranges})")
        rows.append(cells)
    heads = ["", "worm", *(f"outer seed {one.provenance['evolved']['seed']}" for one in evolved)]
    return (
        f"**As graphs**, cut to the worm's numbers of synapses; in brackets the range of {RANDOM} random wirings of the"
        f" same numbers, then that of {RANDOM} in which each cell keeps its degrees too.\n\n{_table(heads, rows)}"
    )


def _rewired(worm: Connectome, evolved: Connectome, null: str) -> list[dict[str, float]]:
    """What `compare` measures of that many of its nulls."""
    drawn = [rewire(evolved, null, seed=k, scope="all") for k in range(RANDOM)]
    return [{row.measure: row.control for row in compare(worm, control)} for control in drawn]


def _priors(arm: Arm, path: Path) -> Iterator[str]:
    if not path.exists():
        return
    table = pd.read_parquet(path).sort_values(["network", "seed"])
    rows = []
    for label, own in table.groupby("network", sort=False):
        graphs = own["wiring"].unique()
        outer = own["cost_outer"].max() if "cost_outer" in own else np.nan
        rows.append([
            str(label).replace("./evolved/", "evolved, "), str(len(graphs)), str(own["seed"].nunique()),
            f"{own[arm.metric].mean():.3f}", f"{own[arm.metric].min():.3f} to {own[arm.metric].max():.3f}",
            f"{int(own['cost_total'].max()):,}", "–" if np.isnan(outer) else f"{int(outer):,}",
        ])  # fmt: skip
    heads = ["wiring", "graphs", "inner seeds", "mean", "range", f"{arm.unit} each", "outer loop"]
    yield (
        f"**As priors**: {arm.told}, of learners that start from one weight a sign. Three outer seeds are too few for"
        f" an interval.\n\n{_table(heads, rows)}"
    )
    yield _differences(table, arm)


def _differences(table: pd.DataFrame, arm: Arm) -> str:
    """Each evolved wiring against others, learner by learner of the same inner seed."""
    scores = table.pivot_table(index="seed", columns="network", values=arm.metric)  # the mean over a null's graphs
    labels = [label for label in scores if label.startswith("./evolved/") and not label.endswith(" null")]
    others = {"its random wiring": "{}, statistics null", "one of its degrees": "{}, degree null", "the worm": "worm"}
    rows = []
    for label in labels:
        gains = [scores[label] - scores[other.format(label)] for other in others.values()]
        told = [f"{gain.mean():+.3f} ({', '.join(f'{one:+.3f}' for one in gain)})" for gain in gains]
        rows.append([label.removeprefix("./evolved/"), *told])
    return (
        "The evolved wiring's score less that of another, as a mean and, in brackets, for each inner seed.\n\n"
        f"{_table(['', *others], rows)}"
    )


INTRODUCTION = """# Wirings that evolved, beside the worm's own

Kotar & Tuckute's generations (2025) on the cells of the worm's locomotor circuit (`haspel2012`): every neuron wired
to all others and to every muscle, trained, its weakest fifth of synapses pruned, twelve times; survivors start each
generation anew at one weight a sign. Then cut to as many synapses onto neurons and onto muscles as the worm has. Made
by `benchmarks/generations.py`, from `benchmarks/studies/generations_worm.toml` and `generations_images.toml`. Gap
junctions are off throughout, the worm's too."""


FOUND = {
    "worm": """**What this says.** By these measures evolution prunes as chance does: what is left lies within, or a
hair beside, what random wirings of the same numbers have, and speed does not rise from generation to generation.
As priors the three are on average a little faster than random wirings and than the worm's own, each of them and in each
comparison, by less than a learner's own seed moves it: a hint to be tried with more outer seeds, at twelve times the
cost of what one learner sees.""",
    "images": """**What this says.** A gradient prunes with structure. In all three outer seeds what is left is more
clustered and more reciprocal than any of the random wirings, has more than twice their feedforward triads (030T) and a
smaller strong component, with or without each cell's degrees: by each of these measures it lies on the worm's side of
chance, while it has no more synapses in common with the worm than chance gives. As a prior it is worth nothing that
these learners could show: against random wirings and against the worm's own the outer seeds disagree in sign, and each
wiring cost twelve times what one learner sees.""",
}
"""In words, of the rows that stand here."""
NOT_SHOWN = """## What this does not show

Three outer seeds are points, not a distribution; a learner's own seed moves its score by more than any of the
differences here. Generations are short, of one neuron model, with learned coders that carry much of either task, and
survivors hand on nothing but where they are. Which cells are inhibitory was drawn, not evolved."""


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    outer = commands.add_parser("evolve")
    outer.add_argument("arms", nargs="+", choices=ARMS)
    outer.add_argument("--out", type=Path, default=Path("runs/generations"))
    commands.add_parser("report").add_argument("--runs", type=Path, default=Path("runs"))
    asked = parser.parse_args()
    if asked.command == "evolve":
        evolve(asked.arms, asked.out)
    else:
        report(asked.runs)


if __name__ == "__main__":
    main()
