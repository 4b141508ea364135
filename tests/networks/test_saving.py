"""Networks on disk and back: the same outputs to the last bit, and one clear line for what is torn or changed."""

import copy
import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch

import celegans_nn as cnn
from celegans_nn.errors import CelegansError, NetworkError
from celegans_nn.networks import Interface, baseline, build
from celegans_nn.networks.saving import DESCRIPTION, load_network, save_network
from celegans_nn.neurons import MODELS
from tests.worms import random_worm

X = torch.linspace(-2, 2, 4 * 3 * 7).reshape(4, 3, 7)


def network(neuron="rate", seed=0, **options):
    """A network with values of its own everywhere, as after training."""
    net = build(random_worm(signs=(1, -1, 0)), neuron, inputs=7, outputs=3, unknown_sign="free", **options)
    scatter(net, seed)
    return net


def scatter(net, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator, dtype=p.dtype))


def answers(net, x=X):
    state, ys = None, []
    for at in x:
        y, state = net(at, state)
        ys.append(y)
    return torch.stack(ys)


def assert_the_same(net, twin):
    assert torch.equal(answers(net), answers(twin))
    assert [(n, p.dtype) for n, p in net.named_parameters()] == [(n, p.dtype) for n, p in twin.named_parameters()]
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), twin.parameters(), strict=True))


EVERY_PRESET = [(name, preset) for name, model in MODELS.items() for preset in (None, *model.presets)]


@pytest.mark.parametrize(("neuron", "preset"), EVERY_PRESET)
def test_every_level_with_every_preset_comes_back_bit_for_bit(neuron, preset, tmp_path):
    for i, (delay, gaps) in enumerate(itertools.product((1, 3), (True, False))):
        net = network(neuron, preset=preset, delay=delay, gap_junctions=gaps, ticks=4, dt_ms=0.5)
        save_network(net, tmp_path / str(i))
        twin = load_network(tmp_path / str(i))
        assert_the_same(net, twin)
        assert (twin.delay, twin.preset, twin.ticks, twin.dt_ms, twin.gap is not None) == (delay, preset, 4, 0.5, gaps)


@pytest.mark.parametrize(
    "options",
    [
        {"share": "sign", "weights": "rank", "seed": 5},
        {"share": "edge", "weights": "synapse_count", "surrogate": "triangular"},
        {"interface": Interface(("a", "b"), ("c",), ("n00", "n03"), ("m00", "n01"), "linear", "mlp", 5)},
        {
            "interface": Interface(
                ("a", "b"),
                ("c",),
                ("n00", "n03"),
                ("m00", "n01"),
                "fixed",
                "fixed",
                input_gains=((0, 1, 0.5), (1, 0, -2.0)),
                output_gains=((1, 0, 1.5),),
            )
        },
    ],
)
def test_sharing_initial_weights_and_a_hand_made_interface_come_back(options, tmp_path):
    interface = options.pop("interface", None)
    ends = {"interface": interface} if interface else {"inputs": 7, "outputs": 3}
    net = build(random_worm(signs=(1, -1, 0)), "lif", unknown_sign="drop", **ends, **options)
    scatter(net)
    save_network(net, tmp_path)
    twin = load_network(tmp_path)
    x = X[..., : len(net.interface.observations)]
    assert torch.equal(answers(net, x), answers(twin, x))
    assert twin.interface == net.interface
    assert (twin.weights, twin.surrogate, twin.seed) == (net.weights, net.surrogate, net.seed)


def test_what_was_shared_and_then_given_a_weight_an_edge_comes_back_in_double_precision_too(tmp_path):
    net = build(random_worm(), "lif", inputs=7, outputs=3, share="sign", weights="rank").unshared().double()
    scatter(net)
    save_network(net, tmp_path)
    twin = load_network(tmp_path)
    assert torch.equal(answers(net, X.double()), answers(twin, X.double()))
    assert twin.chemical.share == "edge"


def test_wiring_provenance_and_names_come_back(tmp_path):
    worm = cnn.rewire(cnn.load_connectome("haspel2012"), "degree", seed=3)
    net = build(worm, "rate", inputs=["speed", 'a "quoted", name'], outputs=["bend"])
    save_network(net, tmp_path)
    twin = load_network(tmp_path)
    assert twin.worm == worm
    assert twin.worm.provenance == worm.provenance
    assert twin.interface == net.interface


