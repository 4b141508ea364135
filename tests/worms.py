"""Small random wirings for tests, with everything a table may hold: self-loops, mutual edges, lone cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from celegans_nn.connectome.connectome import Connectome


def random_worm(
    seed: int = 0, neurons: int = 12, muscles: int = 4, edges: int = 40, gaps: int = 8, signs: tuple[int, ...] = (1, -1)
) -> Connectome:
    """Neurons n00... (motor), muscles m00..., random chemical edges onto both, random gap junctions."""
    rng = np.random.default_rng(seed)
    names = [f"n{i:02d}" for i in range(neurons)] + [f"m{i:02d}" for i in range(muscles)]
    total = neurons + muscles
    flat = rng.choice(neurons * total, size=min(edges, neurons * total), replace=False)
    low, high = np.triu_indices(neurons, 1)
    pairs = rng.choice(len(low), size=min(gaps, len(low)), replace=False)
    chemical = pd.DataFrame(
        {
            "pre": [names[i] for i in flat // total],
            "post": [names[i] for i in flat % total],
            "kind": "chemical",
            "weight": rng.integers(1, 20, len(flat)).astype(float),
            "sign": rng.choice(signs, len(flat)),
        }
    )
    electrical = pd.DataFrame(
        {
            "pre": [names[i] for i in low[pairs]],
            "post": [names[i] for i in high[pairs]],
            "kind": "electrical",
            "weight": rng.integers(1, 5, len(pairs)).astype(float),
            "sign": 0,
        }
    )
    cells = pd.DataFrame({"name": names, "role": ["motor"] * neurons + ["muscle"] * muscles})
    return Connectome.from_edges(pd.concat([chemical, electrical], ignore_index=True), cells)
