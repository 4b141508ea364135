"""The outer loop: what generations keep, what they start from, and that no interruption changes it."""

import json
import shutil

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from celegans_nn.errors import GenerationsError
from celegans_nn.generations import ModelConnectome, evolve_connectome
from celegans_nn.generations.prunable import weight_of
from tests.generations.learners import BATCH, Stopped, TiedText, Trainer, net

PRUNED = {"0.weight": 192, "2.weight": 160, "4.weight": 30}


class Watched:
    """A trainer that keeps every model's weights as they were handed to it, and as it left them."""

    def __init__(self, train=None):
        self.train, self.begun, self.ended, self.seeds = train or Trainer(3), [], [], []

    def __call__(self, model, seed, generation):
        self.begun.append(values(model))
        self.seeds.append(seed)
        told = self.train(model, seed, generation)
        self.ended.append(values(model))
        return told


def values(model):
    return {name: weight_of(model, name).clone() for name in (*PRUNED, "0.bias", "3.weight")}


def test_six_generations_prune_each_layer_by_the_rule_and_keep_the_signs_training_ended_with():
    train = Watched()
    worm = evolve_connectome(net, train, generations=6, seed=1)
    for name, n in PRUNED.items():
        assert worm.mask[name].sum() == round(n * 0.8**6)
        ended = train.ended[-1][name].numpy()
        assert np.array_equal(worm.sign[name], np.where(worm.mask[name], np.sign(ended), 0))
        lost = (train.begun[-1][name].numpy() != 0) & ~worm.mask[name]
        assert np.abs(ended[worm.mask[name]]).min() >= np.abs(ended[lost]).max()
    assert list(worm.mask) == list(PRUNED), "biases and norms are not pruned"
    assert [g.weights for g in worm.history] == [sum(round(n * 0.8**k) for n in PRUNED.values()) for k in range(1, 7)]
    assert worm.samples == 6 * 3 * BATCH and worm.history[0].loss > 0 and len(worm.seconds) == 6
    assert worm.seed == 1 and worm.provenance["after"] == "signs"


def test_after_signs_survivors_start_at_the_scale_in_a_model_that_is_fresh_in_all_else():
    train = Watched()
    evolve_connectome(net, train, generations=2, seed=1, scale=0.03)
    for name in PRUNED:
        begun, ended = train.begun[1][name], train.ended[0][name]
        kept = begun != 0
        assert torch.equal(begun[kept], 0.03 * ended.sign()[kept]) and kept.sum() == round(PRUNED[name] * 0.8)
    assert torch.equal(train.begun[1]["0.bias"], train.begun[0]["0.bias"])


def test_after_rewind_survivors_start_from_their_very_first_values():
    train = Watched()
    evolve_connectome(net, train, generations=3, seed=1, after="rewind")
    for name in PRUNED:
        begun = train.begun[2][name]
        kept = begun != 0
        assert torch.equal(begun[kept], train.begun[0][name][kept]) and kept.sum() == round(PRUNED[name] * 0.64)


def test_after_keep_survivors_and_all_else_go_on_from_what_they_were_trained_to():
    train = Watched()
    evolve_connectome(net, train, generations=2, seed=1, after="keep")
    for name in PRUNED:
        begun = train.begun[1][name]
        assert torch.equal(begun[begun != 0], train.ended[0][name][begun != 0])
    assert torch.equal(train.begun[1]["0.bias"], train.ended[0]["0.bias"])


def test_globally_the_share_is_taken_from_all_together():
    worm = evolve_connectome(net, Trainer(3), generations=3, seed=1, scope="global")
    assert worm.history[-1].weights == round(sum(PRUNED.values()) * 0.8**3)
    assert any(worm.mask[name].sum() != round(n * 0.8**3) for name, n in PRUNED.items())


def test_the_scale_of_none_is_that_of_the_fresh_model():
    worm = evolve_connectome(net, Trainer(1), generations=1, seed=4, scale=None)
    assert worm.scale["0.weight"] == pytest.approx(net(4)[0].weight.square().mean().sqrt().item())


def test_only_the_parameters_that_are_named_are_pruned_and_tied_ones_once():
    assert list(evolve_connectome(net, Trainer(1), generations=2, parameters=["2.weight"]).mask) == ["2.weight"]
    worm = evolve_connectome(
        TiedText, lambda model, seed, generation: None, generations=2, parameters=["readout.weight"]
    )
    assert {name: mask.sum() for name, mask in worm.mask.items()} == {"embedding.weight": round(88 * 0.64)}
    assert worm.samples is None


