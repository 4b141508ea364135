"""All that a trained model is asked, as one function of it: what `learner` takes as `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from celegans_nn.generations.language.brain import brain_scores
from celegans_nn.generations.language.choices import Choice, Pair, choice_accuracy, pair_accuracy
from celegans_nn.generations.language.reading_times import reading_scores, reading_table

if TYPE_CHECKING:
    import pandas as pd
    from tokenizers import Tokenizer


def evaluation(
    tokenizer: Tokenizer,
    questions: Mapping[str, Sequence[Choice]] | None = None,
    pairs: Sequence[Pair] = (),
    stories: pd.DataFrame | None = None,
    word_counts: Mapping[str, int] | None = None,
    responses: pd.DataFrame | None = None,
) -> Callable[[nn.Module], dict[str, Any]]:
    """A function that gives a model's scores by name, of what is given here:

    questions: by name, from `read_choices`: NAME_accuracy, NAME_accuracy_normalised, NAME_chance, NAME_questions.
    pairs: from `read_pairs`: pairs_accuracy, pairs_pairs, and pairs_accuracy_KIND.
    stories, word_counts: from `read_stories` and `word_counts` of a corpus: reading_r, reading_ms_per_bit,
        reading_r_squared_gain and others of `reading_scores` at shift 0; with `_before` and `_after` at -1 and +1.
    responses: from `read_responses`: brain_r, brain_r_layer_K, brain_sentences.
    """

    def evaluate(model: nn.Module) -> dict[str, Any]:
        scores: dict[str, Any] = {}
        for name, some in (questions or {}).items():
            scores |= _named(name, choice_accuracy(model, tokenizer, some))
        if pairs:
            scores |= _named("pairs", pair_accuracy(model, tokenizer, pairs))
        if stories is not None:
            table = reading_table(model, tokenizer, stories, word_counts or {})
            scores |= _reading(reading_scores(table))
        if responses is not None:
            of_brain = brain_scores(model, tokenizer, responses)
            scores |= {name: value for name, value in of_brain.items() if name.startswith("brain")}
            scores["brain_sentences"] = of_brain["sentences"]
        return scores

    return evaluate


def _named(name: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}_{key}": value for key, value in scores.items()}


def _reading(by_shift: pd.DataFrame) -> dict[str, Any]:
    where = {-1: "_before", 0: "", 1: "_after"}
    scores: dict[str, Any] = {}
    for row in by_shift.to_dict("records"):
        suffix = where[int(row.pop("shift"))]
        scores["reading_words" + suffix] = int(row.pop("words"))
        scores |= {f"reading_{key}{suffix}": float(value) for key, value in row.items()}
    return scores
