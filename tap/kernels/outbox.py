"""The outbox of a `packet` port: an AF_XDP socket in copy mode that only sends (af_xdp.rst).

It sends small frames about half as dear as sendmsg(2) does: one system call walks the ring, and no header, address or
vector of each message is read. No XDP program is attached, so the device keeps its offloads. Frames are copied into
memory of its own, so that the pool's frame is free at once, however long a receiver keeps the packet.

Who writes: whoever holds P_LOCK. Invariant: each slot is in the free stack, in the send ring, or with the kernel.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import (
    load32,
    load32_acquire,
    load64,
    store32,
    store32_release,
    store64,
    view_words,
)
from triplane.dataplane.kernels.packet import ADDR, CSUM, CSUM_OFFSET, CSUM_PARTIAL, CSUM_START, GSO_TYPE, LENGTH
from triplane.dataplane.kernels.pool import Words, lock, unlock
from triplane.dataplane.kernels.port import (
    P_LOCK,
    P_PRIVATE,
    P_TX_BYTES,
    P_TX_DROPPED,
    P_TX_ERRORS,
    P_TX_PACKETS,
    P_UP,
)
from triplane.tap.kernels.libc import EAGAIN, EBUSY, EINTR, MSG_DONTWAIT, errno, memcpy, sendto

O_FD = P_PRIVATE + 16  # the socket, -1: none
O_MEMORY = O_FD + 1  # address of its frames
O_RING = O_MEMORY + 1  # address of the send ring's struct xdp_desc
O_PRODUCER = O_RING + 1  # addresses of its indices
O_CONSUMER = O_PRODUCER + 1
O_DONE = O_CONSUMER + 1  # address of the completion ring's entries
O_DONE_PRODUCER = O_DONE + 1
O_DONE_CONSUMER = O_DONE_PRODUCER + 1
O_NEXT = O_DONE_CONSUMER + 1  # our producer index
O_FREE = O_NEXT + 1  # address of int64[OUTBOX_FRAMES]: free slots
O_FREE_COUNT = O_FREE + 1
O_METADATA = O_FREE_COUNT + 1  # 1: the kernel completes checksums that the metadata asks for (Linux 6.8)
O_PENDING = O_METADATA + 1  # 1: the device was busy, and frames are left in the ring

OUTBOX_FRAMES = 512  # also the length of both rings
SLOT_SHIFT = 11
SLOT_START = 256  # of a frame in its slot; metadata before it
SLOT_ROOM = (1 << SLOT_SHIFT) - SLOT_START
METADATA_BYTES = 24  # struct xsk_tx_metadata
METADATA_CHECKSUM = 2  # XDP_TXMD_FLAGS_CHECKSUM
DESC_METADATA = 2  # XDP_TX_METADATA
MASK32 = 0xFFFFFFFF


@kernel
def fits(row: Words, frame: Words) -> bool:
    """Whether the outbox can send this frame."""
    if frame[GSO_TYPE] != 0 or frame[LENGTH] > SLOT_ROOM:
        return False
    return frame[CSUM] != CSUM_PARTIAL or row[O_METADATA] != 0


@kernel
def reclaim(row: Words) -> None:
    """Take back the slots of frames that were sent."""
    free = view_words(row[O_FREE], OUTBOX_FRAMES)
    at, end, count = load32(row[O_DONE_CONSUMER]), load32_acquire(row[O_DONE_PRODUCER]), row[O_FREE_COUNT]
    while at != end:
        free[count] = load64(row[O_DONE] + ((at & OUTBOX_FRAMES - 1) << 3)) >> SLOT_SHIFT << SLOT_SHIFT
        count += 1
        at = at + 1 & MASK32
    row[O_FREE_COUNT] = count
    store32_release(row[O_DONE_CONSUMER], at)


@kernel
def ask_checksum(frame: Words, at: int) -> int:
    """Metadata for the frame at address `at`; returns the descriptor's options."""
    if frame[CSUM] != CSUM_PARTIAL:
        return 0
    store64(at - METADATA_BYTES, METADATA_CHECKSUM)
    store64(at - METADATA_BYTES + 8, frame[CSUM_START] | frame[CSUM_OFFSET] << 16)
    return DESC_METADATA


@kernel
def enqueue(row: Words, mem: int, frame: Words) -> None:
    """Copy a frame into a free slot and the slot into the ring; there must be one."""
    row[O_FREE_COUNT] -= 1
    slot = load64(row[O_FREE] + 8 * row[O_FREE_COUNT]) + SLOT_START
    memcpy(row[O_MEMORY] + slot, mem + frame[ADDR], frame[LENGTH])
    desc = row[O_RING] + ((row[O_NEXT] & OUTBOX_FRAMES - 1) << 4)
    store64(desc, slot)
    store32(desc + 8, frame[LENGTH])
    store32(desc + 12, ask_checksum(frame, row[O_MEMORY] + slot))
    row[O_NEXT] = row[O_NEXT] + 1 & MASK32
    row[P_TX_PACKETS] += 1
    row[P_TX_BYTES] += frame[LENGTH]


@kernel
def uncount(row: Words, at: int) -> None:
    """The device refused the frame before ring index `at`: it was not sent after all."""
    desc = row[O_RING] + ((at - 1 & OUTBOX_FRAMES - 1) << 4)
    row[P_TX_PACKETS] -= 1
    row[P_TX_BYTES] -= load32(desc + 8)
    row[P_TX_DROPPED] += 1


@kernel
def kick(row: Words) -> int:
    """Have the kernel send what is in the ring; returns how many frames the device refused."""
    store32_release(row[O_PRODUCER], row[O_NEXT])
    at, refused = load32_acquire(row[O_CONSUMER]), 0
    row[O_PENDING] = 0
    while at != row[O_NEXT]:
        result = sendto(row[O_FD], 0, 0, MSG_DONTWAIT, 0, 0)
        error = 0 if result >= 0 else errno()
        before, at = at, load32_acquire(row[O_CONSUMER])
        if error == EBUSY and at != before:
            uncount(row, at)
            refused += 1
        elif at == before and error != EINTR:
            row[P_TX_ERRORS] += error != EAGAIN
            row[O_PENDING] = 1
            break
    return refused


@kernel
def send_pending(row: Words) -> None:
    """Try again with what a busy device left; the worker of the queue does so at each receive."""
    lock(row, P_LOCK)
    if row[O_FD] >= 0 and row[O_PENDING]:
        kick(row)
    unlock(row, P_LOCK)


@kernel
def post(row: Words, mem: int, batch: Words, start: int, count: int) -> int:
    """Send frames from batch[start] on, as long as they fit and slots are free; returns how many it took."""
    if row[O_FD] < 0 or row[P_UP] == 0 or not fits(row, batch[start]):
        return 0
    reclaim(row)
    end = min(count, start + row[O_FREE_COUNT])
    at = start
    while at < end and fits(row, batch[at]):
        enqueue(row, mem, batch[at])
        at += 1
    return at - start
