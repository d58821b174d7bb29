"""Random meters, such that packets a few milliseconds apart fill and empty their buckets."""

from __future__ import annotations

import struct
from fractions import Fraction
from random import Random
from typing import NamedTuple

from tests.oracle.meters import DROP, OracleBand, OracleMeter

KBPS, PKTPS, BURST = 1, 2, 4  # OFPMF_*
STEPS = [0, 0, 0, 1, 10**6, 10**7, 10**8, 10**9]  # ns between packets


class Band(NamedTuple):
    levels: int  # of drop precedence; DROP
    rate: int
    burst: int


class Meter(NamedTuple):
    flags: int
    bands: list[Band]

    def wire(self) -> bytes:
        return b"".join(
            struct.pack("!HHIIB3x", 1 if band.levels == DROP else 2, 16, band.rate, band.burst, max(band.levels, 0))
            for band in self.bands
        )

    def oracle(self, now: int) -> OracleMeter:
        """Without a burst it is what the rate brings in 100 ms: our choice, the protocol has none."""
        bursts = [band.burst if self.flags & BURST else 0 for band in self.bands]
        bands = [
            OracleBand(band.rate, Fraction(burst or Fraction(band.rate, 10)), band.levels)
            for band, burst in zip(self.bands, bursts, strict=True)
        ]
        return OracleMeter(bool(self.flags & PKTPS), bands, now)


def meter(r: Random) -> Meter:
    """Mostly one band."""
    flags = r.choice([KBPS, 0, PKTPS, PKTPS]) | r.choice([0, BURST])
    bands = [
        Band(r.choice([DROP, 1, 1, 1, 2, 0]), r.choice([1, 1, 1, 2, 10, 1000]), r.choice([0, 1, 2, 5]))
        for _ in range(r.choice([0, 1, 1, 1, 2, 3]))
    ]
    return Meter(flags, bands)
