"""The packet port where things run short: frames, buffers, room on the way out."""

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

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
    wait_for,
)
from triplane.dataplane.kernels import packet
from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.pool import Pool, make_pool, take_one
from triplane.tap import namespaces as ns
from triplane.tap.port import Port, PortSpec, open_port

HEADER = bytes.fromhex("020000000002 020000000001 88b5")


def numbered(number: int, length: int) -> bytes:
    return (HEADER + struct.pack("!I", number)).ljust(length, bytes([number & 0xFF]))


class Wire(NamedTuple):
    """A host's end of a cable, the port at the other end, and a socket there that sees each frame after the port."""

    sender: socket.socket
    port: Port
    witness: socket.socket

    def send(self, *frames: bytes) -> None:
        """Returns when the last is at the port: the kernel may take it there later, and in a thread of its own."""
        for frame in frames:
            self.sender.send(frame)
        receive_raw(self.witness, frames[-1][: len(HEADER) + 4])

    def receive(self) -> list[bytes]:
        """What has come, without what the host itself says (router solicitations, reports)."""
        return [frame for frame in drain(self.port) if frame[:14] == HEADER]


@contextmanager
def wired(pool: Pool, mtu: int = 9000, options: str = "") -> Iterator[Wire]:
    with ns.namespaces(HOST_A, SWITCH):
        argument = cable("packet", HOST_A, "a", mtu)
        with raw_socket(SWITCH, "pa") as witness, raw_socket(HOST_A, "a") as sender:
            port = open_port(PortSpec.parse(argument + options), 1, pool)
            yield Wire(sender, port, witness)
            port.close()
    assert is_full(pool)


def test_without_a_big_frame_a_long_packet_is_dropped_and_the_next_is_right() -> None:
    pool = make_pool(64, 1)
    with wired(pool) as wire:
        held = take_one(pool.pool, 5000)
        wire.send(*(numbered(number, length) for number, length in enumerate((60, 5000, 61, 5001))))
        assert wire.receive() == [numbered(0, 60), numbered(2, 61)]
        assert wire.port.rows[0][columns.P_RX_DROPPED] == 2
        give_all(pool, np.array([[held]], np.int64))
        wire.send(*(numbered(number, length) for number, length in enumerate((5000, 62, 9014))))
        assert wire.receive() == [numbered(0, 5000), numbered(1, 62)], "one big frame, and it is taken"
        wire.send(numbered(9, 9014))
        assert wire.receive() == [numbered(9, 9014)]


def test_without_any_frame_packets_wait_in_the_ring() -> None:
    pool = make_pool(4, 1)
    with wired(pool) as wire:
        wire.send(*(numbered(number, 60) for number in range(10)))
        first = receive(wire.port)
        assert len(first) == 4
        assert len(receive(wire.port)) == 0
        assert wire.port.rows[0][columns.P_RX_DROPPED] == 0
        got = [frame_bytes(pool, frame) for frame in first]
        give_all(pool, first)
        ours = [frame for frame in got if frame[:14] == HEADER]
        assert ours + wire.receive() == [numbered(number, 60) for number in range(10)]


def test_more_long_packets_than_the_kernel_keeps() -> None:
    """Those that come are whole and in order; the others are counted."""
    pool = make_pool(64, 32)
    with wired(pool) as wire:
        drain(wire.port)
        row = wire.port.rows[0]
        before = int(row[columns.P_RX_PACKETS])
        for number in range(2500):
            wire.sender.send(numbered(number, 9000))
        frames = wire.receive()
        while select.select([int(row[columns.P_FD])], [], [], 0)[0]:  # a burst may be lost as a whole
            frames += wire.receive()
        wire.sender.send(numbered(7, 9001))
        wait_for(lambda: frames.extend(wire.receive()) or frames[-1] == numbered(7, 9001), "that it goes on")
        numbers = [struct.unpack_from("!I", frame, 14)[0] for frame in frames[:-1]]
        assert numbers == sorted(set(numbers))
        assert frames[:-1] == [numbered(number, 9000) for number in numbers]
        lost = int(row[columns.P_RX_DROPPED] + row[columns.P_RX_TRUNCATED])
        assert lost > 0
        assert int(row[columns.P_RX_PACKETS]) - before + lost >= 2501


@pytest.mark.parametrize("options", [",outbox=0", ",outbox=1"])
def test_a_frame_that_is_too_long_does_not_stop_the_others(options: str) -> None:
    pool = make_pool(64, 4)
    with wired(pool, 1500, options) as wire:
        frames = np.zeros((4, packet.FRAME_WORDS), np.int64)
        for number, length in enumerate((60, 1700, 4000, 61)):
            addr = take_one(pool.pool, length)
            pool.mem[addr : addr + length] = np.frombuffer(numbered(number, length), np.uint8)
            frames[number, : packet.LENGTH + 1] = addr, length
        assert transmit(wire.port, frames) == 2
        row = wire.port.rows[0]
        assert row[columns.P_TX_PACKETS] == 2
        assert row[columns.P_TX_BYTES] == 121
        assert row[columns.P_TX_DROPPED] + row[columns.P_TX_ERRORS] == 2
        assert receive_raw(wire.sender, HEADER) == numbered(0, 60)
        assert receive_raw(wire.sender, HEADER) == numbered(3, 61)


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
