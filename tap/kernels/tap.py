"""Receive and transmit of a `tap` port: one read or write of /dev/net/tun for each frame (tuntap.rst).

The virtio-net header stands directly before the frame, in its headroom. A read goes into a small frame, and what is
more than that holds (GSO, jumbo) into a big one, at the place where it belongs: only the first piece is copied then.

Who writes: the worker of the queue the R_ columns.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import entry, kernel
from triplane.dataplane.kernels.machine import load64, store64, view_rows, view_words
from triplane.dataplane.kernels.packet import ADDR, BURST, FRAME_WORDS, LENGTH, PACKET_WORDS, PORT
from triplane.dataplane.kernels.pool import (
    BIG_ROOM,
    HEADROOM,
    POOL_MEM,
    POOL_WORDS,
    SMALL_ROOM,
    Words,
    take,
    take_one,
)
from triplane.dataplane.kernels.port import (
    P_FD,
    P_PRIVATE,
    P_RX_BYTES,
    P_RX_ERRORS,
    P_RX_PACKETS,
    P_RX_TRUNCATED,
    P_SLOT,
    P_TX_BYTES,
    P_TX_DROPPED,
    P_TX_ERRORS,
    P_TX_PACKETS,
    P_UP,
    PORT_WORDS,
)
from triplane.tap.kernels.frames import give_back
from triplane.tap.kernels.libc import EAGAIN, EBADFD, ENOBUFS, dup2, errno, memcpy, readv, write
from triplane.tap.kernels.vnet import VNET_LONG, load_vnet, store_long

R_SPARES = P_PRIVATE  # address of int64[BURST]: small frames kept ready
R_SPARE_COUNT = R_SPARES + 1
R_BIG = R_SPARE_COUNT + 1  # a big frame kept ready (its address after the headroom), -1: none
R_VECTORS = R_BIG + 1  # address of iovec[2]
T_FRAMES = R_VECTORS + 1  # address of int64[BURST]: frames to give back
P_NEVER = T_FRAMES + 1  # a descriptor that is never ready


@kernel
def gone(row: Words) -> None:
    """The device was deleted: put a descriptor that is never ready in place of the dead one, which always is."""
    dup2(row[P_NEVER], row[P_FD])
    row[P_UP] = 0


@kernel
def prepare(row: Words, pool: Words) -> int:
    """Have a small frame and if possible a big one ready; returns the address of the small one, or -1."""
    spares = view_words(row[R_SPARES], BURST)
    if row[R_SPARE_COUNT] == 0:
        row[R_SPARE_COUNT] = take(pool, False, spares, BURST)
        if row[R_SPARE_COUNT] == 0:
            return -1
    if row[R_BIG] < 0:
        row[R_BIG] = take_one(pool, BIG_ROOM)
    return spares[row[R_SPARE_COUNT] - 1] + HEADROOM


@kernel
def read_frame(row: Words, mem: int, small: int) -> int:
    """readv(2) into both frames; returns the length with the header, or what readv returned."""
    vectors, big = row[R_VECTORS], row[R_BIG]
    store64(vectors, mem + small - VNET_LONG)
    store64(vectors + 8, VNET_LONG + SMALL_ROOM)
    store64(vectors + 16, mem + big + SMALL_ROOM)
    store64(vectors + 24, BIG_ROOM - SMALL_ROOM)
    return readv(row[P_FD], vectors, 2 if big >= 0 else 1)


@kernel
def place(row: Words, mem: int, frame: Words, small: int, length: int) -> None:
    """Decide which of the two frames it is, and fill the columns."""
    load_vnet(frame, mem + small - VNET_LONG)
    frame[LENGTH] = length
    frame[PORT] = row[P_SLOT]
    if length <= SMALL_ROOM:
        frame[ADDR] = small
        row[R_SPARE_COUNT] -= 1
    else:
        frame[ADDR] = row[R_BIG]
        memcpy(mem + row[R_BIG], mem + small, SMALL_ROOM)
        row[R_BIG] = -1
    row[P_RX_BYTES] += length


@kernel
def read_error(row: Words) -> None:
    error = errno()
    if error == EAGAIN:
        return
    row[P_RX_ERRORS] += 1
    if error == EBADFD:
        gone(row)


@kernel
def receive_frames(row: Words, pool: Words, batch: Words, limit: int) -> int:
    done, mem = 0, pool[POOL_MEM]
    while done < limit:
        small = prepare(row, pool)
        if small < 0:
            break
        got = read_frame(row, mem, small)
        if got <= VNET_LONG:
            if got < 0:
                read_error(row)
            break
        if got == VNET_LONG + SMALL_ROOM and row[R_BIG] < 0:
            row[P_RX_TRUNCATED] += 1  # there may have been more, and no big frame was free
            continue
        place(row, mem, batch[done], small, got - VNET_LONG)
        done += 1
    row[P_RX_PACKETS] += done
    return done


@entry
def receive(row: int, pool: int, batch: int, limit: int) -> int:
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    return receive_frames(view_words(row, PORT_WORDS), words, view_rows(batch, limit, PACKET_WORDS), limit)


@kernel
def write_frame(row: Words, mem: int, frame: Words) -> bool:
    at = mem + frame[ADDR]
    store_long(frame, at)
    if write(row[P_FD], at - VNET_LONG, VNET_LONG + frame[LENGTH]) >= 0:
        row[P_TX_PACKETS] += 1
        row[P_TX_BYTES] += frame[LENGTH]
        return True
    error = errno()
    if error in (EAGAIN, ENOBUFS):
        row[P_TX_DROPPED] += 1
    else:
        row[P_TX_ERRORS] += 1
    if error == EBADFD:
        gone(row)
    return False


@kernel
def transmit_frames(row: Words, pool: Words, batch: Words, count: int) -> int:
    sent = 0
    for i in range(count):
        sent += write_frame(row, pool[POOL_MEM], batch[i])
    give_back(row[T_FRAMES], pool, batch, count)
    return sent


@entry
def transmit(row: int, pool: int, batch: int, count: int) -> int:
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    return transmit_frames(view_words(row, PORT_WORDS), words, view_rows(batch, count, FRAME_WORDS), count)
