"""The compiled way over the edges against autograd through torch's ticks: outputs, states and every gradient."""

import copy

import pytest
import torch
from torch.nn import functional

from celegans_nn.errors import NetworkError
from celegans_nn.networks import build
from celegans_nn.networks.fast import SUPPORTED
from celegans_nn.neurons import MODELS
from tests.worms import random_worm

RULES = list(SUPPORTED)
EDGELESS = random_worm(edges=0, gaps=0)


@pytest.fixture(autouse=True)
def _own_random_numbers():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def lively(neuron, dtype=torch.float64, seed=2, signs=(1, -1), **options):
    """A network in which cells act on each other; random_worm has self-loops, gap junctions and lone cells."""
    net = build(random_worm(seed=seed, signs=signs), neuron, inputs=5, outputs=3, ticks=3, **options).to(dtype)
    with torch.no_grad():
        net.chemical.log_weight += 0.9
        for weight in net.encoder.parameters():
            weight *= 4
    return net


def a_state(net, batch):
    """Any state at all: fields that no tick would leave together."""
    rest = net.initial_state(batch)
    return type(rest)(*((field + 0.4 * torch.randn_like(field)).detach().requires_grad_() for field in rest))


def results(net, backend, x, state=None, threads=None):
    """Outputs, final state and the gradients of a loss that weighs all of them."""
    net.backend = backend
    inputs = [*net.parameters(), x, *(state or ())]
    y, after = net.unroll(x, state)
    loss = sum((field * torch.sin(torch.arange(field.numel()) + 0.5).view_as(field)).sum() for field in (y, *after))
    grads = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [y, *after], [torch.zeros(()) if g is None else g for g in grads]


def assert_same(ours, theirs, tolerance):
    """Each tensor to `tolerance` of the largest of its entries."""
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance * max(float(b.detach().abs().max()), 1e-3))


@pytest.mark.parametrize("seed", [2, 5])
@pytest.mark.parametrize("neuron", RULES)
def test_outputs_states_and_all_gradients_are_those_of_torch(neuron, seed):
    net = lively(neuron, seed=seed)
    x, state = torch.randn(4, 7, 5, dtype=torch.float64, requires_grad=True), a_state(net, 7)
    ours, theirs = results(net, "compiled", x, state), results(net, "torch", x, state)
    assert_same(ours[0], theirs[0], 1e-10)
    assert_same(ours[1], theirs[1], 1e-10)
    assert all(float(g.abs().max()) > 1e-6 for g in ours[1])  # nothing agrees by being zero


@pytest.mark.parametrize("neuron", RULES)
def test_in_single_precision_they_agree_to_its_rounding(neuron):
    net = lively(neuron, torch.float32)
    x, state = torch.randn(3, 70, 5, requires_grad=True), a_state(net, 70)
    ours, theirs = results(net, "compiled", x, state), results(net, "torch", x, state)
    assert_same(ours[0], theirs[0], 1e-5)
    assert_same(ours[1], theirs[1], 1e-4)


@pytest.mark.parametrize("options", [{"unknown_sign": "free", "signs": (1, -1, 0)}, {"share": "sign"},
                                     {"gap_junctions": False}])  # fmt: skip
def test_free_signs_shared_weights_and_networks_without_gap_junctions_agree_too(options):
    net = lively("rate", **options)
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    ours, theirs = results(net, "compiled", x), results(net, "torch", x)
    assert_same(ours[0], theirs[0], 1e-10)
    assert_same(ours[1], theirs[1], 1e-10)


@pytest.mark.parametrize("surrogate", ["fast_sigmoid", "arctan", "triangular"])
def test_the_networks_own_surrogate_gradient_is_used(surrogate):
    net = lively("lif", surrogate=surrogate)
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert_same(results(net, "compiled", x)[1], results(net, "torch", x)[1], 1e-10)


