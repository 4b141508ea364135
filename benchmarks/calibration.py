"""How often intervals hold the truth and tests reject what is true, on data whose truth is known.

    python benchmarks/calibration.py [--repeats 4000]

Writes benchmarks/results/calibration.md. Nominal: 95 % of intervals, 5 % of tests.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from celegans_nn.files import write_atomic
from celegans_nn.studies import statistics
from celegans_nn.studies.null_effect import null_effect

RESULTS = Path(__file__).parent / "results" / "calibration.md"
Draw = Callable[[np.random.Generator, int], np.ndarray]

SCORES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "uniform": lambda rng, n: rng.random(n),
    "lognormal, sigma 0.5": lambda rng, n: np.exp(0.5 * rng.standard_normal(n)),
    "two modes (30 % fail)": lambda rng, n: rng.standard_normal(n) + 4 * (rng.random(n) < 0.7),
}
SIZES = (10, 20, 60)
GRAPHS = (10, 20, 60)
PAIRS = (5, 10, 20)
REWIRINGS = (19, 59, 199)
SEEDS = (2, 5, 10)
SPREADS = {"graphs and seeds alike": (1.0, 1.0), "seeds alone": (0.0, 1.0), "mostly graphs": (1.0, 0.2)}
"""Standard deviations between a null's graphs, and of what a seed adds to each graph's score."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=4000, help="data sets of each kind (default 4000)")
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    margin = 2 * np.sqrt(0.05 * 0.95 / repeats)
    lines = [
        "# Coverage of intervals and size of tests",
        "",
        f"Made by `python benchmarks/calibration.py --repeats {repeats}`: {repeats} data sets of known truth of each "
        f"kind, so that two standard errors of a figure near 95 or 5 % are {100 * margin:.1f} %. Intervals are "
        "nominally 95 %, tests nominally 5 %.",
        "",
        "## 95 % intervals of the interquartile mean: share that holds the truth",
        "",
        "| scores | " + " | ".join(f"n = {n}" for n in SIZES) + " |",
        "|---|" + "---|" * len(SIZES),
    ]
    for name, draw in SCORES.items():
        shares = [interval_coverage(draw, n, repeats, rng) for n in SIZES]
        lines.append(f"| {name} | " + " | ".join(f"{100 * s:.1f} %" for s in shares) + " |")
    lines += [
        "",
        "Graphs that differ (standard deviation 1) and three seeds of each (1): the interval over graphs.",
        "",
        "| | " + " | ".join(f"{n} graphs" for n in GRAPHS) + " |",
        "|---|" + "---|" * len(GRAPHS),
        "| graphs, then seeds | "
        + " | ".join(f"{100 * cluster_coverage(n, repeats, rng):.1f} %" for n in GRAPHS)
        + " |",
        "",
        "The effect of one graph over the mean of its R = 59 rewirings, all from the same seeds, by Student's t for "
        "the seeds' and the graphs' parts (celegans_nn/studies/null_effect.py):",
        "",
        "| scores vary between | " + " | ".join(f"{n} seeds" for n in SEEDS) + " |",
        "|---|" + "---|" * len(SEEDS),
    ]
    for name, spread in SPREADS.items():
        shares = [effect_coverage(59, n, *spread, repeats, rng) for n in SEEDS]
        lines.append(f"| {name} | " + " | ".join(f"{100 * s:.1f} %" for s in shares) + " |")
    lines += [
        "",
        "## Tests at 5 %: share that rejects although nothing is there",
        "",
        "| test | " + " | ".join(str(n) for n in PAIRS) + " pairs or differences |",
        "|---|" + "---|" * len(PAIRS),
    ]
    for name, test in TESTS.items():
        shares = [rejections(test, n, repeats, rng) for n in PAIRS]
        lines.append(f"| {name} | " + " | ".join(f"{100 * s:.1f} %" for s in shares) + " |")
    lines += [
        "",
        "| | " + " | ".join(f"R = {n}" for n in REWIRINGS) + " |",
        "|---|" + "---|" * len(REWIRINGS),
    ]
    for name, families in (("place among R nulls, one null model", 1), ("three null models, Holm, any rejected", 3)):
        shares = [place_rejections(n, families, repeats, rng) for n in REWIRINGS]
        lines.append(f"| {name} | " + " | ".join(f"{100 * s:.1f} %" for s in shares) + " |")
    lines += [
        "",
        "Three families whose nulls are independent of one another but share the worm's own score: Holm holds for any "
        "dependence and so rejects less than 5 %. With R = 19 and three null models no p can be small enough.",
        "",
    ]
    write_atomic(RESULTS, "\n".join(lines))
    print("\n".join(lines))


def interval_coverage(draw: Draw, n: int, repeats: int, rng: np.random.Generator) -> float:
    truth, hits = float(statistics.iqm(draw(np.random.default_rng(1), 2_000_000))), 0
    for seed in range(repeats):
        interval = statistics.bootstrap(draw(rng, n), seed=seed)
        hits += interval.low <= truth <= interval.high
    return hits / repeats


def cluster_coverage(graphs: int, repeats: int, rng: np.random.Generator) -> float:
    hits = 0
    for seed in range(repeats):
        scores = rng.standard_normal((graphs, 1)) + rng.standard_normal((graphs, 3))
        interval = statistics.cluster_bootstrap(dict(enumerate(scores)), seed=seed)
        hits += interval.low <= 0 <= interval.high
    return hits / repeats


def effect_coverage(
    rewirings: int, seeds: int, between: float, within: float, repeats: int, rng: np.random.Generator
) -> float:
    """The graph's own level is 0, as is the mean of its nulls'; seeds shift all graphs alike and each on its own."""
    hits = 0
    for _ in range(repeats):
        of_seed, levels = rng.standard_normal(seeds), between * rng.standard_normal((rewirings, 1))
        nulls = of_seed + levels + within * rng.standard_normal((rewirings, seeds))
        interval = null_effect(of_seed + within * rng.standard_normal(seeds), nulls).interval()
        hits += interval.low <= 0 <= interval.high
    return hits / repeats


TESTS: dict[str, Callable[[np.ndarray, int], float]] = {
    "paired permutation, two-sided": lambda d, seed: statistics.paired_permutation(d, 0 * d, seed=seed).p,
    "paired permutation, one-sided": lambda d, seed: (
        statistics.paired_permutation(d, 0 * d, seed=seed, alternative="greater").p
    ),
    "equivalence, true difference at the margin": lambda d, seed: statistics.equivalence(d + 1.0, 1.0).p,
}
"""Of n differences with mean 0; the margin of 1 is their standard deviation's double."""


def rejections(test: Callable[[np.ndarray, int], float], n: int, repeats: int, rng: np.random.Generator) -> float:
    return sum(test(0.5 * rng.standard_normal(n), seed) <= 0.05 for seed in range(repeats)) / repeats


def place_rejections(rewirings: int, families: int, repeats: int, rng: np.random.Generator) -> float:
    """The worm's score comes from the same distribution as its nulls'."""
    rejected = 0
    for _ in range(repeats):
        own, nulls = rng.standard_normal(), rng.standard_normal((families, rewirings))
        p = statistics.holm([statistics.place_in_nulls(own, family).p_above for family in nulls])
        rejected += bool(p.min() <= 0.05)
    return rejected / repeats


if __name__ == "__main__":
    main()
