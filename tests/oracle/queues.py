"""A policed queue the slow way."""

from __future__ import annotations

from fractions import Fraction

from tests.oracle.tokens import Bucket


class Queue:
    """Police to `kbps` with a burst of a tenth of a second, 64 KiB at the least; 0 kbps: no limit."""

    def __init__(self, kbps: int, now: int) -> None:
        burst = max(Fraction(kbps, 10), Fraction(65536 * 8, 1000))
        self.bucket = Bucket(Fraction(kbps), burst, now) if kbps else None
        self.packets = self.bytes = self.errors = 0

    def admit(self, packets: int, size: int, now: int) -> bool:
        if self.bucket is not None and not self.bucket.take(Fraction(size * 8, 1000), now):
            self.errors += packets
            return False
        self.packets += packets
        self.bytes += size
        return True