@pytest.mark.parametrize("name", ["sparse_mlp", "dense_mlp", "linear", "gru"])
def test_baselines_come_back_bit_for_bit(name, tmp_path):
    net = baseline(name, like=network(), seed=3)
    scatter(net)
    save_network(net, tmp_path)
    twin = load_network(tmp_path)
    assert type(twin) is type(net)
    assert_the_same(net, twin)
    if name == "sparse_mlp":
        assert twin.edges_cut == net.edges_cut > 0
        assert twin.worm.provenance == net.worm.provenance


@pytest.mark.parametrize("share", ["edge", "sign"])
@pytest.mark.parametrize("neuron", ["sparse_mlp", "unrolled_mlp"])
def test_feedforward_translations_come_back_bit_for_bit(neuron, share, tmp_path):
    net = network(neuron, share=share, ticks=4, weights="rank")
    save_network(net, tmp_path)
    twin = load_network(tmp_path)
    assert type(twin) is type(net)
    assert_the_same(net, twin)
    assert (twin.unrolled, twin.ticks, twin.edges_cut) == (net.unrolled, net.ticks, net.edges_cut)
    assert twin.unrolled is (neuron == "unrolled_mlp")
    assert (twin.chemical.share, twin.weights, twin.seed) == (share, "rank", 0)
    assert twin.worm == net.worm
    save_network(twin, tmp_path / "again")
    assert_the_same(net, load_network(tmp_path / "again"))


@pytest.mark.parametrize("asked", [None, True, False])
def test_whether_there_are_gap_junctions_is_saved_as_it_is(asked, tmp_path):
    net = network("izhikevich", preset="s22", gap_junctions=asked)
    save_network(net, tmp_path)
    assert json.loads((tmp_path / DESCRIPTION).read_text())["settings"]["gap_junctions"] is (asked is True)
    assert (load_network(tmp_path).gap is not None) is (asked is True)


def test_numbers_given_as_numpy_has_them_are_saved(tmp_path):
    numbers = {"seed": np.int64(3), "ticks": np.int32(4), "delay": np.int64(2), "dt_ms": np.float32(0.5)}
    net = build(random_worm(), "lif", inputs=7, outputs=3, **numbers)
    save_network(net, tmp_path)
    assert_the_same(net, load_network(tmp_path))


def test_a_loaded_network_trains_on_as_the_saved_one_would(tmp_path):
    net = network("lif")
    save_network(net, tmp_path)
    twin = load_network(tmp_path)
    for one in (net, twin):
        optimiser = torch.optim.Adam(one.parameters(), 0.01)
        for _ in range(3):
            optimiser.zero_grad()
            answers(one).square().sum().backward()
            optimiser.step()
    assert_the_same(net, twin)


def test_saving_again_replaces_the_network_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    save_network(network(seed=1), tmp_path)
    other = build(random_worm(seed=4), "relu", inputs=7, outputs=3)
    save_network(other, tmp_path)
    assert_the_same(other, load_network(tmp_path))
    kinds = sorted(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert kinds == ["network.json", "notes.txt", "weights", "wiring"]


def test_a_network_stays_whole_when_the_next_save_breaks_off(tmp_path, monkeypatch):
    first = network(seed=1)
    save_network(first, tmp_path)
    from celegans_nn.networks import saving

    def full_disk(path, data):
        if path.name == DESCRIPTION:
            raise CelegansError(f"{path}: No space left on device; choose another place")
        write(path, data)

    write = saving.write_atomic
    monkeypatch.setattr(saving, "write_atomic", full_disk)
    with pytest.raises(CelegansError, match="No space left"):
        save_network(network(seed=2), tmp_path)
    assert_the_same(first, load_network(tmp_path))


def changed(tmp_path, *keys, value):
    facts = json.loads((tmp_path / DESCRIPTION).read_text())
    inner = facts
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (tmp_path / DESCRIPTION).write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("format",), "other", "not a saved network"),
        (("format_version",), 99, "newer; update"),
        (("format_version",), "1", "format_version is '1'"),
        (("kind",), "lstm", "kind is 'lstm'; known: network"),
        (("dtype",), "int8", "dtype is 'int8'"),
        (("neuron",), "rat", "did you mean 'rate'"),
        (("neuron",), "unrolled_mlp", "unknown neuron model 'unrolled_mlp'"),
        (("preset",), "nonsense", "has no preset 'nonsense'"),
        (("weights",), "../../etc/passwd", "weights is '../../etc/passwd'"),
        (("weights",), "weights-0000000000000000.safetensors", "No such file"),
        (("wiring",), "/tmp/elsewhere", "wiring is '/tmp/elsewhere'"),
        (("fingerprint",), "0" * 64, "not the wiring that was saved"),
        (("settings", "ticks"), True, "ticks is True"),
        (("settings", "ticks"), -3, "ticks is -3"),
        (("settings", "dt_ms"), 2.0, "keep of rate was"),
        (("settings", "dt_ms"), 10**400, "dt_ms is 1000"),
        (("settings", "dt_ms"), float("nan"), "dt_ms is nan"),
        (("settings", "ticks"), 10**400, "ticks is 1000"),
        (("settings", "share"), "edgy", "did you mean 'edge'"),
        (("settings", "gap_junctions"), False, "another network's weights"),
        (("interface", "hidden"), 17, "another network's weights"),
        (("interface", "hidden"), 10**12, "another network's weights"),
        (("interface", "actions"), [1, 2], "actions are not all text"),
        (("interface", "input_cells"), ["AVBL"], "which the wiring does not have"),
        (("rule", "keep"), 0.5, "load the network with celegans_nn"),
        (("rule", "keep"), 10**400, "keep is 1000"),
        (("rule",), [], r"rule is \[\]"),
    ],
)
def test_a_changed_description_is_refused_in_one_line(keys, value, words, tmp_path):
    save_network(network(), tmp_path)
    changed(tmp_path, *keys, value=value)
    with pytest.raises(CelegansError, match=words) as caught:
        load_network(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [[10**9, 10**9], [10**30, 3], [7, 3], [7, 8, 8, 3, 3]])
