"""The report's tables as plain values; the template lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from celegans_nn.errors import one_line
from celegans_nn.studies.spec import Study
from celegans_nn.studies.summary import Metric, NetworkResults, Point, TaskResults, group_of, made_wirings, number

MAIN_MEASURES = (
    "cells and their attributes", "chemical edges", "excitatory edges", "inhibitory edges", "unknown edges",
    "excitatory cells", "inhibitory cells", "gap-junction pairs", "chemical weights (multiset)", "in-degree",
    "out-degree", "in-strength", "gap-junction degree", "reciprocity", "clustering",
    "mean shortest path, input to output", "neuron-to-neuron edges in common", "neuron-to-muscle edges in common",
)  # fmt: skip
"""Of `compare`'s measures those that a reader looks for first; the others follow in detail."""
REWIRINGS_SHOWN = 2
COLUMNS = 4
"""Controls side by side in one table: as many as a printed page holds."""
MOST_ROWS = 5
"""Trials of a network that stand in the table; more are summed up in one row, and folded below it."""


def results(result: TaskResults) -> dict[str, Any]:
    """The final table: a block a network, a row a trial."""
    locomotion, metric = result.kind == "locomotion", result.metric
    staged = any(p.at(metric, "after_pretraining") is not None for p in result.points)
    several_graphs = any(n.graphs > 1 for n in result.networks)
    heads = [{"text": "Rewiring", "unit": "", "kind": ""}] if several_graphs else []
    heads.append({"text": "Seed", "unit": "", "kind": ""})
    stages = ["untrained", *(["after_pretraining"] if staged else []), "final"]
    heads += [{"text": w.replace("_", " ").capitalize(), "unit": metric.unit, "kind": ""} for w in stages]
    if locomotion:
        heads += [
            {"text": "Return", "unit": "final", "kind": ""},
            {"text": "Along x", "unit": metric.unit.removesuffix("/s"), "kind": ""},
        ]
    heads.append({"text": "Parameters", "unit": "", "kind": ""})
    heads.append({"text": "Steps" if locomotion else "Images", "unit": "all stages", "kind": ""})
    if evolved := any(p.row.get("cost_outer") is not None for p in result.points):
        heads.append({"text": "Outer loop", "unit": "paid before", "kind": ""})
    costs = ("parameters", "cost_total", *(["cost_outer"] if evolved else []))
    if locomotion:
        heads.append({"text": "Of S22’s", "unit": "2×10⁸ steps", "kind": ""})
    blocks, folded = [], []
    for network in result.networks:
        rows = [_cells(point, metric, stages, several_graphs, locomotion, costs) for point in network.points]
        block = {"label": one_line(network.label, 120), "group": network.group, "rows": rows}
        if len(rows) > MOST_ROWS:
            folded.append(block)
            rows = [_summed_up(network, metric, stages, several_graphs, locomotion, costs)]
        blocks.append(block | {"rows": rows or [["–"] * len(heads)]})
    caption = (
        f"{metric.name.capitalize()} of each trial. Steps count every stage of training; the last column is their "
        "share of the pretraining alone of Schmidgall et al. (2022; S22)."
        if locomotion
        else f"{metric.name.capitalize()} of each trial."
    )
    if evolved:
        caption += " The outer loop is what evolving the wiring cost, in the unit of the task that it evolved on."
    if folded:
        caption += " Of networks with many trials it gives means, in brackets the lowest and the highest final score."
    return {"heads": heads, "blocks": blocks, "folded": folded, "table_caption": caption}


def _cells(
    point: Point, metric: Metric, stages: list[str], several_graphs: bool, locomotion: bool, costs: Sequence[str]
) -> list[str]:
    row = point.row
    control = point.trial.network.control != "none"
    cells = [str(point.trial.network.control_seed) if control else "–"] if several_graphs else []
    cells.append(str(point.trial.seed))
    cells += [metric.text(point.at(metric, when)) for when in stages]
    if locomotion:
        cells += [number(row.get("final"), 1), number(row.get("final_displacement_x"), 2)]
    cells += ["–" if row.get(column) is None else f"{int(row[column]):,}" for column in costs]
    if locomotion:
        cells.append(f"{100 * float(row['share_of_s22']):.2g} %")
    return cells


