"""Rows of pixels as numbers: 32 lanes that the processor adds or multiplies at once (Numba, compiled on first use).

Arrays of work have the shape (rows, 32). Inside compiled code :func:`load` takes one row as a value on which
``+ - * /`` act lane by lane, and :func:`store` puts it back: a kernel then reads like one for a single pixel. Plain
loops over the last axis say the same, but the compiler must then find out by itself that rows do not overlap, at a
third of the speed. The bodies below say what each function means in numpy, and run with ``NUMBA_DISABLE_JIT=1``.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, models, register_model, type_callable

LANES = 32
"""Pixels side by side: two registers of 512 bits, four of 256, eight of 128."""

ALIGNMENT = 64
"""Bytes: rows begin where a line of the cache begins."""

# A product and a sum may be fused; sums keep their order, so that a pixel's numbers do not depend on its block.
_FLAGS = ("contract", "nsz")


def zeros(rows: int, dtype: type) -> np.ndarray:
    """Zeros of shape (rows, LANES) that start at a multiple of :data:`ALIGNMENT`."""
    size = rows * LANES * np.dtype(dtype).itemsize
    # numpy promises 16 bytes only; an aligned load from anywhere else ends the process.
    raw = np.zeros(size + ALIGNMENT, dtype=np.uint8)
    offset = -raw.ctypes.data % ALIGNMENT
    return raw[offset : offset + size].view(dtype).reshape(rows, LANES)


def load(array: np.ndarray, row: int) -> np.ndarray:
    """Row of an aligned array."""
    return array[row].copy()


def store(array: np.ndarray, row: int, value: np.ndarray) -> None:
    """Overwrite a row of an aligned array."""
    array[row] = value


def load_at(array: np.ndarray, row: int, column: int) -> np.ndarray:
    """Read LANES values of a wide C-ordered array from a column on; no alignment is needed."""
    return array[row, column : column + LANES].copy()


def store_at(array: np.ndarray, row: int, column: int, value: np.ndarray) -> None:
    """Overwrite LANES values of a wide C-ordered array from a column on."""
    array[row, column : column + LANES] = value


def spread(array: np.ndarray, value: float) -> np.ndarray:
    """One number in all lanes, of the type of the array."""
    return np.full(LANES, value, dtype=array.dtype)


def larger(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Lane by lane maximum; b where a is not a number."""
    return np.where(a > b, a, b)


def smaller(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Lane by lane minimum; b where a is not a number."""
    return np.where(a < b, a, b)


def choose(a: np.ndarray, b: np.ndarray, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    """``yes`` in the lanes where a > b, else ``no``."""
    return np.where(a > b, yes, no)


def magnitude(a: np.ndarray) -> np.ndarray:
    """Absolute value."""
    return np.abs(a)


def root(a: np.ndarray) -> np.ndarray:
    """Square root."""
    return np.sqrt(a)


def lower(a: np.ndarray) -> np.ndarray:
    """Largest whole number that is not above."""
    return np.floor(a)


class Lanes(types.Type):
    """Numba's type of a row."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype}, {LANES})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        # A vector of LLVM, wider than any register: the code generator cuts it for the processor at hand.
        number = ir.FloatType() if fe_type.dtype == types.float32 else ir.DoubleType()
        super().__init__(dmm, fe_type, ir.VectorType(number, LANES))


def _register(function, typer, *kinds):
    """Register what ``function`` becomes inside compiled code: the type of its result, and its instructions."""
    type_callable(function)(lambda _context: typer)
    return lower_builtin(function, *kinds)


def _alike(a, b):
    return a if isinstance(a, Lanes) and a == b else None


def _pointer(context, builder, kinds, values):
    """Address of a row, given array and row, or array, row and column."""
    array = cgutils.create_struct_proxy(kinds[0])(context, builder, values[0])
    where = [context.cast(builder, v, k, types.intp) for v, k in zip(values[1:], kinds[1:], strict=True)]
    # Numba knows strides; C order is promised here, so that the width of a row is enough.
    width = cgutils.unpack_tuple(builder, array.shape)[1] if len(where) == 2 else ir.Constant(where[0].type, LANES)
    at = builder.mul(where[0], width)
    at = builder.add(at, where[1]) if len(where) == 2 else at
    vector = context.get_value_type(Lanes(kinds[0].dtype))
    return builder.bitcast(builder.gep(array.data, [at]), vector.as_pointer())


@_register(load, lambda array, _row: Lanes(array.dtype), types.Array, types.Integer)
def _load(context, builder, signature, args):
    return builder.load(_pointer(context, builder, signature.args, args), align=ALIGNMENT)


@_register(store, lambda _array, _row, _value: types.none, types.Array, types.Integer, Lanes)
def _store(context, builder, signature, args):
    builder.store(args[2], _pointer(context, builder, signature.args[:2], args[:2]), align=ALIGNMENT)
    return context.get_dummy_value()


@_register(load_at, lambda array, _row, _column: Lanes(array.dtype), types.Array, types.Integer, types.Integer)
def _load_at(context, builder, signature, args):
    align = signature.args[0].dtype.bitwidth // 8
    return builder.load(_pointer(context, builder, signature.args, args), align=align)


@_register(store_at, lambda _array, _row, _column, _value: types.none, types.Array, types.Integer, types.Integer, Lanes)
def _store_at(context, builder, signature, args):
    align = signature.args[0].dtype.bitwidth // 8
    builder.store(args[3], _pointer(context, builder, signature.args[:3], args[:3]), align=align)
    return context.get_dummy_value()


@_register(spread, lambda array, _value: Lanes(array.dtype), types.Array, types.Number)
def _spread(context, builder, signature, args):
    value = context.cast(builder, args[1], signature.args[1], signature.args[0].dtype)
    vector = context.get_value_type(signature.return_type)
    unset, lanes = ir.Constant(vector, ir.Undefined), ir.VectorType(ir.IntType(32), LANES)
    # One element, then a shuffle with zeros: what LLVM recognizes as a broadcast.
    first = builder.insert_element(unset, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, unset, ir.Constant(lanes, [0] * LANES))


@_register(choose, lambda a, _b, _yes, _no: a, Lanes, Lanes, Lanes, Lanes)
def _choose(_context, builder, _signature, args):
    # Ordered: false if either is NaN, so that NaN never counts as larger.
    return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])


def _arithmetic(function, name):
    @_register(function, _alike, Lanes, Lanes)
    def lowering(_context, builder, _signature, args):
        return getattr(builder, name)(*args, flags=_FLAGS)


def _comparison(function, sign):
    @_register(function, _alike, Lanes, Lanes)
    def lowering(_context, builder, _signature, args):
        return builder.select(builder.fcmp_ordered(sign, *args), *args)


def _unary(function, name):
    @_register(function, lambda a: a if isinstance(a, Lanes) else None, Lanes)
    def lowering(_context, builder, _signature, args):
        vector = args[0].type
        full_name = f"llvm.{name}.v{LANES}f{32 if isinstance(vector.element, ir.FloatType) else 64}"
        kind = ir.FunctionType(vector, [vector])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, full_name), args)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
_comparison(larger, ">")
_comparison(smaller, "<")
_unary(magnitude, "fabs")
_unary(lower, "floor")
_unary(root, "sqrt")
