"""Recordings: the network's own run, currents that add up to what the rule was given, tables, and figures."""

import dataclasses

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch

import celegans_nn as cnn
from celegans_nn.errors import CelegansError, NetworkError
from celegans_nn.figures import png_bytes
from celegans_nn.networks import baseline, build, record
from celegans_nn.networks.figures import MOST_TRACES
from celegans_nn.networks.network import cells_of
from celegans_nn.neurons import MODELS, SynapticInput
from tests.worms import random_worm

LEVELS = list(MODELS)
SPIKING = [name for name, model in MODELS.items() if model.spiking]
X = 3 * torch.randn(6, 2, 7, generator=torch.Generator().manual_seed(0))


def network(neuron, **options):
    net = build(random_worm(signs=(1, -1, 0)), neuron, inputs=7, outputs=3, unknown_sign="free", ticks=4, **options)
    net.backend = "torch"  # a recording runs tick by tick in torch; the compiled form sums in another order
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return net


@pytest.mark.parametrize("neuron", LEVELS)
@pytest.mark.parametrize("delay", [1, 3])
def test_a_recording_is_the_networks_own_run_and_goes_on_from_its_state(neuron, delay):
    net = network(neuron, delay=delay)
    state, ys = None, []
    with torch.no_grad():
        for at in X:
            y, state = net(at, state)
            ys.append(y.numpy())
    first = net.record(X[:4])
    second = net.record(X[4:], state=first.state)
    assert np.array_equal(np.concatenate([first.actions, second.actions]), np.stack(ys))
    for ours, theirs in zip(cells_of(second.state), cells_of(state), strict=True):
        assert torch.equal(ours, theirs)
    assert np.array_equal(second.output[-1], cells_of(state).output.numpy())
    assert first.output.shape == first.voltage.shape == first.gap.shape == (16, 2, 16)
    assert all(p.requires_grad and p.grad is None for p in net.parameters())


def given_to_the_rule(net, x):
    """What the rule is given in every tick, overheard."""
    heard, model = [], net.model

    rule = "push" if model.conductance else "step"

    def overheard(p, state, given):
        heard.append(given)
        return getattr(model, rule)(p, state, given)

    net.model = dataclasses.replace(model, **{rule: overheard})
    recording = net.record(x)
    net.model = model
    return heard, recording


@pytest.mark.parametrize("neuron", LEVELS)
@pytest.mark.parametrize("delay", [1, 2])
def test_the_recorded_currents_add_up_to_what_the_rule_was_given(neuron, delay):
    net = network(neuron, delay=delay)
    heard, r = given_to_the_rule(net, X)
    if net.model.conductance:
        assert all(isinstance(given, SynapticInput) for given in heard)
        np.testing.assert_allclose(np.stack([given.drive for given in heard[::2]]), r.drive)  # asked twice a tick
    else:
        total = r.drive + r.excitatory + r.inhibitory + r.gap
        scale = np.abs(total).max()
        np.testing.assert_allclose(total, np.stack(heard), rtol=1e-5, atol=1e-5 * scale)
        if r.output.min() >= 0:  # a rate below rest withholds what it released there
            assert (r.excitatory >= 0).all()
            assert (r.inhibitory <= 0).all()
    for name in ("drive", "excitatory", "inhibitory", "gap"):
        assert np.abs(getattr(r, name)).max() > 0, name
    inputs = [net.worm.index[name] for name in net.interface.input_cells]
    assert not np.delete(r.drive, inputs, axis=2).any()
    assert np.abs(r.gap.sum(2)).max() < 1e-4 * max(np.abs(r.gap).max(), 1.0)


@pytest.mark.parametrize("neuron", LEVELS)
def test_the_recorded_currents_can_be_computed_from_the_weights_and_the_outputs_before(neuron):
    net = network(neuron)
    r, weights = net.record(X), net.chemical.matrix().detach().numpy()
    with torch.no_grad():
        effective = net.precompute()
    start = net.initial_state(2, effective)
    sent = np.concatenate([start.output.detach().numpy()[None], r.output])[:-1]
    excitatory, inhibitory = sent @ weights.clip(min=0), sent @ weights.clip(max=0)
    gap = net.gap.matrix().detach().numpy()
    if net.model.conductance:
        p = effective["rule"]
        v = mean_voltages(net, effective, start, sent, r)
        excitatory = float(p.contact) * excitatory * (float(p.excitatory_potential) - v)
        inhibitory = float(p.contact) * -inhibitory * (float(p.inhibitory_potential) - v)
        gap = float(p.contact) * gap
    else:
        v = np.concatenate([start.potential.detach().numpy()[None], r.other["potential"]])[:-1]
    gap = np.stack([(gap[:, j] * (v - v[:, :, [j]])).sum(2) for j in range(16)], 2)
    for found, expected in ((r.excitatory, excitatory), (r.inhibitory, inhibitory), (r.gap, gap)):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * max(np.abs(expected).max(), 1e-6))


