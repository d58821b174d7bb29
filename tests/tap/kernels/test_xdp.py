"""The xdp port's kernels on rings of ordinary memory, in which the test plays the kernel."""

import numpy as np

from tests.tap.rig import run_entry
from triplane.dataplane.kernels import packet
from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.pool import POOL_BIG_TOP, POOL_SMALL_TOP, SMALL_SIZE, Pool, make_pool
from triplane.tap.kernels import xdp as kernels
from triplane.tap.kernels import xdp_rings as rings

BURST = packet.BURST
SMALL, BIG = 4096, 16


class Rings:
    """A port's row, and its rings."""

    def __init__(self, pool: Pool, entries: int = 64) -> None:
        self.pool = pool
        self.row = np.zeros(columns.PORT_WORDS, np.int64)
        self.owned = np.zeros(SMALL, np.uint8)
        self.words = np.zeros(2 * rings.SCRATCH + 8, np.int64)
        self.counts = np.zeros(16, np.int64)
        self.rx, self.tx = np.zeros((2, entries, 2), np.int64)
        self.fill, self.done = np.zeros((2, entries), np.int64)
        base, row = self.counts.ctypes.data, self.row
        row[columns.P_FD] = -1
        row[rings.X_MASK], row[rings.X_UMEM], row[rings.X_SEGMENTS] = entries - 1, SMALL * SMALL_SIZE, 17
        row[rings.X_OWNED], row[rings.X_TARGET] = self.owned.ctypes.data, 16
        row[rings.X_RX_SCRATCH_AT] = self.words.ctypes.data
        row[rings.X_TX_SCRATCH_AT] = self.words.ctypes.data + 8 * rings.SCRATCH
        row[rings.X_STATISTICS] = self.words.ctypes.data + 16 * rings.SCRATCH
        for i, column in enumerate(
            ("RX_PRODUCER", "RX_CONSUMER", "FILL_PRODUCER", "FILL_FLAGS", "TX_PRODUCER", "TX_CONSUMER", "TX_FLAGS")
        ):
            row[getattr(rings, f"X_{column}_AT")] = base + 8 * i
        row[rings.X_DONE_PRODUCER_AT], row[rings.X_DONE_CONSUMER_AT] = base + 64, base + 72
        row[rings.X_RX_RING_AT], row[rings.X_TX_RING_AT] = self.rx.ctypes.data, self.tx.ctypes.data
        row[rings.X_FILL_RING_AT], row[rings.X_DONE_RING_AT] = self.fill.ctypes.data, self.done.ctypes.data

    def receive(self) -> np.ndarray:
        batch = np.zeros((BURST, packet.PACKET_WORDS), np.int64)
        where = (self.row.ctypes.data, self.pool.pool.ctypes.data, batch.ctypes.data)
        return batch[: run_entry(kernels.xdp_receive.address, *where, BURST)]

    def hand(self, *descriptors: tuple[int, int, int]) -> None:
        """Received, as the kernel tells it: address, length, options."""
        for addr, length, options in descriptors:
            self.rx[self.counts[0] % len(self.rx)] = addr, length | options << 32
            self.counts[0] += 1


def test_descriptors_are_not_trusted() -> None:
    pool = make_pool(SMALL, BIG)
    fake = Rings(pool)
    assert len(fake.receive()) == 0, "finds nothing, fills"
    assert fake.row[rings.X_FILLED] == fake.counts[2] == 16
    a, b, c, d = (int(addr) for addr in fake.fill[:4])
    free = next(addr for addr in range(0, SMALL * SMALL_SIZE, SMALL_SIZE) if addr not in fake.fill[:16])
    fake.hand((a + 256, 60, 0), (SMALL * SMALL_SIZE + 256, 60, 0), (-256, 60, 0), (1 << 62, 60, 0), (free, 60, 0))
    fake.hand((b + 256, 0, 0), (c + 256, 1793, 0), (a + 256, 60, 0), (d + 256, 1792, 0))
    got = fake.receive()
    assert [(row[packet.ADDR], row[packet.LENGTH]) for row in got] == [(a + 256, 60), (d + 256, 1792)]
    assert fake.row[columns.P_RX_ERRORS] == 7
    assert fake.row[columns.P_RX_PACKETS] == 2
    assert fake.row[rings.X_FILLED] == fake.owned.sum() == 16, "what was taken or refused is replaced"
    assert pool.pool[POOL_SMALL_TOP] == SMALL - 16 - 2


def test_pieces_are_joined_when_the_last_is_there() -> None:
    pool = make_pool(SMALL, BIG)
    fake = Rings(pool)
    fake.receive()
    first, second, third = (int(addr) + 256 for addr in fake.fill[:3])
    pool.mem[first : first + 1792], pool.mem[second : second + 100], pool.mem[third] = 1, 2, 3
    fake.hand((first, 1792, 1), (second, 100, 1))
    assert len(fake.receive()) == 0
    fake.hand((third, 1, 0))
    (row,) = fake.receive()
    data = pool.mem[row[packet.ADDR] : row[packet.ADDR] + row[packet.LENGTH]]
    assert data.tobytes() == b"\1" * 1792 + b"\2" * 100 + b"\3"
    assert (pool.pool[POOL_SMALL_TOP], pool.pool[POOL_BIG_TOP]) == (SMALL - 16, BIG - 1)


def test_ring_counts_wrap_at_32_bits() -> None:
    pool = make_pool(SMALL, BIG)
    fake = Rings(pool)
    near = (1 << 32) - 8
    fake.row[rings.X_RX_TAIL] = fake.row[rings.X_FILL_HEAD] = near
    fake.counts[:3] = near
    fake.receive()
    for i in range(16):
        fake.hand((int(fake.fill[(near + i) % 64]) + 256, 60 + i, 0))
    fake.counts[0] &= 0xFFFFFFFF
    assert [row[packet.LENGTH] for row in fake.receive()] == list(range(60, 76))
    assert fake.counts[1] & 0xFFFFFFFF == 8
