"""What a model inherits stays as it is through training, whoever trains it."""

import copy
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from celegans_nn.errors import GenerationsError
from celegans_nn.generations import ModelConnectome, inherit, remove
from celegans_nn.generations.prunable import prunable, weight_of
from tests.generations.learners import TiedText, Trainer, loss, net, pruned_weights, random_connectome, restore, state

OPTIMISERS = {
    "adamw": partial(torch.optim.AdamW, lr=1e-2, weight_decay=0.1),
    "sgd": partial(torch.optim.SGD, lr=1e-2, momentum=0.9, weight_decay=0.1),
    "muon": partial(torch.optim.Muon, lr=1e-2, weight_decay=0.1),
}
IDS = torch.arange(22).reshape(2, 11) % 11


def steps(model, optimiser, n, first=0, of=loss):
    for step in range(first, first + n):
        optimiser.zero_grad()
        of(model, torch.Generator().manual_seed(step)).backward()
        optimiser.step()


def test_mask_and_signs_fix_every_weight_and_leave_what_is_not_pruned_fresh():
    worm, fresh, heir = random_connectome(net(0)), net(1), net(1)
    inherit(heir, worm)
    for name in worm.mask:
        expected = torch.tensor(worm.sign[name]) * worm.scale[name]
        assert torch.equal(weight_of(heir, name), expected)
    assert torch.equal(heir[0].bias, fresh[0].bias) and torch.equal(heir[3].weight, fresh[3].weight)


def test_the_mask_alone_keeps_the_fresh_models_own_values():
    worm, fresh, heir = random_connectome(net(0)), net(1), net(1)
    inherit(heir, worm, "mask")
    for name, mask in worm.mask.items():
        assert torch.equal(weight_of(heir, name), torch.where(torch.tensor(mask), weight_of(fresh, name), 0.0))


def test_the_signs_alone_start_every_weight_at_the_scale_and_hold_none():
    worm, heir = random_connectome(net(0)), net(1)
    inherit(heir, worm, "signs", seed=3)
    for name, mask in worm.mask.items():
        weight = weight_of(heir, name).numpy()
        assert np.array_equal(np.sign(weight)[mask], worm.sign[name][mask])
        assert np.allclose(np.abs(weight), worm.scale[name])
        assert 0.2 < (weight[~mask] > 0).mean() < 0.8
    assert list(prunable(heir)) == list(worm.mask)
    assert torch.equal(inherit(net(1), worm, "signs", seed=3)[0].weight, heir[0].weight)
    assert not torch.equal(inherit(net(1), worm, "signs", seed=4)[0].weight, heir[0].weight)


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("what", ["mask+signs", "mask"])
def test_no_pruned_weight_moves_from_zero_in_two_hundred_steps(name, what):
    worm, model = random_connectome(net(0)), net(1)
    inherit(model, worm, what)
    before = torch.cat([weight_of(model, n)[torch.tensor(m)] for n, m in worm.mask.items()])
    optimiser = OPTIMISERS[name](stored(model, worm))
    for step in range(200):
        steps(model, optimiser, 1, step)
        assert torch.count_nonzero(pruned_weights(model, worm)) == 0
    after = torch.cat([weight_of(model, n)[torch.tensor(m)] for n, m in worm.mask.items()])
    assert (before != after).float().mean() > 0.99, "all others train"
    remove(model)
    assert torch.count_nonzero(pruned_weights(model, worm)) == 0


def stored(model, worm):
    """The parameters behind the weights, as an optimiser is handed them."""
    own = dict(model.named_parameters())
    return [own[".parametrizations.".join(name.rsplit(".", 1)) + ".original"] for name in worm.mask]


def test_a_pruned_weight_receives_no_gradient_even_where_the_loss_explodes():
    worm, model = random_connectome(net(0)), net(1)
    inherit(model, worm)
    (loss(model, torch.Generator().manual_seed(0)) * 1e30).backward()
    for parameter, mask in zip(stored(model, worm), worm.mask.values(), strict=True):
        assert torch.count_nonzero(parameter.grad[torch.tensor(~mask)]) == 0
        assert torch.count_nonzero(parameter.grad[torch.tensor(mask)]) > 0


