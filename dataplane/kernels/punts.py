"""Punt rings: packets on their way to the controller, from each worker to the control thread.

A worker has one int64 array: a header, a control block for each class, and for each class a ring of records. A record
is RECORD_WORDS words and then the bytes of the frame, padded to whole words; it never wraps: a size of 0 in its
place says that the next one stands at the start of the ring. HEAD and TAIL count words and never wrap either.

A class is policed by one token bucket in packets, shared by all workers, and bounded by its rings: a flood of table
misses exhausts its own and nothing else. What is refused is counted by class and reason.

Who writes: the worker everything but TAIL and, together with the control thread, ARMED; the control thread TAIL. A
record is written before HEAD passes it, read before TAIL does. Shared buckets are under their lock.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.arena import make_words
from triplane.dataplane.kernels.bytes import copy
from triplane.dataplane.kernels.checksum import complete
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import K_PORT, REG_WORDS
from triplane.dataplane.kernels.machine import address_of, exchange, load_acquire, store_release, view_bytes, view_words
from triplane.dataplane.kernels.packet import (
    ADDR,
    COOKIE,
    FRAME_WORDS,
    IN_PORT,
    LENGTH,
    MARK,
    METADATA,
    REGS,
    TABLE,
    TUNNEL_ID,
)
from triplane.dataplane.kernels.pool import Bytes, Words, lock, unlock
from triplane.dataplane.kernels.tokens import PACKETS, TOKEN_WORDS, tokens_enough, tokens_set, tokens_take

PUNT_MISS = 0  # table misses
PUNT_ACTION = 1  # output:CONTROLLER
PUNT_TTL = 2  # invalid TTL
PUNT_OTHER = 3
PUNT_LEARN = 4  # no packets: flow-mods of Nicira's learn action (`learn`)
CLASSES = 5
CLASS_NAMES = ("miss", "action", "invalid_ttl", "other", "learn")

PUNT_RATE = 1  # refused: over the rate of its class
PUNT_FULL = 2  # refused: the control thread is behind

# header of a worker's array
RING_SHARED = 0  # address of the shared buckets
RING_SIZE = 1  # words of each ring, a power of two
RING_ARMED = 8  # 1: the control thread sleeps, or is about to
RING_SCRATCH = 16  # frame columns of the copy
RING_CONTROL = RING_SCRATCH + FRAME_WORDS

# control block of a class: the worker's line, then the control thread's
RC_HEAD = 0  # words written so far
RC_PACKETS = 1
RC_BYTES = 2
RC_DROPS = 2  # + PUNT_RATE, PUNT_FULL
RC_TAIL = 8  # words read so far
CONTROL_WORDS = 16
RING_DATA = RING_CONTROL + CLASSES * CONTROL_WORDS

# a record
R_SIZE = 0  # words, 0: skip to the start of the ring
R_REASON = 1
R_TABLE = 2
R_COOKIE = 3
R_IN_PORT = 4
R_PHY_PORT = 5
R_METADATA = 6
R_TUNNEL_ID = 7
R_MAX_LEN = 8
R_LENGTH = 9  # bytes of the frame
R_REGS = 10  # 1: R_MARK and R_REG hold the packet's, else it has none; MORE: words follow the frame (see `pause`)
R_MARK = 11
R_REG = 12
RECORD_WORDS = R_REG + REG_WORDS
MORE = 2

# shared, for each class
SH_LOCK = 0
SH_BUCKET = 1  # its rate is 0 when the class is not policed
SHARED_WORDS = 1 + TOKEN_WORDS

OFPR_NO_MATCH, OFPR_ACTION, OFPR_INVALID_TTL, OFPR_ACTION_SET, OFPR_GROUP, OFPR_PACKET_OUT = range(6)  # 1.4's
CONTROLLER_SHIFT = 8  # a reason may have the id of the controller above it that the packet is for (Nicira's), else 0


def make_shared() -> Words:
    """Buckets that police nothing yet."""
    return np.zeros(CLASSES * SHARED_WORDS, np.int64)


def make_ring(shared: Words, size: int) -> Words:
    """One worker's array, with rings of `size` words (a power of two). `shared` must outlive it."""
    ring = make_words(RING_DATA + CLASSES * size)
    ring[RING_SHARED], ring[RING_SIZE], ring[RING_ARMED] = address_of_words(shared), size, 1
    return ring


