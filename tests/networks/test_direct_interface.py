"""Wiring alone between a body and its muscles: which signal reaches which cell, and which cell which muscle."""

from types import SimpleNamespace

import pytest
import torch

from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import NetworkError
from celegans_nn.networks import ablated, build, direct_interface, load_network, save_network
from celegans_nn.tasks import make_task
from tests.worms import random_worm

TASK = make_task("worm")


def gains(interface):
    inward = {(interface.observations[o], interface.input_cells[c]): g for o, c, g in interface.input_gains}
    outward = {(interface.output_cells[c], interface.actions[a]): g for c, a, g in interface.output_gains}
    return inward, outward


def test_b_type_cells_of_cook2019_feel_the_row_of_the_muscles_that_they_move():
    inward, outward = gains(direct_interface(load_connectome(), TASK, proprioceptive_gain=2.0))
    felt = {cell: (signal, gain) for (signal, cell), gain in inward.items() if signal != "forward"}
    assert len(felt) == 18
    assert felt["DB1"] == ("proprioception_08", 2.0)  # muscles of rows 6 to 9
    assert felt["VB11"] == ("proprioception_21", -2.0)  # 21 to 23, most of it in 21
    assert felt["DB5"] == ("proprioception_17", 2.0)  # 14 to 19
    assert all((gain > 0) == (cell[0] == "D") for cell, (_, gain) in felt.items())
    assert len(outward) == 73 and all(cell == muscle and gain == 1.0 for (cell, muscle), gain in outward.items())


def test_a_muscle_row_of_haspel2012_is_two_muscles_six_rows_further_back():
    worm = load_connectome("haspel2012")
    inward, outward = gains(direct_interface(worm, TASK))
    assert ("hm_MD01", "MDL07") in outward and ("hm_MD01", "MDR07") in outward and ("hm_MV18", "MVR24") in outward
    assert len(outward) == 71  # 36 rows, of which one has a right muscle alone
    assert inward["proprioception_08", "hm_DB1"] == 1.0
    assert inward["proprioception_24", "hm_VB12"] == -1.0


def test_the_command_reaches_avb_and_b_type_cells_unless_others_are_named():
    inward, _ = gains(direct_interface(load_connectome(), TASK))
    assert {cell for signal, cell in inward if signal == "forward"} >= {"AVBL", "AVBR", "DB1", "VB11"}
    silenced = direct_interface(load_connectome(), TASK, forward={"DB": 0.5, "DA": -1.0})
    told = {cell: gain for (signal, cell), gain in gains(silenced)[0].items() if signal == "forward"}
    assert told == {**{f"DB{i}": 0.5 for i in range(1, 8)}, **{f"DA{i}": -1.0 for i in range(1, 10)}}


def test_without_proprioception_only_the_command_goes_in():
    blind = make_task("worm", proprioception="none")
    assert {signal for signal, _ in gains(direct_interface(load_connectome("haspel2012"), blind))[0]} == {"forward"}


def test_a_network_between_body_and_muscles_learns_its_wiring_alone():
    worm = load_connectome("haspel2012")
    net = build(worm, "rate", direct_interface(worm, TASK))
    kinds = {name.split(".")[0] for name, _ in net.named_parameters()}
    assert kinds == {"chemical", "gap", "log_constants"}
    y, _ = net(torch.randn(2, 25))
    assert y.shape == (2, 95)
    reached = [TASK.actions.index(name) for name in ("MDL07", "MDR07")]
    assert y[0, reached[0]] == y[0, reached[1]] != 0
    assert not y[:, :24].any()  # rows 1 to 6


