"""128-bit numbers as two int64 patterns, high and low: the fields that are wider than a word."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import wrap

Wide = tuple[int, int]


@kernel
def ones(count: int) -> int:
    """`count` low bits set, 0 .. 64."""
    return ~wrap(-1 << count) if count < 64 else -1


@kernel
def shift_word(word: int, count: int) -> int:
    """The 64-bit pattern moved left by `count`, right if that is negative; -63 .. 64."""
    if count < 0:
        return word >> -count & ones(64 + count)
    return wrap(word << count) if count < 64 else 0


@kernel
def mask_of(offset: int, bits: int) -> Wide:
    """`bits` ones from bit `offset` on."""
    return shift_left(ones(bits - 64) if bits > 64 else 0, ones(bits if bits < 64 else 64), offset)


@kernel
def shift_left(high: int, low: int, count: int) -> Wide:
    """By 0 .. 127."""
    if count >= 64:
        return shift_word(low, count - 64), 0
    if count == 0:
        return high, low
    return shift_word(high, count) | shift_word(low, count - 64), shift_word(low, count)


@kernel
def shift_right(high: int, low: int, count: int) -> Wide:
    """By 0 .. 127, zeros coming in."""
    if count >= 64:
        return 0, shift_word(high, 64 - count)
    if count == 0:
        return high, low
    return shift_word(high, -count), shift_word(low, -count) | shift_word(high, 64 - count)
