"""VLAN devices in user space, for hosts of tests: not every kernel has 8021q.

`with vlan_devices(netns, "eth0", [100, 200])` makes vlan100 and vlan200 in the namespace, with the address of eth0.
What is sent by vlan100 leaves eth0 with tag 100; what arrives with tag 100 comes in by vlan100.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from triplane.tap import namespaces as ns

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TAP_NO_PI = 0x1002
SOL_PACKET, PACKET_AUXDATA = 263, 8
PACKET_OUTGOING = 4
TP_STATUS_VLAN_VALID = 0x10
ETH_P_ALL = 3
LONGEST = 65536


def _open_tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP_NO_PI))
    return tap


def _open_device(device: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((device, ETH_P_ALL))
    return sock


def _tag_of(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The VLAN that the kernel has taken out of a frame."""
    for _level, _kind, value in ancillary:
        status, _, _, _, _, tag, _ = struct.unpack("IIIHHHH", value)
        if status & TP_STATUS_VLAN_VALID:
            return int(tag) & 0xFFF
    return None


class _Tagger(threading.Thread):
    """Carries frames between a device and the taps of its VLANs, until `stop`."""

    def __init__(self, device: socket.socket, taps: dict[int, int]) -> None:
        super().__init__(name="vlan devices")
        self.device, self.taps = device, taps
        self.wake, self.stop = os.pipe()

    def run(self) -> None:
        poll = select.poll()
        for fd in (self.device.fileno(), self.wake, *self.taps.values()):
            poll.register(fd, select.POLLIN)
        vlans = {fd: vlan for vlan, fd in self.taps.items()}
        while True:
            for fd, _ in poll.poll():
                if fd == self.wake:
                    return
                if fd in vlans:
                    self._out(vlans[fd], os.read(fd, LONGEST))
                else:
                    self._in(*self.device.recvmsg(LONGEST, 256))

    def _out(self, vlan: int, frame: bytes) -> None:
        self.device.send(frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:])

    def _in(self, frame: bytes, ancillary: list[tuple[int, int, bytes]], _flags: int, source: tuple[object]) -> None:
        vlan = _tag_of(ancillary)
        if vlan in self.taps and source[2] != PACKET_OUTGOING:
            os.write(self.taps[vlan], frame)


@contextmanager
def vlan_devices(netns: str, device: str, vlans: Sequence[int]) -> Iterator[None]:
    """The module says what they are."""
    with ns.in_namespace(netns, lambda: _open_device(device)) as sock:
        mac = sock.getsockname()[4].hex(":")
        taps = {vlan: ns.in_namespace(netns, lambda name=f"vlan{vlan}": _open_tap(name)) for vlan in vlans}
        for vlan in vlans:
            ns.set_link(netns, f"vlan{vlan}", up=True, address=mac)
        tagger = _Tagger(sock, taps)
        tagger.start()
        try:
            yield
        finally:
            os.write(tagger.stop, b".")
            tagger.join()
            for fd in (tagger.wake, tagger.stop, *taps.values()):
                os.close(fd)
