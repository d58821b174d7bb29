"""Loads, stores and copies of network-order numbers in uint8 arrays.

`be16 .. be64(mem, at)` load a big-endian number as int64 (be64: the 64-bit pattern, signed); `put16 .. put64`
store the low bits of a word; `le64` loads in the machine's order, for sums that do not care. `copy` is memcpy,
`move` memmove. Compiled they are single instructions without a bounds check: whoever calls has checked the
length. Interpreted and under NUMBA_BOUNDSCHECK=1 every byte is checked.
"""

from __future__ import annotations

import numba

from triplane.dataplane.kernels.compiler import INTERPRETED

__all__ = [
    "be8",
    "be16",
    "be24",
    "be32",
    "be48",
    "be64",
    "copy",
    "fill",
    "le64",
    "move",
    "put8",
    "put16",
    "put24",
    "put32",
    "put48",
    "put64",
]

CHECKED = INTERPRETED or bool(numba.config.BOUNDSCHECK)

if CHECKED:
    from triplane.dataplane.kernels.bytes_checked import (
        be8,
        be16,
        be24,
        be32,
        be48,
        be64,
        copy,
        fill,
        le64,
        move,
        put8,
        put16,
        put24,
        put32,
        put48,
        put64,
    )
else:
    from triplane.dataplane.kernels.bytes_fast import (
        be8,
        be16,
        be24,
        be32,
        be48,
        be64,
        copy,
        fill,
        le64,
        move,
        put8,
        put16,
        put24,
        put32,
        put48,
        put64,
    )
