"""Tokens: nothing lost between text and tokens, documents in one split only, an order that needs no memory."""

import json
import sys

import numpy as np
import pytest

from celegans_nn.errors import TaskError
from celegans_nn.tasks.text import Corpus, Document
from celegans_nn.tasks.text_tokenizer import (
    END_OF_TEXT,
    end_of_text,
    fingerprint,
    load_tokenizer,
    save_tokenizer,
    train_tokenizer,
)
from celegans_nn.tasks.text_tokens import count, load_tokens, save_tokens, shuffled, tokenize, windows

WORDS = [
    "the",
    "worm",
    "turns",
    "to",
    "left",
    "and",
    "right",
    "of",
    "naïve",
    "線虫",
    ",",
    "eats",
    ";",
    "it",
    "sleeps",
    ".",
]


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 80)) for _ in range(30)]
    return Corpus("worms", tuple(Document(f"d{k}", text) for k, text in enumerate(texts)), "made up")


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return train_tokenizer([document.text for document in corpus.documents], 300)


@pytest.fixture(scope="module")
def tokens(corpus, tokenizer):
    return tokenize(corpus, tokenizer, validation=0.2, seed=1)


def test_the_same_texts_train_the_same_tokenizer_and_any_text_comes_back(corpus, tokenizer):
    again = train_tokenizer([document.text for document in corpus.documents], 300)
    assert fingerprint(again) == fingerprint(tokenizer)
    for text in ("the worm", "\tZürich\n\n ꙮ 🪱  two  spaces ", "\x00\x7f"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.get_vocab_size() == 300


def test_a_users_text_cannot_end_the_text(tokenizer, tmp_path):
    save_tokenizer(tokenizer, tmp_path / "tokenizer.json")
    for each in (tokenizer, load_tokenizer(tmp_path / "tokenizer.json"), load_tokenizer(tmp_path)):
        assert end_of_text(each) == 0
        assert 0 not in each.encode(f"before {END_OF_TEXT} after").ids
        assert fingerprint(each) == fingerprint(tokenizer)


def test_gpt2s_files_are_read_under_either_pair_of_names(tokenizer, tmp_path):
    model = json.loads(tokenizer.to_str())["model"]
    merges = "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in model["merges"]) + "\n"
    for vocabulary_file, merges_file in (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")):
        folder = tmp_path / vocabulary_file
        folder.mkdir()
        (folder / vocabulary_file).write_text(json.dumps(model["vocab"]))
        (folder / merges_file).write_text(merges)
        assert load_tokenizer(folder).encode("the worm 線虫").ids == tokenizer.encode("the worm 線虫").ids
        assert end_of_text(load_tokenizer(folder)) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no tokenizer there; give its JSON file, or a folder"), ("{}", "not a tokenizer that can be read")],
)
def test_what_is_no_tokenizer_is_refused_in_one_line(content, says, tmp_path):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(TaskError, match=says) as error:
        load_tokenizer(tmp_path)
    assert "\n" not in str(error.value)


def test_a_vocabulary_smaller_than_the_bytes_is_refused():
    with pytest.raises(TaskError, match="vocabulary is 256; give a whole number from 257"):
        train_tokenizer(["text"], 256)


def test_every_document_stands_whole_in_one_split(corpus, tokenizer, tokens):
    (train,), (validation,) = tokens.train, tokens.validation
    assert train.dtype == validation.dtype == np.uint16
    back = {}
    for split, shard in (("train", train), ("validation", validation)):
        starts = np.flatnonzero(shard == 0)
        assert starts[0] == 0
        back[split] = [tokenizer.decode(list(part[1:])) for part in np.split(shard, starts[1:])]
    texts = {document.text for document in corpus.documents}
    assert len(back["train"]) + len(back["validation"]) == len(texts)
    assert set(back["train"]) | set(back["validation"]) == texts
    held_out = [document for document in corpus.documents if document.text in back["validation"]]
    assert tokens.facts["validation_documents"] == [document.name for document in held_out]
    assert tokens.validation_bytes == sum(len(document.text.encode()) for document in held_out)
    assert 5 <= len(held_out) <= 7


def test_the_seed_alone_draws_the_documents_that_are_held_out(corpus, tokenizer, tokens):
    assert tokenize(corpus, tokenizer, 0.2, seed=1).fingerprint == tokens.fingerprint
    assert tokenize(corpus, tokenizer, 0.2, seed=2).fingerprint != tokens.fingerprint


def test_one_document_or_a_share_of_all_cannot_be_split(corpus, tokenizer):
    with pytest.raises(TaskError, match="one document cannot be split"):
        tokenize(Corpus("one", corpus.documents[:1], ""), tokenizer)
    with pytest.raises(TaskError, match=r"validation is 1\.0; give a share"):
        tokenize(corpus, tokenizer, validation=1.0)


def test_shuffling_keeps_each_splits_tokens_and_nothing_of_their_order(tokens):
    mixed = shuffled(tokens, seed=0)
    for before, after in ((tokens.train, mixed.train), (tokens.validation, mixed.validation)):
        np.testing.assert_array_equal(np.bincount(before[0], minlength=300), np.bincount(after[0], minlength=300))
        assert (before[0] != after[0]).mean() > 0.5
    assert mixed.facts["shuffled"] == 0
    assert shuffled(tokens, seed=0).fingerprint == mixed.fingerprint != tokens.fingerprint


def test_tokens_come_back_from_their_folder_mapped_and_in_shards(tokens, tmp_path, monkeypatch):
    monkeypatch.setattr("celegans_nn.tasks.text_tokens.SHARD_TOKENS", 500)
    save_tokens(shuffled(tokens, seed=0), tmp_path)
    back = load_tokens(tmp_path)
    assert len(back.train) == -(-count(tokens.train) // 500) > 2
    assert all(isinstance(shard, np.memmap) for shard in back.train)
    assert back.fingerprint == shuffled(tokens, seed=0).fingerprint
    assert (back.vocabulary, back.facts) == (300, {**tokens.facts, "shuffled": 0})


def test_tokens_that_were_spoilt_are_refused_in_one_line(tokens, tmp_path):
    with pytest.raises(TaskError, match="no tokens there"):
        load_tokens(tmp_path)
    save_tokens(tokens, tmp_path)
    np.save(tmp_path / "train_0000.npy", np.array([300], np.uint16))
    with pytest.raises(TaskError, match="some of 300 and above"):
        load_tokens(tmp_path)
    np.save(tmp_path / "train_0000.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(TaskError, match="not tokens that this version reads"):
        load_tokens(tmp_path)


def test_shards_of_gpt2s_tokens_are_read_as_llm_c_writes_them(tmp_path):
    header = np.zeros(256, np.int32)
    for split, first in (("train_000001", 50256), ("val_000000", 7)):
        content = np.array([first, 1, 2, 3], np.uint16)
        header[:3] = 20240520, 1, len(content)
        (tmp_path / f"fineweb_{split}.bin").write_bytes(header.tobytes() + content.tobytes())
    tokens = load_tokens(tmp_path)
    assert [shard.tolist() for shard in (*tokens.train, *tokens.validation)] == [[50256, 1, 2, 3], [7, 1, 2, 3]]
    assert (tokens.vocabulary, tokens.validation_bytes) == (50257, None)
    (tmp_path / "fineweb_val_000000.bin").write_bytes(header.tobytes())
    with pytest.raises(TaskError, match="not the 4 tokens that it says"):
        load_tokens(tmp_path)


def test_an_epoch_shows_each_window_once_and_the_next_cuts_elsewhere():
    shards = (np.arange(103, dtype=np.uint16), np.arange(200, 241, dtype=np.uint16))
    each = 103 // 8 - 1 + 41 // 8 - 1
    epochs = [windows(shards, 8, 0, epoch * each, each) for epoch in range(4)]
    for epoch in epochs:
        assert (np.diff(epoch, axis=1) == 1).all()  # no window spans two shards
        assert len(np.unique(epoch[:, 0])) == each
        assert np.diff(np.sort(epoch[epoch[:, 0] < 200, 0])).tolist() == [8] * 10
    assert len({int(epoch[:, 0].min()) for epoch in epochs}) > 1
    assert any((np.diff(epoch[:, 0]) < 0).any() for epoch in epochs)


def test_windows_read_in_pieces_are_those_read_at_once_and_follow_the_seed():
    shards = (np.arange(103, dtype=np.uint16),)
    whole = windows(shards, 8, 5, 0, 40)
    pieces = np.concatenate([windows(shards, 8, 5, first, 5) for first in range(0, 40, 5)])
    np.testing.assert_array_equal(whole, pieces)
    assert (windows(shards, 8, 6, 0, 40) != whole).any()


def test_too_few_tokens_for_one_window_are_refused():
    with pytest.raises(TaskError, match="15 tokens hold no window of 8"):
        windows((np.arange(15, dtype=np.uint16),), 8, 0, 0, 1)


def test_without_the_extra_the_command_that_brings_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for call in (lambda: train_tokenizer(["text"]), lambda: load_tokenizer(tmp_path)):
        with pytest.raises(TaskError, match=r"need tokenizers; run: pip install 'celegans_nn\[language\]'"):
            call()
