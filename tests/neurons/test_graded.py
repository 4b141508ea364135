"""The graded neuron: rest, reversal potentials, stability, and the wiring that its threshold depends on."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.linalg import expm

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import NetworkError
from celegans_nn.networks import Interface, build
from celegans_nn.networks.synapses import gap_current
from celegans_nn.neurons import SynapticInput, graded
from tests.worms import random_worm

MODEL = graded.MODEL
PRESETS = (None, "neural_interactome")


def rule(dt_ms=1.0, preset=None):
    constants = {k: torch.tensor(c.value, dtype=torch.float64) for k, c in MODEL.values(preset).items()}
    made = MODEL.parameters(constants, dt_ms)
    return type(made)(*(torch.as_tensor(v, dtype=torch.float64) for v in made))


def alone(drive=0.0, excitatory=0.0, inhibitory=0.0):
    values = (torch.tensor([float(v)], dtype=torch.float64) for v in (drive, excitatory, inhibitory, 0.0))
    return SynapticInput(*values)


def rest(p):
    return MODEL.initial(p, torch.zeros(1, dtype=torch.float64))


def tick_alone(p, state, given):
    return MODEL.step(p, state, MODEL.push(p, state, given) * MODEL.spread(p, None))


def test_the_constants_are_those_of_the_papers():
    values = {name: c.value for name, c in MODEL.constants.items()}
    assert values == {
        "capacitance_pf": 1.0, "leak_ps": 10.0, "leak_mv": -35.0, "contact_ps": 100.0, "excitatory_mv": 0.0,
        "inhibitory_mv": -45.0, "steepness": 0.125, "rise_per_s": 1.0, "fall_per_s": 5.0,
    }  # fmt: skip
    changed = {k: c.value for k, c in MODEL.presets["neural_interactome"].items() if c.value != values[k]}
    expected = {"capacitance_pf": 1.5, "inhibitory_mv": -48.0, "rise_per_s": 1 / 1.5, "fall_per_s": 5 / 1.5}
    assert changed == pytest.approx(expected)


@pytest.mark.parametrize("dt_ms", [0.1, 1.0, 20.0])
def test_a_cell_alone_charges_with_the_time_constant_of_its_membrane(dt_ms):
    p = rule(dt_ms)
    state = rest(p)
    for _ in range(round(100 / dt_ms)):
        state = tick_alone(p, state, alone(drive=100.0))
    # 100 fA through 10 pS are 10 mV; C / G = 100 ms
    assert state.voltage.item() == pytest.approx(-35 + 10 * (1 - np.exp(-1)), abs=1e-6)


def test_a_steady_input_moves_activation_to_its_equilibrium_and_synapses_pull_to_their_reversal_potentials():
    p = rule(50.0)
    for given, voltage in ((alone(excitatory=1e6), 0.0), (alone(inhibitory=1e6), -45.0), (alone(drive=80.0), -27.0)):
        state = rest(p)
        for _ in range(400):
            state = tick_alone(p, state, given)
        assert state.voltage.item() == pytest.approx(voltage, abs=2e-3)
        phi = 1 / (1 + np.exp(-0.125 * (voltage + 35)))
        assert state.output.item() == pytest.approx(phi / (phi + 5), rel=1e-4)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("gaps", [False, True])
def test_a_network_at_rest_stays_at_rest(preset, gaps):
    worm = load_connectome("haspel2012")
    net = build(worm, "graded", inputs=3, outputs=2, preset=preset, gap_junctions=gaps).double()
    with torch.no_grad():
        net.chemical.log_weight.normal_(0, 1, generator=torch.Generator().manual_seed(0))
    effective = net.precompute()
    first = state = net.initial_state(1, effective)
    for _ in range(2000):
        state = net.tick(torch.zeros_like(first.voltage), state, effective)
    for before, after in zip(first, state, strict=True):
        torch.testing.assert_close(after, before, rtol=1e-11, atol=1e-11)
    threshold = effective["rule"].threshold
    assert threshold.std() > 1  # cells rest at voltages of their own
    assert ((threshold > net.constants["inhibitory_mv"].value) & (threshold < 0)).all()


def test_the_threshold_follows_the_weights_and_passes_gradients():
    net = build(random_worm(), "graded", inputs=3, outputs=2).double()

    def thresholds(log_weight):
        own = {"chemical.log_weight": log_weight}
        return torch.func.functional_call(Settled(net), {f"net.{k}": v for k, v in own.items()}, ())

    log_weight = net.chemical.log_weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(thresholds, (log_weight,))
    stacked = torch.stack([log_weight.detach() + shift for shift in (0.0, 0.5, -1.0)])
    together = torch.func.vmap(thresholds)(stacked)
    torch.testing.assert_close(together, torch.stack([thresholds(row) for row in stacked]))
    assert (together[0] - together[1]).abs().max() > 0.1


def test_the_currents_are_what_moves_the_voltage():
    p, dt_ms = rule(1e-4), 1e-4
    inputs = dict(zip(SynapticInput._fields, torch.tensor([[30.0], [0.5], [0.25], [-20.0]]).double(), strict=True))
    state, given = rest(p)._replace(voltage=torch.tensor([-20.0]).double()), SynapticInput(**inputs)
    after = tick_alone(p, state, given)
    parts = MODEL.currents(p, state.voltage, given)
    np.testing.assert_allclose(torch.cat(parts), [100 * 0.5 * 20, 100 * 0.25 * -25, 100 * -20])
    total = sum(parts) + given.drive + p.leak * (p.leak_potential - state.voltage)
    slope = 1000 * (after.voltage - state.voltage) / dt_ms  # fA through 1 pF are mV a second
    np.testing.assert_allclose(slope, total, rtol=1e-4)


class Settled(torch.nn.Module):
    """Calls nothing but the thresholds."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self):
        return self.net.precompute()["rule"].threshold


