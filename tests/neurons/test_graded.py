"""The graded neuron: rest, reversal potentials, stability, and the wiring that its threshold depends on."""

import numpy as np
import pytest
import torch

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.networks import build
from celegans_nn.neurons import SynapticInput, graded
from tests.worms import random_worm

MODEL = graded.MODEL
PRESETS = (None, "neural_interactome")


def rule(dt_ms=1.0, preset=None):
    constants = {k: torch.tensor(c.value, dtype=torch.float64) for k, c in MODEL.values(preset).items()}
    made = MODEL.parameters(constants, dt_ms)
    return type(made)(*(torch.as_tensor(v, dtype=torch.float64) for v in made))


def alone(drive=0.0, excitatory=0.0, inhibitory=0.0):
    values = (torch.tensor([float(v)], dtype=torch.float64) for v in (drive, excitatory, inhibitory, 0.0, 0.0))
    return SynapticInput(*values)


def rest(p):
    return MODEL.initial(p, torch.zeros(1, dtype=torch.float64))


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
        state = MODEL.step(p, state, alone(drive=100.0))
    # 100 fA through 10 pS are 10 mV; C / G = 100 ms
    assert state.voltage.item() == pytest.approx(-35 + 10 * (1 - np.exp(-1)), abs=1e-6)


def test_a_steady_input_moves_activation_to_its_equilibrium_and_synapses_pull_to_their_reversal_potentials():
    p = rule(50.0)
    for given, voltage in ((alone(excitatory=1e6), 0.0), (alone(inhibitory=1e6), -45.0), (alone(drive=80.0), -27.0)):
        state = rest(p)
        for _ in range(400):
            state = MODEL.step(p, state, given)
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
    inputs = dict(
        zip(SynapticInput._fields, torch.tensor([[30.0], [0.5], [0.25], [2.0], [-60.0]]).double(), strict=True)
    )
    state, given = rest(p)._replace(voltage=torch.tensor([-20.0]).double()), SynapticInput(**inputs)
    after = MODEL.step(p, state, given)
    parts = MODEL.currents(p, state, given)
    np.testing.assert_allclose(torch.cat(parts), [100 * 0.5 * 20, 100 * 0.25 * -25, 100 * (-60 + 40)])
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


def test_no_conductance_and_no_step_however_large_carry_a_voltage_beyond_what_pulls_it():
    worm = load_connectome("cook2019", "command_vnc79")
    for dt_ms, log_conductance in ((1.0, 8.0), (50.0, 3.0), (1e4, 0.0), (1e4, 10.0)):
        net = build(worm, "graded", inputs=3, outputs=2, dt_ms=dt_ms).double()
        with torch.no_grad():
            net.gap.log_conductance.fill_(log_conductance)
            effective = net.precompute()
            state = net.initial_state(2, effective)
            state = state._replace(voltage=torch.where(net.source < 10, 0.0, -45.0).expand(2, -1).double())
            for _ in range(300):
                state = net.tick(torch.zeros(2, len(worm), dtype=torch.float64), state, effective)
                assert ((state.voltage <= 1e-9) & (state.voltage >= -45 - 1e-9)).all()
                assert ((state.output >= 0) & (state.output <= 1 / 6)).all()
