"""numba intrinsics behind `bytes`: one unaligned load or store, byte-swapped; llvm.memcpy, memmove, memset.

Never imported when interpreted or bounds-checked.
"""
# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from triplane.dataplane.kernels.compiler import kernel

I1, I8, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(64)


def _pointer(context, builder, array_type, array, index):
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _swap(builder, value):
    kind = value.type
    name = f"llvm.bswap.i{kind.width}"
    return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name), [value])


def _load(bits, swapped):
    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1])
        value = builder.load(builder.bitcast(pointer, ir.IntType(bits).as_pointer()), align=1)
        value = _swap(builder, value) if swapped else value
        return builder.zext(value, I64) if bits < 64 else value

    return types.int64(types.Array(types.uint8, 1, "C"), types.int64), codegen


def _store(bits):
    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1])
        value = builder.trunc(args[2], ir.IntType(bits)) if bits < 64 else args[2]
        value = _swap(builder, value) if bits > 8 else value
        builder.store(value, builder.bitcast(pointer, ir.IntType(bits).as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.Array(types.uint8, 1, "C"), types.int64, types.int64), codegen


@intrinsic
def _be8(typingctx, mem, at):
    return _load(8, False)


@intrinsic
def _be16(typingctx, mem, at):
    return _load(16, True)


@intrinsic
def _be32(typingctx, mem, at):
    return _load(32, True)


@intrinsic
def _be64(typingctx, mem, at):
    return _load(64, True)


@intrinsic
def _le64(typingctx, mem, at):
    return _load(64, False)


@intrinsic
def _put8(typingctx, mem, at, value):
    return _store(8)


@intrinsic
def _put16(typingctx, mem, at, value):
    return _store(16)


@intrinsic
def _put32(typingctx, mem, at, value):
    return _store(32)


@intrinsic
def _put64(typingctx, mem, at, value):
    return _store(64)


def _transfer(context, builder, name, target, source, count):
    pointer = I8.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, I64, I1])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.p0.p0.i64")
    builder.call(function, [target, source, count, I1(0)])
    return context.get_dummy_value()


BYTES = types.Array(types.uint8, 1, "C")


@intrinsic
def _copy(typingctx, target, to, source, at, count):
    """memcpy: target[to : to + count] = source[at : at + count]; the ranges do not overlap."""

    def codegen(context, builder, sig, args):
        first = _pointer(context, builder, BYTES, args[0], args[1])
        second = _pointer(context, builder, BYTES, args[2], args[3])
        return _transfer(context, builder, "memcpy", first, second, args[4])

    return types.void(BYTES, types.int64, BYTES, types.int64, types.int64), codegen


@intrinsic
def _move(typingctx, mem, to, at, count):
    """memmove: mem[to : to + count] = mem[at : at + count], overlapping or not."""

    def codegen(context, builder, sig, args):
        first = _pointer(context, builder, BYTES, args[0], args[1])
        second = _pointer(context, builder, BYTES, args[0], args[2])
        return _transfer(context, builder, "memmove", first, second, args[3])

    return types.void(BYTES, types.int64, types.int64, types.int64), codegen


@intrinsic
def _fill(typingctx, mem, at, count, value):
    """memset: mem[at : at + count] = value."""

    def codegen(context, builder, sig, args):
        pointer = I8.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, I8, I64, I1])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.memset.p0.i64")
        first = _pointer(context, builder, BYTES, args[0], args[1])
        builder.call(function, [first, builder.trunc(args[3], I8), args[2], I1(0)])
        return context.get_dummy_value()

    return types.void(BYTES, types.int64, types.int64, types.int64), codegen


@kernel
def be8(mem, at):
    return _be8(mem, at)


@kernel
def be16(mem, at):
    return _be16(mem, at)


@kernel
def be32(mem, at):
    return _be32(mem, at)


@kernel
def be64(mem, at):
    return _be64(mem, at)


@kernel
def le64(mem, at):
    return _le64(mem, at)


@kernel
def put8(mem, at, value):
    _put8(mem, at, value)


@kernel
def put16(mem, at, value):
    _put16(mem, at, value)


@kernel
def put32(mem, at, value):
    _put32(mem, at, value)


@kernel
def put64(mem, at, value):
    _put64(mem, at, value)


@kernel
def copy(target, to, source, at, count):
    _copy(target, to, source, at, count)


@kernel
def move(mem, to, at, count):
    _move(mem, to, at, count)


@kernel
def fill(mem, at, count, value):
    _fill(mem, at, count, value)


@kernel
def be24(mem, at):
    return be16(mem, at) << 8 | be8(mem, at + 2)


@kernel
def be48(mem, at):
    return be16(mem, at) << 32 | be32(mem, at + 2)


@kernel
def put24(mem, at, value):
    put16(mem, at, value >> 8)
    put8(mem, at + 2, value)


@kernel
def put48(mem, at, value):
    put16(mem, at, value >> 32)
    put32(mem, at + 2, value)
