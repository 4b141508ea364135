"""An interface with nothing learned: what a body feels goes to the cells that feel it, and muscles are muscles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from celegans_nn.connectome.ablation import cells_named
from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import ConnectomeError, NetworkError, one_line
from celegans_nn.networks.interface import FIXED, Interface

FORWARD: Mapping[str, float] = {"AVB": 1.0, "DB": 1.0, "VB": 1.0}
"""Cells that the command to go forward excites, with its gain: AVB and the B-type motor neurons (Chalfie et al. 1985;
Haspel et al. 2010). Add {"DA": -1.0, "VA": -1.0, "AS": -1.0} to silence the others."""
PROPRIOCEPTIVE = ("DB", "VB")
"""Classes that feel how the body is bent (Wen et al. 2012, Neuron 76:750)."""
FIRST_ROW_OF_MODEL = 6
"""Row k of haspel2012 is row k + 6 of the worm (inferred; see that source's notes)."""
_FELT = re.compile(r"proprioception_(\d\d)")
_MUSCLE = re.compile(r"M([DV])([LR])(\d\d)")


class Ends(Protocol):
    """What an interface needs of a task: `worm`, or another one whose actions are named body-wall muscles."""

    @property
    def observations(self) -> tuple[str, ...]: ...
    @property
    def actions(self) -> tuple[str, ...]: ...


def direct_interface(
    worm: Connectome,
    task: Ends,
    *,
    forward: Mapping[str, float] | None = None,
    proprioceptive: Iterable[str] = PROPRIOCEPTIVE,
    proprioceptive_gain: float = 1.0,
    muscle_gain: float = 1.0,
) -> Interface:
    """The interface by which a wiring drives the body of `worm` alone: every gain is given, none is trained.

    The command `forward` reaches the cells that it names. `proprioception_07` reaches the proprioceptive cells of
    row 7, as it is where they move dorsal muscles and with its sign changed where they move ventral ones; a cell's
    row is the mean row of the muscles that it has synapses onto, each weighed by its synapses. Each muscle cell
    drives the muscle of its name, and those of haspel2012, which are left and right in one, both.

    Make it from the intact wiring, and give it to rewired and ablated ones.

    Parameters
    ----------
    forward
        Gain of the command, by cell or class. `FORWARD` if not given, as far as the wiring has those; a negative
        gain silences.
    proprioceptive
        Cells or classes that feel.
    proprioceptive_gain
        Current for a full bend, in what the neuron model takes for one unit of an encoder's output.
    muscle_gain
        What one unit of a muscle cell's mean output gives, before the task's tanh and in units of the model's
        readout.

    Raises
    ------
    NetworkError
        Where no muscle of the task is a cell of the wiring, or a cell that is to feel moves no muscle.
    """
    rows = muscle_rows(worm, task.actions)
    if not rows:
        raise NetworkError("no cell of the wiring is a muscle of the task; load it with muscles=True")
    place = {name: i for i, name in enumerate(task.actions)}
    outputs = tuple(rows)
    output_gains = tuple(
        (i, place[action], float(muscle_gain)) for i, name in enumerate(outputs) for action in rows[name][1]
    )
    gains: dict[tuple[str, str], float] = {}
    if "forward" in task.observations:
        for name, gain in _commands(worm, forward).items():
            for cell in _names(worm, name):
                gains["forward", cell] = float(gain)
    felt = {int(found[1]): name for name in task.observations if (found := _FELT.fullmatch(name))}
    for cell in dict.fromkeys(c for name in proprioceptive for c in _names(worm, name)) if felt else ():
        row, side = _innervated(worm, cell, rows)
        gains[felt[row], cell] = side * float(proprioceptive_gain)
    inputs = tuple(name for name in worm.names if any(cell == name for _, cell in gains))
    if not inputs:
        raise NetworkError("no observation reaches a cell; give the task proprioception, or `forward` some cells")
    observed = {name: i for i, name in enumerate(task.observations)}
    input_gains = tuple(sorted((observed[o], inputs.index(cell), gain) for (o, cell), gain in gains.items() if gain))
    return Interface(
        tuple(task.observations), tuple(task.actions), inputs, outputs, FIXED, FIXED,
        input_gains=input_gains, output_gains=output_gains,
    )  # fmt: skip


def muscle_rows(worm: Connectome, actions: Iterable[str]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Muscle cells of the wiring that are among the task's muscles: name -> (row of the worm, its muscles there)."""
    known = {name: found for name in actions if (found := _MUSCLE.fullmatch(name))}
    of_model: dict[str, int] = worm.provenance.get("muscle_row", {})
    kinds = dict(zip(worm.names, worm.cells["cell_class"].tolist(), strict=True))
    rows: dict[str, tuple[int, tuple[str, ...]]] = {}
    for name in worm.names:
        if name in known:
            rows[name] = int(known[name][3]), (name,)
        elif name in of_model:
            row = of_model[name] + FIRST_ROW_OF_MODEL
            both = tuple(m for side in "LR" if (m := f"{kinds[name]}{side}{row:02d}") in known)
            if both:
                rows[name] = row, both
    return rows


def _commands(worm: Connectome, forward: Mapping[str, float] | None) -> Mapping[str, float]:
    if forward is not None:
        return forward
    known = {*worm.names, *worm.cells["cell_class"].tolist()}
    return {name: gain for name, gain in FORWARD.items() if name in known}


def _names(worm: Connectome, name: str) -> list[str]:
    try:
        return [worm.names[i] for i in np.flatnonzero(cells_named(worm, name))]
    except ConnectomeError as error:
        raise NetworkError(str(error)) from None


def _innervated(worm: Connectome, cell: str, rows: Mapping[str, tuple[int, tuple[str, ...]]]) -> tuple[int, float]:
    """(mean row of the muscles that a cell has synapses onto, 1 if they are dorsal and -1 if ventral)."""
    edges = worm.chemical_edges
    mine = np.flatnonzero(edges.pre == worm.index[cell])
    onto = [(worm.names[edges.post[e]], edges.weight[e]) for e in mine if worm.names[edges.post[e]] in rows]
    if not onto:
        raise NetworkError(f"{one_line(cell)} is to feel the body, and moves no muscle; name it not as proprioceptive")
    weight = np.array([w for _, w in onto])
    dorsal = sum(w if rows[muscle][1][0][1] == "D" else -w for muscle, w in onto)
    row = np.average([rows[muscle][0] for muscle, _ in onto], weights=weight)
    return int(np.floor(row + 0.5)), 1.0 if dorsal > 0 else -1.0
