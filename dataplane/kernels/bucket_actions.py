"""A group bucket's actions, from the wire to a program (OpenFlow 1.3.5 section 5.6.1)."""

from __future__ import annotations

from triplane.dataplane.kernels.action_arguments import argument
from triplane.dataplane.kernels.action_table import A_KIND, ACTION_HEADER, ACTION_ROWS, KIND_COPY_FIELD, known_row
from triplane.dataplane.kernels.actions import (
    COPY_FIELD_HEADERS,
    decode_action,
    decode_list,
    finish_program,
    is_wide,
    slot_of,
)
from triplane.dataplane.kernels.bytes import be16
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.limits import CHECK_NONE, STATE_SLOT
from triplane.dataplane.kernels.nicira_actions import OXM_FIELDS
from triplane.dataplane.kernels.nicira_table import NICIRA_ROW
from triplane.dataplane.kernels.oxm import TLV_HEADER, header_row, header_size
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import SLOT_GROUP, SLOT_OUTPUT, SLOT_SET_FIELD, SLOTS


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
