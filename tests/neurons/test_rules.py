"""Each update rule against a trace computed by hand, an ODE solver, or Brian2."""

import numpy as np
import torch
from scipy.integrate import solve_ivp

from celegans_nn.neurons import MODELS, alif, lif, rate, relu


def run(model, drive, weights, ticks, dt_ms=1.0, dtype=torch.float64):
    """[ticks, N] outputs and the last state of a network with the given chemical matrix [pre, post]."""
    constants = {name: torch.tensor(c.value, dtype=dtype) for name, c in model.constants.items()}
    rule = model.parameters(constants, dt_ms)
    state, outputs = model.initial(rule, torch.zeros(len(weights), dtype=dtype)), []
    for t in range(ticks):
        now = drive[t] if drive.dim() == 2 else drive
        state = model.step(rule, state, now + state.output @ weights)
        outputs.append(state.output)
    return torch.stack(outputs), state


def test_relu_passes_the_positive_part_of_its_current_and_forgets():
    state = relu.ReluState(torch.tensor([5.0, 5.0]), torch.tensor([5.0, 5.0]))
    after = relu.step(relu.parameters({}, 1.0), state, torch.tensor([2.0, -3.0]))
    assert after.output.tolist() == [2.0, 0.0]
    assert after.potential.tolist() == [2.0, 0.0]


def test_lif_follows_the_trace_computed_by_hand():
    p = lif.LIFParameters(decay=0.5, threshold=1.0, reset=0.0, slope=10.0, surrogate=0)
    state = lif.LIFState(*(torch.zeros(1, dtype=torch.float64) for _ in range(3)))
    trace = []
    for current in (0.75, 0.5, 0.5625, 0.0, 1.0, -2.0):
        state = lif.step(p, state, torch.tensor([current], dtype=torch.float64))
        trace.append((state.potential.item(), state.output.item(), state.voltage.item()))
    assert trace == [
        (0.75, 0.0, 0.75),
        (0.875, 0.0, 0.875),
        (1.0, 1.0, 0.0),  # a voltage that just reaches the threshold spikes
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
        (-2.0, 0.0, -2.0),
    ]


def test_lif_decays_by_e_to_the_minus_one_twentieth_a_millisecond():
    constants = {name: torch.tensor(c.value, dtype=torch.float64) for name, c in lif.MODEL.constants.items()}
    assert abs(float(lif.parameters(constants, 1.0).decay) - np.exp(-1 / 20)) < 1e-12


def test_alif_follows_the_trace_computed_by_hand():
    p = alif.ALIFParameters(
        decay=0.5, adaptation_decay=0.5, beta=0.5, threshold=1.0, reset=0.0, slope=10.0, surrogate=0
    )
    state = alif.ALIFState(*(torch.zeros(1, dtype=torch.float64) for _ in range(4)))
    trace = []
    for current in (0.75, 0.625, 1.25, 0.625, 1.5, 0.0):
        state = alif.step(p, state, torch.tensor([current], dtype=torch.float64))
        trace.append((state.potential.item(), state.output.item(), state.voltage.item(), state.adaptation.item()))
    assert trace == [
        (0.75, 0.0, 0.75, 0.0),
        (1.0, 1.0, 0.0, 0.5),  # a voltage that just reaches the threshold spikes, and raises it
        (1.25, 0.0, 1.25, 0.25),  # below 1 + 0.5
        (1.25, 1.0, 0.0, 0.625),  # at 1 + 0.25
        (1.5, 0.0, 1.5, 0.3125),
        (0.75, 0.0, 0.75, 0.15625),
    ]


def test_alif_decays_at_the_rates_of_schmidgall_and_others_at_any_step():
    constants = {k: torch.tensor(c.value, dtype=torch.float64) for k, c in alif.MODEL.constants.items()}
    for dt in (1.0, 0.25):
        rule = alif.parameters(constants, dt)
        assert abs(float(rule.decay) - np.exp(-dt / 20)) < 1e-12
        assert abs(float(rule.adaptation_decay) - np.exp(-dt / 10)) < 1e-12
        assert (float(rule.beta), float(rule.threshold)) == (0.5, 1.0)


