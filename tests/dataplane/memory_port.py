"""A port without a device: it plays frames from memory, and keeps what is sent by it."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels import port as p
from triplane.dataplane.kernels.bytes import copy
from triplane.dataplane.kernels.compiler import INTERPRETED, Entry, entry
from triplane.dataplane.kernels.machine import load64, view_bytes, view_rows, view_words
from triplane.dataplane.kernels.packet import (
    ADDR,
    BURST,
    CSUM,
    CSUM_NONE,
    FRAME_WORDS,
    GSO_NONE,
    GSO_TYPE,
    LENGTH,
    PACKET_WORDS,
    PORT,
)
from triplane.dataplane.kernels.pool import POOL_MEM, POOL_MEM_SIZE, POOL_WORDS, Words, give_one, take_one

FRAMES = p.P_PRIVATE  # address of the frames to play, SLOT bytes each: 8 of length, then the frame
COUNT = FRAMES + 1
NEXT = FRAMES + 2
LEFT = FRAMES + 3  # frames still to play
KEPT = FRAMES + 4  # address of what was sent: FRAME_WORDS words, then the frame in whole words
ROOM = FRAMES + 5  # words of it
USED = FRAMES + 6
SLOT = 2048


@entry
def play(row: int, pool: int, batch: int, limit: int) -> int:
    """Give the next frames, round and round."""
    port = view_words(row, p.PORT_WORDS)
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    mem = view_bytes(words[POOL_MEM], words[POOL_MEM_SIZE])
    rows = view_rows(batch, BURST, PACKET_WORDS)
    made = 0
    while made < min(limit, port[LEFT]):
        source = port[FRAMES] + port[NEXT] * SLOT
        length = load64(source)
        addr = take_one(words, length)
        if addr < 0:
            break
        copy(mem, addr, view_bytes(source, SLOT), 8, length)
        rows[made, ADDR], rows[made, LENGTH], rows[made, PORT] = addr, length, port[p.P_SLOT]
        rows[made, CSUM], rows[made, GSO_TYPE] = CSUM_NONE, GSO_NONE
        port[NEXT] = (port[NEXT] + 1) % port[COUNT]
        port[p.P_RX_PACKETS] += 1
        made += 1
    port[LEFT] -= made
    return made


@entry
def keep(row: int, pool: int, batch: int, count: int) -> int:
    """Copy what is sent to the port's own memory while there is room, and count it in any case."""
    port = view_words(row, p.PORT_WORDS)
    words = view_words(pool, load64(pool + 8 * POOL_WORDS))
    mem = view_bytes(words[POOL_MEM], words[POOL_MEM_SIZE])
    rows = view_rows(batch, count, FRAME_WORDS)
    for i in range(count):
        length = rows[i, LENGTH]
        need = FRAME_WORDS + ((length + 7) >> 3)
        if port[USED] + need <= port[ROOM]:
            kept = view_words(port[KEPT], port[ROOM])
            for column in range(FRAME_WORDS):
                kept[port[USED] + column] = rows[i, column]
            copy(view_bytes(port[KEPT], port[ROOM] * 8), (port[USED] + FRAME_WORDS) * 8, mem, rows[i, ADDR], length)
            port[USED] += need
        give_one(words, rows[i, ADDR])
        port[p.P_TX_PACKETS] += 1
        port[p.P_TX_BYTES] += length
    return count


CALL = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
CALLBACKS = [CALL(kernel.function) for kernel in (play, keep)] if INTERPRETED else []


def address(kernel: Entry) -> int:
    """Where the kernel is called; interpreted, where ctypes calls the Python function."""
    if not INTERPRETED:
        return kernel.address
    return ctypes.cast(CALLBACKS[0 if kernel is play else 1], ctypes.c_void_p).value or 0


class Link(NamedTuple):
    up: bool = True
    speed: int = 0
    max_speed: int = 0
    curr: int = 0
    advertised: int = 0
    supported: int = 0
    peer: int = 0


class Sent(NamedTuple):
    """A frame as it was handed over, with its frame columns."""

    data: bytes
    frame: tuple[int, ...]

    def column(self, number: int) -> int:
        return self.frame[number]


class MemoryPort:
    """An `OpenPort`. `room`: words for what is sent; 0 counts only."""

    def __init__(self, slot: int, *, queues: int = 1, caps: int = 0, mtu: int = 65535, room: int = 1 << 18) -> None:
        self.name, self.slot, self.hw_addr = f"memory{slot}", slot, bytes([2, 0, 0, 0, 0, slot])
        memory = np.frombuffer(mmap.mmap(-1, queues * p.PORT_WORDS * 8), np.int64)
        self.rows: list[Words] = [memory[i * p.PORT_WORDS : (i + 1) * p.PORT_WORDS] for i in range(queues)]
        self.kept = [np.zeros(max(room, 1), np.int64) for _ in self.rows]
        self.up, self.closed = True, False
        self._frames = np.zeros(SLOT, np.uint8)
        for row, kept in zip(self.rows, self.kept, strict=True):
            row[p.P_FD], row[p.P_SLOT], row[p.P_CAPS], row[p.P_MTU] = -1, slot, caps, mtu
            row[p.P_RECEIVE], row[p.P_TRANSMIT] = address(play), address(keep)
            row[KEPT], row[ROOM] = kept.ctypes.data, room

    def play(self, frames: Sequence[bytes], count: int | None = None) -> None:
        """Let each queue receive the frames, `count` in all if they are to come round and round."""
        laid = b"".join((len(frame).to_bytes(8, "little") + frame).ljust(SLOT, b"\0") for frame in frames)
        self._frames = np.frombuffer(bytearray(laid), np.uint8)
        for row in self.rows:
            row[FRAMES], row[COUNT], row[NEXT] = self._frames.ctypes.data, len(frames), 0
            row[LEFT] = len(frames) if count is None else count

    def sent(self) -> list[Sent]:
        """What was sent since this was last called."""
        return [frame for row, kept in zip(self.rows, self.kept, strict=True) for frame in _read(row, kept)]

    def total(self, column: int) -> int:
        """A counter (P_*), of all queues."""
        return sum(int(row[column]) for row in self.rows)

    def refresh(self) -> Link:
        return Link(self.up)

    def set_up(self, up: bool) -> None:
        self.up = up

    def reopen(self) -> None: ...

    def close(self) -> None:
        self.closed = True


def _read(row: Words, kept: Words) -> list[Sent]:
    found, at, used = [], 0, int(row[USED])
    octets = kept.view(np.uint8)
    while at < used:
        frame = tuple(int(word) for word in kept[at : at + FRAME_WORDS])
        start, length = (at + FRAME_WORDS) * 8, frame[LENGTH]
        found.append(Sent(octets[start : start + length].tobytes(), frame))
        at += FRAME_WORDS + (length + 7) // 8
    row[USED] = 0
    return found
