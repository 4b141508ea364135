"""Where there are enough trials for it: interquartile means with intervals, profiles, probability of improvement."""

from __future__ import annotations

from typing import Any

import numpy as np

from celegans_nn.errors import one_line
from celegans_nn.studies.curve_lines import Line, NetworkCurves
from celegans_nn.studies.panels import Frame, context, panel
from celegans_nn.studies.results_figure import axis_ticks
from celegans_nn.studies.spec import Study
from celegans_nn.studies.statistics import FEWEST, bootstrap, performance_profile, probability_of_improvement
from celegans_nn.studies.summary import NetworkResults, TaskResults, original_of

BOOTSTRAP_SEED = 0
MOST_THRESHOLDS = 60


def how_sure(study: Study, result: TaskResults) -> dict[str, Any] | None:
    """The tables and panels of one task; None where no network has `FEWEST` independent units."""
    enough = {n.label: units for n in result.networks if len(units := _units(n, result)) >= FEWEST}
    if not enough:
        return None
    networks = [n for n in result.networks if n.label in enough]
    return {
        "rows": [_row(network, enough[network.label], result) for network in networks],
        "improvement": _improvements(study, networks, enough),
        **_profiles(networks, enough, result),
    }


def _units(network: NetworkResults, result: TaskResults) -> list[float]:
    """What is independent: graphs, where there are several, else seeds."""
    if network.graphs > 1:
        return list(network.by_graph(result.metric).values())
    return network.values(result.metric)


def _row(network: NetworkResults, units: list[float], result: TaskResults) -> dict[str, Any]:
    estimate, low, high, _ = bootstrap(units, seed=BOOTSTRAP_SEED)
    text = result.metric.text
    return {
        "label": one_line(network.label, 120),
        "group": network.group,
        "units": f"{len(units)} {'graphs' if network.graphs > 1 else 'seeds'}",
        "iqm": text(estimate),
        "interval": f"{text(low)} to {text(high)}",
    }


def _improvements(study: Study, networks: list[NetworkResults], enough: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Of each worm's network over its controls and the baselines."""
    found = []
    for worm in (n for n in networks if n.group == "worm"):
        for other in networks:
            of_it = other.group == "baseline" or (
                other.group == "control" and original_of(other.network, study) == worm.network
            )
            if of_it:
                p = probability_of_improvement(enough[worm.label], enough[other.label])
                found.append({"worm": one_line(worm.label, 120), "other": one_line(other.label, 120), "p": f"{p:.2f}"})
    return found


def _profiles(networks: list[NetworkResults], enough: dict[str, list[float]], result: TaskResults) -> dict[str, Any]:
    """Panels: the share of a network's units above each score."""
    values = [v for units in enough.values() for v in units]
    ticks, (low, high) = axis_ticks(values)
    on = Frame((low, high), (0.0, 1.0), ticks, [0.0, 0.5, 1.0])
    at = np.linspace(low, high, MOST_THRESHOLDS)
    curves = []
    for n in networks:
        line = Line(f"{len(enough[n.label])} units", at, performance_profile(enough[n.label], at))
        curves.append(NetworkCurves(n.label, n.group, (line,), (), None, (), len(enough[n.label])))
    return {
        "frame": on.values(),
        "context": context(curves, on),
        "panels": [panel(c, on) for c in curves],
        "x_label": f"{result.metric.name}" + (f" ({result.metric.unit})" if result.metric.unit else ""),
    }
