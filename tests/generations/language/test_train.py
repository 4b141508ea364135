"""Training: the update that AdamW's authors wrote, no pruned weight ever moved, and any step a place to go on from."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from celegans_nn.errors import GenerationsError
from celegans_nn.generations import ModelConnectome, inherit
from celegans_nn.generations.language import LanguageOptions, language_model, train_language
from celegans_nn.generations.language.options import make_optimizers, rate
from celegans_nn.generations.language.train import CHECKPOINT
from celegans_nn.generations.prunable import prunable
from celegans_nn.tasks.text_tokens import windows
from celegans_nn.training.checkpoint import CheckpointError
from tests.generations.language.conftest import SHAPE

OPTIONS = LanguageOptions(steps=8, batch=4, micro_batch=2, warm_up=2, learning_rate=0.01, weight_decay=0.1)


class StoppedError(Exception):
    pass


def some_connectome(model):
    """Three weights of four, drawn."""
    rng = np.random.default_rng(0)
    masks = {name: rng.random(found.parameter.shape) < 0.75 for name, found in prunable(model).items()}
    signs = {name: np.where(mask, rng.choice([-1, 1], mask.shape), 0) for name, mask in masks.items()}
    return ModelConnectome(masks, signs, dict.fromkeys(masks, 0.02))


def heir():
    model = language_model(SHAPE, seed=3)
    return inherit(model, some_connectome(model))


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_an_update_is_that_of_adamw_written_out(model, outer):
    """Loshchilov and Hutter 2019, Algorithm 2, on the averaged gradient clipped to norm 1."""
    weights = {name: value.detach().double() for name, value in model.named_parameters()}
    first = {name: torch.zeros_like(w) for name, w in weights.items()}
    second = {name: torch.zeros_like(w) for name, w in weights.items()}
    written = language_model(SHAPE).double()
    for step in range(3):
        written.load_state_dict(weights)
        written.zero_grad()
        ids = torch.from_numpy(windows(outer.train, 16, 7, step * 4, 4))
        log = written(input_ids=ids[:, :-1]).logits.log_softmax(-1)
        (-log.gather(-1, ids[:, 1:, None]).mean()).backward()
        gradient = {name: p.grad.double() for name, p in written.named_parameters()}
        norm = sum(g.square().sum() for g in gradient.values()).sqrt()
        lr = 0.01 * [0.5, 1.0, 1.0][step]
        for name, w in weights.items():
            g = gradient[name] * min(1.0, 1.0 / (norm + 1e-6))
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.95 * second[name] + 0.05 * g * g
            m, v = first[name] / (1 - 0.9 ** (step + 1)), second[name] / (1 - 0.95 ** (step + 1))
            weights[name] = w - lr * (m / (v.sqrt() + 1e-8) + 0.1 * w)
    with pytest.raises(StoppedError):
        train_language(model, outer, OPTIONS, seed=7, progress=stop_after(3))
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach().double(), weights[name], rtol=1e-3, atol=2e-5)


def stop_after(steps):
    def progress(step, loss):
        if step == steps:
            raise StoppedError

    return progress


def test_passes_of_any_size_add_up_to_the_same_step(outer):
    trained = []
    for micro_batch in (1, 4):
        model = language_model(SHAPE, seed=3)
        told = train_language(model, outer, replace(OPTIONS, steps=3, micro_batch=micro_batch), seed=0)
        trained.append((state(model), told["loss"]))
    (one, first), (four, second) = trained
    assert abs(first - second) < 1e-4
    for name in one:
        torch.testing.assert_close(one[name], four[name], rtol=1e-3, atol=1e-4)


def test_a_made_up_language_is_learned(model, outer):
    losses = []
    options = LanguageOptions(steps=60, batch=8, micro_batch=8, warm_up=5, learning_rate=0.01)
    told = train_language(model, outer, options, seed=0, progress=lambda step, loss: losses.append(loss))
    assert len(losses) == 60
    assert abs(losses[0] - np.log(300)) < 0.2
    assert told["loss"] == np.mean(losses[-3:]) < 3.5
    assert told["samples"] == 60 * 8 * 16


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("stop", [1, 2, 5, 8])
def test_stopped_at_any_step_and_begun_again_training_ends_with_the_same_bits(optimizer, stop, outer, tmp_path):
    options = replace(OPTIONS, optimizer=optimizer)
    whole = heir()
    wanted = train_language(whole, outer, options, seed=0)
    with pytest.raises(StoppedError):
        train_language(heir(), outer, options, 0, tmp_path, every=2, progress=stop_after(stop))
    steps = []
    again = heir()
    told = train_language(again, outer, options, 0, tmp_path, 2, progress=lambda step, loss: steps.append(step))
    assert steps == list(range(stop // 2 * 2 + 1, 9))
    assert told == wanted
    assert_same(state(again), state(whole))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_no_weight_outside_the_connectome_moves_from_zero(optimizer, outer):
    model = heir()
    masks = some_connectome(language_model(SHAPE)).mask
    before = {name: model.get_submodule(name.removesuffix(".weight")).weight.detach().clone() for name in masks}
    train_language(model, outer, replace(OPTIONS, steps=20, optimizer=optimizer), seed=0)
    for name, mask in masks.items():
        weight = model.get_submodule(name.removesuffix(".weight")).weight.detach()
        assert (weight.numpy()[~mask] == 0.0).all()
        assert (weight != before[name]).numpy()[mask].mean() > 0.5


def test_the_order_of_the_data_follows_the_seed_alone(outer):
    ends = []
    for seed, torchs in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(torchs)
        model = language_model(SHAPE, seed=3)
        train_language(model, outer, replace(OPTIONS, steps=2), seed)
        ends.append(model.lm_head.weight.detach().clone())
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_a_checkpoint_of_another_training_is_refused_and_named(outer, inner, tmp_path):
    train_language(heir(), outer, OPTIONS, 0, tmp_path)
    for change, says in (
        (lambda: train_language(heir(), outer, OPTIONS, 1, tmp_path), "whose seed is 0, and here it is 1"),
        (lambda: train_language(heir(), inner, OPTIONS, 0, tmp_path), "whose tokens is"),
        (lambda: train_language(heir(), outer, replace(OPTIONS, clip=2.0), 0, tmp_path), "whose settings is"),
        (lambda: train_language(language_model(SHAPE), outer, OPTIONS, 0, tmp_path), "whose network is"),
    ):
        with pytest.raises(CheckpointError, match=says):
            change()
    (tmp_path / CHECKPOINT).write_bytes(b"spoilt")
    with pytest.raises(CheckpointError, match="not a checkpoint that this version reads"):
        train_language(heir(), outer, OPTIONS, 0, tmp_path)


def test_muon_takes_the_layers_matrices_and_adamw_embedding_and_head_masked_or_not():
    for model in (language_model(SHAPE), heir()):
        muon, adamw = make_optimizers(model, replace(OPTIONS, optimizer="muon"))
        names = {parameter: name for name, parameter in model.named_parameters()}
        taken = [{names[p] for group in o.param_groups for p in group["params"]} for o in (muon, adamw)]
        assert taken[0] | taken[1] == set(names.values())
        assert all(".layers." in name for name in taken[0])
        assert len(taken[1]) == 2
        assert not any(".layers." in name for name in taken[1])
        assert muon.defaults["lr"] == pytest.approx(0.1 * 0.01)


def test_products_in_bfloat16_round_and_learn(outer):
    ends = {}
    for precision in ("auto", "float32", "bfloat16"):
        model = language_model(SHAPE, seed=3)
        ends[precision] = train_language(model, outer, replace(OPTIONS, precision=precision), seed=0)["loss"]
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert ends["float32"] != ends["bfloat16"]
    assert abs(ends["float32"] - ends["bfloat16"]) < 0.05
    if not torch.cuda.is_available():
        assert ends["auto"] == ends["float32"]


def test_the_learning_rate_rises_stays_and_falls_as_kotar_and_tuckutes_did():
    options = LanguageOptions(steps=7001, warm_up=250, warm_down=1800)
    assert [rate(options, step) for step in (0, 249, 250, 5201)] == [1 / 250, 1.0, 1.0, 1.0]
    assert rate(options, 6101) == 0.5
    assert rate(options, 7000) == 1 / 1800


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch": 5}, "batch is 5; give a multiple of micro_batch, which is 2"),
        ({"optimizer": "adam"}, "optimizer is 'adam': did you mean 'adamw'"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; give a number above 0"),
        ({"betas": (0.9, 1.0)}, "give at least 0 and below 1"),
        ({"warm_up": 9}, "warm_up is 9; give a whole number from 0 to 8"),
        ({"warm_down": 7}, "warm_down is 7; give a whole number from 0 to 6"),
        ({"steps": 0}, "steps is 0; give a whole number from 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, says):
    with pytest.raises(GenerationsError, match=says):
        replace(OPTIONS, **changes)


def test_a_model_that_knows_too_few_tokens_is_refused(outer):
    with pytest.raises(GenerationsError, match=r"knows 299 tokens .*; give it vocabulary=300"):
        train_language(language_model(SHAPE, vocabulary=299), outer, OPTIONS, seed=0)


TWO_PROCESSES = """
import sys, torch
from celegans_nn.generations.language import train_language
from celegans_nn.tasks.text_tokens import load_tokens
from tests.generations.language.test_train import OPTIONS, heir, state
from safetensors.torch import save_file
model = heir()
told = train_language(model, load_tokens(sys.argv[1]), OPTIONS, seed=0)
if torch.distributed.get_rank() == 0:
    save_file(state(model), sys.argv[2])
    print(told["loss"])
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_that_share_the_passes_learn_what_one_does(outer, tmp_path):
    from safetensors.torch import load_file

    from celegans_nn.tasks.text_tokens import save_tokens

    save_tokens(outer, tmp_path / "tokens")
    (tmp_path / "two.py").write_text(TWO_PROCESSES)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = [*launch, str(tmp_path / "two.py"), str(tmp_path / "tokens"), str(tmp_path / "trained.safetensors")]
    environment = {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": ".", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert run.returncode == 0, run.stderr
    alone = heir()
    told = train_language(alone, outer, OPTIONS, seed=0)
    assert abs(float(run.stdout) - told["loss"]) < 1e-4
    together = load_file(tmp_path / "trained.safetensors")
    for name, value in state(alone).items():
        torch.testing.assert_close(together[name], value, rtol=1e-3, atol=1e-4)
