"""A node with memory ports, driven one packet at a time, and what became of each packet."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from tests.dataplane import wire
from tests.dataplane.memory_port import MemoryPort, Sent
from tests.oracle.flow_table import Request
from tests.oracle.groups import Group
from tests.oracle.oxm import encode_match
from tests.oracle.packet import PacketIn
from triplane.dataplane.kernels import node as n
from triplane.dataplane.kernels.emit import flush_all
from triplane.dataplane.kernels.groups_run import drain
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_OFFSET,
    CSUM_START,
    FRAME_WORDS,
    GSO_SIZE,
    GSO_TYPE,
    LENGTH,
    PACKET_WORDS,
    PORT,
)
from triplane.dataplane.kernels.pipeline import receive
from triplane.dataplane.kernels.pool import POOL_BIG_TOP, POOL_SMALL_TOP, take_one
from triplane.dataplane.node import Node
from triplane.dataplane.ports import number_of
from triplane.dataplane.switch.datapath import FlowFilter, FlowModOutcome

SLOTS = (1, 2, 3, 4, 0)
OFFLOAD = (CSUM, CSUM_START, CSUM_OFFSET, GSO_TYPE, GSO_SIZE)


class Forwarder:
    """Ports 1 to 4 and LOCAL; nothing runs but what a test calls."""

    def __init__(
        self, slots: Sequence[int] = SLOTS, *, caps: int = 0, mtu: int = 65535, frames: int = 256, version: int = 4
    ) -> None:
        self.version = version  # of what is sent to it
        self.node = Node(small_frames=frames, big_frames=16)
        self.ports = {slot: MemoryPort(slot, caps=caps, mtu=mtu) for slot in slots}
        for port in self.ports.values():
            self.node.add_port(port)
        self.state = self.node.state
        self.worker = self.state.rows[0]
        self.now = time.monotonic_ns()
        self._free = self.free_frames()

    def close(self) -> None:
        self.node.close()

    # tables
    def flow_mod(self, request: Request) -> FlowModOutcome:
        return self.send(encode(request, self.version))

    def send(self, message: bytes) -> FlowModOutcome:
        return self.node.flow_mods(message, 0, len(message), self.now)

    def group(self, number: int, group: Group, command: int = 0) -> None:
        buckets = b"".join(map(encode_bucket, group.buckets))
        self.node.group_mod(command, group.kind, number, buckets, self.now, version=self.version)

    # packets
    def receive(self, slot: int, data: bytes, offload: Sequence[int] = (0, 0, 0, 0, 0)) -> list[tuple[int, bytes]]:
        """(port number, bytes) of what is sent when a frame comes in."""
        self.deliver(slot, data, offload)
        return self.sent()

    def deliver(self, slot: int, data: bytes, offload: Sequence[int] = (0, 0, 0, 0, 0)) -> None:
        """Let a frame come in; the ports keep what is sent. `offload`: the columns of OFFLOAD."""
        row, pool = self.worker[n.W_BATCH : n.W_BATCH + PACKET_WORDS], self.state.pool
        addr = int(take_one(pool.pool, len(data)))
        assert addr >= 0
        pool.mem[addr : addr + len(data)] = np.frombuffer(data, np.uint8)
        row[:FRAME_WORDS] = 0
        row[ADDR], row[LENGTH], row[PORT] = addr, len(data), slot
        row[list(OFFLOAD)] = offload
        self.worker[n.W_NOW] = self.now
        receive(self.state.node, self.worker, row)
        drain(self.state.node, self.worker)
        flush_all(self.state.node, self.worker)

    def packet_out(self, in_port: int, listed: Sequence[wire.Action], data: bytes) -> list[tuple[int, bytes]]:
        self.node.packet_out(in_port, wire.actions(listed), data, self.now, version=self.version)
        return self.sent()

    def sent_frames(self) -> dict[int, list[Sent]]:
        return {number_of(slot): port.sent() for slot, port in self.ports.items()}

    def sent(self) -> list[tuple[int, bytes]]:
        return sorted((number, frame.data) for number, frames in self.sent_frames().items() for frame in frames)

    def packet_ins(self) -> list[tuple[object, ...]]:
        return sorted(tuple(packet) for packet in self.node.packet_ins(1000))

    # what is left
    def free_frames(self) -> tuple[int, int]:
        pool = self.node.state.pool.pool
        return int(pool[POOL_SMALL_TOP]), int(pool[POOL_BIG_TOP])

    def assert_no_frame_lost(self) -> None:
        assert self.free_frames() == self._free

    def counts(self) -> dict[int, tuple[int, int]]:
        """Packets and bytes of each flow, by cookie."""
        chosen = FlowFilter(wire.ALL_TABLES, wire.ANY, wire.ANY, 0, 0, wire.match({}))
        found = {}
        for entry in self.node.flow_stats(chosen, self.now):
            cookie, packets, octets = (int.from_bytes(entry[at : at + 8]) for at in (24, 32, 40))
            found[cookie] = packets, octets
        return found


def encode(request: Request, version: int = 4) -> bytes:
    return wire.flow_mod(
        request.match, request.then, command=request.command, table=request.table, priority=request.priority,
        cookie=request.cookie, cookie_mask=request.cookie_mask, idle=request.idle, hard=request.hard,
        out_port=request.out_port, out_group=request.out_group, flags=request.flags, version=version,
    )  # fmt: skip


def encode_bucket(bucket: object) -> bytes:
    actions, weight, port, group = bucket  # type: ignore[misc]
    watch_port = wire.ANY if port is None else port
    watch_group = wire.ANY if group is None else group
    return wire.bucket(actions, weight=weight, watch_port=watch_port, watch_group=watch_group)


def told(packet: PacketIn) -> tuple[object, ...]:
    """As the data plane tells of the packet-in."""
    fields = {"in_port": (packet.in_port, 0xFFFFFFFF)}
    for name, value in (("metadata", packet.metadata), ("tunnel_id", packet.tunnel)):
        if value:
            fields[name] = value, 2**64 - 1
    fields |= {name: (value, 0xFFFFFFFF) for name, value in packet.registers.items() if value}
    body = encode_match(fields)
    match = wire.padded(b"\0\1" + (4 + len(body)).to_bytes(2) + body)
    return packet.reason, packet.table, packet.cookie, packet.in_port, packet.max_len, match, packet.data, 0, b"", b""
