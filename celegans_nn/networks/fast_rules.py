"""Update rules over whole arrays of cells, compiled, and their adjoints: what backpropagation does at each tick.

Every rule here has a potential u = decay * voltage + gain * I, with `gain` the model's `input_gain`, from which its
output is formed. u is kept of every tick (and the adaptation before it, in `now[1]`); voltage and output follow from
it. The ways forward run the rule itself, `neurons.*.step`; the ways back are its derivative by hand, with the
surrogate for a spike's.

Arrays are flat. `state` and `grad` have the rows VOLTAGE, OUTPUT and, for `alif`, ADAPTATION. Loops are short, and
several in the place of one, since a compiler uses the vector units only where few arrays may overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import njit
from numba.extending import overload

from celegans_nn.networks.fast_ops import compiled_step, select, spike, surrogate_derivative, tanh
from celegans_nn.neurons import alif, lif, rate
from celegans_nn.neurons.alif import ALIFParameters, ALIFState
from celegans_nn.neurons.lif import LIFParameters, LIFState
from celegans_nn.neurons.rate import RateParameters, RateState

# sums over the batch may be taken in the order that suits the vector units (always the same one); NaN stays NaN
OPTIONS: Any = {"error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
INNER: Any = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Of what only compiled code calls: without wrappers it compiles faster."""
VOLTAGE, OUTPUT, ADAPTATION = 0, 1, 2

_rate_step, _lif_step, _alif_step = compiled_step(rate.step), compiled_step(lif.step), compiled_step(alif.step)


@njit(**INNER)
def add(x: Any, y: Any) -> None:
    """y += x."""
    for k in range(x.size):
        y[k] += x[k]


@njit(**INNER)
def add_times(factor: Any, x: Any, y: Any) -> None:
    """y += factor x."""
    for k in range(x.size):
        y[k] += factor * x[k]


@njit(**INNER)
def dot(x: Any, y: Any) -> Any:
    """sum_k x_k y_k."""
    total = x.dtype.type(0)
    for k in range(x.size):
        total += x[k] * y[k]
    return total


# --- rate: the output is tanh(u), and the voltage is u


def _update_rate(rule: Any, now: Any, state: Any) -> Any:
    u, voltage, output = now[0], state[VOLTAGE], state[OUTPUT]
    for k in range(u.size):
        after = _rate_step(rule, RateState(voltage[k], output[k], output[k]), u[k])
        u[k], output[k] = after.voltage, after.output
    voltage[:] = u


def _recall_rate(rule: Any, now: Any, state: Any) -> Any:
    u, output = now[0], state[OUTPUT]
    for k in range(u.size):
        output[k] = tanh(u[k])
    state[VOLTAGE] = u


def _adjoint_rate(rule: Any, now: Any, after: Any, grad: Any, grad_felt: Any, sums: Any) -> Any:
    output, to_voltage, to_output = after[OUTPUT], grad[VOLTAGE], grad[OUTPUT]
    add(grad_felt, to_output[: grad_felt.size])
    for k in range(output.size):
        to_output[k] = to_voltage[k] + (to_output[k] - to_output[k] * output[k] * output[k])


# --- lif: the output is 1 where u >= threshold; there the voltage is reset, elsewhere it is u


def _update_lif(rule: Any, now: Any, state: Any) -> Any:
    u, voltage, output = now[0], state[VOLTAGE], state[OUTPUT]
    for k in range(u.size):
        after = _lif_step(rule, LIFState(voltage[k], output[k], u[k]), u[k])
        voltage[k], output[k], u[k] = after.voltage, after.output, after.potential


def _recall_lif(rule: Any, now: Any, state: Any) -> Any:
    u, voltage, output = now[0], state[VOLTAGE], state[OUTPUT]
    for k in range(u.size):
        output[k] = spike(u[k] - rule.threshold, rule.slope, rule.surrogate)
        voltage[k] = select(output[k], rule.reset, u[k])


def _adjoint_lif(rule: Any, now: Any, after: Any, grad: Any, grad_felt: Any, sums: Any) -> Any:
    u, to_output = now[0], grad[OUTPUT]
    threshold = u.dtype.type(0)
    for k in range(u.size):
        to_output[k] *= surrogate_derivative(u[k] - rule.threshold, rule.slope, rule.surrogate)
        threshold -= to_output[k]
    sums[1] += threshold
    sums[2] += _past_the_reset(after[OUTPUT], grad)
    add(grad_felt, to_output[: grad_felt.size])


@njit(**INNER)
def _past_the_reset(output: Any, grad: Any) -> Any:
    """Adds the voltage's gradient to that of u where no spike reset it; the rest is the gradient of `reset`."""
    to_voltage, to_output = grad[VOLTAGE], grad[OUTPUT]
    nothing = output.dtype.type(0)
    reset = nothing
    for k in range(output.size):
        to_reset = select(output[k], to_voltage[k], nothing)
        to_output[k] += select(output[k], nothing, to_voltage[k])
        reset += to_reset
    return reset


# --- alif: as lif, with the threshold raised by the adaptation before the tick


