"""A million edges fit: what any animal's table costs in memory, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

BUILD = """
import json, resource, sys
import numpy as np, pandas as pd
from celegans_nn.connectome.connectome import Connectome

rng = np.random.default_rng(0)
CELLS, CHEMICAL, GAPS = 100_000, 900_000, 100_000
codes = rng.permutation(np.unique(rng.integers(0, CELLS**2, CHEMICAL + 1000)))[:CHEMICAL]
first, second = np.divmod(np.unique(rng.integers(0, CELLS**2, 2 * GAPS + 4000)), CELLS)
pairs = rng.permutation(np.unique(np.minimum(first, second) * CELLS + np.maximum(first, second)))[:GAPS]
ends = np.divmod(np.concatenate([codes, pairs]), CELLS)
name = np.array([f"cell {i}" for i in range(CELLS)], dtype=object)
edges = pd.DataFrame({
    "source": name[ends[0]], "target": name[ends[1]], "n_syn": rng.integers(1, 50, CHEMICAL + GAPS),
    "type": np.repeat(["chemical", "electrical"], [CHEMICAL, GAPS]),
    "polarity": np.concatenate([rng.choice([-1, 0, 1], CHEMICAL), np.zeros(GAPS, int)]),
})
columns = {"pre": "source", "post": "target", "kind": "type", "weight": "n_syn", "sign": "polarity"}
neurons = pd.DataFrame({"name": name, "cell_class": "k", "y": 1.0}) if sys.argv[1] == "with neurons" else None
worm = Connectome.from_edges(edges, neurons, columns)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
some = rng.integers(0, CHEMICAL + GAPS, 1000)
found = {k: set(zip(e.pre.tolist(), e.post.tolist())) for k, e in
         (("chemical", worm.chemical_edges), ("electrical", worm.electrical_edges))}
both_ways = found["electrical"] | {(b, a) for a, b in found["electrical"]}
there = sum(
    (worm.index[a], worm.index[b]) in (found["chemical"] if kind == "chemical" else both_ways)
    for a, b, kind in edges.loc[some, ["source", "target", "type"]].itertuples(index=False)
)
print(json.dumps([len(worm), len(worm.chemical_edges.pre), len(worm.electrical_edges.pre), there, peak]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("cells", ["with neurons", "from the edges"])
def test_a_million_edges_of_100000_named_cells_stay_below_two_gib(cells: str) -> None:
    done = subprocess.run([sys.executable, "-c", BUILD, cells], capture_output=True, text=True, check=True)
    *counts, peak = json.loads(done.stdout)
    assert counts == [100_000, 900_000, 100_000, 1000]
    assert peak < 2 * 2**30
