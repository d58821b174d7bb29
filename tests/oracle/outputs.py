"""Where a packet can be sent: a port, the reserved ports, the controller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.oracle import subfields
from tests.oracle.meters import CONTROLLER as METER_CONTROLLER
from tests.oracle.meters import DROP, OracleMeter
from tests.oracle.nicira import wide_port
from tests.oracle.packet import NO_FLOOD, NO_FWD, NO_MATCH, NO_PACKET_IN, Packet, PacketIn
from tests.oracle.parse import parse

IN_PORT, TABLE, NORMAL, FLOOD, ALL, CONTROLLER, LOCAL = range(0xFFFFFFF8, 0xFFFFFFFF)
NO_COOKIE = 2**64 - 1


@dataclass
class Memory:
    """What packets leave behind for others: learnt addresses, tokens of meters."""

    macs: dict[tuple[int, bytes], int] = field(default_factory=dict)  # port by VLAN and address
    meters: dict[int, OracleMeter] = field(default_factory=dict)

    def copy(self) -> Memory:
        return Memory(dict(self.macs), deepcopy(self.meters))

    def forget(self, port: int) -> None:
        """What was learnt of a port that went down."""
        self.macs = {key: learnt for key, learnt in self.macs.items() if learnt != port}


class Outputs:
    """Of a walk: what it sent, told and dropped."""

    switch: Any
    memory: Memory
    now: int  # ns
    sent: list[tuple[int, bytes]]
    packet_ins: list[PacketIn]
    drops: Counter[str]
    later: Callable[..., None]
    tables: Callable[..., None]

    def output(self, packet: Packet, port: int, max_len: int) -> None:
        packet.sent |= port != IN_PORT
        if port == CONTROLLER:
            direct = packet.flow is not None and packet.flow.is_miss and not packet.in_bucket
            self.punt(packet, NO_MATCH if direct else packet.reason, max_len)
        elif port == IN_PORT:
            if is_port(packet.in_port):
                self.send(packet, packet.in_port)
        elif port in (ALL, FLOOD):
            self.flood(packet, NO_FLOOD if port == FLOOD else 0)
        elif port == NORMAL:
            self.normal(packet)
        elif port == TABLE:
            self.later(self.tables, packet.copy())
        elif port != packet.in_port and is_port(port):
            self.send(packet, port)
        else:
            self.drops["in_port" if is_port(port) else "no_port"] += 1

    def punt(self, packet: Packet, reason: int, max_len: int) -> None:
        port = self.switch.ports.get(packet.in_port)
        if reason == NO_MATCH and port is not None and port.config & NO_PACKET_IN:
            return
        if self.measured(packet, METER_CONTROLLER) == DROP:
            self.drops["meter"] += 1
            return
        cookie = NO_COOKIE if packet.flow is None else packet.flow.cookie
        self.packet_ins.append(
            PacketIn(reason, packet.table, cookie, packet.in_port, packet.metadata, packet.tunnel, max_len,
                     packet.data.ljust(60, b"\0"), dict(packet.registers))
        )  # fmt: skip

    def measured(self, packet: Packet, meter: int) -> int:
        """What a meter, if there is one of that number, says of the packet."""
        meters = self.memory.meters
        return meters[meter].run(1, len(packet.data), self.now) if meter in meters else 0

    def flood(self, packet: Packet, barred: int) -> None:
        for number, port in self.switch.ports.items():
            if number not in (LOCAL, packet.in_port) and port.live and not port.config & barred:
                self.send(packet, number)

    def normal(self, packet: Packet) -> None:
        """A learning switch; what has no ingress port teaches nothing."""
        target, source = packet.data[:6], packet.data[6:12]
        vlan = parse(packet.data).fields.get("vlan_vid", 0) & 0xFFF
        if target[:5] == bytes.fromhex("0180c20000") and target[5] < 16:
            self.drops["reserved"] += 1
            return
        if packet.in_port in self.switch.ports and not source[0] & 1 and source != bytes(6):
            self.memory.macs[vlan, source] = packet.in_port
        learnt = self.memory.macs.get((vlan, target))
        if learnt is None:
            self.flood(packet, NO_FLOOD)
        elif learnt != packet.in_port:
            self.send(packet, learnt)
        else:
            self.drops["learned"] += 1

    def send(self, packet: Packet, number: int) -> None:
        """By way of the egress tables, but for what is there already (OpenFlow 1.5.1 section 5.1)."""
        packet.sent = True
        if self.switch.egress is None or packet.leaving is not None:
            self.emit(packet, number)
        else:
            self.later(self.tables, packet.copy(leaving=number, in_bucket=False), self.switch.egress)

    def emit(self, packet: Packet, number: int) -> None:
        port = self.switch.ports.get(number)
        at = parse(packet.data).at
        tags = at["type"] - at["vlan"] if "vlan" in at else 0
        if port is None or not port.live:
            self.drops["no_port"] += 1
        elif port.config & NO_FWD or len(packet.data) - tags > port.longest:
            self.drops["port_config" if port.config & NO_FWD else "too_long"] += 1
        else:
            self.sent.append((number, packet.data.ljust(60, b"\0")))

    def output_reg(self, packet: Packet, name: str, offset: int, bits: int) -> None:
        port = subfields.read(packet, name, offset, bits) or 0
        if port <= 0xFFFF:
            self.output(packet, wide_port(port), 0xFFFF)
        else:
            self.drops["no_port"] += 1


def is_port(number: int) -> bool:
    """Whether there could be such a port."""
    return 0 < number < 256 or number == LOCAL
