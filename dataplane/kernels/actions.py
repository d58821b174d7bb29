"""OpenFlow action lists, from the wire to program words (OpenFlow 1.5.1 section 7.2.6).

`action_table` says what each action type is, `consistency` whether it fits the packet.

Order of the checks of one action, first failure wins: does it fit (BAD_LEN), type (BAD_TYPE, BAD_EXPERIMENTER),
length (BAD_LEN), arguments, consistency with the match (MATCH_INCONSISTENT), room in the program (TOO_MANY).
"""

from __future__ import annotations

from triplane.dataplane.kernels.action_arguments import argument
from triplane.dataplane.kernels.action_table import (
    A_KIND,
    A_OP,
    A_SLOT,
    ACTION_ROOM,
    ACTION_ROWS,
    EXPERIMENTER_ACTION,
    KIND_COPY_FIELD,
    KIND_OUTPUT,
    KIND_QUEUE,
    KIND_SET_FIELD,
    known_row,
)
from triplane.dataplane.kernels.bigendian import load_bytes
from triplane.dataplane.kernels.bytes import be8, be16, be32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.consistency import consistent, start_facts
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_ARGUMENT,
    MATCH_INCONSISTENT,
    TOO_MANY_ACTIONS,
)
from triplane.dataplane.kernels.limits import (
    CLONE_BRANCH,
    CLONE_END,
    CLONE_FACTS,
    CLONE_WORDS,
    LIMIT_CHECK,
    LIMIT_VERSION,
    MOST_CLONES,
    OPENFLOW_1_5,
    STATE_CLONE,
    STATE_CLONES,
    STATE_CONJUNCTION,
    STATE_FACTS,
)
from triplane.dataplane.kernels.nicira_actions import NX_ROOM, as_written, decode_nicira
from triplane.dataplane.kernels.nicira_subfields import load_masked, move
from triplane.dataplane.kernels.nicira_table import NICIRA_ROW
from triplane.dataplane.kernels.oxm import (
    F_SETTABLE,
    F_SIZE,
    FIELD_ROWS,
    OFPXMC_OPENFLOW_BASIC,
    ROW_METADATA,
    header_row,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_BRANCH,
    OP_CLONE,
    OP_CONJUNCTION,
    OP_END,
    OP_SET_FIELD,
    OP_WRITE,
    SLOT_SET_FIELD,
    head_of,
    op_of,
    size_of,
)

COPY_FIELD_HEADERS = 12  # bytes of a copy-field before the headers of its two fields

# --- program words


@kernel
def emit_set_field(wire: Bytes, at: int, field: int, code: Words, to: int) -> int:
    size = FIELD_ROWS[field, F_SIZE]
    code[to] = head_of(OP_SET_FIELD, 3, field)
    code[to + 1] = load_bytes(wire, at + 8, min(size, 8))
    code[to + 2] = load_bytes(wire, at + 16, 8) if size == 16 else 0
    return to + 3


@kernel
def emit(wire: Bytes, at: int, row: int, arg: int, code: Words, to: int) -> int:
    """Write the operation of a checked action at code[to]; returns the end of it."""
    kind = ACTION_ROWS[row, A_KIND]
    if kind == KIND_SET_FIELD:
        return emit_set_field(wire, at, arg, code, to)
    wide = kind == KIND_OUTPUT or kind == KIND_QUEUE
    code[to] = head_of(ACTION_ROWS[row, A_OP], 2 if wide else 1, arg)
    if wide:
        code[to + 1] = be32(wire, at + 4)
    return to + 2 if wide else to + 1


@kernel
def slot_of(row: int, arg: int) -> int:
    """Slot of the action set; each field that is set has its own."""
    slot = ACTION_ROWS[row, A_SLOT]
    return slot + arg if slot == SLOT_SET_FIELD else slot


@kernel
def decode_action(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    check: int,
    write: int,
    code: Words,
    to: int,
    code_end: int,
) -> int:
    """Check the action at `at` and write its operation at code[to]; the end of that, or a negative error word."""
    row = known_row(wire, at, end, limits)
    if row < 0:
        return row
    if row >= NICIRA_ROW:
        return decode_nicira(wire, at, row - NICIRA_ROW, limits, groups, check, write, code, to, code_end)
    if is_wide(wire, at, row, limits):
        return decode_wide(wire, at, row, limits, check, write, code, to, code_end)
    arg = argument(wire, at, row, limits, groups)
    if arg < 0:
        return arg
    if not consistent(limits, wire, at, row, arg, check):
        return -MATCH_INCONSISTENT
    if code_end - to < ACTION_ROOM:
        return -TOO_MANY_ACTIONS
    if write:
        code[to] = head_of(OP_WRITE, 1, slot_of(row, arg))
        to += 1
    return emit(wire, at, row, arg, code, to)


@kernel
def is_wide(wire: Bytes, at: int, row: int, limits: Words) -> bool:
    """Whether the action, of ACTION_ROWS, is a load or a move as Nicira's are: copy-field, and set-fields that have a
    mask or are of other fields than OXM's."""
    kind = ACTION_ROWS[row, A_KIND]
    return kind == KIND_COPY_FIELD or (kind == KIND_SET_FIELD and is_other_field(wire, at, limits))


