"""Reading times: a word's surprisal by hand, and regressions beside known answers."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import linregress, pearsonr

from celegans_nn.errors import GenerationsError
from celegans_nn.generations.language.reading_times import (
    read_stories,
    reading_scores,
    reading_table,
    word_counts,
    word_surprisals,
)
from celegans_nn.tasks.text import Corpus, Document

SENTENCE = ["'Oh,", "the", "worm's", "naïve", "線虫", "turns", "twice-over."]


@pytest.fixture
def sharp(model):
    generator = torch.Generator().manual_seed(1)
    model.lm_head.weight.data.add_(torch.randn(model.lm_head.weight.shape, generator=generator))
    return model


def test_a_words_surprisal_is_the_sum_over_its_tokens_by_hand(sharp, tokenizer):
    words = SENTENCE[:3]
    ids, owner = [0], []
    for number, word in enumerate(words):
        pieces = tokenizer.encode(word if number == 0 else f" {word}").ids
        ids += pieces
        owner += [number] * len(pieces)
    assert len(owner) > len(words)
    assert len(ids) <= 17
    with torch.no_grad():
        log = sharp(input_ids=torch.tensor([ids[:-1]])).logits[0].double().log_softmax(-1)
    wanted = [0.0, 0.0, 0.0]
    for place, number in enumerate(owner):
        wanted[number] -= log[place, ids[place + 1]].item() / math.log(2)
    np.testing.assert_allclose(word_surprisals(sharp, tokenizer, words), wanted, rtol=1e-5)


def test_no_token_is_lost_between_words_of_any_script(sharp, tokenizer):
    from celegans_nn.generations.language.likelihood import surprisals

    ids = tokenizer.encode(" ".join(SENTENCE)).ids
    bits = word_surprisals(sharp, tokenizer, SENTENCE)
    assert bits.sum() == pytest.approx(surprisals(sharp, [0, *ids]).sum(), rel=1e-12)
    assert (bits > 0).all()
    np.testing.assert_allclose(word_surprisals(sharp, tokenizer, SENTENCE[:5]), bits[:5], rtol=1e-4)


def stories(folder, words, times):
    pd.DataFrame(words, columns=["word", "zone", "item"]).to_csv(
        folder / "all_stories.tok", sep="\t", index=False, quoting=3
    )
    table = pd.DataFrame(times, columns=["word", "zone", "item", "meanItemRT"])
    table.to_csv(folder / "processed_wordinfo.tsv", sep="\t", index=False, quoting=3)
    return folder


def test_natural_stories_are_read_in_reading_order_with_quotation_marks_and_missing_times(tmp_path):
    words = [('"If', 1, 2), ("null", 2, 1), ("NA", 1, 1), ("you'", 2, 2)]
    times = [("NA", 1, 1, 300.5), ('"If', 1, 2, 310), ("you'", 2, 2, "NA")]
    table = read_stories(stories(tmp_path, words, times))
    assert table["word"].tolist() == ["NA", "null", '"If', "you'"]
    np.testing.assert_array_equal(table["time"], [300.5, np.nan, 310, np.nan])


def test_a_folder_of_something_else_is_refused_in_one_line(tmp_path):
    with pytest.raises(GenerationsError, match=r"all_stories\.tok is not there; give the folder"):
        read_stories(tmp_path)
    stories(tmp_path, [("a", 1, 1), ("b", 1, 1)], [("a", 1, 1, 300)])
    with pytest.raises(GenerationsError, match="word 1 of story 1 stands there twice"):
        read_stories(tmp_path)
    (tmp_path / "all_stories.tok").write_text("word\tzone\nx\t1\n")
    with pytest.raises(GenerationsError, match="no column 'item'"):
        read_stories(tmp_path)


def test_words_are_counted_without_case_and_punctuation_and_unseen_ones_have_a_frequency(sharp, tokenizer):
    corpus = Corpus("c", (Document("a", "The worm, the 'worm' turns -- don't!"),), "")
    counts = word_counts(corpus)
    assert counts == {"the": 2, "worm": 2, "turns": 1, "": 1, "don't": 1}
    read = pd.DataFrame({"item": 1, "zone": [1, 2], "word": ["Worm.", "sings"], "time": 300.0})
    table = reading_table(sharp, tokenizer, read, counts)
    np.testing.assert_allclose(table["log_frequency"], np.log2([3 / 13, 1 / 13]))
    assert table["length"].tolist() == [4, 5]
    np.testing.assert_array_equal(table["surprisal"], word_surprisals(sharp, tokenizer, ["Worm.", "sings"]))


@pytest.fixture(scope="module")
def made_up():
    """Times that follow the surprisal of the word before, and length and frequency that follow surprisal."""
    rng = np.random.default_rng(0)
    surprisal = rng.gamma(2, 3, 600)
    length, frequency = 2 + 0.3 * surprisal + rng.normal(0, 1, 600), -surprisal + rng.normal(0, 3, 600)
    item = np.repeat([1, 2, 3], 200)
    table = pd.DataFrame({"item": item, "surprisal": surprisal, "length": length, "log_frequency": frequency})
    before = table.groupby("item")[["surprisal", "length"]].shift(1)
    table["time"] = 300 + 4 * before["surprisal"] + 10 * before["length"] + rng.normal(0, 5, 600)
    return table


def test_the_shift_at_which_times_follow_surprisal_is_found_within_stories(made_up):
    scores = reading_scores(made_up).set_index("shift")
    assert scores["words"].tolist() == [3 * 198, 3 * 199, 3 * 199]
    assert scores["r"].idxmax() == 1
    assert scores.loc[1, "ms_per_bit"] == pytest.approx(4, abs=4 * scores.loc[1, "standard_error"])
    assert scores.loc[1, "standard_error"] < 0.2
    assert scores.loc[1, "r_squared"] > 0.9
    assert (scores.loc[[-1, 0], "r_squared_gain"] < 0.02).all()
    assert (scores.loc[[-1, 0], "t"].abs() < 4).all()


def test_r_and_the_regression_are_those_of_scipy(made_up):
    """The coefficient of one variable among others is that of its residual (Frisch & Waugh 1933)."""
    used = made_up.dropna()
    row = reading_scores(made_up, [0]).iloc[0]
    assert row["r"] == pytest.approx(pearsonr(used["surprisal"], used["time"])[0])
    others = np.column_stack([np.ones(len(used)), used["length"], used["log_frequency"]])
    left = [
        y - others @ np.linalg.solve(others.T @ others, others.T @ y)
        for y in (used["surprisal"].to_numpy(), used["time"].to_numpy())
    ]
    simple = linregress(*left)
    freedom = np.sqrt((len(used) - 2) / (len(used) - 4))
    assert row["ms_per_bit"] == pytest.approx(simple.slope)
    assert row["standard_error"] == pytest.approx(simple.stderr * freedom)
    assert row["t"] == pytest.approx(simple.slope / simple.stderr / freedom)


def test_too_few_words_for_a_regression_are_refused(made_up):
    with pytest.raises(GenerationsError, match="8 words with a reading time at shift 0"):
        reading_scores(made_up.iloc[:9], [0])
