"""OpenFlow action lists, from the wire to program words (OpenFlow 1.5.1 section 7.2.6).

`action_table` says what each action type is, `consistency` whether it fits the packet.

Order of the checks of one action, first failure wins: does it fit (BAD_LEN), type (BAD_TYPE, BAD_EXPERIMENTER),
length (BAD_LEN), arguments, consistency with the match (MATCH_INCONSISTENT), room in the program (TOO_MANY).
"""

from __future__ import annotations

from triplane.dataplane.kernels.action_table import (
    A_KIND,
    A_OP,
    A_SLOT,
    ACTION_HEADER,
    ACTION_ROOM,
    ACTION_ROWS,
    EXPERIMENTER_ACTION,
    KIND_BYTE,
    KIND_COPY_FIELD,
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
    known_row,
)
from triplane.dataplane.kernels.bigendian import load_bytes
from triplane.dataplane.kernels.bytes import be8, be16, be32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.consistency import consistent, start_facts
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_ARGUMENT,
    BAD_ACTION_LEN,
    BAD_ACTION_METER,
    BAD_ACTION_TAG,
    BAD_OUT_GROUP,
    BAD_OUT_PORT,
    BAD_QUEUE,
    BAD_SET_ARGUMENT,
    BAD_SET_LEN,
    BAD_SET_TYPE,
    MATCH_INCONSISTENT,
    TOO_MANY_ACTIONS,
)
from triplane.dataplane.kernels.fields import VID_PRESENT
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.limits import (
    CHECK_NONE,
    CLONE_BRANCH,
    CLONE_END,
    CLONE_FACTS,
    CLONE_WORDS,
    LIMIT_CHECK,
    LIMIT_LOOSE,
    LIMIT_MAX_PORT,
    LIMIT_METER_WORDS,
    LIMIT_METERS,
    LIMIT_OUTPUT_TABLE,
    LIMIT_VERSION,
    MOST_CLONES,
    OPENFLOW_1_5,
    STATE_CLONE,
    STATE_CLONES,
    STATE_CONJUNCTION,
    STATE_FACTS,
    STATE_SLOT,
)
from triplane.dataplane.kernels.machine import view_words
from triplane.dataplane.kernels.nicira_actions import NX_ROOM, OXM_FIELDS, as_written, decode_nicira, load_masked, move
from triplane.dataplane.kernels.nicira_table import NICIRA_ROW
from triplane.dataplane.kernels.oxm import (
    F_BITS,
    F_SETTABLE,
    F_SIZE,
    FIELD_ROWS,
    OFPXMC_OPENFLOW_BASIC,
    ROW_METADATA,
    TLV_HEADER,
    VLAN_VID,
    field_row,
    header_row,
    header_size,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_BRANCH,
    OP_CLONE,
    OP_CONJUNCTION,
    OP_END,
    OP_SET_FIELD,
    OP_WRITE,
    SLOT_GROUP,
    SLOT_OUTPUT,
    SLOT_SET_FIELD,
    SLOTS,
    UNLESS_TAGGED,
    head_of,
    op_of,
    size_of,
)

COPY_FIELD_HEADERS = 12  # bytes of a copy-field before the headers of its two fields

# --- arguments: each checks its own, and gives the operation's arg or a negative error word


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


@kernel
def decode_bucket_actions(
    wire: Bytes, at: int, end: int, limits: Words, groups: Words, code: Words, code_at: int, code_end: int
) -> int:
    """Decode a group bucket's actions, wire[at:end], to a program in action-set order; its words, or a negative error.

    A bucket is executed as an action set (5.6.1): of each slot the last action counts, and a group takes the place of
    an output (5.10). No match is known, so no consistency is checked. One with an action of Nicira's, or that writes a
    register, is a list, done in the order that it has.
    """
    if is_ordered(wire, at, end, limits):
        to = decode_list(wire, at, end, limits, groups, CHECK_NONE, 0, code, code_at, code_end)
        return finish_program(code, to, code_at, code_end)
    error = fill_slots(wire, at, end, limits, groups)
    if error < 0:
        return error
    if limits[STATE_SLOT + SLOT_GROUP]:
        limits[STATE_SLOT + SLOT_OUTPUT] = 0
    to = code_at
    for slot in range(SLOTS):
        place = limits[STATE_SLOT + slot] - 1
        if place >= 0:
            to = decode_action(wire, place, end, limits, groups, CHECK_NONE, 0, code, to, code_end)
            if to < 0:
                return to
    return finish_program(code, to, code_at, code_end)


@kernel
def is_ordered(wire: Bytes, at: int, end: int, limits: Words) -> bool:
    """Whether an action of the list, as far as its lengths are right, is Nicira's or sets a field of theirs."""
    while end - at >= ACTION_HEADER and ACTION_HEADER <= be16(wire, at + 2) <= end - at:
        row = known_row(wire, at, end, limits)
        if row >= NICIRA_ROW or (row >= 0 and is_wide(wire, at, row, limits) and wide_slot(wire, at, row) < 0):
            return True
        at += be16(wire, at + 2)
    return False


@kernel
def fill_slots(wire: Bytes, at: int, end: int, limits: Words, groups: Words) -> int:
    """Note for each action-set slot where its last action stands (+ 1); 0, or a negative error word."""
    for slot in range(SLOTS):
        limits[STATE_SLOT + slot] = 0
    while at < end:
        row = known_row(wire, at, end, limits)
        if row < 0:
            return row
        slot = wide_slot(wire, at, row) if is_wide(wire, at, row, limits) else -1
        if slot < 0:
            arg = argument(wire, at, row, limits, groups)
            if arg < 0:
                return arg
            slot = slot_of(row, arg)
        limits[STATE_SLOT + slot] = at + 1
        at += be16(wire, at + 2)
    return 0


@kernel
def wide_slot(wire: Bytes, at: int, row: int) -> int:
    """Slot of the action set of an action that `is_wide`, by the field that it writes; -1 for one that has none."""
    header, end = at + 4, at + be16(wire, at + 2)
    if ACTION_ROWS[row, A_KIND] == KIND_COPY_FIELD:
        header = at + COPY_FIELD_HEADERS + header_size(wire, at + COPY_FIELD_HEADERS)
    field = header_row(wire, header, end) if end - header >= TLV_HEADER else -1
    return SLOT_SET_FIELD + field if 0 <= field < OXM_FIELDS else -1
