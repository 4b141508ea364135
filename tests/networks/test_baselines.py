"""Baselines: matched as their names say, and the feedforward translation keeps exactly the forward edges."""

import numpy as np
import pytest
import torch

from celegans_nn.errors import NetworkError
from celegans_nn.networks import BASELINES, baseline, build, count_parameters
from celegans_nn.networks.feedforward import feedforward_wiring, forward_order
from tests.worms import random_worm

JOINTS = ("joint_1", "joint_2", "joint_3")


def like(seed=0):
    inputs = (*JOINTS, "vx", "vy", "wz", "head_oscillator")  # names that every baseline can use
    return build(random_worm(seed), "rate", inputs=inputs, outputs=JOINTS)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_has_the_inputs_and_outputs_of_what_it_is_like_and_its_own_seed(name):
    net, x = like(), torch.randn(5, 7)
    a, b, c = (baseline(name, like=net, seed=s)(x)[0] for s in (1, 1, 2))
    assert a.shape == (5, 3)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_dense_mlp_has_as_many_hidden_units_as_there_are_cells():
    net = baseline("dense_mlp", like=like())
    assert [layer.out_features for layer in net.layers[:-1]] == [8, 8]


def test_dense_mlp_parameters_comes_nearest_in_trained_values():
    network = like()
    dense = baseline("dense_mlp_parameters", like=network)
    width = dense.layers[0].out_features
    target = count_parameters(network.unshared())

    def size(w):
        return 7 * w + w * w + w * 3

    assert count_parameters(dense) == size(width)
    assert all(abs(size(width) - target) <= abs(size(w) - target) for w in (width - 1, width + 1))


def test_gru_comes_nearest_in_trained_values():
    network = like()
    inputs, hidden, outputs = baseline("gru", like=network).sizes
    assert (inputs, outputs) == (7, 3)
    target = count_parameters(network.unshared())

    def size(h):
        return 3 * h * (7 + h) + 3 * h

    assert count_parameters(baseline("gru", like=network)) == size(hidden)
    assert all(abs(size(hidden) - target) <= abs(size(h) - target) for h in (hidden - 1, hidden + 1))


def test_gru_is_torchs_cell_without_biases_and_rests_at_rest():
    gru = baseline("gru", like=like(), seed=2)
    _, hidden, _ = gru.sizes
    cell = torch.nn.GRUCell(7, hidden, bias=False)
    cell.weight_ih, cell.weight_hh = gru.weight_ih, gru.weight_hh
    state, h = None, torch.zeros(5, hidden)
    for _ in range(4):
        x = torch.randn(5, 7)
        y, state = gru(x, state)
        h = cell(x, h)
        torch.testing.assert_close(state, h)
        torch.testing.assert_close(y, gru.readout(h))
    assert not gru(torch.zeros(5, 7))[0].any()


@pytest.mark.parametrize("seed", range(5))
def test_sparse_mlp_weights_are_non_zero_exactly_on_the_forward_edges(seed):
    worm = random_worm(seed)
    network = build(worm, "rate", inputs=7, outputs=3)
    sparse = baseline("sparse_mlp", like=network)
    position = np.argsort(forward_order(worm))
    e = worm.chemical_edges
    forward = {(int(a), int(b)) for a, b in zip(e.pre, e.post, strict=True) if position[a] < position[b]}
    found = {(int(a), int(b)) for a, b in sparse.chemical.matrix().nonzero()}
    assert found == forward
    assert sparse.edges_cut == len(e.pre) - len(forward)
    assert sparse.gap is None


def test_sparse_mlp_equals_a_pass_layer_by_layer():
    sparse, x = baseline("sparse_mlp", like=like(3)), torch.randn(5, 7)
    weight, drive = sparse.chemical.matrix(), sparse.drive(x)
    z = torch.zeros_like(drive)
    for cell in forward_order(like(3).worm):
        z[:, cell] = torch.relu(drive[:, cell] + z @ weight[:, cell])
    read = z[:, sparse.output_cells]
    expected = sparse.decoder(sparse.model.readout_gain * (read - read.mean(1, keepdim=True)))
    torch.testing.assert_close(sparse(x)[0], expected)