@pytest.mark.parametrize(
    ("worm", "options", "message"),
    [
        (load_connectome(muscles=False), {}, "load it with muscles=True"),
        (load_connectome(), {"proprioceptive": ["AVB"]}, "AVBL is to feel the body, and moves no muscle"),
        (load_connectome(), {"forward": {"AVX": 1.0}}, "did you mean"),
        (load_connectome(), {"forward": {}, "proprioceptive": ()}, "no observation reaches a cell"),
        (random_worm(), {}, "no cell of the wiring is a muscle"),
    ],
)
def test_wirings_that_cannot_drive_the_body_are_refused(worm, options, message):
    with pytest.raises(NetworkError, match=message):
        direct_interface(worm, TASK, **options)


# -- ablation of a trained network -------------------------------------------------------------------------------


def scattered(worm, model, **options):
    net = build(worm, model, unknown_sign="free", inputs=3, outputs=2, ticks=3, **options)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in net.parameters():
            values.add_(0.2 * torch.randn(values.shape, generator=generator))
    return net


@pytest.mark.parametrize("share", ["edge", "sign"])
@pytest.mark.parametrize("model", ["rate", "lif"])
def test_an_ablated_network_keeps_every_value_that_is_left(model, share):
    worm = random_worm(signs=(1, -1, 0))
    net = scattered(worm, model, share=share)
    twin = ablated(net, ["n01", "n05"])
    dead = [1, 5]
    for matrix, left in (
        (net.chemical.matrix().detach(), twin.chemical.matrix()),
        (net.gap.matrix().detach(), twin.gap.matrix()),
    ):
        matrix[dead], matrix[:, dead] = 0, 0
        torch.testing.assert_close(left.detach(), matrix)
    assert torch.equal(net.encoder.first_weight, twin.encoder.first_weight)
    assert twin.worm.provenance["ablated"] and "ablated" not in net.worm.provenance


@pytest.mark.parametrize("backend", ["torch", "compiled"])
def test_an_ablated_network_acts_as_one_whose_synapses_there_weigh_nothing(backend):
    net = scattered(random_worm(), "rate")
    twin = ablated(net, ["n03"], gap_junctions=True)
    weightless, edges = scattered(random_worm(), "rate"), net.worm.chemical_edges
    with torch.no_grad():
        weightless.chemical.log_weight[(edges.pre == 3) | (edges.post == 3)] = -80.0
        weightless.gap.log_conductance.fill_(-80.0)
    x = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(1))
    twin.backend = weightless.backend = backend
    torch.testing.assert_close(twin.unroll(x)[0], weightless.unroll(x)[0], rtol=1e-5, atol=1e-6)
    assert twin.gap is None and net.gap is not None


@pytest.mark.parametrize("model", ["rate", "graded"])
def test_an_ablated_network_is_saved_and_comes_back_though_no_edge_of_unknown_sign_is_left(model, tmp_path):
    net = scattered(random_worm(signs=(1, -1, 0)), model)
    edges = net.worm.chemical_edges
    senders = {net.worm.names[i] for i in edges.pre[edges.sign == 0]}
    for cells in (sorted(senders), sorted(senders)[:1]):
        twin = ablated(net, cells)
        assert hasattr(twin.chemical, "free_weight") == (len(cells) < len(senders))
        save_network(twin, tmp_path)
        x = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(1))
        assert torch.equal(load_network(tmp_path).unroll(x)[0], twin.unroll(x)[0])


def test_the_interface_of_the_intact_worm_fits_ablated_and_rewired_ones():
    from celegans_nn.rewiring import rewire

    worm = load_connectome("haspel2012")
    interface = direct_interface(worm, TASK)
    for other in (rewire(worm, "degree", seed=0), ablated(build(worm, "rate", interface), "DB").worm):
        y, _ = build(other, "rate", interface)(torch.zeros(1, 25))
        assert torch.isfinite(y).all()


def test_a_task_is_any_object_with_names():
    ends = SimpleNamespace(observations=("forward",), actions=("MDL07", "hand"))
    interface = direct_interface(load_connectome(), ends)
    assert interface.output_cells == ("MDL07",) and interface.output_gains == ((0, 0, 1.0),)
