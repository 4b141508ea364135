"""The transformer: the shape that it says, the function that is written down elsewhere, weights that follow a seed."""

import copy
import sys

import pytest
import torch

from celegans_nn.errors import GenerationsError, TaskError
from celegans_nn.generations.language import KT25_INNER, PRESETS, Shape, language_model, train_language
from celegans_nn.generations.language.likelihood import validation_loss
from celegans_nn.generations.language.options import LanguageOptions
from celegans_nn.tasks.text_tokens import TextTokens
from tests.oracles.transformer import forward


def test_the_small_preset_is_the_function_of_its_weights_that_plain_torch_gives():
    shape = PRESETS["small"]
    model = language_model("small", seed=1).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():  # far from the start, where attention is nearly level
        parameter.data.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    ids = torch.randint(0, shape.vocabulary, (2, shape.context), generator=generator)
    with torch.no_grad():
        logits = model(input_ids=ids).logits
        wanted = forward(dict(model.state_dict()), ids, shape.layers, shape.heads)
    assert wanted.std() > 0.5
    torch.testing.assert_close(logits, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("preset", "millions"), [("tiny", 1.0), ("small", 4.2)])
def test_presets_have_as_many_weights_as_they_say(preset, millions):
    built = sum(parameter.numel() for parameter in language_model(preset).parameters())
    assert built == PRESETS[preset].parameters
    assert round(built / 1e6, 1) == millions


def test_kotar_and_tuckutes_shape_has_its_162_2_million_weights():
    assert round(PRESETS["kt25"].parameters / 1e6, 1) == 162.2


def test_no_word_sees_what_comes_after_it(model):
    ids = torch.arange(16)[None]
    changed = ids.clone()
    changed[0, 9] = 299
    with torch.no_grad():
        before, after = model(input_ids=ids).logits, model(input_ids=changed).logits
    assert torch.equal(before[:, :9], after[:, :9])
    assert not torch.equal(before[:, 9:], after[:, 9:])


def test_every_tokens_embedding_receives_a_gradient(model):
    ids = torch.arange(16)[None]
    torch.nn.functional.cross_entropy(model(input_ids=ids).logits[0], ids[0]).backward()
    assert (model.model.embed_tokens.weight.grad[:16].abs().sum(1) > 0).all()


def test_fresh_weights_follow_the_seed_and_leave_torchs_own_random_numbers_alone():
    before = torch.random.get_rng_state()
    first, again, other = (language_model("tiny", seed=seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_fresh_weights_are_normal_and_smaller_where_they_write_into_the_residual_stream():
    layers = PRESETS["small"].layers
    for name, weight in language_model("small").named_parameters():
        wanted = 0.02 / (2 * layers) ** 0.5 if "o_proj" in name or "fc2" in name else 0.02
        assert abs(weight.std().item() / wanted - 1) < 0.02, name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tinny",), "unknown model 'tinny': did you mean 'tiny'"),
        ((Shape(1, 8, 2, 8, 300), 1), "vocabulary is 1; give a whole number from 2"),
    ],
)
def test_what_is_no_shape_is_refused(arguments, says):
    with pytest.raises(GenerationsError, match=says):
        language_model(*arguments)
    with pytest.raises(GenerationsError, match="width 10 does not make 2 heads of even size; give a multiple of 4"):
        Shape(layers=1, width=10, heads=2, context=8, vocabulary=300)


@pytest.mark.parametrize("package", ["transformers", "accelerate"])
def test_without_the_extra_the_command_that_brings_it_is_named(package, monkeypatch, model, outer):
    monkeypatch.setitem(sys.modules, package, None)
    options = LanguageOptions(steps=1, batch=1, micro_batch=1, warm_up=0)
    for call in (lambda: language_model("tiny"), lambda: train_language(model, outer, options, seed=0)):
        with pytest.raises(TaskError, match=rf"need {package}; run: pip install 'celegans_nn\[language\]'"):
            call()


@pytest.mark.slow
def test_kotar_and_tuckutes_model_builds_at_full_size_and_takes_a_step_on_a_processor():
    shape = PRESETS["kt25"]
    model = language_model("kt25")
    assert sum(parameter.numel() for parameter in model.parameters()) == 162_201_600
    ids = torch.randint(0, 50257, (4 * shape.context,), generator=torch.Generator().manual_seed(0)).numpy()
    tokens = TextTokens((ids.astype("uint16"),), (ids[:65].astype("uint16"),), 50257, {})
    before = copy.deepcopy(model.lm_head.weight)
    first = validation_loss(model, tokens)["validation_loss"]
    assert abs(first - torch.log(torch.tensor(50304.0)).item()) < 0.3
    options = LanguageOptions(steps=1, batch=1, micro_batch=1, warm_up=0, learning_rate=KT25_INNER.learning_rate)
    told = train_language(model, tokens, options, seed=0)
    assert told["samples"] == shape.context
    assert (model.lm_head.weight != before).float().mean() > 0.9
