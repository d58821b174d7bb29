"""The `packet` kind: an existing interface, over AF_PACKET (packet(7)). What it sends passes no qdisc.

Options: `netns`; `ring` (frames that wait in the kernel, for each queue, a power of two); `promisc` (0 or 1);
`outbox` (0: send all frames by message; 1: small ones through AF_XDP where the kernel lets us);
`exclusive` (1: the host's own stack gets nothing from the interface; 0: it gets copies; by default 1 unless it has an
address there).
"""

from __future__ import annotations

import mmap
import os
import socket
import struct

import numpy as np

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.packet import BURST
from triplane.dataplane.kernels.pool import Pool, lock, unlock
from triplane.tap.claim import claim
from triplane.tap.device import Device, DevicePort
from triplane.tap.kernels import outbox
from triplane.tap.kernels import packet as kernels
from triplane.tap.namespaces import in_namespace
from triplane.tap.outbox import Outbox, open_outbox
from triplane.tap.port import PortError, PortSpec, Words

ETH_P_ALL = 0x0003
SOL_PACKET = 263  # linux/if_packet.h
PACKET_ADD_MEMBERSHIP = 1
PACKET_RX_RING = 5
PACKET_COPY_THRESH = 7
PACKET_VERSION = 10
PACKET_VNET_HDR = 15
PACKET_FANOUT = 18
PACKET_QDISC_BYPASS = 20
PACKET_IGNORE_OUTGOING = 23
PACKET_MR_PROMISC = 1
TPACKET_V2 = 1
PACKET_FANOUT_HASH = 0
PACKET_FANOUT_FLAG_UNIQUEID = 0x2000
PACKET_FANOUT_FLAG_IGNORE_OUTGOING = 0x4000
SO_SNDBUFFORCE = 32  # asm-generic/socket.h
SO_RCVBUFFORCE = 33

RING_FRAMES = 2048
BUFFER_BYTES = 8 << 20  # frames that wait whole outside the ring, and frames being sent
BLOCK_BYTES = 1 << 16


def set_buffers(sock: socket.socket) -> None:
    """Room for bursts of GSO frames: past the system's limit where the capability for that is held."""
    for force, plain in ((SO_SNDBUFFORCE, socket.SO_SNDBUF), (SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, BUFFER_BYTES)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)


