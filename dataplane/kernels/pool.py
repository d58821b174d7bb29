"""The frame memory of a node and its free lists.

One uint8 memory, shared by all ports (the small part is the AF_XDP UMEM): SMALL frames of 2 KiB first,
then BIG ones for GSO and jumbo. `pool` is one int64 array: a header and two stacks of free frame
addresses. A frame's address may move inside its slot (headroom); `frame_base` finds the slot again.

Who writes: every worker and the control thread, under the spin lock in POOL_LOCK, a burst at a time.
Invariant: each slot is in exactly one place: a stack, a port's ring, or one packet row.
"""

from __future__ import annotations

import mmap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import exchange, store_release

Words = NDArray[np.int64]
Bytes = NDArray[np.uint8]

HEADROOM = 256  # bytes before a received frame; XDP_PACKET_HEADROOM
SMALL_SIZE = 2048
SMALL_SHIFT = 11
BIG_SIZE = 69632  # 64 KiB of GSO payload, headers, headroom; 17 pages
SMALL_ROOM = SMALL_SIZE - HEADROOM
BIG_ROOM = BIG_SIZE - HEADROOM

POOL_LOCK = 0
POOL_SMALL_TOP = 1  # free small frames
POOL_BIG_TOP = 2
POOL_SMALL_COUNT = 3  # all small frames
POOL_BIG_COUNT = 4
POOL_MEM = 5  # address of the memory, for system calls
POOL_MEM_SIZE = 6
POOL_BIG_START = 7  # offset of the first big frame
POOL_WORDS = 8  # length of this array
POOL_EMPTY = 9  # times a frame was asked for and none was free
POOL_STACKS = 16  # small stack, then the big one


class Pool(NamedTuple):
    """`mem` uint8[bytes], page-aligned; `pool` int64[...] as laid out above."""

    mem: Bytes
    pool: Words


def make_pool(small: int = 16384, big: int = 512) -> Pool:
    """A pool of `small` and `big` frames, all free. Memory is reserved, and used only once touched."""
    size = small * SMALL_SIZE + big * BIG_SIZE
    size += -size % mmap.PAGESIZE
    mem = np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), dtype=np.uint8)
    pool = np.zeros(POOL_STACKS + small + big, np.int64)
    pool[POOL_SMALL_TOP] = pool[POOL_SMALL_COUNT] = small
    pool[POOL_BIG_TOP] = pool[POOL_BIG_COUNT] = big
    pool[POOL_MEM], pool[POOL_MEM_SIZE] = mem.ctypes.data, size
    pool[POOL_BIG_START], pool[POOL_WORDS] = small * SMALL_SIZE, len(pool)
    pool[POOL_STACKS : POOL_STACKS + small] = np.arange(small)[::-1] * SMALL_SIZE
    pool[POOL_STACKS + small :] = small * SMALL_SIZE + np.arange(big)[::-1] * BIG_SIZE
    return Pool(mem, pool)


@kernel
def lock(words: Words, index: int) -> None:
    while exchange(words, index, 1) != 0:
        pass


@kernel
def unlock(words: Words, index: int) -> None:
    store_release(words, index, 0)


@kernel
def frame_base(pool: Words, addr: int) -> int:
    """Address of the slot that `addr` lies in."""
    start = pool[POOL_BIG_START]
    if addr < start:
        return addr >> SMALL_SHIFT << SMALL_SHIFT
    return start + (addr - start) // BIG_SIZE * BIG_SIZE


@kernel
def frame_end(pool: Words, addr: int) -> int:
    """First address past the slot that `addr` lies in."""
    return frame_base(pool, addr) + (SMALL_SIZE if addr < pool[POOL_BIG_START] else BIG_SIZE)


@kernel
def take(pool: Words, big: bool, out: Words, count: int) -> int:
    """Take up to `count` free slots into out[0:]; returns how many. Addresses are slot bases, no headroom added."""
    lock(pool, POOL_LOCK)
    index = POOL_BIG_TOP if big else POOL_SMALL_TOP
    stack = POOL_STACKS + (pool[POOL_SMALL_COUNT] if big else 0)
    got = min(count, pool[index])
    for i in range(got):
        out[i] = pool[stack + pool[index] - 1 - i]
    pool[index] -= got
    if got < count:
        pool[POOL_EMPTY] += 1
    unlock(pool, POOL_LOCK)
    return got


@kernel
def give(pool: Words, addrs: Words, count: int) -> None:
    """Return the slots that addrs[:count] lie in; each may be any address inside its slot."""
    lock(pool, POOL_LOCK)
    for i in range(count):
        base = frame_base(pool, addrs[i])
        big = base >= pool[POOL_BIG_START]
        index = POOL_BIG_TOP if big else POOL_SMALL_TOP
        stack = POOL_STACKS + (pool[POOL_SMALL_COUNT] if big else 0)
        pool[stack + pool[index]] = base
        pool[index] += 1
    unlock(pool, POOL_LOCK)


@kernel
def take_one(pool: Words, length: int) -> int:
    """A slot for a frame of `length` bytes: the address after its headroom, or -1."""
    lock(pool, POOL_LOCK)
    big = length > SMALL_ROOM
    index = POOL_BIG_TOP if big else POOL_SMALL_TOP
    addr = -1
    if length <= BIG_ROOM and pool[index] > 0:
        pool[index] -= 1
        addr = pool[POOL_STACKS + (pool[POOL_SMALL_COUNT] if big else 0) + pool[index]] + HEADROOM
    else:
        pool[POOL_EMPTY] += 1
    unlock(pool, POOL_LOCK)
    return addr


@kernel
def give_one(pool: Words, addr: int) -> None:
    lock(pool, POOL_LOCK)
    big = addr >= pool[POOL_BIG_START]
    index = POOL_BIG_TOP if big else POOL_SMALL_TOP
    pool[POOL_STACKS + (pool[POOL_SMALL_COUNT] if big else 0) + pool[index]] = frame_base(pool, addr)
    pool[index] += 1
    unlock(pool, POOL_LOCK)
