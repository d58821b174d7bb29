"""The `xdp` kind: an existing interface, over AF_XDP (Documentation/networking/af_xdp.rst). Linux 5.9 or later, root.

Options: `queues` (default: all that the device has; packets of the others go to the host), `mode` (auto, zerocopy,
copy), `attach` (auto, native, generic), `ring` (frames in each ring, a power of two), `partial` (auto, 0, 1: look for
layer-4 checksums that a virtual device's peer left to hardware), `promisc` (0 or 1), `netns`.

Each socket registers the pool's small frames as a UMEM of its own, so a frame received by one xdp port is sent by
another without a copy here, whatever the devices and namespaces; XDP_SHARED_UMEM cannot do that across devices
with rings of their own. In copy mode the kernel copies once on the way in and once on the way out.

Jumbo frames: with Linux 6.6 (XDP_USE_SG) frames up to the MTU come and go in pieces; before that the device's MTU
must leave a frame within 1792 bytes, and the port refuses to open otherwise.

Offloads: a native XDP program switches GSO off for the peer of a veth, so TCP comes in MTU-sized frames. Checksums
that the peer leaves partial are recognised (kernels/partial.py), where other switches need `ethtool -K PEER tx off`;
that is still needed for SCTP and for tunnels whose inner checksum is offloaded. A partial checksum goes out as it
came, for the kernel to complete or to pass on (Linux 6.8). A VLAN tag that a peer's 8021q device leaves in metadata is
lost to XDP: `ethtool -K PEER txvlan off`; that the device itself takes tags out is switched off while the port is open.
With a generic attachment, GRO on the device and GSO at the peer of a veth must be off too: their frames would come
without a word of how to cut them again.

Where the time goes (60-byte frames between two veths on one core): of 1,000 ns a frame, some 30 are spent here; the
rest is the kernel's transmit in copy mode, inside sendto(2): an skb, a softirq and the peer's receive for each frame.
Ring sizes from 256 to 2048 made no difference to that; small ones lose packets of a TCP stream. SO_BUSY_POLL is not
asked for: veth has no interrupt to defer, and a worker that polls the ring sees a packet at once (not measured).
"""

from __future__ import annotations

import socket
import struct
import sys
import time

import numpy as np
from numpy.typing import NDArray

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.packet import BURST
from triplane.dataplane.kernels.pool import BIG_ROOM, POOL_BIG_START, POOL_MEM, SMALL_ROOM, SMALL_SHIFT, Pool, give
from triplane.tap.device import Device
from triplane.tap.kernels import xdp as kernels
from triplane.tap.kernels import xdp_rings as rings
from triplane.tap.kernels import xdp_send
from triplane.tap.namespaces import in_namespace
from triplane.tap.port import Link, Port, PortError, PortSpec
from triplane.tap.xdp_program import XdpProgram
from triplane.tap.xdp_socket import XdpSocket

ETHTOOL_GDRVINFO = 0x3  # linux/ethtool.h
ETHTOOL_GFLAGS = 0x25
ETHTOOL_SFLAGS = 0x26
ETHTOOL_GCHANNELS = 0x3C
ETH_FLAG_RXVLAN = 1 << 8
DRVINFO_BUS = 100  # offset of bus_info in struct ethtool_drvinfo
VIRTUAL_BUSES = (b"", b"tap", b"tun")
ETHERNET_HEADER = 14
VLAN_TAGS = 8
RING_FRAMES = 2048  # with 1024, one TCP stream overran it whenever the worker was kept from its core
POOL_SHARE = 8  # one queue holds at most this fraction of the pool for receiving
SEGMENTS = 17  # descriptors of one packet: MAX_SKB_FRAGS, where the driver does not say otherwise
DRAIN = 0.05  # seconds that closing waits for frames on their way out
PACKET_ADD_MEMBERSHIP = 1  # linux/if_packet.h
PACKET_MR_PROMISC = 1
SOL_PACKET = 263


def channels(device: Device) -> int:
    """Receive queues of the device."""
    answer = device.ethtool(struct.pack("I32x", ETHTOOL_GCHANNELS))
    if answer is None:
        return 1
    counts = struct.unpack("9I", answer)
    return max(1, int(counts[5]) + int(counts[8]))  # rx_count + combined_count


def virtual(device: Device) -> bool:
    """Whether packets come from a stack on this host: veth, tap, and the like tell of no bus."""
    answer = device.ethtool(struct.pack("I192x", ETHTOOL_GDRVINFO))
    return answer is None or answer[DRVINFO_BUS : DRVINFO_BUS + 32].rstrip(b"\0") in VIRTUAL_BUSES