@kernel
def is_other_field(wire: Bytes, at: int, limits: Words) -> bool:
    """Whether the set-field at `at` is a load of a field that we know: of Nicira's it is, of OXM's from OpenFlow 1.5 on
    where there is a mask, or it is the metadata."""
    row = header_row(wire, at + 4, at + be16(wire, at + 2))
    if be16(wire, at + 4) != OFPXMC_OPENFLOW_BASIC or row < 0:
        return row >= 0
    masked = be8(wire, at + 6) & 1 != 0 and FIELD_ROWS[row, F_SETTABLE] != 0
    return limits[LIMIT_VERSION] >= OPENFLOW_1_5 and (masked or row == ROW_METADATA)


@kernel
def decode_wide(
    wire: Bytes, at: int, row: int, limits: Words, check: int, write: int, code: Words, to: int, code_end: int
) -> int:
    """An action that `is_wide`. As decode_nicira."""
    if code_end - to < NX_ROOM:
        return -TOO_MANY_ACTIONS
    start, end = to, at + be16(wire, at + 2)
    if ACTION_ROWS[row, A_KIND] == KIND_COPY_FIELD:
        to = move(wire, at + 4, at + COPY_FIELD_HEADERS, end, limits, check, code, to + write)
    else:
        to = load_masked(wire, at + 4, end, limits, check, code, to + write)
    return as_written(code, start, SLOT_SET_FIELD, to) if write else to


@kernel
def decode_list(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    check: int,
    write: int,
    code: Words,
    to: int,
    code_end: int,
) -> int:
    """Decode wire[at:end] to code[to:code_end], behind OP_WRITE each if `write`; the end, or a negative error word."""
    limits[STATE_CLONES], limits[STATE_CONJUNCTION], start = 0, 0, to
    while at < end and to >= 0:
        if limits[STATE_CLONES] == 0:
            place = to
            to = decode_action(wire, at, end, limits, groups, check, write, code, to, code_end)
            at += after_action(wire, at, limits, code, place, to)
        else:
            at, to = decode_cloned(wire, at, limits, groups, check, code, to, code_end)
    while limits[STATE_CLONES] > 0 and to >= 0:
        to = close_clone(limits, code, to, code_end)
    if limits[STATE_CONJUNCTION] and to >= 0 and not only_clauses(code, start, to):
        return -BAD_ACTION_ARGUMENT
    return to


@kernel
def decode_cloned(
    wire: Bytes, at: int, limits: Words, groups: Words, check: int, code: Words, to: int, code_end: int
) -> tuple[int, int]:
    """One action inside a clone, or the clone's end; where to go on in the wire and in the program."""
    end = limits[STATE_CLONE + (limits[STATE_CLONES] - 1) * CLONE_WORDS + CLONE_END]
    if at >= end:
        return at, close_clone(limits, code, to, code_end)
    place = to
    to = decode_action(wire, at, end, limits, groups, check, 0, code, to, code_end)
    if to < 0:
        return at, to
    at += after_action(wire, at, limits, code, place, to)
    return (at, to) if limits[STATE_CLONES] <= MOST_CLONES else (at, -TOO_MANY_ACTIONS)


@kernel
def after_action(wire: Bytes, at: int, limits: Words, code: Words, place: int, to: int) -> int:
    """Bytes to go on by after the action at `at`, whose operation is at code[place]: into a clone, beyond others."""
    if to < 0:
        return 0
    if to == place or op_of(code[place]) != OP_CLONE:
        return be16(wire, at + 2)
    here = STATE_CLONE + limits[STATE_CLONES] * CLONE_WORDS
    limits[STATE_CLONES] += 1
    limits[here + CLONE_END], limits[here + CLONE_BRANCH] = at + be16(wire, at + 2), to - 1
    limits[here + CLONE_FACTS] = limits[STATE_FACTS]
    return EXPERIMENTER_ACTION


@kernel
def close_clone(limits: Words, code: Words, to: int, code_end: int) -> int:
    """End what the innermost clone's copy does; what that changed is not so for the packet."""
    if to >= code_end:
        return -TOO_MANY_ACTIONS
    limits[STATE_CLONES] -= 1
    here = STATE_CLONE + limits[STATE_CLONES] * CLONE_WORDS
    limits[STATE_FACTS] = limits[here + CLONE_FACTS]
    code[to] = head_of(OP_BRANCH, 1, 0)
    branch = limits[here + CLONE_BRANCH]
    code[branch] = head_of(OP_BRANCH, 1, to - branch)
    return to + 1


@kernel
def only_clauses(code: Words, at: int, end: int) -> bool:
    """A conjunction goes with conjunctions only."""
    while at < end and op_of(code[at]) == OP_CONJUNCTION:
        at += size_of(code[at])
    return at >= end


@kernel
def decode_actions(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    key: Words,
    mask: Words,
    code: Words,
    code_at: int,
    code_end: int,
) -> int:
    """Decode the action list wire[at:end] (of a packet-out) to a program; its words, or a negative error word.

    limits[LIMIT_CHECK] says how strictly the actions must agree with key and mask: those of a match, or
    the key of a packet and a mask of all ones. `groups` is the index of group ids (`ids`).
    """
    start_facts(limits, key, mask)
    to = decode_list(wire, at, end, limits, groups, limits[LIMIT_CHECK], 0, code, code_at, code_end)
    return finish_program(code, to, code_at, code_end)


@kernel
def finish_program(code: Words, to: int, code_at: int, code_end: int) -> int:
    """Write OP_END at code[to]; the words of the program from code_at, or a negative error word (`to` may be one)."""
    if to < 0:
        return to
    if to >= code_end:
        return -TOO_MANY_ACTIONS
    code[to] = head_of(OP_END, 1, 0)
    return to + 1 - code_at
