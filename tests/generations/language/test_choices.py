"""Questions and minimal pairs: whose answer is likelier, in files as their authors give them."""

import json
import sys
import types

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import torch

from celegans_nn.errors import GenerationsError, TaskError
from celegans_nn.generations.language.choices import (
    Choice,
    Pair,
    choice_accuracy,
    pair_accuracy,
    read_choices,
    read_pairs,
)
from celegans_nn.generations.language.likelihood import continuations

HELLASWAG = {"ctx": "The worm", "endings": ["turns", "sings a song", "flies", "votes"], "label": 0}
MMLU = {"question": "What turns?", "choices": ["a stone", "a worm", "a song", "a vote"], "answer": 1}


class Unigram(torch.nn.Module):
    """Finds some tokens likelier than others, wherever they stand."""

    def __init__(self, liked, size=300):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(size))
        for token, value in liked.items():
            self.logits.data[token] = value
        self.config = types.SimpleNamespace(max_position_embeddings=64, vocab_size=size)

    def forward(self, input_ids):
        return types.SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


def test_answers_are_judged_by_their_whole_text_and_by_that_a_token(tokenizer):
    """One short answer of a dull token against a long one of likelier tokens: the two rules disagree."""
    short, long = tokenizer.encode(" x").ids, tokenizer.encode(" zzzz").ids
    model = Unigram(dict.fromkeys(long, 2.0) | dict.fromkeys(short[:1], 2.0))
    dull = set(short) - set(long)
    assert dull
    assert len(long) > len(short)
    scores = choice_accuracy(model, tokenizer, [Choice("which", ("x", "zzzz"), 0)])
    assert (scores["accuracy"], scores["accuracy_normalised"]) == (1.0, 0.0)
    assert (scores["chance"], scores["questions"]) == (0.5, 1)


def test_accuracy_is_what_scoring_each_answer_by_itself_gives(tokenizer, model):
    generator = torch.Generator().manual_seed(1)
    model.lm_head.weight.data.add_(torch.randn(model.lm_head.weight.shape, generator=generator))
    words = "aba bon dak eli gom kan lur mos nib".split()  # noqa: SIM905
    choices = [
        Choice(f"{words[k % 9]} {words[k % 7]}", tuple(words[j % 9] * (j % 3 + 1) for j in range(k, k + 4)), k % 4)
        for k in range(70)
    ]
    raw = 0
    for choice in choices:
        context = [0, *tokenizer.encode(choice.context).ids]
        logs = [continuations(model, [(context, tokenizer.encode(f" {answer}").ids)])[0] for answer in choice.answers]
        raw += logs.index(max(logs)) == choice.right
    scores = choice_accuracy(model, tokenizer, choices)
    assert 0 < raw < 70
    assert scores["accuracy"] == raw / 70
    assert (scores["chance"], scores["questions"]) == (0.25, 70)


def test_the_likelier_sentence_of_a_pair_wins_and_equal_ones_count_half(tokenizer):
    (token,) = tokenizer.encode("a").ids
    model = Unigram({token: 3.0})
    pairs = [Pair("a", "b", "one"), Pair("b", "a", "one"), Pair("b", "c", "two")]
    scores = pair_accuracy(model, tokenizer, pairs)
    assert scores == {"accuracy": 0.5, "pairs": 3, "accuracy_one": 0.5, "accuracy_two": 0.5}
    assert pair_accuracy(model, tokenizer, pairs[:1]) == {"accuracy": 1.0, "pairs": 1}


def test_nothing_to_ask_is_refused(tokenizer, model):
    with pytest.raises(GenerationsError, match="no questions"):
        choice_accuracy(model, tokenizer, [])
    with pytest.raises(GenerationsError, match="no pairs"):
        pair_accuracy(model, tokenizer, [])


WORM = Choice("The worm", ("turns", "sings a song", "flies", "votes"), 0)
TURNS = Choice("Question: What turns?\n\nAnswer:", ("a stone", "a worm", "a song", "a vote"), 1)


def test_questions_are_read_in_hellaswags_form_and_in_mmlus_three(tmp_path):
    lines = [HELLASWAG, {**HELLASWAG, "label": "0", "ind": 24}, MMLU, {**MMLU, "answer": "B", "subject": "worms"}]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "\n")
    assert read_choices(tmp_path) == [WORM, WORM, TURNS, TURNS]
    assert read_choices("hellaswag", data=tmp_path / "some.jsonl") == read_choices(tmp_path)
    (tmp_path / "some.jsonl").unlink()
    (tmp_path / "worms_test.csv").write_text('What turns?,a stone,a worm,"a song",a vote,B\n"two\nlines",1,2,3,4,D\n')
    assert read_choices("mmlu", data=tmp_path) == [TURNS, Choice("Question: two\nlines\n\nAnswer:", tuple("1234"), 3)]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "a.jsonl",
            '{"ctx": "x", "endings": ["a"], "label": 1}',
            r"a\.jsonl:1: neither ctx, .*; it has 'ctx', 'endings'",
        ),
        ("a.jsonl", '{"ctx": "x", "endings": ["a"], "label": ""}', r"a\.jsonl:1: neither"),
        ("a.jsonl", "\n[1]", r"a\.jsonl:2: a list; give an object"),
        ("a.jsonl", "{", r"a\.jsonl:1: not a line of JSON"),
        ("a.csv", "question,A,B", r"a\.csv:1: 3 columns, where there are to be 6"),
        ("a.md", "", r"no \.jsonl or \.csv file there"),
    ],
)
def test_what_is_no_question_is_refused_with_its_file_and_line(name, content, says, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(GenerationsError, match=says) as error:
        read_choices(tmp_path)
    assert "\n" not in str(error.value)


def test_hellaswag_is_fetched_only_where_asked_for(tmp_path, monkeypatch):
    def download(repository, name, *, repo_type, revision, local_dir):
        path = local_dir / name
        path.parent.mkdir(parents=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pandas(pd.DataFrame([{**HELLASWAG, "label": "0"}])), path)
        return str(path)

    listing = ["default/train/0000.parquet", "default/validation/0000.parquet"]
    client = types.SimpleNamespace(list_repo_files=lambda *_, **__: listing, hf_hub_download=download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    with pytest.raises(TaskError, match="--download"):
        read_choices("hellaswag", cache=tmp_path)
    assert read_choices("hellaswag", cache=tmp_path, download=True) == [WORM]
    assert read_choices("hellaswag", cache=tmp_path) == [WORM]
    with pytest.raises(GenerationsError, match="no questions 'hellaswig': did you mean 'hellaswag'"):
        read_choices("hellaswig", cache=tmp_path)


def test_minimal_pairs_are_read_as_blimp_gives_them_and_from_a_table(tmp_path):
    pair = {"sentence_good": "It turns.", "sentence_bad": "It turn."}
    lines = [{**pair, "UID": "agreement"}, pair]
    (tmp_path / "verbs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "zzz.csv").write_text('sentence_good,sentence_bad\nIt turns.,"It turn."\n')
    kinds = [pair.kind for pair in read_pairs(tmp_path)]
    assert kinds == ["agreement", "verbs", "zzz"]
    assert {(pair.good, pair.bad) for pair in read_pairs(tmp_path)} == {("It turns.", "It turn.")}
    (tmp_path / "verbs.jsonl").write_text('{"good": "x"}\n')
    with pytest.raises(GenerationsError, match=r"verbs\.jsonl:1: no sentence_good and sentence_bad.*; it has 'good'"):
        read_pairs(tmp_path)
