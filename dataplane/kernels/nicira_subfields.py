"""Nicira's actions that read or write parts of fields, from the wire to program words."""

from __future__ import annotations

from triplane.dataplane.kernels.bigendian import load_bytes
from triplane.dataplane.kernels.bytes import be8, be16, be64
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.consistency import set_ether, set_tags
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_ARGUMENT,
    BAD_ACTION_LEN,
    BAD_MATCH_FIELD,
    BAD_SET_ARGUMENT,
    BAD_SET_LEN,
)
from triplane.dataplane.kernels.facts import ETHER_FACTS, PROTO_FACTS, facts_of_icmp6, facts_of_proto
from triplane.dataplane.kernels.fields import BY_NAME, VID_PRESENT
from triplane.dataplane.kernels.limits import STATE_FACTS
from triplane.dataplane.kernels.nicira_fields import ROW_VLAN_TCI
from triplane.dataplane.kernels.nicira_parts import field_error, part_at, part_error
from triplane.dataplane.kernels.oxm import (
    F_BITS,
    F_SIZE,
    F_WIDTH,
    F_WRITABLE,
    FIELD_ROWS,
    VLAN_VID,
    header_row,
    header_size,
    narrow_mask,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import OP_LOAD, OP_MOVE, OP_OUTPUT_REG, OP_PUSH_VALUE, head_of, span_of
from triplane.dataplane.kernels.wide import mask_of, ones, shift_left

ROW_ETH_TYPE = BY_NAME["eth_type"].number
ROW_IP_PROTO = BY_NAME["ip_proto"].number
ROW_ICMPV6_TYPE = BY_NAME["icmpv6_type"].number


@kernel
def after_load(limits: Words, field: int, value: int) -> None:
    """What is known of the packet after a field that others depend on was loaded whole."""
    facts = limits[STATE_FACTS]
    if field == ROW_ETH_TYPE:
        set_ether(limits, value)
    elif field == ROW_IP_PROTO:
        limits[STATE_FACTS] = facts_of_proto(facts & ETHER_FACTS, value)
    elif field == ROW_ICMPV6_TYPE:
        limits[STATE_FACTS] = facts_of_icmp6(facts & PROTO_FACTS, value)
    elif field == ROW_VLAN_TCI:
        set_tags(limits, 1 if value & VID_PRESENT else 0)


@kernel
def put_load(code: Words, to: int, field: int, high: int, low: int, mask_high: int, mask_low: int) -> int:
    code[to] = head_of(OP_LOAD, 5, field)
    code[to + 1], code[to + 2], code[to + 3], code[to + 4] = high, low, mask_high, mask_low
    return to + 5


@kernel
def put_two(code: Words, to: int, op: int, arg: int, word: int) -> int:
    code[to], code[to + 1] = head_of(op, 2, arg), word
    return to + 2


@kernel
def load_whole(limits: Words, field: int, value: int, check: int, code: Words, to: int) -> int:
    """A load of a whole narrow field, as set_tunnel and set_mpls_label are."""
    bits = FIELD_ROWS[field, F_BITS]
    if value & ~bits != 0:
        return -BAD_ACTION_ARGUMENT
    error = field_error(limits, field, check, True)
    return -error if error else put_load(code, to, field, 0, value, 0, bits)


@kernel
def load(wire: Bytes, at: int, limits: Words, check: int, code: Words, to: int) -> int:
    """NXAST_REG_LOAD: some bits of a field get a value."""
    field, part, value = header_row(wire, at + 12, at + 16), part_at(wire, at + 10), be64(wire, at + 16)
    offset, bits = part >> 16, part & 0xFFFF
    error = part_error(limits, field, offset, bits, check, True)
    if error:
        return -error
    if value & ~ones(bits) != 0:
        return -BAD_ACTION_ARGUMENT
    if bits == FIELD_ROWS[field, F_WIDTH]:
        after_load(limits, field, value)
    high, low = shift_left(0, value, offset)
    mask_high, mask_low = mask_of(offset, bits)
    return put_load(code, to, field, high, low, mask_high, mask_low)


@kernel
def load_masked(wire: Bytes, at: int, end: int, limits: Words, check: int, code: Words, to: int) -> int:
    """The TLV at `at`, a field with its value and perhaps a mask, as NXAST_REG_LOAD2 and set-field carry it."""
    size = be8(wire, at + 3) if end - at >= 4 else 256
    if at + 4 + size > end:
        return -BAD_ACTION_LEN
    field, masked = header_row(wire, at, end), be8(wire, at + 2) & 1
    if field < 0:
        return -BAD_MATCH_FIELD
    octets = FIELD_ROWS[field, F_SIZE]
    if size != (octets << masked) + header_size(wire, at) - 4:
        return -BAD_SET_LEN
    if FIELD_ROWS[field, F_WRITABLE] == 0:
        return -BAD_SET_ARGUMENT
    return load_value(wire, at + header_size(wire, at), field, masked, limits, check, code, to)


@kernel
def load_value(wire: Bytes, at: int, field: int, masked: int, limits: Words, check: int, code: Words, to: int) -> int:
    """Value and mask, checked and written."""
    octets = FIELD_ROWS[field, F_SIZE]
    if octets == 16:
        high, low = load_bytes(wire, at, 8), load_bytes(wire, at + 8, 8)
        mask_high = load_bytes(wire, at + 16, 8) if masked else -1
        mask_low = load_bytes(wire, at + 24, 8) if masked else -1
    else:
        high, low, mask_high = 0, load_bytes(wire, at, octets), 0
        mask_low = narrow_mask(field, load_bytes(wire, at + octets, octets)) if masked else FIELD_ROWS[field, F_BITS]
        if mask_low & ~FIELD_ROWS[field, F_BITS] != 0 or (field == VLAN_VID and not masked and low & VID_PRESENT == 0):
            return -BAD_SET_ARGUMENT
    if high & ~mask_high != 0 or low & ~mask_low != 0:
        return -BAD_SET_ARGUMENT
    error = field_error(limits, field, check, True)
    if error:
        return -error
    if octets < 16 and mask_low == FIELD_ROWS[field, F_BITS]:
        after_load(limits, field, low)
    return put_load(code, to, field, high, low, mask_high, mask_low)


@kernel
def move(wire: Bytes, at: int, headers: int, end: int, limits: Words, check: int, code: Words, to: int) -> int:
    """Bits of one field to another: number of bits, first bits at `at`, then the fields' headers at `headers`.

    So carry it NXAST_REG_MOVE, and copy-field of OpenFlow 1.5 with its own distance between the two.
    """
    bits, source_at, target_at = be16(wire, at), be16(wire, at + 2), be16(wire, at + 4)
    if end - headers < 4:
        return -BAD_ACTION_LEN
    source = header_row(wire, headers, end)
    headers += header_size(wire, headers)
    if end - headers < 4:
        return -BAD_ACTION_LEN
    target = header_row(wire, headers, end)
    error = part_error(limits, source, source_at, bits, check, False)
    if error == 0:
        error = part_error(limits, target, target_at, bits, check, True)
    if error:
        return -error
    code[to], code[to + 1] = head_of(OP_MOVE, 2, source | target << 8), span_of(source_at, target_at, bits)
    return to + 2


@kernel
def stack(wire: Bytes, at: int, op: int, limits: Words, check: int, code: Words, to: int) -> int:
    """NXAST_STACK_PUSH and NXAST_STACK_POP."""
    field, offset, bits = header_row(wire, at + 12, at + 22), be16(wire, at + 10), 0
    bits = be16(wire, at + 12 + header_size(wire, at + 12))
    error = part_error(limits, field, offset, bits, check, op != OP_PUSH_VALUE)
    return -error if error else put_two(code, to, op, field, span_of(offset, offset, bits))


@kernel
def output_reg(wire: Bytes, at: int, header: int, max_len: int, limits: Words, check: int, code: Words, to: int) -> int:
    """NXAST_OUTPUT_REG and NXAST_OUTPUT_REG2: the port is in a field."""
    field, part = header_row(wire, header, at + 24), part_at(wire, at + 10)
    error = part_error(limits, field, part >> 16, part & 0xFFFF, check, False)
    if error:
        return -error
    return put_two(code, to, OP_OUTPUT_REG, field | max_len << 8, span_of(part >> 16, 0, part & 0xFFFF))
