"""The ensembles of `degree` and `degree_sign` are those of the two rewirings of bctpy that keep what they claim."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import networkx as nx
import numpy as np
import pytest
from scipy.stats import ks_2samp

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.rewiring import rewire_many

CONNECTED = ("021D", "021U", "021C", "111D", "111U", "030T", "030C", "201", "120D", "120U", "120C", "210", "300")
SIGNED = ("+++", "++-", "+--", "---", "cycle +", "cycle -")
LEAST_P = 1e-3
SAMPLES = 500


def neurons():
    """Cook's circuit of the ventral cord without muscles: 79 neurons, 599 edges, 57 of them inhibitory."""
    return load_connectome("cook2019", "command_vnc79", muscles=False)


def signs(worm) -> np.ndarray:
    matrix = worm.adjacency("chemical", "sign")
    np.fill_diagonal(matrix, 0)
    return matrix


def triads(matrix: np.ndarray) -> list[int]:
    census = nx.triadic_census(nx.from_numpy_array(matrix != 0, create_using=nx.DiGraph))
    return [census[name] for name in CONNECTED]


def signed_triangles(matrix: np.ndarray) -> list[int]:
    """Feedforward triangles by the signs of their edges (in no order), and directed three-cycles by their product."""
    plus, minus = (matrix > 0).astype(float), (matrix < 0).astype(float)
    both = {"+": plus, "-": minus}

    def transitive(a: str, b: str, c: str) -> float:
        return ((both[a] @ both[b]) * both[c]).sum()

    def cycles(product: int) -> float:
        signed, unsigned = plus - minus, plus + minus
        total, difference = (np.trace(m @ m @ m) / 3 for m in (unsigned, signed))
        return (total + product * difference) / 2

    by_count = dict.fromkeys(range(4), 0.0)
    for a in "+-":
        for b in "+-":
            for c in "+-":
                by_count[(a + b + c).count("-")] += transitive(a, b, c)
    return [round(x) for x in (*by_count.values(), cycles(1), cycles(-1))]


def triads_and_signs(matrix: np.ndarray) -> list[int]:
    return triads(matrix) + signed_triangles(matrix)


def of_bctpy(name: str, matrix: np.ndarray, iterations: float, measure: Callable, seed: int) -> list[int]:
    import bct

    return measure(getattr(bct, name)(matrix, iterations, seed=seed)[0])


def assert_the_same_distribution(null, name, matrix, iterations, measure, labels):
    with ProcessPoolExecutor(2) as pool:
        sample = partial(of_bctpy, name, matrix, iterations, measure)
        theirs = np.array(list(pool.map(sample, range(SAMPLES), chunksize=10)))
    ours = np.array([measure(signs(control)) for control in rewire_many(neurons(), null, n=SAMPLES, seed=0)])
    original = measure(matrix)
    p = {
        label: ks_2samp(a, b).pvalue for label, a, b in zip(labels, ours.T, theirs.T, strict=True) if len({*a, *b}) > 1
    }
    assert len(p) >= 4
    assert min(p.values()) > LEAST_P / len(p), p
    # the test can tell: the worm itself, with a fifth of its edges moved only, is another distribution
    barely = np.array([of_bctpy(name, matrix, iterations / 20, measure, seed) for seed in range(60)])
    assert min(ks_2samp(a, b).pvalue for a, b in zip(ours.T, barely.T, strict=True)) < 1e-6
    assert original not in ours.tolist()


@pytest.mark.slow
def test_degree_agrees_with_randmio_dir_connected_on_the_counts_of_triads():
    matrix = (signs(neurons()) != 0).astype(float)
    assert_the_same_distribution("degree", "randmio_dir_connected", matrix, 5, triads, CONNECTED)


@pytest.mark.slow
def test_degree_sign_agrees_with_randmio_dir_signed_on_the_counts_of_triads():
    assert_the_same_distribution(
        "degree_sign", "randmio_dir_signed", signs(neurons()), 1, triads_and_signs, (*CONNECTED, *SIGNED)
    )
