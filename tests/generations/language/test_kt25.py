"""The comparison of benchmarks/kt25.py: its spec, both loops small and stopped, and a page that counts rightly."""

import importlib
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from celegans_nn.errors import GenerationsError, SpecError
from celegans_nn.generations.language import KT25_INNER, KT25_OUTER
from tests.generations.language.conftest import made_up_corpus
from tests.generations.language.test_train import StoppedError

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.append(str(BENCHMARKS))
kt25, kt25_page, kt25_spec = (importlib.import_module(name) for name in ("kt25", "kt25_page", "kt25_spec"))

SMALL = """
outer_seeds = [3]
inner_seeds = [0, 1]
generations = 1
prune_fraction = 0.2
scope = "layer"
after = "signs"
model = "tiny"
controls = ["connectome", "dense_gaussian", "shuffled_text", "dense_outer_inner"]
[outer]
corpus = "OUTER"
steps = 4
batch = 2
micro_batch = 2
warm_up = 1
[inner]
corpus = "INNER"
steps = 7
batch = 2
micro_batch = 2
warm_up = 1
[presets.small]
vocabulary = 300
checkpoint = 3
curve = [2, 4]
"""


def test_the_spec_has_the_seeds_and_all_ten_controls_that_the_comparison_needs():
    asked = kt25_spec.read_comparison(BENCHMARKS / "kt25.toml", "laptop")
    assert len(asked.outer_seeds) >= 3
    assert len(asked.inner_seeds) >= 4
    assert set(asked.controls) == set(kt25_spec.KNOWN_CONTROLS) == set(kt25_page.DIFFERS)
    assert asked.outer.corpus != asked.inner.corpus
    assert asked.outer_tokens == 6 * 1000 * 8 * 128


def test_the_paper_preset_has_the_published_size_and_training():
    asked = kt25_spec.read_comparison(BENCHMARKS / "kt25.toml", "paper")
    assert asked.shape.parameters == 162_201_600
    assert (asked.outer.options, asked.inner.options) == (KT25_OUTER, KT25_INNER)
    assert (asked.generations, asked.prune_fraction) == (6, 0.2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[presets.small]", "[presets.smal]", "no preset 'small'; did you mean 'smal'"),
        ('"shuffled_text"', '"shuffled_txt"', "no control 'shuffled_txt'; did you mean 'shuffled_text'"),
        ("checkpoint = 3", "checkpiont = 3", "no key 'checkpiont'; did you mean 'checkpoint'"),
        ("checkpoint = 3", "checkpoint = 2", "curve has step 2, a checkpoint's; give one that 2 does not divide"),
        ("checkpoint = 3\n", "", "checkpoint is missing"),
        ("warm_up = 1\n[inner]", "warmup = 1\n[inner]", r"\[outer\] has no 'warmup'; did you mean 'warm_up'"),
        ('corpus = "INNER"\n', "", r"\[inner\] has no corpus"),
        ("[0, 1]", "[1, 1]", r"inner_seeds is \(1, 1\); give a list in which each stands once"),
        ("[presets.small]", "[presets", "cannot be read"),
    ],
)
def test_a_spec_that_says_no_such_comparison_is_one_line(old, new, said, tmp_path):
    path = tmp_path / "other.toml"
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(SpecError, match=said) as error:
        kt25_spec.read_comparison(path, "small")
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    place = tmp_path_factory.mktemp("corpora")
    text = SMALL
    for seed, name in enumerate(("outer", "inner")):
        (place / name).mkdir()
        for document in made_up_corpus(name, seed).documents:
            (place / name / f"{document.name}.txt").write_text(document.text)
        text = text.replace(name.upper(), str(place / name))
    (place / "small.toml").write_text(text)
    return kt25_spec.read_comparison(place / "small.toml", "small")


