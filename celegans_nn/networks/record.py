"""Seeing inside a network: what every cell did and received in every tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError, one_line
from celegans_nn.networks.network import Network, cells_of, through
from celegans_nn.networks.synapses import gap_current
from celegans_nn.neurons import SynapticInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_VALUES = 10_000_000
"""Ticks x batch x cells: 40 MB for each of six to nine quantities."""
QUANTITIES = ("voltage", "output", "drive", "excitatory", "inhibitory", "gap")


@dataclass(frozen=True, eq=False)
class Activity:
    """What the recorded cells did, tick by tick: arrays [ticks, batch, cells], float32; row t is tick t + 1.

    A current is in the unit that the neuron model's rule takes: for conductance-based models fA at the cells' mean
    voltages over the tick, so that gap junctions give what they moved in it, for all others what is added up as the
    rule's `current`.
    """

    worm: Connectome
    """The network's wiring."""
    cells: tuple[str, ...]
    """Names of the recorded cells, in the wiring's order."""
    neuron: str
    """Name of the neuron model."""
    spiking: bool
    """Whether outputs are spikes, 0 or 1."""
    voltage_unit: str
    """"mV", or nothing where voltages are in units of the model's own."""
    current_unit: str
    dt_ms: float
    voltage: np.ndarray
    """After the tick, and so after the reset of a cell that fired; the activity of models without a voltage."""
    output: np.ndarray
    """What chemical synapses transmit: spikes or activity."""
    drive: np.ndarray
    """Current from the encoder."""
    excitatory: np.ndarray
    """Current from excitatory chemical synapses."""
    inhibitory: np.ndarray
    """Current from inhibitory chemical synapses, negative in models without a reversal potential."""
    gap: np.ndarray
    """Current from gap junctions."""
    other: Mapping[str, np.ndarray]
    """The rest of the model's state by name, such as `potential`, before the reset, or `adaptation`."""
    actions: np.ndarray
    """What the network answered, [control steps, batch, actions]."""
    state: Any
    """The network's state after the last tick; hand it to `net` or `net.record` to go on."""

    @property
    def time_ms(self) -> np.ndarray:
        """The end of each tick, [ticks]."""
        return np.arange(1, len(self.output) + 1) * self.dt_ms

    def frame(self) -> pd.DataFrame:
        """Everything as a tidy table: one row for each tick, row of the batch, and cell."""
        ticks, batch, cells = self.output.shape
        columns: dict[str, Any] = {
            "tick": np.repeat(np.arange(1, ticks + 1), batch * cells),
            "time_ms": np.repeat(self.time_ms, batch * cells),
            "batch": np.tile(np.repeat(np.arange(batch), cells), ticks),
            "cell": np.tile(np.array(self.cells, object), ticks * batch),
        }
        quantities = {name: getattr(self, name) for name in QUANTITIES}
        return pd.DataFrame(columns | {name: array.ravel() for name, array in {**quantities, **self.other}.items()})

    def rates(self) -> pd.DataFrame:
        """One row a cell: name, class, role, and over the whole recording and batch the mean rate.

        `rate_hz` and the number of `spikes` for spiking models; for the others `mean_output` and `sd_output`.
        """
        position = [self.worm.index[name] for name in self.cells]
        table: dict[str, Any] = {"cell": np.array(self.cells, object)}
        table |= {column: self.worm.cells[column][position] for column in ("cell_class", "role")}
        if self.spiking:
            table["spikes"] = self.output.sum((0, 1)).astype(np.int64)
            seconds = self.output.shape[0] * self.output.shape[1] * self.dt_ms / 1000
            table["rate_hz"] = table["spikes"] / seconds
        else:
            table["mean_output"] = self.output.mean((0, 1), dtype=np.float64)
            table["sd_output"] = self.output.std((0, 1), dtype=np.float64)
        return pd.DataFrame(table)

    def raster(self, batch: int = 0) -> Figure:
        """See `celegans_nn.networks.figures.raster`."""
        from celegans_nn.networks.figures import raster

        return raster(self, batch)

    def traces(self, cells: Sequence[str] | None = None, batch: int = 0) -> Figure:
        """See `celegans_nn.networks.figures.traces`."""
        from celegans_nn.networks.figures import traces

        return traces(self, cells, batch)

    def along_body(self, batch: int = 0) -> Figure:
        """See `celegans_nn.networks.figures.along_body`."""
        from celegans_nn.networks.figures import along_body

        return along_body(self, batch)

    def rate_figure(self) -> Figure:
        """See `celegans_nn.networks.figures.rate_figure`."""
        from celegans_nn.networks.figures import rate_figure

        return rate_figure(self)


