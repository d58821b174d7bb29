"""The `tap` kind: an interface that Triplane makes, over /dev/net/tun with offloads (tuntap.rst).

The other end of the interface is the kernel's own: its addresses, its routes, its programs. It is there until the
port is closed, unless it existed before as a persistent one.
Options: `netns` (where the interface is), `queues`, `mtu`, `address` (MAC), `offload` (0 turns checksum and GSO off).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

import numpy as np

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.packet import BURST
from triplane.dataplane.kernels.pool import Pool, give, give_one
from triplane.tap.device import Device, DevicePort
from triplane.tap.kernels import tap as kernels
from triplane.tap.kernels.vnet import VNET_LONG
from triplane.tap.namespaces import in_namespace
from triplane.tap.port import PortError, PortSpec, never_ready

TUN = "/dev/net/tun"
TUNSETIFF = 0x400454CA  # linux/if_tun.h
TUNSETOFFLOAD = 0x400454D0
TUNSETVNETHDRSZ = 0x400454D8
TUNGETIFF = 0x800454D2
IFF_TAP = 0x0002
IFF_MULTI_QUEUE = 0x0100
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN, TUN_F_USO4, TUN_F_USO6 = 1, 2, 4, 8, 0x20, 0x40
OFFLOADS = (  # from the best to none: kernels before 6.2 know no USO
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
    TUN_F_CSUM,
    0,
)
MAX_QUEUES = 16
NO_ADDRESS = "00:00:00:00:00:00"


def attach(name: str, multi: bool) -> int:
    """A descriptor of one queue of interface `name`, which is made if it is not there."""
    fd = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (IFF_MULTI_QUEUE if multi else 0)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", VNET_LONG))
    except OSError:
        os.close(fd)
        raise
    return fd


def set_offloads(fd: int, wanted: bool) -> int:
    """Allow the interface to hand over unfinished frames, as many kinds as the kernel knows; returns TUN_F_*."""
    for offloads in OFFLOADS if wanted else (0,):
        try:
            fcntl.ioctl(fd, TUNSETOFFLOAD, offloads)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        else:
            return offloads
    return 0


def is_attached(fd: int) -> bool:
    """Whether the interface of a descriptor is there."""
    try:
        fcntl.ioctl(fd, TUNGETIFF, bytes(40))
    except OSError:  # EBADFD: not any more; ENOTTY: never was
        return False
    return True


class TapPort(DevicePort):
    kind = "tap"
    receive = kernels.receive
    transmit = kernels.transmit
    options = frozenset({"netns", "queues", "mtu", "address", "offload"})

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        queues = int(spec.number("queues", queues, 1, MAX_QUEUES))
        super().__init__(spec, slot, pool, queues)
        self.device = Device(spec.name, spec.options.get("netns"))
        self.never = never_ready()
        self.scratch = [np.zeros(2 * BURST + 4, np.int64) for _ in self.rows]
        self.fds = [os.dup(self.never) for _ in self.rows]
        for row, fd, scratch in zip(self.rows, self.fds, self.scratch, strict=True):
            row[columns.P_FD] = fd
            row[kernels.P_NEVER] = self.never
            row[kernels.R_BIG] = -1
            row[kernels.R_SPARES] = scratch.ctypes.data
            row[kernels.T_FRAMES] = scratch.ctypes.data + 8 * BURST
            row[kernels.R_VECTORS] = scratch.ctypes.data + 16 * BURST
        try:
            self.reopen()
        except (OSError, PortError):
            self.close()
            raise

    def reopen(self) -> None:
        """Attach to the interface, made anew if need be, unless still attached; the descriptors keep their numbers."""
        if all(is_attached(fd) for fd in self.fds):
            self.refresh()
            return
        created = not self.device.exists()
        for fd in self.fds:
            fresh = in_namespace(self.device.netns, lambda: attach(self.name, len(self.fds) > 1))
            os.dup2(fresh, fd, inheritable=False)
            os.close(fresh)
        wanted = bool(self.spec.number("offload", 1, 0, 1))
        offloads = set_offloads(self.fds[0], wanted)
        # the interface takes unfinished frames whether or not it hands them over
        caps = columns.CAP_CSUM | columns.CAP_TSO4 | columns.CAP_TSO6
        for row in self.rows:
            row[columns.P_CAPS] = caps | (columns.CAP_USO if offloads & TUN_F_USO4 else 0)
        self.index = self.device.index()
        if created:
            self._configure()
        self.device.set_up(True)
        self.refresh()

    def _configure(self) -> None:
        """What the options say about an interface of our own; one made anew keeps its address, which others know."""
        if "mtu" in self.spec.options:
            self.device.set_mtu(int(self.spec.number("mtu", 1500, 68, 65521)))
        address = self.spec.options.get("address") or self.hw_addr.hex(":")
        if address != NO_ADDRESS:
            self.device.set_hw_addr(address)

    def close(self) -> None:
        for row, scratch in zip(self.rows, self.scratch, strict=True):
            give(self.pool.pool, scratch, int(row[kernels.R_SPARE_COUNT]))
            row[kernels.R_SPARE_COUNT] = 0
            if row[kernels.R_BIG] >= 0:
                give_one(self.pool.pool, int(row[kernels.R_BIG]))
                row[kernels.R_BIG] = -1
        for fd in (*self.fds, self.never):
            os.close(fd)
        self.fds = []
        self.device.close()
