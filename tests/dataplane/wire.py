"""OpenFlow 1.3 messages packed by hand, from actions and instructions as plain tuples and dictionaries.

An action is (name, *arguments), as ("output", 2, 0xFFFF) or ("set_field", "ipv4_dst", 1); instructions are a dictionary
of "meter", "apply", "clear", "write", "metadata" and "goto".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from tests.dataplane import later_wire, nicira_wire
from tests.oracle.oxm import NUMBERS, SHAPE, Match, encode_match

Action = tuple[Any, ...]
Instructions = dict[str, Any]

ADD, MODIFY, MODIFY_STRICT, DELETE, DELETE_STRICT = range(5)
SEND_FLOW_REM, CHECK_OVERLAP, RESET_COUNTS = 1, 2, 4
ANY = 0xFFFFFFFF
ALL_TABLES = 255
IN_PORT, TABLE, NORMAL, FLOOD, ALL, CONTROLLER, LOCAL = range(0xFFFFFFF8, 0xFFFFFFFF)

BARE = {"copy_ttl_out": 11, "copy_ttl_in": 12, "dec_mpls_ttl": 16, "pop_vlan": 18, "dec_nw_ttl": 24, "pop_pbb": 27}
TTL = {"set_mpls_ttl": 15, "set_nw_ttl": 23}
ETHERTYPE = {"push_vlan": 17, "push_mpls": 19, "pop_mpls": 20, "push_pbb": 26}
NUMBER = {"set_queue": 21, "group": 22}
OTHERS = nicira_wire.ACTIONS | later_wire.ACTIONS


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def action(name: str, *arguments: Any) -> bytes:
    if name == "output":
        port, max_len = arguments
        return struct.pack("!HHIH6x", 0, 16, port, max_len)
    if name in OTHERS:
        return OTHERS[name](*arguments)
    if name == "set_field":
        field, value = arguments
        size = SHAPE[field][0]
        body = bytes([0x80, 0, NUMBERS[field] << 1, size]) + value.to_bytes(size)
        return struct.pack("!HH", 25, len(padded(bytes(4) + body))) + padded(bytes(4) + body)[4:]
    if name in BARE:
        return struct.pack("!HH4x", BARE[name], 8)
    if name in TTL:
        return struct.pack("!HHB3x", TTL[name], 8, *arguments)
    layout = "!HHH2x" if name in ETHERTYPE else "!HHI"
    return struct.pack(layout, (ETHERTYPE | NUMBER)[name], 8, *arguments)


def actions(listed: Iterable[Action]) -> bytes:
    return b"".join(action(*one) for one in listed)


def instructions(chosen: Instructions) -> bytes:
    wire = b""
    if "goto" in chosen:
        wire += struct.pack("!HHB3x", 1, 8, chosen["goto"])
    if "metadata" in chosen:
        wire += struct.pack("!HH4xQQ", 2, 24, *chosen["metadata"])
    for kind, name in ((3, "write"), (4, "apply")):
        if name in chosen:
            body = actions(chosen[name])
            wire += struct.pack("!HH4x", kind, 8 + len(body)) + body
    if "clear" in chosen:
        wire += struct.pack("!HH4x", 5, 8)
    if "meter" in chosen:
        wire += struct.pack("!HHI", 6, 8, chosen["meter"])
    return wire


def match(fields: Match) -> bytes:
    """An ofp_match with its padding."""
    body = encode_match(fields)
    return padded(struct.pack("!HH", 1, 4 + len(body)) + body)


def flow_mod(
    fields: Match | None = None, then: Instructions | None = None, *,
    command: int = ADD, table: int = 0, priority: int = 0,
    cookie: int = 0, cookie_mask: int = 0, idle: int = 0, hard: int = 0, buffer: int = ANY, out_port: int = ANY,
    out_group: int = ANY, flags: int = 0, xid: int = 0, importance: int = 0, version: int = 4,
) -> bytes:  # fmt: skip
    """An OFPT_FLOW_MOD: 1.4's if it has an importance (OpenFlow 1.4.1 section 7.3.4.2), else what `version` says."""
    where = (command, idle, hard, priority, buffer, out_port, out_group)
    fixed = struct.pack("!QQBBHHHIIIHH", cookie, cookie_mask, table, *where, flags, importance)
    body = fixed + match(fields or {}) + instructions(then or {})
    return struct.pack("!BBHI", max(version, 5 if importance else 4), 14, 8 + len(body), xid) + body


def bucket(listed: Iterable[Action], *, weight: int = 0, watch_port: int = ANY, watch_group: int = ANY) -> bytes:
    body = actions(listed)
    return struct.pack("!HHII4x", 16 + len(body), weight, watch_port, watch_group) + body