@kernel
def address_of_words(words: Words) -> int:
    return address_of(words, 0)


@kernel
def punt_class(reason: int) -> int:
    """Class of a packet that goes up for an OFPR_* reason."""
    reason &= 0xFF
    if reason <= OFPR_INVALID_TTL:
        return reason
    return PUNT_ACTION if reason <= OFPR_PACKET_OUT else PUNT_OTHER


@kernel
def punt_police(shared: Words, cls: int, rate: int, burst: int, now: int) -> None:
    """Let `rate` packets/s and bursts of `burst` packets of a class up; rate 0: all."""
    at = cls * SHARED_WORDS
    lock(shared, at + SH_LOCK)
    tokens_set(shared, at + SH_BUCKET, rate, burst * PACKETS, now)
    unlock(shared, at + SH_LOCK)


@kernel
def punt_allowed(shared: Words, cls: int, now: int) -> bool:
    """Take a packet's token. Refusals take no lock, so that a flood does not slow the other workers."""
    at = cls * SHARED_WORDS
    if shared[at + SH_BUCKET] == 0:
        return True
    if not tokens_enough(shared, at + SH_BUCKET, PACKETS, now):
        return False
    lock(shared, at + SH_LOCK)
    allowed = tokens_take(shared, at + SH_BUCKET, PACKETS, now)
    unlock(shared, at + SH_LOCK)
    return allowed


@kernel
def record_words(length: int) -> int:
    return RECORD_WORDS + ((length + 7) >> 3)


@kernel
def skipped(ring: Words, head: int, words: int) -> int:
    """Words left unused at the end of the ring so that a record does not wrap."""
    left = ring[RING_SIZE] - (head & ring[RING_SIZE] - 1)
    return left if words > left else 0


@kernel
def fits(ring: Words, control: int, words: int) -> bool:
    head = ring[control + RC_HEAD]
    used = head - load_acquire(ring, control + RC_TAIL)
    return used + skipped(ring, head, words) + words <= ring[RING_SIZE]


@kernel
def place(ring: Words, cls: int, words: int) -> int:
    """Offset of the next record, after a skip mark where one is needed; it must fit."""
    control = RING_CONTROL + cls * CONTROL_WORDS
    head, start = ring[control + RC_HEAD], RING_DATA + cls * ring[RING_SIZE]
    if skipped(ring, head, words) == 0:
        return start + (head & ring[RING_SIZE] - 1)
    ring[start + (head & ring[RING_SIZE] - 1) + R_SIZE] = 0
    return start


@kernel
def write_head(ring: Words, at: int, row: Words, key: Words, reason: int, max_len: int) -> None:
    ring[at + R_SIZE] = record_words(row[LENGTH])
    ring[at + R_REASON] = reason
    ring[at + R_TABLE] = row[TABLE]
    ring[at + R_COOKIE] = row[COOKIE]
    ring[at + R_IN_PORT] = row[IN_PORT]
    ring[at + R_PHY_PORT] = key[K_PORT] & 0xFFFFFFFF
    ring[at + R_METADATA] = row[METADATA]
    ring[at + R_TUNNEL_ID] = row[TUNNEL_ID]
    ring[at + R_MAX_LEN] = max_len
    ring[at + R_LENGTH] = row[LENGTH]
    ring[at + R_REGS] = row[REGS] & 1
    if row[REGS] & 1:
        for i in range(REG_WORDS + 1):
            ring[at + R_MARK + i] = row[MARK + i]


@kernel
def write_frame(ring: Words, at: int, mem: Bytes, row: Words) -> None:
    """Copy the frame behind the record's head and finish its checksum there: the frame itself may go on as it is."""
    scratch = view_words(address_of(ring, RING_SCRATCH), FRAME_WORDS)
    for i in range(FRAME_WORDS):
        scratch[i] = row[i]
    octets = view_bytes(address_of(ring, 0), len(ring) * 8)
    scratch[ADDR] = (at + RECORD_WORDS) * 8
    copy(octets, scratch[ADDR], mem, row[ADDR], row[LENGTH])
    complete(octets, scratch)


