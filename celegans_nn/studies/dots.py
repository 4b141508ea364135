"""Dots beside one another on an axis: where each stands, and the marks of the axis. In per cent of its width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from celegans_nn.studies.results_figure import axis_ticks

DOT = 1.25
"""Width of a dot, in per cent of the axis: 7 pixels of 560."""
STEP, TALLEST = 7.0, 63.0
"""Pixels from a dot to the one above it, and of the tallest pile: higher ones are pressed together."""


class Axis(NamedTuple):
    """A scale with round marks at both ends."""

    low: float
    high: float
    ticks: list[dict[str, Any]]

    def at(self, value: float | None) -> float | None:
        """A value's place in per cent; None for none, and for what is no number."""
        if value is None or not np.isfinite(value):
            return None
        return round(100 * (value - self.low) / (self.high - self.low), 3)


def axis(values: Sequence[float], zero: bool = True) -> Axis:
    """The axis of these values, and of 0 if `zero`."""
    ticks, (low, high) = axis_ticks(values, zero)
    found = Axis(low, high, [])
    texts = tick_texts(ticks)
    for tick, text in zip(ticks, texts, strict=True):
        anchor = "start" if tick == low else "end" if tick == high else "middle"
        found.ticks.append({"at": found.at(tick), "zero": tick == 0, "text": text, "anchor": anchor})
    return found


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """The marks' numbers, all with as many decimals as the longest needs.

    >>> tick_texts([-0.5, 0.0, 0.25])
    ['−0.50', '0.00', '0.25']
    """
    decimals = max((len(f"{t:g}".partition(".")[2]) for t in ticks if "e" not in f"{t:g}"), default=0)
    return [f"{t:.{decimals}f}".replace("-", "−") if "e" not in f"{t:g}" else f"{t:g}" for t in ticks]


def piles(places: Sequence[float], width: float = DOT) -> list[int]:
    """How many dots each dot stands above: those before it that fall into the same stretch of the axis.

    >>> piles([10.0, 10.5, 30.0, 11.0])
    [0, 1, 0, 2]
    """
    heights, tops = [], Counter[int]()
    for place in places:
        stretch = int(place // width)
        heights.append(tops[stretch])
        tops[stretch] += 1
    return heights


def piled(places: Sequence[float]) -> tuple[Callable[[int], float], float]:
    """(pixels of each dot above the lowest one, pixels of the highest)."""
    heights = piles(places)
    step = min(STEP, TALLEST / max([*heights, 1]))
    return (lambda k: round(step * heights[k], 1)), step * max(heights, default=0)
