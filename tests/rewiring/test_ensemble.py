"""`compare_ensemble` says where the original stands among controls, and no more than that many controls can say."""

from __future__ import annotations

import weakref

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from celegans_nn.connectome.connectome import ChemicalEdges, Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import RewiringError
from celegans_nn.rewiring import compare, compare_ensemble, rewire, rewire_many
from celegans_nn.rewiring import ensemble as ensemble_module
from celegans_nn.rewiring.report import MOVES, OVERLAPS

R = 25


@pytest.fixture(scope="module")
def worm():
    return load_connectome()


@pytest.fixture(scope="module")
def controls(worm):
    return list(rewire_many(worm, "degree", n=R, seed=4, workers=1))


@pytest.fixture(scope="module")
def report(worm, controls):
    return compare_ensemble(worm, iter(controls))


def test_every_number_is_that_of_the_single_comparisons(worm, controls, report):
    single = [compare(worm, control) for control in controls]
    scalars = [row for row in report if row.of == "value"]
    assert len(scalars) > 40
    for row in scalars:
        values = np.array([one[row.measure].control for one in single])
        assert report.values[row.measure] == pytest.approx(values)
        assert (row.mean, row.least, row.most) == pytest.approx((values.mean(), values.min(), values.max()))
        assert row.kept == sum(one[row.measure].verdict == "kept exactly" for one in single)
        if row.measure not in OVERLAPS:
            assert row.original == pytest.approx(single[0][row.measure].original, nan_ok=True)


def test_z_and_percentile_are_scipys(report):
    told_apart = [row for row in report if row.sd > 0 and np.isfinite(row.z)]
    assert {"reciprocity", "clustering", "triad 300", "in-strength"} <= {row.measure for row in told_apart}
    for row in told_apart:
        values = report.values[row.measure]
        assert row.z == pytest.approx(stats.zmap(row.original, values, ddof=1))
        values = np.where(np.isclose(values, row.original, rtol=1e-9, atol=0), row.original, values)
        assert row.percentile == pytest.approx(stats.percentileofscore(values, row.original, kind="mean"))


def test_p_is_the_doubled_share_of_the_shorter_side_counting_the_original_itself(report):
    for row in report:
        if np.isfinite(row.p):
            values = report.values[row.measure]
            close = np.isclose(values, row.original, rtol=1e-9, atol=0)
            lower = (1 + ((values < row.original) | close).sum()) / (1 + R)
            upper = (1 + ((values > row.original) | close).sum()) / (1 + R)
            assert row.p == pytest.approx(min(1, 2 * min(lower, upper)))
            assert row.p >= 1 / (1 + R)
    assert report["reciprocity"].p == pytest.approx(2 / (1 + R))


def test_a_draw_from_the_null_is_rarely_far_out_under_it(worm):
    """Each of 20 controls against the other 19: ranks are all there once, so p <= .2 for the two furthest each way."""
    drawn = list(rewire_many(worm, "degree", n=20, seed=9, workers=1))
    few = [compare_ensemble(drawn[k], drawn[:k] + drawn[k + 1 :]) for k in range(20)]
    for measure in ("clustering", "triad 030T", "mean shortest path, input to output", "spectral radius, weights"):
        assert 0.15 <= np.mean([one[measure].p <= 0.2 for one in few]) <= 0.25
        assert max(one[measure].p for one in few) > 0.5


def test_a_measure_that_all_controls_keep_is_said_to_be_kept_and_has_no_z(report):
    for measure in ("chemical edges", "in-degree", "out-strength", "chemical weights (multiset)"):
        row = report[measure]
        assert (row.verdict, row.sd, row.percentile, row.p, row.kept) == ("kept by all", 0, 50, 1, R)
        assert np.isnan(row.z)


def test_degrees_are_summed_up_by_how_unequal_cells_are(worm, report):
    into = worm.chemical.groupby("post").weight.sum().reindex(worm.names).fillna(0)
    row = report["in-strength"]
    assert (row.of, row.original) == ("sd over cells", pytest.approx(into.std(ddof=0)))
    assert row.verdict == "changed by all"
    assert report["chemical weights (multiset)"].original == pytest.approx(worm.chemical.weight.mean())


def test_a_measure_that_some_keep_says_how_many(worm):
    other = rewire(worm, "degree", seed=0)
    row = compare_ensemble(worm, [worm, other, worm])["reciprocity"]
    assert (row.verdict, row.kept) == ("kept by 2 of 3", 2)


