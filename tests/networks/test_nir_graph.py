"""The NIR graph, written and read back, simulated by the standard's own equations: the same spikes as the network."""

import json

import nir
import numpy as np
import pytest
import torch

import celegans_nn as cnn
from celegans_nn.errors import NetworkError
from celegans_nn.networks import baseline, build
from celegans_nn.networks import export as exporting
from celegans_nn.networks.nir_graph import to_nir
from celegans_nn.neurons import MODELS
from tests.worms import random_worm

TICKS = 300


def network(neuron="lif", worm=None, **options):
    options = {"gap_junctions": False, "ticks": TICKS, **options}
    net = build(random_worm() if worm is None else worm, neuron, inputs=4, outputs=3, **options)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return net.double()


def simulate(graph, current, ticks, dt):
    """Exact integration of LIF and LI between steps of dt, inputs held; a loop is felt one step later."""
    nodes, sources = graph.nodes, {}
    for before, after in graph.edges:
        sources.setdefault(after, []).append(before)
    values = {name: np.zeros(node.output_type["output"]) for name, node in nodes.items()}
    queues = {n: [np.zeros(node.delay.shape)] * round(float(node.delay[0]) / dt) for n, node in nodes.items()
              if isinstance(node, nir.Delay)}  # fmt: skip
    v, outputs = np.zeros_like(nodes["cells"].tau), []
    values["input"] = current
    for _ in range(ticks):
        for name in ("delay", "recurrent", "to_cells", "cells", "from_cells", "output"):
            if name not in nodes:
                continue
            node, arriving = nodes[name], sum(values[source] for source in sources[name])
            if isinstance(node, nir.Delay):
                queues[name] = [*queues[name], arriving]
                values[name] = queues[name].pop(0)
            elif isinstance(node, nir.Linear):
                values[name] = node.weight @ arriving
            elif isinstance(node, (nir.LIF, nir.LI)):
                aim = node.v_leak + node.r * arriving
                v = aim + (v - aim) * np.exp(-dt / node.tau)
                values[name] = v
                if isinstance(node, nir.LIF):
                    values[name] = (v > node.v_threshold).astype(float)
                    v = np.where(values[name] > 0, node.v_reset, v)
            else:
                values[name] = arriving
        outputs.append(values["cells"])
    return np.array(outputs), values


def ticks_of(net, x):
    """The network's own outputs, tick by tick [ticks, N], and the current into its input cells."""
    with torch.no_grad():
        effective, drive = net.precompute(), net.drive(x)
        state, outputs = net.initial_state(1, effective), []
        for _ in range(net.ticks):
            state = net.tick(drive, state, effective)
            outputs.append((state.cells if net.delay > 1 else state).output[0].numpy())
    inputs = [net.worm.index[name] for name in net.interface.input_cells]
    return np.array(outputs), drive[0, inputs].numpy()


@pytest.mark.parametrize("delay", [1, 3])
@pytest.mark.parametrize("dt_ms", [1.0, 0.25])
def test_lif_read_back_from_disk_fires_the_same_spikes(delay, dt_ms, tmp_path):
    net = network(delay=delay, dt_ms=dt_ms)
    spikes, current = ticks_of(net, torch.full((1, 4), 2.0).double())
    nir.write(tmp_path / "net.nir", to_nir(net))
    graph = nir.read(tmp_path / "net.nir")
    found, values = simulate(graph, current, net.ticks, dt_ms / 1000)
    assert spikes.sum() > 300
    assert np.array_equal(found, spikes)
    outputs = [net.worm.index[name] for name in net.interface.output_cells]
    assert np.array_equal(values["output"], spikes[-1, outputs])


def test_the_spikes_of_the_worms_motor_circuit_are_the_same():
    net = network(worm=cnn.load_connectome("haspel2012"))
    spikes, current = ticks_of(net, torch.full((1, 4), 2.0).double())
    assert spikes.sum() > 1000
    assert np.array_equal(simulate(to_nir(net), current, net.ticks, 1e-3)[0], spikes)


def test_time_constants_thresholds_and_names_arrive_in_the_units_of_the_standard(tmp_path):
    net = build(random_worm(), "lif", inputs=4, outputs=3, gap_junctions=False, dt_ms=0.5)
    nir.write(tmp_path / "net.nir", to_nir(net))
    graph = nir.read(tmp_path / "net.nir")
    cells = graph.nodes["cells"]
    np.testing.assert_allclose(cells.tau, 0.020, rtol=1e-5)
    np.testing.assert_allclose(cells.r, 1 / (1 - np.exp(-0.5 / 20)), rtol=1e-5)
    assert (cells.v_threshold < 1).all()
    np.testing.assert_allclose(cells.v_threshold, 1.0, rtol=1e-6)
    names = json.loads(graph.metadata["celegans_nn"])
    assert tuple(names["cells"]) == net.worm.names
    assert float(graph.metadata["dt"]) == 0.0005
    assert (list(graph.inputs), list(graph.outputs)) == (["input"], ["output"])
    assert graph.nodes["recurrent"].weight.shape == (16, 16)
    pre, post = net.worm.chemical_edges.pre[0], net.worm.chemical_edges.post[0]
    weight = net.chemical.matrix()[pre, post].item()
    assert graph.nodes["recurrent"].weight[post, pre] == pytest.approx(weight)


def test_a_threshold_that_is_met_exactly_is_a_spike_in_both():
    net = build(random_worm(edges=1), "lif", inputs=1, outputs=1, gap_junctions=False, ticks=5)
    cells = to_nir(net).nodes["cells"]
    v = np.float32(net.parameters_of_rule().threshold.item())
    assert v > cells.v_threshold[0]
    assert not np.nextafter(v, np.float32(0)) > cells.v_threshold[0]


def test_rate_is_a_leaky_integrator_only_on_request_and_only_near_rest():
    net = network("rate", ticks=60)
    with pytest.raises(NetworkError, match=r"rate transmits tanh\(x\), for which NIR has no node; give linear=True"):
        to_nir(net)
    activity, current = ticks_of(net, torch.full((1, 4), 0.01).double())
    found, _ = simulate(to_nir(net, linear=True), current, net.ticks, 1e-3)
    assert np.abs(activity).max() > 1e-3
    assert np.abs(found - activity).max() < 1e-4 * np.abs(activity).max()
    np.testing.assert_allclose(to_nir(net, linear=True).nodes["cells"].r, 1.0, rtol=1e-6)


def test_models_without_a_node_gap_junctions_and_baselines_are_one_clear_line(monkeypatch):
    for neuron in MODELS:
        if neuron in ("lif", "rate"):
            continue
        with pytest.raises(NetworkError, match=f"{neuron} has no NIR node: its") as caught:
            to_nir(build(random_worm(), neuron, inputs=4, outputs=3, gap_junctions=False))
        assert "\n" not in str(caught.value)
    with pytest.raises(NetworkError, match="NIR has no gap junctions; build with gap_junctions=False"):
        to_nir(network(gap_junctions=True))
    with pytest.raises(NetworkError, match="a DenseMLP has no NIR graph"):
        to_nir(baseline("dense_mlp", like=network()))
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(NetworkError, match=r"NIR needs nir; install it by: pip install 'celegans_nn\[interop\]'"):
        to_nir(network())