def strip_vlan(device: Device, on: bool) -> bool:
    """Whether the device takes VLAN tags out of received frames from now on; returns whether that is a change."""
    answer = device.ethtool(struct.pack("II", ETHTOOL_GFLAGS, 0))
    flags = 0 if answer is None else int.from_bytes(answer[4:8], sys.byteorder)
    if answer is None or bool(flags & ETH_FLAG_RXVLAN) == on:
        return False
    return device.ethtool(struct.pack("II", ETHTOOL_SFLAGS, flags ^ ETH_FLAG_RXVLAN)) is not None


def listen_to_all(index: int) -> socket.socket:
    """A socket that keeps the interface promiscuous for as long as it is open."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8x", index, PACKET_MR_PROMISC, 0))
    return sock


def choice(spec: PortSpec, key: str, default: str, allowed: tuple[str, ...]) -> str:
    value = spec.options.get(key, default)
    if value not in allowed:
        raise PortError(f"port {spec.name}: option {key}={value} is none of {' '.join(allowed)}")
    return value


class Memory:
    """What the kernels of one queue write besides its row: the owned map, scratch, statistics."""

    def __init__(self, chunks: int) -> None:
        self.owned = np.zeros(chunks, np.uint8)
        self.words = np.zeros(2 * rings.SCRATCH + 8, np.int64)

    def enter(self, row: NDArray[np.int64]) -> None:
        row[rings.X_OWNED] = self.owned.ctypes.data
        row[rings.X_RX_SCRATCH_AT] = self.words.ctypes.data
        row[rings.X_TX_SCRATCH_AT] = self.words.ctypes.data + 8 * rings.SCRATCH
        row[rings.X_STATISTICS] = self.words.ctypes.data + 16 * rings.SCRATCH


class XdpPort(Port):
    kind = "xdp"
    receive = kernels.xdp_receive
    transmit = xdp_send.xdp_transmit
    options = frozenset({"queues", "mode", "attach", "ring", "partial", "promisc", "netns"})

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        spec.check_options(self.options)
        self.device = Device(spec.name, spec.options.get("netns"))
        present = channels(self.device) if self.device.exists() else 1
        super().__init__(spec, slot, pool, int(spec.number("queues", present, 1, 256)))
        self.mode = choice(spec, "mode", "auto", ("auto", "zerocopy", "copy"))
        self.attach = choice(spec, "attach", "auto", ("auto", "native", "generic"))
        self.partial = choice(spec, "partial", "auto", ("auto", "0", "1"))
        self.entries = 1 << (int(spec.number("ring", RING_FRAMES, 64, 1 << 15)) - 1).bit_length()
        self.memories = [Memory(int(pool.pool[POOL_BIG_START]) >> SMALL_SHIFT) for _ in self.rows]
        self.program: XdpProgram | None = None
        self.sockets: list[XdpSocket] = []
        self.promiscuous: socket.socket | None = None
        self.stripped = False  # VLAN tags, before we came
        try:
            self._open()
        except PortError:
            self.close()
            raise

    def _open(self) -> None:
        self.index = self.device.index()
        self.hw_addr = self.device.hw_addr()
        self.device.set_up(True)
        self.stripped = strip_vlan(self.device, False)
        in_namespace(self.device.netns, self._open_inside)
        self.refresh()

    def _open_inside(self) -> None:
        """What must be done in the interface's namespace. The program comes first: it tells native from generic."""
        if self.spec.number("promisc", 1, 0, 1):
            self.promiscuous = listen_to_all(self.index)
        self.program = XdpProgram(self.name, self.index, max(len(self.rows), channels(self.device)), self.attach)
        mode = "copy" if self.program.mode == "generic" else self.mode
        jumbo = self.device.mtu() + ETHERNET_HEADER + VLAN_TAGS > SMALL_ROOM
        for queue, row in enumerate(self.rows):
            sock = XdpSocket(
                self.name, int(self.pool.pool[POOL_MEM]), int(self.pool.pool[POOL_BIG_START]), self.entries
            )
            self.sockets.append(sock)
            segments = sock.bind(self.index, queue, mode, jumbo)
            self._check_mtu(segments)
            sock.tune(BURST)
            self._fill(row, sock, self.memories[queue], segments)
            self.program.enter(queue, sock.socket.fileno())

    def _check_mtu(self, segments: bool) -> None:
        """Refuse a device that would receive frames that cannot come through."""
        self.longest = (SEGMENTS if segments else 1) * SMALL_ROOM - VLAN_TAGS
        mtu = self.device.mtu()
        if mtu + ETHERNET_HEADER > min(self.longest, BIG_ROOM):
            most = min(self.longest, BIG_ROOM) - ETHERNET_HEADER
            raise PortError(
                f"port {self.name}: its MTU is {mtu}, AF_XDP here takes {most}: ip link set dev {self.name} mtu {most}"
            )

    def _fill(self, row: NDArray[np.int64], sock: XdpSocket, memory: Memory, segments: bool) -> None:
        """Tell the kernels of the socket. The fill ring starts full: the first packet finds a frame."""
        row[columns.P_PRIVATE :] = 0
        memory.words[:] = 0
        memory.enter(row)
        row[columns.P_FD] = sock.socket.fileno()
        metadata = 0 if sock.zero_copy() else sock.metadata  # a driver would need the checksum feature of its own
        row[columns.P_CAPS] = columns.CAP_CSUM if metadata else 0
        row[rings.X_MASK] = self.entries - 1
        row[rings.X_UMEM] = self.pool.pool[POOL_BIG_START]
        row[rings.X_META] = metadata
        row[rings.X_PARTIAL] = self._looks_for_partial()
        row[rings.X_SEGMENTS] = SEGMENTS if segments else 1
        row[rings.X_TARGET] = min(self.entries, len(memory.owned) // POOL_SHARE)
        self._fill_rings(row, sock)
        while row[rings.X_FILLED] < row[rings.X_TARGET]:
            before = row[rings.X_FILLED]
            kernels.refill(row, self.pool.pool)
            if row[rings.X_FILLED] == before:
                break  # the pool is empty just now; receiving goes on trying

    def _fill_rings(self, row: NDArray[np.int64], sock: XdpSocket) -> None:
        rx, tx, fill, done = (sock.rings[name] for name in ("rx", "tx", "fill", "done"))
        row[rings.X_RX_PRODUCER_AT], row[rings.X_RX_CONSUMER_AT] = rx.producer, rx.consumer
        row[rings.X_RX_RING_AT] = rx.entries
        row[rings.X_FILL_PRODUCER_AT], row[rings.X_FILL_FLAGS_AT] = fill.producer, fill.flags
        row[rings.X_FILL_RING_AT] = fill.entries
        row[rings.X_TX_PRODUCER_AT], row[rings.X_TX_CONSUMER_AT] = tx.producer, tx.consumer
        row[rings.X_TX_FLAGS_AT], row[rings.X_TX_RING_AT] = tx.flags, tx.entries
        row[rings.X_DONE_PRODUCER_AT], row[rings.X_DONE_CONSUMER_AT] = done.producer, done.consumer
        row[rings.X_DONE_RING_AT] = done.entries

    def _looks_for_partial(self) -> int:
        if self.partial != "auto":
            return int(self.partial)
        generic = self.program is not None and self.program.mode == "generic"
        return int(generic or virtual(self.device))

    def link(self) -> Link:
        return self.device.link()

    def refresh(self) -> Link:
        link = super().refresh()
        if link.up:
            for row in self.rows:
                row[columns.P_MTU] = min(self.device.mtu() + ETHERNET_HEADER, self.longest)
        return link

    def set_up(self, up: bool) -> None:
        self.device.set_up(up)

    def reopen(self) -> None:
        self._release()
        self._open()

    def close(self) -> None:
        self._release()
        self.device.close()

    def _release(self) -> None:
        """Detach and close first, so that the kernel is done with the frames before the pool has them back."""
        for row, _ in zip(self.rows, self.sockets, strict=False):
            self._drain(row)
        if self.program is not None:
            self.program.close()
        for sock in self.sockets:
            sock.close()
        if self.promiscuous is not None:
            self.promiscuous.close()
        if self.stripped:
            self.stripped = False
            strip_vlan(self.device, True)
        self.program, self.sockets, self.promiscuous = None, [], None
        for row, memory in zip(self.rows, self.memories, strict=True):
            row[columns.P_FD] = -1
            held = np.flatnonzero(memory.owned) << SMALL_SHIFT
            memory.owned[:] = 0
            give(self.pool.pool, held.astype(np.int64), len(held))

    def _drain(self, row: NDArray[np.int64]) -> None:
        """Give what was sent a moment to leave."""
        deadline = time.monotonic() + DRAIN
        while row[rings.X_TX_HEAD] != row[rings.X_DONE_TAIL] and time.monotonic() < deadline:
            xdp_send.reclaim(row, self.pool.pool)
            time.sleep(0.001)
