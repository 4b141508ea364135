"""Every trial of a task as a dot: a row a network, from untrained to trained."""

from __future__ import annotations

from typing import Any

from celegans_nn.errors import one_line
from celegans_nn.studies.dots import Axis, axis, piled
from celegans_nn.studies.summary import NetworkResults, Point, TaskResults, which

MOST_LINES = 12
"""Trials of a network that are drawn each as a line; more are piled up as dots."""
LANE, NARROW = 11, 7
"""Pixels between the lines of one network; and where it has more than six of them."""


def strips(result: TaskResults) -> dict[str, Any]:
    """Rows of dots, placed in per cent of the axis, with heights in pixels."""
    metric = result.metric
    scale = axis([v for n in result.networks for when in ("untrained", "final") for v in n.values(metric, when)])
    rows = [
        _lines(n, result, scale) if len(n.points) <= MOST_LINES else _dots(n, result, scale) for n in result.networks
    ]
    return {"strips": rows, "ticks": scale.ticks}


def _lines(network: NetworkResults, result: TaskResults, scale: Axis) -> dict[str, Any]:
    lane = LANE if len(network.points) <= 6 else NARROW
    height = max(26, lane * (len(network.points) + 1))
    middle = (len(network.points) - 1) / 2
    points = []
    for k, point in enumerate(network.points):
        after = scale.at(point.at(result.metric, "final"))
        if after is None:
            continue
        before = scale.at(point.at(result.metric, "untrained"))
        title = _title(network, point, result)
        points.append({"from": before, "to": after, "y": height / 2 + lane * (k - middle), "title": title})
    return _row(network, height, points)


def _dots(network: NetworkResults, result: TaskResults, scale: Axis) -> dict[str, Any]:
    known = [(p, at) for p in network.points if (at := scale.at(p.at(result.metric, "final"))) is not None]
    above, highest = piled([at for _, at in known])
    height = highest + 26
    points = [
        {"from": None, "to": at, "y": round(height - 13 - above(k), 1), "title": _title(network, point, result)}
        for k, (point, at) in enumerate(known)
    ]
    before = [scale.at(v) for v in network.values(result.metric, "untrained")]
    return _row(network, height, points) | {"before": (min(before), max(before)) if before else None}  # type: ignore


def _row(network: NetworkResults, height: float, points: list[dict[str, Any]]) -> dict[str, Any]:
    label, piled_up = one_line(network.label, 120), len(network.points) > MOST_LINES
    return {
        "label": label, "group": network.group, "height": height, "points": points, "piled": piled_up, "before": None,
    }  # fmt: skip


def _title(network: NetworkResults, point: Point, result: TaskResults) -> str:
    value = result.metric.with_unit(point.at(result.metric, "final"))
    return f"{one_line(network.label, 120)}, {which(point.trial)}: {value}"
