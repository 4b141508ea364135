"""Named circuits: sets of neurons that the literature treats as one, or that we assembled and say so."""

from __future__ import annotations

from dataclasses import dataclass

from celegans_nn.errors import ConnectomeError, nearest, one_line


@dataclass(frozen=True)
class Circuit:
    """A set of neurons with the reason to treat them as one."""

    name: str
    neurons: tuple[str, ...]
    why: str
    citation: str


def _pairs(classes: str) -> tuple[str, ...]:
    """Left and right cell of each class."""
    return tuple(name + side for name in classes.split() for side in "LR")


def _numbered(**counts: int) -> tuple[str, ...]:
    """Cells 1 to n of each class of the ventral nerve cord."""
    return tuple(f"{name}{i}" for name, count in counts.items() for i in range(1, count + 1))


_MOTOR_AB = _numbered(DA=9, DB=7, VA=12, VB=11)
_MOTOR_D = _numbered(DD=6, VD=13)
_MOTOR_AS = _numbered(AS=11)
_MOTOR_VC = _numbered(VC=6)
_TOUCH = (*_pairs("ALM PLM PVD"), "AVM", "PVM")
_SENSORY = (*_TOUCH, *_pairs("PDE FLP ASH"), "DVA")
_PREMOTOR = (*_pairs("AVA AVB AVD AVE PVC RIM AIB RIB LUA"), "RID", "PVR")
_SAB = ("SABD", "SABVL", "SABVR")
_SENSORIMOTOR = (*_SENSORY, *_PREMOTOR, *_MOTOR_AB, *_MOTOR_D, *_MOTOR_AS, *_MOTOR_VC, *_SAB, "PDA", "PDB")
_HEAD = (*_pairs("URAD URAV RME RMDD RMD RMDV RIV RMH"), "RMED", "RMEV")
_SUBLATERAL = _pairs("SMDD SMDV SMBD SMBV SIBD SIBV SIAD SIAV")

CIRCUITS = {
    circuit.name: circuit
    for circuit in (
        Circuit(
            "command_vnc79",
            (*_pairs("AVA AVB AVD AVE PVC"), *_MOTOR_AB, *_MOTOR_D, *_MOTOR_AS),
            "five pairs of command interneurons and the seven locomotor classes of the ventral cord (no VC)",
            "White et al. 1986; Chalfie et al. 1985; Gjorgjieva, Biron and Haspel 2014",
        ),
        Circuit(
            "vnc75",
            (*_MOTOR_AB, *_MOTOR_D, *_MOTOR_AS, *_MOTOR_VC),
            "all eight classes of ventral-cord motor neurons: the 75 motor neurons of Schmidgall et al. 2022",
            "White et al. 1986; Haspel and O'Donovan 2011",
        ),
        Circuit(
            "tap_withdrawal16",
            (*_pairs("ALM PLM PVD"), "AVM", *_pairs("AVA AVB AVD PVC"), "DVA"),
            "seven touch neurons and nine interneurons of the response to a tap",
            "Wicks, Roehrig and Rankin 1996",
        ),
        Circuit(
            "touch_response58",
            (*_TOUCH, *_pairs("AVA AVB AVD PVC LUA"), "DVA", *_MOTOR_AB),
            "touch neurons to A- and B-type motor neurons; assembled here, PVD and DVA added to the published circuit",
            "Chalfie et al. 1985",
        ),
        Circuit(
            "sensorimotor115",
            _SENSORIMOTOR,
            "touch and nociception, premotor interneurons, ventral cord, SAB, PDA and PDB; assembled here",
            "White et al. 1986; Cook et al. 2019",
        ),
        Circuit(
            "full_locomotor149",
            (*_SENSORIMOTOR, *_HEAD, *_SUBLATERAL),
            "sensorimotor115 with the 18 head and the 19 sublateral motor neurons; assembled here",
            "Cook et al. 2019",
        ),
    )
}
"""Every named circuit. With `muscles=True`, `load_connectome` adds the body-wall muscles that it reaches."""


def get_circuit(name: str) -> Circuit:
    """The circuit of that name.

    >>> len(get_circuit("vnc75").neurons)
    75

    Raises ConnectomeError with the nearest names for an unknown one.
    """
    if name == "haspel2012":
        raise ConnectomeError("circuit 'haspel2012' is a data set of its own; use load_connectome('haspel2012')")
    if not isinstance(name, str) or name not in CIRCUITS:
        raise ConnectomeError(
            f"unknown circuit {one_line(name)!r}; {nearest(name, CIRCUITS)}; circuit=None takes the whole table"
        )
    return CIRCUITS[name]
