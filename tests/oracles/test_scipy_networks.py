"""Networks of graded activity on the worm's own circuits against SciPy's ODE solvers at a tolerance of 1e-10."""

import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.networks import build
from celegans_nn.neurons import graded, rate

CIRCUITS = {
    "haspel2012": lambda: load_connectome("haspel2012"),
    "command_vnc79": lambda: load_connectome("cook2019", "command_vnc79"),
}
BELOW = 1e-3


def network(circuit, neuron, dt_ms):
    """(network in float64, excitatory, inhibitory and gap matrices)."""
    net = build(CIRCUITS[circuit](), neuron, inputs=3, outputs=2, dt_ms=dt_ms).double()
    with torch.no_grad():
        for name, log in net.log_constants.items():  # to the last digit, where float32 was built
            log.copy_(torch.tensor(abs(net.constants[name].value), dtype=torch.float64).log())
        chemical, gap = net.chemical.matrix().numpy(), net.gap.matrix().numpy()
    return net, np.maximum(chemical, 0), np.maximum(-chemical, 0), gap


def trajectory(net, drive, ticks):
    """The states of all ticks from rest, each field [ticks, N]."""
    with torch.no_grad():
        effective, states = net.precompute(), []
        state = net.initial_state(1, effective)
        for _ in range(ticks):
            state = net.tick(torch.from_numpy(drive)[None], state, effective)
            states.append(state)
        return type(state)(*(torch.cat(field).numpy() for field in zip(*states, strict=True)))


def rate_error(circuit, dt_ms, ms=40.0):
    """The largest error of x (dimensionless) at any tick, from rest under a constant random drive."""
    net, excitatory, inhibitory, gap = network(circuit, "rate", dt_ms)
    tau = rate.MODEL.constants["tau_ms"].value
    drive = np.random.default_rng(0).normal(0, 1, len(net.worm))

    def slope(_, x):
        z = np.tanh(x)
        return (-x + z @ (excitatory - inhibitory) + z @ gap - z * gap.sum(0) + drive) / tau

    times = dt_ms * np.arange(1, round(ms / dt_ms) + 1)
    exact = solve_ivp(slope, (0, times[-1]), np.zeros(len(drive)), rtol=1e-10, atol=1e-12, t_eval=times).y.T
    assert np.abs(exact[-1] - drive * (1 - np.exp(-ms / tau))).max() > 0.1  # the wiring matters here
    return np.abs(trajectory(net, drive, len(times)).voltage - exact).max()


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_the_error_of_rate_falls_with_the_step_to_below_a_thousandth_at_tau_by_400(circuit):
    errors = {dt: rate_error(circuit, dt) for dt in (0.5, 0.25, 0.025)}
    assert errors[0.5] / errors[0.25] == pytest.approx(2, abs=0.2)
    assert errors[0.025] < BELOW


def test_the_error_of_rate_at_the_default_step_is_the_one_its_docstring_states():
    assert (
        f"it is {rate_error('command_vnc79', 1.0):.3f}, and {rate_error('command_vnc79', 0.025):.4f} at" in rate.__doc__
    )


def graded_errors(circuit, dt_ms, ms=320.0):
    """The largest errors of V and s at any tick, each as a share of the range that it has over cells and time."""
    net, excitatory, inhibitory, gap = network(circuit, "graded", dt_ms)
    n = len(net.worm)
    drive = np.random.default_rng(0).normal(0, 500.0, n)  # fA

    def slope(_, y):
        v, s = y[:n], y[n:]
        current = -10 * (v + 35) - 100 * (v * gap.sum(0) - v @ gap) + drive
        current -= 100 * ((s @ excitatory) * (v - 0) + (s @ inhibitory) * (v + 45))
        phi = 1 / (1 + np.exp(-0.125 * (v - threshold)))
        return np.concatenate([current / 1000, (phi * (1 - s) - 5 * s) / 1000])  # fA / pF is V/s, a / s

    s = 1 / 11
    pull = 10 * -35 + 100 * s * inhibitory.sum(0) * -45
    threshold = np.linalg.solve(
        np.diag(10 + 100 * (gap.sum(0) + s * (excitatory + inhibitory).sum(0))) - 100 * gap, pull
    )
    start = np.concatenate([threshold, np.full(n, s)])
    ticks = round(ms / dt_ms)
    times = dt_ms / 2 * np.arange(2 * ticks + 2)
    y = solve_ivp(slope, (0, times[-1]), start, method="LSODA", rtol=1e-10, atol=1e-12, t_eval=times).y
    v, s = y[:n, 2::2].T, y[n:, 3::2].T  # s is half a tick ahead
    ours = trajectory(net, drive, ticks)
    return np.abs(ours.voltage - v).max() / np.ptp(y[:n]), np.abs(ours.output - s).max() / np.ptp(y[n:])


def test_graded_is_second_order_and_its_error_below_a_thousandth_at_its_default_step():
    assert_second_order({dt: np.array(graded_errors("haspel2012", dt)) for dt in (4.0, 2.0, 1.0)})


def test_the_errors_of_graded_are_those_that_its_docstring_states():
    steps, *stated = (re.search(rf"^    {row} +(.*)$", graded.__doc__, re.M).group(1).split() for row in ROWS)
    errors = {float(dt): np.array(graded_errors("command_vnc79", float(dt))) for dt in steps}
    for of_model, of_docstring in zip(zip(*errors.values(), strict=True), stated, strict=True):
        assert [f"{e:.1e}" for e in of_model] == [f"{float(e):.1e}" for e in of_docstring]
    assert_second_order(errors)


ROWS = ("dt, ms", "V", "s")


def assert_second_order(errors):
    assert (errors[4.0] / errors[2.0] > 3.4).all()
    assert (errors[2.0] / errors[1.0] > 3.5).all()
    assert (errors[graded.MODEL.dt_ms] < BELOW).all()  # at the step that a network has by default
