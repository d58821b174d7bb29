"""A meter the slow way: exact buckets in a list, highest rate first."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tests.oracle.tokens import Bucket


class OracleBand(NamedTuple):
    rate: int  # kbit/s or packet/s
    burst: Fraction  # kilobits or packets
    verdict: int  # -1 drop, else levels of drop precedence


class OracleMeter:
    def __init__(self, in_packets: bool, bands: list[OracleBand], now: int) -> None:
        self.in_packets = in_packets
        ranked = sorted(range(len(bands)), key=lambda i: -bands[i].rate)
        self.buckets = [(i, bands[i], Bucket(Fraction(bands[i].rate), bands[i].burst, now)) for i in ranked]
        self.total = [0, 0]
        self.counts = [[0, 0] for _ in bands]

    def run(self, packets: int, size: int, now: int) -> int:
        self._count(self.total, packets, size)
        cost = Fraction(packets) if self.in_packets else Fraction(size * 8, 1000)
        for place, band, bucket in self.buckets:
            if not bucket.take(cost, now):
                self._count(self.counts[place], packets, size)
                return band.verdict
        return 0

    @staticmethod
    def _count(pair: list[int], packets: int, size: int) -> None:
        pair[0] += packets
        pair[1] += size


# RFC 2597 section 6: AF classes 1 to 4, each with low, medium and high drop precedence
AF = {(1, 1): 10, (1, 2): 12, (1, 3): 14, (2, 1): 18, (2, 2): 20, (2, 3): 22}
AF |= {(3, 1): 26, (3, 2): 28, (3, 3): 30, (4, 1): 34, (4, 2): 36, (4, 3): 38}


def remarked(dscp: int, levels: int) -> int:
    for (af_class, precedence), value in AF.items():
        if value == dscp:
            return AF[af_class, min(3, precedence + levels)]
    return dscp
