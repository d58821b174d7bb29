"""OpenFlow 1.5's actions packed by hand, from plain tuples: ("set_masked", field, value, mask) and so on."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.dataplane.nicira_wire import HEADERS
from tests.oracle.oxm import NUMBERS, SHAPE


def header(name: str) -> bytes:
    """OXM's, or Nicira's for a field that OXM does not have."""
    return struct.pack("!HBB", 0x8000, NUMBERS[name] << 1, SHAPE[name][0]) if name in NUMBERS else oxx(name)


def oxx(name: str) -> bytes:
    return HEADERS[name].to_bytes(4)


def set_masked(name: str, value: int, mask: int) -> bytes:
    """A set-field with a mask."""
    oxm_class, kind, size = struct.unpack("!HBB", header(name))
    body = struct.pack("!HBB", oxm_class, kind | 1, 2 * size) + value.to_bytes(size) + mask.to_bytes(size)
    return pack(25, body)


def copy_field(source: str, source_at: int, target: str, target_at: int, bits: int) -> bytes:
    return pack(28, struct.pack("!HHH2x", bits, source_at, target_at) + header(source) + header(target))


def meter(number: int) -> bytes:
    return pack(29, number.to_bytes(4))


def pack(kind: int, body: bytes) -> bytes:
    body += bytes(-(len(body) + 4) % 8)
    return struct.pack("!HH", kind, 4 + len(body)) + body


ACTIONS: dict[str, Callable[..., bytes]] = {"set_masked": set_masked, "copy_field": copy_field, "meter": meter}
