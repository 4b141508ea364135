"""The network module: shapes, determinism, gradients, signs, gap junctions, what is hoisted and what is shared."""

import copy
import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError
from celegans_nn.networks import Interface, build, default_interface, ticks_to_reach
from celegans_nn.networks.fast import SUPPORTED
from celegans_nn.networks.network import cells_of
from celegans_nn.networks.synapses import LARGEST_LOAD
from celegans_nn.neurons import MODELS
from tests.networks.dense_reference import dense_reference
from tests.worms import random_worm

LEVELS = list(MODELS)


def seen_by_gap_junctions(cells):
    return cells.potential if hasattr(cells, "potential") else cells.voltage


PRESETS = [(name, preset) for name, model in MODELS.items() for preset in (None, *model.presets)]


@pytest.mark.parametrize(("neuron", "gaps"), list(itertools.product(LEVELS, (False, True))))
def test_shapes_of_one_step_and_of_an_unrolled_sequence(neuron, gaps):
    net = build(random_worm(), neuron, inputs=7, outputs=3, gap_junctions=gaps, ticks=4)
    y, state = net(torch.randn(5, 7))
    assert y.shape == (5, 3)
    assert all(field.shape == (5, 16) for field in state)
    ys, _ = net.unroll(torch.randn(6, 5, 7))
    assert ys.shape == (6, 5, 3)


@pytest.mark.parametrize("neuron", LEVELS)
def test_unrolling_is_the_step_repeated(neuron):
    net, x = build(random_worm(), neuron, inputs=7, outputs=3), torch.randn(4, 2, 7)
    state, ys = None, []
    for at in x:
        y, state = net(at, state)
        ys.append(y)
    assert torch.equal(net.unroll(x)[0], torch.stack(ys))


@pytest.mark.parametrize("neuron", LEVELS)
def test_the_same_seed_gives_the_same_network_and_another_seed_another(neuron):
    x = torch.full((4, 2, 7), 5.0)
    a, b, c = (build(random_worm(), neuron, inputs=7, outputs=3, seed=s).unroll(x)[0] for s in (4, 4, 5))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_building_and_running_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    build(random_worm(), "lif", inputs=7, outputs=3, seed=1)(torch.ones(1, 7))
    assert torch.equal(before, torch.random.get_rng_state())


SURROGATES_TOO = [(name, None, s) for name in ("lif", "alif", "izhikevich") for s in ("arctan", "triangular")]


