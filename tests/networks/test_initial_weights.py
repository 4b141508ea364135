"""Where weights start: shared, by synapse count, by rank; what shares a parameter; the spectral radius."""

import numpy as np
import pandas as pd
import pytest
import torch

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import NetworkError
from celegans_nn.networks import baseline, build
from celegans_nn.neurons import MODELS
from celegans_nn.rewiring import rewire


@pytest.fixture(scope="module")
def worm():
    return load_connectome("cook2019", muscles=False)


def network(worm, **options):
    return build(worm, "rate", inputs=3, outputs=2, gap_junctions=False, **options)


def by_sign(net):
    w = net.chemical.weights().detach().numpy()
    return np.sort(w[w > 0]), np.sort(-w[w < 0])


@pytest.mark.parametrize("weights", ["shared", "synapse_count", "rank"])
def test_signs_are_the_wirings_under_every_choice(worm, weights):
    matrix = network(worm, weights=weights).chemical.matrix().detach().numpy()
    np.testing.assert_array_equal(np.sign(matrix), worm.adjacency(values="sign"))


def test_shared_weights_are_one_value_a_sign(worm):
    excitatory, inhibitory = by_sign(network(worm))
    for values, log_w in zip((excitatory, inhibitory), MODELS["rate"].initial_log_weight, strict=True):
        np.testing.assert_allclose(values, np.exp(log_w), rtol=1e-6)


def test_weights_by_synapse_count_are_in_proportion_to_its_logarithm_and_the_same_on_average(worm):
    matrix = network(worm, weights="synapse_count").chemical.matrix().detach().numpy()
    e = worm.chemical_edges
    log_count = np.log(1 + e.weight)
    for sign, log_w in ((1, -2.5), (-1, -3.0)):
        here = e.sign == sign
        expected = np.exp(log_w) * log_count[here] / log_count.mean()
        np.testing.assert_allclose(np.abs(matrix[e.pre[here], e.post[here]]), expected, rtol=1e-5)


