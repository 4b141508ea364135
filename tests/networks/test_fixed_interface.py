"""A fixed coder hands signals on as it was told to, and has nothing to learn."""

import numpy as np
import pytest
import torch

from celegans_nn.errors import NetworkError
from celegans_nn.networks import Interface, build, load_network, save_network
from tests.worms import random_worm

FIXED = {"encoder": "fixed", "decoder": "fixed"}
ENDS = (("a", "b"), ("c", "d"), ("n00", "n03"), ("m00", "n01"))
GAINS = {"input_gains": ((0, 1, 0.5), (1, 0, -2.0)), "output_gains": ((0, 0, 1.0), (1, 1, -3.0))}


def fixed_net(**options):
    return build(random_worm(), "rate", Interface(*ENDS, **FIXED, **GAINS), unknown_sign="drop", **options)


def test_a_fixed_interface_has_no_parameter_and_gives_each_signal_to_its_cell_with_its_gain():
    net = fixed_net()
    assert not any(name.startswith(("encoder", "decoder")) for name, _ in net.named_parameters())
    drive = net.drive(torch.tensor([[3.0, 5.0]]))[0]
    expected = torch.zeros(len(net.worm))
    expected[net.worm.index["n03"]], expected[net.worm.index["n00"]] = 1.5, -10.0
    torch.testing.assert_close(drive, expected)


def test_a_fixed_readout_takes_what_cells_do_alike_as_it_is():
    net = fixed_net()
    output = torch.full((1, len(net.worm)), 0.25)
    torch.testing.assert_close(net.readout(output), torch.tensor([[0.25, -0.75]]) * net.model.readout_gain)


@pytest.mark.parametrize("ticks", [1, 4])
def test_fixed_gains_run_alike_on_both_backends(ticks):
    net = fixed_net(ticks=ticks)
    x = torch.randn(20, 3, 2, generator=torch.Generator().manual_seed(0))
    net.backend = "compiled"
    fast = net.unroll(x)[0]
    net.backend = "torch"
    torch.testing.assert_close(fast, net.unroll(x)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_gains": ()}, "hold 0 gains"),
        ({"encoder": "mlp"}, "give them for 'fixed' alone"),
        ({"input_gains": ((0, 2, 1.0),)}, "positions below 2 and 2"),
        ({"input_gains": ((0, 0, float("nan")),)}, "finite gain"),
        ({"input_gains": ((0, 0.5, 1.0),)}, "triples of two positions and a gain"),
        ({"output_gains": ((0, 0, 1.0), (0, 0, 2.0))}, "one pair of ends twice"),
        ({"decoder": "fixd"}, "did you mean 'fixed'"),
    ],
)
def test_gains_that_do_not_fit_are_refused(change, message):
    with pytest.raises(NetworkError, match=message):
        Interface(*ENDS, **{**FIXED, **GAINS, **change})


def test_gains_that_are_whole_numbers_or_numpys_are_saved_and_come_back(tmp_path):
    gains = {"input_gains": [(np.int64(0), 1, 2)], "output_gains": ((0, 0, np.float32(0.5)), (1, 1, -1))}
    net = build(random_worm(), "rate", Interface(*ENDS, **FIXED, **gains), unknown_sign="drop")
    save_network(net, tmp_path)
    assert load_network(tmp_path).interface == net.interface
