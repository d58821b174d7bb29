"""A meter the slow way: exact buckets in a list, highest rate first."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from fractions import Fraction
from typing import NamedTuple

from tests.oracle.tokens import Bucket

DROP = -1
CONTROLLER = 0xFFFFFFFE  # OFPM_CONTROLLER, the meter of all packets that go up


class OracleBand(NamedTuple):
    rate: int  # kbit/s or packet/s
    burst: Fraction  # kilobits or packets
    verdict: int  # -1 drop, else levels of drop precedence


@dataclass
class OracleMeter:
    in_packets: bool
    bands: list[OracleBand]
    now: InitVar[int]
    buckets: list[tuple[int, OracleBand, Bucket]] = field(init=False)
    total: list[int] = field(default_factory=lambda: [0, 0])
    counts: list[list[int]] = field(init=False)

    def __post_init__(self, now: int) -> None:
        ranked = sorted(range(len(self.bands)), key=lambda i: -self.bands[i].rate)
        chosen = [(i, self.bands[i]) for i in ranked]
        self.buckets = [(i, band, Bucket(Fraction(band.rate), band.burst, now)) for i, band in chosen]
        self.counts = [[0, 0] for _ in self.bands]

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
