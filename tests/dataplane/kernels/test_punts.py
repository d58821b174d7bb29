from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.punts import OraclePunts
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.packet import ADDR, LENGTH, PACKET_WORDS
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.punts import (
    PUNT_ACTION,
    PUNT_FULL,
    PUNT_LEARN,
    PUNT_MISS,
    PUNT_OTHER,
    PUNT_RATE,
    PUNT_TTL,
    punt,
    punt_arm,
    punt_class,
    punt_wakes,
)
from triplane.dataplane.tables.punts import CLASS_NAMES, PuntRate, PuntRings

SECOND = 10**9
KEY = np.zeros(KEY_WORDS, np.int64)
UNLIMITED = dict.fromkeys(CLASS_NAMES, PuntRate(0, 0))


def frame(data: bytes, addr: int = 3) -> tuple[Bytes, Words]:
    mem = np.frombuffer(bytes(addr) + data, np.uint8).copy()
    row = np.zeros(PACKET_WORDS, np.int64)
    row[ADDR], row[LENGTH] = addr, len(data)
    return mem, row


def told(data: bytes) -> bytes:
    """As the controller sees it: no shorter than an Ethernet frame."""
    return data.ljust(60, b"\0")


def put(rings: PuntRings, data: bytes, cls: int = 0, worker: int = 0, now: int = 0) -> int:
    mem, row = frame(data)
    return punt(rings.rings[worker], cls, mem, row, KEY, now, 0, -1)


punts = st.tuples(st.integers(0, 1), st.integers(0, PUNT_LEARN - 1), st.integers(1, 700), st.integers(0, SECOND // 100))
reads = st.none()


@given(
    st.lists(st.one_of(punts, punts, punts, reads), max_size=60),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 20)), min_size=PUNT_LEARN, max_size=PUNT_LEARN),
)
def test_what_goes_up_is_what_queues_would_hold(
    steps: list[tuple[int, int, int, int] | None], rates: list[tuple[int, int]]
) -> None:
    rings, oracle, now = PuntRings(2, 256), OraclePunts(2, 256, rates), 0
    rings.police({name: PuntRate(*rate) for name, rate in zip(CLASS_NAMES, rates, strict=False)}, 0)
    for number, step in enumerate([*steps, None]):
        if step is None:
            expected = sorted(told(data) for ring in oracle.rings.values() for data in ring.get_all())
            assert sorted(packet.data for packet in rings.read(1000)) == expected
            continue
        worker, cls, size, wait = step
        now += wait
        data = bytes((number + i) & 0xFF for i in range(size))
        assert put(rings, data, cls, worker, now) == oracle.punt(worker, cls, data, now)


def test_a_class_keeps_its_order() -> None:
    rings = PuntRings(1, 1024)
    rings.police(UNLIMITED, 0)
    sent = [bytes([i]) * (i * 7 % 90 + 1) for i in range(200)]
    got = []
    for data in sent:
        while put(rings, data) == PUNT_FULL:
            got += rings.read(3)
    got += rings.read(1000)
    assert [packet.data for packet in got] == [told(data) for data in sent]


def test_a_flood_of_one_class_leaves_the_others_alone() -> None:
    rings = PuntRings(2)
    rings.police({"miss": PuntRate(10, 5)}, 0)
    assert [put(rings, b"x", PUNT_MISS, worker=i % 2) for i in range(8)] == [0] * 5 + [PUNT_RATE] * 3
    assert put(rings, b"x", PUNT_ACTION) == 0
    assert put(rings, b"x", PUNT_MISS, now=SECOND // 10) == 0


def test_a_frame_longer_than_the_ring_is_refused() -> None:
    rings = PuntRings(1, 64)
    assert put(rings, bytes(43 * 8)) == 0
    rings.read(1)
    assert put(rings, bytes(43 * 8 + 1)) == PUNT_FULL


def test_classes_by_reason() -> None:
    actions = [PUNT_ACTION] * 3  # of an action set, a group, a packet-out
    assert [punt_class(reason) for reason in range(7)] == [PUNT_MISS, PUNT_ACTION, PUNT_TTL, *actions, PUNT_OTHER]


def test_the_control_thread_is_woken_once_for_each_time_it_arms() -> None:
    rings = PuntRings(1)
    ring = rings.rings[0]
    assert (put(rings, b"x"), punt_wakes(ring), punt_wakes(ring)) == (0, True, False)
    assert punt_arm(ring)
    rings.read(5)
    assert not punt_arm(ring)
    assert punt_wakes(ring)


def test_a_worker_and_the_control_thread_at_once() -> None:
    rings = PuntRings(1, 512)
    rings.police(UNLIMITED, 0)
    put(rings, b"compiled", PUNT_OTHER)
    rings.read(1)
    sent = [number.to_bytes(2, "big") * (number % 50 + 1) for number in range(2000)]
    got: list[bytes] = []

    def read() -> None:
        while len(got) < len(sent):
            got.extend(packet.data for packet in rings.read(7))

    reader = threading.Thread(target=read)
    reader.start()
    for data in sent:
        while put(rings, data) == PUNT_FULL:
            pass
    reader.join()
    assert got == [told(data) for data in sent]
