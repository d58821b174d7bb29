"""Nicira's actions packed by hand, from plain tuples: ("load", "reg0", first bit, bits, value) and so on."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from tests.oracle import nicira
from tests.oracle.oxm import BASIC_SHAPE

HEADERS = nicira.nxm_of(BASIC_SHAPE)
HEADERS["metadata"] = 0x80000408
OWN_TABLE, OWN_PORT = 255, 0xFFF8


def header(name: str) -> bytes:
    return HEADERS[name].to_bytes(4)


def pack(subtype: int, body: bytes) -> bytes:
    data = struct.pack("!IH", 0x2320, subtype) + body
    data += bytes(-(len(data) + 4) % 8)
    return struct.pack("!HH", 0xFFFF, len(data) + 4) + data


def load(field: str, offset: int, bits: int, value: int) -> bytes:
    return pack(7, struct.pack("!H", offset << 6 | bits - 1) + header(field) + value.to_bytes(8))


def move(source: str, source_at: int, target: str, target_at: int, bits: int) -> bytes:
    return pack(6, struct.pack("!HHH", bits, source_at, target_at) + header(source) + header(target))


def resubmit(port: int = OWN_PORT, table: int = OWN_TABLE) -> bytes:
    return pack(14, struct.pack("!HB3x", port, table))


def stack(subtype: int) -> Callable[[str, int, int], bytes]:
    return lambda field, offset, bits: pack(
        subtype, struct.pack("!H", offset) + header(field) + struct.pack("!H6x", bits)
    )


def output_reg(field: str, offset: int, bits: int) -> bytes:
    return pack(15, struct.pack("!H", offset << 6 | bits - 1) + header(field) + struct.pack("!H6x", 0xFFFF))


def clone(listed: list[Any]) -> bytes:
    from tests.dataplane.wire import actions

    return pack(42, bytes(6) + actions(listed))


def conjunction(number: int, clause: int, clauses: int) -> bytes:
    return pack(34, struct.pack("!BBI", clause, clauses, number))


def multipath(
    fields: int, basis: int, algorithm: int, links: int, argument: int, field: str, offset: int, bits: int
) -> bytes:
    how = struct.pack("!HH2xHHI2x", fields, basis, algorithm, links - 1, argument)
    return pack(10, how + struct.pack("!H", offset << 6 | bits - 1) + header(field))


def bundle(fields: int, basis: int, algorithm: int, members: list[int]) -> bytes:
    return pack(12, bundle_head(fields, basis, algorithm, len(members)) + bytes(10) + ports(members))


def bundle_load(
    field: str, offset: int, bits: int, fields: int, basis: int, algorithm: int, members: list[int]
) -> bytes:
    target = struct.pack("!H", offset << 6 | bits - 1) + header(field) + bytes(4)
    return pack(13, bundle_head(fields, basis, algorithm, len(members)) + target + ports(members))


def bundle_head(fields: int, basis: int, algorithm: int, members: int) -> bytes:
    return struct.pack("!HHHIH", algorithm, fields, basis, HEADERS["in_port_16"], members)


def ports(members: list[int]) -> bytes:
    return struct.pack(f"!{len(members)}H", *members)


SEND_FLOW_REM, DELETE_LEARNED = 1, 2  # NX_LEARN_F_*


def learn(
    table: int,
    specs: list[bytes],
    priority: int = 1,
    cookie: int = 0,
    idle: int = 0,
    hard: int = 0,
    flags: int = 0,
) -> bytes:
    head = struct.pack("!HHHQHBxHH", idle, hard, priority, cookie, flags, table, 0, 0)
    return pack(16, head + b"".join(specs))


def spec(kind: int, source: tuple[str, int] | int, target: tuple[str, int] | None, bits: int) -> bytes:
    """`kind`: 0 match, 1 load, 2 output."""
    wire = struct.pack("!H", isinstance(source, int) << 13 | kind << 11 | bits)
    if isinstance(source, int):
        wire += source.to_bytes(-(-bits // 16) * 2)
    else:
        wire += header(source[0]) + source[1].to_bytes(2)
    return wire + (header(target[0]) + target[1].to_bytes(2) if target else b"")


def controller(userdata: bytes = b"", pause: bool = False) -> bytes:
    """NXAST_CONTROLLER2."""
    told = struct.pack("!HH", 3, 4 + len(userdata)) + userdata
    told += bytes(-len(told) % 8)
    return pack(37, bytes(6) + told + (struct.pack("!HH4x", 4, 4) if pause else b""))


ACTIONS: dict[str, Callable[..., bytes]] = {
    "load": load,
    "move": move,
    "resubmit": resubmit,
    "push": stack(27),
    "pop": stack(28),
    "output_reg": output_reg,
    "exit": lambda: pack(17, bytes(6)),
    "note": lambda: pack(8, b"abcdef"),
    "clone": clone,
    "conjunction": conjunction,
    "learn": learn,
    "controller": controller,
    "multipath": multipath,
    "bundle": bundle,
    "bundle_load": bundle_load,
}


def action(name: str, *arguments: Any) -> bytes:
    return ACTIONS[name](*arguments)