@pytest.mark.parametrize("dt_ms", [0.5, 5.0, 50.0])
def test_gap_junctions_alone_keep_the_sum_of_the_voltages_and_equalise_them_as_the_equation_says(dt_ms):
    star = pd.DataFrame({"pre": list("AAA"), "post": list("BCD"), "kind": "electrical"})
    net = build(Connectome.from_edges(star), "graded", Interface(("x",), ("y",), ("A",), ("B",)), dt_ms=dt_ms).double()
    with torch.no_grad():
        net.log_constants["leak_ps"].fill_(-30.0)
        effective = net.precompute()
        state = net.initial_state(1, effective)
        state = state._replace(voltage=torch.tensor([[-15.0, -35.0, -35.0, -35.0]], dtype=torch.float64))
        first = state.voltage[0].numpy()
        laplacian = 100 * (np.diag([3, 1, 1, 1]) - net.gap.matrix().numpy())  # pS, at one contact a pair
        for tick in range(1, round(100 / dt_ms) + 1):
            state = net.tick(torch.zeros(1, 4, dtype=torch.float64), state, effective)
            exact = expm(-laplacian * tick * dt_ms / 1000) @ first
            np.testing.assert_allclose(state.voltage[0], exact, rtol=1e-12)
            assert abs(float(state.voltage.sum()) - first.sum()) < 1e-12 * 120


@pytest.mark.parametrize("dt_ms", [1.0, 20.0])
def test_in_a_running_network_all_charge_that_moves_but_through_membranes_sums_to_zero_and_is_what_is_recorded(dt_ms):
    net = build(load_connectome("haspel2012"), "graded", inputs=3, outputs=2, dt_ms=dt_ms, ticks=20).double()
    x = torch.tensor([[[3.0, -2.0, 1.0]]], dtype=torch.float64)
    recording, moved, gap = net.record(x), [], net.gap.matrix().detach()
    with torch.no_grad():
        effective, drive = net.precompute(), net.drive(x[0])
        p, state = effective["rule"], net.initial_state(1, effective)
        matrix = (torch.diag(p.at_rest + 100 * gap.sum(0)) - 100 * gap).numpy() / 1000  # 1/ms at 1 pF
        for _ in range(20):
            given = net._input(drive, state.output, state, effective)
            push = net.model.push(p, state, given)
            lead = mean_lead(matrix, push[0].numpy() / 1000, dt_ms)
            through_membranes = push - 100 * given.gap - p.at_rest * torch.from_numpy(lead)
            after = net.tick(drive, state, effective)
            moved.append((1000 * (after.voltage - state.voltage) / dt_ms - through_membranes)[0].numpy())  # fA
            between = torch.from_numpy(lead) + state.voltage
            np.testing.assert_allclose(moved[-1], 100 * gap_current(between, gap)[0], atol=1e-9)
            state = after
    moved = np.array(moved)
    assert np.abs(moved).max(1).min() > 100
    assert np.abs(moved.sum(1)).max() < 1e-12 * np.abs(moved).sum(1).min()
    np.testing.assert_allclose(recording.gap[:, 0], moved, rtol=1e-5, atol=1e-3)


def mean_lead(matrix, slope, dt_ms):
    """The mean over dt of v, where dv/dt = slope - matrix v from v = 0."""
    n = len(slope)
    system = np.zeros((n + 2, n + 2))  # of v's integral, time's power and 1
    system[:n, :n], system[:n, n], system[n, n + 1] = -matrix, slope, 1
    return expm(system * dt_ms)[:n, n + 1] / dt_ms


