"""Whole frames in their slots: open and close gaps, copy, pad. And what every rewrite returns.

A frame's bytes may move inside its slot; ADDR, LENGTH and CSUM_START follow. The layout columns do not:
a rewrite that changes the structure calls `layout` at its end, so that after every action they are right.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import copy, fill, move
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.packet import ADDR, CSUM, CSUM_PARTIAL, CSUM_START, LENGTH, PACKET_WORDS
from triplane.dataplane.kernels.pool import Bytes, Words, frame_base, frame_end, take_one

# what a rewrite returns
DONE = 0  # the key is stale (`fill_key` makes it new), the layout columns are right
ABSENT = 1  # the packet has no such header: nothing changed
EXPIRED = 2  # the TTL is, or would become, zero: nothing changed, the packet is to be dropped
NO_ROOM = 3  # the slot has no room for the header, or the pool no slot: nothing changed

SHORTEST = 60  # bytes of a frame on Ethernet, without FCS (IEEE 802.3 3.2.8)


@kernel
def insert(mem: Bytes, pool: Words, row: Words, at: int, count: int) -> int:
    """Open a gap of `count` bytes at offset `at`: into the headroom, else into what is free behind."""
    addr, length = row[ADDR], row[LENGTH]
    if addr - count >= frame_base(pool, addr):
        move(mem, addr - count, addr, at)
        row[ADDR] = addr - count
    elif addr + length + count <= frame_end(pool, addr):
        move(mem, addr + at + count, addr + at, length - at)
    else:
        return NO_ROOM
    row[LENGTH] = length + count
    if row[CSUM] == CSUM_PARTIAL:
        row[CSUM_START] += count
    return DONE


@kernel
def remove(mem: Bytes, row: Words, at: int, count: int) -> None:
    """Take out the `count` bytes at offset `at`."""
    addr = row[ADDR]
    move(mem, addr + count, addr, at)
    row[ADDR] = addr + count
    row[LENGTH] -= count
    if row[CSUM] == CSUM_PARTIAL:
        row[CSUM_START] -= count


@kernel
def copy_frame(mem: Bytes, pool: Words, source: Words, target: Words) -> int:
    """Copy a packet, bytes and all columns, into a slot of its own with full headroom."""
    addr = take_one(pool, source[LENGTH])
    if addr < 0:
        return NO_ROOM
    copy(mem, addr, mem, source[ADDR], source[LENGTH])
    for column in range(PACKET_WORDS):
        target[column] = source[column]
    target[ADDR] = addr
    return DONE


@kernel
def pad(mem: Bytes, pool: Words, row: Words) -> int:
    """Pad a frame with zeros to the 60 bytes that Ethernet asks for. Needs the frame columns only."""
    addr, length = row[ADDR], row[LENGTH]
    if length >= SHORTEST:
        return DONE
    last = frame_end(pool, addr) - SHORTEST
    if addr > last:
        move(mem, last, addr, length)
        addr = row[ADDR] = last
    fill(mem, addr + length, SHORTEST - length, 0)
    row[LENGTH] = SHORTEST
    return DONE