def test_sparse_mlp_remembers_nothing():
    sparse, x = baseline("sparse_mlp", like=like()), torch.randn(5, 7)
    first, state = sparse(x)
    assert torch.equal(first, sparse(x, state)[0])


def test_the_forward_order_cuts_nothing_from_a_graph_without_cycles():
    worm = random_worm()
    acyclic, depth = feedforward_wiring(worm)
    again, same_depth = feedforward_wiring(acyclic)
    assert again == acyclic
    assert same_depth == depth > 2


def test_an_unknown_baseline_names_the_nearest():
    with pytest.raises(NetworkError, match="did you mean 'linear'"):
        baseline("linaer", like=like())


@pytest.mark.parametrize("name", BASELINES)
def test_observations_of_the_wrong_width_are_one_line(name):
    with pytest.raises(NetworkError, match=r"x has shape \[5, 6\]; give \[batch, 7\]"):
        baseline(name, like=like())(torch.randn(5, 6))


def test_sparse_mlp_shares_its_weights_where_the_network_it_is_like_does():
    shared = build(random_worm(), "rate", inputs=7, outputs=3, share="sign")
    assert len(baseline("sparse_mlp", like=shared).chemical.log_weight) == 2


def test_the_feedforward_level_is_the_baseline_of_the_same_wiring():
    worm, x = random_worm(), torch.randn(5, 7)
    level = build(worm, "sparse_mlp", inputs=7, outputs=3, seed=4)
    twin = baseline("sparse_mlp", like=build(worm, "rate", inputs=7, outputs=3, seed=4), seed=4)
    assert torch.equal(level(x)[0], twin(x)[0])


def test_the_unrolled_network_is_the_relu_network_from_rest_without_gap_junctions():
    worm, x = random_worm(), 5 * torch.randn(5, 7)
    unrolled = build(worm, "unrolled_mlp", inputs=7, outputs=3, ticks=6, weights="synapse_count")
    assert unrolled.edges_cut == 0
    e = worm.chemical_edges
    found = {(int(a), int(b)) for a, b in unrolled.chemical.matrix().nonzero()}
    assert found == set(zip(e.pre.tolist(), e.post.tolist(), strict=True))
    z, drive = torch.zeros(5, len(worm)), unrolled.drive(x)
    for _ in range(6):
        z = torch.relu(drive + z @ unrolled.chemical.matrix())
    first, state = unrolled(x)
    torch.testing.assert_close(first, unrolled.readout(z))
    assert torch.equal(first, unrolled(x, state)[0])
    shallow = build(worm, "unrolled_mlp", inputs=7, outputs=3, ticks=2, weights="synapse_count")
    assert not torch.allclose(first, shallow(x)[0])


def test_feedforward_levels_refuse_what_they_have_not():
    for options in ({"delay": 2}, {"spectral_radius": 1.0}):
        with pytest.raises(NetworkError, match="neither delays nor a spectral radius"):
            build(random_worm(), "sparse_mlp", inputs=7, outputs=3, **options)


@pytest.mark.parametrize("name", [["linear"], {"a": 1}, None, 3])
def test_what_is_no_name_and_what_is_no_network_are_refused_in_one_line(name):
    net = build(random_worm(), "rate", inputs=5, outputs=3)
    with pytest.raises(NetworkError, match=r"unknown baseline .*Known: 'dense_mlp'"):
        baseline(name, like=net)
    with pytest.raises(NetworkError, match=r"^like is .*build\(\.\.\.\)"):
        baseline("linear", like=name)
    for seed in (name, -1) if name != 3 else (0.5,):
        with pytest.raises(NetworkError, match=r"^seed is"):
            baseline("linear", like=net, seed=seed)
