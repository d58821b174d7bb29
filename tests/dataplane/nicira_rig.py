"""Flow entries of Nicira's actions on a forwarder, and one TCP connection's packets."""

from __future__ import annotations

from tests.dataplane import wire
from tests.dataplane.forwarder import Forwarder
from tests.oracle import frames as f
from tests.oracle.oxm import SHAPE
from triplane.dataplane.switch.datapath import FlowFilter, FlowModOutcome

A, B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
HOST_A, HOST_B = bytes.fromhex("0a000001"), bytes.fromhex("0a000002")


def tcp(source: int = 1000, target: int = 80, flags: int = 0x10, swap: bool = False) -> bytes:
    segment = bytearray(f.tcp(source, target, b"x" * 40))
    segment[13] = flags
    ends = (HOST_B, HOST_A) if swap else (HOST_A, HOST_B)
    packet = f.ipv4(*ends, 6, bytes(segment))
    return f.ethernet(*((A, B) if swap else (B, A)), [], 0x0800, packet)


def add(
    node: Forwarder, *actions: wire.Action, table: int = 0, priority: int = 1, cookie: int = 0, hard: int = 0,
    idle: int = 0, **match: int,
) -> FlowModOutcome:  # fmt: skip
    fields = {name: (value, (1 << SHAPE[name][1]) - 1) for name, value in match.items()}
    message = wire.flow_mod(
        fields, {"apply": list(actions)}, table=table, priority=priority, cookie=cookie, hard=hard, idle=idle
    )
    outcome = node.send(message)
    assert outcome.errors == []
    return outcome


def raw(node: Forwarder, actions: bytes, **match: int) -> list[tuple[int, int]]:
    """Add a flow of encoded actions; the errors."""
    fields = {name: (value, (1 << SHAPE[name][1]) - 1) for name, value in match.items()}
    body = (4).to_bytes(2) + (8 + len(actions)).to_bytes(2) + bytes(4) + actions
    message = wire.flow_mod(fields, {}) + body
    message = message[:2] + len(message).to_bytes(2) + message[4:]
    return [(kind, code) for _, kind, code in node.send(message).errors]


def ports(node: Forwarder, port: int, frame: bytes) -> list[int]:
    return [number for number, _ in node.receive(port, frame)]


def entries(node: Forwarder, table: int) -> list[bytes]:
    return list(node.node.flow_stats(FlowFilter(table, wire.ANY, wire.ANY, 0, 0, wire.match({})), node.now))
