"""What happens to links, heard from the kernel (rtnetlink(7), NETLINK_ROUTE, group RTNLGRP_LINK).

`LinkListener` is for any event loop: wait until `fileno()` is readable, then `read()`. It begins with a dump, and takes
another when the kernel says that it lost messages, so the events always add up to the truth.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import NamedTuple

from triplane.tap.namespaces import in_namespace

RTM_NEWLINK = 16  # linux/rtnetlink.h
RTM_DELLINK = 17
RTM_GETLINK = 18
RTMGRP_LINK = 1
NLMSG_ERROR = 2  # linux/netlink.h
NLMSG_DONE = 3
NLM_F_REQUEST = 0x1
NLM_F_DUMP = 0x300
IFLA_ADDRESS = 1  # linux/if_link.h
IFLA_IFNAME = 3
IFLA_MTU = 4
IFF_UP = 0x1  # linux/if.h
IFF_RUNNING = 0x40
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
LINK = struct.Struct("=BBHiII")  # family, pad, type, index, flags, change
ATTRIBUTE = struct.Struct("=HH")  # length, type
TYPE_MASK = 0x3FFF
RECEIVE_BYTES = 1 << 18

NEW, GONE, UP, DOWN, CHANGED = "new", "gone", "up", "down", "changed"


class LinkState(NamedTuple):
    """A device as the kernel tells it; `up` means usable: administratively up, and with a carrier."""

    name: str
    ifindex: int
    up: bool
    mtu: int
    address: bytes


class LinkEvent(NamedTuple):
    """`change` is NEW (there now, or back), GONE, UP, DOWN or CHANGED (MTU, address)."""

    change: str
    link: LinkState


def parse_attributes(data: bytes, at: int, end: int) -> dict[int, bytes]:
    """Attributes by type from data[at:end]; stops at one that does not fit."""
    found: dict[int, bytes] = {}
    while at + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(data, at)
        if length < ATTRIBUTE.size or at + length > end:
            break
        found[kind & TYPE_MASK] = data[at + ATTRIBUTE.size : at + length]
        at += length + 3 & ~3
    return found


def parse_link(data: bytes, at: int, end: int) -> LinkState | None:
    """The body of an RTM_NEWLINK or RTM_DELLINK at data[at:end]; None if it names no device."""
    if at + LINK.size > end:
        return None
    family, _, _, index, flags, _ = LINK.unpack_from(data, at)
    attributes = parse_attributes(data, at + LINK.size, end)
    if family != socket.AF_UNSPEC or IFLA_IFNAME not in attributes:
        return None  # AF_BRIDGE: says that a device left a bridge, not that it is gone
    mtu = attributes.get(IFLA_MTU, bytes(4))
    return LinkState(
        attributes[IFLA_IFNAME].rstrip(b"\0").decode(errors="replace"),
        index,
        flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING,
        int.from_bytes(mtu, "little") if len(mtu) == 4 else 0,
        attributes.get(IFLA_ADDRESS, b""),
    )


def parse_messages(data: bytes) -> list[tuple[int, LinkState | None]]:
    """Each message of a datagram: its type, and the link that it is about."""
    messages: list[tuple[int, LinkState | None]] = []
    at = 0
    while at + HEADER.size <= len(data):
        length, kind = HEADER.unpack_from(data, at)[:2]
        if length < HEADER.size or at + length > len(data):
            break
        about = kind in (RTM_NEWLINK, RTM_DELLINK)
        messages.append((kind, parse_link(data, at + HEADER.size, at + length) if about else None))
        at += length + 3 & ~3
    return messages


class Links:
    """The links known so far: turns messages into events (sans-IO)."""

    def __init__(self) -> None:
        self.known: dict[int, LinkState] = {}
        self.unseen: set[int] = set()  # during a dump: known before it, and not yet in it

    def begin_dump(self) -> None:
        self.unseen = set(self.known)

    def message(self, kind: int, link: LinkState | None) -> list[LinkEvent]:
        if kind == NLMSG_DONE:
            gone, self.unseen = self.unseen, set()
            return [LinkEvent(GONE, self.known.pop(index)) for index in sorted(gone) if index in self.known]
        if link is None:
            return []
        self.unseen.discard(link.ifindex)
        if kind == RTM_DELLINK:
            old = self.known.pop(link.ifindex, None)
            return [] if old is None else [LinkEvent(GONE, old)]
        return self._changed(self.known.get(link.ifindex), link)

    def _changed(self, old: LinkState | None, link: LinkState) -> list[LinkEvent]:
        self.known[link.ifindex] = link
        if old is None:
            return [LinkEvent(NEW, link)]
        if old.name != link.name:
            return [LinkEvent(GONE, old), LinkEvent(NEW, link)]
        if old.up != link.up:
            return [LinkEvent(UP if link.up else DOWN, link)]
        return [] if old == link else [LinkEvent(CHANGED, link)]


class LinkListener:
    """Hears of the links of one network namespace, named or (None) this process's own. Raises OSError."""

    def __init__(self, netns: str | None = None) -> None:
        self.socket = in_namespace(netns, self._open)
        self.links = Links()
        self._dump()

    @staticmethod
    def _open() -> socket.socket:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
        sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        sock.bind((0, RTMGRP_LINK))
        return sock

    def _dump(self) -> None:
        self.links.begin_dump()
        length = HEADER.size + LINK.size
        request = HEADER.pack(length, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + LINK.pack(0, 0, 0, 0, 0, 0)
        self.socket.send(request)

    def fileno(self) -> int:
        return self.socket.fileno()

    def read(self) -> list[LinkEvent]:
        """What happened since the last call; never blocks. The first calls tell of every link there is, as NEW."""
        events: list[LinkEvent] = []
        while True:
            try:
                data = self.socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return events
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._dump()
                continue
            for kind, link in parse_messages(data):
                if kind == NLMSG_ERROR:
                    raise OSError(errno.EIO, os.strerror(errno.EIO), "netlink refused to list the links")
                events += self.links.message(kind, link)

    def close(self) -> None:
        self.socket.close()
