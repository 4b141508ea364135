"""Control steps of a network as one operation, on the CPU, over its edges, with a backward pass written by hand.

`run` gives what the ticks in torch give (`Network.tick`), and the same gradients, to rounding. What it can run is
said by `obstacle`. The first call of each rule and precision compiles for about ten seconds of one core; later
processes load that in a tenth of a second.

With more threads than one on few cores, start Python with OMP_WAIT_POLICY=passive in the environment: torch's OpenMP
threads otherwise spin after each product and hold the cores that the kernels' threads need.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from celegans_nn.neurons import NeuronModel, alif, lif, rate

WIDTH = 64
"""Most samples of a chunk; the number of chunks must not depend on that of threads, or sums would."""
SUPPORTED = {m.MODEL.name: m.MODEL for m in (rate, lif, alif)}


class Wiring(NamedTuple):
    """Where edges and the interface stand, for torch and for the kernels."""

    cells: int
    flat: Tensor
    """int64 [E], presynaptic * cells + postsynaptic, in the order of the weights."""
    pairs: tuple[Tensor, Tensor]
    """The two cells of each gap junction, int64 [G]."""
    inputs: Tensor
    outputs: Tensor
    order: np.ndarray
    """[E]: edge k of the kernels is edge order[k] here."""
    wires: tuple[np.ndarray, ...]
    """See `fast_kernels.Wires`."""

    @staticmethod
    def of(cells: int, flat: Tensor, pairs: tuple[Tensor, Tensor] | None, inputs: Tensor, outputs: Tensor) -> Wiring:
        pairs = (flat[:0], flat[:0]) if pairs is None else pairs
        pre, post = np.divmod(flat.numpy(), cells)
        order = np.lexsort((pre, post))
        first = np.searchsorted(post[order], np.arange(cells + 1))
        ends = [cell.numpy() for cell in (*pairs, inputs, outputs)]
        wires = tuple(np.ascontiguousarray(a, np.uintp) for a in (first, pre[order], *ends))
        return Wiring(cells, flat, pairs, inputs, outputs, order, wires)


class Run(NamedTuple):
    """What is no tensor of a run."""

    wiring: Wiring
    model: NeuronModel
    steps: int
    ticks: int
    rule: Any
    """The rule's parameters: whole numbers, and None where a tensor stands."""
    history: bool
    """Whether a backward pass may follow."""


def obstacle(model: NeuronModel, delay: int, cells: int, drive: Tensor, weights: Tensor, state: Any) -> str | None:
    """Why the compiled way is closed to a network, in words; None where it is open."""
    if model.name not in SUPPORTED or SUPPORTED[model.name].step is not model.step:
        return f"neuron model {model.name!r} has no compiled form; those that have: {', '.join(SUPPORTED)}"
    if delay != 1:
        return f"its synapses take {delay} ticks, and compiled ones 1"
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.jit.is_scripting():
        return "it is being traced"
    if torch._C._functorch.peek_interpreter_stack() is not None or torch._C._len_torch_dispatch_stack() > 0:
        return "it runs under a transform of torch.func or a dispatch mode"
    if not drive.shape[1]:
        return "its batch is empty"
    if torch.autograd.forward_ad._current_level >= 0:
        return "forward-mode derivatives are asked for"
    if not (state is None or isinstance(state, model.state)):
        return f"its state is no {model.state.__name__}"
    tensors = [drive, weights, *(state or ())]
    if any(tuple(field.shape) != (drive.shape[1], cells) for field in state or ()):
        return f"its state is not [{drive.shape[1]}, {cells}]"
    kinds = {(tensor.dtype, tensor.device.type) for tensor in tensors}
    if len(kinds) != 1 or not kinds <= {(torch.float32, "cpu"), (torch.float64, "cpu")}:
        return "its tensors are not all float32, or all float64, on the CPU"
    if any(type(tensor) not in (Tensor, torch.nn.Parameter) for tensor in tensors):
        return "its tensors are of a class of their own"
    return None