@pytest.fixture(scope="module")
def rows(small, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    kt25.run(small, kt25.Place(out, out), lambda line: None)
    return out


def test_every_learner_has_a_row_with_its_curve_and_the_cost_of_both_loops(rows):
    table = pd.read_csv(rows / "learners.csv").set_index("control")
    assert sorted(table.index) == sorted(2 * ["connectome", "dense_gaussian", "shuffled_text", "dense_outer_inner"])
    assert (table["inner_samples"] == 7 * 2 * 128).all()
    outer = {name: set(table.loc[name, "outer_samples"]) for name in set(table.index)}
    assert outer.pop("dense_gaussian") == {0}
    assert all(cost == {4 * 2 * 128} for cost in outer.values()), outer
    assert table[["loss_0", "loss_2", "loss_4", "validation_loss"]].notna().all(axis=None)
    # what was trained on other text before knows more of this one at the start, and a fresh learner nothing
    assert table.loc["dense_outer_inner", "loss_0"].max() < table.loc["dense_gaussian", "loss_0"].min()
    generations = pd.read_csv(rows / "outer.csv")
    assert list(generations["text"]) == ["text", "shuffled"]
    assert generations["density"].between(0.799, 0.801).all()


def test_a_run_stopped_within_learners_writes_the_same_rows(small, rows, tmp_path, monkeypatch):
    passed, left = kt25._Points.passed, [5, 12, 3]

    def stopping(self, step, loss):
        passed(self, step, loss)
        if left:
            left[0] -= 1
            if not left[0]:
                del left[0]
                raise StoppedError

    monkeypatch.setattr(kt25._Points, "passed", stopping)
    for _ in range(3):
        with pytest.raises(StoppedError):
            kt25.run(small, kt25.Place(tmp_path, tmp_path), lambda line: None)
    kt25.run(small, kt25.Place(tmp_path, tmp_path), lambda line: None)
    for name in ("learners.csv", "outer.csv"):
        assert (tmp_path / name).read_bytes() == (rows / name).read_bytes()


def test_the_page_is_made_of_the_rows_alone_and_says_what_is_still_missing(rows, tmp_path):
    folder = tmp_path / "kt25"
    folder.mkdir()
    for path in ("learners.csv", "outer.csv", "settings.json"):
        (folder / path).write_bytes((rows / path).read_bytes())
    kt25_page.write_report(folder)
    page = (tmp_path / "KT25.md").read_text()
    assert (folder / "losses.png").stat().st_size > 10_000
    table = pd.read_csv(folder / "learners.csv")
    mean = table[table["control"] == "dense_outer_inner"]["validation_loss"].mean()
    line = next(line for line in page.splitlines() if line.startswith("| `dense_outer_inner` | 100.0 %"))
    assert f"| {mean:.3f} |" in line
    assert "So far" not in page
    assert "Reading times" not in page
    table[table["inner_seed"] == 0].to_csv(folder / "learners.csv", index=False)
    kt25_page.write_report(folder)
    assert "**So far 4 of 8 learners.**" in (tmp_path / "KT25.md").read_text()


def test_a_report_before_the_first_learner_is_one_line(tmp_path):
    with pytest.raises(
        GenerationsError, match=r"learners.csv is not there; give the folder of a run that has learners"
    ):
        kt25_page.write_report(tmp_path)


def test_differences_are_paired_by_inner_seed_and_averaged_within_each_outer_seed():
    losses = {
        ("connectome", 0): [3.0, 4.0], ("connectome", 1): [3.5, 4.1],
        ("mask", 0): [3.2, 3.9], ("mask", 1): [3.6],
        ("dense_scale", None): [3.1, 4.3],
    }  # fmt: skip
    learners = pd.DataFrame(
        [
            {"control": control, "outer_seed": outer, "inner_seed": inner, "validation_loss": loss}
            for (control, outer), values in losses.items()
            for inner, loss in enumerate(values)
        ]
    ).astype({"outer_seed": "Int64"})
    table = kt25_page.Rows(learners, pd.DataFrame(), {})
    assert kt25_page.differences(table, "mask") == pytest.approx({0: (0.2 - 0.1) / 2, 1: 0.1})
    assert kt25_page.differences(table, "dense_scale") == pytest.approx({0: (0.1 + 0.3) / 2, 1: (-0.4 + 0.2) / 2})
    assert re.search("better in all of 2", kt25_page._verdict({0: 0.1, 1: 0.2}))
    assert re.search("worse in all of 2", kt25_page._verdict({0: -0.1, 1: -0.2}))
    assert re.search("better in 1 of 2, so the sign is open", kt25_page._verdict({0: -0.1, 1: 0.2}))
