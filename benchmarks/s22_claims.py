"""The paper's claims that one network does better than another: tested on the seeds that both were trained from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from celegans_nn.studies.comparison import NOT_SUPPORTED, SUPPORTED, UNDECIDED
from celegans_nn.studies.statistics import FEWEST, bootstrap, equivalence, holm, mean, paired_permutation

ALPHA = 0.05


class Pair(NamedTuple):
    """A claim that one network does better than another, tested on the seeds that both were trained from."""

    claim: str
    paper: str
    study: str
    task: str
    better: str
    worse: str
    metric: str
    margin: float
    """The least difference that would matter, in the metric's unit."""


SWIM = 0.01
"""m/s: the margin of statistics.toml."""
SEEN = 0.02
"""Of test accuracy."""
RUN = 0.05
"""m/s."""
PAIRS = {
    "Realism": [
        Pair("Izhikevich cells start higher than artificial ones", "about 130 against 50", "realism", "swimmer6",
             "izhikevich s22", "relu", "after_pretraining_forward_speed", SWIM),
        Pair("ALIF cells start higher than artificial ones", "about 100 against 50", "realism", "swimmer6",
             "alif", "relu", "after_pretraining_forward_speed", SWIM),
        Pair("Izhikevich cells end higher", "slightly", "realism", "swimmer6",
             "izhikevich s22", "relu", "final_forward_speed", SWIM),
        Pair("ALIF cells end higher", "slightly", "realism", "swimmer6",
             "alif", "relu", "final_forward_speed", SWIM),
    ],
    "Wiring against networks without it": [
        Pair("The connectome starts higher than a dense network of as many units", "which starts at about 0", "realism",
             "swimmer6", "rate", "baseline dense_mlp", "after_pretraining_forward_speed", SWIM),
        Pair("The connectome ends higher than the dense network", "146.4 ± 3.5 against 96.2 ± 13.6", "realism",
             "swimmer6", "rate", "baseline dense_mlp", "final_forward_speed", SWIM),
        Pair("The connectome starts higher than a random sparse network", "which starts at about 0", "realism",
             "swimmer6", "rate", "random sparse_mlp", "after_pretraining_forward_speed", SWIM),
        Pair("The connectome ends higher than the random sparse network", "146.4 ± 3.5 against 63.7 ± 17.2", "realism",
             "swimmer6", "rate", "random sparse_mlp", "final_forward_speed", SWIM),
    ],
    "Many seeds": [
        Pair(f"The worm’s wiring ends higher than one rewiring that keeps {kept}", "not tried", "seeds", "swimmer6",
             "none", null, "final_forward_speed", SWIM)
        for null, kept in (("statistics", "its statistics"), ("degree", "every degree"), ("reciprocity", "reciprocity"))
    ],
    "Limits": [
        Pair("On HalfCheetah the connectome does worse than the dense network", "dramatically", "limits", "halfcheetah",
             "dense_mlp", "none", "final_forward_speed", RUN),
        Pair("On MNIST it does worse, trained by evolution", "dramatically", "limits", "mnist, evolution",
             "dense_mlp", "none", "final", SEEN),
        Pair("On MNIST it does worse, trained by gradients", "not tried", "limits", "mnist, gradient",
             "dense_mlp", "none", "final", SEEN),
        Pair("On Fashion-MNIST it does worse, trained by gradients", "not tried", "limits", "fashion_mnist, gradient",
             "dense_mlp", "none", "final", SEEN),
    ],
}  # fmt: skip


def pair_lines(group: str, rows: Callable[[str], pd.DataFrame | None]) -> list[str]:
    """Rows of the table of claims: of a group of pairs, with Holm's correction over the group. `rows`: of a study."""
    differences = [_differences(pair, rows(pair.study)) for pair in PAIRS[group]]
    there = [k for k, d in enumerate(differences) if len(d) >= 2]
    apart = [paired_permutation(differences[k], 0 * differences[k], seed=0).p for k in there]
    within = [equivalence(differences[k], PAIRS[group][k].margin).p for k in there]
    two_sided = dict(zip(there, holm(apart), strict=True)) if there else {}
    same = dict(zip(there, holm(within), strict=True)) if there else {}
    lines = []
    for k, (pair, d) in enumerate(zip(PAIRS[group], differences, strict=True)):
        if k not in two_sided:
            lines.append(f"| {pair.claim} | {pair.paper} | not run yet | {UNDECIDED} |")
            continue
        found, estimate = bootstrap(d, mean, seed=0) if len(d) >= FEWEST else None, float(d.mean())
        sure = "" if found is None else f" ({found.low:+.3g} to {found.high:+.3g})"
        verdict = UNDECIDED
        if two_sided[k] <= ALPHA and abs(estimate) > pair.margin:
            verdict = SUPPORTED if estimate > 0 else f"{NOT_SUPPORTED}: the reverse is significant"
        elif same[k] <= ALPHA:
            verdict = f"{NOT_SUPPORTED}: equal within {pair.margin:g}"
        lines.append(
            f"| {pair.claim} | {pair.paper} | {pair.better} less {pair.worse}: {estimate:+.3g}{sure}, n = {len(d)}, "
            f"p = {two_sided[k]:.3g} with Holm’s correction, margin {pair.margin:g} | {verdict} |"
        )
    return lines


def _differences(pair: Pair, table: pd.DataFrame | None) -> np.ndarray:
    """By seed, of the seeds that both networks have; the mean over a network's graphs."""
    if table is None:
        return np.empty(0)
    mine = table[table["task"] == pair.task]
    of = {
        label: mine[mine["network"] == label].groupby("seed")[pair.metric].mean() for label in (pair.better, pair.worse)
    }
    both = pd.concat(of, axis=1).dropna()
    return (both[pair.better] - both[pair.worse]).to_numpy()
