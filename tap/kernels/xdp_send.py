"""The transmit side of an xdp port, on the rings that `xdp_rings` lays out."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import entry, kernel
from triplane.dataplane.kernels.machine import (
    load32_acquire,
    load64,
    store32_release,
    store64,
    view_bytes,
    view_rows,
    view_words,
)
from triplane.dataplane.kernels.packet import (
    ADDR,
    BURST,
    CSUM,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    FRAME_WORDS,
    LENGTH,
)
from triplane.dataplane.kernels.pool import (
    HEADROOM,
    POOL_MEM,
    POOL_WORDS,
    SMALL_ROOM,
    SMALL_SHIFT,
    SMALL_SIZE,
    Bytes,
    Words,
    give,
    give_one,
    take,
)
from triplane.dataplane.kernels.port import (
    P_FD,
    P_TX_BYTES,
    P_TX_DROPPED,
    P_TX_ERRORS,
    P_TX_PACKETS,
    PORT_WORDS,
)
from triplane.tap.kernels.libc import EAGAIN, EBUSY, MSG_DONTWAIT, errno, memcpy, memmove, sendto
from triplane.tap.kernels.xdp_rings import (
    FREE,
    KICKS,
    MASK32,
    SCRATCH,
    TO_SEND,
    X_DONE_CONSUMER_AT,
    X_DONE_PRODUCER_AT,
    X_DONE_RING_AT,
    X_DONE_TAIL,
    X_MASK,
    X_META,
    X_OWNED,
    X_SEGMENTS,
    X_TX_FLAGS_AT,
    X_TX_HEAD,
    X_TX_PRODUCER_AT,
    X_TX_RING_AT,
    X_TX_SCRATCH_AT,
    X_UMEM,
    XDP_PKT_CONTD,
    XDP_RING_NEED_WAKEUP,
    XDP_TX_METADATA,
    XDP_TXMD_FLAGS_CHECKSUM,
    put,
    slot_of,
    sound,
)


@kernel
def reclaim(row: Words, pool: Words) -> None:
    """Give the frames of the done ring back to the pool."""
    owned = view_bytes(row[X_OWNED], row[X_UMEM] >> SMALL_SHIFT)
    scratch = view_words(row[X_TX_SCRATCH_AT], SCRATCH)
    ready = (load32_acquire(row[X_DONE_PRODUCER_AT]) - row[X_DONE_TAIL]) & MASK32
    while ready > 0:
        count = min(ready, SCRATCH)
        give(pool, scratch, read_done(row, owned, scratch, count))
        ready -= count


@kernel
def read_done(row: Words, owned: Bytes, scratch: Words, count: int) -> int:
    """Take `count` entries off the done ring, those that are sound into `scratch`; returns how many are."""
    tail, ring, mask = row[X_DONE_TAIL], row[X_DONE_RING_AT], row[X_MASK]
    good = 0
    for i in range(count):
        addr = load64(ring + ((tail + i) & mask) * 8)
        if sound(row, owned, addr, TO_SEND):
            owned[addr >> SMALL_SHIFT] = FREE
            scratch[good] = addr
            good += 1
        else:
            row[P_TX_ERRORS] += 1
    row[X_DONE_TAIL] = tail + count
    store32_release(row[X_DONE_CONSUMER_AT], tail + count)
    return good


@kernel
def room(row: Words) -> int:
    """Descriptors that may be produced: the kernel reserves a done entry for each, so count until reclaimed."""
    return row[X_MASK] + 1 - (row[X_TX_HEAD] - row[X_DONE_TAIL])


@kernel
def ask_checksum(row: Words, pool: Words, frame: Words, addr: int) -> int:
    """Metadata before the frame that asks the kernel to complete its checksum; returns the descriptor's options."""
    if frame[CSUM] != CSUM_PARTIAL or row[X_META] == 0:
        return 0
    at = pool[POOL_MEM] + addr - row[X_META]
    store64(at, XDP_TXMD_FLAGS_CHECKSUM)
    store64(at + 8, frame[CSUM_START] | frame[CSUM_OFFSET] << 16)
    store64(at + 16, 0)
    return XDP_TX_METADATA


