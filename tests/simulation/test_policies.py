"""Stacked policies against each individual's own module, and played steps against computed ones."""

from typing import NamedTuple

import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError
from celegans_nn.networks import baseline, build
from celegans_nn.neurons import MODELS
from celegans_nn.simulation.policies import MOST_TAPES, PolicyStack, stack_policies


class Pair(NamedTuple):
    fast: torch.Tensor
    slow: dict


class Nested(nn.Module):
    """State: a named tuple of a tensor and a dict with a list, None and a word in it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.rate = nn.Parameter(torch.tensor(0.3))

    def forward(self, x, state=None):
        if state is None:
            state = Pair(x.new_zeros(len(x), 4), {"traces": [x.new_zeros(len(x), 4)], "none": None, "word": "slow"})
        fast = torch.lerp(state.fast, torch.tanh(self.layer(x)), self.rate)
        traces = [state.slow["traces"][0] + fast]
        return torch.cat([fast, traces[0]], dim=1)[:, 2:6], Pair(fast, {**state.slow, "traces": traces})


class Stateless(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4))

    def forward(self, x, state=None):
        return self.layers(x), None


class InPlace(nn.Module):
    """Writes into tensors it made; a constant it fills must start empty at every step."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2, generator=torch.Generator().manual_seed(0)))

    def forward(self, x, state=None):
        state = x.new_zeros(len(x), 4) if state is None else state
        current = torch.zeros_like(state)
        current[:, 1:3] += x @ self.weight
        first, second = current.split(2, dim=1)
        return state.add(1.0).mul_(current), torch.cat([second, first], dim=1) + 0.5 * state


class Counting(nn.Module):
    """Counts its steps in a Python number, and switches by it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 4))

    def forward(self, x, state=None):
        steps = 0 if state is None else state
        return (x @ self.weight) * (steps + 1), steps + 1


class Switched(nn.Module):
    """Takes a number out of a buffer that all individuals share."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 4))
        self.register_buffer("gain", torch.tensor(2.0))

    def forward(self, x, state=None):
        return x @ self.weight * self.gain.item(), state


def population_of(net, individuals=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: value.detach() + 0.3 * torch.randn(individuals, *value.shape, generator=generator)
        for name, value in net.named_parameters()
    }


def inputs(individuals=4, n=3, steps=6):
    return torch.randn(steps, individuals, n, generator=torch.Generator().manual_seed(9))


def outputs_of(policy, xs):
    state, ys = None, []
    for x in xs:
        y, state = policy(x, state)
        ys.append(y)
    return torch.stack(ys), state


def alone(net, population, p, xs):
    with torch.no_grad():
        own = {name: rows[p] for name, rows in population.items()}
        return outputs_of(lambda x, state: torch.func.functional_call(net, own, (x, state)), xs[:, p : p + 1])


@pytest.mark.parametrize("kind", [Nested, Stateless, InPlace, Counting, Switched])
def test_every_individual_answers_as_its_own_module_does(kind):
    net, xs = kind(), inputs()
    population = population_of(net)
    ys, _ = outputs_of(stack_policies(net, population), xs)
    assert ys.shape == (6, 4, 4)
    for p in range(4):
        torch.testing.assert_close(ys[:, p], alone(net, population, p, xs)[0][:, 0])


def test_a_nested_state_comes_back_as_it_was_with_a_row_for_each_individual():
    net = Nested()
    _, state = outputs_of(stack_policies(net, population_of(net)), inputs())
    assert isinstance(state, Pair)
    assert state.fast.shape == (4, 1, 4)
    assert (state.slow["none"], state.slow["word"]) == (None, "slow")
    assert state.slow["traces"][0].shape == (4, 1, 4)


@pytest.mark.parametrize("kind", [Nested, Stateless, InPlace])
def test_played_steps_equal_computed_ones_bit_for_bit_in_later_episodes_and_populations(kind):
    net, xs = kind(), inputs()
    stack = PolicyStack(net)
    outputs_of(stack(population_of(net, seed=5)), xs)  # recorded here
    for seed in (5, 6):
        population = population_of(net, seed=seed)
        policy = stack(population)
        played = [outputs_of(policy, xs)[0] for _ in range(2)]
        # without a tape: one population a call, each call the first of its kind
        state, computed = None, []
        for x in xs:
            y, state = stack_policies(net, population)(x, state)
            computed.append(y)
        for ys in played:
            assert torch.equal(ys, torch.stack(computed))


def line_worm(cells=12):
    """A ring of cells with shortcuts, both signs, gap junctions; the last four are muscles."""
    names = [f"n{k:02d}" for k in range(cells)]
    edges = [(names[k], names[(k + step) % cells], "chemical", 1.0, 1 - 2 * (k % 3 == 0)) for k in range(cells)
             for step in (1, 5)]  # fmt: skip
    edges += [(names[k], names[k + 1], "electrical", 1.0, 0) for k in range(0, cells - 1, 3)]
    cells_table = {"name": names, "role": ["motor"] * (cells - 4) + ["muscle"] * 4}
    table = pd.DataFrame(edges, columns=["pre", "post", "kind", "weight", "sign"])
    return Connectome.from_edges(table, pd.DataFrame(cells_table))


@pytest.mark.parametrize("neuron", [*MODELS, "sparse_mlp", "dense_mlp"])
def test_connectome_networks_and_baselines_play_as_they_compute(neuron):
    net = build(line_worm(), "lif" if neuron.endswith("mlp") else neuron, inputs=3, outputs=4, gap_junctions=True)
    if neuron.endswith("mlp"):
        net = baseline(neuron, like=net)
    population, xs, stack = population_of(net), 3 * inputs(steps=12), PolicyStack(net)
    recorded, _ = outputs_of(stack(population), xs)
    policy = stack(population)
    with torch.inference_mode():
        played, _ = outputs_of(policy, xs)
    assert torch.equal(played, recorded)
    assert (played.std(0) > 0).any()
    for p in range(4):
        torch.testing.assert_close(played[:, p], alone(net, population, p, xs)[0][:, 0], rtol=1e-4, atol=1e-5)


