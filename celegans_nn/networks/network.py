"""Wiring x neuron model x interface as one torch module: (y, state) = net(x, state)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.networks.interface import Coder, Interface, check_observations
from celegans_nn.networks.synapses import ChemicalSynapses, GapJunctions, gap_current
from celegans_nn.neurons import NeuronModel


class Network(nn.Module):
    """A connectome that computes. Made by `celegans_nn.build`.

    One call is one control step: the encoder turns the observations into a current that each input cell receives
    through all `ticks` of the step; every tick, all cells update at once from the outputs of the tick before; the
    decoder reads the output cells' mean output over the ticks. So an input reaches a cell d synapses away in
    d + 1 ticks, this step or later: the state goes on.
    """

    source: Tensor
    output_cells: Tensor

    def __init__(
        self,
        worm: Connectome,
        model: NeuronModel,
        interface: Interface,
        *,
        ticks: int,
        dt_ms: float,
        chemical: ChemicalSynapses,
        gap: GapJunctions | None,
        generator: torch.Generator,
    ):
        super().__init__()
        interface.check(worm)
        self.worm, self.model, self.interface = worm, model, interface
        self.ticks, self.dt_ms = ticks, dt_ms
        self.chemical, self.gap = chemical, gap
        self.log_constants = nn.ParameterDict(
            {name: torch.tensor(c.value).log() for name, c in model.constants.items()}
        )
        i, o = interface, [worm.index[name] for name in interface.output_cells]
        self.encoder = Coder(i.encoder, len(i.observations), len(i.input_cells), i.hidden, generator)
        self.decoder = Coder(i.decoder, len(i.output_cells), len(i.actions), i.hidden, generator)
        source = torch.full((len(worm),), len(i.input_cells))
        source[[worm.index[name] for name in i.input_cells]] = torch.arange(len(i.input_cells))
        self.register_buffer("source", source, persistent=False)
        self.register_buffer("output_cells", torch.tensor(o), persistent=False)

    def parameters_of_rule(self) -> Any:
        """The neuron model's parameters from the present constants, as tensors."""
        constants = {name: log.exp() for name, log in self.log_constants.items()}
        rule = self.model.parameters(constants, self.dt_ms)
        like = self.chemical.log_weight
        return type(rule)(*(torch.as_tensor(v, dtype=like.dtype, device=like.device) for v in rule))

    def precompute(self) -> dict[str, Any]:
        """All that stays the same while the parameters do; hand it to `forward` to compute it once an episode."""
        effective = {"rule": self.parameters_of_rule(), "chemical": self.chemical.matrix()}
        if self.gap is not None:
            effective["gap"] = self.gap.matrix()
        return effective

    def initial_state(self, batch: int) -> Any:
        """The neuron model's state, each field [batch, N], at rest."""
        like = self.chemical.log_weight
        rest = torch.full((batch, len(self.worm)), self.model.rest, dtype=like.dtype, device=like.device)
        return self.model.state(*(rest for _ in self.model.state._fields))

    def forward(self, x: Tensor, state: Any = None, effective: dict[str, Any] | None = None) -> tuple[Tensor, Any]:
        """One control step: x [batch, inputs] -> (y [batch, outputs], state)."""
        effective = self.precompute() if effective is None else effective
        state = self.initial_state(x.shape[0]) if state is None else state
        drive = self.drive(x)
        total: Any = 0.0
        for _ in range(self.ticks):
            state = self.tick(drive, state, effective)
            total = total + state.output
        return self.readout(total / self.ticks), state

    def drive(self, x: Tensor) -> Tensor:
        """The current [batch, N] that observations x [batch, inputs] give to every cell (0 to non-input cells)."""
        check_observations(x, len(self.interface.observations))
        current = self.model.encoder_gain * self.encoder(x)
        return torch.nn.functional.pad(current, (0, 1)).index_select(1, self.source)

    def readout(self, output: Tensor) -> Tensor:
        """y [batch, outputs] from the cells' mean output [batch, N].

        The decoder is given each output cell's activity relative to the mean of all output cells: what dorsal and
        ventral muscles do alike bends no body, and where activity cannot be negative it would otherwise drown
        the differences that do.
        """
        activity = output.index_select(1, self.output_cells)
        if activity.shape[1] > 1:
            activity = activity - activity.mean(1, keepdim=True)
        return self.decoder(self.model.readout_gain * activity)

    def tick(self, drive: Tensor, state: Any, effective: dict[str, Any]) -> Any:
        """All cells once, from the outputs of the tick before."""
        current = drive + state.output @ effective["chemical"]
        if "gap" in effective:
            current = current + gap_current(state.potential, effective["gap"])
        return self.model.step(effective["rule"], state, current)

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """x [time, batch, inputs] -> (y [time, batch, outputs], state)."""
        effective, outputs = self.precompute(), []
        for at in x:
            y, state = self(at, state, effective)
            outputs.append(y)
        return torch.stack(outputs), state

    def connectome_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that stand for the wiring, which a trainer may mutate at a rate of their own."""
        return tuple(name for name, _ in self.named_parameters() if name.startswith(("chemical.", "gap.")))

    def unshared(self) -> Network:
        """The same network with one weight an edge, each starting at its shared value; a copy if it is so already.

        The second stage of Schmidgall et al. 2022 mutates every weight on its own.
        """
        twin = copy.deepcopy(self)
        twin.chemical = self.chemical.unshared()
        return twin