def test_the_same_seed_gives_the_same_connectome_and_leaves_the_global_stream_alone():
    def drawn(model, seed, generation):
        """From torch's global stream, as dropout is."""
        with torch.no_grad():
            model[0].weight += torch.randn(16, 12)

    def unseeded():
        return nn.Sequential(nn.Linear(12, 16))

    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, two = (evolve_connectome(unseeded, drawn, generations=3, seed=5) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert one == two and one != evolve_connectome(unseeded, drawn, generations=3, seed=6)


def test_every_generation_trains_under_a_seed_of_its_own():
    train = Watched()
    evolve_connectome(net, train, generations=4, seed=1)
    assert len(set(train.seeds)) == 4


@pytest.mark.parametrize("after", ["signs", "rewind", "keep"])
def test_interrupted_between_generations_and_resumed_it_is_identical(tmp_path, after):
    options = {"seed": 3, "after": after}
    whole = evolve_connectome(net, Trainer(), generations=4, **options)
    evolve_connectome(net, Trainer(), generations=2, checkpoint=tmp_path, **options)
    rest = Trainer()
    assert evolve_connectome(net, rest, generations=4, checkpoint=tmp_path, **options) == whole
    assert rest.taken == 2 * rest.steps, "two generations were not trained again"
    again = Trainer()
    assert evolve_connectome(net, again, generations=4, checkpoint=tmp_path, **options) == whole and not again.taken
    assert ModelConnectome.load(tmp_path / "generation-003") == whole
    early = evolve_connectome(net, again, generations=3, checkpoint=tmp_path, **options)
    assert early == ModelConnectome.load(tmp_path / "generation-002") and not again.taken


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stop=st.integers(0, 14), after=st.sampled_from(["signs", "rewind", "keep"]))
def test_interrupted_at_any_step_of_any_generation_and_resumed_it_is_identical(tmp_path, stop, after):
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    whole = evolve_connectome(net, Trainer(), generations=3, after=after, seed=2)
    with pytest.raises(Stopped):
        evolve_connectome(net, Trainer(stop=stop), generations=3, after=after, seed=2, checkpoint=folder)
    rest = Trainer()
    assert evolve_connectome(net, rest, generations=3, after=after, seed=2, checkpoint=folder) == whole
    assert rest.taken == 3 * rest.steps - stop, "no step was taken twice"
    assert not list(folder.glob("training-*")), "the trainer's own folder goes when its generation is done"


def test_the_checkpoint_of_another_run_is_refused_by_what_differs(tmp_path):
    evolve_connectome(net, Trainer(1), generations=1, checkpoint=tmp_path, about={"corpus": "sotu"})
    with pytest.raises(GenerationsError, match=r"whose about is .*sotu.*, and here it is .*kjv"):
        evolve_connectome(net, Trainer(1), generations=2, checkpoint=tmp_path, about={"corpus": "kjv"})
    with pytest.raises(GenerationsError, match="whose seed is 0, and here it is 1"):
        evolve_connectome(net, Trainer(1), generations=2, checkpoint=tmp_path, about={"corpus": "sotu"}, seed=1)


def test_a_state_that_was_lost_is_said(tmp_path):
    evolve_connectome(net, Trainer(1), generations=1, checkpoint=tmp_path, after="keep")
    (tmp_path / "generation-000" / "state.safetensors").unlink()
    with pytest.raises(GenerationsError, match=r"state\.safetensors: No such file"):
        evolve_connectome(net, Trainer(1), generations=2, checkpoint=tmp_path, after="keep")


def test_the_run_is_told_in_plain_json(tmp_path):
    evolve_connectome(net, Trainer(1), generations=1, checkpoint=tmp_path)
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["prune_fraction"] == 0.2 and told["parameters"] == list(PRUNED)


def diverged(model, seed, generation):
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"generations": 0}, "generations is 0"),
        ({"prune_fraction": 1.0}, "prune_fraction is 1.0"),
        ({"scope": "globally"}, "did you mean 'global'"),
        ({"after": "sign"}, "did you mean 'signs'"),
        ({"scale": -1}, "scale is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"parameters": ["0.wieght"]}, "did you mean '0.weight'"),
        ({"parameters": []}, "give a list of names"),
        ({"make_model": lambda: 3}, "make_model gave a int"),
        ({"make_model": lambda: nn.LayerNorm(3)}, "without parameters of two or more dimensions"),
        ({"make_model": lambda: nn.LazyLinear(3)}, "no shape yet"),
        ({"train": lambda model, seed, generation: 3.0}, "train gave a float"),
        ({"train": lambda model, seed, generation: {"loss": object()}}, "plain values"),
        ({"train": lambda model, seed, generation: {"samples": -1}}, "samples that train returned is -1"),
        ({"train": diverged}, "'2.weight' holds weights that are not finite"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options, match):
    with pytest.raises(GenerationsError, match=match) as caught:
        evolve_connectome(**{"make_model": net, "train": Trainer(1), "generations": 1} | options)
    assert "\n" not in str(caught.value)