def open_socket() -> socket.socket:
    """A raw socket ready for a ring, not yet bound: nothing is received before all is set."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    for option in (PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, PACKET_QDISC_BYPASS):
        sock.setsockopt(SOL_PACKET, option, 1)
    set_buffers(sock)
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


def message_words() -> Words:
    """Scratch of one queue: frames received, frames sent, iovec[BURST], mmsghdr[BURST] that point at them."""
    words = np.zeros(BURST * (1 + 1 + 2 + 8), np.int64)
    base, vectors, messages = words.ctypes.data, 2 * BURST, 4 * BURST
    for i in range(BURST):
        words[messages + 8 * i + 2] = base + 8 * (vectors + 2 * i)  # msg_iov
        words[messages + 8 * i + 3] = 1  # msg_iovlen
    return words


def join_fanout(sock: socket.socket, group: int | None) -> int:
    """Share what arrives by flow among the sockets of a group; None begins a group. Returns the group."""
    flags = PACKET_FANOUT_FLAG_IGNORE_OUTGOING | (PACKET_FANOUT_FLAG_UNIQUEID if group is None else 0)
    sock.setsockopt(SOL_PACKET, PACKET_FANOUT, (group or 0) | (PACKET_FANOUT_HASH | flags) << 16)
    return sock.getsockopt(SOL_PACKET, PACKET_FANOUT) & 0xFFFF


class PacketPort(DevicePort):
    kind = "packet"
    receive = kernels.receive
    transmit = kernels.transmit
    options = frozenset({"netns", "ring", "promisc", "outbox", "exclusive"})

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        super().__init__(spec, slot, pool, queues)
        self.frames = 1 << (int(spec.number("ring", RING_FRAMES, 64, 1 << 16)) - 1).bit_length()
        self.outbox_wanted = bool(spec.number("outbox", 1, 0, 1))
        self.promisc = bool(spec.number("promisc", 1, 0, 1))
        self.device = Device(spec.name, spec.options.get("netns"))
        self.sockets: list[socket.socket] = []
        self.rings: list[mmap.mmap] = []
        self.outboxes: list[Outbox] = []
        self.claim: int | None = None
        self.scratch = [message_words() for _ in self.rows]
        try:
            self.device.check_ethernet()
            for row, scratch in zip(self.rows, self.scratch, strict=True):
                self._add_queue(row, scratch.ctypes.data)
            self._bind()
        except (OSError, PortError):
            self.close()
            raise

    def _add_queue(self, row: Words, scratch: int) -> None:
        sock = in_namespace(self.device.netns, open_socket)
        self.sockets.append(sock)
        self.rings.append(map_ring(sock, self.frames))
        row[columns.P_FD] = sock.fileno()
        row[columns.P_CAPS] = columns.CAP_CSUM | columns.CAP_TSO4 | columns.CAP_TSO6 | columns.CAP_USO
        row[kernels.R_RING] = np.frombuffer(self.rings[-1], np.uint8).ctypes.data
        row[kernels.R_COUNT] = self.frames
        row[kernels.R_FRAMES] = scratch
        row[kernels.T_FRAMES] = scratch + 8 * BURST
        row[kernels.T_VECTORS] = scratch + 16 * BURST
        row[kernels.T_MESSAGES] = scratch + 32 * BURST

    def _bind(self) -> None:
        """Attach the sockets to the device as it is now."""
        self.index = self.device.index()
        group = None
        for sock in self.sockets:
            if self.promisc:
                request = struct.pack("iHH8x", self.index, PACKET_MR_PROMISC, 0)
                sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # what is left of the device that was
            sock.bind((self.name, ETH_P_ALL))
            if len(self.sockets) > 1:
                group = join_fanout(sock, group)
        self.device.set_up(True)
        self.refresh()
        self._replace_outboxes()
        self._claim()

    def _claim(self) -> None:
        """Keep the host's stack from packets that are ours, unless it has an address there and may want them."""
        self._release_claim()
        wanted = self.spec.options.get("exclusive")
        if wanted == "0" or (wanted is None and self.device.has_address()):
            return
        try:
            self.claim = claim(self.device.netns, self.index)
        except OSError as error:
            if wanted is not None:  # else it is only the better way: the kernel or our rights are too little
                raise PortError.of(
                    self.name, "exclusive=1: cannot attach a program (Linux 6.6, CAP_BPF)", error
                ) from error

    def _release_claim(self) -> None:
        if self.claim is not None:
            os.close(self.claim)
            self.claim = None

    def _replace_outboxes(self) -> None:
        """A new outbox for each queue, or none. The old one goes first: an interface's queue has room for one."""
        for row in self.rows:
            lock(row, columns.P_LOCK)
            row[outbox.O_FD] = -1
            unlock(row, columns.P_LOCK)
        while self.outboxes:
            self.outboxes.pop().close()
        for queue, row in enumerate(self.rows):
            found = open_outbox(self.name, self.device.netns, self.index, queue) if self.outbox_wanted else None
            if found is not None:
                self.outboxes.append(found)
                lock(row, columns.P_LOCK)
                found.fill(row)
                unlock(row, columns.P_LOCK)

    def reopen(self) -> None:
        """Bind to the new device of the same name. One queue keeps its socket and ring, and workers may run.

        A socket in a fanout group cannot be bound again: several queues get new sockets, and no worker may run.
        Nothing happens while the sockets are still bound.
        """
        if all(sock.getsockname()[0] == self.name for sock in self.sockets):
            self.refresh()
            return
        try:
            if len(self.sockets) > 1:
                self._replace_sockets()
            self._bind()
        except OSError as error:
            raise PortError.of(self.name, "cannot open it again", error) from error

    def _replace_sockets(self) -> None:
        """New sockets behind the old numbers, which a worker may have in its poll(2) set."""
        numbers = [sock.detach() for sock in self.sockets]
        self._close_sockets()
        for number, row, scratch in zip(numbers, self.rows, self.scratch, strict=True):
            row[kernels.R_HEAD] = 0
            self._add_queue(row, scratch.ctypes.data)
            with self.sockets.pop() as fresh:
                os.dup2(fresh.fileno(), number, inheritable=False)
            self.sockets.append(socket.socket(fileno=number))
            row[columns.P_FD] = number

    def _close_sockets(self) -> None:
        for row in self.rows:
            row[kernels.R_RING] = 0
            row[outbox.O_FD] = -1
        while self.outboxes:
            self.outboxes.pop().close()
        while self.rings:
            self.rings.pop().close()
        while self.sockets:
            self.sockets.pop().close()

    def close(self) -> None:
        self._release_claim()
        self._close_sockets()
        self.device.close()
