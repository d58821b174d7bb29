"""A VLAN device for a host, in user space: the kernel may have none (8021q), and tests are to run anyway.

with tagged(net.host(1), "eth0", 110, "10.0.1.1/24"):
    net.run(1, "ping", "10.0.1.254")
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from triplane.tap import namespaces as ns

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TAP, IFF_NO_PI = 2, 0x1000
SOL_PACKET, PACKET_AUXDATA = 263, 8  # linux/if_packet.h
TP_STATUS_VLAN_VALID = 0x10
AUXDATA = struct.Struct("=IIIHHHH")
ETH_P_ALL = 3
OUTGOING = 4  # PACKET_OUTGOING
TPID = b"\x81\x00"
LONGEST = 65536


def name_of(vlan: int) -> str:
    return f"vlan{vlan}"


def open_tap(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def open_packet(device: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((device, ETH_P_ALL))
    return sock


class Tagger(threading.Thread):
    """Carries frames between a tap device and one VLAN of a network device."""

    def __init__(self, tap: int, sock: socket.socket, vlan: int) -> None:
        super().__init__(daemon=True)
        self.tap, self.socket, self.vlan = tap, sock, vlan
        self.ending, self.end = os.pipe()

    def run(self) -> None:
        while True:
            ready, _, _ = select.select([self.tap, self.socket, self.ending], [], [])
            if self.ending in ready:
                return
            if self.tap in ready:
                frame = os.read(self.tap, LONGEST)
                self.socket.send(frame[:12] + TPID + self.vlan.to_bytes(2, "big") + frame[12:])
            if self.socket in ready:
                self._receive()

    def _receive(self) -> None:
        frame, ancillary, _, address = self.socket.recvmsg(LONGEST, 256)
        if address[2] == OUTGOING:
            return
        for _level, _kind, value in ancillary:  # the kernel takes the tag out of the frame
            status, _, _, _, _, tag, _ = AUXDATA.unpack(value[: AUXDATA.size])
            if status & TP_STATUS_VLAN_VALID and tag & 0xFFF == self.vlan:
                os.write(self.tap, frame)


@contextmanager
def tagged(netns: str, device: str, vlan: int, address: str) -> Iterator[None]:
    """Meanwhile a device `vlan110` in the namespace sends and receives what is tagged so on `device`."""
    tap = ns.in_namespace(netns, lambda: open_tap(name_of(vlan)))
    with ns.in_namespace(netns, lambda: open_packet(device)) as sock:
        ns.set_sysctl(netns, f"net/ipv6/conf/{name_of(vlan)}/disable_ipv6", "1")
        ns.set_link(netns, name_of(vlan), up=True, mtu=1496)
        ns.add_address(netns, name_of(vlan), address)
        tagger = Tagger(tap, sock, vlan)
        tagger.start()
        try:
            yield
        finally:
            os.write(tagger.end, b"x")
            tagger.join()
            for fd in (tap, tagger.ending, tagger.end):
                os.close(fd)
