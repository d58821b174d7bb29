"""A bijection of 64-bit words that spreads every input bit over all output bits (MurmurHash3's finaliser)."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import multiply

FIRST = -49064778989728563  # 0xFF51AFD7ED558CCD
SECOND = -4265267296055464877  # 0xC4CEB9FE1A85EC53
LOW_31 = 0x7FFFFFFF  # x >> 33 & LOW_31 shifts zeros in, as for an unsigned word


@kernel
def mix64(word: int) -> int:
    word = multiply(word ^ (word >> 33 & LOW_31), FIRST)
    word = multiply(word ^ (word >> 33 & LOW_31), SECOND)
    return word ^ (word >> 33 & LOW_31)
