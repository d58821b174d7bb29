"""Meters: rate limits that flows share (OpenFlow 1.3.5 section 5.7).

A meter is a slot. `block[slot]` leads to its bands in the arena, 0 when there is no such meter; modifying a meter
publishes a new block, so that a worker sees all of the old bands or all of the new. Bands stand in order of their
rates, highest first, each with a token bucket: a packet goes down the list, and the first bucket that
cannot pay for it is the band that applies. So what a drop band drops does not use up a slower remark band.

Who writes: the control thread makes blocks; workers change tokens and band counters under the block's spin lock,
and count packets of the meter in `counts`, each in its own part.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.arena import arena_take, make_words
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ids import make_index
from triplane.dataplane.kernels.machine import load_acquire
from triplane.dataplane.kernels.pool import Words, lock, unlock
from triplane.dataplane.kernels.tokens import BITS, PACKETS, TOKEN_WORDS, tokens_set, tokens_take

# a meter's block
MB_LOCK = 0
MB_BANDS = 1  # how many
MB_PACKETS = 2  # 1: rates are in packet/s; 0: kbit/s
MB_HEAD = 8

# a band
BAND_BUCKET = 0
BAND_VERDICT = BAND_BUCKET + TOKEN_WORDS  # METER_DROP, or drop precedence to add
BAND_PACKET_COUNT = BAND_VERDICT + 1
BAND_BYTE_COUNT = BAND_PACKET_COUNT + 1
BAND_PLACE = BAND_BYTE_COUNT + 1  # in the order they were given
BAND_WORDS = 8

METER_DROP = -1
METER_PASS = 0

VIRTUAL_CONTROLLER = 0  # OFPM_CONTROLLER: packets for the controller
VIRTUAL_SLOWPATH = 1  # OFPM_SLOWPATH

AF_FIRST, AF_LAST = 0b001_010, 0b100_110  # AF11, AF43
AF_CLASSES = 0b111_000
AF_DROP = 0b000_110  # drop precedence, 1 to 3


class Meters(NamedTuple):
    """`ids` from id to slot, `block` int64[slots], `counts` int64[workers * slots * 2] packets and bytes.

    `virtual` has the slots of OFPM_CONTROLLER and OFPM_SLOWPATH, -1 when not set.
    """

    ids: Words
    block: Words
    counts: Words
    virtual: Words


def make_meters(workers: int, slots: int) -> Meters:
    """No meters yet, room for `slots`, counted apart for each of `workers`."""
    counts = make_words(workers * slots * 2)
    return Meters(make_index(slots), np.zeros(slots, np.int64), counts, np.full(2, -1, np.int64))


@kernel
def meter_make(code: Words, bands: int, packets: int) -> int:
    """A block for this many bands, which `band_set` must fill: its offset, or -1."""
    block = arena_take(code, MB_HEAD + bands * BAND_WORDS)
    if block >= 0:
        code[block + MB_LOCK] = 0
        code[block + MB_BANDS] = bands
        code[block + MB_PACKETS] = packets
    return block


@kernel
def band_at(block: int, band: int) -> int:
    return block + MB_HEAD + band * BAND_WORDS


@kernel
def band_set(code: Words, block: int, band: int, rate: int, burst: int, verdict: int, place: int, now: int) -> None:
    """Fill a band; `burst` in tokens. Bands go in falling order of their rates."""
    at = band_at(block, band)
    tokens_set(code, at + BAND_BUCKET, rate, burst, now)
    code[at + BAND_VERDICT] = verdict
    code[at + BAND_PACKET_COUNT] = code[at + BAND_BYTE_COUNT] = 0
    code[at + BAND_PLACE] = place


@kernel
def meter_bands(code: Words, block: int, packets: int, size: int, now: int) -> int:
    """Verdict of the first band that is exceeded, which counts the packets; holds the lock."""
    cost = packets * PACKETS if code[block + MB_PACKETS] else size * 8 * BITS
    for band in range(code[block + MB_BANDS]):
        at = band_at(block, band)
        if not tokens_take(code, at + BAND_BUCKET, cost, now):
            code[at + BAND_PACKET_COUNT] += packets
            code[at + BAND_BYTE_COUNT] += size
            return code[at + BAND_VERDICT]
    return METER_PASS


@kernel
def meter_count(meters: Meters, slot: int, worker: int, packets: int, size: int) -> None:
    at = (worker * len(meters.block) + slot) * 2
    meters.counts[at] += packets
    meters.counts[at + 1] += size


@kernel
def meter_run(meters: Meters, code: Words, slot: int, packets: int, size: int, now: int, worker: int) -> int:
    """What becomes of a frame of `size` bytes that stands for `packets` packets (GSO; else 1).

    METER_DROP, METER_PASS, or the number of levels by which to raise its drop precedence (`remark_dscp`).
    """
    block = load_acquire(meters.block, slot)
    if block == 0:  # deleted while this packet was under way
        return METER_PASS
    meter_count(meters, slot, worker, packets, size)
    lock(code, block + MB_LOCK)
    verdict = meter_bands(code, block, packets, size, now)
    unlock(code, block + MB_LOCK)
    return verdict


@kernel
def remark_dscp(dscp: int, levels: int) -> int:
    """DSCP with its drop precedence raised by `levels`, 3 at most; unchanged outside the AF classes (RFC 2597)."""
    precedence = (dscp & AF_DROP) >> 1
    if dscp < AF_FIRST or dscp > AF_LAST or precedence == 0 or dscp & 1:
        return dscp
    return dscp & AF_CLASSES | min(precedence + levels, 3) << 1
