"""Polarity: the named assumption that gives a chemical synapse its sign."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from celegans_nn.errors import ConnectomeError, nearest, one_line

SIGN_OF_TRANSMITTER = {"ACh": 1, "Glu": 1, "GABA": -1}
"""Usual action of the fast transmitters. Receptors can reverse it (Fenyves et al. 2020): an assumption."""

POLARITIES = {
    "transmitter": "the presynaptic neuron's transmitter (Wang et al. 2024): ACh and Glu +1, GABA -1, all others 0",
    "haspel2012": "the signs of the table of Haspel and O'Donovan (2011) itself",
}
"""Name of each polarity, and what it means."""


def transmitter_signs(transmitters: Iterable[str]) -> np.ndarray:
    """Sign (int8) of the synapses that a neuron with each transmitter makes; 0 where that is not known.

    >>> transmitter_signs(["ACh", "Glu", "GABA", "DA", ""])
    array([ 1,  1, -1,  0,  0], dtype=int8)
    """
    return np.array([SIGN_OF_TRANSMITTER.get(t, 0) for t in transmitters], dtype=np.int8)


def polarity_for(polarity: str, source: str) -> str:
    """The polarity that `source` is loaded with when `polarity` is asked for.

    The table haspel2012 carries its own signs. They equal those that its cells' transmitters give (cholinergic
    AS, DA, DB, VA, VB; GABAergic DD, VD), so both names mean the table's own there.

    Raises ConnectomeError for an unknown polarity, and for "haspel2012" with a table that has no signs.
    """
    if not isinstance(polarity, str) or polarity not in POLARITIES:
        raise ConnectomeError(f"unknown polarity {one_line(repr(polarity))}; {nearest(polarity, POLARITIES)}")
    if source == "haspel2012":
        return "haspel2012"
    if polarity == "haspel2012":
        raise ConnectomeError(
            f"polarity 'haspel2012' is the signs of that table, and {source} has other cells; use 'transmitter'"
        )
    return polarity