def mean_voltages(net, effective, start, sent, r):
    """Over each tick, [ticks, batch, cells]: by midpoint steps of an ODE from the recorded voltages."""
    p, gap = effective["rule"], effective["gap"].double()
    v = torch.from_numpy(np.concatenate([start.voltage.detach().numpy()[None], r.voltage])[:-1]).double()
    drive, sent = torch.from_numpy(r.drive), torch.from_numpy(sent)
    given = SynapticInput(
        drive, sent @ effective["excitatory"], sent @ effective["inhibitory"], v @ gap - v * gap.sum(0)
    )
    push = net.model.push(p, start._replace(voltage=v), given)
    matrix = torch.diag((p.at_rest + p.coupled).double()) - p.contact * gap
    steps, moved, total = 200, torch.zeros_like(v), torch.zeros_like(v)
    h = 2 * float(p.half_per_ps) / steps
    for _ in range(steps):
        halfway = moved + h / 2 * (push - moved @ matrix)
        moved, total = moved + h * (push - halfway @ matrix), total + halfway
    return (v + total / steps).detach().numpy()


def test_the_currents_of_a_conductance_based_cell_move_its_voltage():
    name = next(name for name, model in MODELS.items() if model.conductance)
    net = network(name, dt_ms=0.01).double()
    r = net.record(X.double())
    with torch.no_grad():
        p = net.precompute()["rule"]
    start = net.initial_state(2).voltage.detach().numpy()[None]
    v = np.concatenate([start, r.voltage]).astype(float)
    leak = float(p.leak) * (float(p.leak_potential) - v[:-1])
    received = leak + r.drive + r.excitatory + r.inhibitory + r.gap
    expected = 2 * float(p.half_per_ps) * received
    moved = np.diff(v, axis=0)
    assert np.abs(moved - expected).max() < 0.03 * np.abs(moved).max()


@pytest.mark.parametrize("neuron", LEVELS)
def test_a_model_says_rightly_whether_it_spikes(neuron):
    net = network(neuron)
    output = net.record(5 * X.repeat(8, 1, 1)).output
    assert output.any()
    assert np.isin(output, (0, 1)).all() == net.model.spiking


def test_named_cells_are_the_same_columns_as_in_a_recording_of_all():
    net = network("lif")
    everything, some = net.record(X), net.record(X, cells=["m01", "n03", "n03"])
    assert some.cells == ("n03", "m01")
    columns = [everything.cells.index(name) for name in some.cells]
    for name in ("voltage", "output", "drive", "excitatory", "inhibitory", "gap"):
        np.testing.assert_allclose(getattr(some, name), getattr(everything, name)[:, :, columns], rtol=1e-6, atol=1e-6)
    assert np.array_equal(some.actions, everything.actions)


def test_voltage_is_after_the_reset_and_potential_before_it():
    r = network("lif").record(5 * X.repeat(5, 1, 1))
    fired = r.output == 1
    assert fired.any()
    assert (r.voltage[fired] == 0).all()
    assert (r.other["potential"][fired] > 0).all()
    assert np.array_equal(r.voltage[~fired], r.other["potential"][~fired])


def test_the_tidy_table_has_a_row_for_every_tick_row_and_cell():
    r = network("lif", dt_ms=0.5).record(X, cells=["n01", "n05", "m02"])
    table = r.frame()
    assert len(table) == 24 * 2 * 3
    one = table[(table.tick == 7) & (table.batch == 1) & (table.cell == "n05")].iloc[0]
    assert one.time_ms == 3.5
    for name in ("voltage", "output", "drive", "excitatory", "inhibitory", "gap"):
        assert one[name] == getattr(r, name)[6, 1, 1]
    assert one.potential == r.other["potential"][6, 1, 1]
    assert table.pivot_table("output", "tick", ["batch", "cell"]).shape == (24, 6)