def test_gradients_of_a_graded_network_are_right_through_gap_junctions_weights_and_constants():
    net = build(random_worm(), "graded", inputs=3, outputs=2, dt_ms=20.0, ticks=3).double()
    x = torch.randn(2, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    names = ["gap.log_conductance", "chemical.log_weight", "log_constants.capacitance_pf", "log_constants.leak_ps"]
    values = [net.get_parameter(name).detach().clone().requires_grad_() for name in names]

    def output(*values):
        return torch.func.functional_call(Unrolled(net), {f"net.{n}": v for n, v in zip(names, values, strict=True)}, x)

    assert torch.autograd.gradcheck(output, values)
    assert torch.autograd.grad(output(*values).sum(), values[0])[0].abs().max() > 1e-4


class Unrolled(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net.unroll(x)[0]


def test_a_wiring_of_zero_weights_leaves_isolated_cells_under_an_edge_of_free_sign_too():
    net = build(random_worm(signs=(1, -1, 0)), "graded", inputs=3, outputs=2, unknown_sign="free", dt_ms=5.0).double()
    with torch.no_grad():
        net.chemical.log_weight -= torch.inf
        net.chemical.free_weight *= 0
        net.gap.log_conductance -= torch.inf
        drive = net.drive(torch.tensor([[3.0, -2.0, 1.0]], dtype=torch.float64))
        effective = net.precompute()
        state = net.initial_state(1, effective)
        p = net.parameters_of_rule()
        cell = MODEL.initial(p, torch.zeros_like(drive))
        zero = torch.zeros_like(drive)
        for _ in range(20):
            state = net.tick(drive, state, effective)
            cell = tick_alone(p, cell, SynapticInput(drive, zero, zero, zero))
    assert (cell.voltage + 35).abs().max() > 1
    for ours, alone in zip(state, cell, strict=True):
        torch.testing.assert_close(ours, alone, rtol=1e-12, atol=1e-12)


STIFF = [(1.0, 8.0), (50.0, 3.0), (1e4, 0.0), (1e4, 10.0)]


@pytest.mark.parametrize(("dt_ms", "log_conductance"), STIFF)
def test_no_conductance_and_no_step_however_large_move_two_voltages_of_a_network_apart(dt_ms, log_conductance):
    net = build(load_connectome("cook2019", "command_vnc79"), "graded", inputs=3, outputs=2, dt_ms=dt_ms).double()
    generator = torch.Generator().manual_seed(0)
    shape = (2, len(net.worm))
    with torch.no_grad():
        net.gap.log_conductance.fill_(log_conductance)
        net.chemical.log_weight.normal_(0, 2, generator=generator)
        effective = net.precompute()
        state = net.initial_state(2, effective)
        state = state._replace(voltage=-45 * torch.rand(shape, dtype=torch.float64, generator=generator))
        apart = (state.voltage[0] - state.voltage[1]).abs().max()
        for _ in range(50):  # under outputs that jump through all that they can be
            sent = torch.rand(len(net.worm), dtype=torch.float64, generator=generator) / 6
            state = state._replace(output=sent.expand(2, -1))
            state = net.tick(torch.zeros(shape, dtype=torch.float64), state, effective)
            now = (state.voltage[0] - state.voltage[1]).abs().max()
            assert now <= apart + 1e-9
            apart = now


@pytest.mark.parametrize(("dt_ms", "log_conductance"), STIFF)
def test_from_any_voltages_a_network_comes_to_rest_within_the_reversal_potentials(dt_ms, log_conductance):
    net = build(load_connectome("cook2019", "command_vnc79"), "graded", inputs=3, outputs=2, dt_ms=dt_ms).double()
    with torch.no_grad():
        net.gap.log_conductance.fill_(log_conductance)
        effective = net.precompute()
        resting = state = net.initial_state(1, effective)
        state = state._replace(voltage=torch.where(net.source < 10, 0.0, -45.0)[None].double())
        for _ in range(round(2500 / min(dt_ms, 50.0))):
            state = net.tick(torch.zeros_like(resting.voltage), state, effective)
            assert ((state.voltage <= 1e-9) & (state.voltage >= -45 - 1e-9)).all()
            assert ((state.output >= 0) & (state.output <= 1 / 6)).all()
        torch.testing.assert_close(state.voltage, resting.voltage, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_gap_junctions_in_half_precision_are_refused_in_one_line_and_without_them_it_runs(kind):
    x, worm = torch.ones(1, 2, dtype=kind), load_connectome("haspel2012")
    with pytest.raises(NetworkError, match=r"graded with gap junctions .* cannot in b?float16; .*net\.float") as caught:
        build(worm, "graded", inputs=2, outputs=2).to(kind)(x)
    assert "\n" not in str(caught.value)
    y, _ = build(worm, "graded", inputs=2, outputs=2, gap_junctions=False).to(kind)(x)
    assert y.isfinite().all()
