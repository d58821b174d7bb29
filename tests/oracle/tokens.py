"""A token bucket the slow way: exact fractions of packets or kilobits, seconds, no state but what it must have."""

from __future__ import annotations

from fractions import Fraction


class Bucket:
    """`rate` units a second, at most `burst` units; a cost above the burst passes when it is full."""

    def __init__(self, rate: Fraction, burst: Fraction, now_ns: int) -> None:
        self.rate, self.burst = rate, burst
        self.level, self.at = burst, now_ns

    def take(self, cost: Fraction, now_ns: int) -> bool:
        if now_ns > self.at:
            gained = self.rate * Fraction(now_ns - self.at, 1_000_000_000)
            self.level, self.at = min(self.burst, self.level + gained), now_ns
        if self.level <= 0 or self.level < min(cost, self.burst):
            return False
        self.level -= cost
        return True
