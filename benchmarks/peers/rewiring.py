"""Speed of degree-preserving rewiring: this package, igraph, networkx and bctpy on the same digraphs.

Every library is asked for ten moves an edge: attempts here and in igraph, made moves in networkx and bctpy, which
count no attempts. Rounds are interleaved on one core, so that a busy machine slows all alike; the figures to keep
are the ratios. Two lines are ours: `switching` rewires arrays, as igraph does; `rewire` is the whole way from one
Connectome to another, with signs, weights, gap junctions, checks and provenance.

Run by `make bench`; writes benchmarks/results/rewiring.md.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import bct
import igraph
import networkx as nx
import numpy as np
import pandas as pd

from celegans_nn import Connectome, load_connectome, rewire
from celegans_nn.files import write_atomic
from celegans_nn.rewiring.switching import switch_directed
from celegans_nn.studies.machine import machine, versions

RESULTS = Path(__file__).parents[1] / "results"
MOVES_AN_EDGE = 10
Sampler = Callable[[int], np.ndarray]
"""From a seed to the edges of one sample, int [E, 2]."""


def heavy_tailed(cells: int = 300, edges: int = 3000) -> Connectome:
    """A digraph with hubs: the probability of an edge falls with the root of both cells' ranks."""
    rank = np.arange(1, cells + 1) ** -0.5
    chance = np.outer(rank, rank)
    np.fill_diagonal(chance, 0)
    chosen = np.random.default_rng(0).choice(cells * cells, edges, replace=False, p=(chance / chance.sum()).ravel())
    pre, post = np.divmod(np.sort(chosen), cells)
    table = pd.DataFrame({"pre": [f"C{i:03d}" for i in pre], "post": [f"C{i:03d}" for i in post], "kind": "chemical"})
    return Connectome.from_edges(table)


def without_self_loops(worm: Connectome) -> np.ndarray:
    e = worm.chemical_edges
    return np.stack([e.pre, e.post], axis=1)[e.pre != e.post].astype(np.int64)


def samplers(worm: Connectome) -> dict[str, tuple[Sampler, int]]:
    """Each library's sampler, and every how many rounds it is run (the slow ones less often)."""
    edges = without_self_loops(worm)
    cells, moves = len(worm), MOVES_AN_EDGE * len(edges)
    pre, post, group = edges[:, 0].copy(), edges[:, 1].copy(), np.zeros(len(edges), dtype=np.int64)
    as_igraph = igraph.Graph(n=cells, edges=edges.tolist(), directed=True)
    as_networkx = nx.DiGraph(edges.tolist())
    as_matrix = np.zeros((cells, cells))
    as_matrix[pre, post] = 1

    def ours(seed: int) -> np.ndarray:
        return np.stack([pre, switch_directed(pre, post, group, moves, np.random.default_rng(seed))[0]], axis=1)

    def ours_whole(seed: int) -> np.ndarray:
        return without_self_loops(rewire(worm, "degree", seed=seed, scope="all"))

    def of_igraph(seed: int) -> np.ndarray:
        random.seed(seed)  # igraph draws from Python's own generator
        graph = as_igraph.copy()
        graph.rewire(n=moves, allowed_edge_types="simple")
        return np.array(graph.get_edgelist())

    def of_networkx(seed: int) -> np.ndarray:
        graph = as_networkx.copy()
        nx.directed_edge_swap(graph, nswap=moves, max_tries=100 * moves, seed=seed)
        return np.array(graph.edges)

    def of_bctpy(seed: int) -> np.ndarray:
        return np.argwhere(bct.randmio_dir_connected(as_matrix, MOVES_AN_EDGE, seed=seed)[0])

    return {
        "celegans_nn, switching": (ours, 1),
        "celegans_nn, rewire": (ours_whole, 1),
        "igraph, rewire": (of_igraph, 1),
        "networkx, directed_edge_swap": (of_networkx, 3),
        "bctpy, randmio_dir_connected": (of_bctpy, 9),
    }


def measure(worm: Connectome, rounds: int) -> list[tuple[str, float, int, bool, float]]:
    """(name, median milliseconds, samples, degrees kept, share of the original's edges left) of each library."""
    original = without_self_loops(worm)
    runs = samplers(worm)
    times: dict[str, list[float]] = {name: [] for name in runs}
    kept: dict[str, bool] = dict.fromkeys(runs, True)
    left: dict[str, list[float]] = {name: [] for name in runs}
    for sample, _ in list(runs.values())[:2]:
        sample(0)  # compile, or load what is compiled
    for k in range(rounds):
        for name, (sample, every) in runs.items():
            if k % every:
                continue
            started = time.perf_counter()
            edges = sample(k)
            times[name].append(time.perf_counter() - started)
            kept[name] &= degrees(edges, len(worm)) == degrees(original, len(worm))
            left[name].append(shared(edges, original, len(worm)))
    return [
        (name, 1000 * median(times[name]), len(times[name]), kept[name], float(np.mean(left[name]))) for name in runs
    ]


def degrees(edges: np.ndarray, cells: int) -> list[list[int]]:
    return [np.bincount(end, minlength=cells).tolist() for end in edges.T]


def shared(edges: np.ndarray, original: np.ndarray, cells: int) -> float:
    return len(np.intersect1d(edges @ [cells, 1], original @ [cells, 1])) / len(original)


def table(title: str, rows: list[tuple[str, float, int, bool, float]]) -> str:
    ours = rows[0][1]
    lines = [
        f"### {title}",
        "",
        "| | ms a graph | times ours | graphs | degrees kept | edges still the original's |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {ms:.2f} | {ms / ours:.1f} | {n} | {'yes' if kept else 'NO'} | {left:.3f} |"
            for name, ms, n, kept, left in rows
        ),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=27)
    rounds = parser.parse_args().rounds
    graphs = {
        "300 cells, 3000 edges, hubs": heavy_tailed(),
        "Cook 2019, 302 neurons": load_connectome("cook2019", circuit=None, muscles=False),
        "haspel2012": load_connectome("haspel2012"),
    }
    parts = [
        table(f"{name}: {len(worm)} cells, {len(without_self_loops(worm))} edges", measure(worm, rounds))
        for name, worm in graphs.items()
    ]
    host, used = machine(), versions()
    libraries = {"igraph": igraph.__version__, "networkx": nx.__version__, "bctpy": getattr(bct, "__version__", "")}
    about = (
        f"{host['processor']}, one core, {rounds} interleaved rounds, medians. "
        f"Python {used['python']}, numpy {used['numpy']}, "
        + ", ".join(f"{name} {version}" for name, version in libraries.items())
        + f"; sources {used['sources']}."
    )
    what = __doc__.strip().split("\n\n")[1].replace("\n", " ")
    text = "\n\n".join(["# Degree-preserving rewiring, side by side", what, *parts, about]) + "\n"
    print(text)
    write_atomic(RESULTS / "rewiring.md", text.encode())


if __name__ == "__main__":
    main()
