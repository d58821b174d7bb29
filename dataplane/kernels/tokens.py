"""A token bucket in four words of any int64 array, exact in integers.

Tokens are counted in a unit chosen such that the bucket gains `rate` of them in each nanosecond: millionths of
a bit for a rate in kbit/s, billionths of a packet for a rate in packet/s. So no rounding, and no drift.

A cost above the burst is let through by a full bucket, which then owes the rest: a 64 KiB frame passes a
meter with a small burst, and the rate still holds over time.

Who writes: whoever holds the lock that the owner of the words names. A refusal writes nothing, so
`tokens_left` answers without the lock.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.pool import Words

T_RATE = 0  # tokens for each ns
T_BURST = 1  # most tokens it holds
T_LEFT = 2  # tokens at T_TIME; below zero after a cost above the burst
T_TIME = 3  # ns, CLOCK_MONOTONIC
TOKEN_WORDS = 4

BITS = 1_000_000  # tokens for each bit when T_RATE is in kbit/s
PACKETS = 1_000_000_000  # tokens for each packet when T_RATE is in packet/s
MAX_BURST = 1 << 62


@kernel
def tokens_set(words: Words, at: int, rate: int, burst: int, now: int) -> None:
    """A full bucket. `rate` below 2**32, `burst` in tokens."""
    words[at + T_RATE] = rate
    words[at + T_BURST] = min(burst, MAX_BURST)
    words[at + T_LEFT] = min(burst, MAX_BURST)
    words[at + T_TIME] = now


@kernel
def tokens_left(words: Words, at: int, now: int) -> int:
    """Tokens at `now`. A clock that another worker has already passed adds none."""
    rate, left = int(words[at + T_RATE]), int(words[at + T_LEFT])
    missing = int(words[at + T_BURST]) - left
    elapsed = now - int(words[at + T_TIME])
    if rate <= 0 or elapsed <= 0:
        return left
    if elapsed > missing // rate:  # also keeps elapsed * rate within 63 bits
        return left + missing
    return left + elapsed * rate


@kernel
def tokens_enough(words: Words, at: int, cost: int, now: int) -> bool:
    left = tokens_left(words, at, now)
    return left > 0 and left >= min(cost, words[at + T_BURST])


@kernel
def tokens_take(words: Words, at: int, cost: int, now: int) -> bool:
    """Take `cost` tokens, or none and say False."""
    if not tokens_enough(words, at, cost, now):
        return False
    words[at + T_LEFT] = tokens_left(words, at, now) - cost
    words[at + T_TIME] = max(now, words[at + T_TIME])
    return True