class Count(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("neuron", ["rate", "graded"])
def test_effective_weights_are_computed_once_for_a_population_and_not_at_every_step(neuron):
    net, xs = build(line_worm(), neuron, inputs=3, outputs=4, gap_junctions=True), inputs()
    stack = PolicyStack(net)
    with Count() as first:
        outputs_of(stack(population_of(net)), xs)
    assert "exp" in first.seen
    policy = stack(population_of(net, seed=1))
    outputs_of(policy, xs)
    with Count() as later:
        outputs_of(policy, xs)
    assert "index_put" in first.seen
    assert not {"index_put", "_linalg_eigh", "_linalg_solve_ex"} & set(later.seen)
    assert neuron == "graded" or "exp" not in later.seen
    assert later.seen.count("bmm") > len(xs) * net.ticks


def test_parameters_that_are_not_named_are_the_modules_own_at_that_moment():
    net, xs = Stateless(), inputs()
    stack = PolicyStack(net)
    some = {"layers.0.weight": population_of(net)["layers.0.weight"]}
    before, _ = outputs_of(stack(some), xs)
    with torch.no_grad():
        net.layers[2].bias += 1.0
    torch.testing.assert_close(outputs_of(stack(some), xs)[0], before + 1.0)
    net.layers[2].bias = nn.Parameter(net.layers[2].bias.detach() + 1.0)
    torch.testing.assert_close(outputs_of(stack(some), xs)[0], before + 2.0)


def test_a_buffer_may_differ_between_individuals_and_a_shared_one_may_change():
    net, xs = Switched(), inputs()
    stack = PolicyStack(net)
    before, _ = outputs_of(stack(population_of(net)), xs)
    net.gain.fill_(4.0)
    assert torch.equal(outputs_of(stack(population_of(net)), xs)[0], 2 * before)
    norm = nn.Sequential()
    norm.add_module("scale", nn.BatchNorm1d(3).eval())
    wrapped = Wrapped(norm)
    means = torch.arange(12.0).reshape(4, 3)
    ys, _ = outputs_of(stack_policies(wrapped, {"inner.scale.running_mean": means}), xs)
    torch.testing.assert_close(ys, (xs - means) / (1 + 1e-5) ** 0.5)


class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, state=None):
        return self.inner(x), state


def test_a_state_that_is_new_at_every_step_is_right_and_makes_no_tape_a_step():
    net, xs = Counting(), inputs(steps=3 * MOST_TAPES)
    stack = PolicyStack(net)
    population = population_of(net)
    ys, steps = outputs_of(stack(population), xs)
    assert steps == len(xs)
    expected = torch.einsum("tpi,pij->tpj", xs, population["weight"])
    torch.testing.assert_close(ys, expected * torch.arange(1, len(xs) + 1)[:, None, None])
    assert len(stack._tapes) == MOST_TAPES
    assert torch.equal(outputs_of(stack(population), xs)[0], ys)


def test_populations_of_other_sizes_use_the_same_stack():
    net = Nested()
    stack = PolicyStack(net)
    for individuals in (4, 1, 2, 4):
        population, xs = population_of(net, individuals, seed=individuals), inputs(individuals)
        ys, _ = outputs_of(stack(population), xs)
        for p in range(individuals):
            torch.testing.assert_close(ys[:, p], alone(net, population, p, xs)[0][:, 0])


def test_no_gradient_flows_and_the_modules_own_parameters_stay_as_they_are():
    net, xs = Stateless(), inputs()
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    population = {name: rows.requires_grad_() for name, rows in population_of(net).items()}
    ys, _ = outputs_of(stack_policies(net, population), xs)
    assert not ys.requires_grad
    for name, value in net.named_parameters():
        assert torch.equal(value, before[name])
        assert value.requires_grad


def test_a_name_the_module_does_not_have_is_refused_with_the_nearest():
    with pytest.raises(NetworkError, match=r"no parameter 'layers.0.wieght'; did you mean 'layers.0.weight'"):
        stack_policies(Stateless(), {"layers.0.wieght": torch.zeros(4, 6, 3)})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layers.0.weight": torch.zeros(4, 3, 6)}, r"shape \[4, 3, 6\]; give \[individuals, 6, 3\]"),
        ({"layers.0.weight": torch.zeros(6, 3)}, r"shape \[6, 3\]; give \[individuals, 6, 3\]"),
        ({"layers.0.weight": torch.zeros(5, 6, 3)}, r"hold \[4, 5\] individuals"),
        ({"layers.0.weight": torch.zeros(0, 6, 3), "layers.0.bias": torch.zeros(0, 6)}, r"individuals"),
    ],
)
def test_stacked_parameters_that_do_not_fit_are_refused_in_one_line(changed, message):
    with pytest.raises(NetworkError, match=message) as error:
        stack_policies(Stateless(), population_of(Stateless()) | changed)
    assert "\n" not in str(error.value)


def test_no_parameters_or_rows_that_are_not_one_for_each_individual_are_refused():
    with pytest.raises(NetworkError, match="no individuals"):
        stack_policies(Stateless(), {})
    with pytest.raises(NetworkError, match="3 rows of observations for 4 individuals"):
        stack_policies(Stateless(), population_of(Stateless()))(torch.zeros(3, 3), None)
