"""All evaluations of a model at once, under names of their own."""

import json

import numpy as np
import pandas as pd
import pytest

from celegans_nn.generations.language.brain import brain_scores
from celegans_nn.generations.language.choices import Choice, Pair, choice_accuracy
from celegans_nn.generations.language.evaluations import evaluation
from celegans_nn.generations.language.reading_times import reading_scores, reading_table


def test_every_evaluation_that_is_given_is_made_and_no_other(model, tokenizer):
    rng = np.random.default_rng(0)
    words = rng.choice(["aba", "bon", "dak", "eli"], 60)
    stories = pd.DataFrame({"item": 1, "zone": range(60), "word": words, "time": rng.normal(300, 30, 60)})
    sentences = [" ".join(rng.choice(words, 4)) for _ in range(40)]
    responses = pd.DataFrame({"sentence": sentences, "response": rng.normal(size=40)})
    questions = [Choice("aba", ("bon", "dak"), 1)]
    scores = evaluation(tokenizer, {"worm": questions}, [Pair("aba bon", "bon", "k")], stories, {"aba": 3}, responses)(
        model
    )
    assert scores["worm_accuracy"] == choice_accuracy(model, tokenizer, questions)["accuracy"]
    assert scores["pairs_pairs"] == 1
    by_shift = reading_scores(reading_table(model, tokenizer, stories, {"aba": 3})).set_index("shift")
    for shift, suffix, number in ((-1, "_before", 59), (0, "", 60), (1, "_after", 59)):
        assert scores[f"reading_r{suffix}"] == pytest.approx(by_shift.loc[shift, "r"], rel=1e-12)
        assert scores[f"reading_words{suffix}"] == number
    assert scores["brain_r"] == brain_scores(model, tokenizer, responses)["brain_r"]
    assert scores["brain_sentences"] == 40
    assert json.loads(json.dumps(scores)) == scores
    assert evaluation(tokenizer)(model) == {}
