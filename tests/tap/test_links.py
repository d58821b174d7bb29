"""Link events, from made-up messages and from the kernel."""

import os
import select
import struct
import time

from hypothesis import given
from hypothesis import strategies as st

from tests.tap.rig import PATIENCE
from triplane.tap import namespaces as ns
from triplane.tap.links import (
    CHANGED,
    DOWN,
    GONE,
    NEW,
    NLMSG_DONE,
    RTM_DELLINK,
    RTM_NEWLINK,
    UP,
    LinkEvent,
    LinkListener,
    Links,
    LinkState,
    parse_messages,
)

ETH0 = LinkState("eth0", 2, True, 1500, b"\x02\0\0\0\0\1")
ETH1 = LinkState("eth1", 3, False, 9000, b"\x02\0\0\0\0\2")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, link: LinkState, family: int = 0) -> bytes:
    body = struct.pack("=BBHiII", family, 0, 1, link.ifindex, 0x41 if link.up else 1, 0)
    body += attribute(3, link.name.encode() + b"\0") + attribute(4, struct.pack("=I", link.mtu))
    body += attribute(1, link.address)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_parses_what_it_should() -> None:
    data = message(RTM_NEWLINK, ETH0) + message(RTM_DELLINK, ETH1) + struct.pack("=IHHII", 16, NLMSG_DONE, 0, 0, 0)
    assert parse_messages(data) == [(RTM_NEWLINK, ETH0), (RTM_DELLINK, ETH1), (NLMSG_DONE, None)]


def test_a_bridge_port_message_is_not_about_the_device() -> None:
    assert parse_messages(message(RTM_DELLINK, ETH0, family=7)) == [(RTM_DELLINK, None)]


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_datagram_is_too_strange(data: bytes, cut: int) -> None:
    parse_messages(data)
    whole = message(RTM_NEWLINK, ETH0)
    parse_messages(whole[:cut] + data + whole[cut:])
    parse_messages(whole[:cut])


def test_events() -> None:
    links = Links()
    assert links.message(RTM_NEWLINK, ETH0) == [LinkEvent(NEW, ETH0)]
    assert links.message(RTM_NEWLINK, ETH0) == []
    down = ETH0._replace(up=False)
    assert links.message(RTM_NEWLINK, down) == [LinkEvent(DOWN, down)]
    assert links.message(RTM_NEWLINK, ETH0) == [LinkEvent(UP, ETH0)]
    jumbo = ETH0._replace(mtu=9000)
    assert links.message(RTM_NEWLINK, jumbo) == [LinkEvent(CHANGED, jumbo)]
    other = jumbo._replace(name="wan")
    assert links.message(RTM_NEWLINK, other) == [LinkEvent(GONE, jumbo), LinkEvent(NEW, other)]
    assert links.message(RTM_DELLINK, other) == [LinkEvent(GONE, other)]
    assert links.message(RTM_DELLINK, other) == []


def test_a_second_dump_tells_of_what_was_missed() -> None:
    links = Links()
    links.message(RTM_NEWLINK, ETH0)
    links.message(RTM_NEWLINK, ETH1)
    links.begin_dump()
    assert links.message(RTM_NEWLINK, ETH1) == []
    assert links.message(NLMSG_DONE, None) == [LinkEvent(GONE, ETH0)]


def collect(listener: LinkListener, until: tuple[str, str]) -> list[tuple[str, str]]:
    """Changes and names up to a wanted one."""
    seen: list[tuple[str, str]] = []
    end = time.monotonic() + PATIENCE
    while until not in seen:
        assert select.select([listener], [], [], max(0, end - time.monotonic()))[0], f"{until} not in {seen}"
        seen += [(event.change, event.link.name) for event in listener.read()]
    return seen


def test_real_links_in_another_namespace() -> None:
    name = f"tl{os.getpid()}"
    with ns.namespaces(name, name + "x"):
        listener = LinkListener(name)
        assert collect(listener, (NEW, "lo")) == [(NEW, "lo")]
        ns.veth("a", name, "b", name + "x")
        assert collect(listener, (UP, "a"))[0] == (NEW, "a")
        ns.set_link(name, "a", mtu=9000)
        collect(listener, (CHANGED, "a"))
        ns.set_link(name + "x", "b", up=False)
        collect(listener, (DOWN, "a"))
        ns.set_link(name + "x", "b", up=True)
        collect(listener, (UP, "a"))
        ns.delete_link(name + "x", "b")
        collect(listener, (GONE, "a"))
        ns.veth("a", name, "b", name + "x")
        collect(listener, (UP, "a"))
        assert listener.read() == []
        listener.close()
