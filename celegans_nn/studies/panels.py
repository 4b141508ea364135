"""Small panels of lines on axes common to all, as plain values that the template writes as SVG.

Drawn here rather than by plotly, whose script alone would make each report 4 MB: these panels stand in the page as
they are, print as they are, and a page's own script adds what moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from celegans_nn.errors import one_line
from celegans_nn.studies.curve_lines import Line, NetworkCurves
from celegans_nn.studies.dots import tick_texts
from celegans_nn.studies.results_figure import axis_ticks

WIDTH, HEIGHT = 320, 200
"""Of a panel in its own units, which are pixels where it is shown at its usual size."""
LEFT, RIGHT, TOP, BOTTOM = 46, 312, 8, 166


class Frame(NamedTuple):
    """Values to places in a panel; x in `x_unit`s."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: list[float]
    y_ticks: list[float]
    x_unit: float = 1.0

    def px(self, x: Any) -> np.ndarray:
        low, high = self.x
        return LEFT + (np.asarray(x, dtype=float) / self.x_unit - low) / (high - low) * (RIGHT - LEFT)

    def py(self, y: Any) -> np.ndarray:
        low, high = self.y
        return BOTTOM - (np.asarray(y, dtype=float) - low) / (high - low) * (BOTTOM - TOP)

    def values(self) -> dict[str, Any]:
        """What the template and the page's script need to know."""
        marks = [
            {"at": round(float(place(t * unit)), 1), "text": text, "zero": t == 0}
            for ticks, place, unit in ((self.x_ticks, self.px, self.x_unit), (self.y_ticks, self.py, 1.0))
            for t, text in zip(ticks, tick_texts(ticks), strict=True)
        ]
        return {
            "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM,
            "x0": self.x[0] * self.x_unit, "x1": self.x[1] * self.x_unit, "y0": self.y[0], "y1": self.y[1],
            "x_ticks": marks[: len(self.x_ticks)], "y_ticks": marks[len(self.x_ticks) :],
        }  # fmt: skip


def frame(networks: Sequence[NetworkCurves], x_unit: float) -> Frame:
    """The axes that hold all these curves; both begin at 0 or below."""
    lines = [line for n in networks for line in (*n.lines, *n.held_out)]
    x = [float(line.x.max()) / x_unit for line in lines if len(line.x)]
    y = [float(f(line.y[np.isfinite(line.y)])) for line in lines for f in (np.min, np.max) if np.isfinite(line.y).any()]
    y += [float(v) for n in networks if n.band for edge in n.band[1:] for v in (edge.min(), edge.max())]
    x_ticks, y_ticks = (axis_ticks(values)[0] for values in (x, y))
    right = max([*x, 1e-12]) * 1.01
    return Frame((0.0, right), (y_ticks[0], y_ticks[-1]), [t for t in x_ticks if 0 <= t <= right], y_ticks, x_unit)


def panel(network: NetworkCurves, on: Frame) -> dict[str, Any]:
    """One network's panel."""
    lines = [_line(line, on) for line in network.lines]
    held_out = [
        {"x": x, "y": y} for line in network.held_out for x, y in _places(line, on)
    ]  # the rings of one trial are told from another's by the lines
    return {
        "label": one_line(network.label, 120),
        "group": network.group,
        "trials": network.trials,
        "lines": [line for line in lines if line["points"]],
        "held_out": held_out,
        "band": _band(network.band, on) if network.band is not None else "",
        "boundaries": [round(float(on.px(b)), 1) for b in network.boundaries],
    }


def context(networks: Sequence[NetworkCurves], on: Frame) -> list[str]:
    """All lines of all networks, to lie grey behind each panel: of every network at most three."""
    return [points for n in networks for line in n.lines[:3] if (points := _line(line, on)["points"])]


def _line(line: Line, on: Frame) -> dict[str, str]:
    return {"name": line.name, "points": " ".join(f"{x:g},{y:g}" for x, y in _places(line, on))}


def _places(line: Line, on: Frame) -> list[tuple[float, float]]:
    known = np.isfinite(line.x) & np.isfinite(line.y)
    x, y = np.round(on.px(line.x[known]), 2), np.round(on.py(line.y[known]), 2)
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def _band(band: tuple[np.ndarray, np.ndarray, np.ndarray], on: Frame) -> str:
    cost, low, high = band
    there, back = _places(Line("", cost, high), on), _places(Line("", cost[::-1], low[::-1]), on)
    return " ".join(f"{x:g},{y:g}" for x, y in [*there, *back])
