"""Compiled programs against the modules themselves, and what sixteen individuals in lanes owe one another: nothing."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from celegans_nn.errors import NetworkError
from celegans_nn.networks import Interface, baseline, build
from celegans_nn.networks.interface import FIXED
from celegans_nn.neurons import MODELS
from celegans_nn.simulation.programs import LANES, obstacle, pack
from tests.simulation.lane_runs import Lanes, agreement, ends, perturbed
from tests.worms import random_worm

PRESETS = [
    (name, preset)
    for name, model in MODELS.items()
    for preset in (None, *model.presets)
    if preset is None or model.presets[preset] is not model.constants
]
# an Euler step on the upstroke of a spike multiplies rounding errors
STATE = {"izhikevich": 1e-5}
# the decoder reads what differs between cells, which in graded is small beside what they have in common
OUTPUT = {"graded": 1e-5}
WIRINGS = {
    "gap junctions": {},
    "no gap junctions": {"gap_junctions": False},
    "delay": {"delay": 3},
    "delay and no gap junctions": {"delay": 2, "gap_junctions": False},
}


@pytest.mark.parametrize("wiring", WIRINGS)
@pytest.mark.parametrize(("neuron", "preset"), PRESETS)
def test_every_model_does_in_lanes_what_it_does_in_torch_at_each_of_200_control_steps(neuron, preset, wiring):
    net = build(random_worm(3), neuron, inputs=5, outputs=3, preset=preset, ticks=1, **WIRINGS[wiring])
    found = agreement(net)
    assert found.state <= STATE.get(neuron, 1e-6), found
    assert found.output <= OUTPUT.get(neuron, 1e-6), found
    assert found.activity > 0.01, found
    assert found.missed == 0


@pytest.mark.parametrize("neuron", MODELS)
def test_many_ticks_a_control_step_agree(neuron):
    found = agreement(build(random_worm(4, edges=60), neuron, inputs=4, outputs=2, ticks=6, delay=4), steps=50)
    assert found.state <= 5 * STATE.get(neuron, 1e-6), found
    assert found.output <= 5 * OUTPUT.get(neuron, 1e-6), found
    assert found.missed == 0


@pytest.mark.parametrize(("encoder", "decoder"), [("linear", "mlp"), ("mlp", "linear"), (FIXED, FIXED)])
def test_every_kind_of_coder_agrees(encoder, decoder):
    worm = random_worm(1)
    fixed = {
        "input_gains": ((0, 1, 0.5), (2, 0, -1.0), (1, 1, 2.0)) if encoder == FIXED else (),
        "output_gains": ((3, 0, 1.5), (0, 1, -0.5)) if decoder == FIXED else (),
    }
    interface = Interface(
        ("a", "b", "c"), ("x", "y"), ("n03", "n01"), ("m00", "m01", "n01", "m03"), encoder, decoder, hidden=7, **fixed
    )
    found = agreement(build(worm, "rate", interface), steps=50)
    assert found.output <= 1e-6 and found.state <= 2e-6, found


@pytest.mark.parametrize("options", [{"share": "sign"}, {"share": "edge", "unknown_sign": "free"}])
def test_shared_and_unsigned_weights_agree(options):
    signs = (1, -1, 0) if "unknown_sign" in options else (1, -1)
    found = agreement(build(random_worm(5, signs=signs), "rate", inputs=3, outputs=2, **options), steps=50)
    assert found.output <= 1e-6 and found.state <= 2e-6, found


@pytest.mark.parametrize("neuron", ["sparse_mlp", "unrolled_mlp"])
def test_feedforward_translations_agree_and_forget(neuron):
    net = build(random_worm(2), neuron, inputs=4, outputs=3)
    found = agreement(net, steps=30)
    assert found.output <= 1e-6 and found.activity > 0.01, found


@pytest.mark.parametrize("name", ["linear", "dense_mlp", "dense_mlp_parameters"])
def test_dense_baselines_agree(name):
    net = baseline(name, like=build(random_worm(2), "rate", inputs=4, outputs=3))
    found = agreement(net, steps=30)
    assert found.output <= 1e-6 and found.activity > 0.01, found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    neurons=st.integers(2, 20),
    muscles=st.integers(0, 5),
    edges=st.integers(1, 60),
    gaps=st.integers(0, 20),
    ticks=st.integers(1, 4),
    delay=st.integers(1, 5),
)
def test_any_wiring_agrees(seed, neurons, muscles, edges, gaps, ticks, delay):
    worm = random_worm(seed, neurons, muscles, edges, gaps)
    net = build(worm, "rate", inputs=3, outputs=2, ticks=ticks, delay=delay)
    found = agreement(net, individuals=2, steps=10, seed=seed)
    assert found.output <= 2e-6 and found.state <= 4e-6, found


# -- lanes -----------------------------------------------------------------------------------------------------


def a_run(net, packed, chosen, first=0, steps=30):
    """Outputs [steps, outputs, LANES]. What an individual sees depends on its number alone, counted from `first`."""
    inputs, outputs = ends(net)
    lanes = Lanes.of(packed, inputs, outputs, chosen)
    seen = np.stack([np.random.default_rng(first + p).normal(size=(steps, inputs)) for p in chosen], axis=-1)
    return np.stack([lanes.step(at) for at in seen.astype(np.float32)])


@pytest.mark.parametrize("neuron", MODELS)
def test_no_bit_depends_on_the_lane_or_on_the_other_lanes(neuron):
    net = build(random_worm(6), neuron, inputs=4, outputs=3)
    packed = pack(net, perturbed(net, LANES))
    straight = a_run(net, packed, np.arange(LANES))
    shuffled = np.random.default_rng(0).permutation(LANES)
    assert np.array_equal(a_run(net, packed, shuffled), straight[:, :, shuffled])
    assert np.array_equal(a_run(net, packed, np.array([5]))[:, :, 0], straight[:, :, 5])


@pytest.mark.parametrize("neuron", MODELS)
def test_a_lane_of_nan_leaves_the_others_as_they_were(neuron):
    net = build(random_worm(6), neuron, inputs=4, outputs=3)
    parameters = perturbed(net, LANES)
    straight = a_run(net, pack(net, parameters), np.arange(LANES))
    for value in parameters.values():
        value[3] = np.nan
    broken = a_run(net, pack(net, parameters), np.arange(LANES))
    others = np.delete(np.arange(LANES), 3)
    assert np.isnan(broken[-1, :, 3]).all()
    assert np.array_equal(broken[:, :, others], straight[:, :, others])


@pytest.mark.parametrize("neuron", ["rate", "graded"])
def test_an_individuals_numbers_do_not_depend_on_who_is_packed_with_it(neuron):
    net = build(random_worm(6, neurons=50, edges=400, gaps=60), neuron, inputs=4, outputs=3)
    parameters = perturbed(net, 150, spread=0.3)
    everyone = pack(net, parameters)
    for low, high in ((0, 1), (3, 36), (20, 149)):
        few = pack(net, {name: value[low:high] for name, value in parameters.items()})
        chosen = np.arange(min(LANES, high - low))
        found, expected = a_run(net, few, chosen, low), a_run(net, everyone, low + chosen)
        assert np.array_equal(found[:, :, : len(chosen)], expected[:, :, : len(chosen)])


def test_what_parameters_leave_out_is_the_modules_own():
    net = build(random_worm(6), "lif", inputs=4, outputs=3)
    full = perturbed(net, 2)
    with torch.no_grad():
        for name, value in net.named_parameters():
            full[name][:] = value
    some = pack(net, {"chemical.log_weight": full["chemical.log_weight"]})
    assert np.array_equal(some.weights, pack(net, full).weights)


# -- what has no program ---------------------------------------------------------------------------------------


def test_a_module_without_a_program_says_why():
    net = build(random_worm(6), "lif", inputs=4, outputs=3)
    assert obstacle(net) is None
    assert obstacle(nn.Linear(2, 2)).startswith("Linear has no compiled form")
    assert "float32" in obstacle(build(random_worm(6), "lif", inputs=4, outputs=3).double())
    assert "'source'" in obstacle(net, ["chemical.log_weight", "source"])
    net.register_forward_hook(lambda *_: None)
    assert "hooked" in obstacle(net)
    with pytest.raises(NetworkError, match="hooked"):
        pack(net, perturbed(net, 2))


def test_parameters_of_other_names_and_shapes_are_refused():
    net = baseline("linear", like=build(random_worm(6), "lif", inputs=4, outputs=3))
    with pytest.raises(NetworkError, match="no parameter"):
        pack(net, {"layers.0.bias": torch.zeros(2, 3)})
    with pytest.raises(NetworkError, match="shape"):
        pack(net, {"layers.0.weight": torch.zeros(2, 3, 3)})