def test_an_optimiser_that_was_made_and_used_before_goes_on_with_the_same_parameters():
    worm, model = random_connectome(net(0)), net(1)
    optimiser = OPTIMISERS["adamw"](model.parameters())
    steps(model, optimiser, 3)
    inherit(model, worm, "mask")
    before = model[0].weight.detach().clone()
    steps(model, optimiser, 20, 3)
    assert torch.count_nonzero(pruned_weights(model, worm)) == 0
    assert not torch.equal(model[0].weight, before)


def test_saved_loaded_and_resumed_training_goes_on_with_the_same_bits():
    worm = random_connectome(net(0))
    whole, half, again = (inherit(net(1), worm) for _ in range(3))
    make = partial(torch.optim.SGD, lr=0.05, momentum=0.9)
    steps(whole, make(whole.parameters()), 10)
    first = make(half.parameters())
    steps(half, first, 4)
    second = make(again.parameters())
    assert restore(state(4, half, first), again, second) == 4
    steps(again, second, 6, 4)
    assert all(torch.equal(whole.state_dict()[name], value) for name, value in again.state_dict().items())


def test_a_checkpoint_carries_the_mask():
    worm, other = random_connectome(net(0)), random_connectome(net(0), seed=5)
    model = inherit(net(1), worm)
    twin = inherit(net(2), other)
    twin.load_state_dict(model.state_dict())
    assert torch.count_nonzero(pruned_weights(twin, worm)) == 0
    assert torch.equal(twin[2].weight, model[2].weight)


def test_what_is_assigned_to_a_weight_is_masked_and_copies_are_masked_too():
    worm, model = random_connectome(net(0)), net(1)
    inherit(model, worm)
    model[0].weight = torch.ones(16, 12)
    assert torch.equal(model[0].weight, torch.tensor(worm.mask["0.weight"]).float())
    twin = copy.deepcopy(model)
    steps(twin, OPTIMISERS["adamw"](twin.parameters()), 5)
    assert torch.count_nonzero(pruned_weights(twin, worm)) == 0


def test_removed_the_model_is_plain_and_gives_the_same():
    worm, model, plain = random_connectome(net(0)), net(1), net(1)
    inherit(model, worm)
    x = torch.ones(2, 12)
    before = model(x)
    assert remove(model) is model
    assert torch.equal(model(x), before)
    assert {n: p.shape for n, p in model.named_parameters()} == {n: p.shape for n, p in plain.named_parameters()}
    assert type(model[0]) is nn.Linear
    inherit(model, worm)


def test_tied_weights_are_one_parameter_with_one_mask_through_training():
    model = TiedText()
    assert list(prunable(model)) == ["embedding.weight"]
    worm = random_connectome(model)
    inherit(model, worm)
    assert len(list(model.parameters())) == 1
    steps(
        model,
        OPTIMISERS["adamw"](model.parameters()),
        20,
        of=lambda m, g: nn.functional.cross_entropy(m(IDS[0]), IDS[1]),
    )
    assert torch.equal(model.embedding.weight, model.readout.weight)
    assert torch.count_nonzero(pruned_weights(model, worm)) == 0
    remove(model)
    assert model.embedding.weight is model.readout.weight


def test_a_layer_that_is_used_twice_is_masked_once():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    worm = random_connectome(model)
    inherit(model, worm)
    assert len(shared.parametrizations.weight) == 1
    assert torch.count_nonzero(pruned_weights(model, worm)) == 0


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_of_torch_run_on_the_masked_weights(kind):
    torch.manual_seed(0)
    model, plain = kind(6, 5, 2), kind(6, 5, 2)
    x = torch.randn(7, 3, 6)
    worm = random_connectome(model)
    inherit(model, worm)
    steps(model, OPTIMISERS["adamw"](model.parameters()), 5, of=lambda m, g: m(x)[0].square().mean())
    twin = copy.deepcopy(model)
    plain.load_state_dict({name: getattr(model, name).detach() for name in plain.state_dict()})
    assert torch.equal(model(x)[0], plain(x)[0]) and torch.equal(twin(x)[0], plain(x)[0])
    remove(model)
    assert torch.equal(model(x)[0], plain(x)[0])
    assert torch.count_nonzero(pruned_weights(model, worm)) == 0