@pytest.mark.parametrize(("neuron", "preset", "surrogate"), [*((*p, None) for p in PRESETS), *SURROGATES_TOO])
def test_outputs_and_gradients_agree_with_autograd_on_a_dense_reference(neuron, preset, surrogate):
    worm = random_worm(seed=2)
    dt_ms = 20.0 if neuron == "graded" else 1.0  # its synapses take tenths of a second
    options = {"inputs": 5, "outputs": 3, "ticks": 3, "dt_ms": dt_ms, "preset": preset, "surrogate": surrogate}
    options["gap_junctions"] = True
    net = build(worm, neuron, **options).double()  # in float32 a spike may flip by rounding
    with torch.no_grad():  # a livelier network than the start
        net.chemical.log_weight += 0.9
        for p in net.encoder.parameters():
            p *= 4
    x, target = torch.randn(4, 6, 5, dtype=torch.float64), torch.randn(4, 6, 3, dtype=torch.float64)
    ys, _ = net.unroll(x)
    ((ys - target) ** 2).sum().backward()

    edges = worm.chemical_edges
    weight = torch.zeros(len(worm), len(worm), dtype=torch.float64)
    weight[edges.pre.astype(int), edges.post.astype(int)] = net.chemical.weights().detach()
    conductance = net.gap.matrix().detach()
    weight.requires_grad_()
    conductance.requires_grad_()
    reference = dense_reference(net, x, weight, conductance)
    torch.testing.assert_close(ys, reference, rtol=1e-9, atol=1e-9)
    ours = net.chemical.log_weight.grad.clone(), net.gap.log_conductance.grad.clone()
    ((reference - target) ** 2).sum().backward()
    by_edge = weight.grad[edges.pre.astype(int), edges.post.astype(int)] * net.chemical.weights().detach()
    gaps = worm.electrical_edges
    a, b = gaps.pre.astype(int), gaps.post.astype(int)
    by_pair = (conductance.grad[a, b] + conductance.grad[b, a]) * conductance.detach()[a, b]
    torch.testing.assert_close(ours[0], by_edge, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(ours[1], by_pair, rtol=1e-7, atol=1e-9)
    assert float(by_edge.abs().max()) > 1e-3


@pytest.mark.parametrize(("neuron", "preset"), [(n, p) for n, p in PRESETS if not MODELS[n].conductance])
def test_what_gap_junctions_give_to_the_cells_of_a_running_network_sums_to_zero(neuron, preset):
    net = build(random_worm(), neuron, inputs=5, outputs=3, preset=preset, gap_junctions=True).double()
    effective, seen = net.precompute(), []
    alone = {name: value for name, value in effective.items() if name not in ("gap", "exchange")}
    step = net.model.step
    state = net.initial_state(3, effective)
    drive = net.drive(5 * torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    for _ in range(40):
        with_gaps, without = (net._input(drive, state.output, state, e) for e in (effective, alone))
        seen.append((with_gaps - without).detach())
        assert torch.equal(
            step(effective["rule"], state, with_gaps).potential, net.tick(drive, state, effective).potential
        )
        state = net.tick(drive, state, effective)
    given = torch.stack(seen)
    assert given.abs().max() > 1e-3
    assert given.sum(2).abs().max() < 1e-12 * (1 + given.abs().max()) * len(net.worm)


EXPLICIT = ["relu", "rate", "lif", "alif", "izhikevich"]


@pytest.mark.parametrize("neuron", EXPLICIT)
def test_however_strong_training_makes_gap_junctions_no_step_overshoots_and_weak_ones_stay_as_they_are(neuron):
    net = build(random_worm(), neuron, inputs=5, outputs=3).double()
    gain, start = net.model.input_gain(net.parameters_of_rule()), net.gap.log_conductance.detach().clone()
    for strength in (0.0, 7.0, 12.0):
        with torch.no_grad():
            net.gap.log_conductance.copy_(start + strength * torch.linspace(0, 1, len(start)))
        wanted = torch.exp(net.gap.log_conductance)
        matrix, g = net.precompute()["gap"], net.gap.conductances(gain)
        load = gain * torch.zeros(len(net.worm)).double().index_add(0, net.gap.pre, wanted)
        load = load + gain * torch.zeros(len(net.worm)).double().index_add(0, net.gap.post, wanted)
        assert float((gain * matrix.sum(1)).max().detach()) <= LARGEST_LOAD + 1e-12
        assert torch.equal(matrix, matrix.T)
        free = (load[net.gap.pre] <= LARGEST_LOAD) & (load[net.gap.post] <= LARGEST_LOAD)
        assert torch.equal(g[free], wanted[free])
        assert bool((g[~free] < wanted[~free]).all())
        assert bool(free.all()) == (strength == 0)


@pytest.mark.parametrize("neuron", EXPLICIT)
def test_a_network_far_beyond_the_limit_of_its_gap_junctions_stays_bounded_and_learns(neuron):
    net = build(random_worm(), neuron, inputs=5, outputs=3).double()
    net.backend = "torch"
    with torch.no_grad():
        net.gap.log_conductance += 6.0
        net.chemical.log_weight -= 3.0  # what grows now grows by gap junctions
    x = torch.randn(100, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, state = net.unroll(x)
    assert state.potential.abs().max() < 1e3
    grad = torch.autograd.grad(y.sum() + state.potential.square().sum(), net.gap.log_conductance)[0]
    assert bool(grad.isfinite().all())
    assert float(grad.abs().max()) > 0
    if neuron in SUPPORTED:
        net.backend = "compiled"
        torch.testing.assert_close(net.unroll(x[:5])[0], y[:5], rtol=1e-9, atol=1e-9)


def test_the_gradient_of_limited_conductances_is_their_slope():
    gap = build(random_worm(), "lif", inputs=5, outputs=3).double().gap
    start = (gap.log_conductance.detach() + torch.linspace(0, 4, len(gap.pre))).requires_grad_()
    gain = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def limited(log_conductance, gain):
        return torch.func.functional_call(gap, {"log_conductance": log_conductance}, (gain,))

    gap.forward = gap.conductances
    assert float((limited(start, gain) - torch.exp(start)).abs().max().detach()) > 0.1
    assert torch.autograd.gradcheck(limited, (start, gain))


def test_the_preset_of_a_paper_without_gap_junctions_has_them_only_where_asked_for():
    options = {"inputs": 5, "outputs": 3}
    gaps = [
        build(random_worm(), "izhikevich", **options, preset=preset, gap_junctions=asked).gap is not None
        for preset in (None, "stable", "s22")
        for asked in (None, True, False)
    ]
    assert gaps == [True, True, False, True, True, False, False, True, False]


@pytest.mark.parametrize("neuron", LEVELS)
def test_without_edges_every_cell_is_alone(neuron):
    worm = random_worm()
    empty = worm.with_edges(
        type(worm.chemical_edges)(*(a[:0] for a in worm.chemical_edges)),
        type(worm.electrical_edges)(*(a[:0] for a in worm.electrical_edges)),
    )
    net = build(empty, neuron, inputs=5, outputs=3, ticks=20)
    y, state = net(torch.randn(4, 5) * 10)
    muscles = [empty.index[c] for c in net.interface.output_cells]
    rest = net.initial_state(4)
    torch.testing.assert_close(state.output[:, muscles], rest.output[:, muscles])
    assert torch.equal(y[0], y[1])
    moved = seen_by_gap_junctions(state) != seen_by_gap_junctions(rest)
    assert moved[:, net.source < 12].any()  # the others felt their input


@pytest.mark.parametrize(("neuron", "preset"), PRESETS)
def test_with_weights_that_are_next_to_nothing_every_cell_does_what_it_does_alone(neuron, preset):
    worm, x = random_worm(), torch.randn(20, 3, 5, generator=torch.Generator().manual_seed(0))
    empty = worm.with_edges(*(type(e)(*(a[:0] for a in e)) for e in (worm.chemical_edges, worm.electrical_edges)))
    options = {"inputs": 5, "outputs": 3, "preset": preset, "gap_junctions": True}
    nets = [build(w, neuron, **options).double() for w in (worm, empty)]
    with torch.no_grad():
        nets[0].chemical.log_weight.fill_(-60.0)
        nets[0].gap.log_conductance.fill_(-60.0)
    states = [net.unroll(x.double())[1] for net in nets]
    for ours, alone in zip(*states, strict=True):
        torch.testing.assert_close(ours, alone, rtol=1e-9, atol=1e-12)


def test_unknown_signs_need_a_choice_and_each_choice_does_what_it_says():
    worm = random_worm(signs=(1, -1, 0))
    sign = worm.chemical_edges.sign
    with pytest.raises(NetworkError, match=r"no known sign.*drop.*excitatory.*free"):
        build(worm, inputs=5, outputs=3)
    dropped, excitatory, free = (
        build(worm, inputs=5, outputs=3, unknown_sign=u) for u in ("drop", "excitatory", "free")
    )
    nonzero = [int((net.chemical.matrix() != 0).sum()) for net in (dropped, excitatory, free)]
    assert nonzero == [(sign != 0).sum(), len(sign), len(sign)]
    assert int((excitatory.chemical.matrix() > 0).sum()) == (sign >= 0).sum()
    assert len(free.chemical.free_weight) == (sign == 0).sum()


def test_shared_weights_start_as_schmidgall_and_others_give_them_and_unshare_to_the_same_function():
    net, x = build(random_worm(), "lif", inputs=5, outputs=3, share="sign"), torch.randn(3, 5) * 5
    assert net.chemical.log_weight.tolist() == [-1.0, -1.5]
    twin = net.unshared()
    assert len(twin.chemical.log_weight) == len(net.worm.chemical_edges.pre)
    assert torch.equal(net(x)[0], twin(x)[0])
    with torch.no_grad():
        twin.chemical.log_weight.zero_()
    assert net.chemical.log_weight.tolist() == [-1.0, -1.5]


def test_precomputed_weights_change_nothing():
    net, x = build(random_worm(), "rate", inputs=5, outputs=3), torch.randn(3, 5)
    assert torch.equal(net(x)[0], net(x, None, net.precompute())[0])


def test_an_interface_maps_named_cells_and_refuses_strangers():
    worm = random_worm()
    interface = Interface(("x",), ("y",), ("n03",), ("m00", "m01"), encoder="linear", decoder="linear")
    net = build(worm, "relu", interface)
    drive = net.drive(torch.ones(1, 1))[0]
    assert drive.nonzero().flatten().tolist() == [worm.index["n03"]]
    with pytest.raises(NetworkError, match="'n99', which the wiring does not have"):
        build(worm, "relu", Interface(("x",), ("y",), ("n99",), ("m00",)))
    with pytest.raises(NetworkError, match="unknown encoder 'mpl'; did you mean 'mlp'"):
        Interface(("x",), ("y",), ("n03",), ("m00",), encoder="mpl")


def test_the_default_interface_is_motor_neurons_in_and_muscles_out():
    interface = default_interface(random_worm(), ("a", "b"), 3)
    assert interface.input_cells == tuple(f"n{i:02d}" for i in range(12))
    assert interface.output_cells == tuple(f"m{i:02d}" for i in range(4))
    assert interface.observations == ("a", "b")


def test_ticks_to_reach_counts_the_longest_shortest_path_and_the_tick_of_arrival():
    import pandas as pd

    from celegans_nn.connectome.connectome import Connectome

    chain = Connectome.from_edges(
        pd.DataFrame({"pre": list("abc"), "post": list("bcd"), "kind": "chemical", "sign": 1})
    )
    interface = Interface(("x",), ("y",), ("a",), ("d",), "linear", "linear")
    assert ticks_to_reach(chain, interface) == 4
    for ticks, felt in ((3, False), (4, True)):
        net = build(chain, "relu", interface, ticks=ticks)
        _, off = net(torch.full((1, 1), -100.0))
        _, on = net(torch.full((1, 1), 100.0))
        assert bool(off.output[0, 3] != on.output[0, 3]) is felt


def test_wrong_names_and_shapes_are_one_line_with_the_remedy():
    worm = random_worm()
    for call, words in (
        (lambda: build(worm, "lfi", inputs=1, outputs=1), "did you mean 'lif'"),
        (lambda: build(worm, "lif"), "give an interface"),
        (lambda: build("haspel2012", "lif", inputs=1, outputs=1), "give a Connectome"),
        (lambda: build(worm, "lif", inputs="joint", outputs=1), "their number or a list of names"),
        (lambda: build(worm, "lif", inputs=2.5, outputs=1), "their number or a list of names"),
        (lambda: build(worm, "lif", inputs=True, outputs=1), "observations is True"),
        (lambda: build(worm, "lif", inputs=1, outputs=1, ticks=2.5), "ticks is 2.5"),
        (lambda: build(worm, "lif", inputs=1, outputs=1, dt_ms=float("inf")), "dt_ms is inf"),
        (lambda: build(worm, "lif", inputs=1, outputs=1, seed=2**70), "seed is"),
        (lambda: build(worm, "lif", inputs=1, outputs=1, ticks=0), "ticks is 0; give a whole number from 1"),
        (lambda: build(worm, "lif", inputs=1, outputs=1, share="egde"), "did you mean 'edge'"),
        (lambda: build(worm, "lif", inputs=3, outputs=1)(torch.zeros(2, 4)), r"give \[batch, 3\]"),
    ):
        with pytest.raises(NetworkError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


ENDS = {"inputs": 2, "outputs": 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"neuron": "sparse_mpl"}, "did you mean 'sparse_mlp'"),
        ({"neuron": "unroled_mlp"}, "did you mean 'unrolled_mlp'"),
        ({"neuron": ["lif"]}, r"unknown neuron model \['lif'\]"),
        ({"neuron": None}, "unknown neuron model None"),
        ({"preset": ["s22"]}, r"preset is \['s22'\]; give a name"),
        ({"surrogate": {}}, r"surrogate is \{\}; give a name"),
        ({"weights": ["rank"]}, r"weights is \['rank'\]; give a name"),
        ({"gap_junctions": "no"}, "gap_junctions is 'no'; give True or False"),
        ({"dt_ms": True}, "dt_ms is True; give a number from"),
        ({"dt_ms": "1"}, "dt_ms is '1'"),
        ({"dt_ms": 10**400}, "dt_ms is 1000"),
        ({"dt_ms": 0}, "dt_ms is 0"),
        ({"spectral_radius": True}, "spectral_radius is True; give a number from"),
        ({"spectral_radius": float("nan")}, "spectral_radius is nan"),
        ({"interface": "mlp", "inputs": None, "outputs": None}, "interface is 'mlp'; give an Interface"),
        ({"interface": "mlp"}, "interface is 'mlp'; give an Interface"),
        ({"interface": Interface(("x",), ("y",), ("n03",), ("m00",))}, "not both"),
        ({"interface": Interface(("x",), ("y",), ("n03",), ("m00",)), "inputs": None}, "not both"),
    ],
)
def test_wrong_kinds_of_value_are_one_line_with_the_remedy(options, words):
    with pytest.raises(NetworkError, match=words) as caught:
        build(random_worm(), **{"neuron": "lif", **ENDS, **options})
    assert "\n" not in str(caught.value)


def test_numbers_may_be_numpys():
    as_python = {"dt_ms": 0.5, "spectral_radius": 0.75, "ticks": 3, "delay": 2, "seed": 4}
    as_numpy = {"dt_ms": np.float32(0.5), "spectral_radius": np.float32(0.75)}
    as_numpy |= {name: np.int64(as_python[name]) for name in ("ticks", "delay", "seed")}
    nets = [build(random_worm(), "lif", **ENDS, **numbers) for numbers in (as_python, as_numpy)]
    x = torch.ones(1, 2)
    assert torch.equal(nets[0](x)[0], nets[1](x)[0])
    assert build(random_worm(), "lif", **ENDS, dt_ms=np.int64(1)).dt_ms == 1.0


def test_a_population_by_vmap_is_each_network_alone():
    from celegans_nn.simulation.policies import stack_policies

    nets = [build(random_worm(), "lif", inputs=5, outputs=3, seed=s) for s in range(4)]
    with torch.no_grad():
        for i, net in enumerate(nets):
            net.chemical.log_weight += 0.3 * i
    stacked = {n: torch.stack([dict(net.named_parameters())[n] for net in nets]) for n, _ in nets[0].named_parameters()}
    policy, x = stack_policies(copy.deepcopy(nets[0]), stacked), torch.randn(3, 4, 5) * 3
    state = None
    alone = [None] * 4
    for at in x:
        y, state = policy(at, state)
        for i, net in enumerate(nets):
            expected, alone[i] = net(at[i : i + 1], alone[i])
            torch.testing.assert_close(y[i], expected[0], rtol=1e-5, atol=1e-6)
    assert np.isfinite(y.detach().numpy()).all()


@pytest.mark.parametrize("neuron", LEVELS)
def test_a_synapse_with_a_delay_is_felt_that_many_ticks_later_and_a_gap_junction_in_the_next(neuron):
    edges = pd.DataFrame({"pre": ["A"], "post": ["B"], "kind": ["chemical"], "sign": [1]})
    worm = Connectome.from_edges(edges)
    first_felt = {}
    for delay in (1, 2, 5):
        net = build(worm, neuron, interface=Interface(("x",), ("y",), ("A",), ("B",)), ticks=1, delay=delay)
        drive = torch.tensor([[30.0, 0.0], [0.0, 0.0]]) * net.model.encoder_gain  # the second worm is left alone
        effective, felt = net.precompute(), []
        state = net.initial_state(2, effective)
        for _ in range(12):
            state = net.tick(drive, state, effective)
            driven, alone = seen_by_gap_junctions(cells_of(state))[:, 1].tolist()
            felt.append(driven != alone)
        first_felt[delay] = felt.index(True)
        assert net(torch.ones(1, 1))[0].shape == (1, 1)
    assert first_felt[2] - first_felt[1] == 1
    assert first_felt[5] - first_felt[1] == 4


def test_a_delay_below_one_and_an_unknown_preset_are_refused():
    with pytest.raises(NetworkError, match="delay is 0"):
        build(random_worm(), "rate", inputs=1, outputs=1, delay=0)
    with pytest.raises(NetworkError, match="rate has no preset 's23'"):
        build(random_worm(), "rate", inputs=1, outputs=1, preset="s23")


@pytest.mark.parametrize("backend", ["auto", "torch", "compiled"])
def test_a_state_that_is_not_the_networks_own_is_refused_in_one_line(backend):
    net, slow, x = *(build(random_worm(), "lif", inputs=5, outputs=3, delay=d) for d in (1, 2)), torch.randn(4, 5)
    other = build(random_worm(), "rate", inputs=5, outputs=3).initial_state(4)
    own, late = net.initial_state(4), slow.initial_state(4)
    net.backend, slow.backend = backend, "torch"
    assert net(x, own)[0].shape == slow(x, late)[0].shape == (4, 3)
    wrong = (other, late, tuple(own), [1], "rest", net.initial_state(2), own._replace(voltage=torch.zeros(4, 3)),
             own._replace(output=None))  # fmt: skip
    for state in wrong:
        with pytest.raises(NetworkError, match=r"^state is a \w+ of .*LIFState \[4, 16\], delay 1") as caught:
            net(x, state)
        assert "\n" not in str(caught.value)
    for state in (own, late._replace(sent=()), late._replace(sent=late.sent * 2)):
        with pytest.raises(NetworkError, match="delay 2"):
            slow(x, state)


def test_what_is_no_tensor_is_refused_as_an_input():
    net = build(random_worm(), "lif", inputs=5, outputs=3)
    for x in ([[0.0] * 5], None, np.zeros((1, 5), np.float32)):
        for call in (net, net.unroll):
            with pytest.raises(NetworkError, match=r"^x is .*give a tensor"):
                call(x)
