"""Loads and stores of network-order numbers whose size is a variable: the values of OXM fields."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16, be24, be32, be48, be64, put8, put16, put24, put32, put48, put64
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.pool import Bytes


@kernel
def load_bytes(wire: Bytes, at: int, size: int) -> int:
    """A number of 1, 2, 3, 4, 6 or 8 bytes; 8 give a signed number."""
    if size == 4:
        return be32(wire, at)
    if size == 2:
        return be16(wire, at)
    if size == 1:
        return be8(wire, at)
    if size == 6:
        return be48(wire, at)
    return be64(wire, at) if size == 8 else be24(wire, at)


@kernel
def store_bytes(wire: Bytes, at: int, size: int, value: int) -> None:
    """The low 1, 2, 3, 4, 6 or 8 bytes of `value`."""
    if size == 4:
        put32(wire, at, value)
    elif size == 2:
        put16(wire, at, value)
    elif size == 1:
        put8(wire, at, value)
    elif size == 6:
        put48(wire, at, value)
    elif size == 8:
        put64(wire, at, value)
    else:
        put24(wire, at, value)
