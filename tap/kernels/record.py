"""Receive and transmit of a `record` port: what passes the port within is appended to a capture file.

Two threads may write (receive, and transmit under P_LOCK): each record is one write(2) to a file opened for appending,
so records never mix.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import entry, kernel
from triplane.dataplane.kernels.machine import add, load64, view_rows, view_words
from triplane.dataplane.kernels.packet import FRAME_WORDS, PACKET_WORDS
from triplane.dataplane.kernels.pool import POOL_MEM, POOL_WORDS, Words
from triplane.dataplane.kernels.port import PORT_WORDS
from triplane.tap.kernels.libc import clock_gettime
from triplane.tap.kernels.pcap import CLOCK_REALTIME, write_record
from triplane.tap.kernels.wrap import W_PRIVATE, inner_receive, inner_transmit

W_FILE = W_PRIVATE  # descriptor of the capture file
W_RECEIVE_TIME = W_FILE + 1  # address of a struct timespec
W_TRANSMIT_TIME = W_RECEIVE_TIME + 1
W_UNWRITTEN = W_TRANSMIT_TIME + 1  # records that could not be written


@kernel
def record(row: Words, pool: Words, time: int, batch: Words, count: int) -> None:
    clock_gettime(CLOCK_REALTIME, time)
    for i in range(count):
        if not write_record(row[W_FILE], time, pool[POOL_MEM], batch[i]):
            add(row, W_UNWRITTEN, 1)


@entry
def receive(row: int, pool: int, batch: int, limit: int) -> int:
    port = view_words(row, PORT_WORDS)
    count = inner_receive(port, pool, batch, limit)
    if count > 0:
        words = view_words(pool, load64(pool + 8 * POOL_WORDS))
        record(port, words, port[W_RECEIVE_TIME], view_rows(batch, limit, PACKET_WORDS), count)
    return count


@entry
def transmit(row: int, pool: int, batch: int, count: int) -> int:
    port = view_words(row, PORT_WORDS)
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    record(port, words, port[W_TRANSMIT_TIME], view_rows(batch, count, FRAME_WORDS), count)
    return inner_transmit(port, pool, batch, count)