def _summed_up(
    network: NetworkResults,
    metric: Metric,
    stages: list[str],
    several_graphs: bool,
    locomotion: bool,
    costs: Sequence[str],
) -> list[str]:
    """One row for many trials."""
    points = network.points
    cells = [f"{network.graphs} graphs" if network.group == "control" else "–"] if several_graphs else []
    cells.append(f"{len({p.trial.seed for p in points})} seeds")
    cells += [_mean(network.values(metric, when), metric.digits, when == "final") for when in stages]
    if locomotion:
        columns = (("final", 1), ("final_displacement_x", 2))
        cells += [_mean([p.row[c] for p in points if p.row.get(c) is not None], digits) for c, digits in columns]
    cells += [_span([int(p.row[c]) for p in points if p.row.get(c) is not None], "{:,}") for c in costs]
    if locomotion:
        cells.append(_span([100 * float(p.row["share_of_s22"]) for p in points], "{:.2g} %"))
    return cells


def _mean(values: Sequence[float], digits: int, spread: bool = False) -> str:
    if not values:
        return "–"
    mean = number(float(np.mean(values)), digits)
    return mean if not spread else f"{mean} ({number(min(values), digits)} … {number(max(values), digits)})"


def _span(values: Sequence[float], form: str) -> str:
    if not values:
        return "–"
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"


# -- what each control kept ------------------------------------------------------------------------------------


def preservation(study: Study) -> list[dict[str, Any]]:
    """One table an original wiring: each measure, the original's value, and each control's with its verdict; of each
    null model the first `REWIRINGS_SHOWN`, `COLUMNS` controls side by side."""
    from celegans_nn.rewiring import compare

    by_original: dict[str, list[tuple[str, Any]]] = {}
    originals: dict[str, Any] = {}
    seen: dict[tuple[Any, ...], set[int]] = {}
    for network in study.networks:
        if group_of(network) != "control":
            continue
        wiring = network.source, network.graph, network.circuit, network.muscles, network.polarity
        drawn = seen.setdefault((wiring, network.control, network.scope), set())
        if network.control_seed in drawn or len(drawn) == REWIRINGS_SHOWN:
            continue  # the same control under another neuron model, or enough
        drawn.add(network.control_seed)
        made = made_wirings(network)
        if made is None:
            continue
        original, control = made
        title = f"{network.control}, seed {network.control_seed}"
        if network.scope != "neurons":
            title += f", scope {network.scope}"
        originals[original.fingerprint] = original
        by_original.setdefault(original.fingerprint, []).append((title, compare(original, control)))
    return [_preservation_table(originals[key], reports) for key, reports in by_original.items()]


def _preservation_table(original: Any, reports: list[tuple[str, Any]]) -> dict[str, Any]:
    main: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for first in range(0, len(reports), COLUMNS):
        part = reports[first : first + COLUMNS]
        labels, lines = [title for title, _ in part], _preservation_lines([report for _, report in part])
        looked_for = [line for line in lines if line["measure"] in MAIN_MEASURES]
        looked_for.sort(key=lambda line: MAIN_MEASURES.index(line["measure"]))
        main.append({"labels": labels, "rows": looked_for})
        others = [line for line in lines if line["measure"] not in MAIN_MEASURES]
        if others:
            rest.append({"labels": labels, "rows": others})
    what = one_line(original.provenance.get("source", "wiring"))
    circuit = original.provenance.get("circuit")
    return {
        "caption": f"{what}{f', {one_line(circuit)}' if circuit else ''}: {len(original)} cells. For a measure of "
        "every cell the mean is shown, and the verdict holds in every single cell.",
        "main": main,
        "rest": rest,
    }


def _preservation_lines(reports: Sequence[Any]) -> list[dict[str, Any]]:
    """A line a measure, where any of these controls has something to keep."""
    return [
        {
            "measure": rows[0].measure,
            "original": _compact(rows[0].original),
            "controls": [
                {"value": _compact(row.control), "verdict": row.verdict, "kind": row.verdict.partition(" ")[0]}
                for row in rows
            ],
        }
        for rows in zip(*(report.rows for report in reports), strict=True)
        if any(row.verdict != "" for row in rows)
    ]


def _compact(value: float) -> str:
    if np.isnan(value):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
