"""Every statistic against a known answer, another library's, or a simulation whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from celegans_nn.errors import StatisticsError
from celegans_nn.studies import statistics

finite = st.floats(-1e6, 1e6)


@given(st.lists(finite, min_size=1, max_size=40).filter(lambda v: len(v) % 4 == 0))
def test_interquartile_mean_is_scipys_trimmed_mean_where_n_is_a_multiple_of_four(values):
    assert statistics.iqm(values) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-6)


@given(st.lists(finite, min_size=1, max_size=40))
def test_interquartile_mean_is_the_trimmed_mean_of_every_value_four_times_over(values):
    assert statistics.iqm(values) == pytest.approx(stats.trim_mean(np.repeat(values, 4), 0.25), abs=1e-6)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_probability_of_improvement_is_the_mann_whitney_statistic(x, y):
    u = stats.mannwhitneyu(x, y, method="asymptotic").statistic if len({*x, *y}) > 1 else len(x) * len(y) / 2
    assert statistics.probability_of_improvement(x, y) == pytest.approx(u / (len(x) * len(y)))
    assert statistics.cliffs_delta(x, y) == pytest.approx(2 * u / (len(x) * len(y)) - 1)


def test_hedges_g_is_the_corrected_t_statistic():
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 2, 9), rng.normal(0, 2, 14)
    cohens_d = stats.ttest_ind(x, y).statistic * np.sqrt(1 / 9 + 1 / 14)
    assert statistics.hedges_g(x, y) == pytest.approx(cohens_d * (1 - 3 / (4 * 21 - 1)))


def test_performance_profile_is_the_share_above_each_threshold():
    assert statistics.performance_profile([[1.0, 2.0], [3.0, 4.0]], [0, 2, 2.5, 4]).tolist() == [1, 0.5, 0.5, 0]


def test_exact_permutation_test_agrees_with_scipy():
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.5, 1, 11), rng.normal(0, 1, 11)
    for alternative in ("two-sided", "greater"):
        theirs = stats.permutation_test(
            (x, y), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples", vectorized=True,
            alternative=alternative, n_resamples=np.inf,
        )  # fmt: skip
        ours = statistics.paired_permutation(x, y, seed=0, alternative=alternative)
        assert ours.p == pytest.approx(theirs.pvalue)
        assert ours.estimate == pytest.approx(theirs.statistic)


def test_drawn_permutation_test_comes_near_the_exact_p_and_keeps_its_seed():
    rng = np.random.default_rng(4)
    x, y = rng.normal(0.4, 1, 30), np.zeros(30)
    drawn = statistics.paired_permutation(x, y, seed=1)
    assert drawn == statistics.paired_permutation(x, y, seed=1)
    assert drawn.p == pytest.approx(stats.ttest_1samp(x, 0).pvalue, abs=0.01)
    # no number of draws shows that p is 0
    assert statistics.paired_permutation(x + 50, y, seed=1).p == 1 / (1 + statistics.DRAWS)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.2))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p, alpha):
    adjusted, still, rejected = statistics.holm(p), True, np.zeros(len(p), dtype=bool)
    for k, at in enumerate(np.argsort(p, kind="stable")):
        still = still and p[at] * (len(p) - k) <= alpha
        rejected[at] = still
    assert ((adjusted <= alpha) == rejected).all()


def test_equivalence_is_the_larger_of_two_one_sided_t_tests():
    d = np.random.default_rng(5).normal(0.1, 1, 25)
    above = stats.ttest_1samp(d, -0.5, alternative="greater").pvalue
    below = stats.ttest_1samp(d, 0.5, alternative="less").pvalue
    assert statistics.equivalence(d, 0.5).p == pytest.approx(max(above, below))
    assert statistics.equivalence([0.1] * 5, 0.2).p == 0.0
    assert statistics.equivalence([0.3] * 5, 0.2).p == 1.0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 4))
def test_place_in_nulls_counts_ties_against_the_graph(nulls, score):
    place = statistics.place_in_nulls(score, nulls)
    assert place.p_above == (1 + sum(n >= score for n in nulls)) / (1 + len(nulls))
    assert place.p_below == (1 + sum(n <= score for n in nulls)) / (1 + len(nulls))
    assert place.percentile == pytest.approx(stats.percentileofscore(nulls, score, kind="mean"))


def test_area_under_curve_is_a_mean_score_up_to_the_budget():
    assert statistics.area_under_curve([0, 10], [0.0, 1.0], 10) == 0.5
    assert statistics.area_under_curve([0, 10], [0.0, 1.0], 20) == pytest.approx(0.75)  # holds its last score
    assert statistics.area_under_curve([0, 10], [0.0, 1.0], 5) == pytest.approx(0.25)  # and is cut at the budget
    assert statistics.area_under_curve([4], [2.0], 4) == 2.0


def test_cost_to_threshold_says_when_it_was_never_reached():
    assert statistics.cost_to_threshold([1, 5, 9], [0.0, 0.4, 0.9], 0.4) == (5.0, True)
    assert statistics.cost_to_threshold([1, 5, 9], [0.0, 0.4, 0.9], 1.0) == (9.0, False)


def test_median_cost_is_kaplan_and_meiers():
    costs, reached = [3, 5, 5, 8, 10, 12, 12], [True, True, False, True, True, False, False]
    survival = stats.ecdf(stats.CensoredData.right_censored(costs, ~np.array(reached))).sf
    assert statistics.median_cost(costs, reached) == survival.quantiles[survival.probabilities <= 0.5][0]
    assert statistics.median_cost([4, 4, 4], [True, False, False]) == np.inf


def test_intervals_are_the_same_for_a_seed_and_refused_for_few_units():
    values = np.random.default_rng(6).normal(size=12)
    assert statistics.bootstrap(values, seed=1) == statistics.bootstrap(values, seed=1)
    assert statistics.bootstrap(values, seed=1) != statistics.bootstrap(values, seed=2)
    with pytest.raises(StatisticsError, match="9 independent units"):
        statistics.bootstrap(values[:9], seed=1)
    with pytest.raises(StatisticsError, match="3 independent units"):
        statistics.cluster_bootstrap(dict.fromkeys(range(3), values), seed=1)
    with pytest.raises(StatisticsError, match="1 of 12 values not finite"):
        statistics.bootstrap([*values[:11], np.nan], seed=1)


def test_strata_are_resampled_within_themselves():
    # two tasks whose scores lie far apart: their distance is no uncertainty of the mean over both
    rng = np.random.default_rng(7)
    near, far = rng.normal(0, 1, 12), rng.normal(1000, 1, 12)
    apart = statistics.stratified_bootstrap({"near": near, "far": far}, statistics.mean, seed=0)
    assert apart.high - apart.low < 3
    together = statistics.bootstrap(np.concatenate([near, far]), statistics.mean, seed=0)
    assert together.high - together.low > 300


def test_the_graph_is_the_unit_however_many_seeds_it_has():
    # each graph has a score of its own, and its seeds repeat it: 50 seeds say no more than one
    scores = np.random.default_rng(8).normal(size=12)
    many = statistics.cluster_bootstrap({g: np.full(50, s) for g, s in enumerate(scores)}, seed=0)
    assert many == pytest.approx(statistics.bootstrap(scores, seed=0))


@pytest.mark.parametrize("units", [10, 25])
def test_intervals_cover_the_truth_as_often_as_they_say(units):
    rng, hits = np.random.default_rng(9), 0
    for trial in range(300):
        interval = statistics.bootstrap(rng.normal(size=units), seed=trial)
        hits += interval.low <= 0 <= interval.high
    assert 0.91 <= hits / 300 <= 0.99  # 300 trials scatter by 0.013; benchmarks/calibration.py counts thousands