def record(net: Network, x: Tensor, cells: Sequence[str] | None = None, state: Any = None) -> Activity:
    """Runs x [time, batch, inputs] without gradients and keeps what the named cells (None: all) did in every tick.

    As `net.unroll(x, state)`, up to rounding, one tick after the other. Raises NetworkError for another shape, a
    feedforward network, and where ticks x batch x cells is above `MOST_VALUES`; ConnectomeError for an unknown cell.
    """
    chosen = _chosen(net, cells)
    if x.dim() != 3 or x.shape[2] != len(net.interface.observations) or not all(x.shape):
        wanted = f"give [time, batch, {len(net.interface.observations)}]"
        raise NetworkError(f"x has shape {list(x.shape)}; {wanted}, none of them 0")
    ticks, batch = len(x) * net.ticks, x.shape[1]
    if ticks * batch * len(chosen) > MOST_VALUES:
        raise NetworkError(
            f"{ticks} ticks x {batch} in the batch x {len(chosen)} cells are {ticks * batch * len(chosen):,} values a "
            f"quantity, and at most {MOST_VALUES:,} can be recorded; name fewer cells or give fewer steps"
        )
    fields = [name for name in net.model.state._fields if name not in ("voltage", "output")]
    kept = {name: np.empty((ticks, batch, len(chosen)), np.float32) for name in (*QUANTITIES, *fields)}
    actions = np.empty((len(x), batch, len(net.interface.actions)), np.float32)
    with torch.no_grad():
        effective = net.precompute()
        state = net.initial_state(batch, effective) if state is None else state
        parts = _Parts(net, effective, chosen)
        for step, at in enumerate(x):
            drive, total = net.drive(at), torch.zeros((), dtype=x.dtype, device=x.device)
            for tick in range(step * net.ticks, (step + 1) * net.ticks):
                received = parts(drive, state)
                state = net.tick(drive, state, effective)
                total = total + cells_of(state).output
                after = cells_of(state)._asdict()
                if "voltage" not in after:
                    after["voltage"] = after["potential"]
                for name, array in kept.items():
                    value = received[name] if name in received else after[name].index_select(1, parts.chosen)
                    array[tick] = value.cpu().numpy()
            actions[step] = net.readout(total / net.ticks).cpu().numpy()
    return Activity(
        worm=net.worm, cells=tuple(net.worm.names[i] for i in chosen), neuron=net.model.name,
        spiking=net.model.spiking, voltage_unit=_voltage_unit(net),
        current_unit="fA" if net.model.conductance else "", dt_ms=net.dt_ms,
        **{name: kept[name] for name in QUANTITIES},
        other=MappingProxyType({name: kept[name] for name in fields}), actions=actions, state=state,
    )  # fmt: skip


class _Parts:
    """The currents into the chosen cells, each kind apart."""

    def __init__(self, net: Network, effective: dict[str, Any], chosen: list[int]):
        self.net, self.effective = net, effective
        self.chosen = torch.tensor(chosen, device=net.chemical.log_weight.device)
        if net.model.lead is not None:
            self.lead = net.model.lead(effective["rule"], effective.get("gap"))
        else:
            into = effective["chemical"].index_select(1, self.chosen)
            self.excitatory, self.inhibitory = into.clamp(min=0), into.clamp(max=0)

    def __call__(self, drive: Tensor, state: Any) -> dict[str, Tensor]:
        net, cells = self.net, cells_of(state)
        sent, gap = (cells.output if net.delay == 1 else state.sent[0]), self.effective.get("gap")
        if net.model.conductance:
            given: SynapticInput = net._input(drive, sent, cells, self.effective)
            assert net.model.push is not None and net.model.currents is not None
            rule = self.effective["rule"]
            mean = cells.voltage + through(self.lead, net.model.push(rule, cells, given))
            if gap is not None:
                given = given._replace(gap=gap_current(mean, gap))
            found = net.model.currents(rule, mean, given)
            excitatory, inhibitory, inward = (current.index_select(1, self.chosen) for current in found)
        else:
            excitatory, inhibitory = sent @ self.excitatory, sent @ self.inhibitory
            inward = torch.zeros_like(excitatory)
            if gap is not None:
                inward = gap_current(cells.potential, gap).index_select(1, self.chosen)
        own = drive.index_select(1, self.chosen)
        return {"drive": own, "excitatory": excitatory, "inhibitory": inhibitory, "gap": inward}


def _chosen(net: Network, cells: Sequence[str] | None) -> list[int]:
    """Positions of the named cells, in the wiring's order."""
    from celegans_nn.networks.feedforward import SparseMLP

    if isinstance(net, SparseMLP):
        raise NetworkError("sparse_mlp is feedforward: its ticks are layers, not time; record the network it is like")
    if cells is None:
        return list(range(len(net.worm)))
    if isinstance(cells, str) or not len(cells):
        raise NetworkError(f"cells are {one_line(repr(cells))}; give a list with at least one name")
    return [net.worm.index[name] for name in net.worm.subset(cells).names]


def _voltage_unit(net: Network) -> str:
    return "mV" if any(c.unit == "mV" for c in net.constants.values()) else ""