@pytest.mark.parametrize("null", ["density", "degree", "weight_shuffle"])
def test_by_rank_a_control_starts_from_the_same_weights_and_its_strongest_edge_from_the_largest(worm, null):
    control = rewire(worm, null, seed=1)
    nets = [network(w, weights="rank", seed=4) for w in (worm, control)]
    for ours, theirs in zip(by_sign(nets[0]), by_sign(nets[1]), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for w, net in zip((worm, control), nets, strict=True):
        matrix = net.chemical.matrix().detach().numpy()
        e = w.chemical_edges
        for sign in (1, -1):
            here = e.sign == sign
            start = np.abs(matrix[e.pre[here], e.post[here]])
            in_order = start[np.argsort(e.weight[here], kind="stable")]
            strictly = np.diff(np.sort(e.weight[here])) > 0
            assert (np.diff(in_order)[strictly] >= 0).all()
    assert not np.array_equal(by_sign(nets[0])[0], by_sign(network(worm, weights="rank", seed=5))[0])


def test_the_mean_weight_by_rank_is_the_shared_one_in_expectation(worm):
    means = [by_sign(network(worm, weights="rank", seed=s))[0].mean() for s in range(20)]
    assert np.mean(means) == pytest.approx(np.exp(-2.5), rel=0.01)


@pytest.mark.parametrize("weights", ["shared", "synapse_count"])
@pytest.mark.parametrize("unknown_sign", ["drop", "excitatory", "free"])
def test_the_spectral_radius_is_what_was_asked_for(weights, unknown_sign):
    worm = load_connectome("cook2019", circuit=None, muscles=False)
    net = network(worm, weights=weights, spectral_radius=0.9, unknown_sign=unknown_sign)
    radius = np.abs(np.linalg.eigvals(net.chemical.matrix().detach().double().numpy())).max()
    assert radius == pytest.approx(0.9, rel=1e-4)


def test_a_chain_has_no_spectral_radius_to_set():
    chain = Connectome.from_edges(pd.DataFrame({"pre": ["A", "B"], "post": ["B", "C"], "kind": "chemical", "sign": 1}))
    with pytest.raises(NetworkError, match="no cycle"):
        network(chain, spectral_radius=1.0)
    for value in (0, -1.0, float("inf"), "1"):
        with pytest.raises(NetworkError, match=r"give a number from 1e-06 to 1e\+06"):
            network(chain, spectral_radius=value)


@pytest.mark.parametrize("weights", ["shared", "synapse_count", "rank"])
@pytest.mark.parametrize("share", ["edge", "sign", "class"])
def test_sharing_changes_what_is_trained_not_where_it_starts(worm, weights, share):
    matrices = [network(worm, weights=weights, share=s, seed=2).chemical.matrix() for s in (share, "edge")]
    torch.testing.assert_close(*matrices, rtol=1e-5, atol=1e-7)


def test_one_parameter_a_class_pair_and_sign(worm):
    net = network(worm, share="class", weights="synapse_count")
    e = worm.chemical_edges
    classes = worm.cells["cell_class"]
    pairs = set(zip(classes[e.pre], classes[e.post], e.sign.tolist(), strict=True))
    assert len(net.chemical.log_weight) == len(pairs)
    before = net.chemical.matrix().detach().numpy().copy()
    with torch.no_grad():
        net.chemical.log_weight[7] += 1.0
    after = net.chemical.matrix().detach().numpy()
    changed = np.argwhere(before != after)
    assert len({(classes[a], classes[b], np.sign(after[a, b])) for a, b in changed}) == 1
    np.testing.assert_allclose((after / np.where(before == 0, 1, before))[tuple(changed.T)], np.e, rtol=1e-5)


def test_unshared_networks_keep_their_weights(worm):
    net = network(worm, share="class", weights="rank", seed=3)
    torch.testing.assert_close(net.unshared().chemical.matrix(), net.chemical.matrix())
    assert len(net.unshared().chemical.log_weight) == len(worm.chemical_edges.pre)


def test_sharing_by_class_needs_classes():
    pair = Connectome.from_edges(pd.DataFrame({"pre": ["A"], "post": ["B"], "kind": "chemical", "sign": 1}))
    with pytest.raises(NetworkError, match='share="class" needs a class of every cell'):
        network(pair, share="class")


def test_gap_junctions_follow_their_counts_and_stay_below_the_limit_of_a_step():
    worm = load_connectome("cook2019", circuit=None, muscles=False)
    net = build(worm, "lif", inputs=1, outputs=1, unknown_sign="drop", weights="synapse_count")
    g = net.gap.matrix().detach().numpy()
    assert g.sum(1).max() == pytest.approx(0.5, rel=1e-4)  # ALA - CAN has 401 contacts; all are scaled alike
    e = worm.electrical_edges
    apart = e.pre != e.post
    ratio = g[e.pre[apart], e.post[apart]] / np.log(1 + e.weight[apart])
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)


def test_a_sparse_mlp_starts_as_the_network_that_it_is_like(worm):
    like = network(worm, weights="synapse_count", share="class")
    twin = baseline("sparse_mlp", like=like)
    e = twin.worm.chemical_edges
    w = twin.chemical.matrix().detach().numpy()[e.pre, e.post]
    assert np.corrcoef(np.abs(w), np.log(1 + e.weight) * np.where(e.sign > 0, np.exp(-2.5), np.exp(-3)))[0, 1] > 0.9999


def test_an_unknown_choice_of_weights_is_named(worm):
    with pytest.raises(NetworkError, match="unknown weights 'synapses'"):
        network(worm, weights="synapses")


@pytest.mark.parametrize("share", ["edge", "sign", "class"])
def test_a_state_dict_alone_carries_the_weights_to_a_network_that_started_from_others(worm, share):
    net, other = (network(worm, share=share, weights=w, seed=s) for w, s in (("rank", 3), ("synapse_count", 4)))
    assert not torch.equal(other.chemical.matrix(), net.chemical.matrix())
    other.load_state_dict(net.state_dict())
    assert torch.equal(other.chemical.matrix(), net.chemical.matrix())
    one_an_edge = network(worm, share="edge", seed=5)
    one_an_edge.load_state_dict(net.unshared().state_dict())
    torch.testing.assert_close(one_an_edge.chemical.matrix(), net.chemical.matrix())
