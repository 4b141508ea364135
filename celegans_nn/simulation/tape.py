"""Record the torch operations of one call, and play them again without the Python that made them.

A small recurrent network spends more time in Python (module calls, `vmap`, `functional_call`) than in its
arithmetic. What a call does to its tensors is a fixed list of ATen operations as long as shapes stay the same;
the tape keeps that list. Operations that depend on the parameters alone (effective weights) are done once when
parameters are bound. The operations are those that were recorded, so results are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_RESHAPES = {_ATEN.view.default, _ATEN._unsafe_view.default, _ATEN.expand.default, _ATEN.alias.default}


class _Operation(NamedTuple):
    """`call(*arguments)` with `slots[source]` put in at each (position, source); what it gives goes to `results`.

    Where tensors stand in nested arguments (a list to concatenate) or keywords, `structure` puts the flat
    arguments together again. `spent` are the slots nobody reads afterwards.
    """

    call: Any
    arguments: list[Any]
    sources: list[tuple[int, int]]
    keywords: dict[str, Any]
    structure: Any
    results: list[int]
    spent: list[int]


class Tape:
    """The operations that take `constants` (parameters) and `variables` (input, state) to some outputs."""

    def __init__(self, operations: list[_Operation], n_constants: int, recorder: _Recorder, outputs: list[int]):
        fixed = set(range(n_constants)) | set(recorder.captured)
        self._size, self._n_constants = recorder.size, n_constants
        self._captured, self._outputs = dict(recorder.captured), outputs
        once: list[_Operation] = []
        each: list[_Operation] = []
        for operation in operations:
            # an operation that writes in place must happen every time, and so must all others around it
            if not recorder.mutates and all(slot in fixed for _, slot in operation.sources):
                fixed.update(operation.results)
                once.append(operation)
            else:
                each.append(operation)
        read = {slot for operation in each for _, slot in operation.sources} | set(outputs)
        self._once, self._kept = once, sorted(fixed & read)
        self._each = _with_spent(each, keep=fixed | set(outputs))

    def bind(self, constants: Sequence[Tensor]) -> Callable[[Sequence[Tensor]], list[Tensor]]:
        """Fix the parameters; the function that comes back takes the variables to the outputs."""
        slots: list[Any] = [None] * self._size
        slots[: self._n_constants] = constants
        for slot, tensor in self._captured.items():
            slots[slot] = tensor
        _play(self._once, slots)
        start: list[Any] = [None] * self._size
        for slot in self._kept:
            start[slot] = slots[slot]
        first = self._n_constants

        def play(variables: Sequence[Tensor]) -> list[Tensor]:
            slots = start.copy()
            slots[first : first + len(variables)] = variables
            _play(self._each, slots)
            return [slots[slot] for slot in self._outputs]

        return play


def record(
    function: Callable[[list[Tensor], list[Tensor]], list[Tensor]],
    constants: Sequence[Tensor],
    variables: Sequence[Tensor],
) -> tuple[list[Tensor], Tape | None]:
    """Call `function(constants, variables)`; what it gave, and the tape that gives it again.

    The tape is None where the call took a number out of a tensor: what it did next may depend on that number.
    """
    inputs = [*constants, *variables]
    recorder = _Recorder(inputs)
    # outside inference mode composite operations arrive taken apart, and their idle reshapes can be left out
    with torch.inference_mode(False), torch.no_grad(), recorder:
        outputs = function(list(constants), list(variables))
    slots = [recorder.slot(tensor) for tensor in outputs]
    if recorder.escapes:
        return outputs, None
    operations = recorder.operations
    if not recorder.mutates:
        operations, slots = _without_idle_reshapes(operations, slots, recorder.tensors)
    return outputs, Tape(operations, len(constants), recorder, slots)


class _Recorder(TorchDispatchMode):
    """Sees every operation below autograd and `vmap`, on plain tensors with the individuals' axis in place."""

    def __init__(self, inputs: list[Tensor]) -> None:
        super().__init__()
        # tensors are known by identity, so all are kept alive while recording
        self.tensors: list[Tensor] = list(inputs)
        self._slots = {id(tensor): slot for slot, tensor in enumerate(inputs)}
        self.captured: dict[int, Tensor] = {}
        self.operations: list[_Operation] = []
        self.mutates = self.escapes = False

    @property
    def size(self) -> int:
        return len(self.tensors)

    def slot(self, tensor: Tensor) -> int:
        """The slot of a tensor; one that is neither an input nor a result is captured as it is."""
        if id(tensor) not in self._slots:
            self.captured[self._new(tensor)] = tensor
        return self._slots[id(tensor)]

    def _new(self, tensor: Tensor) -> int:
        self._slots[id(tensor)] = len(self.tensors)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        nested = any(isinstance(a, (list, tuple)) and any(isinstance(t, Tensor) for t in a) for a in args)
        nested = nested or any(isinstance(value, Tensor) for value in kwargs.values())
        if nested:
            flat, structure = pytree.tree_flatten((args, kwargs))
            keywords: dict[str, Any] = {}
        else:
            flat, structure, keywords = list(args), None, kwargs
        sources = [(at, self.slot(leaf)) for at, leaf in enumerate(flat) if isinstance(leaf, Tensor)]
        arguments = [None if isinstance(leaf, Tensor) else leaf for leaf in flat]
        result = func(*args, **kwargs)
        outputs = list(result) if isinstance(result, (list, tuple)) else [result]
        self.mutates |= func._schema.is_mutable
        if all(isinstance(out, Tensor) for out in outputs):
            results = [self._slots[id(o)] if id(o) in self._slots else self._new(o) for o in outputs]
            self.operations.append(_Operation(func, arguments, sources, keywords, structure, results, []))
        else:
            self.escapes = True
        return result


def _play(operations: list[_Operation], slots: list[Any]) -> None:
    for call, arguments, sources, keywords, structure, results, spent in operations:
        filled = arguments.copy()
        for at, slot in sources:
            filled[at] = slots[slot]
        if structure is None:
            result = call(*filled, **keywords)
        else:
            args, kwargs = pytree.tree_unflatten(filled, structure)
            result = call(*args, **kwargs)
        if len(results) == 1 and isinstance(result, Tensor):
            slots[results[0]] = result
        else:
            for slot, tensor in zip(results, result, strict=True):
                slots[slot] = tensor
        for slot in spent:
            slots[slot] = None


def _with_spent(operations: list[_Operation], keep: set[int]) -> list[_Operation]:
    """Each operation with the slots that are read there for the last time, so that memory is used again."""
    seen, backwards = set(keep), []
    for operation in reversed(operations):
        used = {slot for _, slot in operation.sources} | set(operation.results)
        backwards.append(operation._replace(spent=sorted(used - seen)))
        seen |= used
    return backwards[::-1]


def _without_idle_reshapes(
    operations: list[_Operation], outputs: list[int], tensors: list[Tensor]
) -> tuple[list[_Operation], list[int]]:
    """Leave out views that change nothing, which `vmap` makes around every matrix product."""
    same: dict[int, int] = {}
    kept = []
    for operation in operations:
        sources = [(at, same.get(slot, slot)) for at, slot in operation.sources]
        if operation.call in _RESHAPES:
            source, result = sources[0][1], operation.results[0]
            before, after = tensors[source], tensors[result]
            if before.shape == after.shape and before.stride() == after.stride():
                same[result] = source
                continue
        kept.append(operation._replace(sources=sources))
    return kept, [same.get(slot, slot) for slot in outputs]
