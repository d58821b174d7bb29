"""What the machine offers below Python: prefetch, atomics, calls and views by address, the clock.

Each has a plain Python twin for interpreted runs; there they do the same without the atomicity,
and what calls libc or code by address is absent: port kernels do not run interpreted.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np

from triplane.dataplane.kernels.compiler import INTERPRETED

MASK64 = (1 << 64) - 1


def signed(value: int) -> int:
    """The 64-bit pattern `value` as the signed number that an int64 array holds."""
    value = int(value) & MASK64
    return value - (1 << 64) if value >> 63 else value


if INTERPRETED:

    def prefetch(array: Any, index: int) -> None: ...

    def wrap(value: int) -> int:
        return signed(value)

    def multiply(left: int, right: int) -> int:
        return signed(int(left) * int(right))

    def trailing_zeros(word: int) -> int:
        return ((int(word) & -int(word)).bit_length() - 1) & 0x7F

    def load_acquire(array: Any, index: int) -> int:
        return int(array[index])

    def store_release(array: Any, index: int, value: int) -> None:
        array[index] = value

    def exchange(array: Any, index: int, value: int) -> int:
        old, array[index] = array[index], value  # no call in between: there the interpreter may change threads
        return int(old)

    def add(array: Any, index: int, value: int) -> int:
        old = int(array[index])
        array[index] = signed(old + value)
        return old

    def address_of(array: Any, index: int) -> int:
        return int(array.ctypes.data) + int(index) * int(array.itemsize)

    def load64(address: int) -> int:
        return ctypes.c_int64.from_address(int(address)).value

    def store64(address: int, value: int) -> None:
        ctypes.c_int64.from_address(int(address)).value = int(value)

    def view_words(address: int, count: int) -> Any:
        return np.ctypeslib.as_array((ctypes.c_int64 * int(count)).from_address(int(address)))

    def view_rows(address: int, count: int, width: int) -> Any:
        return view_words(address, count * width).reshape(int(count), int(width))

    def view_bytes(address: int, count: int) -> Any:
        return np.ctypeslib.as_array((ctypes.c_uint8 * int(count)).from_address(int(address)))

    _ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)

    def call_entry(function: int, row: int, pool: int, batch: int, limit: int) -> int:
        return int(_ENTRY(int(function))(int(row), int(pool), int(batch), int(limit)))

    def nanoseconds() -> int:
        return time.monotonic_ns()

else:
    from triplane.dataplane.kernels.intrinsics import (  # noqa: F401
        add,
        address_of,
        call_entry,
        exchange,
        load32,
        load32_acquire,
        load64,
        load_acquire,
        multiply,
        nanoseconds,
        prefetch,
        store32,
        store32_release,
        store64,
        store_release,
        trailing_zeros,
        view_bytes,
        view_rows,
        view_words,
        wrap,
    )
