"""Wiring x neuron model x interface as one torch module: (y, state) = net(x, state)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from celegans_nn.connectome.connectome import Connectome
from celegans_nn.errors import NetworkError, nearest, one_line
from celegans_nn.networks import fast
from celegans_nn.networks.interface import FIXED, Interface, check_observations, coders
from celegans_nn.networks.synapses import ChemicalSynapses, GapJunctions, gap_current
from celegans_nn.neurons import NeuronModel, SynapticInput
from celegans_nn.neurons.surrogates import surrogate_parameters

if TYPE_CHECKING:
    from celegans_nn.networks.record import Activity


BACKENDS = ("auto", "torch", "compiled")


class Delayed(NamedTuple):
    """The state of a network whose synapses take more than one tick."""

    cells: Any
    """The neuron model's own state."""
    sent: tuple[Tensor, ...]
    """Outputs [batch, N] on their way, the next to arrive first; those of the last tick stand in `cells`."""


def cells_of(state: Any) -> Any:
    """The neuron model's state, whatever the delay."""
    return state.cells if isinstance(state, Delayed) else state


def through(spread: Tensor, push: Tensor) -> Tensor:
    """What the currents [batch, N] do by a matrix [N, N], or cell by cell [N]."""
    return push @ spread if spread.dim() == 2 else push * spread