@kernel
def hand_over(row: Words, owned: Bytes, addr: int, length: int, options: int) -> None:
    owned[addr >> SMALL_SHIFT] = TO_SEND
    put(slot_of(row[X_TX_RING_AT], row[X_MASK], row[X_TX_HEAD]), addr, length, options)
    row[X_TX_HEAD] += 1


@kernel
def send_small(row: Words, pool: Words, owned: Bytes, frame: Words) -> bool:
    """A frame that lies in the UMEM goes as it is, unless pushed headers left no room for metadata."""
    addr, length = frame[ADDR], frame[LENGTH]
    offset = addr & (SMALL_SIZE - 1)
    if offset < row[X_META]:
        if length > SMALL_ROOM:
            return False
        memmove(pool[POOL_MEM] + addr - offset + HEADROOM, pool[POOL_MEM] + addr, length)
        addr += HEADROOM - offset
    hand_over(row, owned, addr, length, ask_checksum(row, pool, frame, addr))
    return True


@kernel
def send_big(row: Words, pool: Words, owned: Bytes, frame: Words) -> bool:
    """A frame outside the UMEM is copied into as many small ones as it takes."""
    length = frame[LENGTH]
    pieces = (length + SMALL_ROOM - 1) // SMALL_ROOM
    scratch = view_words(row[X_TX_SCRATCH_AT], SCRATCH)
    if pieces > row[X_SEGMENTS] or pieces > room(row):
        return False
    got = take(pool, False, scratch, pieces)
    if got < pieces:
        give(pool, scratch, got)
        return False
    options = ask_checksum(row, pool, frame, scratch[0] + HEADROOM)
    for i in range(pieces):
        part = min(length - i * SMALL_ROOM, SMALL_ROOM)
        memcpy(pool[POOL_MEM] + scratch[i] + HEADROOM, pool[POOL_MEM] + frame[ADDR] + i * SMALL_ROOM, part)
        more = XDP_PKT_CONTD if i + 1 < pieces else 0
        hand_over(row, owned, scratch[i] + HEADROOM, part, options | more)
        options = 0
    give_one(pool, frame[ADDR])
    return True


@kernel
def send_frame(row: Words, pool: Words, owned: Bytes, frame: Words) -> bool:
    """Put one frame on the ring; False if it cannot be, and then the frame is still the caller's."""
    if frame[LENGTH] <= 0 or room(row) <= 0:
        return False
    if frame[ADDR] < row[X_UMEM]:
        return send_small(row, pool, owned, frame)
    return send_big(row, pool, owned, frame)


@kernel
def kick(row: Words) -> None:
    """Ask the kernel to send. In copy mode the call is the sending, and stops after its budget or a dropped frame."""
    left = KICKS
    for _ in range(KICKS + BURST):
        if left == 0 or sendto(row[P_FD], 0, 0, MSG_DONTWAIT, 0, 0) >= 0:
            return
        reason = errno()
        if reason == EBUSY:  # the device dropped one, which counts as completed; go on with the next
            row[P_TX_DROPPED] += 1
        elif reason == EAGAIN:
            left -= 1
        else:
            row[P_TX_ERRORS] += 1
            return


@entry
def xdp_transmit(row_at: int, pool_at: int, batch: int, count: int) -> int:
    """See `dataplane.kernels.port`."""
    row = view_words(row_at, PORT_WORDS)
    pool = view_words(pool_at, load64(pool_at + 8 * POOL_WORDS))
    owned = view_bytes(row[X_OWNED], row[X_UMEM] >> SMALL_SHIFT)
    frames = view_rows(batch, count, FRAME_WORDS)
    if room(row) < count:
        reclaim(row, pool)
    sent = total = 0
    for i in range(count):
        if send_frame(row, pool, owned, frames[i]):
            sent += 1
            total += frames[i, LENGTH]
        else:
            give_one(pool, frames[i, ADDR])
    store32_release(row[X_TX_PRODUCER_AT], row[X_TX_HEAD])
    row[P_TX_PACKETS] += sent
    row[P_TX_BYTES] += total
    row[P_TX_DROPPED] += count - sent
    if load32_acquire(row[X_TX_FLAGS_AT]) & XDP_RING_NEED_WAKEUP:
        kick(row)
    reclaim(row, pool)
    return sent
