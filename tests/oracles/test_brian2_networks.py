"""Spiking networks of the worm's own circuits against Brian2, an independent simulator: the same spike trains.

Both are given the same weights, gap junctions, inputs and time step, in float64.
"""

import numpy as np
import pytest
import torch

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.networks import build

LEAST_SPIKES = 300
SCHEDULE = ["start", "groups", "synapses", "thresholds", "resets", "end"]
"""Synapses before thresholds: what a spike sends is felt in the next step."""

CIRCUITS = {
    "haspel2012": lambda: load_connectome("haspel2012"),
    "command_vnc79": lambda: load_connectome("cook2019", "command_vnc79"),
}
# amplitude of the drive, chosen so that cells fire in every circuit, and not at every tick
DRIVES = {"lif": 0.25, "alif": 0.4, "izhikevich": 3.0}
# Gap junctions carry the last digit of a voltage from cell to cell, and izhikevich makes it grow: from 1e-14 mV in the
# first tick to 1e-8 after 150 (s22) or 50 (stable), until two correct simulations part. So those runs are shorter.
CASES = [
    ("lif", None, "haspel2012", True, 500),
    ("lif", None, "command_vnc79", True, 500),
    ("alif", None, "haspel2012", True, 500),
    ("alif", None, "command_vnc79", True, 500),
    ("izhikevich", "s22", "haspel2012", False, 500),
    ("izhikevich", "s22", "command_vnc79", False, 500),
    ("izhikevich", "stable", "haspel2012", False, 500),
    ("izhikevich", "stable", "command_vnc79", False, 500),
    ("izhikevich", "s22", "command_vnc79", True, 100),
    ("izhikevich", "stable", "haspel2012", True, 50),
]


@pytest.fixture(autouse=True)
def brian2():
    """Imported when a test runs: at collection it would put a class of its own in the place of pytest's doctests."""
    global b2
    import brian2 as b2


def exact_constants(net):
    """Constants to the last digit of float64, where the network holds the float32 logarithms that it trains."""
    with torch.no_grad():
        for name, log in net.log_constants.items():
            log.copy_(torch.tensor(abs(net.constants[name].value), dtype=torch.float64).log())


@pytest.mark.parametrize(("neuron", "preset", "circuit", "gaps", "ticks"), CASES)
def test_spike_trains_are_those_of_brian2(neuron, preset, circuit, gaps, ticks):
    worm = CIRCUITS[circuit]()
    net = build(worm, neuron, inputs=3, outputs=2, preset=preset, gap_junctions=gaps).double()
    exact_constants(net)
    rng = np.random.default_rng(1)
    with torch.no_grad():  # every weight its own
        net.chemical.log_weight += torch.from_numpy(rng.normal(-0.5, 0.3, len(net.chemical.log_weight)))
        weights = net.chemical.matrix().numpy()
        gap = net.gap.matrix().numpy() if gaps else np.zeros_like(weights)
    # a level of its own for each cell, and a new value at every tick
    drive = DRIVES[neuron] * (rng.uniform(-0.3, 0.6, len(worm)) + rng.normal(0, 0.3, (ticks, len(worm))))

    ours = spikes_of(net, drive)
    theirs = SIMULATE[neuron](weights, gap, drive, preset)
    assert theirs.sum() > LEAST_SPIKES
    assert theirs.mean() < 0.7
    first = np.argwhere(theirs != ours)
    assert first.size == 0, f"first difference at tick, cell {first[0]}"

    silenced = SIMULATE[neuron](weights, gap, drive, preset, connected=False)
    assert (silenced != theirs).mean() > 0.01  # the wiring matters here


def spikes_of(net, drive):
    with torch.no_grad():
        effective, out = net.precompute(), []
        state = net.initial_state(1, effective)
        for row in torch.from_numpy(drive):
            state = net.tick(row[None], state, effective)
            out.append(state.output[0].numpy())
    return np.array(out)


