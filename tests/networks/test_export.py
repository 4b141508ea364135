"""A control step carried to torch.export and ONNX: twenty steps of each against the network itself."""

import json

import numpy as np
import onnxruntime
import pytest
import torch

from celegans_nn.errors import NetworkError
from celegans_nn.networks import baseline, build
from celegans_nn.networks import export as exporting
from celegans_nn.networks.export import describe_step, export_onnx, export_step
from celegans_nn.networks.ncap import NCAP
from celegans_nn.networks.network import cells_of
from celegans_nn.neurons import MODELS
from tests.worms import random_worm

STEPS = 20
EVERY_PRESET = [
    (name, preset)
    for name, model in MODELS.items()
    for preset in (None, *(p for p in model.presets if model.presets[p] is not model.constants))
]
DELAYED = [("relu", None, 2), ("lif", None, 3), ("graded", None, 3)]


def network(neuron, **options):
    """Values of its own on every edge: with equal weights two sums of spikes could tie at a threshold."""
    dt_ms = 0.2 if neuron == "izhikevich" else 1.0  # few Euler steps a tick: a short program
    net = build(random_worm(), neuron, inputs=7, outputs=3, ticks=2, dt_ms=dt_ms, **options)
    net.backend = "torch"  # what is exported
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return net


def observations(batch):
    return 3 * torch.randn(STEPS, batch, 7, generator=torch.Generator().manual_seed(batch))


def reference(net, x):
    """What the network itself answers step by step, and its cells' state at the end."""
    state, ys = None, []
    with torch.no_grad():
        for at in x:
            y, state = net(at, state)
            ys.append(y)
    return torch.stack(ys), cells_of(state)


def run(step, about, x):
    state, ys = about.start(x.shape[1]), []
    for at in x:
        y, *state = step(at, *state)
        ys.append(y)
    return torch.stack(ys), state


@pytest.mark.parametrize(("neuron", "preset", "delay"), [*((n, p, 1) for n, p in EVERY_PRESET), *DELAYED])
def test_an_exported_step_read_back_from_disk_answers_as_the_network_for_any_batch(neuron, preset, delay, tmp_path):
    net = network(neuron, preset=preset, delay=delay)
    torch.export.save(export_step(net), tmp_path / "step.pt2")
    step, about = torch.export.load(tmp_path / "step.pt2").module(), describe_step(net)
    for batch in (1, 2, 5):
        x = observations(batch)
        ys, cells = reference(net, x)
        found, state = run(step, about, x)
        assert ys.abs().max() > 1e-4  # a hundred times what is allowed to differ
        torch.testing.assert_close(found, ys, rtol=1e-6, atol=1e-6)
        for ours, theirs in zip(cells, state, strict=False):
            torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=1e-6)


def run_onnx(path, x):
    """Everything that is needed stands in the file itself."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["celegans_nn"])
    names = list(about["state"])
    assert [i.name for i in session.get_inputs()] == ["observations", *names]
    assert [o.name for o in session.get_outputs()] == ["actions", *(f"next_{name}" for name in names)]
    state, ys = [np.tile(np.float32(about["state"][name]), (x.shape[1], 1)) for name in names], []
    for at in x:
        y, *state = session.run(None, {"observations": at.numpy(), **dict(zip(names, state, strict=True))})
        ys.append(y)
    return torch.tensor(np.stack(ys)), [torch.tensor(field) for field in state]


@pytest.mark.parametrize(("neuron", "preset"), EVERY_PRESET)
def test_onnxruntime_answers_as_the_network(neuron, preset, tmp_path):
    net = network(neuron, preset=preset, delay=2)
    export_onnx(net, tmp_path / "step.onnx")
    for batch in (1, 3):
        x = observations(batch)
        ys, cells = reference(net, x)
        found, state = run_onnx(tmp_path / "step.onnx", x)
        torch.testing.assert_close(found, ys, rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(cells, state, strict=False):  # a membrane close to firing multiplies what is rounded
            assert (theirs - ours).abs().max() <= 1e-4 * ours.abs().max()
    assert [path.name for path in tmp_path.iterdir()] == ["step.onnx"]


@pytest.mark.parametrize("name", ["sparse_mlp", "dense_mlp", "linear"])
def test_baselines_are_exported_without_a_state(name, tmp_path):
    net, x = baseline(name, like=network("rate")), observations(4)
    assert describe_step(net).state == ()
    step = export_step(net).module()
    export_onnx(net, tmp_path / "step.onnx")
    ys = torch.stack([net(at)[0] for at in x]).detach()
    torch.testing.assert_close(torch.stack([step(at)[0] for at in x]), ys)
    torch.testing.assert_close(run_onnx(tmp_path / "step.onnx", x)[0], ys, rtol=1e-5, atol=1e-5)


def with_memory(name):
    if name == "gru":
        return baseline(name, like=network("rate"))
    joints = ("joint_1", "joint_2", "joint_3")
    return NCAP((*joints, "a", "b", "c", "d"), joints, torch.Generator().manual_seed(0), shared=False)


@pytest.mark.parametrize("name", ["gru", "ncap"])
def test_baselines_with_memory_are_exported_with_it(name, tmp_path):
    net, x = with_memory(name), observations(4).repeat(4, 1, 1)  # longer than the period of ncap's oscillator
    program, about = export_step(net), describe_step(net)
    assert about.initial[0].shape == (1, len(about.cells))
    export_onnx(net, tmp_path / "step.onnx")
    ys, state = reference(net, x)
    assert ys.std(0).min() > 1e-3
    for found, (end,) in (run(program.module(), about, x), run_onnx(tmp_path / "step.onnx", x)):
        torch.testing.assert_close(torch.tanh(found), torch.tanh(ys), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(end, state, rtol=1e-5, atol=1e-5)


def test_a_fixed_batch_takes_no_other():
    net = network("rate")
    step, about = export_step(net, batch=4).module(), describe_step(net)
    x = observations(4)
    torch.testing.assert_close(run(step, about, x)[0], reference(net, x)[0])
    with pytest.raises(Exception, match="4"):
        step(observations(5)[0], *about.start(5))


def test_the_exported_program_keeps_the_weights_of_its_moment_and_leaves_the_network_alone():
    net = network("lif")
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    program, about, x = export_step(net), describe_step(net), observations(2)
    assert all(p.requires_grad and torch.equal(p, before[name]) for name, p in net.named_parameters())
    ys, _ = reference(net, x)
    with torch.no_grad():
        net.chemical.log_weight.add_(1.0)
    assert torch.equal(run(program.module(), about, x)[0], ys)
    assert not torch.equal(reference(net, x)[0], ys)


def test_the_description_names_what_the_program_takes():
    net = network("lif", delay=3)
    about = describe_step(net)
    assert about.state == ("voltage", "output", "potential", "sent_1", "sent_2")
    assert about.observations == net.interface.observations
    assert about.cells == net.worm.names
    told = json.loads(about.to_json())
    assert list(told["state"]) == list(about.state)
    assert told["state"]["voltage"] == [0.0] * 16


def test_what_cannot_be_exported_is_one_clear_line(monkeypatch, tmp_path):
    with pytest.raises(NetworkError, match="a Linear cannot be exported"):
        export_step(torch.nn.Linear(2, 2))
    with pytest.raises(NetworkError, match="batch is 0"):
        export_step(network("rate"), batch=0)
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(NetworkError, match=r"ONNX needs onnx and onnxscript; .*pip install 'celegans_nn\[interop\]'"):
        export_onnx(network("rate"), tmp_path / "step.onnx")
