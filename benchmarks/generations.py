"""Wirings that evolve: the outer loop of benchmarks/studies/generations_{worm,images}.toml, and what came of both loops.

    python benchmarks/generations.py evolve worm images --out runs/generations    # hours; goes on where it stopped
    celegans-nn study run benchmarks/studies/generations_worm.toml --workers 1
    celegans-nn study run benchmarks/studies/generations_images.toml --workers 1

`evolve` leaves each wiring, cut to the worm's numbers of synapses, in benchmarks/studies/evolved/.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celegans_nn import Connectome, load_connectome, make_task
from celegans_nn.generations import Generation, cut_to, evolve_wiring, overcomplete

HERE = Path(__file__).parent
EVOLVED = HERE / "studies" / "evolved"
SEEDS = (0, 1, 2)
GENERATIONS = 12
"""Prunings of a fifth, after which 6.9 % of all synapses are left; the worm's wiring has 4.4 % of those onto neurons and
6.2 % of those onto muscles."""
RADIUS = 1.0
"""Spectral radius that the weights of every generation start with: with one weight for 66 or for 3 synapses a neuron,
neurons would either all saturate or hardly hear each other."""
TICKS = 20


@dataclass(frozen=True)
class Arm:
    task: str
    method: str
    budget: int
    """Of each generation."""
    metric: str
    unit: str
    task_options: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)


ARMS = {
    "worm": Arm(
        "swimmer6", "es", 60_000, "final_forward_speed", "steps",
        {"episode_steps": 200, "settle_steps": 75, "head_drive": "square"},
        {"es": {"population": 16, "update": "adam"}, "evaluation_episodes": 2},
    ),
    "images": Arm("fashion_mnist", "bptt", 10_000, "final", "images", {"steps": 1}),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    outer = commands.add_parser("evolve")
    outer.add_argument("arms", nargs="+", choices=ARMS)
    outer.add_argument("--out", type=Path, default=Path("runs/generations"))
    asked = parser.parse_args()
    evolve(asked.arms, asked.out)


if __name__ == "__main__":
    main()
