"""Where signals enter a wiring and where they leave it, when nobody says: the cells that a network is given."""

from __future__ import annotations

import numpy as np

from celegans_nn.connectome.connectome import Connectome


def default_ends(worm: Connectome) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, outputs), positions of cells, int64: motor neurons, and the muscles.

    After Schmidgall et al. (2022). Without muscles the motor neurons are both. A wiring with no known motor neuron
    takes in through all its neurons (all its cells, if none is known as a neuron).
    """
    role = worm.cells["role"]
    motor, muscle = np.flatnonzero(role == "motor"), np.flatnonzero(role == "muscle")
    if not len(motor):
        motor = np.flatnonzero(worm.cells["neuron"])
    if not len(motor):
        motor = np.arange(len(worm))
    return motor, muscle if len(muscle) else motor
