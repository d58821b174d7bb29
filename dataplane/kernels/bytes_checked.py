"""The plain twins of `bytes_fast`: byte by byte, so that every access is bounds-checked."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import wrap
from triplane.dataplane.kernels.pool import Bytes


@kernel
def be8(mem: Bytes, at: int) -> int:
    """A negative index would silently count from the end: make it one that fails.

    `0 |` makes an int64 of it: numba's int() of a uint8 stays unsigned, and its shift is a uint64.
    """
    return int(0 | mem[at if at >= 0 else len(mem)])


@kernel
def be16(mem: Bytes, at: int) -> int:
    return be8(mem, at) << 8 | be8(mem, at + 1)


@kernel
def be24(mem: Bytes, at: int) -> int:
    return be8(mem, at) << 16 | be16(mem, at + 1)


@kernel
def be32(mem: Bytes, at: int) -> int:
    return be16(mem, at) << 16 | be16(mem, at + 2)


@kernel
def be48(mem: Bytes, at: int) -> int:
    return be16(mem, at) << 32 | be32(mem, at + 2)


@kernel
def be64(mem: Bytes, at: int) -> int:
    return wrap(be32(mem, at) << 32 | be32(mem, at + 4))


@kernel
def le64(mem: Bytes, at: int) -> int:
    value = 0
    for i in range(8):
        value |= be8(mem, at + i) << 8 * i
    return wrap(value)


@kernel
def put8(mem: Bytes, at: int, value: int) -> None:
    mem[at if at >= 0 else len(mem)] = value & 0xFF


@kernel
def put16(mem: Bytes, at: int, value: int) -> None:
    put8(mem, at, value >> 8)
    put8(mem, at + 1, value)


@kernel
def put24(mem: Bytes, at: int, value: int) -> None:
    put8(mem, at, value >> 16)
    put16(mem, at + 1, value)


@kernel
def put32(mem: Bytes, at: int, value: int) -> None:
    put16(mem, at, value >> 16)
    put16(mem, at + 2, value)


@kernel
def put48(mem: Bytes, at: int, value: int) -> None:
    put16(mem, at, value >> 32)
    put32(mem, at + 2, value)


@kernel
def put64(mem: Bytes, at: int, value: int) -> None:
    put32(mem, at, value >> 32)
    put32(mem, at + 4, value)


@kernel
def counted(mem: Bytes, count: int) -> int:
    """A negative count would be a huge one to memcpy: make it fail here too."""
    return count if count >= 0 else be8(mem, -1)


@kernel
def copy(target: Bytes, to: int, source: Bytes, at: int, count: int) -> None:
    """target[to : to + count] = source[at : at + count]; the ranges do not overlap."""
    for i in range(counted(target, count)):
        put8(target, to + i, be8(source, at + i))


@kernel
def move(mem: Bytes, to: int, at: int, count: int) -> None:
    """mem[to : to + count] = mem[at : at + count], overlapping or not."""
    for i in range(counted(mem, count)):
        step = i if to < at else count - 1 - i
        put8(mem, to + step, be8(mem, at + step))


@kernel
def fill(mem: Bytes, at: int, count: int, value: int) -> None:
    """mem[at : at + count] = value."""
    for i in range(counted(mem, count)):
        put8(mem, at + i, value)