def run(
    wiring: Wiring,
    model: NeuronModel,
    rule: Any,
    state: Any,
    drive: Tensor,
    weights: Tensor,
    conductances: Tensor | None,
    steps: int,
    ticks: int,
) -> tuple[Tensor, Any]:
    """`steps` control steps of `ticks` ticks: (mean output of the output cells [steps, batch, outputs], state).

    drive: [steps, batch, inputs], or [1, batch, inputs] where it is held; input cells get `encoder_gain` times it.
    weights: [E]; conductances: [G] or None.
    """
    tensors = [value for value in rule if isinstance(value, Tensor)]
    conductances = weights.new_zeros(0) if conductances is None else conductances
    inputs = (drive, weights, conductances, *tensors, *state)
    history = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    fixed = type(rule)(*(None if isinstance(value, Tensor) else value for value in rule))
    mean, *after = _Ticks.apply(Run(wiring, model, steps, ticks, fixed, history), *inputs)
    return mean, model.state(*after)


class _Ticks(torch.autograd.Function):
    """(run, drive, weights, conductances, the rule's tensors, the state's) -> (mean, the state's)."""

    @staticmethod
    def forward(ctx: Any, run: Run, *tensors: Tensor) -> tuple[Tensor, ...]:
        drive, weights, conductances, rule, state = _parts(run, tensors)
        (kernels, compiled), numbers = _kernels(rule), _numbers(rule)
        batch, cells = drive.shape[1], run.wiring.cells
        chunks = -(-batch // WIDTH)
        width = -(-batch // chunks)
        slots = run.steps * run.ticks if run.history else 1
        kept = drive.new_empty((chunks, slots, compiled.kept, cells * width))
        start = _stacked(compiled, state)
        mean = drive.new_empty((run.steps, batch, len(run.wiring.outputs)))
        end = torch.empty_like(start)
        _in_threads(
            kernels.forward,
            chunks,
            numbers,
            kernels.Wires(*run.wiring.wires),
            run.ticks,
            _array(drive).dtype.type(run.model.encoder_gain),
            _array(drive),
            _array(weights)[run.wiring.order],
            _array(conductances),
            *map(_array, (start, kept, mean, end)),
        )
        if run.history:
            ctx.run = run
            ctx.save_for_backward(kept, *tensors)
            ctx.set_materialize_grads(False)
        return mean, *_unstacked(compiled, run, end)

    @staticmethod
    def backward(ctx: Any, to_mean: Tensor | None, *to_state: Tensor | None) -> tuple[Any, ...]:
        run, (kept, *tensors) = ctx.run, ctx.saved_tensors
        if torch.is_grad_enabled() or _batched(
            to_mean, *to_state
        ):  # derivatives of higher order, or of many sums at once
            return None, *_in_torch(run, tensors, ctx.needs_input_grad[1:], (to_mean, *to_state))
        drive, weights, conductances, rule, state = _parts(run, tensors)
        kernels, compiled = _kernels(rule)
        numbers, gain = _numbers(rule), run.model.input_gain(rule)
        start = _stacked(compiled, state)
        to_mean = drive.new_zeros((run.steps, drive.shape[1], len(run.wiring.outputs))) if to_mean is None else to_mean
        to_end = _stacked(
            compiled, run.model.state(*(torch.zeros_like(state[0]) if g is None else g for g in to_state))
        )
        to_drive, to_start = torch.empty_like(drive, memory_format=torch.contiguous_format), torch.empty_like(start)
        chunks = len(kept)
        to_weight, to_conductance = (
            drive.new_zeros((chunks, len(weights))),
            drive.new_zeros((chunks, len(conductances))),
        )
        sums = torch.zeros((chunks, len(compiled.sums)), dtype=torch.float64)
        _in_threads(
            kernels.backward,
            chunks,
            numbers,
            kernels.Wires(*run.wiring.wires),
            run.ticks,
            _array(drive).dtype.type(run.model.encoder_gain),
            _array(gain * weights)[run.wiring.order],
            _array(gain * conductances),
            *map(_array, (start, kept, to_mean, to_end, to_drive, to_weight, to_conductance, to_start, sums)),
        )
        per_weight = torch.empty_like(weights)
        per_weight[torch.from_numpy(run.wiring.order)] = to_weight.sum(0)
        per_conductance = to_conductance.sum(0)
        to_rule = dict(zip(compiled.sums, sums.sum(0).to(drive.dtype), strict=True))
        if isinstance(gain, Tensor) and gain.requires_grad:
            # u is linear in gain times all that flows in, so its gradient is what the others' give together
            flowed = torch.dot(to_drive.flatten(), drive.flatten())
            to_rule["gain"] = flowed + per_weight @ weights + per_conductance @ conductances
        return (
            None,
            to_drive.mul_(gain) if gain != 1 else to_drive,
            gain * per_weight,
            gain * per_conductance,
            *(to_rule.get(name) for name, value in zip(rule._fields, run.rule, strict=True) if value is None),
            *_unstacked(compiled, run, to_start),
        )


def _parts(run: Run, tensors: Any) -> tuple[Tensor, Tensor, Tensor, Any, Any]:
    """Drive, weights, conductances, the rule's parameters and the state's fields."""
    drive, weights, conductances, *rest = tensors
    in_rule = iter(rest)
    rule = type(run.rule)(*(next(in_rule) if value is None else value for value in run.rule))
    return drive, weights, conductances, rule, run.model.state(*in_rule)


def _kernels(rule: Any) -> tuple[Any, Any]:
    """The compiled functions, imported when the first is needed, and what they need to know of a rule."""
    from celegans_nn.networks import fast_kernels, fast_rules

    return fast_kernels, fast_rules.RULES[type(rule)]


def _numbers(rule: Any) -> Any:
    """The rule with a number of its precision in the place of each tensor."""
    return type(rule)(*(value.detach().numpy()[()] if isinstance(value, Tensor) else value for value in rule))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


def _stacked(compiled: Any, state: Any) -> Tensor:
    """[rows + 1, batch, N]: the state's fields in the kernels' order, the potential last."""
    return torch.stack([getattr(state, name) for name in (*compiled.fields, "potential")])


def _unstacked(compiled: Any, run: Run, stacked: Tensor) -> tuple[Tensor, ...]:
    by_name = dict(zip((*compiled.fields, "potential"), stacked.unbind(0), strict=True))
    return tuple(by_name[name].clone() for name in run.model.state._fields)


def _in_threads(kernel: Any, chunks: int, *arguments: Any) -> None:
    """As many threads as torch has, each with its share of the chunks. They live for one call: nothing is left
    that a forked process would miss."""
    threads = max(1, min(torch.get_num_threads(), chunks))
    bounds = [chunks * k // threads for k in range(threads + 1)]
    if threads == 1:
        kernel(0, chunks, *arguments)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(kernel, bounds[k], bounds[k + 1], *arguments) for k in range(1, threads)]
        kernel(bounds[0], bounds[1], *arguments)
        for other in others:
            other.result()


def _batched(*gradients: Tensor | None) -> bool:
    """Whether `is_grads_batched` or torch.func's vmap made one of these of many, which only torch can read."""
    ours = torch._C._functorch
    return any(g is not None and (ours.is_legacy_batchedtensor(g) or ours.is_batchedtensor(g)) for g in gradients)


def _in_torch(run: Run, tensors: list[Tensor], needed: Any, to_results: Any) -> tuple[Tensor | None, ...]:
    """The same gradients, by autograd through the ticks in torch, and differentiable themselves where that is asked."""
    further = torch.is_grad_enabled()
    with torch.enable_grad():
        # views: the gain may be made of the decay, whose gradient must not count here what flows through the gain
        tensors = [tensor.view_as(tensor) for tensor in tensors]
        results = _by_torch(run, tensors)
    pairs = [(result, grad) for result, grad in zip(results, to_results, strict=True) if grad is not None]
    wanted = [tensor for tensor, need in zip(tensors, needed, strict=True) if need]
    grads = iter(
        torch.autograd.grad(
            [result for result, _ in pairs],
            wanted,
            [grad for _, grad in pairs],
            create_graph=further,
            allow_unused=True,
        )
    )
    return tuple(next(grads) if need else None for need in needed)


def _by_torch(run: Run, tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """What `_Ticks` gives, in torch."""
    drive, weights, conductances, rule, state = _parts(run, tensors)
    n, (a, b) = run.wiring.cells, run.wiring.pairs
    matrix = weights.new_zeros(n * n).index_put((run.wiring.flat,), weights).view(n, n)
    gap = weights.new_zeros(n * n).index_put((torch.cat([a * n + b, b * n + a]),), conductances.repeat(2)).view(n, n)
    means = []
    for step in range(run.steps):
        given = run.model.encoder_gain * drive[step % len(drive)]
        inward = drive.new_zeros((drive.shape[1], n)).index_copy(1, run.wiring.inputs, given)
        total: Any = 0.0
        for _ in range(run.ticks):
            seen = state.potential
            current = inward + state.output @ matrix + seen @ gap - seen * gap.sum(1)
            state = run.model.step(rule, state, current)
            total = total + state.output
        means.append(total.index_select(1, run.wiring.outputs) / run.ticks)
    return torch.stack(means), *state
