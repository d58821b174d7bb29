"""The receive side of an xdp port, on the rings that `xdp_rings` lays out."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import entry, kernel
from triplane.dataplane.kernels.machine import (
    load32,
    load32_acquire,
    load64,
    prefetch,
    store32,
    store32_release,
    store64,
    view_bytes,
    view_rows,
    view_words,
)
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_NONE,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    GSO_NONE,
    GSO_SIZE,
    GSO_TYPE,
    LENGTH,
    PACKET_WORDS,
    PORT,
)
from triplane.dataplane.kernels.pool import (
    BIG_ROOM,
    POOL_MEM,
    POOL_MEM_SIZE,
    POOL_WORDS,
    SMALL_SHIFT,
    SMALL_SIZE,
    Bytes,
    Words,
    give_one,
    take,
    take_one,
)
from triplane.dataplane.kernels.port import (
    P_FD,
    P_RX_BYTES,
    P_RX_DROPPED,
    P_RX_ERRORS,
    P_RX_PACKETS,
    P_RX_TRUNCATED,
    P_SLOT,
    PORT_WORDS,
)
from triplane.tap.kernels.libc import MSG_DONTWAIT, getsockopt, memcpy, recv, sendto
from triplane.tap.kernels.partial import PARTIAL_NONE, partial_checksum
from triplane.tap.kernels.xdp_rings import (
    FREE,
    MASK32,
    SCRATCH,
    SOL_XDP,
    STAT_RX_DROPPED,
    STAT_RX_RING_FULL,
    STATISTICS_BURSTS,
    STATISTICS_BYTES,
    STATISTICS_IDLE,
    TO_FILL,
    X_BURSTS,
    X_EMPTY,
    X_FILL_FLAGS_AT,
    X_FILL_HEAD,
    X_FILL_PRODUCER_AT,
    X_FILL_RING_AT,
    X_FILLED,
    X_MASK,
    X_OWNED,
    X_PARTIAL,
    X_RX_CONSUMER_AT,
    X_RX_PRODUCER_AT,
    X_RX_RING_AT,
    X_RX_SCRATCH_AT,
    X_RX_TAIL,
    X_STATISTICS,
    X_TARGET,
    X_TX_CONSUMER_AT,
    X_TX_PRODUCER_AT,
    X_UMEM,
    XDP_PKT_CONTD,
    XDP_RING_NEED_WAKEUP,
    XDP_STATISTICS,
    slot_of,
    sound,
)


@kernel
def packet_pieces(row: Words, start: int, ready: int) -> int:
    """How many descriptors the packet at `start` has; 0 if its end is not there yet."""
    for i in range(ready):
        if load32(slot_of(row[X_RX_RING_AT], row[X_MASK], start + i) + 12) & XDP_PKT_CONTD == 0:
            return i + 1
    return 0


@kernel
def fetch_frames(row: Words, mem: Bytes, start: int, count: int) -> None:
    """Start loading the headers of the next frames: another core wrote them."""
    for i in range(count):
        prefetch(mem, load64(slot_of(row[X_RX_RING_AT], row[X_MASK], start + i)))


@kernel
def fill_columns(row: Words, pool: Words, out: Words, addr: int, length: int) -> None:
    out[ADDR] = addr
    out[LENGTH] = length
    out[PORT] = row[P_SLOT]
    out[CSUM] = CSUM_NONE
    out[GSO_TYPE] = GSO_NONE
    out[GSO_SIZE] = 0
    if row[X_PARTIAL]:
        found = partial_checksum(pool[POOL_MEM] + addr, length)
        if found != PARTIAL_NONE:
            out[CSUM] = CSUM_PARTIAL
            out[CSUM_START] = found >> 8
            out[CSUM_OFFSET] = found & 0xFF


@kernel
def claim(row: Words, pool: Words, owned: Bytes, desc: int) -> int:
    """Take the frame of a receive descriptor from the kernel: its length, or 0 if it cannot be right."""
    addr, length = load64(desc), load32(desc + 8)
    if not sound(row, owned, addr, TO_FILL):
        row[P_RX_ERRORS] += 1
        return 0
    owned[addr >> SMALL_SHIFT] = FREE
    row[X_FILLED] -= 1
    if length == 0 or (addr & (SMALL_SIZE - 1)) + length > SMALL_SIZE:
        give_one(pool, addr)
        row[P_RX_ERRORS] += 1
        return 0
    return length


@kernel
def receive_plain(row: Words, pool: Words, owned: Bytes, out: Words, desc: int) -> int:
    """One packet in one frame; returns 1 if it is good."""
    length = claim(row, pool, owned, desc)
    if length == 0:
        return 0
    fill_columns(row, pool, out, load64(desc), length)
    return 1


@kernel
def pieces_length(row: Words, start: int, pieces: int) -> int:
    total = 0
    for i in range(pieces):
        total += load32(slot_of(row[X_RX_RING_AT], row[X_MASK], start + i) + 8)
    return total


@kernel
def receive_pieces(row: Words, pool: Words, owned: Bytes, out: Words, start: int, pieces: int) -> int:
    """One packet in several frames: joined in a big slot, as headers must be contiguous. Returns 1 if it is good."""
    total = pieces_length(row, start, pieces)
    into = take_one(pool, total) if total <= BIG_ROOM else -1
    at = into
    good = into >= 0
    for i in range(pieces):
        desc = slot_of(row[X_RX_RING_AT], row[X_MASK], start + i)
        length = claim(row, pool, owned, desc)
        good = good and length > 0
        if good:
            memcpy(pool[POOL_MEM] + at, pool[POOL_MEM] + load64(desc), length)
            at += length
        if length > 0:
            give_one(pool, load64(desc))
    if good:
        fill_columns(row, pool, out, into, total)
        return 1
    if into >= 0:
        give_one(pool, into)
    elif total > BIG_ROOM:
        row[P_RX_TRUNCATED] += 1
    else:
        row[P_RX_DROPPED] += 1
    return 0


@kernel
def receive_packets(row: Words, pool: Words, rows: Words, ready: int, limit: int) -> int:
    """Packets from the receive ring into `rows`, at most `limit`; returns how many are good."""
    owned = view_bytes(row[X_OWNED], row[X_UMEM] >> SMALL_SHIFT)
    start = row[X_RX_TAIL]
    got = used = 0
    while got < limit and used < ready:
        pieces = packet_pieces(row, start + used, ready - used)
        if pieces == 0:
            break
        if pieces == 1:
            desc = slot_of(row[X_RX_RING_AT], row[X_MASK], start + used)
            got += receive_plain(row, pool, owned, rows[got], desc)
        else:
            got += receive_pieces(row, pool, owned, rows[got], start + used, pieces)
        used += pieces
    row[X_RX_TAIL] = start + used
    store32_release(row[X_RX_CONSUMER_AT], start + used)
    return got


@kernel
def count_received(row: Words, rows: Words, got: int) -> None:
    total = 0
    for i in range(got):
        total += rows[i, LENGTH]
    row[P_RX_PACKETS] += got
    row[P_RX_BYTES] += total


@kernel
def refill(row: Words, pool: Words) -> None:
    """Bring the fill ring up to its target with frames from the pool, and wake a driver that waits for some."""
    scratch = view_words(row[X_RX_SCRATCH_AT], SCRATCH)
    owned = view_bytes(row[X_OWNED], row[X_UMEM] >> SMALL_SHIFT)
    got = take(pool, False, scratch, min(row[X_TARGET] - row[X_FILLED], SCRATCH))
    head, ring, mask = row[X_FILL_HEAD], row[X_FILL_RING_AT], row[X_MASK]
    for i in range(got):
        owned[scratch[i] >> SMALL_SHIFT] = TO_FILL
        store64(ring + ((head + i) & mask) * 8, scratch[i])
    row[X_FILL_HEAD] = head + got
    row[X_FILLED] += got
    store32_release(row[X_FILL_PRODUCER_AT], head + got)
    if load32(row[X_FILL_FLAGS_AT]) & XDP_RING_NEED_WAKEUP:
        recv(row[P_FD], 0, 0, MSG_DONTWAIT)


@kernel
def read_statistics(row: Words) -> None:
    """What the kernel dropped for want of room: counts since the socket was bound, added to those before."""
    at = row[X_STATISTICS]
    before = load64(at + STAT_RX_DROPPED) + load64(at + STAT_RX_RING_FULL)
    store32(at + STATISTICS_BYTES, STATISTICS_BYTES)
    if getsockopt(row[P_FD], SOL_XDP, XDP_STATISTICS, at, at + STATISTICS_BYTES) == 0:
        row[P_RX_DROPPED] += load64(at + STAT_RX_DROPPED) + load64(at + STAT_RX_RING_FULL) - before


@kernel
def idle(row: Words, pool: Words) -> None:
    """Nothing received: see to a starved fill ring, and as the port falls idle to counts and unsent frames."""
    row[X_EMPTY] += 1
    if row[X_FILLED] < row[X_TARGET] // 2:
        refill(row, pool)
    if row[X_EMPTY] == STATISTICS_IDLE:
        read_statistics(row)
    if row[X_EMPTY] & (STATISTICS_IDLE - 1) == 0 and load32(row[X_TX_CONSUMER_AT]) != load32(row[X_TX_PRODUCER_AT]):
        sendto(row[P_FD], 0, 0, MSG_DONTWAIT, 0, 0)


@entry
def xdp_receive(row_at: int, pool_at: int, batch: int, limit: int) -> int:
    """See `dataplane.kernels.port`."""
    row = view_words(row_at, PORT_WORDS)
    pool = view_words(pool_at, load64(pool_at + 8 * POOL_WORDS))
    ready = (load32_acquire(row[X_RX_PRODUCER_AT]) - row[X_RX_TAIL]) & MASK32
    if ready == 0:
        idle(row, pool)
        return 0
    rows = view_rows(batch, limit, PACKET_WORDS)
    mem = view_bytes(load64(pool_at + 8 * POOL_MEM), load64(pool_at + 8 * POOL_MEM_SIZE))
    fetch_frames(row, mem, row[X_RX_TAIL], min(ready, limit))
    got = receive_packets(row, pool, rows, ready, limit)
    count_received(row, rows, got)
    refill(row, pool)
    row[X_EMPTY] = 0
    row[X_BURSTS] += 1
    if row[X_BURSTS] & (STATISTICS_BURSTS - 1) == 0:
        read_statistics(row)
    return got
