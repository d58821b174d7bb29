"""Properties of requests: a type, a length without the padding, padding to 8 bytes (OpenFlow 1.4.1 section 7.2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_4 import error_codes as ec

HEADER = Struct("!HH")  # type, length
EXPERIMENTER = 0xFFFF


def bad_property(code: int) -> OpenFlowError:
    return OpenFlowError(ec.OFPET_BAD_PROPERTY, code)


def pack_property(kind: int, content: bytes) -> bytes:
    """One property with its padding."""
    length = HEADER.size + len(content)
    return HEADER.pack(kind, length) + content + bytes(-length % 8)


def read_properties(data: bytes, sizes: Mapping[int, int]) -> dict[int, bytes]:
    """The contents of the properties that fill `data`, by type. `sizes`: of the contents of the types that there are.

    Raises OpenFlowError: each type may come once, and an experimenter's is nobody's.
    """
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise bad_property(ec.OFPBPC_BAD_LEN)
        kind, length = HEADER.unpack_from(data, at)
        if length < HEADER.size or at + length > len(data):
            raise bad_property(ec.OFPBPC_BAD_LEN)
        if kind not in sizes:
            raise bad_property(ec.OFPBPC_BAD_EXPERIMENTER if kind == EXPERIMENTER else ec.OFPBPC_BAD_TYPE)
        if length != HEADER.size + sizes[kind]:
            raise bad_property(ec.OFPBPC_BAD_LEN)
        if kind in found:
            raise bad_property(ec.OFPBPC_DUP_TYPE)
        found[kind] = data[at + HEADER.size : at + length]
        at += length + -length % 8
    return found
