"""The packet port where things run short: frames, buffers, room on the way out."""

import select
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from pyroute2 import IPRoute

from tests.tap.rig import (
    HOST_A,
    SWITCH,
    cable,
    drain,
    frame_bytes,
    give_all,
    is_full,
    raw_socket,
    receive,
    receive_raw,
    transmit,
)
from triplane.dataplane.kernels import packet
from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.pool import Pool, make_pool, take_one
from triplane.tap import namespaces as ns
from triplane.tap.port import Port, PortSpec, open_port

HEADER = bytes.fromhex("020000000002 020000000001 88b5")


def numbered(number: int, length: int) -> bytes:
    return (HEADER + struct.pack("!I", number)).ljust(length, bytes([number & 0xFF]))


@contextmanager
def wired(pool: Pool, mtu: int = 9000, options: str = "") -> Iterator[Port]:
    with ns.namespaces(HOST_A, SWITCH):
        port = open_port(PortSpec.parse(cable("packet", HOST_A, "a", mtu) + options), 1, pool)
        yield port
        port.close()
    assert is_full(pool)


def ours(frames: list[bytes]) -> list[bytes]:
    """Without what the host itself says (router solicitations, reports)."""
    return [frame for frame in frames if frame[:14] == HEADER]


def test_without_a_big_frame_a_long_packet_is_dropped_and_the_next_is_right() -> None:
    pool = make_pool(64, 1)
    with wired(pool) as port, raw_socket(HOST_A, "a") as sender:
        drain(port)
        held = take_one(pool.pool, 5000)
        for number, length in enumerate((60, 5000, 61, 5001)):
            sender.send(numbered(number, length))
        assert ours(drain(port)) == [numbered(0, 60), numbered(2, 61)]
        assert port.rows[0][columns.P_RX_DROPPED] == 2
        give_all(pool, np.array([[held]], np.int64))
        for number, length in enumerate((5000, 62, 9014)):
            sender.send(numbered(number, length))
        assert ours(drain(port)) == [numbered(0, 5000), numbered(1, 62)], "one big frame, and it is taken"
        sender.send(numbered(9, 9014))
        assert ours(drain(port)) == [numbered(9, 9014)]


def test_without_any_frame_packets_wait_in_the_ring() -> None:
    pool = make_pool(4, 1)
    with wired(pool) as port, raw_socket(HOST_A, "a") as sender:
        drain(port)
        for number in range(10):
            sender.send(numbered(number, 60))
        first = receive(port)
        assert len(first) == 4
        assert len(receive(port)) == 0
        assert port.rows[0][columns.P_RX_DROPPED] == 0
        got = [frame_bytes(pool, frame) for frame in first]
        give_all(pool, first)
        assert ours(got + drain(port)) == [numbered(number, 60) for number in range(10)]


def test_more_long_packets_than_the_kernel_keeps() -> None:
    """Those that come are whole and in order; the others are counted."""
    pool = make_pool(64, 32)
    with wired(pool) as port, raw_socket(HOST_A, "a") as sender:
        drain(port)
        row = port.rows[0]
        before = int(row[columns.P_RX_PACKETS])
        for number in range(2500):
            sender.send(numbered(number, 9000))
        frames = drain(port)
        while select.select([int(row[columns.P_FD])], [], [], 0)[0]:  # a burst may be lost as a whole
            frames += drain(port)
        numbers = [struct.unpack_from("!I", frame, 14)[0] for frame in ours(frames)]
        assert numbers == sorted(set(numbers))
        assert ours(frames) == [numbered(number, 9000) for number in numbers]
        sender.send(numbered(7, 9001))
        assert ours(drain(port)) == [numbered(7, 9001)], "and it goes on"
        lost = int(row[columns.P_RX_DROPPED] + row[columns.P_RX_TRUNCATED])
        assert lost > 0
        assert int(row[columns.P_RX_PACKETS]) - before + lost >= 2501


@pytest.mark.parametrize("options", [",outbox=0", ",outbox=1"])
def test_a_frame_that_is_too_long_does_not_stop_the_others(options: str) -> None:
    pool = make_pool(64, 4)
    with wired(pool, 1500, options) as port, raw_socket(HOST_A, "a") as receiver:
        frames = np.zeros((4, packet.FRAME_WORDS), np.int64)
        for number, length in enumerate((60, 1700, 4000, 61)):
            addr = take_one(pool.pool, length)
            pool.mem[addr : addr + length] = np.frombuffer(numbered(number, length), np.uint8)
            frames[number, : packet.LENGTH + 1] = addr, length
        assert transmit(port, frames) == 2
        row = port.rows[0]
        assert row[columns.P_TX_PACKETS] == 2
        assert row[columns.P_TX_BYTES] == 121
        assert row[columns.P_TX_DROPPED] + row[columns.P_TX_ERRORS] == 2
        assert receive_raw(receiver, HEADER) == numbered(0, 60)
        assert receive_raw(receiver, HEADER) == numbered(3, 61)


def test_promiscuous_only_where_asked() -> None:
    with ns.namespaces(HOST_A, SWITCH):
        argument = cable("packet", HOST_A, "a", 1500)
        for option, wanted in ((",promisc=1", 1), (",promisc=0", 0)):
            port = open_port(PortSpec.parse(argument + option), 1, make_pool(64, 4))
            assert promiscuity() == wanted
            port.close()
        assert promiscuity() == 0


def promiscuity() -> int:
    def ask() -> int:
        with IPRoute() as route:
            found: int = route.get_links(ifname="pa")[0].get_attr("IFLA_PROMISCUITY")
            return found

    return ns.in_namespace(SWITCH, ask)
