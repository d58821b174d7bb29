"""A port without a device: plays frames from memory and swallows what is sent, so that only the pipeline is timed."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.bench.frames import SLOT, Frames
from triplane.dataplane.kernels import port as p
from triplane.dataplane.kernels.compiler import entry
from triplane.dataplane.kernels.machine import load64, store64, view_rows, view_words
from triplane.dataplane.kernels.packet import (
    ADDR,
    BURST,
    CSUM,
    GSO_TYPE,
    LENGTH,
    PACKET_WORDS,
    PORT,
)
from triplane.dataplane.kernels.pool import HEADROOM, POOL_MEM, SMALL_SIZE, Pool, Words

TEMPLATES = p.P_PRIVATE  # address of the frames, SLOT bytes each
COUNT = TEMPLATES + 1
NEXT = COUNT + 1
LEFT = NEXT + 1  # frames still to play
FIRST = LEFT + 1  # address in the pool of the first of BURST frames
NO_FRAMES = np.zeros((0, SLOT), np.uint8)


@entry
def play(row: int, pool: int, batch: int, limit: int) -> int:
    """Write the next frames over the port's own slots: what a card's DMA would do."""
    port = view_words(row, p.PORT_WORDS)
    rows = view_rows(batch, limit, PACKET_WORDS)
    memory = load64(pool + 8 * POOL_MEM)
    count: int = min(limit, port[LEFT])
    at = port[NEXT]
    for i in range(count):
        addr = port[FIRST] + i * SMALL_SIZE + HEADROOM
        source = port[TEMPLATES] + at * SLOT
        for k in range(0, SLOT, 8):
            store64(memory + addr + k, load64(source + k))
        rows[i, ADDR], rows[i, LENGTH], rows[i, PORT], rows[i, CSUM], rows[i, GSO_TYPE] = addr, 60, port[p.P_SLOT], 0, 0
        at = at + 1 if at + 1 < port[COUNT] else 0
    port[NEXT] = at
    port[LEFT] -= count
    port[p.P_RX_PACKETS] += count
    return count


@entry
def swallow(row: int, pool: int, batch: int, count: int) -> int:
    """The frames stay the playing port's."""
    port = view_words(row, p.PORT_WORDS)
    port[p.P_TX_PACKETS] += count
    return count


class NullLink(NamedTuple):
    up: bool = True
    speed: int = 0
    max_speed: int = 0
    curr: int = 0
    advertised: int = 0
    supported: int = 0
    peer: int = 0


class NullPort:
    """An `OpenPort` of one queue."""

    def __init__(self, slot: int, pool: Pool, frames: Frames | Sequence[bytes] = NO_FRAMES) -> None:
        """`frames` have 60 bytes each; as an array, in rows of SLOT bytes."""
        self.name, self.slot, self.hw_addr = f"null{slot}", slot, bytes(6)
        row: Words = np.frombuffer(mmap.mmap(-1, 4096), np.int64)[: p.PORT_WORDS]
        row[p.P_FD], row[p.P_SLOT], row[p.P_MTU] = -1, slot, 9000
        row[p.P_RECEIVE], row[p.P_TRANSMIT] = play.address, swallow.address
        self.rows = [row]
        if not isinstance(frames, np.ndarray):
            frames = np.frombuffer(b"".join(frame.ljust(SLOT, b"\0") for frame in frames), np.uint8).reshape(-1, SLOT)
        self.templates = frames  # kept alive: the row has its address
        row[TEMPLATES] = frames.ctypes.data
        row[COUNT] = len(frames)
        row[FIRST] = slot * BURST * SMALL_SIZE  # never taken from the pool: make it large enough

    def play(self, packets: int) -> None:
        self.rows[0][LEFT] = packets

    def refresh(self) -> NullLink:
        return NullLink()

    def set_up(self, up: bool) -> None: ...
    def reopen(self) -> None: ...
    def close(self) -> None: ...
