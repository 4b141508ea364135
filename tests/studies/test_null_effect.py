"""The effect of one graph over its nulls: its numbers by hand, and how often its interval holds the truth."""

import numpy as np
import pytest
from scipy import stats

from celegans_nn.errors import StatisticsError
from celegans_nn.studies.null_effect import null_effect

OWN = [3.0, 5.0, 4.0]
NULLS = [[1.0, 3.0, 2.0], [2.0, 4.0, 6.0], [0.0, 2.0, 4.0], [1.0, 1.0, 1.0]]


def drawn(rng, effect, seeds, rewirings, graphs=0.5):
    """Scores of a graph `effect` above its nulls: graphs differ, seeds are shared, and each trial has noise of 1."""
    shared = rng.standard_normal(seeds)
    null = graphs * rng.standard_normal((rewirings, 1)) + shared + rng.standard_normal((rewirings, seeds))
    return effect + shared + rng.standard_normal(seeds), null


def test_the_effect_and_its_error_are_those_worked_out_by_hand():
    # nulls' means by seed 1, 2.5, 3.25; differences 2, 2.5, 0.75; nulls' means by graph 2, 4, 2, 1
    found = null_effect(OWN, NULLS)
    # residuals of all five graphs by seed have more variance than the differences
    table = np.array([OWN, *NULLS])
    left = table - table.mean(axis=0) - (table.mean(axis=1) - table.mean())[:, None]
    assert (left**2).sum() / 8 > np.var([2, 2.5, 0.75], ddof=1)
    by_seed, by_graph = (left**2).sum() / 8 / 3, np.var([2, 4, 2, 1], ddof=1) / 4
    assert found.effect == pytest.approx(1.75)
    assert found.error == pytest.approx(np.sqrt(by_seed + by_graph))
    t = (by_seed * stats.t.ppf(0.975, 8) + by_graph * stats.t.ppf(0.975, 3)) / (by_seed + by_graph)
    assert found.interval()[:3] == pytest.approx((1.75, 1.75 - t * found.error, 1.75 + t * found.error))


def test_seeds_of_the_graph_that_differ_more_than_the_nulls_count_by_their_own_variance():
    found = null_effect([0.0, 9.0], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.5]])
    difference = np.array([0.0 - 2.0, 9.0 - 6.5 / 3])
    assert found.of_seeds == pytest.approx(difference.var(ddof=1) / 2)
    assert found.freedom_of_seeds == 1


def test_two_seeds_that_agree_by_chance_promise_no_more_than_seeds_hold():
    rng = np.random.default_rng(0)
    nulls = rng.standard_normal((59, 2))
    own = nulls.mean(axis=0) + 0.1  # the very same difference from either seed
    found = null_effect(own, nulls)
    assert found.of_seeds == pytest.approx(0.5, rel=0.3)
    assert found.equivalence(0.5) > 0.05


def test_an_interval_inside_the_margin_and_a_small_p_of_equivalence_are_the_same():
    found = null_effect(OWN, NULLS)
    for margin in (1.0, 3.0, 5.0, 8.0):
        _, low, high, _ = found.interval(0.90)
        assert (found.equivalence(margin) < 0.05) == (-margin < low and high < margin)
    assert found.equivalence(1.75) == pytest.approx(0.5)
    assert found.equivalence(0.1) > 0.5


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says_or_a_little_more(seeds):
    rng, held, times = np.random.default_rng(seeds), 0, 2000
    for _ in range(times):
        low, high = null_effect(*drawn(rng, 0.7, seeds, 30)).interval()[1:3]
        held += low <= 0.7 <= high
    assert 0.94 <= held / times <= 0.98


def test_scores_that_do_not_vary_decide_by_where_they_are():
    same = null_effect([2.0, 2.0], np.ones((3, 2)))
    assert (same.equivalence(0.5), same.equivalence(1.5)) == (1.0, 0.0)
    assert same.interval()[:3] == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("own", "nulls"), [([1.0], np.ones((5, 1))), ([1.0, 2.0], np.ones((1, 2))), ([1.0], np.ones((5, 2)))]
)
def test_one_seed_or_one_rewiring_gives_no_error_and_is_refused(own, nulls):
    with pytest.raises(StatisticsError, match="2 seeds and 2 rewirings"):
        null_effect(own, nulls)
