"""Sixteen float32 as one value of compiled code: one number of each of sixteen individuals.

Arithmetic on lanes is elementwise, so no individual's bits depend on its lane or on its neighbours, and NaN in one
lane stays there. A product may be contracted with the sum that takes it in; nothing else is reordered.

numba would make the same of loops over arrays only where it can tell that no two of them overlap, which it seldom
can. A vector of LLVM's needs no such proof, and what the processor has no registers for, LLVM cuts in parts.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 16
OPTIONS: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Of functions that only compiled code calls: without wrappers they compile faster."""
_emitted: Any = intrinsic  # numba's own annotations would have callers pass the typing context too
_CONTRACT = ("contract",)
_ALIGNMENT = 4
"""Bytes that an address is promised to be a multiple of; rows at multiples of 64 (`empty_rows`) are faster."""


class LanesType(types.Type):
    """numba's type of such a value."""

    def __init__(self) -> None:
        super().__init__("lanes")


lanes = LanesType()
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any):
        super().__init__(manager, numba_type, _VECTOR)


def empty_rows(rows: int) -> np.ndarray:
    """float32 [rows, LANES] of zeros, each row on a cache line of its own."""
    line = LANES * 4
    memory = np.zeros(rows * LANES + LANES, np.float32)
    start = -memory.ctypes.data % line // 4
    return memory[start : start + rows * LANES].reshape(rows, LANES)


# --- arithmetic


def _define(op: Any, arguments: int, emit: Callable[..., Any]) -> None:
    """Gives a Python operator its meaning on lanes."""
    of_lanes = signature(lanes, *[lanes] * arguments)
    infer_global(op)(type(f"Lanes_{op.__name__}", (ConcreteTemplate,), {"cases": [of_lanes]}))

    @lower_builtin(op, *[lanes] * arguments)
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, *args)


_define(operator.add, 2, lambda builder, x, y: builder.fadd(x, y, flags=_CONTRACT))
_define(operator.sub, 2, lambda builder, x, y: builder.fsub(x, y, flags=_CONTRACT))
_define(operator.mul, 2, lambda builder, x, y: builder.fmul(x, y, flags=_CONTRACT))
_define(operator.truediv, 2, lambda builder, x, y: builder.fdiv(x, y))
_define(operator.neg, 1, lambda builder, x: builder.fneg(x))


def _choice(comparison: str) -> Any:
    def choose(typing: Any, x: Any, y: Any, chosen: Any, otherwise: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, args[0], args[1]), args[2], args[3])

        return lanes(lanes, lanes, lanes, lanes), emit

    return _emitted(choose)


where_above, where_at_least, where_at_most, where_equal = (_choice(c) for c in (">", ">=", "<=", "=="))
"""where_above(x, y, chosen, otherwise): `chosen` in lanes where x > y, else (and where one is NaN) `otherwise`."""


@_emitted
def of(typing: Any, number: Any) -> Any:
    """The same float32 in every lane."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), args[0], ir.IntType(32)(0))
        all_first = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, one, all_first)

    return lanes(types.float32), emit


@_emitted
def shifted_exponent(typing: Any, x: Any) -> Any:
    """The float whose bits are those of x, shifted to the left by the 23 of a mantissa."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = ir.VectorType(ir.IntType(32), LANES)
        shifted = builder.shl(builder.bitcast(args[0], whole), ir.Constant(whole, [23] * LANES))
        return builder.bitcast(shifted, _VECTOR)

    return lanes(lanes), emit


# --- rows of float32 [rows, LANES], C-contiguous; a row that is not there is not noticed


def _address(context: Any, builder: Any, array_type: Any, array: Any, row: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _VECTOR.as_pointer()), [row])


@_emitted
def load(typing: Any, array: Any, row: Any) -> Any:
    """Row `row` of the array."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, sig.args[0], *args), align=_ALIGNMENT)

    return lanes(array, types.intp), emit


@_emitted
def store(typing: Any, array: Any, row: Any, value: Any) -> Any:
    """Row `row` of the array becomes `value`."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, sig.args[0], *args[:2]), align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), emit


# --- named tuples of rows


class Rows(NamedTuple):
    """Where a value stands in an array: cell i's in row `first` + i * `step`; `step` 0 is one that all cells share."""

    first: int
    step: int


def _is_rows(field: Any) -> bool:
    return isinstance(field, types.NamedUniTuple) and field.instance_class is Rows


def _row_of(builder: Any, rows: Any, cell: Any) -> Any:
    return builder.add(builder.extract_value(rows, 0), builder.mul(builder.extract_value(rows, 1), cell))


@_emitted
def gather(typing: Any, layout: Any, array: Any, cell: Any) -> Any:
    """The named tuple `layout` with the lanes of this cell in the place of each `Rows`, and all else as it is."""
    fields = [lanes if _is_rows(field) else field for field in layout]

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values = []
        for k, field in enumerate(sig.args[0]):
            value = builder.extract_value(args[0], k)
            if _is_rows(field):
                row = _row_of(builder, value, args[2])
                value = builder.load(_address(context, builder, sig.args[1], args[1], row), align=_ALIGNMENT)
            values.append(value)
        return context.make_tuple(builder, sig.return_type, values)

    result = types.BaseTuple.from_types(fields, layout.instance_class)
    return result(layout, array, types.intp), emit


@_emitted
def scatter(typing: Any, layout: Any, array: Any, cell: Any, values: Any) -> Any:
    """The other way: what stands in `values` goes to this cell's rows."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        for k in range(len(sig.args[0])):
            row = _row_of(builder, builder.extract_value(args[0], k), args[2])
            value = builder.extract_value(args[3], k)
            builder.store(value, _address(context, builder, sig.args[1], args[1], row), align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(layout, array, types.intp, values), emit
