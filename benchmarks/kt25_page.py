"""The page and the figure of `benchmarks/kt25.py`, counted from its rows alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from celegans_nn.errors import GenerationsError
from celegans_nn.figures import BASELINE, CONTROL, FAINT, WORM, figure_style, save_png
from celegans_nn.files import write_atomic

HEIR = "connectome"
DIFFERS = {
    "connectome": "mask and signs that evolved, at ±0.02",
    "shuffled_signs": "the same mask, its signs dealt anew",
    "mask": "the same mask, Gaussian weights",
    "degree_mask": "a random mask of the same sums over rows and columns, at ±0.02",
    "random_mask": "a random mask of the same density in each layer, at ±0.02",
    "signs": "no mask; signs that evolved and, where none did, drawn, at ±0.02",
    "dense_scale": "no mask, drawn signs, at ±0.02",
    "dense_gaussian": "no mask, Gaussian weights: a learner as usual",
    "shuffled_text": "mask and signs that evolved on the same tokens in random order",
    "dense_outer_inner": "no mask, Gaussian weights; reads first what all generations read",
}
ELSEWHERE = "The same two loops on the worm's cells, for swimming and for images: [generations.md](generations.md)."
ENOUGH = 10
"""Outer seeds from which on an interval would be given."""


class Rows(NamedTuple):
    learners: pd.DataFrame
    outer: pd.DataFrame
    settings: dict[str, Any]

    @property
    def controls(self) -> list[str]:
        there = set(self.learners["control"])
        return [name for name in DIFFERS if name in there]

    @property
    def steps(self) -> list[str]:
        """Columns of losses on the way, in order; the last is the end."""
        on_the_way = [column for column in map(str, self.learners) if column.startswith("loss_")]
        return [*sorted(on_the_way, key=_step), "validation_loss"]

    @property
    def seeds(self) -> list[int]:
        """Outer seeds with learners."""
        return sorted(int(seed) for seed in self.learners["outer_seed"].dropna().unique())


def read_rows(folder: Path) -> Rows:
    for name in ("learners.csv", "outer.csv", "settings.json"):
        if not (folder / name).exists():
            raise GenerationsError(f"{folder / name} is not there; give the folder of a run that has learners")
    learners = pd.read_csv(folder / "learners.csv").astype({"outer_seed": "Int64"})
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    return Rows(learners, pd.read_csv(folder / "outer.csv"), settings)


def write_report(folder: Path) -> None:
    """KT25.md beside the folder of the rows, and the figure in it."""
    rows = read_rows(folder)
    draw(rows, folder / "losses.png")
    write_atomic(folder.parent / "KT25.md", page(rows, folder.name))


def differences(rows: Rows, control: str, column: str = "validation_loss") -> dict[int, float]:
    """How much higher a control's loss is than the heirs', by outer seed: the mean over inner seeds that both have.

    A control that inherits nothing stands beside every outer seed.
    """
    found = {}
    for seed in rows.seeds:
        heirs, others = (_by_inner(rows.learners, name, seed)[column] for name in (HEIR, control))
        both = heirs.index.intersection(others.index)
        if len(both):
            found[seed] = float((others[both] - heirs[both]).mean())
    return found


def _by_inner(learners: pd.DataFrame, control: str, seed: int) -> pd.DataFrame:
    own = learners[learners["control"] == control]
    return own[own["outer_seed"].isna() | (own["outer_seed"] == seed)].set_index("inner_seed")


def by_outer_seed(rows: Rows, control: str, column: str) -> list[float]:
    """The mean over inner seeds of each outer seed; of a control that inherits nothing, one value."""
    own = rows.learners[rows.learners["control"] == control]
    return [float(value) for value in own.groupby("outer_seed", dropna=False, sort=True)[column].mean()]


def page(rows: Rows, folder: str) -> str:
    parts = [
        "# Model connectomes on text: generations, heirs and controls",
        _setting(rows),
        ELSEWHERE,
        "## What was found",
    ]
    parts += [_findings(rows), f"![validation losses of every learner]({folder}/losses.png)", _losses(rows)]
    parts += ["## Differences", _pairs(rows), "## The outer loop", _outer(rows)]
    if "reading_r" in rows.learners:
        parts += ["## Reading times", _reading(rows)]
    parts += ["## What this does not show", _limits(rows)]
    used, host = rows.settings["versions"], rows.settings["machine"]
    parts.append(
        f"{host['processor']}, one thread; Python {used['python']}, torch {used['torch']}, sources {used['sources']}. "
        f"Rows: [{folder}/learners.csv]({folder}/learners.csv), [{folder}/outer.csv]({folder}/outer.csv); "
        "`benchmarks/kt25.py report` makes this page of them."
    )
    return "\n\n".join(parts) + "\n"


def _setting(rows: Rows) -> str:
    asked, about = rows.settings["asked"], rows.settings["about"]
    outer, inner = about["outer_corpus"], about["inner_corpus"]
    options, left = asked["inner"]["options"], (1 - asked["prune_fraction"]) ** asked["generations"]
    shared = sum(name in ("dense_scale", "dense_gaussian", "dense_outer_inner") for name in asked["controls"])
    wanted = len(asked["inner_seeds"]) * (shared + (len(asked["controls"]) - shared) * len(asked["outer_seeds"]))
    so_far = "" if len(rows.learners) == wanted else f" **So far {len(rows.learners)} of {wanted} learners.**"
    return (
        f"Kotar & Tuckute 2025 (arXiv 2504.21047) at a laptop's size: a transformer of {about['weights']:,} weights "
        f"(`{asked['model']}`, a vocabulary of {asked['vocabulary']}). The outer loop reads {outer['name']} "
        f"({outer['train_tokens']:,} tokens), {asked['generations']} generations of "
        f"{_tokens(rows.outer['samples'].iloc[0])} tokens, each followed by the pruning of "
        f"{100 * asked['prune_fraction']:.0f} % of each layer's weights, so that {100 * left:.1f} % are left; "
        f"survivors begin each generation at ±0.02. Learners read {inner['name']} "
        f"({inner['train_tokens']:,} tokens), {_tokens(rows.learners['inner_samples'].iloc[0])} each: "
        f"{options['steps']} steps. Under one inner seed all begin from the same fresh model and read the same windows "
        "in the same order. Losses are nats a token of the inner corpus's held-out documents."
        f"{so_far}"
    )


def _findings(rows: Rows) -> str:
    ends = {name: by_outer_seed(rows, name, "validation_loss") for name in rows.controls}
    best = min(ends, key=lambda name: np.mean(ends[name]))
    lines = [
        f"The heirs of a connectome end at {_values(ends[HEIR])} ({_of_seeds(rows.seeds)}). The lowest loss is that of "
        f"`{best}`, {np.mean(ends[best]):.3f}.",
        "Against the heirs, each outer seed's mean over inner seeds, at the end and (in brackets) after the first "
        f"{_step(rows.steps[1])} steps; + where the heirs are better:",
    ]
    points = []
    for name in rows.controls:
        if name != HEIR:
            late, early = (differences(rows, name, column) for column in ("validation_loss", rows.steps[1]))
            points.append(f"- `{name}`, {DIFFERS[name]}: {_signed(late)} ({_signed(early)}). {_verdict(late)}")
    return "\n\n".join([*lines, "\n".join(points)])


def _verdict(by_seed: dict[int, float]) -> str:
    better, number = sum(value > 0 for value in by_seed.values()), len(by_seed)
    if better in (0, number):
        return f"The heirs are {'better' if better else 'worse'} in {'all' if number > 1 else 'the one'} of {number}."
    return f"The heirs are better in {better} of {number}, so the sign is open."


def _losses(rows: Rows) -> str:
    heads = [
        "",
        "weights held",
        *(_head(column) for column in rows.steps),
        "perplexity",
        "outer tokens",
        "inner tokens",
    ]
    lines = []
    for name in rows.controls:
        own = rows.learners[rows.learners["control"] == name]
        losses = [_range(by_outer_seed(rows, name, column)) for column in rows.steps]
        # of the loss's mean, so that the two columns say one thing
        perplexity = f"{np.exp(np.mean(by_outer_seed(rows, name, 'validation_loss'))):.1f}"
        cost = [_tokens(own["outer_samples"].iloc[0]), _tokens(own["inner_samples"].iloc[0])]
        lines.append([f"`{name}`", f"{100 * own['density'].iloc[0]:.1f} %", *losses, perplexity, *cost])
    return (
        "Held-out loss: the mean over outer seeds of the means over inner seeds, and the range over outer seeds where "
        f"there are several.\n\n{_table(heads, lines)}"
    )


def _pairs(rows: Rows) -> str:
    heads = ["minus the heirs' loss", *(f"outer seed {seed}" for seed in rows.seeds), "pairs in which it is higher"]
    lines = []
    for name in rows.controls:
        if name == HEIR:
            continue
        by_seed, higher, pairs = differences(rows, name), 0, 0
        for seed in rows.seeds:
            heirs, others = (_by_inner(rows.learners, one, seed)["validation_loss"] for one in (HEIR, name))
            gap = (others - heirs).dropna()
            higher, pairs = higher + int((gap > 0).sum()), pairs + len(gap)
        cells = [f"{by_seed[seed]:+.4f}" if seed in by_seed else "" for seed in rows.seeds]
        lines.append([f"`{name}`", *cells, f"{higher} of {pairs}"])
    return (
        "At the end of learning, pairs of one inner seed. Pairs of one outer seed share a connectome: they are not "
        f"independent, and outer seeds are what counts.\n\n{_table(heads, lines)}"
    )


def _outer(rows: Rows) -> str:
    table = rows.outer
    columns = [(text, seed) for text in ("text", "shuffled") for seed in sorted(table["outer_seed"].unique())]
    columns = [one for one in columns if ((table["text"] == one[0]) & (table["outer_seed"] == one[1])).any()]
    values = table.set_index(["text", "outer_seed", "generation"])
    lines = []
    for generation in sorted(table["generation"].unique()):
        left = table[table["generation"] == generation]["density"].iloc[0]
        cells = [
            f"{values.loc[(*one, generation), 'validation_loss']:.3f}" if (*one, generation) in values.index else ""
            for one in columns
        ]
        lines.append([str(generation + 1), *cells, f"{100 * left:.1f} %"])
    names = {"text": "seed {}", "shuffled": "shuffled text, seed {}"}
    heads = ["generation", *(names[text].format(seed) for text, seed in columns), "weights left after it"]
    return (
        "Loss on the outer corpus's held-out documents, before each pruning (of shuffled text: on its own held-out "
        f"tokens, shuffled). A connectome costs {_tokens(_outer_cost(rows))} tokens.\n\n{_table(heads, lines)}"
    )


def _reading(rows: Rows) -> str:
    columns = ["reading_r_before", "reading_r", "reading_r_after"]
    lines = [
        [f"`{name}`", *(_range(by_outer_seed(rows, name, column)) for column in columns)]
        for name in rows.controls
    ]  # fmt: skip
    words = int(rows.learners["reading_words"].iloc[0])
    heads = ["", "the word before", "the word itself", "the word after"]
    return (
        f"Pearson r between a word's surprisal and the mean time that readers took ({words:,} words of Natural "
        "Stories, which are not part of this repository), and that of its neighbours. These learners know "
        f"{rows.settings['about']['inner_corpus']['name']} alone.\n\n{_table(heads, lines)}"
    )


def _limits(rows: Rows) -> str:
    asked, about = rows.settings["asked"], rows.settings["about"]
    passes = rows.learners["inner_samples"].iloc[0] / about["inner_corpus"]["train_tokens"]
    rate = asked["inner"]["options"]["learning_rate"]
    lines = [
        f"- {about['weights']:,} weights and {passes:.1f} passes over the inner corpus are not 162.2 million and ten. "
        "What is found here may turn round at the published size; `--preset paper` builds it.",
        "- Both loops are trained by AdamW. The paper's outer one is trained by Muon, whose published rate hardly "
        f"moves a weight in so few steps. One learning rate ({rate}) for all arms, the better of 0.0018 and 0.006 for "
        "dense learners of another seed: an arm may do better at another.",
        "- Learners of equal inner budget are not of equal cost: a connectome took "
        f"{_tokens(_outer_cost(rows))} tokens before its heirs read one. At equal cost it stands beside "
        "`dense_outer_inner` alone.",
        "- One shuffle of the text an outer seed. HellaSwag, MMLU and brain predictivity were not asked of models that "
        "know so little.",
    ]
    if len(rows.seeds) < ENOUGH:
        lines.insert(0, f"- {len(rows.seeds)} outer seed(s) describe and test nothing: no interval and no p is given.")
    return "\n".join(lines)


def _outer_cost(rows: Rows) -> int:
    """Tokens that one connectome took."""
    return int(rows.outer.groupby(["text", "outer_seed"])["samples"].sum().max())


def draw(rows: Rows, path: Path) -> None:
    """A dot a learner, a bar for the mean of each outer seed; early and at the end."""
    from matplotlib.figure import Figure

    names = rows.controls
    with figure_style():
        figure = Figure(figsize=(8.4, 0.36 * len(names) + 1.1), layout="constrained")
        both = figure.subplots(1, 2, sharey=True)
        for axes, column in zip(both, (rows.steps[1], "validation_loss"), strict=True):
            for place, name in enumerate(names):
                own = rows.learners[rows.learners["control"] == name]
                groups = list(own.groupby("outer_seed", dropna=False, sort=True))
                colour = WORM if name == HEIR else BASELINE if own["outer_seed"].isna().all() else CONTROL
                for k, (_, group) in enumerate(groups):
                    at = place + 0.22 * (k - (len(groups) - 1) / 2)
                    axes.plot(group[column], np.full(len(group), at), "o", ms=3.5, color=colour, alpha=0.5, mew=0)
                    axes.plot([group[column].mean()], [at], "|", ms=8, mew=1.8, color=colour)
            mean = np.mean(by_outer_seed(rows, HEIR, column))
            axes.axvline(mean, color=FAINT, lw=0.7, ls="--", zorder=0)
            axes.set(title=_head(column), xlabel="held-out loss, nats a token")
        both[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
        save_png(figure, path)


def _step(column: str) -> int:
    return int(column.rpartition("_")[2])


def _head(column: str) -> str:
    return "at the end" if column == "validation_loss" else f"after {_step(column)} steps"


def _of_seeds(seeds: Sequence[int]) -> str:
    return f"outer seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"outer seed {seeds[0]}"


def _values(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def _signed(by_seed: dict[int, float]) -> str:
    return ", ".join(f"{value:+.3f}" for value in by_seed.values()) or "–"


def _range(values: Sequence[float]) -> str:
    spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def _tokens(number: float) -> str:
    """Millions of them."""
    return f"{number / 1e6:.2f} M" if number else "0"


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *lines))
