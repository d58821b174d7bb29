"""OpenFlow instructions, from the wire to a flow entry's program (OpenFlow 1.5.1 sections 5.5 and 7.2.5).

Whatever their order on the wire, instructions are written in the order they are executed in: meter, apply-actions,
clear-actions, write-actions, write-metadata, goto-table. So there are two passes: one finds where each stands and
checks their frames (BAD_LEN, UNKNOWN_INST, BAD_EXPERIMENTER, duplicates), one writes each in turn, with the errors
of its own.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.actions import decode_list, finish_program, start_facts
from triplane.dataplane.kernels.bytes import be8, be16, be32, be64
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_TYPE,
    BAD_INSTRUCTION_EXPERIMENTER,
    BAD_INSTRUCTION_LEN,
    BAD_INSTRUCTION_TABLE,
    DUPLICATE_INSTRUCTION,
    INVALID_METER,
    TOO_MANY_ACTIONS,
    UNKNOWN_INSTRUCTION,
    UNKNOWN_METER,
    UNSUPPORTED_INSTRUCTION,
)
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.limits import (
    CHECK_ALL,
    CHECK_SET_FIELD,
    LIMIT_EGRESS,
    LIMIT_TABLE,
    LIMIT_TABLES,
    LIMIT_VERSION,
    OPENFLOW_1_5,
    STATE_AT,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_CLEAR,
    OP_GOTO,
    OP_METADATA,
    OP_METER,
    OP_WRITE,
    SLOT_GROUP,
    arg_of,
    head_of,
    op_of,
    size_of,
)

GOTO_TABLE = 1  # OFPIT_*
WRITE_METADATA = 2
WRITE_ACTIONS = 3
APPLY_ACTIONS = 4
CLEAR_ACTIONS = 5
METER = 6
STAT_TRIGGER = 7  # of OpenFlow 1.5
OFPIT_EXPERIMENTER = 0xFFFF
INSTRUCTION_HEADER = 8  # every instruction is at least this long

OFPM_MAX = 0xFFFF0000  # the highest meter id that a flow may use

# bytes on the wire by type: 0 for a type that does not exist, -1 for any length
INSTRUCTION_LEN = np.array([0, 8, 24, -1, -1, 8, 8, -1], np.int64)
INSTRUCTION_TYPES = len(INSTRUCTION_LEN)

OXS_BASIC = 0x8002  # OFPXSC_OPENFLOW_BASIC
OXS_SIZE = np.array([8, 0, 0, 0, 8, 8], np.int64)  # by field: duration, packet_count, byte_count can be thresholds


@kernel
def instruction_error(wire: Bytes, at: int, end: int) -> int:
    """Whether the frame of the instruction at `at` is right: 0 or an error word."""
    if end - at < INSTRUCTION_HEADER:
        return BAD_INSTRUCTION_LEN
    kind, length = be16(wire, at), be16(wire, at + 2)
    if length < INSTRUCTION_HEADER or length & 7 or end - at < length:
        return BAD_INSTRUCTION_LEN
    if kind == OFPIT_EXPERIMENTER:
        return BAD_INSTRUCTION_EXPERIMENTER
    if kind >= INSTRUCTION_TYPES or INSTRUCTION_LEN[kind] == 0:
        return UNKNOWN_INSTRUCTION
    wanted = INSTRUCTION_LEN[kind]
    return 0 if wanted == length or wanted < 0 else BAD_INSTRUCTION_LEN


@kernel
def find_instructions(wire: Bytes, at: int, end: int, limits: Words) -> int:
    """Note where the instruction of each type stands (+ 1); 0 or an error word."""
    for kind in range(INSTRUCTION_TYPES):
        limits[STATE_AT + kind] = 0
    while at < end:
        error = instruction_error(wire, at, end)
        if error:
            return error
        kind = be16(wire, at)
        if kind == STAT_TRIGGER:
            error = trigger_error(wire, at, limits)
            if error:
                return error
        if limits[STATE_AT + kind]:
            return DUPLICATE_INSTRUCTION
        limits[STATE_AT + kind] = at + 1
        at += be16(wire, at + 2)
    return 0


@kernel
def trigger_error(wire: Bytes, at: int, limits: Words) -> int:
    """Whether the stat-trigger at `at` (OpenFlow 1.5.1 section 7.2.5) is right; what it says is read by `triggers`."""
    if limits[LIMIT_VERSION] < OPENFLOW_1_5:
        return UNKNOWN_INSTRUCTION
    length = be16(wire, at + 2)
    if length < 16 or not 8 <= be16(wire, at + 10) + 7 & -8 == length - 8:
        return BAD_INSTRUCTION_LEN
    at, end = at + 12, at + 8 + be16(wire, at + 10)
    while at < end:
        field = be8(wire, at + 2) >> 1 if end - at >= 4 and be16(wire, at) == OXS_BASIC else 0xFF
        if field >= len(OXS_SIZE) or OXS_SIZE[field] == 0:
            return UNSUPPORTED_INSTRUCTION
        if be8(wire, at + 3) != OXS_SIZE[field]:
            return BAD_INSTRUCTION_LEN
        at += 4 + be8(wire, at + 3)
    return 0 if at == end else BAD_INSTRUCTION_LEN


@kernel
def emit_meter(wire: Bytes, at: int, meters: Words, code: Words, to: int) -> int:
    meter = be32(wire, at + 4)
    if meter == 0 or meter > OFPM_MAX:
        return -INVALID_METER
    slot = id_lookup(meters, meter)
    if slot < 0:
        return -UNKNOWN_METER
    code[to] = head_of(OP_METER, 1, slot)
    return to + 1


@kernel
def emit_metadata(wire: Bytes, at: int, code: Words, to: int) -> int:
    bits = be64(wire, at + 16)
    code[to] = head_of(OP_METADATA, 3, 0)
    code[to + 1] = be64(wire, at + 8) & bits
    code[to + 2] = bits
    return to + 3


@kernel
def emit_goto(wire: Bytes, at: int, limits: Words, code: Words, to: int) -> int:
    """A packet goes forward only: to a table after the entry's own (5.1)."""
    table, egress = be8(wire, at + 4), limits[LIMIT_EGRESS]
    if table <= limits[LIMIT_TABLE] or table >= limits[LIMIT_TABLES]:
        return -BAD_INSTRUCTION_TABLE
    if limits[LIMIT_TABLE] < egress <= table:  # from ingress to egress (OpenFlow 1.5.1 section 5.1)
        return -BAD_INSTRUCTION_TABLE
    code[to] = head_of(OP_GOTO, 1, table)
    return to + 1