def test_every_gradient_of_the_smooth_rule_is_the_slope_of_its_output():
    net = lively("rate", gap_junctions=True)
    net.backend = "compiled"
    names, values = zip(*net.named_parameters(), strict=True)

    def output(x, *values):
        y, state = torch.func.functional_call(
            _Unroll(net), dict(zip((f"net.{n}" for n in names), values, strict=True)), (x,)
        )
        return y, state.voltage

    x = torch.randn(2, 2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(output, (x, *(v.detach().clone().requires_grad_() for v in values)))


class _Unroll(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net.unroll(x)


@pytest.mark.parametrize("neuron", RULES)
def test_a_state_carried_between_calls_carries_gradients(neuron):
    net, x = lively(neuron), torch.randn(4, 3, 5, dtype=torch.float64)
    grads = {}
    for backend in ("compiled", "torch"):
        net.backend, state, loss = backend, None, 0.0
        for at in x:
            y, state = net(at, state, net.precompute() if backend == "compiled" else None)
            loss = loss + (y**2).sum()
        grads[backend] = torch.autograd.grad(loss, list(net.parameters()))
    assert_same(grads["compiled"], grads["torch"], 1e-10)


def test_a_held_input_is_that_input_repeated():
    net, x = lively("lif"), torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    grads = []
    for backend, time in (
        ("compiled", x.expand(4, -1, -1)),
        ("compiled", x.repeat(4, 1, 1)),
        ("torch", x.expand(4, -1, -1)),
    ):
        net.backend = backend
        grads.append(torch.autograd.grad((net.unroll(time)[0] ** 2).sum(), [x, *net.parameters()]))
    assert_same(grads[0], grads[1], 1e-10)
    assert_same(grads[0], grads[2], 1e-10)


def test_two_graphs_live_side_by_side_and_a_graph_may_be_gone_through_twice():
    net = lively("alif")
    net.backend = "compiled"
    first, second = (torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    alone = torch.autograd.grad((net.unroll(first)[0] ** 2).sum(), first)[0]
    loss = (net.unroll(first)[0] ** 2).sum()
    other = (net.unroll(second)[0] ** 2).sum()
    torch.autograd.grad(other, second)
    once = torch.autograd.grad(loss, first, retain_graph=True)[0]
    twice = torch.autograd.grad(loss, first)[0]
    assert torch.equal(once, alone)
    assert torch.equal(twice, alone)


@pytest.mark.parametrize("neuron", RULES)
def test_one_thread_and_several_give_the_same_bits(neuron):
    net, x = lively(neuron, torch.float32), torch.randn(3, 150, 5, requires_grad=True)
    before = torch.get_num_threads()
    try:
        got = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with torch.no_grad():
                current = net._encode(x.flatten(0, 1)).unflatten(0, x.shape[:2])
            current = current.clone().requires_grad_()
            mean, state = net._run(current, 3, None, None)
            weights = [net.chemical.log_weight, net.gap.log_conductance, current]
            torch.set_num_threads(threads)
            got.append([mean, *state, *torch.autograd.grad((mean**2).sum() + state.voltage.sum(), weights)])
    finally:
        torch.set_num_threads(before)
    for other in got[1:]:
        assert all(torch.equal(a, b) for a, b in zip(got[0], other, strict=True))


def test_a_wiring_of_zero_weights_leaves_isolated_cells():
    net, alone = (build(worm, "lif", inputs=5, outputs=3, ticks=3).double() for worm in (random_worm(), EDGELESS))
    with torch.no_grad():
        net.chemical.log_weight -= torch.inf
        net.gap.log_conductance -= torch.inf
        for weight in net.encoder.parameters():
            weight *= 4
    alone.encoder, alone.decoder = net.encoder, net.decoder
    x = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    found = [results(n, backend, x) for n in (net, alone) for backend in ("compiled", "torch")]
    assert 0 < float(found[0][0][2].detach().mean()) < 1  # some cells spike
    for outputs, grads in found[1:]:
        assert_same(found[0][0], outputs, 1e-12)
        assert_same(found[0][1][-1:], grads[-1:], 1e-12)
    for grads in (found[0][1], found[1][1]):
        for name, grad in zip(dict(net.named_parameters()), grads, strict=False):
            assert not name.startswith(("chemical.", "gap.")) or not grad.any()


@pytest.mark.parametrize("neuron", RULES)
def test_five_updates_of_adam_end_where_torchs_end(neuron):
    x, target = torch.randn(3, 16, 5, dtype=torch.float64), torch.randint(0, 3, (16,))
    ends = []
    for backend in ("compiled", "torch"):
        net = lively(neuron)
        net.backend = backend
        adam = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(5):
            adam.zero_grad()
            functional.cross_entropy(net.unroll(x)[0].mean(0), target).backward()
            adam.step()
        ends.append([p.detach() for p in net.parameters()])
    assert_same(*ends, 1e-8)


def test_gradients_of_gradients_go_through_torch():
    net, x = lively("rate"), torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    second = {}
    for backend in ("compiled", "torch"):
        net.backend = backend
        first = torch.autograd.grad((net.unroll(x)[0] ** 2).sum(), x, create_graph=True)[0]
        second[backend] = torch.autograd.grad((first**2).sum(), [x, *net.parameters()])
    assert_same(second["compiled"], second["torch"], 1e-9)


@pytest.mark.parametrize("neuron", RULES)
def test_a_gradient_that_can_be_gone_through_again_is_that_of_torch_for_every_input(neuron):
    net, x = lively(neuron), torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    before = net.initial_state(3)  # fields and parameters that are made of each other
    voltage = (before.voltage + 0.3).detach().requires_grad_()
    first = {}
    for backend in ("compiled", "torch"):
        net.backend = backend
        state = before._replace(voltage=voltage, potential=2 * voltage, output=torch.sin(voltage))
        loss = (net.unroll(x, state)[0] ** 2).sum()
        first[backend] = torch.autograd.grad(loss, [x, voltage, *net.parameters()], create_graph=True)
    assert_same(first["compiled"], first["torch"], 1e-10)


@pytest.mark.parametrize("neuron", RULES)
def test_gradients_of_many_sums_at_once_are_those_of_each(neuron):
    net, x = lively(neuron), torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    net.backend = "compiled"
    y, wanted = net.unroll(x)[0], [x, *net.parameters()]
    sums = torch.eye(y.numel(), dtype=y.dtype).view(-1, *y.shape)
    each = [torch.autograd.grad(y, wanted, one, retain_graph=True) for one in sums]
    each = [torch.stack(grads) for grads in zip(*each, strict=True)]
    assert_same(torch.autograd.grad(y, wanted, sums, is_grads_batched=True, retain_graph=True), each, 1e-10)
    whole = torch.autograd.functional.jacobian(lambda x: net.unroll(x)[0], x.detach(), vectorize=True)
    assert_same([whole.flatten(0, 2)], each[:1], 1e-10)


@pytest.mark.parametrize("neuron", MODELS)
@pytest.mark.parametrize("batch", [0, 1])
def test_an_empty_batch_and_a_batch_of_one_pass_forwards_and_backwards(neuron, batch):
    net = build(random_worm(), neuron, inputs=5, outputs=3, ticks=2)
    x = torch.ones(2, batch, 5, requires_grad=True)
    for y, shape in ((net(x[0])[0], (batch, 3)), (net.unroll(x)[0], (2, batch, 3))):
        assert y.shape == shape
        grad, *grads = torch.autograd.grad((y + y**2).sum(), [x, *net.parameters()], allow_unused=True)
        assert grad.shape == x.shape
        assert all(g is None or bool(g.isfinite().all()) for g in grads)
        assert any(g is not None and bool(g.any()) for g in grads) == bool(batch)
        if not batch:
            assert all(field.shape == (0, len(net.worm)) for field in net(x[0])[1])


def backends_of(neuron):
    return ("compiled", "torch") if neuron in RULES else ("torch",)


@pytest.mark.parametrize("neuron", MODELS)
def test_a_weight_that_is_nan_makes_the_outputs_nan_and_keeps_them_so(neuron):
    x = torch.randn(4, 3, 5)
    for name in ("chemical.log_weight", "encoder.layers.0.weight"):
        net = build(random_worm(), neuron, inputs=5, outputs=3, ticks=4)
        with torch.no_grad():
            net.get_parameter(name).view(-1)[0] = torch.nan
        for backend in backends_of(neuron):
            net.backend = backend
            assert net.unroll(x)[0][1:].isnan().all(), (name, backend)


@pytest.mark.parametrize("neuron", [name for name in MODELS if MODELS[name].spiking])
def test_one_nan_among_the_observations_of_a_sample_stays_in_that_sample_for_good(neuron):
    net, x = build(random_worm(), neuron, inputs=5, outputs=3, ticks=4), torch.randn(6, 3, 5)
    x[2, 1, 0] = torch.nan
    for backend in backends_of(neuron):
        net.backend = backend
        broken = net.unroll(x)[0].isnan().all(-1)
        assert not broken[:2].any()
        assert broken[3:, 1].all()
        assert not broken[:, [0, 2]].any()


@pytest.mark.parametrize("neuron", ["rate", "lif", "alif", "izhikevich"])
def test_an_infinite_drive_gives_finite_outputs(neuron):
    net = build(random_worm(), neuron, inputs=5, outputs=3, ticks=4, gap_junctions=False)
    code = torch.randn(3, 2, len(net.interface.input_cells))
    code[:, 0, ::2], code[:, 1, ::2] = torch.inf, -torch.inf
    driven = [net.worm.index[name] for name in net.interface.input_cells[::2]]
    for backend in backends_of(neuron):
        net.backend = backend
        with torch.no_grad():
            mean, state = net._run(code, 3, None, None)
        assert mean.isfinite().all()
        assert (state.output[0, driven] == 1).all()
        assert (state.output[1, driven] <= 0).all()


def test_without_gradients_the_outputs_are_the_same_bits():
    net, x = lively("rate"), torch.randn(3, 4, 5, dtype=torch.float64)
    net.backend = "compiled"
    with torch.inference_mode():
        y, state = net.unroll(x)
    again, state_again = net.unroll(x)
    assert torch.equal(y, again)
    assert all(torch.equal(a, b) for a, b in zip(state, state_again, strict=True))


def test_what_diverges_says_so_as_in_torch():
    net, x = lively("rate"), torch.full((2, 3, 5), torch.nan, dtype=torch.float64)
    net.backend = "compiled"
    assert net.unroll(x)[0].isnan().all()


def test_auto_takes_the_way_that_can_run_and_compiled_says_why_it_cannot():
    x = torch.randn(2, 5)
    slow = build(random_worm(), "lif", inputs=5, outputs=3, delay=2)
    assert slow(x)[0].shape == (2, 3)
    for net, why in ((slow, "take 2 ticks"), (build(random_worm(), "relu", inputs=5, outputs=3), "'relu'")):
        net.backend = "compiled"
        with pytest.raises(NetworkError, match=why):
            net(x)
    net.backend = "numba"
    with pytest.raises(NetworkError, match="unknown backend 'numba'"):
        net(x)


def test_under_vmap_a_network_runs_in_torch_and_agrees():
    net, x = lively("rate"), torch.randn(3, 5, dtype=torch.float64)
    stacked = {name: torch.stack([p.detach(), p.detach() * 1.1]) for name, p in net.named_parameters()}
    many = torch.func.vmap(lambda own: torch.func.functional_call(net, own, (x,))[0])(stacked)
    twin = copy.deepcopy(net)
    with torch.no_grad():
        for p in twin.parameters():
            p *= 1.1
    for got, one in zip(many, (net, twin), strict=True):
        one.backend = "compiled"
        torch.testing.assert_close(got, one(x)[0], rtol=1e-10, atol=1e-12)