@pytest.mark.parametrize("neuron", LEVELS)
def test_rates_are_spikes_a_second_or_the_mean_output(neuron):
    r = network(neuron, dt_ms=2.0).record(5 * X.repeat(4, 1, 1))
    table = r.rates().set_index("cell")
    assert list(table.index) == list(r.cells)
    assert (table.role[:12] == "motor").all()
    if neuron in SPIKING:
        seconds = 2 * 24 * 4 * 2.0 / 1000
        assert table.spikes.sum() == r.output.sum() > 0
        np.testing.assert_allclose(table.rate_hz, r.output.sum((0, 1)) / seconds)
    else:
        np.testing.assert_allclose(table.mean_output, r.output.mean((0, 1)), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(table.sd_output, r.output.std((0, 1)), rtol=1e-3, atol=1e-6)


def test_what_cannot_be_recorded_is_one_clear_line(monkeypatch):
    net = network("lif")
    with pytest.raises(CelegansError, match="unknown cell 'n3'; did you mean 'n03'"):
        net.record(X, cells=["n3"])
    for cells in ("n03", []):
        with pytest.raises(NetworkError, match="give a list with at least one name"):
            net.record(X, cells=cells)
    for x in (X[0], X[:, :, :5], X[:0]):
        with pytest.raises(NetworkError, match=r"give \[time, batch, 7\]"):
            net.record(x)
    with pytest.raises(NetworkError, match="its ticks are layers, not time"):
        baseline("sparse_mlp", like=net).record(X)
    monkeypatch.setattr(record, "MOST_VALUES", 700)
    with pytest.raises(NetworkError, match="24 ticks x 2 in the batch x 16 cells are 768 values a quantity"):
        net.record(X)
    assert net.record(X, cells=["n01"]).output.shape == (24, 2, 1)


# -- figures ---------------------------------------------------------------------------------------------------

FIGURES = ("raster", "traces", "along_body", "rate_figure")


def texts(figure):
    return {t.get_text() for t in figure.findobj(matplotlib.text.Text)}


@pytest.mark.parametrize("neuron", ["relu", "rate", "izhikevich", "graded"])
def test_recordings_with_spikes_signs_and_millivolts_are_drawn_by_one_call_each(neuron):
    r = network(neuron).record(X)
    for name in FIGURES:
        assert png_bytes(getattr(r, name)(), dpi=40).startswith(b"\x89PNG"), name


def test_a_raster_has_a_mark_for_every_spike_at_its_time_and_cell():
    worm = cnn.load_connectome("haspel2012")
    net = build(worm, "lif", inputs=7, outputs=3)
    r = net.record(5 * X.repeat(5, 1, 1))
    (marks,) = r.raster(batch=1).axes[0].collections
    offsets = np.asarray(marks.get_offsets())
    assert len(offsets) == r.output[:, 1].sum() > 100
    assert set(offsets[:, 0]) <= set(r.time_ms)
    counts = np.bincount(offsets[:, 1].astype(int), minlength=len(worm))
    assert np.array_equal(np.sort(counts), np.sort(r.output[:, 1].sum(0)).astype(int))
    dorsal = [worm.index[name] for name in worm.names if "_MD" in name]
    assert counts[: len(dorsal)].sum() == r.output[:, 1, dorsal].sum()
    assert {"dorsal muscles", "DB", "VB", "ventral muscles"} <= texts(r.raster())


def test_along_the_body_each_strip_shows_its_cells_from_head_to_tail():
    worm = cnn.load_connectome("haspel2012")
    r = build(worm, "rate", inputs=7, outputs=3).record(X)
    figure = r.along_body()
    strips = [axes for axes in figure.axes if any(t.get_text() == "DB" for t in axes.texts)]
    (mesh,) = strips[0].collections
    cells = [worm.index[name] for name in worm.names if name.startswith("hm_DB")]
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(len(cells), -1), r.output[:, 0, cells].T)


def test_traces_are_of_the_named_cells_and_show_their_voltage():
    r = network("lif").record(X)
    figure = r.traces(["n07", "m00"], batch=1)
    assert {"n07", "m00"} <= texts(figure)
    line = figure.axes[0].lines[0]
    assert np.array_equal(line.get_ydata(), r.voltage[:, 1, r.cells.index("n07")])
    with pytest.raises(NetworkError, match="cell 'AVBL' is not in this recording of 16 cells"):
        r.traces(["AVBL"])
    with pytest.raises(NetworkError, match=f"give a list of 1 to {MOST_TRACES} names"):
        r.traces(list(r.cells) * 2)
    with pytest.raises(NetworkError, match="batch is 2; give a whole number from 0 to 1"):
        r.raster(batch=2)


def test_silent_networks_lone_cells_and_odd_names_are_drawn_too():
    edges = pd.DataFrame({"pre": ["$a$", "<b>"], "post": ["<b>", "$a$"], "kind": "chemical", "sign": [1, -1]})
    worm = cnn.Connectome.from_edges(edges)
    silent = build(worm, "lif", inputs=7, outputs=1).record(0 * X)
    lone = build(worm, "rate", inputs=7, outputs=1).record(X[:1], cells=["<b>"])
    for recording in (silent, lone):
        for name in FIGURES:
            assert png_bytes(getattr(recording, name)(), dpi=40).startswith(b"\x89PNG")


def test_drawing_leaves_the_readers_matplotlib_settings_alone():
    before = dict(matplotlib.rcParams)
    r = network("lif").record(X)
    for name in FIGURES:
        getattr(r, name)()
    assert dict(matplotlib.rcParams) == before
