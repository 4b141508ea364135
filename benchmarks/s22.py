"""Schmidgall, Schuman and Parsa 2022 (arXiv 2209.14406): each of their claims beside what was found here.

    python benchmarks/s22.py

Writes benchmarks/results/S22.md from the trial rows in benchmarks/results/s22/ alone, and the specifications of the
studies that made them (benchmarks/studies/).
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from s22_claims import pair_lines
from scipy import stats

from celegans_nn.files import write_atomic
from celegans_nn.studies import load_study
from celegans_nn.studies.comparison import UNDECIDED, Comparison, compare_rows
from celegans_nn.studies.spec import Study
from celegans_nn.studies.statistics import FEWEST, bootstrap
from celegans_nn.studies.verdict import headline

HERE = Path(__file__).parent
ROWS = HERE / "results" / "s22"
PAGE = HERE / "results" / "S22.md"
LIMITS = ("none", "statistics", "degree", "dense_mlp", "linear")
STAGES = {"untrained": "untrained", "after_pretraining": "after pretraining", "final": "final"}


def main() -> None:
    lines = [
        "# The claims of Schmidgall et al. 2022, and what was found here", "",
        "Made by `python benchmarks/s22.py` from the trial rows in [s22/](s22). The specifications: "
        "[realism](../studies/realism.toml), [statistics](../studies/statistics.toml), "
        "[ladder](../studies/ladder.toml), [limits](../studies/limits.toml). A claim is *supported* where the "
        "difference is significant after Holm’s correction (5 %) and above a margin; *not supported* where it lies "
        "within the margin (two one-sided tests), or the reverse is significant; otherwise *undecided at this "
        "budget*.", "",
        "## Claims", "", *claims(), "",
    ]  # fmt: skip
    lines += [*wiring(), *levels(), *ladder(), *limits(), *cost(), *what_it_does_not_show()]
    write_atomic(PAGE, "\n".join(lines))


def rows(study: str) -> pd.DataFrame | None:
    path = ROWS / study / "results.parquet"
    return pd.read_parquet(path) if path.exists() else None


def claims() -> list[str]:
    lines = ["| claim of the paper | its numbers (return) | found here | verdict |", "|---|---|---|---|"]
    lines += pair_lines("Realism", rows)
    lines.append(_wiring_claim("The exact wiring ends best, its statistics keep a part", "146.4 ± 3.5", None))
    stage = "after_pretraining_forward_speed"
    lines.append(_wiring_claim("The exact wiring starts best", "statistics start at about 22", stage))
    lines += pair_lines("Wiring against networks without it", rows)
    return lines + pair_lines("Limits", rows)


# -- the pre-registered comparison -----------------------------------------------------------------------------


def _compared(metric: str | None) -> Comparison | None:
    """By the metric that was stated, or by another one, which was not."""
    table, study = rows("statistics"), load_study(HERE / "studies" / "statistics.toml")
    if table is None or study.comparison is None:
        return None
    stated = study.comparison if metric is None else replace(study.comparison, metric=metric)
    return compare_rows(replace(study, comparison=stated), table)


def _wiring_claim(claim: str, paper: str, metric: str | None) -> str:
    found = _compared(metric)
    if found is None:
        return f"| {claim} | {paper} | not run yet | {UNDECIDED} |"
    cells = [
        f"{o.null.split(',')[0]}: above {o.percentile:.0f} % of {o.complete} rewirings, p = {o.p_holm:.3g} with Holm’s "
        "correction"
        for o in found.settings[0].outcomes
    ]
    beforehand = "stated beforehand" if metric is None else "not stated beforehand"
    return f"| {claim} ({beforehand}) | {paper} | {'; '.join(cells)} | {found.verdict} |"


def wiring() -> list[str]:
    found = _compared(None)
    if found is None:
        return []
    lines = [
        "## The comparison that was stated before anything ran", "", f"**{headline(found)}**", "",
        "| weights | gap junctions | null | worm | rewirings | their mean (lowest to highest) | worm above | p | "
        "Holm | effect (95 % interval) | in this setting |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    unfinished = 0
    for setting in found.settings:
        for o in setting.outcomes:
            if not o.null_scores or not math.isfinite(o.worm_score):
                unfinished += 1
                continue
            effect = "–"
            if o.effect is not None:
                interval = o.effect.interval()
                effect = f"{interval.estimate:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
            nulls = f"{np.mean(o.null_scores):.4f} ({min(o.null_scores):.4f} to {max(o.null_scores):.4f})"
            lines.append(
                f"| {setting.values['weights']} | {'yes' if setting.values['gap_junctions'] else 'no'} | "
                f"{o.null.split(',')[0]} | {o.worm_score:.4f} | {o.complete} of {o.rewirings} | {nulls} | "
                f"{o.percentile:.0f} % | {o.p:.3g} | {o.p_holm:.3g} | {effect} | {o.verdict(found.spec)} |"
            )
    lines.append("")
    if unfinished:
        lines += [f"Not finished when this page was made: {unfinished} of the comparisons in further settings.", ""]
    shares = [(null.split(",")[0], *_survives(found, null)) for null in found.spec.nulls]
    said = "; ".join(f"{null}: {stands} of {settings}" for null, stands, settings in shares)
    lines += [
        f"Scores are {found.spec.metric} in m/s, means over the seeds. Of the settings that were run in full, the "
        f"first one’s verdict stands in this many, {said}.", "",
        *(f"- {note}" for note in found.notes), *_luck(), "",
    ]  # fmt: skip
    return [*lines, *_many_seeds()]


def _luck() -> list[str]:
    """Whether a rewiring's score from one seed tells of its score from the other."""
    table, study = rows("statistics"), load_study(HERE / "studies" / "statistics.toml")
    assert table is not None and study.comparison is not None
    mine = table[table["network"].isin(study.comparison.nulls)]
    by_seed = mine.pivot_table(
        index=["network", "control_seed"], columns="seed", values=study.comparison.metric
    ).dropna()
    first, second = (by_seed[seed].to_numpy() for seed in study.tasks[0].seeds)
    found = stats.pearsonr(first, second)
    low, high = found.confidence_interval(0.95)
    return [
        f"- Of the {len(by_seed)} rewirings in the first setting, the score from one seed and that from the other "
        f"correlate by {found.statistic:.2f} (95 % interval {low:.2f} to {high:.2f}); one seed’s scores have a "
        f"standard deviation of {first.std(ddof=1):.3f} m/s. Near 0, what a trial reaches is the luck of its training "
        "and not its graph."
    ]  # fmt: skip