def test_a_measure_changed_to_one_value_is_constant_and_differences_by_rounding_are_none(worm):
    def weighted(factor):
        e = worm.chemical_edges
        return worm.with_edges(e._replace(weight=e.weight * factor))

    report = compare_ensemble(worm, [weighted(2), weighted(2 * (1 + 1e-14)), weighted(2 * (1 - 1e-14))])
    row = report["spectral radius, weights"]
    assert (row.verdict, row.sd) == ("constant", 0)
    assert np.isnan(row.z)
    same = compare_ensemble(worm, [weighted(1), weighted(1 + 1e-14), weighted(1 - 1e-14)])
    row = same["excitatory weight, sum"]
    assert (row.percentile, row.p, row.verdict) == (50, 1, "kept by all")


def test_overlap_and_moves_have_no_place_of_the_original_among_them(report):
    for measure in (*OVERLAPS, *(f"{name}, chemical" for name in MOVES.values())):
        row = report[measure]
        assert np.isnan([row.z, row.percentile, row.p]).all()
        assert row.controls == R
    assert report["moves attempted, chemical"].mean == 10 * 599


def test_a_measure_that_some_controls_do_not_have_is_told_of_the_others(worm):
    e = worm.chemical_edges
    deaf = worm.with_edges(ChemicalEdges(*(array[:1] for array in e)))
    report = compare_ensemble(worm, [worm, deaf, worm], inputs=["AVAL"], outputs=["DA1"])
    row = report["mean shortest path, input to output"]
    assert (row.controls, row.mean, row.verdict) == (2, row.original, "kept by 2 of 3")
    none = compare_ensemble(worm, [deaf, deaf], inputs=["AVAL"], outputs=["DA1"])
    assert (none["mean shortest path, input to output"].controls, none["excitatory cells"].most) == (0, 1)


def test_controls_are_taken_one_at_a_time_and_not_kept(worm, monkeypatch):
    alive: list[weakref.ref] = []
    most = []

    def watched():
        for seed in range(5):
            control = rewire(worm, "degree", seed=seed)
            alive.append(weakref.ref(control))
            yield control
            del control
            most.append(sum(ref() is not None for ref in alive))

    measured = []
    measure = ensemble_module.profile
    monkeypatch.setattr(ensemble_module, "profile", lambda w, *ends: measured.append(1) or measure(w, *ends))
    compare_ensemble(worm, watched())
    assert max(most) <= 1
    assert len(measured) == 6


def test_the_title_and_the_notes_say_what_was_compared_and_how_finely(worm, controls, report):
    title, heads, *_ = str(report).splitlines()
    assert title.startswith("cook2019 command_vnc79, 25 controls, null degree, ensemble seed 4, scope neurons")
    assert heads.split()[:3] == ["measure", "of", "original"]
    assert "resolve percentiles to 4 %, and no p is below 2/(1 + 25) = 0.077" in str(report)
    doubled = compare_ensemble(worm, [*controls[:3], controls[0], rewire(worm, "density", seed=1)])
    assert "nulls degree, density" in doubled.title
    assert "Only 4 of the 5 controls are different graphs." in doubled.notes
    assert any("several null models" in note for note in doubled.notes)


def test_the_table_is_aligned_and_the_frame_has_a_row_a_measure(report):
    _, heads, rule, *lines = str(report).splitlines()
    where = heads.index("verdict")
    assert rule.rindex(" -") + 1 == where
    for row, line in zip(report, lines, strict=False):
        assert line.startswith(row.measure)
        assert line[where:] == row.verdict
    frame = report.frame()
    assert frame.measure.tolist() == [row.measure for row in report]
    assert frame.set_index("measure").loc["reciprocity", "p"] == report["reciprocity"].p


def test_what_cannot_be_compared_is_refused_in_one_line(worm, controls, report):
    ring = Connectome.from_edges(pd.DataFrame({"pre": list("ABC"), "post": list("BCA"), "kind": "chemical"}))
    for call, part in (
        (lambda: compare_ensemble(worm, []), "0 controls have no spread; give 2 or more"),
        (lambda: compare_ensemble(worm, controls[:1]), "1 control has no spread; give 2 or more"),
        (lambda: compare_ensemble(worm, controls[0]), "give several"),
        (lambda: compare_ensemble(worm, 3), "give several"),
        (lambda: compare_ensemble(worm, [controls[0], ring]), "control's 3 cells"),
        (lambda: compare_ensemble(worm, "ab"), "give a Connectome"),
        (lambda: compare_ensemble("worm", controls), "the original is 'worm'"),
        (lambda: compare_ensemble(worm, controls, inputs=["A"]), "unknown cell 'A'"),
        (lambda: report["clusterin"], "did you mean 'clustering'"),
    ):
        with pytest.raises(RewiringError) as raised:
            call()
        assert part in str(raised.value)
        assert "\n" not in str(raised.value)