class Network(nn.Module):
    """A connectome that computes. Made by `celegans_nn.build`.

    One call is one control step: the encoder turns the observations into a current that each input cell receives
    through all `ticks` of the step; every tick, all cells update at once from the outputs of the tick before; the
    decoder reads the output cells' mean output over the ticks. So an input reaches a cell d synapses away in
    delay * d + 1 ticks, this step or later: the state goes on.
    """

    source: Tensor
    """[N]: the input cell that a cell is, by its number; of other cells the number of input cells."""
    input_cells: Tensor
    output_cells: Tensor
    backend: str
    """"auto": the compiled way over the edges (`fast`) where that can run, else torch's ticks. "torch": these always.
    "compiled": the compiled way, or a NetworkError that says what stands against it."""

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
        preset: str | None = None,
        delay: int = 1,
        weights: str = "shared",
        seed: int = 0,
        surrogate: str | None = None,
    ):
        super().__init__()
        interface.check(worm)
        self.worm, self.model, self.interface = worm, model, interface
        self.ticks, self.dt_ms, self.delay, self.preset = ticks, dt_ms, delay, preset
        self.weights, self.seed, self.surrogate = weights, seed, surrogate
        self.chemical, self.gap = chemical, gap
        self.constants = model.values(preset)
        self.log_constants = nn.ParameterDict(
            {name: torch.tensor(abs(c.value)).log() for name, c in self.constants.items() if c.trained}
        )
        self.encoder, self.decoder = coders(interface, generator)
        self.backend = "auto"
        self._wired: tuple[tuple[Any, ...], fast.Wiring] | None = None
        into, out_of = (
            [worm.index[name] for name in cells] for cells in (interface.input_cells, interface.output_cells)
        )
        source = torch.full((len(worm),), len(into))
        source[into] = torch.arange(len(into))
        self.register_buffer("source", source, persistent=False)
        self.register_buffer("input_cells", torch.tensor(into), persistent=False)
        self.register_buffer("output_cells", torch.tensor(out_of), persistent=False)

    def parameters_of_rule(self) -> Any:
        """The neuron model's parameters from the present constants: tensors, and whole numbers as they are."""
        like = self.chemical.log_weight
        constants = {
            name: math.copysign(1.0, c.value) * self.log_constants[name].exp() if c.trained else c.value
            for name, c in self.constants.items()
        }
        rule = self.model.parameters(constants, self.dt_ms)
        if self.surrogate is not None:
            rule = rule._replace(**surrogate_parameters(self.surrogate))
        return type(rule)(
            *(v if isinstance(v, int) else torch.as_tensor(v, dtype=like.dtype, device=like.device) for v in rule)
        )

    def precompute(self) -> dict[str, Any]:
        """All that stays the same while the parameters do; hand it to `forward` to compute it once an episode."""
        rule, chemical = self.parameters_of_rule(), self.chemical.matrix()
        gap = None if self.gap is None else self.gap.matrix(self.model.input_gain(rule))
        effective: dict[str, Any] = {"gap": gap} if gap is not None else {}
        if self.model.conductance:
            effective["excitatory"], effective["inhibitory"] = torch.relu(chemical), torch.relu(-chemical)
            if self.model.settle is not None:
                rule = self.model.settle(rule, effective["excitatory"], effective["inhibitory"], gap)
            if self.model.spread is not None:
                effective["spread"] = self.model.spread(rule, gap)
        else:
            effective["chemical"] = chemical
            if gap is not None:
                effective["exchange"] = gap - torch.diag(gap.sum(-1))  # `gap_current` as one product
        return {"rule": rule, **effective}

    def initial_state(self, batch: int, effective: dict[str, Any] | None = None) -> Any:
        """The state at rest, each field [batch, N]; with a delay above 1 also what was sent in the ticks before."""
        effective = self.precompute() if effective is None else effective
        like = self.chemical.log_weight
        zero = torch.zeros((batch, len(self.worm)), dtype=like.dtype, device=like.device)
        cells = self.model.initial(effective["rule"], zero)
        return cells if self.delay == 1 else Delayed(cells, (cells.output,) * (self.delay - 1))

    def forward(self, x: Tensor, state: Any = None, effective: dict[str, Any] | None = None) -> tuple[Tensor, Any]:
        """One control step: x [batch, inputs] -> (y [batch, outputs], state)."""
        mean, state = self._run(self._encode(x)[None], 1, state, effective)
        return self._decode(mean[0]), state

    def drive(self, x: Tensor) -> Tensor:
        """The current [batch, N] that observations x [batch, inputs] give to every cell (0 to non-input cells)."""
        return self._to_cells(self._encode(x)[None])[0]

    def _encode(self, x: Tensor) -> Tensor:
        """What the encoder gives, [batch, input cells]."""
        check_observations(x, len(self.interface.observations))
        return self.encoder(x)

    def _to_cells(self, code: Tensor) -> list[Tensor]:
        """The current [batch, N] of each step from what the encoder gives, [steps, batch, input cells]."""
        current = code if self.model.encoder_gain == 1 else self.model.encoder_gain * code
        nothing = code.new_zeros(code.shape[1], len(self.worm))
        return [nothing.index_copy(1, self.input_cells, at) for at in current.unbind(0)]

    def readout(self, output: Tensor) -> Tensor:
        """y [batch, outputs] from the cells' mean output [batch, N]."""
        return self._decode(output.index_select(1, self.output_cells))

    def _decode(self, activity: Tensor) -> Tensor:
        """y [..., outputs] from the output cells' mean output."""
        return self.decoder(activity, self.readout_weight())

    def readout_weight(self) -> Tensor:
        """The decoder's first layer as it acts on the output cells' mean output, [hidden or outputs, output cells].

        A decoder that is learned is given each output cell's activity relative to the mean of all output cells: what
        dorsal and ventral muscles do alike bends no body, and where activity cannot be negative it would otherwise
        drown the differences that do. Fixed gains stand as they are given.
        """
        first = self.decoder.first_weight
        if self.interface.decoder != FIXED and len(self.interface.output_cells) > 1:
            first = first - first.mean(1, keepdim=True)  # to centre its rows is to centre what they are given
        return self.model.readout_gain * first

    def _run(self, code: Tensor, steps: int, state: Any, effective: dict[str, Any] | None) -> tuple[Tensor, Any]:
        """The output cells' mean output [steps, batch, output cells], and the state after the last step.

        code: what the encoder gives, [steps, batch, input cells], or [1, batch, input cells] where it is held.
        """
        if self.backend not in BACKENDS:
            raise NetworkError(f"unknown backend {one_line(self.backend)!r}; {nearest(str(self.backend), BACKENDS)}")
        if state is not None:
            self._check_state(state, code.shape[1])
        if self.backend != "torch":
            obstacle = fast.obstacle(self.model, self.delay, len(self.worm), code, self.chemical.log_weight, state)
            if obstacle is None:
                return self._run_compiled(code, steps, state, effective)
            if self.backend == "compiled":
                raise NetworkError(f'backend="compiled" cannot run this network: {obstacle}; use "auto" or "torch"')
        return self._run_in_torch(code, steps, state, effective)

    def _check_state(self, state: Any, batch: int) -> None:
        """NetworkError where it is none that this network gives for as many samples."""
        kind, shape, cells = self.model.state, (batch, len(self.worm)), cells_of(state)
        sent = state.sent if isinstance(state, Delayed) else ()
        fields = (*cells, *sent) if isinstance(cells, kind) and len(sent) == self.delay - 1 else (None,)
        if not all(isinstance(field, Tensor) and field.shape == shape for field in fields):
            what = one_line(", ".join(str(list(field.shape)) for field in fields if isinstance(field, Tensor)), 80)
            raise NetworkError(
                f"state is a {type(state).__name__} {f'of shapes {what}' if what else 'of another network'}; give one "
                f"that this network gave ({kind.__name__} {list(shape)}, delay {self.delay}), or None"
            )

    def _run_in_torch(
        self, code: Tensor, steps: int, state: Any, effective: dict[str, Any] | None
    ) -> tuple[Tensor, Any]:
        effective = self.precompute() if effective is None else effective
        state = self.initial_state(code.shape[1], effective) if state is None else state
        totals, drives = [], self._to_cells(code)
        for step in range(steps):
            total = None
            for _ in range(self.ticks):
                state = self.tick(drives[step % len(drives)], state, effective)
                output = cells_of(state).output
                total = output if total is None else total + output
            totals.append(total.index_select(1, self.output_cells))  # type: ignore[union-attr]
        return torch.stack(totals) / self.ticks, state

    def _run_compiled(
        self, code: Tensor, steps: int, state: Any, effective: dict[str, Any] | None
    ) -> tuple[Tensor, Any]:
        wiring = self._wiring()
        if effective is None:
            rule, weights = self.parameters_of_rule(), self.chemical.edge_weights()
            conductances = None if self.gap is None else self.gap.conductances(self.model.input_gain(rule))
        else:
            rule, weights = effective["rule"], effective["chemical"].reshape(-1)[wiring.flat]
            conductances = None if self.gap is None else effective["gap"][wiring.pairs]
        state = self.initial_state(code.shape[1], {"rule": rule}) if state is None else state
        return fast.run(wiring, self.model, rule, state, code, weights, conductances, steps, self.ticks)

    def _wiring(self) -> fast.Wiring:
        """The edges as compiled code takes them; made anew where the synapses are others."""
        key = (self.chemical.flat, self.chemical.free_flat, None if self.gap is None else self.gap.pre)
        if self._wired is None or any(a is not b for a, b in zip(self._wired[0], key, strict=True)):
            pairs = None if self.gap is None else (self.gap.pre, self.gap.post)
            ends = self.input_cells, self.output_cells
            wiring = fast.Wiring.of(len(self.worm), self.chemical.edge_places(), pairs, *ends)
            self._wired = key, wiring
        return self._wired[1]

    def tick(self, drive: Tensor, state: Any, effective: dict[str, Any]) -> Any:
        """All cells once, from what was sent `delay` ticks before and from the potentials of the tick before."""
        cells = cells_of(state)
        sent = cells.output if self.delay == 1 else state.sent[0]
        rule, given = effective["rule"], self._input(drive, sent, cells, effective)
        if self.model.push is not None:
            given = through(effective["spread"], self.model.push(rule, cells, given))
        after = self.model.step(rule, cells, given)
        return after if self.delay == 1 else Delayed(after, (*state.sent[1:], cells.output))

    def _input(self, drive: Tensor, sent: Tensor, cells: Any, effective: dict[str, Any]) -> Any:
        """What reaches the cells: a current, or the conductances and the current apart."""
        if self.model.conductance:
            gap = effective.get("gap")
            return SynapticInput(
                drive=drive,
                excitatory=sent @ effective["excitatory"],
                inhibitory=sent @ effective["inhibitory"],
                gap=torch.zeros_like(drive) if gap is None else gap_current(cells.voltage, gap),
            )
        current = torch.addmm(drive, sent, effective["chemical"])
        exchange = effective.get("exchange")
        return current if exchange is None else torch.addmm(current, cells.potential, exchange)

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """x [time, batch, inputs] -> (y [time, batch, outputs], state).

        An input that is held, `x.expand(time, -1, -1)` of [batch, inputs], is encoded once.
        """
        if not isinstance(x, Tensor) or x.dim() != 3 or not len(x):
            given = f"has shape {list(x.shape)}" if isinstance(x, Tensor) else f"is {one_line(repr(x))}"
            raise NetworkError(f"x {given}; give a tensor [time, batch, {len(self.interface.observations)}]")
        different = x[:1] if x.stride(0) == 0 else x
        code = self._encode(different.flatten(0, 1)).unflatten(0, different.shape[:2])
        mean, state = self._run(code, len(x), state, None)
        return self._decode(mean), state

    def record(self, x: Tensor, cells: Sequence[str] | None = None, state: Any = None) -> Activity:
        """Runs x [time, batch, inputs] and keeps voltages, outputs and currents of the named cells (None: of all).

        See `celegans_nn.networks.record`: what comes back has `.frame()`, `.rates()`, and a figure by one call each.
        """
        from celegans_nn.networks.record import record

        return record(self, x, cells, state)

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
