"""Real traffic through the real command, between every pair of kinds of port."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from tests.nodes.plant import PATIENCE, join, plant
from tests.tap.rig import HOST_A, HOST_B, IP6_A, IP6_B, IP_A, IP_B, ping, raw_socket, receive_raw, transfer
from triplane.tap import namespaces as ns

PAIRINGS = [
    ("packet", "packet"),
    ("packet", "tap"),
    ("packet", "xdp"),
    ("tap", "tap"),
    ("tap", "xdp"),
    ("xdp", "xdp"),
]
TAGS = (b"\x81\x00\x60\x05", b"\x88\xa8\x20\x09", b"\x88\xa8\x00\x02\x81\x00\x00\x03")
WAYS = ((HOST_A, "a", HOST_B, "b", IP_B, IP6_B), (HOST_B, "b", HOST_A, "a", IP_A, IP6_A))


def datagram(source: str, sink: str, target: str, data: bytes) -> bytes:
    """Send one UDP datagram; returns what arrived."""
    receiver = ns.in_namespace(sink, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sender = ns.in_namespace(source, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with receiver, sender:
        receiver.bind((target, 5555))
        receiver.settimeout(PATIENCE)
        sender.sendto(data, (target, 5555))
        return receiver.recv(1 << 16)


def tagged(source: str, end: str, sink: str, far_end: str) -> None:
    """VLAN tags arrive as they were sent."""
    with raw_socket(source, end) as sender, raw_socket(sink, far_end) as receiver:
        for tags in TAGS:
            frame = b"\xff" * 6 + b"\x02\0\0\0\0\x07" + tags + b"\x88\xb5" + b"payload of " + tags + bytes(60)
            sender.send(frame)
            assert receive_raw(receiver, b"payload of " + tags) == frame


@pytest.mark.parametrize(("a", "b"), PAIRINGS)
def test_every_kind_of_traffic_both_ways(run_dir: Path, a: str, b: str) -> None:
    data = os.urandom(20 << 20)
    with plant(run_dir, a, b) as dataplane:
        join(dataplane)
        for source, end, sink, far_end, target, target6 in WAYS:
            ping(target, host=source, count=5)
            ping(target6, host=source, count=5)
            arrived = transfer(data, target, source=source, sink=sink)
            assert hashlib.sha256(arrived).digest() == hashlib.sha256(data).digest()
            assert datagram(source, sink, target, data[:8192]) == data[:8192]
            tagged(source, end, sink, far_end)


@pytest.mark.parametrize(("a", "b"), [("packet", "packet"), ("tap", "tap")])
def test_jumbo_frames(run_dir: Path, a: str, b: str) -> None:
    with plant(run_dir, a, b, mtu=9000) as dataplane:
        join(dataplane)
        ping(IP_B, "-s", "8972", "-M", "do")
        ping(IP6_A, "-s", "8952", "-M", "do", host=HOST_B)


@pytest.mark.parametrize(("a", "b"), [("packet", "tap"), ("xdp", "xdp")])
def test_two_workers(run_dir: Path, a: str, b: str) -> None:
    data = os.urandom(4 << 20)
    with plant(run_dir, a, b, "--workers", "2") as dataplane:
        join(dataplane)
        for source, _, sink, _, target, target6 in WAYS:
            ping(target, host=source)
            ping(target6, host=source)
            assert transfer(data, target, source=source, sink=sink) == data