def simulate_leaky(weights, gap, drive, preset, connected=True, beta=0.0):
    """Leaky integrate-and-fire cells; `beta` raises the threshold at each spike."""
    b2.prefs.codegen.target = "numpy"
    b2.start_scope()
    b2.defaultclock.dt = 1 * b2.ms
    space = {"given": b2.TimedArray(drive, dt=1 * b2.ms), "beta": beta}
    cells = b2.NeuronGroup(
        len(weights),
        """dv/dt = -v / (20*ms) : 1
        a : 1
        seen : 1
        through_gaps : 1""",
        threshold="v >= 1 + a",
        reset="v = 0; a += beta",
        method="exact",
        namespace=space,
    )
    cells.run_regularly("v += given(t, i) + through_gaps", when="synapses", order=-1)
    cells.run_regularly("seen = v", when="thresholds", order=-1)
    cells.run_regularly(
        "a = a * exp(-dt / (10*ms))", when="resets", order=-1
    )  # a spike's own rise decays from the next
    parts = [cells]
    if connected:
        chemical = connect(cells, weights, model="w : 1", on_pre="v_post += w")
        electrical = connect(cells, gap, model="w : 1\nthrough_gaps_post = w * (seen_pre - seen_post) : 1 (summed)")
        parts += [p for p in (chemical, electrical) if p is not None]
    return run(parts, cells, len(drive), 1 * b2.ms)


def simulate_izhikevich(weights, gap, drive, preset, connected=True):
    """Euler steps of 0.1 ms, ten a tick, or one of 0.2 ms; what arrives is held through the tick."""
    steps, h, gain, floor = (1, 0.2, 20.0, -1e4) if preset == "s22" else (10, 0.1, 1.0, -150.0)
    b2.prefs.codegen.target = "numpy"
    b2.start_scope()
    b2.defaultclock.dt = h * b2.ms
    tick = steps * h * b2.ms
    space = {"given": b2.TimedArray(drive, dt=tick), "gain": gain, "lowest": floor}
    cells = b2.NeuronGroup(
        len(weights),
        """dv/dt = (0.04*v**2 + 5*v + 140 - u + gain*current) / ms : 1
        du/dt = 0.02*(0.25*v - u) / ms : 1
        current : 1
        fired : 1
        seen : 1
        sent : 1
        through_gaps : 1""",
        threshold="v >= 30",
        reset="v = -58; fired = 1",
        method="euler",
        namespace=space,
    )
    cells.v = cells.seen = -65
    cells.u = -65 * 0.25
    # between the sums over synapses (order -1) and the Euler step (order 0)
    at_tick = "current = given(t, i) + sent + through_gaps; fired = 0"
    cells.run_regularly(at_tick, when="groups", order=-0.5, dt=tick)
    cells.run_regularly("v = clip(v, lowest, 1e9); seen = clip(v, lowest, 30)", when="thresholds", order=-1)
    parts = [cells]
    if connected:
        chemical = connect(cells, weights, model="w : 1\nsent_post = w * fired_pre : 1 (summed)")
        electrical = connect(cells, gap, model="w : 1\nthrough_gaps_post = w * (seen_pre - seen_post) : 1 (summed)")
        parts += [p for p in (chemical, electrical) if p is not None]
    return run(parts, cells, len(drive), tick)


SIMULATE = {
    "lif": simulate_leaky,
    "alif": lambda *args, **more: simulate_leaky(*args, **more, beta=0.5),
    "izhikevich": simulate_izhikevich,
}


def connect(cells, matrix, **how):
    """Synapses with the weights of a matrix [pre, post]; None where it has none."""
    pre, post = np.nonzero(matrix)
    if not len(pre):
        return None
    synapses = b2.Synapses(cells, cells, **how)
    synapses.connect(i=pre, j=post)
    synapses.w = matrix[pre, post]
    return synapses


def run(parts, cells, ticks, tick):
    """[ticks, N]: 1 where a cell fired at least once in the tick."""
    monitor = b2.SpikeMonitor(cells)
    network = b2.Network(*parts, monitor)
    network.schedule = SCHEDULE
    network.run(ticks * tick)
    spikes = np.zeros((ticks, len(cells)))
    step = np.round(np.asarray(monitor.t / b2.defaultclock.dt)).astype(int)
    spikes[step // round(float(tick / b2.defaultclock.dt)), np.asarray(monitor.i)] = 1
    return spikes
