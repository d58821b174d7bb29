"""Port queues: up to PORT_QUEUES of each port, policed to their max-rate before a frame is put on transmit.

One int64 array, a row of Q_WORDS for each (port slot, place): int64[MAX_PORTS * PORT_QUEUES * Q_WORDS], all zero
without queues. A packet goes to the queue that set-queue chose (0 unless it did); on a port without such a queue
it is sent as if there were none.

Who writes: the control thread makes and removes rows; transmitting workers count under the row's spin lock.
A row is filled before its Q_ID is stored with release order.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.machine import load_acquire, store_release
from triplane.dataplane.kernels.packet import MAX_PORTS
from triplane.dataplane.kernels.pool import Words, lock, unlock
from triplane.dataplane.kernels.tokens import BITS, TOKEN_WORDS, tokens_set, tokens_take

PORT_QUEUES = 8

Q_ID = 0  # queue id + 1; 0 the row was never used: no more of this port follow; REMOVED
Q_LOCK = 1
Q_BUCKET = 2  # token bucket of the max-rate, in kbit/s; its rate is 0 when there is none
Q_PACKETS = Q_BUCKET + TOKEN_WORDS
Q_BYTES = Q_PACKETS + 1
Q_ERRORS = Q_BYTES + 1  # packets over the max-rate
Q_SINCE = Q_ERRORS + 1  # ns when it was made
Q_WORDS = 16

REMOVED = -1
BURST_SHARE = 10  # a queue's burst is a tenth of a second
LEAST_BURST = 65536 * 8 * BITS  # ... and no less than the longest frame


def make_queues() -> Words:
    return np.zeros(MAX_PORTS * PORT_QUEUES * Q_WORDS, np.int64)


@inlined
def queue_find(queues: Words, port: int, queue: int) -> int:
    """Offset of the row of a port's queue, or -1."""
    first = port * PORT_QUEUES * Q_WORDS
    for at in range(first, first + PORT_QUEUES * Q_WORDS, Q_WORDS):
        identifier = load_acquire(queues, at + Q_ID)
        if identifier == queue + 1:
            return at
        if identifier == 0:
            return -1
    return -1


@kernel
def queue_place(queues: Words, port: int) -> int:
    """Offset of a row that is free for a new queue, or -1."""
    first = port * PORT_QUEUES * Q_WORDS
    for at in range(first, first + PORT_QUEUES * Q_WORDS, Q_WORDS):
        if queues[at + Q_ID] <= 0:
            return at
    return -1


@kernel
def queue_set_rate(queues: Words, at: int, kbps: int, now: int) -> None:
    """Police to `kbps`, 0 for no limit; the bucket starts full."""
    lock(queues, at + Q_LOCK)
    burst = max(kbps * 1_000 * BITS // BURST_SHARE, LEAST_BURST)
    tokens_set(queues, at + Q_BUCKET, kbps, burst if kbps > 0 else 0, now)
    unlock(queues, at + Q_LOCK)


@kernel
def queue_make(queues: Words, port: int, queue: int, kbps: int, now: int) -> int:
    """A new queue that polices to `kbps` (0: no limit): its offset, or -1 when the port has PORT_QUEUES."""
    at = queue_place(queues, port)
    if at < 0:
        return -1
    queues[at + Q_PACKETS] = queues[at + Q_BYTES] = queues[at + Q_ERRORS] = 0
    queues[at + Q_SINCE] = now
    queue_set_rate(queues, at, kbps, now)
    store_release(queues, at + Q_ID, queue + 1)
    return at


@kernel
def queue_remove(queues: Words, at: int) -> None:
    store_release(queues, at + Q_ID, REMOVED)


@kernel
def queue_charge(queues: Words, at: int, packets: int, size: int, now: int) -> bool:
    """Count a frame, unless it is over the rate; holds the lock."""
    if queues[at + Q_BUCKET] > 0 and not tokens_take(queues, at + Q_BUCKET, size * 8 * BITS, now):
        queues[at + Q_ERRORS] += packets
        return False
    queues[at + Q_PACKETS] += packets
    queues[at + Q_BYTES] += size
    return True


@inlined
def queue_admit(queues: Words, port: int, queue: int, packets: int, size: int, now: int) -> bool:
    """May a frame of `size` bytes that stands for `packets` packets (GSO; else 1) be sent by this queue now?"""
    at = queue_find(queues, port, queue)
    if at < 0:
        return True
    lock(queues, at + Q_LOCK)
    admitted = queue_charge(queues, at, packets, size, now)
    unlock(queues, at + Q_LOCK)
    return admitted
