"""Likelihoods beside those added up one token at a time."""

import math

import numpy as np
import pytest
import torch

from celegans_nn.errors import GenerationsError
from celegans_nn.generations.language.likelihood import continuations, surprisals, validation_loss
from celegans_nn.tasks.text_tokens import TextTokens
from tests.generations.language.conftest import SHAPE


def by_hand(model, before, token):
    """Log-probability of `token` after at most the model's context of `before`."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([before[-SHAPE.context :]])).logits[0, -1].double()
    return (logits[token] - logits.exp().sum().log()).item()


@pytest.fixture
def sharp(model):
    """A model whose predictions differ from token to token."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return model


def some(number, seed=0):
    return np.random.default_rng(seed).integers(0, 300, number).astype(np.uint16)


def test_the_validation_loss_is_the_mean_over_every_token_but_each_shards_first(sharp):
    shards = some(40), some(17, 1), some(2, 2), some(1, 3)
    tokens = TextTokens((some(64),), shards, 300, {"validation_bytes": 100})
    logs = []
    for shard in shards:
        ids = [int(token) for token in shard]
        logs += [by_hand(sharp, ids[(k - 1) // 16 * 16 : k], ids[k]) for k in range(1, len(ids))]
    scores = validation_loss(sharp, tokens)
    assert scores["validation_tokens"] == len(logs) == 56
    assert scores["validation_loss"] == pytest.approx(-np.mean(logs), rel=1e-6)
    assert scores["perplexity"] == pytest.approx(math.exp(-np.mean(logs)), rel=1e-5)
    assert scores["bits_per_byte"] == pytest.approx(-np.sum(logs) / math.log(2) / 100, rel=1e-6)


def test_so_many_windows_alone_are_the_first(sharp):
    shards = some(40), some(17, 1)
    three = validation_loss(sharp, TextTokens((some(64),), (shards[0][:33], shards[1]), 300, {}), None)
    limited = validation_loss(sharp, TextTokens((some(64),), (shards[0][:33], *shards[1:], some(50, 4)), 300, {}), 3)
    assert limited == three
    assert validation_loss(sharp, TextTokens((some(64),), shards, 300, {"validation_bytes": 9}), 1).keys() == {
        "validation_loss", "perplexity", "validation_tokens",
    }  # fmt: skip


def test_a_model_that_knows_nothing_has_the_vocabulary_as_its_perplexity(model, outer):
    model.lm_head.weight.data.zero_()
    assert validation_loss(model, outer)["perplexity"] == pytest.approx(300, rel=1e-6)


def test_a_validation_set_of_one_token_is_refused(model):
    with pytest.raises(GenerationsError, match="holds no two tokens"):
        validation_loss(model, TextTokens((some(64),), (some(1),), 300, {}))


def test_a_surprisal_is_that_of_the_token_after_all_before_it(sharp):
    ids = [int(token) for token in some(17)]
    wanted = [-by_hand(sharp, ids[:k], ids[k]) / math.log(2) for k in range(1, 17)]
    np.testing.assert_allclose(surprisals(sharp, ids), wanted, rtol=1e-5)


def test_in_a_long_text_every_token_has_half_a_context_before_it_at_least(sharp):
    ids = [int(token) for token in some(45)]
    found = surprisals(sharp, ids)
    assert len(found) == 44
    for k, bits in enumerate(found, start=1):
        begun = 0 if k <= 16 else ((k - 17) // 8 + 1) * 8  # windows begin every 8 tokens
        assert min(k, 8) <= k - begun <= 16
        assert bits == pytest.approx(-by_hand(sharp, ids[begun:k], ids[k]) / math.log(2), rel=1e-5)


def test_texts_of_one_token_and_none_have_no_surprisal(sharp):
    assert surprisals(sharp, [5]).shape == surprisals(sharp, []).shape == (0,)


def test_continuations_are_scored_alike_alone_and_beside_longer_ones(sharp):
    rng = np.random.default_rng(0)
    rows = [
        (rng.integers(0, 300, a).tolist(), rng.integers(0, 300, b).tolist()) for a, b in rng.integers(1, 9, (40, 2))
    ]
    wanted = [sum(by_hand(sharp, first + then[:k], then[k]) for k in range(len(then))) for first, then in rows]
    np.testing.assert_allclose(continuations(sharp, rows), wanted, rtol=1e-5)


def test_what_is_too_long_loses_its_beginning(sharp):
    first, then = some(30).tolist(), some(6, 1).tolist()
    (score,) = continuations(sharp, [(first, then)])
    assert score == pytest.approx(continuations(sharp, [(first[-11:], then)])[0], rel=1e-12)
    assert score != pytest.approx(continuations(sharp, [(first[-10:], then)])[0], rel=1e-9)


def test_scoring_leaves_the_model_training_as_it_was(model, outer):
    model.train()
    validation_loss(model, outer, 1)
    assert model.training
    model.eval()
    surprisals(model, [1, 2])
    assert not model.training


def test_a_pass_that_must_be_small_changes_no_score(sharp, outer, monkeypatch):
    rows = [([1, 2, 3], [4, 5]), ([1], [2]), ([7, 8], [9])]
    whole = validation_loss(sharp, outer), continuations(sharp, rows)
    monkeypatch.setattr("celegans_nn.generations.language.likelihood.LARGEST_PASS", 1)
    assert validation_loss(sharp, outer)["validation_loss"] == pytest.approx(whole[0]["validation_loss"], rel=1e-6)
    np.testing.assert_allclose(continuations(sharp, rows), whole[1], rtol=1e-5)
