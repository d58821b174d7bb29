"""Numbers in network byte order: loads from and stores to uint8 arrays, as int64.

`np.int64(byte)`, not `int(byte)`: numba's int() of a uint8 stays unsigned, and its shift is a uint64.
Nobody checks bounds here: the caller has checked the length once.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.pool import Bytes


@kernel
def load8(wire: Bytes, at: int) -> int:
    return np.int64(wire[at])


@kernel
def load16(wire: Bytes, at: int) -> int:
    return np.int64(wire[at]) << 8 | np.int64(wire[at + 1])


@kernel
def load32(wire: Bytes, at: int) -> int:
    return load16(wire, at) << 16 | load16(wire, at + 2)


@kernel
def load64(wire: Bytes, at: int) -> int:
    """The 64-bit pattern as a signed number."""
    return load32(wire, at) << 32 | load32(wire, at + 4)


@kernel
def load_bytes(wire: Bytes, at: int, size: int) -> int:
    """`size` bytes, at most 8; 8 give a signed number."""
    value = np.int64(0)
    for i in range(size):
        value = value << 8 | np.int64(wire[at + i])
    return value


@kernel
def store8(wire: Bytes, at: int, value: int) -> None:
    wire[at] = value & 0xFF


@kernel
def store16(wire: Bytes, at: int, value: int) -> None:
    wire[at] = value >> 8 & 0xFF
    wire[at + 1] = value & 0xFF


@kernel
def store32(wire: Bytes, at: int, value: int) -> None:
    store16(wire, at, value >> 16)
    store16(wire, at + 2, value)


@kernel
def store64(wire: Bytes, at: int, value: int) -> None:
    store32(wire, at, value >> 32)
    store32(wire, at + 4, value)


@kernel
def store_bytes(wire: Bytes, at: int, size: int, value: int) -> None:
    """The low `size` bytes of `value`, at most 8."""
    for i in range(size):
        wire[at + i] = value >> 8 * (size - 1 - i) & 0xFF