def _update_alif(rule: Any, now: Any, state: Any) -> Any:
    u, voltage, output, adaptation = now[0], state[VOLTAGE], state[OUTPUT], state[ADAPTATION]
    now[1] = adaptation
    for k in range(u.size):
        before = ALIFState(voltage=voltage[k], adaptation=adaptation[k], output=output[k], potential=u[k])
        after = _alif_step(rule, before, u[k])
        voltage[k], adaptation[k], output[k], u[k] = after.voltage, after.adaptation, after.output, after.potential


def _recall_alif(rule: Any, now: Any, state: Any) -> Any:
    u, before, voltage, output = now[0], now[1], state[VOLTAGE], state[OUTPUT]
    for k in range(u.size):
        output[k] = spike(u[k] - (rule.threshold + before[k]), rule.slope, rule.surrogate)
        voltage[k] = select(output[k], rule.reset, u[k])


def _adjoint_alif(rule: Any, now: Any, after: Any, grad: Any, grad_felt: Any, sums: Any) -> Any:
    u, before, to_output, to_adaptation = now[0], now[1], grad[OUTPUT], grad[ADAPTATION]
    sums[3] += dot(to_adaptation, before)
    sums[4] += dot(to_adaptation, after[OUTPUT])
    threshold = u.dtype.type(0)
    add_times(rule.beta, to_adaptation, to_output)
    for k in range(u.size):
        distance = u[k] - (rule.threshold + before[k])
        to_output[k] *= surrogate_derivative(distance, rule.slope, rule.surrogate)
    for k in range(u.size):
        to_adaptation[k] = rule.adaptation_decay * to_adaptation[k] - to_output[k]
        threshold -= to_output[k]
    sums[1] += threshold
    sums[2] += _past_the_reset(after[OUTPUT], grad)
    add(grad_felt, to_output[: grad_felt.size])


def _felt_output(rule: Any, now: Any, state: Any) -> Any:
    return state[OUTPUT]


def _felt_potential(rule: Any, now: Any, state: Any) -> Any:
    return now[0]


def _keep(rule: Any) -> Any:
    return rule.keep


def _decay(rule: Any) -> Any:
    return rule.decay


class CompiledRule(NamedTuple):
    """One rule's part in the compiled way; functions as the stubs below say."""

    fields: tuple[str, ...]
    """The fields of its state that are rows here, in their order; `potential` stands apart."""
    sums: tuple[str, ...]
    """The parameters whose gradients are summed, in order, the share of the voltage left after a tick first. That
    of `gain` follows from the gradients of what it multiplies."""
    kept: int
    """Numbers kept of a cell's tick."""
    update: Callable[..., Any]
    recall: Callable[..., Any]
    adjoint: Callable[..., Any]
    felt: Callable[..., Any]
    decay: Callable[..., Any]


RULES: dict[Any, CompiledRule] = {
    RateParameters: CompiledRule(
        ("voltage", "output"), ("keep",), 1, _update_rate, _recall_rate, _adjoint_rate, _felt_output, _keep
    ),
    LIFParameters: CompiledRule(
        ("voltage", "output"),
        ("decay", "threshold", "reset"),
        1,
        _update_lif,
        _recall_lif,
        _adjoint_lif,
        _felt_potential,
        _decay,
    ),
    ALIFParameters: CompiledRule(
        ("voltage", "output", "adaptation"),
        ("decay", "threshold", "reset", "adaptation_decay", "beta"),
        2,
        _update_alif,
        _recall_alif,
        _adjoint_alif,
        _felt_potential,
        _decay,
    ),
}


def update(rule: Any, now: Any, state: Any) -> Any:
    """One tick of all cells: `now[0]` comes as the current and leaves as u; `state` is brought on."""


def recall(rule: Any, now: Any, state: Any) -> Any:
    """Writes the voltage and the output after a tick into `state`, from what was kept of it."""


def adjoint(rule: Any, now: Any, after: Any, grad: Any, grad_felt: Any, sums: Any) -> Any:
    """The gradient of the state after a tick (and, where not empty, of what gap junctions feel) becomes that of u,
    in `grad[OUTPUT]`, and that of the adaptation before; what parameters earn is added to `sums`, but its first."""


def felt(rule: Any, now: Any, state: Any) -> Any:
    """What gap junctions see after a tick."""


def decay(rule: Any) -> Any:
    """The share of the voltage that is left after a tick."""


@overload(update, jit_options=OPTIONS)
def _chosen_update(rule: Any, now: Any, state: Any) -> Any:
    return RULES[rule.instance_class].update


@overload(recall, jit_options=OPTIONS)
def _chosen_recall(rule: Any, now: Any, state: Any) -> Any:
    return RULES[rule.instance_class].recall


@overload(adjoint, jit_options=OPTIONS)
def _chosen_adjoint(rule: Any, now: Any, after: Any, grad: Any, grad_felt: Any, sums: Any) -> Any:
    return RULES[rule.instance_class].adjoint


@overload(felt, jit_options=OPTIONS)
def _chosen_felt(rule: Any, now: Any, state: Any) -> Any:
    return RULES[rule.instance_class].felt


@overload(decay, jit_options=OPTIONS)
def _chosen_decay(rule: Any) -> Any:
    return RULES[rule.instance_class].decay
