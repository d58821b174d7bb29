"""AF_XDP rings, driven from compiled code (linux/if_xdp.h, Documentation/networking/af_xdp.rst).

Four rings shared with the kernel: *receive* and *transmit* hold descriptors (address, length, options: 16 bytes),
*fill* and *done* (completion) hold addresses (8 bytes). An address is an offset in the UMEM, which is the
small part of the pool's memory, so it is the pool's own address, and a frame that came in by one xdp port leaves by
another untouched. Ring indices are free-running 32-bit counts; entries are a power of two.

Who writes: fill producer, receive consumer: the one worker that receives. Transmit producer, done consumer: whoever
holds P_LOCK. Their private columns lie in different cache lines.

Invariant: `owned` has one byte for each chunk of the UMEM: FREE here, TO_FILL while the kernel may receive
into it, TO_SEND while it may read from it. What the kernel hands back is believed only if that byte agrees, and
closing a port returns to the pool what is still marked.

A packet longer than a chunk comes as several descriptors (XDP_USE_SG), joined in a big slot; a big one leaves so too.
"""

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
    BURST,
    CSUM,
    CSUM_NONE,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    FRAME_WORDS,
    GSO_NONE,
    GSO_SIZE,
    GSO_TYPE,
    LENGTH,
    PACKET_WORDS,
    PORT,
)
from triplane.dataplane.kernels.pool import (
    BIG_ROOM,
    HEADROOM,
    POOL_MEM,
    POOL_MEM_SIZE,
    POOL_WORDS,
    SMALL_ROOM,
    SMALL_SHIFT,
    SMALL_SIZE,
    Bytes,
    Words,
    give,
    give_one,
    take,
    take_one,
)
from triplane.dataplane.kernels.port import (
    P_FD,
    P_PRIVATE,
    P_RX_BYTES,
    P_RX_DROPPED,
    P_RX_ERRORS,
    P_RX_PACKETS,
    P_RX_TRUNCATED,
    P_SLOT,
    P_TX_BYTES,
    P_TX_DROPPED,
    P_TX_ERRORS,
    P_TX_PACKETS,
    PORT_WORDS,
)
from triplane.tap.kernels.libc import EAGAIN, EBUSY, MSG_DONTWAIT, errno, getsockopt, memcpy, memmove, recv, sendto
from triplane.tap.kernels.partial import PARTIAL_NONE, partial_checksum

# set once, read by both sides
X_MASK = P_PRIVATE  # entries of each ring - 1
X_UMEM = X_MASK + 1  # bytes of the UMEM
X_OWNED = X_UMEM + 1  # address of uint8[chunks]
X_META = X_OWNED + 1  # bytes of transmit metadata before a frame, 0 if the kernel takes none
X_PARTIAL = X_META + 1  # 1: look for checksums that a virtual device left partial
X_SEGMENTS = X_PARTIAL + 1  # descriptors that one packet may take
X_TARGET = X_SEGMENTS + 1  # frames to keep in the fill ring
X_STATISTICS = X_TARGET + 1  # address of struct xdp_statistics and an int for its length
# receive side; *_AT are addresses
X_RX_PRODUCER_AT = P_PRIVATE + 8
X_RX_CONSUMER_AT = X_RX_PRODUCER_AT + 1
X_RX_RING_AT = X_RX_CONSUMER_AT + 1
X_FILL_PRODUCER_AT = X_RX_RING_AT + 1
X_FILL_FLAGS_AT = X_FILL_PRODUCER_AT + 1
X_FILL_RING_AT = X_FILL_FLAGS_AT + 1
X_RX_SCRATCH_AT = X_FILL_RING_AT + 1  # int64[SCRATCH]
X_RX_TAIL = X_RX_SCRATCH_AT + 1  # our count of receive descriptors consumed
X_FILL_HEAD = X_RX_TAIL + 1  # ... of fill entries produced
X_FILLED = X_FILL_HEAD + 1  # frames that the kernel holds for receiving
X_EMPTY = X_FILLED + 1  # receive calls in a row that found nothing
X_BURSTS = X_EMPTY + 1  # receive calls that found something
# transmit side
X_TX_PRODUCER_AT = P_PRIVATE + 24
X_TX_CONSUMER_AT = X_TX_PRODUCER_AT + 1
X_TX_FLAGS_AT = X_TX_CONSUMER_AT + 1
X_TX_RING_AT = X_TX_FLAGS_AT + 1
X_DONE_PRODUCER_AT = X_TX_RING_AT + 1
X_DONE_CONSUMER_AT = X_DONE_PRODUCER_AT + 1
X_DONE_RING_AT = X_DONE_CONSUMER_AT + 1
X_TX_SCRATCH_AT = X_DONE_RING_AT + 1  # int64[SCRATCH]
X_TX_HEAD = X_TX_SCRATCH_AT + 1  # our count of transmit descriptors produced
X_DONE_TAIL = X_TX_HEAD + 1  # ... of completions consumed

FREE = 0
TO_FILL = 1
TO_SEND = 2

SCRATCH = 256  # addresses moved between a ring and the pool at a time
KICKS = 16  # times to ask the kernel to send what it left in the ring for lack of budget or room
STATISTICS_BURSTS = 1024  # the kernel's drop counts are read once in so many bursts, and
STATISTICS_IDLE = 16  # when the port falls idle

MASK32 = 0xFFFFFFFF
SOL_XDP = 283
XDP_STATISTICS = 7
STATISTICS_BYTES = 48
STAT_RX_DROPPED = 0  # offsets in struct xdp_statistics
STAT_RX_RING_FULL = 24
XDP_RING_NEED_WAKEUP = 1
XDP_PKT_CONTD = 1  # descriptor options
XDP_TX_METADATA = 2
XDP_TXMD_FLAGS_CHECKSUM = 2  # struct xsk_tx_metadata: u64 flags, u16 csum_start, u16 csum_offset


# descriptors
@kernel
def slot_of(ring: int, mask: int, index: int) -> int:
    """Address of descriptor number `index`."""
    return ring + (index & mask) * 16


@kernel
def put(desc: int, addr: int, length: int, options: int) -> None:
    store64(desc, addr)
    store32(desc + 8, length)
    store32(desc + 12, options)


@kernel
def sound(row: Words, owned: Bytes, addr: int, state: int) -> bool:
    """Whether `addr`, from the kernel, is in a chunk that the kernel had in `state`."""
    return 0 <= addr < row[X_UMEM] and owned[addr >> SMALL_SHIFT] == state


# receiving
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


# transmitting
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
