"""Punt rings the slow way: a queue for each worker and class, and one exact bucket for each class."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from tests.oracle.tokens import Bucket

HEAD_WORDS = 20  # of a record


class OracleRing:
    """Counts the words that its records take; one that would wrap costs the words left at the end as well."""

    def __init__(self, size: int) -> None:
        self.size, self.position = size, 0
        self.held: deque[tuple[int, bytes]] = deque()

    def span(self, data: bytes) -> int:
        words = HEAD_WORDS + -(-len(data) // 8)
        left = self.size - self.position
        return words if words <= left else left + words

    def put(self, data: bytes) -> bool:
        span = self.span(data)
        if sum(taken for taken, _ in self.held) + span > self.size:
            return False
        self.held.append((span, data))
        self.position = (self.position + span) % self.size
        return True

    def get_all(self) -> list[bytes]:
        found = [data for _, data in self.held]
        self.held.clear()
        return found


class OraclePunts:
    RATE, FULL = 1, 2

    def __init__(self, workers: int, size: int, rates: list[tuple[int, int]]) -> None:
        self.rings = {(worker, cls): OracleRing(size) for worker in range(workers) for cls in range(len(rates))}
        self.buckets = [Bucket(Fraction(rate), Fraction(burst), 0) if rate else None for rate, burst in rates]

    def punt(self, worker: int, cls: int, data: bytes, now: int) -> int:
        ring, bucket = self.rings[worker, cls], self.buckets[cls]
        if sum(taken for taken, _ in ring.held) + ring.span(data) > ring.size:
            return self.FULL
        if bucket is not None and not bucket.take(Fraction(1), now):
            return self.RATE
        ring.put(data)
        return 0
