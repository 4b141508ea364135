"""The report's tables and dot strips as plain values; the template lays them out."""

from __future__ import annotations

from typing import Any

import numpy as np

from celegans_nn.studies.results_figure import axis_ticks
from celegans_nn.studies.spec import Study
from celegans_nn.studies.summary import Metric, NetworkResults, Point, TaskResults, group_of, number
from celegans_nn.studies.trial import wirings

MAIN_MEASURES = (
    "cells and their attributes", "chemical edges", "excitatory edges", "inhibitory edges", "unknown edges",
    "excitatory cells", "inhibitory cells", "gap-junction pairs", "chemical weights (multiset)", "in-degree",
    "out-degree", "in-strength", "gap-junction degree", "reciprocity", "clustering",
    "mean shortest path, input to output", "neuron-to-neuron edges in common", "neuron-to-muscle edges in common",
)  # fmt: skip
"""Of `compare`'s measures those that a reader looks for first; the others follow in detail."""
REWIRINGS_SHOWN = 2
LANE = 11
"""Pixels between the trials of one network."""


def strips(result: TaskResults) -> dict[str, Any]:
    """Rows of dots from untrained to trained, placed in per cent of the axis."""
    metric = result.metric
    values = [v for n in result.networks for when in ("untrained", "final") for v in n.values(metric, when)]
    ticks, (low, high) = axis_ticks(values)
    span = high - low

    def at(value: float | None) -> float | None:
        return None if value is None or not np.isfinite(value) else round(100 * (value - low) / span, 3)

    rows = [_strip(network, metric, at) for network in result.networks]
    decimals = max((len(f"{t:g}".partition(".")[2]) for t in ticks), default=0)
    shown = [
        {
            "at": at(t), "zero": t == 0, "text": f"{t:.{decimals}f}".replace("-", "−"),
            "anchor": "start" if t == low else "end" if t == high else "middle",
        }
        for t in ticks
    ]  # fmt: skip
    return {"strips": rows, "ticks": shown}


def _strip(network: NetworkResults, metric: Metric, at: Any) -> dict[str, Any]:
    height = max(26, LANE * (len(network.points) + 1))
    middle = (len(network.points) - 1) / 2
    points = []
    for k, point in enumerate(network.points):
        after = at(point.at(metric, "final"))
        if after is None:
            continue
        title = f"{network.label}, {_which(point)}: {metric.with_unit(point.at(metric, 'final'))}"
        before = at(point.at(metric, "untrained"))
        points.append({"from": before, "to": after, "y": height / 2 + LANE * (k - middle), "title": title})
    return {"label": network.label, "group": network.group, "height": height, "points": points}


def _which(point: Point) -> str:
    graph = f"rewiring {point.trial.network.control_seed}, " if point.trial.network.control != "none" else ""
    return f"{graph}seed {point.trial.seed}"


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
        heads.append({"text": "Return", "unit": "final", "kind": ""})
        heads.append({"text": "Along x", "unit": metric.unit.removesuffix("/s"), "kind": ""})
    heads.append({"text": "Parameters", "unit": "", "kind": ""})
    heads.append({"text": "Steps" if locomotion else "Images", "unit": "all stages", "kind": ""})
    if locomotion:
        heads.append({"text": "Of S22’s", "unit": "2×10⁸ steps", "kind": ""})
    blocks = []
    for network in result.networks:
        rows = [_cells(point, metric, stages, several_graphs, locomotion) for point in network.points]
        blocks.append({"label": network.label, "group": network.group, "rows": rows or [["–"] * len(heads)]})
    caption = (
        f"{metric.name.capitalize()} of each trial. Steps count every stage of training; the last column is their "
        "share of the pretraining alone of Schmidgall et al. (2022; S22)."
        if locomotion
        else f"{metric.name.capitalize()} of each trial."
    )
    return {"heads": heads, "blocks": blocks, "table_caption": caption}


def _cells(point: Point, metric: Metric, stages: list[str], several_graphs: bool, locomotion: bool) -> list[str]:
    row = point.row
    control = point.trial.network.control != "none"
    cells = [str(point.trial.network.control_seed) if control else "–"] if several_graphs else []
    cells.append(str(point.trial.seed))
    cells += [metric.text(point.at(metric, when)) for when in stages]
    if locomotion:
        cells += [number(row.get("final"), 1), number(row.get("final_displacement_x"), 2)]
    cells += [f"{int(row['parameters']):,}", f"{int(row['cost_total']):,}"]
    if locomotion:
        cells.append(f"{100 * float(row['share_of_s22']):.2g} %")
    return cells


# -- what each control kept ------------------------------------------------------------------------------------


def preservation(study: Study) -> list[dict[str, Any]]:
    """One table an original wiring: each measure, the original's value, and each control's with its verdict; of each
    null model the first `REWIRINGS_SHOWN`."""
    from celegans_nn.rewiring import compare

    by_original: dict[str, list[tuple[str, Any]]] = {}
    facts: dict[str, Any] = {}
    seen: dict[tuple[str, str, str], set[str]] = {}
    for network in study.networks:
        if group_of(network) != "control":
            continue
        original, control = wirings(network)
        title = f"{network.control}, seed {network.control_seed}"
        if network.scope != "neurons":
            title += f", scope {network.scope}"
        group = by_original.setdefault(original.fingerprint, [])
        facts[original.fingerprint] = original
        drawn = seen.setdefault((original.fingerprint, network.control, network.scope), set())
        if title in drawn or len(drawn) == REWIRINGS_SHOWN:  # the same control under another neuron model, or enough
            continue
        drawn.add(title)
        group.append((title, compare(original, control)))
    return [_preservation_table(facts[key], reports) for key, reports in by_original.items()]


def _preservation_table(original: Any, reports: list[tuple[str, Any]]) -> dict[str, Any]:
    main: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for rows in zip(*(report.rows for _, report in reports), strict=True):
        if all(row.verdict == "" for row in rows):
            continue  # nothing to keep
        line = {
            "measure": rows[0].measure,
            "original": _compact(rows[0].original),
            "controls": [
                {"value": _compact(row.control), "verdict": row.verdict, "kind": row.verdict.partition(" ")[0]}
                for row in rows
            ],
        }
        (main if rows[0].measure in MAIN_MEASURES else rest).append(line)
    main.sort(key=lambda line: MAIN_MEASURES.index(line["measure"]))
    what = original.provenance.get("source", "wiring")
    circuit = original.provenance.get("circuit")
    return {
        "caption": f"{what}{f', {circuit}' if circuit else ''}: {len(original)} cells. For a measure of every cell the "
        "mean is shown, and the verdict holds in every single cell.",
        "labels": [title for title, _ in reports],
        "main": main,
        "rest": rest,
    }


def _compact(value: float) -> str:
    if np.isnan(value):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
