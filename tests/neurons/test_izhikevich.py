"""The Izhikevich neuron: its steps, its presets, and what a step that is too long does."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from celegans_nn.neurons import izhikevich

MODEL = izhikevich.MODEL
EXCITATORY, INHIBITORY = (math.exp(log_w) for log_w in MODEL.initial_log_weight)


def rule(preset="stable", dt_ms=1.0, **changed):
    constants = {k: torch.tensor(c.value, dtype=torch.float64) for k, c in MODEL.values(preset).items()}
    made = MODEL.parameters(constants | {k: torch.tensor(v, dtype=torch.float64) for k, v in changed.items()}, dt_ms)
    return type(made)(*(v if isinstance(v, int) else torch.as_tensor(v, dtype=torch.float64) for v in made))


EULER_1_MS = {"membrane_ms": 1.0, "largest_step_ms": 1.0, "jump_mv": 20.0}
"""The weights and the current scalar of Schmidgall et al. 2022, at an Euler step of 1 ms."""


def run(p, currents, cells=1, state=None):
    """[ticks] outputs, potentials and the last state, of cells that are given `currents`."""
    state = MODEL.initial(p, torch.zeros(cells, dtype=torch.float64)) if state is None else state
    outputs, potentials = [], []
    for current in currents:
        state = izhikevich.step(p, state, torch.as_tensor(current, dtype=torch.float64).expand(cells))
        outputs.append(state.output[0].item())
        potentials.append(state.potential[0].item())
    return np.array(outputs), np.array(potentials), state


def settled(p):
    return run(p, [0.0] * 400)[2]


def test_the_stable_preset_is_the_default_and_takes_ten_steps_a_millisecond():
    assert MODEL.constants == MODEL.presets["stable"]
    for dt, substeps in ((1.0, 10), (0.5, 5), (0.1, 1), (0.03, 1), (2.55, 26)):
        p = rule(dt_ms=dt)
        assert p.substeps == substeps
        assert float(p.step_ms) * substeps == pytest.approx(dt)
        assert float(p.step_ms) <= 0.1 + 1e-6


def test_the_preset_of_schmidgall_and_others_takes_one_euler_step_of_a_fifth_with_20_for_one_unit():
    p = rule("s22")
    numbers = (p.substeps, p.step_ms, p.gain, p.a, p.b, p.c, p.d, p.peak)
    np.testing.assert_allclose([float(x) for x in numbers], (1, 0.2, 20, 0.02, 0.25, -58, 0, 30), rtol=1e-6)


def test_one_step_follows_the_equation_written_out():
    p = rule("s22")
    state = izhikevich.IzhikevichState(*(torch.tensor([x], dtype=torch.float64) for x in (-60.0, -15.0, 0.0, -60.0)))
    after = izhikevich.step(p, state, torch.tensor([0.5], dtype=torch.float64))
    # v' = 0.04 * 3600 - 300 + 140 + 15 + 10 = 9; u' = 0.02 (0.25 * -60 + 15) = 0
    np.testing.assert_allclose(after.voltage.item(), -60 + 0.2 * 9, rtol=1e-6)
    np.testing.assert_allclose(after.recovery.item(), -15, rtol=1e-6)
    assert after.output.item() == 0


@pytest.mark.parametrize("preset", ["stable", "s22"])
def test_a_presynaptic_spike_moves_its_target_by_the_same_voltage_at_every_step(preset):
    jump = {"stable": 1.0, "s22": 4.0}[preset]
    for dt in (1.0, 0.25):
        p = rule(preset, dt)
        assert float(MODEL.input_gain(p)) == pytest.approx(jump, rel=1e-6)
        moved = run(p, [0.01], state=settled(p))[1] - run(p, [0.0], state=settled(p))[1]
        # the membrane itself answers within the tick
        assert moved[0] == pytest.approx(0.01 * jump, rel=0.15)


def test_at_a_step_of_1_ms_an_inhibitory_spike_makes_its_target_fire_two_steps_later_and_in_neither_preset():
    late = rule(**EULER_1_MS, floor_mv=-1e4)
    fired = {"euler_1_ms": run(late, [-INHIBITORY, *[0.0] * 9], state=settled(late))[0]}
    for preset in ("s22", "stable"):
        p = rule(preset)
        fired[preset] = run(p, [-INHIBITORY, *[0.0] * 9], state=settled(p))[0]
    assert fired["euler_1_ms"][:3].tolist() == [0, 0, 1]
    assert fired["s22"].sum() == fired["stable"].sum() == 0


def test_in_the_preset_of_schmidgall_and_others_one_excitatory_spike_fires_its_target():
    p = rule("s22")
    assert run(p, [EXCITATORY, *[0.0] * 20], state=settled(p))[0].sum() == 1
    assert run(p, [0.0] * 21, state=settled(p))[0].sum() == 0


def test_the_stable_preset_converges_to_the_solution_of_the_equation_between_spikes():
    # 3 ms below the peak, under a weak current
    def slopes(_, y):
        v, u = y
        return 0.04 * v * v + 5 * v + 140 - u + 3.0, 0.02 * (0.25 * v - u)

    exact = solve_ivp(slopes, (0, 3.0), [-65.0, -65.0 * 0.25], rtol=1e-10, atol=1e-10).y[:, -1]
    errors = []
    for step in (0.1, 0.05, 0.025):
        _, _, state = run(rule(largest_step_ms=step), [3.0] * 3)
        errors.append(abs(np.array([state.voltage[0], state.recovery[0]]) - exact).max())
    assert exact[0] < 0
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.3)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.2)
    assert errors[0] < 0.5


@pytest.mark.parametrize("preset", ["stable", "s22"])
def test_no_current_however_large_makes_a_voltage_that_is_no_number(preset):
    p = rule(preset)
    p32 = type(p)(*(v if isinstance(v, int) else v.float() for v in p))
    rng = np.random.default_rng(0)
    for size in (1e2, 1e6, 1e30, float("inf")):
        for sign in (-1.0, 1.0):
            state = MODEL.initial(p32, torch.zeros(3))
            for _ in range(50):
                current = torch.from_numpy(sign * size * rng.choice([1.0, -1.0, 1e-3], 3)).float()
                state = izhikevich.step(p32, state, current)
                assert all(torch.isfinite(field).all() for field in state), (size, sign)
                assert (state.potential <= 30).all()
                assert ((state.output == 0) | (state.output == 1)).all()


def test_the_stable_preset_fires_after_no_inhibition_however_strong_until_the_membrane_itself_rebounds():
    p = rule()
    for spikes in (1, 10, 1000):
        fired, potential, _ = run(p, [-INHIBITORY * spikes, 0.0, 0.0, 0.0], state=settled(p))
        assert fired.sum() == 0
        assert (potential < -64).all()


def test_a_spike_resets_the_voltage_and_gap_junctions_still_see_the_peak():
    p = rule("s22")
    after = izhikevich.step(p, settled(p), torch.tensor([1e3], dtype=torch.float64))
    assert (after.output.item(), after.potential.item()) == (1, 30)
    assert after.voltage.item() == pytest.approx(-58)


def test_below_minus_187_mv_an_euler_step_of_the_preset_of_schmidgall_and_others_enlarges_differences():
    p, at = rule("s22"), torch.tensor([-240.0, -188.0, -187.0, -126.0, -124.0], dtype=torch.float64)
    zero = torch.zeros_like(at)
    v = at.clone().requires_grad_()
    after = izhikevich.step(p, izhikevich.IzhikevichState(v, zero, zero, v), zero)
    (slope,) = torch.autograd.grad(after.voltage.sum(), v)
    np.testing.assert_allclose(slope, 1 + 0.2 * (0.08 * at + 5), rtol=1e-6)
    assert (slope < -1).tolist() == [True, True, False, False, False]
    assert (slope < 0).tolist() == [True, True, True, True, False]
