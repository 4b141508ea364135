"""The wiring as a map to explore: cells along the body, every synapse by its sign, and what the page's script needs.

The map stands in the page as SVG and says the same in print. The script lights up a cell's synapses and names its
partners; it knows the graph from JSON in the page, and computes an edge's curve as `curve` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from markupsafe import Markup

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.layout import layout
from celegans_nn.errors import one_line

WIDTH, LEFT, RIGHT, ROW, TOP = 920, 140, 20, 42, 38
"""Of the map, in its own units: the margins of the row's labels, and from one row to the next."""
BEND = 0.16
"""How far a curve bows to its side, as a share of its length; the other way for gap junctions."""
MOST_BOW = 70
"""How far the curve's middle point may lie from the straight line: it bows half as far, less than a row."""
MOST_EDGES = 8000
"""More make a page of many megabytes, and a map on which nothing can be told apart."""
KINDS = ("excitatory", "inhibitory", "unknown", "gap")
ROLES = {
    "sensory": "sensory neuron", "inter": "interneuron", "motor": "motor neuron", "pharyngeal": "pharyngeal neuron",
    "muscle": "muscle", "other": "other cell",
}  # fmt: skip


def can_be_explored(worm: Connectome) -> bool:
    return len(worm.chemical_edges.pre) + len(worm.electrical_edges.pre) <= MOST_EDGES


class Map:
    """Where the cells of one wiring and of its controls stand."""

    def __init__(self, worm: Connectome):
        self.worm, self.places = worm, layout(worm)
        self.height = TOP + ROW * len(self.places.rows)
        self.x = np.round(LEFT + self.places.x * (WIDTH - LEFT - RIGHT), 1)
        self.y = np.round(TOP + self.places.y * ROW, 1)

    def cells(self) -> list[dict[str, Any]]:
        """For the template: where each cell is drawn and how."""
        return [
            {"x": f"{x:g}", "y": f"{y:g}", "name": one_line(name, 80), "kind": _kind(role, neuron)}
            for x, y, name, role, neuron in zip(
                self.x, self.y, self.worm.names, self.worm.cells["role"], self.worm.cells["neuron"], strict=True
            )
        ]

    def rows(self) -> list[dict[str, Any]]:
        return [{"y": TOP + ROW * k, "label": label} for k, label in enumerate(self.places.rows)]

    def paths(self, worm: Connectome) -> dict[str, str]:
        """The synapses of a wiring on this map, all of a kind in one SVG path."""
        return {
            kind: "".join(self._curve(int(a), int(b), BEND if kind != "gap" else -BEND) for a, b, _ in edges)
            for kind, edges in edges_by_kind(worm).items()
        }

    def _curve(self, a: int, b: int, bend: float) -> str:
        x0, y0, x1, y1 = (float(v) for v in (self.x[a], self.y[a], self.x[b], self.y[b]))
        if a == b:
            return f"M{x0:g} {y0:g}c-14 -20 14 -20 0 0"
        bend *= min(1.0, MOST_BOW / max(abs(bend) * math.hypot(x1 - x0, y1 - y0), 1e-9))
        x, y = (x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0)
        return f"M{x0:g} {y0:g}Q{x:.0f} {y:.0f} {x1:g} {y1:g}"

    def data(self, wirings: Iterable[Connectome]) -> Markup:
        """For the script, as JSON that cannot end the element it stands in."""
        cells = self.worm.cells
        columns = (self.worm.names, cells["cell_class"], cells["role"], cells["transmitter"], self.places.row)
        named = [
            [one_line(name, 80), one_line(c, 40), ROLES.get(role, role), one_line(t, 40), row, float(x), float(y)]
            for name, c, role, t, row, x, y in zip(*columns, self.x, self.y, strict=True)
        ]
        graphs = [
            {kind: [[int(a), int(b), float(f"{w:.4g}")] for a, b, w in edges] for kind, edges in found.items()}
            for found in map(edges_by_kind, wirings)
        ]
        return script_json({"bend": BEND, "most": MOST_BOW, "cells": named, "graphs": graphs})


def edges_by_kind(worm: Connectome) -> dict[str, list[tuple[int, int, float]]]:
    """(from, to, weight) of each synapse, and of each gap junction."""
    e, g = worm.chemical_edges, worm.electrical_edges
    found = {}
    for kind, sign in zip(KINDS[:3], (1, -1, 0), strict=True):
        of_it = e.sign == sign
        found[kind] = list(zip(e.pre[of_it], e.post[of_it], e.weight[of_it], strict=True))
    return found | {"gap": list(zip(g.pre, g.post, g.weight, strict=True))}


def script_json(value: Any) -> Markup:
    """JSON that may stand inside <script>: no <, > or &, and nothing beyond ASCII.

    >>> script_json(["</script>", "\\u2028"])
    Markup('["\\\\u003c/script\\\\u003e","\\\\u2028"]')
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _kind(role: str, neuron: bool) -> str:
    if role == "muscle":
        return "muscle"
    return "neuron" if neuron else "other"
