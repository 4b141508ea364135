"""The networks that `population.py` and `population_cost.py` run: random graphs, and populations of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from celegans_nn import Connectome, build
from celegans_nn.networks import Interface
from celegans_nn.networks.network import Network

RESULTS = Path(__file__).resolve().parents[1] / "results"
SIZES = {(100, 600): (20, 20), (279, 2200): (60, 80)}
"""(cells, edges) -> (input cells, output cells)."""
TICKS = {"rate": 5, "lif": 10}


def network(task: Any, cells: int, edges: int, level: str, ticks: int | None = None) -> Network:
    """A random graph with both signs, its first cells given the observations and its last ones read."""
    rng = np.random.default_rng(0)
    pre, post = np.divmod(np.sort(rng.choice(cells * cells, edges, replace=False)), cells)
    names = np.array([f"c{i:04d}" for i in range(cells)])
    table = pd.DataFrame(
        {"pre": names[pre], "post": names[post], "kind": "chemical", "sign": rng.choice([1, -1], edges)}
    )
    inputs, outputs = SIZES.get((cells, edges), (cells // 5, cells // 5))
    interface = Interface(
        task.observations,
        task.actions,
        tuple(names[:inputs].tolist()),
        tuple(names[-outputs:].tolist()),
        encoder="linear",
        decoder="linear",
    )
    worm = Connectome.from_edges(table, pd.DataFrame({"name": names}))
    return build(worm, level, interface, ticks=TICKS[level] if ticks is None else ticks)


def population(net: nn.Module, individuals: int) -> dict[str, Tensor]:
    """Parameters of individuals that differ."""
    noise = torch.Generator().manual_seed(1)
    return {
        name: value.detach() + 0.3 * torch.randn(individuals, *value.shape, generator=noise)
        for name, value in net.named_parameters()
    }