def test_convolutions_and_attention_are_masked():
    torch.manual_seed(0)
    for model in (nn.Conv2d(3, 4, 3), nn.MultiheadAttention(8, 2), nn.ParameterList([torch.randn(3, 3)])):
        worm = random_connectome(model)
        inherit(model, worm)
        assert torch.count_nonzero(pruned_weights(model, worm)) == 0
    dense, sparse = nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2)
    worm = random_connectome(dense)
    remove(inherit(dense, worm, "mask+signs"))
    inherit(sparse, worm, "mask+signs")
    x = torch.randn(5, 1, 8)
    assert torch.equal(dense(x, x, x)[0], sparse(x, x, x)[0])


def test_in_lower_precision_and_in_double_the_scale_is_that_of_the_type():
    for dtype in (torch.bfloat16, torch.float64):
        model = nn.Linear(4, 4, dtype=dtype)
        worm = random_connectome(model)
        inherit(model, worm)
        mask = torch.tensor(worm.mask["weight"])
        assert model.weight.dtype == dtype
        assert torch.equal(model.weight[mask].abs(), torch.full((int(mask.sum()),), 0.05, dtype=dtype))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_masks_survive_compilation(backend):
    worm, model, eager = random_connectome(net(0)), net(1), net(1)
    inherit(model, worm)
    inherit(eager, worm)
    compiled = torch.compile(model, backend=backend)
    steps(compiled, OPTIMISERS["adamw"](compiled.parameters()), 20)
    steps(eager, OPTIMISERS["adamw"](eager.parameters()), 20)
    assert torch.count_nonzero(pruned_weights(model, worm)) == 0
    assert torch.allclose(model[0].weight, eager[0].weight, atol=1e-4)


def test_masks_survive_data_parallel_training_in_two_processes(tmp_path):
    script = Path(__file__).with_name("two_processes.py")
    run = [
        subprocess.Popen([sys.executable, script, str(rank), str(tmp_path)], stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in run]
    assert [process.returncode for process in run] == [0, 0], errors
    one, two = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    worm = random_connectome(net(0))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    for name, mask in worm.mask.items():
        assert torch.count_nonzero(one[name][torch.tensor(~mask)]) == 0
        assert torch.count_nonzero(one[name] - torch.tensor(worm.sign[name]) * worm.scale[name]) > 0, "it trained"


def subset(worm, **renamed):
    """The connectome of some of its parameters, by new name."""
    return ModelConnectome(
        *({new: getattr(worm, part)[old] for new, old in renamed.items()} for part in ("mask", "sign", "scale"))
    )


def test_a_parameter_that_the_connectome_does_not_name_stays_as_it_is():
    worm = subset(random_connectome(net(0)), **{"2.weight": "2.weight"})
    model, fresh = net(1), net(1)
    inherit(model, worm)
    assert torch.equal(model[0].weight, fresh[0].weight) and not torch.equal(model[2].weight, fresh[2].weight)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda worm: inherit(net(1), worm, "masks"), "did you mean 'mask'"),
        (
            lambda worm: inherit(net(1), subset(worm, **{"2.wieght": "2.weight"})),
            r"'2.wieght'; did you mean '2.weight'",
        ),
        (
            lambda worm: inherit(net(1), subset(worm, **{"0.weight": "2.weight"})),
            r"\(16, 12\) in the model and \(10, 16\)",
        ),
        (lambda worm: inherit(inherit(net(1), worm), worm), "inherited before"),
        (lambda worm: inherit(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), worm), "parametrized already"),
        (lambda worm: inherit(nn.LazyLinear(4), worm), "no shape yet"),
        (lambda worm: inherit(net(1), worm, "signs", seed=-1), "seed is -1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, match):
    with pytest.raises(GenerationsError, match=match) as caught:
        call(random_connectome(net(0)))
    assert "\n" not in str(caught.value)


def test_sparse_gradients_are_refused_and_the_model_is_left_as_it_was():
    model = nn.Embedding(5, 4, sparse=True)
    before = model.weight.detach().clone()
    with pytest.raises(GenerationsError, match="sparse=False"):
        inherit(model, random_connectome(model))
    assert torch.equal(model.weight, before)


def test_the_trainer_of_these_tests_lowers_the_loss():
    model = net(0)
    before = loss(model, torch.Generator().manual_seed(99)).item()
    Trainer(200)(model, seed=0, generation=0)
    assert loss(model, torch.Generator().manual_seed(99)).item() < before
