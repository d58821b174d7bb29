"""The outbox, with the test in the kernel's place where it decides what is sent."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels import packet
from triplane.dataplane.kernels import port as columns
from triplane.tap.kernels import outbox

FRAMES = outbox.OUTBOX_FRAMES


class Rings:
    """A row whose rings lie in this test's memory; `sent` is what the kernel would have taken."""

    def __init__(self) -> None:
        self.row = np.zeros(columns.PORT_WORDS, np.int64)
        self.memory = np.zeros(FRAMES << outbox.SLOT_SHIFT, np.uint8)
        self.descs = np.zeros((FRAMES, 2), np.int64)
        self.done = np.zeros(FRAMES, np.int64)
        self.indices = np.zeros(4, np.uint32)
        self.free = np.arange(FRAMES, dtype=np.int64) << outbox.SLOT_SHIFT
        at = self.indices.ctypes.data
        for column, value in (
            (outbox.O_FD, 1 << 20),
            (outbox.O_MEMORY, self.memory.ctypes.data),
            (outbox.O_RING, self.descs.ctypes.data),
            (outbox.O_PRODUCER, at),
            (outbox.O_CONSUMER, at + 4),
            (outbox.O_DONE, self.done.ctypes.data),
            (outbox.O_DONE_PRODUCER, at + 8),
            (outbox.O_DONE_CONSUMER, at + 12),
            (outbox.O_FREE, self.free.ctypes.data),
            (outbox.O_FREE_COUNT, FRAMES),
            (outbox.O_METADATA, 1),
            (columns.P_UP, 1),
        ):
            self.row[column] = value

    def take(self) -> list[tuple[bytes, bytes]]:
        """Play the kernel: consume all descriptors and complete them; returns metadata and bytes of each frame."""
        sent = []
        while self.indices[1] != np.uint32(self.row[outbox.O_NEXT]):
            address, word = (int(value) for value in self.descs[int(self.indices[1]) % FRAMES])
            length, options = word & 0xFFFFFFFF, word >> 32
            metadata = self.memory[address - 24 : address - 12].tobytes() if options else b""
            sent.append((metadata, self.memory[address : address + length].tobytes()))
            self.done[int(self.indices[2]) % FRAMES] = address
            for index in (1, 2):
                self.indices[index] = (int(self.indices[index]) + 1) & 0xFFFFFFFF
        return sent


LENGTHS = st.integers(14, 2000)
FRAME = st.tuples(LENGTHS, st.booleans(), st.sampled_from([0, 0, 0, packet.GSO_TCPV4]))


@given(st.lists(st.lists(FRAME, max_size=64), max_size=30), st.integers(0, 0xFFFFFFFF))
def test_frames_come_out_as_they_went_in(bursts: list[list[tuple[int, bool, int]]], start: int) -> None:
    """For any bursts, and any point where the 32-bit indices wrap."""
    rings, mem = Rings(), np.random.default_rng(1).integers(0, 256, 1 << 18, np.uint8)
    rings.indices[:] = start
    rings.row[outbox.O_NEXT] = start
    for burst in bursts:
        batch = np.zeros((64, packet.FRAME_WORDS), np.int64)
        for i, (length, partial, gso) in enumerate(burst):
            batch[i] = (i * 4096 + 256, length, 0, int(partial), 34, 16, gso, 0)
        at = 0
        while at < len(burst):
            taken = outbox.post(rings.row, mem.ctypes.data, batch, at, len(burst))
            wanted = 0
            while at + wanted < len(burst) and burst[at + wanted][0] <= outbox.SLOT_ROOM and not burst[at + wanted][2]:
                wanted += 1
            assert taken == wanted
            ask = b"\x02\0\0\0\0\0\0\0\x22\0\x10\0"
            frames = [mem[a : a + n].tobytes() for a, n in batch[at : at + taken, :2]]
            metadata = [ask if partial else b"" for _, partial, _ in burst[at : at + taken]]
            assert rings.take() == list(zip(metadata, frames, strict=True))
            at += taken or 1
    outbox.reclaim(rings.row)
    assert rings.row[outbox.O_FREE_COUNT] == FRAMES
    assert sorted(rings.free) == list(range(0, FRAMES << 11, 1 << 11)), "no slot lost, none twice"


def test_it_takes_no_more_than_it_has_slots() -> None:
    rings, mem = Rings(), np.zeros(1 << 12, np.uint8)
    batch = np.zeros((64, packet.FRAME_WORDS), np.int64)
    batch[:, :2] = (256, 60)
    taken = [outbox.post(rings.row, mem.ctypes.data, batch, 0, 64) for _ in range(FRAMES // 64 + 1)]
    assert taken == [64] * (FRAMES // 64) + [0]
    assert rings.row[columns.P_TX_PACKETS] == FRAMES
    rings.take()
    assert outbox.post(rings.row, mem.ctypes.data, batch, 0, 64) == 64


def test_a_partial_checksum_needs_metadata() -> None:
    rings, mem = Rings(), np.zeros(1 << 12, np.uint8)
    rings.row[outbox.O_METADATA] = 0
    batch = np.array([[256, 60, 0, packet.CSUM_PARTIAL, 34, 16, 0, 0]], np.int64)
    assert outbox.post(rings.row, mem.ctypes.data, batch, 0, 1) == 0
    batch[0, packet.CSUM] = packet.CSUM_VALID
    assert outbox.post(rings.row, mem.ctypes.data, batch, 0, 1) == 1


def test_a_port_that_is_down_posts_nothing() -> None:
    rings, mem = Rings(), np.zeros(1 << 12, np.uint8)
    batch = np.array([[256, 60, 0, 0, 0, 0, 0, 0]], np.int64)
    rings.row[columns.P_UP] = 0
    assert outbox.post(rings.row, mem.ctypes.data, batch, 0, 1) == 0


def test_what_a_broken_socket_left_is_tried_again() -> None:
    """A descriptor that is no socket: an error, frames stay in the ring, and the next receive tries again."""
    rings, mem = Rings(), np.zeros(1 << 12, np.uint8)
    batch = np.array([[256, 60, 0, 0, 0, 0, 0, 0]], np.int64)
    outbox.post(rings.row, mem.ctypes.data, batch, 0, 1)
    assert outbox.kick(rings.row) == 0
    assert rings.row[outbox.O_PENDING] == 1
    assert rings.row[columns.P_TX_ERRORS] == 1
    outbox.send_pending(rings.row)
    assert rings.row[columns.P_TX_ERRORS] == 2
    rings.take()
    outbox.send_pending(rings.row)
    assert rings.row[outbox.O_PENDING] == 0
    assert rings.row[columns.P_LOCK] == 0
