"""Receive and transmit of a `pcap` port, and the records that `record` writes: the libpcap file format.

A record is four 32-bit words, seconds, fraction, bytes that follow, bytes on the wire, and the frame. Input may be in
either byte order; output is in the machine's, with nanoseconds. The header is written directly before the frame.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import entry, kernel
from triplane.dataplane.kernels.machine import load32, load64, store32, view_rows, view_words
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_NONE,
    FRAME_WORDS,
    GSO_SIZE,
    GSO_TYPE,
    LENGTH,
    PACKET_WORDS,
    PORT,
)
from triplane.dataplane.kernels.pool import BIG_ROOM, POOL_MEM, POOL_WORDS, Words, give_one, take_one
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
from triplane.tap.kernels.libc import clock_gettime, dup2, pread, write

R_FILE = P_PRIVATE  # descriptor of the input, -1: none
R_OFFSET = R_FILE + 1  # where the next record begins
R_SWAP = R_OFFSET + 1  # 1: the input is in the other byte order
R_LOOPS = R_SWAP + 1  # passes over the file that are left, this one included
R_RECORD = R_LOOPS + 1  # address of four words of scratch
R_NEVER = R_RECORD + 1  # a descriptor that is never ready: behind P_FD once all is read
T_FILE = R_NEVER + 1  # descriptor of the output, -1: none
T_TIME = T_FILE + 1  # address of a struct timespec
T_FRAMES = T_TIME + 1  # address of int64[BURST]

FILE_HEADER = 24
RECORD_HEADER = 16
CLOCK_REALTIME = 0


@kernel
def swap32(value: int) -> int:
    return (value & 0xFF) << 24 | (value & 0xFF00) << 8 | value >> 8 & 0xFF00 | value >> 24


@kernel
def at_end(row: Words) -> bool:
    """The input has no whole record left: begin again, or be silent from now on; True when silent."""
    row[R_LOOPS] -= 1
    if row[R_LOOPS] > 0 and row[R_OFFSET] > FILE_HEADER:
        row[R_OFFSET] = FILE_HEADER
        return False
    row[R_LOOPS] = 0
    dup2(row[R_NEVER], row[P_FD])
    return True


@kernel
def read_header(row: Words) -> int:
    """Bytes of the record at R_OFFSET, -1 at the end of the file."""
    if pread(row[R_FILE], row[R_RECORD], RECORD_HEADER, row[R_OFFSET]) != RECORD_HEADER:
        return -1
    length = load32(row[R_RECORD] + 8)
    return swap32(length) if row[R_SWAP] else length


@kernel
def read_record(row: Words, pool: Words, frame: Words, length: int) -> bool:
    """The frame of the record at R_OFFSET, and on to the next one; False: no frame came of it."""
    start = row[R_OFFSET] + RECORD_HEADER
    row[R_OFFSET] = start + length
    addr = take_one(pool, length)
    if addr < 0:
        row[P_RX_TRUNCATED if length > BIG_ROOM else P_RX_DROPPED] += 1
        return False
    if pread(row[R_FILE], pool[POOL_MEM] + addr, length, start) != length:
        give_one(pool, addr)
        row[P_RX_ERRORS] += 1
        return False
    frame[ADDR], frame[LENGTH], frame[PORT] = addr, length, row[P_SLOT]
    frame[CSUM], frame[GSO_TYPE], frame[GSO_SIZE] = CSUM_NONE, 0, 0
    row[P_RX_PACKETS] += 1
    row[P_RX_BYTES] += length
    return True


@kernel
def receive_records(row: Words, pool: Words, batch: Words, limit: int) -> int:
    done = 0
    while done < limit and row[R_LOOPS] > 0:
        length = read_header(row)
        if length < 0:
            if at_end(row):
                break
        elif read_record(row, pool, batch[done], length):
            done += 1
        elif length <= BIG_ROOM:
            break
    return done


@entry
def receive(row: int, pool: int, batch: int, limit: int) -> int:
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    return receive_records(view_words(row, PORT_WORDS), words, view_rows(batch, limit, PACKET_WORDS), limit)


@kernel
def write_record(file: int, time: int, mem: int, frame: Words) -> bool:
    """Append `frame` to the file, stamped with the timespec at address `time`; its 16 bytes of headroom are lost."""
    at, length = mem + frame[ADDR], frame[LENGTH]
    store32(at - 16, load64(time))
    store32(at - 12, load64(time + 8))
    store32(at - 8, length)
    store32(at - 4, length)
    return write(file, at - RECORD_HEADER, RECORD_HEADER + length) == RECORD_HEADER + length


@kernel
def write_records(row: Words, mem: int, batch: Words, count: int) -> int:
    sent = 0
    clock_gettime(CLOCK_REALTIME, row[T_TIME])
    for i in range(count):
        if write_record(row[T_FILE], row[T_TIME], mem, batch[i]):
            row[P_TX_BYTES] += batch[i, LENGTH]
            sent += 1
    row[P_TX_PACKETS] += sent
    row[P_TX_ERRORS] += count - sent
    return sent


@entry
def transmit(row: int, pool: int, batch: int, count: int) -> int:
    port = view_words(row, PORT_WORDS)
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    frames = view_rows(batch, count, FRAME_WORDS)
    sent = 0
    if port[T_FILE] >= 0:
        sent = write_records(port, words[POOL_MEM], frames, count)
    else:
        port[P_TX_DROPPED] += count
    give_back(port[T_FRAMES], words, frames, count)
    return sent
