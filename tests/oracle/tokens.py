"""A token bucket the slow way: exact fractions of packets or kilobits, seconds, no state but what it must have."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Bucket:
    """`rate` units a second, at most `burst` units; a cost above the burst passes when it is full."""

    rate: Fraction
    burst: Fraction
    at: int  # ns
    level: Fraction = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.burst

    def take(self, cost: Fraction, now_ns: int) -> bool:
        if now_ns > self.at:
            gained = self.rate * Fraction(now_ns - self.at, 1_000_000_000)
            self.level, self.at = min(self.burst, self.level + gained), now_ns
        if self.level <= 0 or self.level < min(cost, self.burst):
            return False
        self.level -= cost
        return True