@kernel
def commit(ring: Words, cls: int, words: int, length: int) -> None:
    """Show the record to the control thread."""
    control = RING_CONTROL + cls * CONTROL_WORDS
    ring[control + RC_PACKETS] += 1
    ring[control + RC_BYTES] += length
    head = ring[control + RC_HEAD]
    store_release(ring, control + RC_HEAD, head + skipped(ring, head, words) + words)


@kernel
def refuse(ring: Words, cls: int, reason: int) -> int:
    ring[RING_CONTROL + cls * CONTROL_WORDS + RC_DROPS + reason] += 1
    return reason


@kernel
def punt(ring: Words, cls: int, mem: Bytes, row: Words, key: Words, now: int, reason: int, max_len: int) -> int:
    """Copy a packet to the worker's ring for the controller: 0, or why it was refused (PUNT_RATE, PUNT_FULL).

    `key` is any of the packet's flow keys (for in_phy_port), `max_len` that of the output action or -1. The frame
    stays the caller's. A GSO frame goes up whole: segment it first if the controller should see what the wire carries.
    """
    words = record_words(row[LENGTH])
    if not fits(ring, RING_CONTROL + cls * CONTROL_WORDS, words):
        return refuse(ring, cls, PUNT_FULL)
    if not punt_allowed(view_words(ring[RING_SHARED], CLASSES * SHARED_WORDS), cls, now):
        return refuse(ring, cls, PUNT_RATE)
    at = place(ring, cls, words)
    write_head(ring, at, row, key, reason, max_len)
    write_frame(ring, at, mem, row)
    commit(ring, cls, words, row[LENGTH])
    return 0


@kernel
def punt_more(
    ring: Words, cls: int, mem: Bytes, row: Words, key: Words, now: int, reason: int, max_len: int, more: Words,
    count: int,
) -> int:  # fmt: skip
    """As `punt`, with more[:count] behind the frame."""
    behind = record_words(row[LENGTH])
    words = behind + count
    if not fits(ring, RING_CONTROL + cls * CONTROL_WORDS, words):
        return refuse(ring, cls, PUNT_FULL)
    if not punt_allowed(view_words(ring[RING_SHARED], CLASSES * SHARED_WORDS), cls, now):
        return refuse(ring, cls, PUNT_RATE)
    at = place(ring, cls, words)
    write_head(ring, at, row, key, reason, max_len)
    write_frame(ring, at, mem, row)
    ring[at + R_SIZE], ring[at + R_REGS] = words, ring[at + R_REGS] | MORE
    for i in range(count):
        ring[at + behind + i] = more[i]
    commit(ring, cls, words, row[LENGTH])
    return 0


@kernel
def punt_message(ring: Words, cls: int, wire: Bytes, at: int, length: int, now: int, mark: int, limit: int) -> int:
    """Copy wire[at : at + length] to the ring, with two numbers in R_COOKIE and R_MAX_LEN; as `punt`."""
    words = record_words(length)
    if not fits(ring, RING_CONTROL + cls * CONTROL_WORDS, words):
        return refuse(ring, cls, PUNT_FULL)
    if not punt_allowed(view_words(ring[RING_SHARED], CLASSES * SHARED_WORDS), cls, now):
        return refuse(ring, cls, PUNT_RATE)
    place_at = place(ring, cls, words)
    ring[place_at + R_SIZE], ring[place_at + R_LENGTH] = words, length
    ring[place_at + R_COOKIE], ring[place_at + R_MAX_LEN] = mark, limit
    copy(view_bytes(address_of(ring, 0), len(ring) * 8), (place_at + RECORD_WORDS) * 8, wire, at, length)
    commit(ring, cls, words, length)
    return 0


@kernel
def punt_wakes(ring: Words) -> bool:
    """After punting, once in a breath: must the control thread be woken? True once for each time that it armed."""
    return exchange(ring, RING_ARMED, 0) != 0


@kernel
def punt_arm(ring: Words) -> bool:
    """Ask to be woken by the next punt. True if there is something to read already: then do not sleep."""
    exchange(ring, RING_ARMED, 1)
    for cls in range(CLASSES):
        control = RING_CONTROL + cls * CONTROL_WORDS
        if load_acquire(ring, control + RC_HEAD) != ring[control + RC_TAIL]:
            return True
    return False