@kernel
def emit_actions(wire: Bytes, kind: int, limits: Words, groups: Words, code: Words, to: int, code_end: int) -> int:
    """The actions of instruction `kind`, if it is there; the end of them or a negative error word."""
    at = limits[STATE_AT + kind] - 1
    if at < 0 or to < 0:
        return to
    write = 1 if kind == WRITE_ACTIONS else 0
    check = CHECK_SET_FIELD if write else CHECK_ALL
    end, start = at + be16(wire, at + 2), to
    to = decode_list(wire, at + INSTRUCTION_HEADER, end, limits, groups, check, write, code, to, code_end)
    if write and 0 < limits[LIMIT_EGRESS] <= limits[LIMIT_TABLE] and writes_output(code, start, to):
        return -BAD_ACTION_TYPE
    return to


@kernel
def writes_output(code: Words, at: int, end: int) -> bool:
    """Whether an output or a group goes to the action set; not so in egress tables (OpenFlow 1.5.1 section 5.6)."""
    while at < end:
        if op_of(code[at]) == OP_WRITE and arg_of(code[at]) >= SLOT_GROUP:
            return True
        at += size_of(code[at])
    return False


@kernel
def emit_head(wire: Bytes, limits: Words, meters: Words, code: Words, to: int, code_end: int) -> int:
    """What stands before the actions: the meter."""
    at = limits[STATE_AT + METER] - 1
    if at < 0:
        return to
    return emit_meter(wire, at, meters, code, to) if to < code_end else -TOO_MANY_ACTIONS


@kernel
def emit_clear(limits: Words, code: Words, to: int, code_end: int) -> int:
    if limits[STATE_AT + CLEAR_ACTIONS] == 0 or to < 0:
        return to
    if to >= code_end:
        return -TOO_MANY_ACTIONS
    code[to] = head_of(OP_CLEAR, 1, 0)
    return to + 1


@kernel
def emit_tail(wire: Bytes, limits: Words, code: Words, to: int, code_end: int) -> int:
    """What stands behind the actions: metadata and goto."""
    if to < 0:
        return to
    if code_end - to < 4:
        return -TOO_MANY_ACTIONS
    at = limits[STATE_AT + WRITE_METADATA] - 1
    if at >= 0:
        to = emit_metadata(wire, at, code, to)
    at = limits[STATE_AT + GOTO_TABLE] - 1
    return emit_goto(wire, at, limits, code, to) if at >= 0 else to


@kernel
def decode_instructions(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    meters: Words,
    key: Words,
    mask: Words,
    code: Words,
    code_at: int,
    code_end: int,
) -> int:
    """Decode the instructions wire[at:end] of an entry with match key and mask in table limits[LIMIT_TABLE].

    Writes the program to code[code_at:code_end] (which wants 5 words to spare) and returns its words, or a negative
    error word. `groups` and `meters` are indexes (`ids`) of what exists.
    """
    error = find_instructions(wire, at, end, limits)
    if error:
        return -error
    start_facts(limits, key, mask)
    to = emit_head(wire, limits, meters, code, code_at, code_end)
    to = emit_actions(wire, APPLY_ACTIONS, limits, groups, code, to, code_end)
    to = emit_clear(limits, code, to, code_end)
    to = emit_actions(wire, WRITE_ACTIONS, limits, groups, code, to, code_end)
    to = emit_tail(wire, limits, code, to, code_end)
    return finish_program(code, to, code_at, code_end)
