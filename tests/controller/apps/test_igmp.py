"""IGMP: what is sent to a group reaches its members and nobody else."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.controller.apps.driven import RyuApp, acquaint, driven, meet
from tests.controller.plant import Plant, until
from tests.tap.rig import raw_socket
from triplane.tap import namespaces as ns

GROUP, PORT = "239.1.2.3", 5005
APPS = ("simple_switch_igmp", "simple_switch_igmp_13")


@contextmanager
def member(net: Plant, host: int) -> Iterator[socket.socket]:
    """A socket that has joined the group; it leaves at the end. The app knows IGMP version 2."""
    ns.set_sysctl(net.host(host), "net/ipv4/conf/eth0/force_igmp_version", "2")
    with ns.in_namespace(net.host(host), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind((GROUP, PORT))
        sock.setblocking(False)
        own = socket.inet_aton(f"10.0.0.{host}")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + own)
        yield sock


def send(net: Plant, host: int, data: bytes) -> None:
    """To the group, from a host that is no member."""
    with ns.in_namespace(net.host(host), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(f"10.0.0.{host}"))
        sock.sendto(data, (GROUP, PORT))


def received(sock: socket.socket) -> list[bytes]:
    """What waits in a socket."""
    data = []
    while True:
        try:
            data.append(sock.recv(65536))
        except BlockingIOError:
            return data


def sends_to(net: Plant, switch: int, in_port: int) -> list[int]:
    """The ports to which the flow for the group sends what comes in at `in_port`."""
    for flow in net.flows(switch):
        if f"in_port={in_port}" in flow and f"nw_dst={GROUP}" in flow:
            actions = flow.partition("actions=")[2].split(",")
            return sorted(int(action.removeprefix("output:")) for action in actions if action != "CONTROLLER:65535")
    return []


@pytest.mark.parametrize("app", APPS)
def test_querier(app: str, kind: str, ryu_app: RyuApp, tmp_path: Path) -> None:
    """Switch 1 asks for members; the sender is at port 2."""
    with driven(ryu_app(app), kind, tmp_path, hosts=(1, 1, 1, 1)) as net:
        acquaint(net)
        ns.set_sysctl(net.host(4), "net/ipv4/conf/eth0/force_igmp_version", "2")
        with raw_socket(net.host(4), "eth0") as stranger, member(net, 1) as first:
            until(lambda: sends_to(net, 1, 2) == [1], "the first member to be known")
            with member(net, 3) as second:
                until(lambda: sends_to(net, 1, 2) == [1, 3], "the second member to be known")
                send(net, 2, b"to both")
                until(lambda: received(first) == [b"to both"], "the first member to get it")
                until(lambda: received(second) == [b"to both"], "the second member to get it")
            until(lambda: sends_to(net, 1, 2) == [1], "the second member to be forgotten")
            send(net, 2, b"to the first")
            until(lambda: received(first) == [b"to the first"], "the first member to get it")
            stranger.setblocking(False)
            assert not [frame for frame in received(stranger) if b"to " in frame]
            until(lambda: meet(net, 1, 3), "other packets to be learned and forwarded")


def query(net: Plant, host: int) -> None:
    """A general query, as a multicast router sends it (RFC 2236)."""
    message = struct.pack("!BBH4s", 0x11, 100, 0xFFFF - 0x1164, bytes(4))
    with ns.in_namespace(net.host(host), lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 2)) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(f"10.0.0.{host}"))
        sock.sendto(message, ("224.0.0.1", 0))


@pytest.mark.parametrize("app", APPS)
def test_snooper(app: str, kind: str, ryu_app: RyuApp, tmp_path: Path) -> None:
    """Switch 2 listens to what members answer to the router at its port 1."""
    with driven(ryu_app(app), kind, tmp_path, hosts=(2, 2, 2)) as net:
        acquaint(net)
        log = tmp_path / "controller.log"
        with member(net, 2) as first, raw_socket(net.host(3), "eth0") as stranger:
            until(lambda: (query(net, 1), "[REPORT]" in log.read_text())[1], "the member to answer a query")
            until(lambda: sends_to(net, 2, 1) == [2], "the member to be known")
            send(net, 1, b"to the member")
            until(lambda: received(first) == [b"to the member"], "the member to get it")
            stranger.setblocking(False)
            assert not [frame for frame in received(stranger) if b"to the" in frame]
        until(lambda: sends_to(net, 2, 1) == [], "the group to be forgotten")
        until(lambda: meet(net, 1, 3), "other packets to be learned and forwarded")
