"""One AF_XDP socket: memory registered, rings mapped, bound to one queue of an interface (linux/if_xdp.h)."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import socket
import struct
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triplane.dataplane.kernels.pool import SMALL_SIZE
from triplane.tap.xdp_program import explain

AF_XDP = 44
SOL_XDP = 283
XDP_MMAP_OFFSETS = 1
XDP_RX_RING = 2
XDP_TX_RING = 3
XDP_UMEM_REG = 4
XDP_UMEM_FILL_RING = 5
XDP_UMEM_COMPLETION_RING = 6
XDP_OPTIONS = 8
XDP_MAX_TX_SKB_BUDGET = 9  # Linux 6.17
XDP_OPTIONS_ZEROCOPY = 1
XDP_COPY = 1 << 1  # bind flags
XDP_ZEROCOPY = 1 << 2
XDP_USE_NEED_WAKEUP = 1 << 3
XDP_USE_SG = 1 << 4  # Linux 6.6
XDP_UMEM_TX_METADATA_LEN = 1 << 2  # UMEM flag; Linux 6.11 and stable ones from 6.8
METADATA_BYTES = 24  # struct xsk_tx_metadata
SO_SNDBUFFORCE = 32  # asm-generic/socket.h
SEND_BUFFER = 64 << 20  # copy mode: each frame on its way counts an skb against it
BIND_PATIENCE = 2.0  # seconds: the kernel lets go of a queue a moment after its last socket closed
MODES = {"auto": (XDP_ZEROCOPY, XDP_COPY), "copy": (XDP_COPY,), "zerocopy": (XDP_ZEROCOPY,)}

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Ring:
    """Where one ring's words are, as addresses; `memory` keeps them mapped."""

    memory: NDArray[np.uint8]
    producer: int
    consumer: int
    entries: int
    flags: int


RINGS = (  # name, socket option, mmap offset, bytes of an entry; in the order of struct xdp_mmap_offsets
    ("rx", XDP_RX_RING, 0, 16),
    ("tx", XDP_TX_RING, 0x80000000, 16),
    ("fill", XDP_UMEM_FILL_RING, 0x100000000, 8),
    ("done", XDP_UMEM_COMPLETION_RING, 0x180000000, 8),
)


def allow_locked_memory() -> None:
    """Registered memory counts as locked; root may raise the limit, others get what they have."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, PermissionError):
        hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))


class XdpSocket:
    """Made inside the interface's namespace. Raises PortError; closes itself then."""

    def __init__(self, name: str, memory: int, size: int, entries: int) -> None:
        """`memory`, an address, and `size` in bytes are registered; `entries`, a power of two, for each ring."""
        self.name = name
        self.entries = entries
        allow_locked_memory()
        with explain(name, "socket"):
            self.socket = socket.socket(AF_XDP, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            with explain(name, "umem"):
                self.metadata = self._register(memory, size)
            with explain(name, "rings"):
                self.rings = self._map_rings()
        except BaseException:
            self.close()
            raise

    def _register(self, memory: int, size: int) -> int:
        """Returns how many bytes of metadata may stand before a sent frame; 0 on a kernel that knows none."""
        plain = struct.pack("=QQIIII", memory, size, SMALL_SIZE, 0, 0, 0)
        with_metadata = struct.pack("=QQIIII", memory, size, SMALL_SIZE, 0, XDP_UMEM_TX_METADATA_LEN, METADATA_BYTES)
        try:
            self.socket.setsockopt(SOL_XDP, XDP_UMEM_REG, with_metadata)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self.socket.setsockopt(SOL_XDP, XDP_UMEM_REG, plain)
            return 0
        return METADATA_BYTES

    def _map_rings(self) -> dict[str, Ring]:
        for _, option, _, _ in RINGS:
            self.socket.setsockopt(SOL_XDP, option, self.entries)
        offsets = struct.unpack("=16Q", self.socket.getsockopt(SOL_XDP, XDP_MMAP_OFFSETS, 128))
        rings = {}
        for i, (ring, _, where, width) in enumerate(RINGS):
            producer, consumer, start, flags = offsets[4 * i : 4 * i + 4]
            size = start + self.entries * width
            area = mmap.mmap(self.socket.fileno(), size, mmap.MAP_SHARED | mmap.MAP_POPULATE, offset=where)
            memory = np.frombuffer(area, np.uint8)
            base = memory.ctypes.data
            rings[ring] = Ring(memory, base + producer, base + consumer, base + start, base + flags)
        return rings

    def bind(self, index: int, queue: int, mode: str, jumbo: bool) -> bool:
        """Bind to a queue in the best way of `mode`; returns whether a packet may span frames, as `jumbo` frames do.

        The kernel's own choice between zero-copy and copy is not used: asked for packets that span frames as
        well, it takes copy where a driver can do zero-copy but not that.
        """
        ways = [(copying, segments) for copying in MODES[mode] for segments in (XDP_USE_SG, 0)]
        if jumbo:
            ways = [way for way in ways if way != (XDP_ZEROCOPY, 0)]
        with explain(self.name, "bind"):
            for copying, segments in ways[:-1]:
                try:
                    self._bind(index, queue, copying | segments)
                except OSError as error:  # EINVAL: before Linux 6.6
                    if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                        raise
                else:
                    return bool(segments)
            self._bind(index, queue, sum(ways[-1]))
        return bool(ways[-1][1])

    def _bind(self, index: int, queue: int, flags: int) -> None:
        address = struct.pack("=HHIII", AF_XDP, flags | XDP_USE_NEED_WAKEUP, index, queue, 0)
        deadline = time.monotonic() + BIND_PATIENCE
        while _libc.bind(self.socket.fileno(), address, len(address)) != 0:
            number = ctypes.get_errno()
            if number != errno.EBUSY or time.monotonic() > deadline:
                raise OSError(number, os.strerror(number))
            time.sleep(0.005)

    def zero_copy(self) -> bool:
        return bool(self.socket.getsockopt(SOL_XDP, XDP_OPTIONS) & XDP_OPTIONS_ZEROCOPY)

    def tune(self, budget: int) -> None:
        """Let one system call send `budget` frames, and as many be on their way as the rings hold."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER)
        except PermissionError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        try:
            self.socket.setsockopt(SOL_XDP, XDP_MAX_TX_SKB_BUDGET, budget)
        except OSError as error:
            if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL):  # before 6.17 it is 32, always
                raise

    def close(self) -> None:
        self.socket.close()
