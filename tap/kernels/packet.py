"""Receive and transmit of a `packet` port: AF_PACKET with a TPACKET_V2 receive ring (packet(7), packet_mmap.rst).

Received: the kernel copies each frame into a ring slot of RING_FRAME bytes, its virtio-net header before it. One
that is longer (GSO, jumbo) it keeps whole as well, to be read from the socket, in the same order (TP_STATUS_COPY).
Sent: small frames by the outbox (see there), others by sendmmsg, header and frame as one piece. A TPACKET transmit ring
is not used: the kernel gives its slot back while a receiver on the same machine may still read the bytes.

Who writes: the worker of the queue the R_ columns; whoever holds P_LOCK the T_ columns.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import entry, kernel
from triplane.dataplane.kernels.machine import (
    load32,
    load32_acquire,
    load64,
    store32,
    store32_release,
    store64,
    view_rows,
    view_words,
)
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_PARTIAL,
    CSUM_START,
    FRAME_WORDS,
    LENGTH,
    PACKET_WORDS,
    PORT,
)
from triplane.dataplane.kernels.pool import (
    BIG_ROOM,
    HEADROOM,
    POOL_MEM,
    POOL_WORDS,
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
from triplane.tap.kernels.frames import give_back
from triplane.tap.kernels.libc import (
    EAGAIN,
    EINTR,
    ENOBUFS,
    MSG_DONTWAIT,
    MSG_TRUNC,
    errno,
    getsockopt,
    memcpy,
    recv,
    sendmmsg,
)
from triplane.tap.kernels.outbox import O_FD, O_PENDING, fits, kick, post, send_pending
from triplane.tap.kernels.vnet import VNET_SHORT, load_vnet, store_short

R_RING = P_PRIVATE  # address of the receive ring, 0: none now
R_COUNT = R_RING + 1  # slots in it, a power of two
R_HEAD = R_COUNT + 1  # the slot to look at next
R_IDLE = R_HEAD + 1  # calls that found nothing
R_FRAMES = R_IDLE + 1  # address of int64[BURST]: frames taken from the pool
T_FRAMES = R_FRAMES + 1  # address of int64[BURST]: frames to give back
T_MESSAGES = T_FRAMES + 1  # address of mmsghdr[BURST], each pointing at its iovec
T_VECTORS = T_MESSAGES + 1  # address of iovec[BURST]

RING_FRAME = 2048
RING_SHIFT = 11
MESSAGE_BYTES = 64  # struct mmsghdr
VECTOR_BYTES = 16  # struct iovec

STATUS_USER = 1  # TP_STATUS_*, linux/if_packet.h
STATUS_COPY = 2
STATUS_LOSING = 4
STATUS_VLAN_VALID = 0x10
STATUS_TPID_VALID = 0x40
AT_STATUS, AT_LENGTH, AT_SNAPLEN, AT_MAC, AT_VLAN = 0, 4, 8, 12, 24  # struct tpacket2_hdr
TPID_8021Q = 0x8100

IDLE_CHECK = 1024  # idle calls between two looks for a pending error
SOL_SOCKET, SO_ERROR = 1, 4
SOL_PACKET, PACKET_STATISTICS = 263, 6


@kernel
def ready(row: Words, limit: int) -> int:
    """How many slots from R_HEAD on the kernel has filled, at most `limit`."""
    ring, head, mask = row[R_RING], row[R_HEAD], row[R_COUNT] - 1
    if ring == 0:
        return 0
    for i in range(limit):
        if load32_acquire(ring + ((head + i & mask) << RING_SHIFT)) & STATUS_USER == 0:
            return i
    return limit


@kernel
def clear_error(row: Words) -> None:
    """A socket whose device went down has an error pending, and poll(2) returns at once until it is read."""
    value = row[R_FRAMES]
    store64(value, 0)
    store64(value + 8, 4)
    getsockopt(row[P_FD], SOL_SOCKET, SO_ERROR, value, value + 8)
    if load32(value) != 0:
        row[P_RX_ERRORS] += 1


@kernel
def count_losses(row: Words) -> None:
    """Ask the kernel how many frames found the ring full; asking resets its count (struct tpacket_stats)."""
    value = row[R_FRAMES]
    store64(value, 0)
    store64(value + 8, 8)
    if getsockopt(row[P_FD], SOL_PACKET, PACKET_STATISTICS, value, value + 8) == 0:
        row[P_RX_DROPPED] += load32(value + 4)


@kernel
def insert_tag(mem: int, frame: Words, tag: int, tpid: int) -> None:
    """Put the VLAN tag that the kernel took out back behind the MAC addresses."""
    addr = mem + frame[ADDR]
    word, rest = load64(addr), load32(addr + 8)
    store64(addr - 4, word)
    store32(addr + 4, rest)
    store32(addr + 8, tpid >> 8 | (tpid & 0xFF) << 8 | (tag >> 8 & 0xFF) << 16 | (tag & 0xFF) << 24)
    frame[ADDR] -= 4
    frame[LENGTH] += 4
    if frame[CSUM] == CSUM_PARTIAL:
        frame[CSUM_START] += 4


@kernel
def receive_long(row: Words, pool: Words, frame: Words, length: int) -> bool:
    """A frame too long for the ring: from the socket into a big frame of the pool."""
    addr = take_one(pool, BIG_ROOM)
    if addr < 0:
        recv(row[P_FD], row[R_FRAMES], 1, MSG_DONTWAIT)
        row[P_RX_DROPPED] += 1
        return False
    at = pool[POOL_MEM] + addr
    got = recv(row[P_FD], at - VNET_SHORT, VNET_SHORT + BIG_ROOM, MSG_DONTWAIT | MSG_TRUNC)
    if got != length + VNET_SHORT or length > BIG_ROOM:
        give_one(pool, addr)
        row[P_RX_TRUNCATED] += 1
        return False
    frame[ADDR] = addr
    load_vnet(frame, at - VNET_SHORT)
    return True


@kernel
def receive_short(row: Words, pool: Words, frame: Words, slot: int, addr: int) -> bool:
    """Copy what the ring slot at address `slot` holds into the pool frame with base `addr`."""
    length = load32(slot + AT_LENGTH)
    if load32(slot + AT_SNAPLEN) < length:
        row[P_RX_TRUNCATED] += 1
        return False
    start = slot + (load32(slot + AT_MAC) & 0xFFFF)
    frame[ADDR] = addr + HEADROOM
    load_vnet(frame, start - VNET_SHORT)
    memcpy(pool[POOL_MEM] + addr + HEADROOM, start, length)
    return True


@kernel
def finish(row: Words, pool: Words, frame: Words, slot: int) -> None:
    """What both kinds of received frame have in common: length, port, VLAN tag, byte counter."""
    status = load32(slot)
    frame[LENGTH] = load32(slot + AT_LENGTH)
    frame[PORT] = row[P_SLOT]
    if status & STATUS_VLAN_VALID:
        word = load32(slot + AT_VLAN)
        insert_tag(pool[POOL_MEM], frame, word & 0xFFFF, word >> 16 if status & STATUS_TPID_VALID else TPID_8021Q)
    row[P_RX_BYTES] += frame[LENGTH]


@kernel
def receive_burst(row: Words, pool: Words, batch: Words, count: int) -> int:
    """Empty `count` filled slots; returns the packets that came of them."""
    spare = view_words(row[R_FRAMES], count)
    count = take(pool, False, spare, count)
    done, used, seen, mask = 0, 0, 0, row[R_COUNT] - 1
    for i in range(count):
        slot = row[R_RING] + ((row[R_HEAD] + i & mask) << RING_SHIFT)
        frame = batch[done]
        status = load32(slot)
        seen |= status
        if status & STATUS_COPY:
            good = receive_long(row, pool, frame, load32(slot + AT_LENGTH))
        else:
            good = receive_short(row, pool, frame, slot, spare[used])
            used += good
        if good:
            finish(row, pool, frame, slot)
            done += 1
        store32_release(slot, 0)
    row[R_HEAD] += count
    row[P_RX_PACKETS] += done
    if used < count:
        give(pool, view_words(row[R_FRAMES] + 8 * used, count - used), count - used)
    if seen & STATUS_LOSING:
        count_losses(row)
    return done


@kernel
def receive_ring(row: Words, pool: Words, batch: Words, limit: int) -> int:
    if row[O_PENDING]:
        send_pending(row)
    count = ready(row, limit)
    if count > 0:
        return receive_burst(row, pool, batch, count)
    row[R_IDLE] += 1
    if row[R_IDLE] & IDLE_CHECK - 1 == 0:
        clear_error(row)
    return 0


@entry
def receive(row: int, pool: int, batch: int, limit: int) -> int:
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    return receive_ring(view_words(row, PORT_WORDS), words, view_rows(batch, limit, PACKET_WORDS), limit)


@kernel
def fill_vectors(row: Words, mem: int, batch: Words, start: int, end: int) -> None:
    """Headers before the frames, and where each piece lies into its iovec."""
    for i in range(start, end):
        at = mem + batch[i, ADDR]
        store_short(batch[i], at)
        store64(row[T_VECTORS] + VECTOR_BYTES * i, at - VNET_SHORT)
        store64(row[T_VECTORS] + VECTOR_BYTES * i + 8, VNET_SHORT + batch[i, LENGTH])


@kernel
def account(row: Words, batch: Words, start: int, sent: int) -> None:
    """Count frames batch[start : start + sent] as sent."""
    row[P_TX_PACKETS] += sent
    for i in range(start, start + sent):
        row[P_TX_BYTES] += batch[i, LENGTH]


@kernel
def send_messages(row: Words, batch: Words, at: int, end: int) -> int:
    """sendmmsg until batch[at:end] is sent or the socket is full; a frame that it refuses is skipped."""
    sent = 0
    while at < end:
        got = int(sendmmsg(row[P_FD], row[T_MESSAGES] + MESSAGE_BYTES * at, end - at, MSG_DONTWAIT))
        if got > 0:
            account(row, batch, at, got)
            sent += got
            at += got
            continue
        error = errno()
        if error in (EAGAIN, ENOBUFS):
            row[P_TX_DROPPED] += end - at
            return sent
        if error != EINTR:
            row[P_TX_ERRORS] += 1
            at += 1
    return sent


@kernel
def misfits(row: Words, batch: Words, at: int, count: int) -> int:
    """The end of the run of frames from `at` on that the outbox does not take: that one, and all it cannot send."""
    at += 1
    while at < count and (row[O_FD] < 0 or not fits(row, batch[at])):
        at += 1
    return at


@kernel
def transmit_batch(row: Words, pool: Words, batch: Words, count: int) -> int:
    """In order: runs of frames by the outbox, runs of others by message."""
    at, sent, mem = 0, 0, pool[POOL_MEM]
    while at < count:
        posted = post(row, mem, batch, at, count)
        if posted > 0:
            sent += posted - kick(row)
            at += posted
        else:
            end = misfits(row, batch, at, count)
            fill_vectors(row, mem, batch, at, end)
            sent += send_messages(row, batch, at, end)
            at = end
    give_back(row[T_FRAMES], pool, batch, count)
    return sent


@entry
def transmit(row: int, pool: int, batch: int, count: int) -> int:
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    return transmit_batch(view_words(row, PORT_WORDS), words, view_rows(batch, count, FRAME_WORDS), count)
