"""Named circuits: the right cells, each once, each in the worm."""

from __future__ import annotations

import re

import pytest

from celegans_nn.connectome.circuits import CIRCUITS, get_circuit
from celegans_nn.connectome.sources import load_connectome
from celegans_nn.errors import ConnectomeError

CLASSES = {
    "command_vnc79": "AS AVA AVB AVD AVE DA DB DD PVC VA VB VD",
    "vnc75": "AS DA DB DD VA VB VC VD",
    "tap_withdrawal16": "ALM AVA AVB AVD AVM DVA PLM PVC PVD",
    "touch_response58": "ALM AVA AVB AVD AVM DA DB DVA LUA PLM PVC PVD PVM VA VB",
    "sensorimotor115": (
        "AIB ALM AS ASH AVA AVB AVD AVE AVM DA DB DD DVA FLP LUA PDA PDB PDE PLM PVC PVD PVM PVR RIB RID RIM SAB "
        "VA VB VC VD"
    ),
    "full_locomotor149": (
        "AIB ALM AS ASH AVA AVB AVD AVE AVM DA DB DD DVA FLP LUA PDA PDB PDE PLM PVC PVD PVM PVR RIB RID RIM RIV "
        "RMD RME RMH SAB SIA SIB SMB SMD URA VA VB VC VD"
    ),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_circuit_is_every_cell_of_its_classes_each_once(name: str) -> None:
    cells = load_connectome(circuit=None).neurons
    expected = cells[cells["neuron"] & cells["cell_class"].isin(CLASSES[name].split())]["name"]
    assert sorted(CIRCUITS[name].neurons) == sorted(expected)


def test_a_circuits_number_is_in_its_name() -> None:
    assert all(len(c.neurons) == int(re.findall(r"\d+$", name)[0]) for name, c in CIRCUITS.items())


def test_every_circuit_says_why_and_whom_to_cite() -> None:
    assert all(c.why and re.search(r"(19|20)\d\d", c.citation) for c in CIRCUITS.values())
    assembled = {name for name, c in CIRCUITS.items() if "assembled here" in c.why}
    assert assembled == {"touch_response58", "sensorimotor115", "full_locomotor149"}


def test_an_unknown_circuit_gets_the_nearest_and_the_way_to_the_whole_table() -> None:
    with pytest.raises(ConnectomeError, match=r"did you mean 'vnc75'.*circuit=None"):
        get_circuit("vnc57")
