"""NXAST_LEARN and NXAST_LEARN2, from the wire to the operations that `learn` does.

A flow_mod_spec is two bytes that say what kind it is and how many bits it means, a source (a field and an offset, or a
value in whole 16-bit words) and, unless it is an output, a target (a field and an offset). Two zero bytes end the list.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bigendian import load_bytes
from triplane.dataplane.kernels.bytes import be8, be16, be32, be64
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import BAD_ACTION_ARGUMENT, BAD_ACTION_LEN, BAD_SET_LEN, TOO_MANY_ACTIONS
from triplane.dataplane.kernels.facts import facts_of_key
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.learn import DELETE_LEARNED, SEND_FLOW_REM, put_part
from triplane.dataplane.kernels.limits import (
    LEARNERS_STIRRED,
    LIMIT_LEARNERS,
    LIMIT_TABLES,
    STATE_FACTS,
    STATE_KEY,
    STATE_MASK,
)
from triplane.dataplane.kernels.machine import address_of, view_words, wrap
from triplane.dataplane.kernels.nicira_parts import field_error, part_error, subfield_error
from triplane.dataplane.kernels.oxm import header_row
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_LEARN,
    OP_LEARN_END,
    OP_LEARN_LOAD,
    OP_LEARN_LOAD_VALUE,
    OP_LEARN_MATCH,
    OP_LEARN_MATCH_VALUE,
    OP_LEARN_OUTPUT,
    head_of,
    span_of,
)
from triplane.dataplane.kernels.wide import mask_of, ones, shift_left

LEARN_HEAD = 32  # bytes of nx_action_learn
LEARN2_HEAD = 40
LEARN2 = 45  # its subtype
DST_MATCH, DST_LOAD, DST_OUTPUT = 0, 1, 2
MOST_LIMIT = (1 << 31) - 1
SPEC_ROOM = 5  # words of the longest operation


@kernel
def decode_learn(wire: Bytes, at: int, limits: Words, check: int, code: Words, to: int, code_end: int) -> int:
    """Check the learn action at `at` and write its operations at code[to]; the end, or a negative error word."""
    end = at + be16(wire, at + 2)
    head = LEARN2_HEAD if be16(wire, at + 8) == LEARN2 else LEARN_HEAD
    if end - at < head:
        return -BAD_ACTION_LEN
    flags, table = be16(wire, at + 24), be8(wire, at + 26)
    limit = min(be32(wire, at + 32), MOST_LIMIT) if head == LEARN2_HEAD else 0
    if flags & ~(SEND_FLOW_REM | DELETE_LEARNED) != 0 or table >= limits[LIMIT_TABLES] or be8(wire, at + 27) != 0:
        return -BAD_ACTION_ARGUMENT
    if head == LEARN2_HEAD and be32(wire, at + 36) != 0:  # where to store the result: we do not know it in time
        return -BAD_ACTION_ARGUMENT
    if code_end - to < SPEC_ROOM:
        return -TOO_MANY_ACTIONS
    if flags & DELETE_LEARNED and limits[LIMIT_LEARNERS] == 0:
        limits[LIMIT_LEARNERS] = LEARNERS_STIRRED
    code[to] = head_of(OP_LEARN, 4, be16(wire, at + 14) | table << 16)
    code[to + 1] = be64(wire, at + 16)
    times = be16(wire, at + 10) | be16(wire, at + 12) << 16 | be16(wire, at + 28) << 32
    code[to + 2], code[to + 3] = times | wrap(be16(wire, at + 30) << 48), flags | limit << 16
    return decode_specs(wire, at + head, end, limits, check, code, to + 4, code_end)


@kernel
def decode_specs(wire: Bytes, at: int, end: int, limits: Words, check: int, code: Words, to: int, code_end: int) -> int:
    """The flow_mod_specs, and OP_LEARN_END."""
    for i in range(2 * KEY_WORDS):
        limits[STATE_KEY + i] = 0
    while end - at >= 2 and be16(wire, at) != 0:
        if code_end - to < SPEC_ROOM + 1:
            return -TOO_MANY_ACTIONS
        size = spec_size(be16(wire, at))
        if size < 0:
            return -BAD_ACTION_ARGUMENT
        if end - at < size:
            return -BAD_ACTION_LEN
        to = decode_spec(wire, at, limits, check, code, to)
        if to < 0:
            return to
        at += size
    for i in range(at, end):
        if wire[i] != 0:
            return -BAD_ACTION_ARGUMENT
    code[to] = head_of(OP_LEARN_END, 1, 0)
    return to + 1


@kernel
def spec_size(header: int) -> int:
    """Bytes of a flow_mod_spec, -1 if there is no such kind."""
    target, value, bits = header >> 11 & 3, header >> 13 & 1, header & 0x7FF
    if target > DST_OUTPUT or (target == DST_OUTPUT and value):
        return -1
    return 2 + (2 * ((bits + 15) // 16) if value else 6) + (6 if target != DST_OUTPUT else 0)


@kernel
def decode_spec(wire: Bytes, at: int, limits: Words, check: int, code: Words, to: int) -> int:
    """One flow_mod_spec, whole; the end of its operation, or a negative error word."""
    header = be16(wire, at)
    target_kind, value, bits = header >> 11 & 3, header >> 13 & 1, header & 0x7FF
    target_at = at + 2 + (2 * ((bits + 15) // 16) if value else 6)
    field, offset = 0, 0
    if target_kind != DST_OUTPUT:
        field, offset = header_row(wire, target_at, target_at + 4), be16(wire, target_at + 4)
        error = target_error(limits, field, offset, bits, target_kind == DST_LOAD)
        if error:
            return -error
    if value:
        return decode_value(wire, at + 2, limits, target_kind, field, offset, bits, code, to)
    source, source_at = header_row(wire, at + 2, at + 6), be16(wire, at + 6)
    error = part_error(limits, source, source_at, bits, check, False)
    if error:
        return -error
    op = OP_LEARN_MATCH if target_kind == DST_MATCH else OP_LEARN_LOAD if target_kind == DST_LOAD else OP_LEARN_OUTPUT
    code[to], code[to + 1] = head_of(op, 2, source | field << 8), span_of(source_at, offset, bits)
    return to + 2


@kernel
def target_error(limits: Words, field: int, offset: int, bits: int, write: bool) -> int:
    """Whether the new flow may match, or load, the part of a field, with what it matches for sure so far."""
    error = subfield_error(field, offset, bits)
    if error:
        return error
    before = limits[STATE_FACTS]
    key = view_words(address_of(limits, STATE_KEY), KEY_WORDS)
    limits[STATE_FACTS] = facts_of_key(key, view_words(address_of(limits, STATE_MASK), KEY_WORDS))
    error = field_error(limits, field, 1, write)
    limits[STATE_FACTS] = before
    return error


@kernel
def decode_value(
    wire: Bytes, at: int, limits: Words, target_kind: int, field: int, offset: int, bits: int, code: Words, to: int
) -> int:
    """A flow_mod_spec with a value, `bits` wide and right-aligned at `at`, of at most 128 bits."""
    octets = 2 * ((bits + 15) // 16)
    if octets > 16:
        return -BAD_SET_LEN
    high = load_bytes(wire, at, octets - 8) if octets > 8 else 0
    low = load_bytes(wire, at + max(octets - 8, 0), min(octets, 8))
    high, low = high & ones(max(bits - 64, 0)), low & ones(min(bits, 64))
    if target_kind == DST_LOAD:
        code[to] = head_of(OP_LEARN_LOAD_VALUE, 4, field)
        code[to + 1], code[to + 2], code[to + 3] = high, low, span_of(0, offset, bits)
        return to + 4
    high, low = shift_left(high, low, offset)
    mask_high, mask_low = mask_of(offset, bits)
    key = view_words(address_of(limits, STATE_KEY), KEY_WORDS)
    put_part(key, view_words(address_of(limits, STATE_MASK), KEY_WORDS), field, high, low, mask_high, mask_low)
    code[to] = head_of(OP_LEARN_MATCH_VALUE, 5, field)
    code[to + 1], code[to + 2], code[to + 3], code[to + 4] = high, low, mask_high, mask_low
    return to + 5
