"""What an action carries: each kind's kernel checks it and gives the operation's arg, or a negative error."""

from __future__ import annotations

from triplane.dataplane.kernels.action_table import (
    A_KIND,
    A_OP,
    ACTION_ROWS,
    KIND_BYTE,
    KIND_ETHER,
    KIND_GROUP,
    KIND_METER,
    KIND_OUTPUT,
    KIND_PUSH,
    KIND_QUEUE,
    KIND_SET_FIELD,
    OFPP_IN_PORT,
    OFPP_LOCAL,
    OFPP_TABLE,
    OFPQ_ALL,
    PUSH_TAGS,
)
from triplane.dataplane.kernels.bigendian import load_bytes
from triplane.dataplane.kernels.bytes import be8, be16, be32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_LEN,
    BAD_ACTION_METER,
    BAD_ACTION_TAG,
    BAD_OUT_GROUP,
    BAD_OUT_PORT,
    BAD_QUEUE,
    BAD_SET_ARGUMENT,
    BAD_SET_LEN,
    BAD_SET_TYPE,
)
from triplane.dataplane.kernels.fields import VID_PRESENT
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.limits import (
    LIMIT_LOOSE,
    LIMIT_MAX_PORT,
    LIMIT_METER_WORDS,
    LIMIT_METERS,
    LIMIT_OUTPUT_TABLE,
)
from triplane.dataplane.kernels.machine import view_words
from triplane.dataplane.kernels.oxm import (
    F_BITS,
    F_SETTABLE,
    F_SIZE,
    FIELD_ROWS,
    TLV_HEADER,
    VLAN_VID,
    field_row,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import UNLESS_TAGGED


@kernel
def push_argument(wire: Bytes, at: int, op: int, limits: Words) -> int:
    """The tag; UNLESS_TAGGED, said by the padding, comes from our own translation of OpenFlow 1.0 only."""
    tag = be16(wire, at + 4)
    if tag != PUSH_TAGS[op, 0] and tag != PUSH_TAGS[op, 1]:
        return -BAD_ACTION_TAG
    return tag | UNLESS_TAGGED if limits[LIMIT_LOOSE] and be16(wire, at + 6) else tag


@kernel
def output_argument(wire: Bytes, at: int, limits: Words) -> int:
    """max_len. OFPP_TABLE goes with packet-outs only; OFPP_ANY is no port (7.2.1)."""
    port = be32(wire, at + 4)
    if port == OFPP_TABLE and limits[LIMIT_OUTPUT_TABLE] == 0:
        return -BAD_OUT_PORT
    reserved = OFPP_IN_PORT <= port <= OFPP_LOCAL
    return be16(wire, at + 8) if reserved or 0 < port <= limits[LIMIT_MAX_PORT] else -BAD_OUT_PORT


@kernel
def group_argument(wire: Bytes, at: int, groups: Words) -> int:
    slot = id_lookup(groups, be32(wire, at + 4))
    return slot if slot >= 0 else -BAD_OUT_GROUP


@kernel
def queue_argument(wire: Bytes, at: int) -> int:
    return -BAD_QUEUE if be32(wire, at + 4) == OFPQ_ALL else 0


@kernel
def meter_argument(wire: Bytes, at: int, limits: Words) -> int:
    if limits[LIMIT_METERS] == 0:
        return -BAD_ACTION_METER
    slot = id_lookup(view_words(limits[LIMIT_METERS], limits[LIMIT_METER_WORDS]), be32(wire, at + 4))
    return slot if slot >= 0 else -BAD_ACTION_METER


@kernel
def set_field_argument(wire: Bytes, at: int) -> int:
    """Number of the field that the set-field action at `at` sets, its TLV and value checked."""
    kind, size = be8(wire, at + 6), be8(wire, at + 7)
    row = field_row(be16(wire, at + 4), kind >> 1)
    if row < 0:
        return -BAD_SET_TYPE
    if FIELD_ROWS[row, F_SETTABLE] == 0 or kind & 1:
        return -BAD_SET_ARGUMENT
    if size != FIELD_ROWS[row, F_SIZE]:
        return -BAD_SET_LEN
    if be16(wire, at + 2) != TLV_HEADER + 4 + size + 7 & -8:
        return -BAD_ACTION_LEN
    return row if settable(wire, at + 8, row) else -BAD_SET_ARGUMENT


@kernel
def settable(wire: Bytes, at: int, row: int) -> bool:
    """Whether the field may have the value at `at`. A VLAN id must have OFPVID_PRESENT: set-field removes no tag."""
    if FIELD_ROWS[row, F_SIZE] == 16:
        return True
    value = load_bytes(wire, at, FIELD_ROWS[row, F_SIZE])
    return value & ~FIELD_ROWS[row, F_BITS] == 0 and (row != VLAN_VID or value & VID_PRESENT != 0)


@kernel
def argument(wire: Bytes, at: int, row: int, limits: Words, groups: Words) -> int:
    """The arg of the operation that the action becomes, or a negative error word."""
    kind = ACTION_ROWS[row, A_KIND]
    if kind == KIND_OUTPUT:
        return output_argument(wire, at, limits)
    if kind == KIND_SET_FIELD:
        return set_field_argument(wire, at)
    if kind == KIND_GROUP:
        return group_argument(wire, at, groups)
    if kind == KIND_PUSH:
        return push_argument(wire, at, ACTION_ROWS[row, A_OP], limits)
    if kind == KIND_ETHER:
        return be16(wire, at + 4)
    if kind == KIND_BYTE:
        return be8(wire, at + 4)
    if kind == KIND_METER:
        return meter_argument(wire, at, limits)
    return queue_argument(wire, at) if kind == KIND_QUEUE else 0
