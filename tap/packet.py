"""The `packet` kind: an existing interface, over AF_PACKET (packet(7)).

Options: `netns`, `ring` (frames that wait in the kernel, for each queue, a power of two), `promisc` (0 or 1).
"""

from __future__ import annotations

import mmap
import socket
import struct

import numpy as np

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.packet import BURST
from triplane.dataplane.kernels.pool import Pool
from triplane.tap.device import Device
from triplane.tap.kernels import packet as kernels
from triplane.tap.namespaces import in_namespace
from triplane.tap.port import Link, Port, PortSpec

ETH_P_ALL = 0x0003
SOL_PACKET = 263  # linux/if_packet.h
PACKET_ADD_MEMBERSHIP = 1
PACKET_RX_RING = 5
PACKET_STATISTICS = 6
PACKET_COPY_THRESH = 7
PACKET_VERSION = 10
PACKET_VNET_HDR = 15
PACKET_FANOUT = 18
PACKET_QDISC_BYPASS = 20
PACKET_IGNORE_OUTGOING = 23
PACKET_MR_PROMISC = 1
TPACKET_V2 = 1
PACKET_FANOUT_HASH = 0
SO_SNDBUFFORCE = 32  # asm-generic/socket.h
SO_RCVBUFFORCE = 33

RING_FRAMES = 1024
BUFFER_BYTES = 8 << 20  # frames that wait whole outside the ring, and frames being sent
BLOCK_BYTES = 1 << 16
ETHERNET_HEADER = 14


def set_buffers(sock: socket.socket) -> None:
    """Room for bursts of GSO frames: past the system's limit where the capability for that is held."""
    for force, plain in ((SO_SNDBUFFORCE, socket.SO_SNDBUF), (SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, BUFFER_BYTES)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)


def open_socket(index: int, promisc: bool) -> socket.socket:
    """A raw socket ready for a ring, not yet bound: nothing is received before all is set."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    for option in (PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, PACKET_QDISC_BYPASS):
        sock.setsockopt(SOL_PACKET, option, 1)
    set_buffers(sock)
    if promisc:
        request = struct.pack("iHH8x", index, PACKET_MR_PROMISC, 0)
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
    return sock


def map_ring(sock: socket.socket, frames: int) -> mmap.mmap:
    """Give the socket a receive ring and map it."""
    size = frames * kernels.RING_FRAME
    block = min(BLOCK_BYTES, size)
    sock.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    sock.setsockopt(SOL_PACKET, PACKET_COPY_THRESH, 1)
    request = struct.pack("IIII", block, size // block, kernels.RING_FRAME, frames)
    sock.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
    return mmap.mmap(sock.fileno(), size)


def message_words() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Scratch of one queue: frames received, frames sent, iovec[BURST], mmsghdr[BURST] that point at them."""
    words = np.zeros(BURST * (1 + 1 + 2 + 8), np.int64)
    base, vectors, messages = words.ctypes.data, 2 * BURST, 4 * BURST
    for i in range(BURST):
        words[messages + 8 * i + 2] = base + 8 * (vectors + 2 * i)  # msg_iov
        words[messages + 8 * i + 3] = 1  # msg_iovlen
    return words


class PacketPort(Port):
    kind = "packet"
    receive = kernels.receive
    transmit = kernels.transmit
    options = frozenset({"netns", "ring", "promisc"})

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        super().__init__(spec, slot, pool, queues)
        self.device = Device(spec.name, spec.options.get("netns"))
        self.frames = 1 << (int(spec.number("ring", RING_FRAMES, 64, 1 << 16)) - 1).bit_length()
        self.sockets: list[socket.socket] = []
        self.rings: list[mmap.mmap] = []
        self.scratch = [message_words() for _ in self.rows]
        self._open()

    def _open(self) -> None:
        self.index = self.device.index()
        self.hw_addr = self.device.hw_addr()
        self.device.set_up(True)
        promisc = bool(self.spec.number("promisc", 1, 0, 1))
        for queue, row in enumerate(self.rows):
            sock = in_namespace(self.device.netns, lambda: open_socket(self.index, promisc))
            self.sockets.append(sock)
            self.rings.append(map_ring(sock, self.frames))
            self._fill(queue, row)
            sock.bind((self.name, ETH_P_ALL))
        self.refresh()

    def _fill(self, queue: int, row: np.ndarray) -> None:
        base = self.scratch[queue].ctypes.data
        row[columns.P_FD] = row[kernels.T_FD] = self.sockets[queue].fileno()
        row[columns.P_CAPS] = columns.CAP_CSUM | columns.CAP_TSO4 | columns.CAP_TSO6 | columns.CAP_USO
        row[kernels.R_RING] = np.frombuffer(self.rings[queue], np.uint8).ctypes.data
        row[kernels.R_COUNT] = self.frames
        row[kernels.R_HEAD] = 0
        row[kernels.R_FRAMES] = base
        row[kernels.T_FRAMES] = base + 8 * BURST
        row[kernels.T_VECTORS] = base + 16 * BURST
        row[kernels.T_MESSAGES] = base + 32 * BURST

    def link(self) -> Link:
        return self.device.link()
