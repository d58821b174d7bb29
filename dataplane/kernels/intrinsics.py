"""numba intrinsics behind `machine`: LLVM instructions that numba has no name for. Never imported when interpreted."""
# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from triplane.dataplane.kernels.compiler import kernel

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _element(context, builder, sig, args):
    """Pointer to args[0][args[1]] of a one-dimensional array."""
    array = context.make_array(sig.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


@intrinsic
def prefetch(typingctx, array, index):
    def codegen(context, builder, sig, args):
        pointer = builder.bitcast(_element(context, builder, sig, args), I8.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, I32(0), I32(3), I32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic
def address_of(typingctx, array, index):
    """Address of array[index]."""

    def codegen(context, builder, sig, args):
        return builder.ptrtoint(_element(context, builder, sig, args), I64)

    return types.int64(array, types.int64), codegen


@intrinsic
def load_acquire(typingctx, array, index):
    def codegen(context, builder, sig, args):
        return builder.load_atomic(_element(context, builder, sig, args), "acquire", 8)

    return types.int64(array, types.int64), codegen


@intrinsic
def store_release(typingctx, array, index, value):
    def codegen(context, builder, sig, args):
        builder.store_atomic(args[2], _element(context, builder, sig, args), "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


def _read_modify_write(operation):
    def codegen(context, builder, sig, args):
        return builder.atomic_rmw(operation, _element(context, builder, sig, args), args[2], "seq_cst")

    return codegen


@intrinsic
def exchange(typingctx, array, index, value):
    return types.int64(array, types.int64, types.int64), _read_modify_write("xchg")


@intrinsic
def add(typingctx, array, index, value):
    return types.int64(array, types.int64, types.int64), _read_modify_write("add")


def _load(bits, order):
    def codegen(context, builder, sig, args):
        pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
        value = builder.load_atomic(pointer, order, bits // 8) if order else builder.load(pointer, align=1)
        return builder.zext(value, I64) if bits < 64 else value

    return types.int64(types.int64), codegen


def _store(bits, order):
    def codegen(context, builder, sig, args):
        pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
        value = builder.trunc(args[1], ir.IntType(bits)) if bits < 64 else args[1]
        if order:
            builder.store_atomic(value, pointer, order, bits // 8)
        else:
            builder.store(value, pointer, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def load32(typingctx, address):
    return _load(32, "")


@intrinsic
def load32_acquire(typingctx, address):
    return _load(32, "acquire")


@intrinsic
def load64(typingctx, address):
    return _load(64, "")


@intrinsic
def store32(typingctx, address, value):
    return _store(32, "")


@intrinsic
def store32_release(typingctx, address, value):
    return _store(32, "release")


@intrinsic
def store64(typingctx, address, value):
    return _store(64, "")


@intrinsic
def call_entry(typingctx, function, row, pool, batch, limit):
    """Call an `entry` kernel through its address."""

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(I64, [I64] * 4)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * 5), codegen


def _view(element, itemsize, dimensions):
    """Code for a C-contiguous array over raw memory: arguments are the address and each dimension."""

    def codegen(context, builder, sig, args):
        array = context.make_array(sig.return_type)(context, builder)
        data = builder.inttoptr(args[0], element.as_pointer())
        shape = list(args[1:])
        strides = [I64(itemsize)] if dimensions == 1 else [builder.mul(shape[1], I64(itemsize)), I64(itemsize)]
        populate_array(array, data=data, shape=shape, strides=strides, itemsize=I64(itemsize), meminfo=None)
        return array._getvalue()

    return codegen


@intrinsic
def view_words(typingctx, address, count):
    """int64[count] over raw memory."""
    return types.Array(types.int64, 1, "C")(types.int64, types.int64), _view(I64, 8, 1)


@intrinsic
def view_rows(typingctx, address, count, width):
    """int64[count, width] over raw memory."""
    return types.Array(types.int64, 2, "C")(types.int64, types.int64, types.int64), _view(I64, 8, 2)


@intrinsic
def view_bytes(typingctx, address, count):
    """uint8[count] over raw memory."""
    return types.Array(types.uint8, 1, "C")(types.int64, types.int64), _view(I8, 1, 1)


@kernel
def wrap(value):
    """Compiled integers wrap by themselves."""
    return value


@intrinsic
def multiply(typingctx, left, right):
    """The low 64 bits of a product. numba's own `*` promises LLVM that none overflows (nsw), and LLVM acts on it."""

    def codegen(context, builder, sig, args):
        return builder.mul(args[0], args[1])

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def trailing_zeros(typingctx, word):
    """Index of the lowest set bit of a word that is not 0."""

    def codegen(context, builder, sig, args):
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.int64), codegen


_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.int64))


@intrinsic
def _timespec(typingctx):
    """A struct timespec on the stack, its address."""

    def codegen(context, builder, sig, args):
        return builder.ptrtoint(cgutils.alloca_once(builder, ir.ArrayType(I64, 2)), I64)

    return types.int64(), codegen


@kernel
def nanoseconds():
    """CLOCK_MONOTONIC in nanoseconds."""
    spec = _timespec()
    _clock_gettime(1, spec)
    return load64(spec) * 1000000000 + load64(spec + 8)