def test_a_cell_that_adapts_fires_less_and_less_where_one_that_does_not_fires_evenly():
    drive, alone = torch.full((200, 1), 0.3, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    gaps = {}
    for name in ("lif", "alif"):
        spikes, _ = run(MODELS[name], drive, alone, ticks=200)
        gaps[name] = np.diff(np.flatnonzero(spikes[:, 0].numpy()))
    assert set(gaps["lif"]) == {gaps["lif"][0]}
    assert gaps["alif"][0] < gaps["alif"][-1]
    assert gaps["alif"].mean() > 1.5 * gaps["lif"].mean()


def test_rate_is_exact_for_a_constant_drive():
    drive = torch.tensor([0.3, -1.7, 4.0], dtype=torch.float64)
    _, state = run(MODELS["rate"], drive, torch.zeros(3, 3, dtype=torch.float64), ticks=37)
    tau = rate.MODEL.constants["tau_ms"].value
    exact = drive.numpy() * (1 - np.exp(-37.0 / tau))
    assert np.abs(state.voltage.numpy() - exact).max() < 1e-6


def rate_error(dt_ms: float) -> float:
    """Largest error of x after 40 ms against SciPy, for 30 cells with recurrent weights of gain about one."""
    rng = np.random.default_rng(3)
    weights, drive = rng.normal(0, 1.2 / np.sqrt(30), (30, 30)), rng.normal(0, 1.0, 30)
    tau = rate.MODEL.constants["tau_ms"].value
    exact = solve_ivp(
        lambda _, x: (-x + np.tanh(x) @ weights + drive) / tau, (0, 40.0), np.zeros(30), rtol=1e-10, atol=1e-12
    ).y[:, -1]
    _, state = run(
        MODELS["rate"], torch.from_numpy(drive), torch.from_numpy(weights), ticks=round(40 / dt_ms), dt_ms=dt_ms
    )
    return float(np.abs(state.voltage.numpy() - exact).max())


def test_rate_network_converges_to_the_ode_at_first_order_in_the_step():
    errors = [rate_error(dt) for dt in (1.0, 0.5, 0.25)]
    ratios = [errors[0] / errors[1], errors[1] / errors[2]]
    assert all(1.8 < r < 2.2 for r in ratios), (errors, ratios)


def test_rate_error_at_the_default_step_is_the_one_its_docstring_states():
    assert f"{rate_error(1.0):.3f}" in rate.__doc__


def test_lif_equals_brian2_spike_for_spike():
    import brian2 as b2

    b2.prefs.codegen.target = "numpy"
    rng = np.random.default_rng(5)
    n, ticks = 20, 400
    weights = np.where(rng.random((n, n)) < 0.3, rng.normal(0.15, 0.4, (n, n)), 0.0)
    current = rng.uniform(0.0, 0.12, (ticks, n))
    ours, _ = run(MODELS["lif"], torch.from_numpy(current), torch.from_numpy(weights), ticks)

    b2.start_scope()
    b2.defaultclock.dt = 1 * b2.ms
    network = b2.Network()
    network.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    given = b2.TimedArray(current, dt=1 * b2.ms)
    cells = b2.NeuronGroup(
        n,
        "dv/dt = -v / (20*ms) : 1",
        threshold="v >= 1",
        reset="v = 0",
        method="exact",
        namespace={"given": given},
    )
    cells.run_regularly("v += given(t, i)", when="synapses", dt=1 * b2.ms)
    pre, post = np.nonzero(weights)
    synapses = b2.Synapses(cells, cells, "w : 1", on_pre="v_post += w")  # this schedule itself delivers one tick later
    synapses.connect(i=pre, j=post)
    synapses.w = weights[pre, post]
    spikes = b2.SpikeMonitor(cells)
    network.add(cells, synapses, spikes)
    network.run(ticks * b2.ms, namespace={"given": given})

    theirs = np.zeros((ticks, n))
    theirs[np.round(np.asarray(spikes.t / b2.ms)).astype(int), np.asarray(spikes.i)] = 1
    assert theirs.sum() > 300
    first = np.argwhere(theirs != ours.numpy())
    assert first.size == 0, f"first difference at tick, cell {first[0] if len(first) else None}"
