"""The pre-registered comparison: what it says of planted effects, and that its numbers follow from the rows alone."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from celegans_nn.cli import main
from celegans_nn.errors import SpecError
from celegans_nn.files import write_atomic
from celegans_nn.studies.comparison import NOT_SUPPORTED, SUPPORTED, UNDECIDED, compare_rows
from celegans_nn.studies.reading import load_study
from celegans_nn.studies.store import Record, write_record
from celegans_nn.studies.verdict import as_values, headline, sentences

SPEC = """
name = "s"
[[networks]]
label = "{control}, {weights}"
source = "haspel2012"
control = ["none", "statistics", "degree"]
rewirings = 39
weights = WEIGHTS
[[tasks]]
name = "swimmer6"
method = "ga"
budget = 1000
seeds = [0, 1, 2, 3, 4]
[comparison]
metric = "final_forward_speed"
worm = "none, shared"
nulls = ["statistics, shared", "degree, shared"]
margin = 0.5
"""


def study_of(write_spec, weights='["shared"]', old="", new=""):
    text = SPEC.replace("WEIGHTS", weights)
    assert old in text
    return load_study(write_spec(text.replace(old, new) if old else text))


def rows_of(study, advantage, seed=0, between=0.3, within=0.2):
    """A table of results: noise around each graph's own level, the worm's being `advantage` above the nulls' mean."""
    rng, rows, levels = np.random.default_rng(seed), [], {}
    for trial in study.trials:
        own = trial.network.control == "none"
        graph = trial.network.label, trial.network.control_seed
        level = advantage if own else levels.setdefault(graph, between * rng.standard_normal())
        rows.append({
            "trial": trial.hash, "network": trial.network.label, "task": trial.task.label, "seed": trial.seed,
            "control": trial.network.control, "control_seed": None if own else trial.network.control_seed,
            study.comparison.metric: level + within * rng.standard_normal(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def test_a_planted_advantage_above_the_margin_is_supported_with_as_many_rewirings_as_just_suffice(write_spec):
    study = study_of(write_spec)
    found = compare_rows(study, rows_of(study, 2.0))
    assert found.verdict == SUPPORTED
    assert [o.p for o in found.settings[0].outcomes] == [1 / 40, 1 / 40]
    assert [o.p_holm for o in found.settings[0].outcomes] == pytest.approx([0.05, 0.05])
    assert headline(found).startswith("Supported: that 'none, shared' has a higher final_forward_speed on swimmer6")


def test_none_where_none_was_planted_and_a_small_scatter_is_equivalence(write_spec):
    study = study_of(write_spec)
    assert compare_rows(study, rows_of(study, 0.0)).verdict == NOT_SUPPORTED


def test_a_scatter_too_large_for_either_is_undecided(write_spec):
    study = study_of(write_spec)
    found = compare_rows(study, rows_of(study, 0.0, within=3.0))
    assert found.verdict == UNDECIDED
    assert headline(found).startswith("Undecided at this budget: ")


def test_an_advantage_of_the_nulls_is_not_supported(write_spec):
    study = study_of(write_spec)
    found = compare_rows(study, rows_of(study, -2.0))
    assert found.verdict == NOT_SUPPORTED
    assert [o.p_reverse_holm for o in found.settings[0].outcomes] == pytest.approx([0.05, 0.05])


def test_where_lower_is_better_the_same_rows_say_the_opposite(write_spec):
    study = study_of(write_spec, old="margin", new='direction = "lower"\nmargin')
    assert compare_rows(study, rows_of(study, 2.0)).verdict == NOT_SUPPORTED
    found = compare_rows(study, rows_of(study, -2.0))
    assert found.verdict == SUPPORTED
    assert found.settings[0].outcomes[0].effect.effect > 1.5


def test_an_advantage_below_the_margin_is_no_support_however_sure(write_spec):
    study = study_of(write_spec)
    found = compare_rows(study, rows_of(study, 0.4, between=0.01, within=0.01))
    assert found.settings[0].outcomes[0].p == 1 / 40
    assert found.verdict == NOT_SUPPORTED


def test_a_claim_against_two_nulls_falls_with_one_of_them(write_spec):
    study = study_of(write_spec)
    table = rows_of(study, 2.0)
    degree = table["network"] == "degree, shared"
    table.loc[degree, study.comparison.metric] += 2.0
    found = compare_rows(study, table)
    assert [found.verdict_on(n) for n in study.comparison.nulls] == [SUPPORTED, NOT_SUPPORTED]
    assert found.verdict == NOT_SUPPORTED


def test_support_must_hold_under_every_initialisation_that_the_study_has(write_spec):
    study = study_of(write_spec, '["shared", "synapse_count"]')
    table = rows_of(study, 2.0)
    assert compare_rows(study, table).verdict == SUPPORTED
    assert compare_rows(study, table).share("degree, shared") == (2, 2)
    table.loc[table["network"] == "none, synapse_count", study.comparison.metric] -= 2.0
    found = compare_rows(study, table)
    assert [s.values["weights"] for s in found.settings] == ["shared", "synapse_count"]
    assert found.verdict == UNDECIDED
    assert found.share("degree, shared") == (1, 2)
    assert "the same in 1 of 2 settings" in sentences(found)[1]


def test_other_ticks_are_part_of_the_multiverse_and_not_of_the_verdict(write_spec):
    ticks = '["shared"]\n[[networks]]\nlabel = "{control}, 9 ticks"\nsource = "haspel2012"\nticks = 9\n'
    study = study_of(write_spec, ticks + 'control = ["none", "statistics", "degree"]\nrewirings = 39')
    table = rows_of(study, 2.0)
    table.loc[table["network"] == "none, 9 ticks", study.comparison.metric] = 0.0
    found = compare_rows(study, table)
    assert found.verdict == SUPPORTED
    assert [(s.values["ticks"], s.required) for s in found.settings] == [(5, True), (9, False)]
    assert found.share("degree, shared") == (1, 2)


def test_rewirings_without_a_score_count_against_either_side(write_spec):
    study = study_of(write_spec)
    table = rows_of(study, 2.0)
    lost = (table["network"] == "degree, shared") & (table["control_seed"] == 3) & (table["seed"] == 2)
    table.loc[lost, study.comparison.metric] = float("nan")
    found = compare_rows(study, table)
    degree = found.settings[0].outcomes[1]
    assert (degree.rewirings, degree.complete, degree.p, degree.p_reverse) == (39, 38, 2 / 40, 1.0)
    assert found.verdict == SUPPORTED  # by Holm 2 x 1/40 for one null, 1 x 2/40 for the other
    assert "1 of 39 rewirings lack a score" in " ".join(found.notes)
    other = table[(table["network"] != "degree, shared") | (table["control_seed"] != 4)]
    assert compare_rows(study, other).verdict == UNDECIDED
    assert compare_rows(study, table[table["network"] != "none, shared"]).verdict == UNDECIDED
    assert compare_rows(study, table[:0]).verdict == UNDECIDED


def test_what_the_study_lacks_is_said_beside_the_verdict(write_spec):
    study = study_of(write_spec)
    notes = compare_rows(study, rows_of(study, 2.0)).notes
    assert "tested under one initialisation only (weights shared)" in notes
    assert "tested under one setting of gap junctions only (gap_junctions false)" in notes


def test_the_numbers_follow_from_the_rows_with_pandas_and_scipy_alone(write_spec, tmp_path):
    study = study_of(write_spec)
    rows_of(study, 0.6, seed=5).to_parquet(tmp_path / "results.parquet")
    values = as_values(compare_rows(study, pd.read_parquet(tmp_path / "results.parquet")))

    rows = pd.read_parquet(tmp_path / "results.parquet")
    wide = rows.pivot_table(index=["network", "control_seed"], columns="seed", values="final_forward_speed")
    worm = rows[rows["network"] == "none, shared"].set_index("seed")["final_forward_speed"].sort_index()
    ps = {}
    for outcome in values["settings"][0]["nulls"]:
        nulls = wide.loc[outcome["null"]]
        ps[outcome["null"]] = (1 + (nulls.mean(axis=1) >= worm.mean()).sum()) / (1 + len(nulls))
        assert outcome["p"] == ps[outcome["null"]]
        difference = worm - nulls.mean()
        every = np.vstack([worm, nulls])
        left = every - every.mean(axis=0) - every.mean(axis=1)[:, None] + every.mean()
        seeds, residual = len(worm), (left**2).sum() / (len(nulls) * (len(worm) - 1))
        freedom = len(nulls) * (seeds - 1) if residual > difference.var() else seeds - 1
        parts = max(difference.var(), residual) / seeds, nulls.mean(axis=1).var() / len(nulls)
        error = sum(parts) ** 0.5

        def half(tail, parts=parts, error=error, freedom=freedom):
            by_seed, by_graph = stats.t.isf(tail, [freedom, 39 - 1])
            return error * (parts[0] * by_seed + parts[1] * by_graph) / sum(parts)

        assert outcome["effect"]["estimate"] == pytest.approx(difference.mean())
        low, high = difference.mean() - half(0.025), difference.mean() + half(0.025)
        assert (outcome["effect"]["low"], outcome["effect"]["high"]) == pytest.approx((low, high))
        assert abs(difference.mean()) + half(outcome["p_equivalence"]) == pytest.approx(0.5)
    for outcome in values["settings"][0]["nulls"]:
        first = ps[outcome["null"]] == min(ps.values())
        both = 2 * min(ps.values())
        assert outcome["p_holm"] == pytest.approx(min(1, both if first else max(both, ps[outcome["null"]])))
    json.dumps(values, allow_nan=False)


# -- what may be stated --------------------------------------------------------------------------------------------

WRONG = [
    ('metric = "final_forward_speed"', 'metric = "final_forward_sped"', "did you mean 'final_forward_speed'"),
    ('worm = "none, shared"', 'worm = "degree, shared"', "did you mean"),
    ('worm = "none, shared"', "", "worm: is missing"),
    ('"degree, shared"]', '"degrees, shared"]', "did you mean 'degree, shared'"),
    ('"degree, shared"]', '"none, shared"]', 'nulls = "none, shared": unknown'),
    ('"degree, shared"]', '"statistics, shared"]', "listed twice"),
    ('"degree, shared"]', '"degree, shared", "a", "b"]', "list of 1 to 3 labels"),
    ("margin = 0.5", "margin = 0", "above 0"),
    ("margin = 0.5", "margin = inf", "above 0"),
    ("margin = 0.5", "", "margin: is missing"),
    ("margin = 0.5", "margin = 0.5\nalpha = 2", "at most 0.5"),
    ("margin = 0.5", 'margin = 0.5\ntest = "t"', "Known: 'rank'"),
    ("margin = 0.5", 'margin = 0.5\ndirection = "up"', "Known: 'higher', 'lower'"),
    ("margin = 0.5", 'margin = 0.5\nmargins = "up"', "did you mean 'margin'"),
    ("margin = 0.5", "margin = 0.5\nthreshold = 1.0", "belongs to the metric cost_to_threshold"),
    ('"final_forward_speed"', '"cost_to_threshold"', "threshold: is missing"),
    ('"final_forward_speed"', '"cost_to_threshold"\nthreshold = inf', "finite"),
    ('"final_forward_speed"', '"cost_to_threshold"\nthreshold = 1\ndirection = "higher"', 'give "lower"'),
    ("margin = 0.5", 'margin = 0.5\ntask = "digits"', "Known: 'swimmer6'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[said for *_, said in WRONG])
def test_a_wrong_comparison_is_one_line(write_spec, old, new, said):
    with pytest.raises(SpecError) as error:
        study_of(write_spec, old=old, new=new)
    assert "\n" not in str(error.value)
    assert "comparison: " in str(error.value)
    assert said in str(error.value)


def test_a_null_of_another_network_is_refused_with_what_differs(write_spec):
    with pytest.raises(
        SpecError, match="differs from 'none, shared' in more than its wiring; give both the same weights"
    ):
        study_of(write_spec, '["shared", "rank"]', old='"degree, shared"]', new='"degree, rank"]')


def test_too_few_rewirings_are_warned_of_before_anything_runs(write_spec):
    with pytest.warns(
        UserWarning, match="2 nulls at alpha 0.05 need 39 rewirings each, and 'statistics, shared' has 38"
    ):
        study_of(write_spec, old="rewirings = 39", new="rewirings = 38")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study_of(write_spec)


# -- where it is said ----------------------------------------------------------------------------------------------

IMAGES = """
name = "s"
[[networks]]
label = "{control} <i>"
source = "haspel2012"
control = ["none", "degree"]
rewirings = 4
[[tasks]]
name = "digits"
method = "bptt"
budget = 640
seeds = [0, 1, 2]
[comparison]
metric = "final"
worm = "none <i>"
nulls = ["degree <i>"]
margin = 0.01
alpha = 0.3
"""


def test_the_verdict_stands_at_the_head_of_the_report_in_a_file_and_on_the_terminal(write_spec, tmp_path, capsys):
    study = load_study(write_spec(IMAGES))
    folder = tmp_path / "out"
    for trial in study.trials:
        score = 0.9 if trial.network.control == "none" else 0.5 + 0.01 * trial.network.control_seed
        row = {
            "control_seed": None if trial.network.control == "none" else trial.network.control_seed,
            "parameters": 1, "untrained": 0.1, "final": score + 0.001 * trial.seed, "cost_total": 640,
        }  # fmt: skip
        write_record(folder, Record(trial.hash, trial.definition(), row, [("bptt", 640, score)], {}))
    write_atomic(folder / "spec.toml", study.text)
    with pytest.raises(SystemExit) as stop:
        main(["study", "report", str(folder)])
    assert stop.value.code == 0
    said = "Supported: that 'none <i>' has a higher final on digits than 'degree <i>', by more than 0.01."
    assert said in capsys.readouterr().out
    values = json.loads((folder / "comparison.json").read_text())
    assert (values["verdict"], values["headline"]) == ("supported", said)
    assert values["comparison"]["nulls"] == ["degree <i>"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert re.search(
        r'<span class="badge [^"]*">supported</span> that &#39;none &lt;i&gt;&#39; has a higher final', page
    )
    assert "p = 0.2" in page
    assert "stated beforehand" in page
    assert "is not part of this page" not in page