def _many_seeds() -> list[str]:
    table = rows("seeds")
    if table is None:
        return []
    lines = [
        "### One rewiring of each null, many seeds", "",
        "Added when the comparison above was in, and not stated beforehand ([seeds](../studies/seeds.toml)).", "",
        "| | | found here | verdict |", "|---|---|---|---|", *pair_lines("Many seeds", rows), "",
    ]  # fmt: skip
    scores = [
        f"{label} {_score(mine['final_forward_speed'].to_numpy(), 4)}" for label, mine in table.groupby("network")
    ]
    return [*lines, f"Final speed, interquartile mean over seeds with its 95 % interval: {'; '.join(scores)}.", ""]


def _survives(found: Comparison, null: str) -> tuple[int, int]:
    model = next(o.model for o in found.settings[0].outcomes if o.null == null)
    each = [
        o.verdict(found.spec)
        for setting in found.settings
        for o in setting.outcomes
        if o.model == model and o.complete == o.rewirings and math.isfinite(o.worm_score)
    ]
    return sum(verdict == each[0] for verdict in each), len(each)


# -- tables ----------------------------------------------------------------------------------------------------


def levels() -> list[str]:
    table = rows("realism")
    if table is None:
        return []
    lines = [
        "## Levels of realism, and networks without the wiring", "",
        "Forward speed in m/s; interquartile mean over seeds with its 95 % interval. Of `random sparse_mlp` two graphs "
        "were trained from each seed, and their mean counts.", "",
        "| network | seeds | " + " | ".join(STAGES.values()) + " |", "|---|---|---|---|---|",
    ]  # fmt: skip
    study = load_study(HERE / "studies" / "realism.toml")
    for label in dict.fromkeys(n.label for n in study.networks):
        mine = table[table["network"] == label]
        if len(mine):
            by_seed = mine.groupby("seed")[[f"{stage}_forward_speed" for stage in STAGES]].mean()
            cells = [_score(by_seed[column].to_numpy(), 3) for column in by_seed]
            lines.append(f"| {label} | {len(by_seed)} | {' | '.join(cells)} |")
    return [*lines, ""]