def test_dense_sizes_that_are_not_those_of_the_values_are_refused_before_anything_is_made(sizes, tmp_path):
    save_network(baseline("dense_mlp", like=network(), seed=3), tmp_path)
    changed(tmp_path, "sizes", value=sizes)
    with pytest.raises(NetworkError, match="holds another network's weights") as caught:
        load_network(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [[7, 10**9, 3], [7, 8], [7, 8, 3, 3], [7, 0, 3], "many"])
def test_sizes_of_a_gru_that_are_not_those_of_the_values_are_refused_in_one_line(sizes, tmp_path):
    save_network(baseline("gru", like=network(), seed=3), tmp_path)
    changed(tmp_path, "sizes", value=sizes)
    with pytest.raises(NetworkError, match=r"holds another network's weights|give 3 whole numbers|sizes is") as caught:
        load_network(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("unrolled", "yes"), ("unrolled", False), ("ticks", 0), ("ticks", 10**30)])
def test_a_changed_description_of_an_unrolled_network_is_refused_in_one_line(key, value, tmp_path):
    save_network(network("unrolled_mlp"), tmp_path)
    changed(tmp_path, *(("settings", key) if key == "ticks" else (key,)), value=value)
    with pytest.raises(NetworkError, match=r"unrolled is 'yes'|another network's weights|ticks is") as caught:
        load_network(tmp_path)
    assert "\n" not in str(caught.value)


def test_torn_or_missing_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(NetworkError, match="give a folder that save_network wrote"):
        load_network(tmp_path / "nowhere")
    save_network(network(), tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path, data in whole.items():
        if path.name == "provenance.json":
            continue  # it says where the wiring comes from and plays no part in what it computes
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(CelegansError) as caught:
            load_network(tmp_path)
        assert "\n" not in str(caught.value)
        path.write_bytes(data)
    assert_the_same(network(), load_network(tmp_path))


def test_a_module_of_another_kind_and_mixed_types_are_refused(tmp_path):
    with pytest.raises(NetworkError, match="a Linear cannot be saved"):
        save_network(torch.nn.Linear(2, 2), tmp_path)
    mixed = copy.deepcopy(network())
    mixed.encoder.double()
    with pytest.raises(NetworkError, match=r"float32, float64; give all one type"):
        save_network(mixed, tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_wiring_with_names_that_csv_must_quote_comes_back(tmp_path):
    names = ['a,"b"', "line\nbreak", "émile", " spaced "]
    edges = pd.DataFrame({"pre": names, "post": names[::-1], "kind": "chemical", "sign": [1, -1, 1, -1]})
    worm = cnn.Connectome.from_edges(edges)
    net = build(worm, "rate", inputs=7, outputs=3)
    save_network(net, tmp_path)
    assert_the_same(net, load_network(tmp_path))
    assert np.array_equal(worm.adjacency(), load_network(tmp_path).worm.adjacency())