def ladder() -> list[str]:
    """Each network's graphs, a worm's own first."""
    table, study = rows("ladder"), load_study(HERE / "studies" / "ladder.toml")
    if table is None:
        return []
    lines = [
        "## Further nulls, further ticks, other worms", "",
        "Final forward speed, m/s, of graphs trained from the same seeds; too few of each for any test.", "",
        "| network | graphs | seeds | mean over graphs (lowest to highest) | the worm’s own, above |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for label in dict.fromkeys(n.label for n in study.networks):
        graphs = _by_graph(table, label)
        if not len(graphs):
            continue
        spec = next(n for n in study.networks if n.label == label)
        own = _own(study, table, label)
        place = "" if spec.control == "none" or own is None else f"{100 * float((graphs < own).mean()):.0f} %"
        spread = "" if len(graphs) == 1 else f" ({graphs.min():.4f} to {graphs.max():.4f})"
        seeds = table[table["network"] == label]["seed"].nunique()
        lines.append(f"| {label} | {len(graphs)} | {seeds} | {graphs.mean():.4f}{spread} | {place} |")
    return [*lines, ""]


def _by_graph(table: pd.DataFrame, label: str) -> np.ndarray:
    mine = table[table["network"] == label]
    return mine.groupby("control_seed", dropna=False)["final_forward_speed"].mean().to_numpy()


def _own(study: Study, table: pd.DataFrame, label: str) -> float | None:
    """The score of the wiring that a control is a rewiring of."""
    control = next(n for n in study.networks if n.label == label)
    original = replace(control, control="none", control_seed=0)
    for other in study.networks:
        if replace(other, label=label) == original:
            own = _by_graph(table, other.label)
            return float(own.mean()) if len(own) else None
    return None


def limits() -> list[str]:
    table = rows("limits")
    if table is None:
        return []
    lines = [
        "## Limits", "",
        "Interquartile mean over seeds with its 95 % interval: final forward speed in m/s, or test accuracy. `none` is "
        "the worm’s own wiring.", "",
        "| task | network | seeds | untrained | final |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for task, of_task in table.groupby("task"):
        column = "_forward_speed" if task == "halfcheetah" else ""
        for label in (name for name in LIMITS if name in set(of_task["network"])):
            mine = of_task[of_task["network"] == label]
            cells = [_score(mine[f"{stage}{column}"].to_numpy(), 3) for stage in ("untrained", "final")]
            lines.append(f"| {task} | {label} | {len(mine)} | {' | '.join(cells)} |")
    return [*lines, ""]


def _score(values: np.ndarray, digits: int) -> str:
    """With an interval where there are enough, else the points."""
    if len(values) < FEWEST:
        return ", ".join(f"{v:.{digits}f}" for v in sorted(values))
    found = bootstrap(values, seed=0)
    return f"{found.estimate:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


# -- cost, and what it is not ----------------------------------------------------------------------------------


def cost() -> list[str]:
    lines = [
        "## Cost", "", "| study | task | trials | cost of one | of the paper’s pretraining | of all |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in ("realism", "statistics", "seeds", "ladder", "limits"):
        table = rows(name)
        for task, mine in () if table is None else table.groupby("task"):
            share = mine["share_of_s22"].mean()
            unit, of = ("images", "–") if math.isnan(share) else ("steps", f"{100 * share:.2g} %")
            one, total = mine["cost_total"].mean(), mine["cost_total"].sum()
            lines.append(f"| {name} | {task} | {len(mine)} | {one:,.0f} {unit} | {of} | {total:,} {unit} |")
    return [*lines, ""]


def what_it_does_not_show() -> list[str]:
    return [
        "## What this does not show", "",
        "- A trial here has a small share of the paper’s steps, a population of 8 where it has 200 and 750, and "
        "episodes of 120 steps where it has 1000: a difference that takes longer to show would be missed, and "
        "*undecided* is not *equal*.",
        "- The circuit is `haspel2012`, the closest published form of the paper’s, whose own list of cells is not "
        "given; its swimmer’s reward and size differ, so its returns do not compare with the speeds here.",
        "- Every network gets the same rhythm from outside (`head_drive`), which the paper does not mention.",
        "- Only the comparison of the wiring with its rewirings was stated beforehand. The margins of the pairs were "
        "chosen beside it, and settings of the trainer by trial on the worm’s own networks and a few rewirings.",
        "- The error of an effect over rewirings was revised once the first setting was in: two seeds had agreed by "
        "chance, and made the worm equal to its `reciprocity` rewirings, so that the whole was *not supported*. Now it "
        "is no smaller than what seeds do to all graphs, by which nothing can be called equal from two seeds here.",
        "- Images pass an encoder of 16 hidden units before they reach the wiring, which the dense network does not; "
        "the rewirings pass it too.",
        "- Rewirings keep the edges onto muscles where they are; of the paper’s random networks this is not said.", "",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
