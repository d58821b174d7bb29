"""OFPFC_ADD: a new entry, in place of an identical one or of one that is evicted (OpenFlow 1.4.1 section 6.4)."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_COUNTERS,
    F_PRIORITY,
    N_USED,
    S_COUNT,
    T_COUNT,
    T_FIRST,
    T_LIMIT,
    TABLE_WORDS,
    Flows,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import FLOW_MOD_OVERLAP, FLOW_MOD_TABLE_FULL
from triplane.dataplane.kernels.eviction import victim
from triplane.dataplane.kernels.flow_block import flow_make
from triplane.dataplane.kernels.flow_decoder import (
    AGAIN,
    OFPFF_CHECK_OVERLAP,
    OFPFF_RESET_COUNTS,
    OFPRR_EVICTION,
    Decoder,
    remove,
)
from triplane.dataplane.kernels.flow_filter import find_strict, overlaps
from triplane.dataplane.kernels.flow_log import ADDED, LOG_COUNT, OFF, log_full, log_note
from triplane.dataplane.kernels.flow_wire import (
    FM_CODE_LEN,
    FM_COOKIE,
    FM_FLAGS,
    FM_HARD,
    FM_IDLE,
    FM_IMPORTANCE,
    FM_INSTR_AT,
    FM_INSTR_LEN,
    FM_MATCH_AT,
    FM_MATCH_LEN,
    FM_PRIORITY,
    FM_TABLE,
)
from triplane.dataplane.kernels.flows import (
    C_COOKIE,
    C_CREATED,
    C_FLAGS,
    C_HARD,
    C_IDLE,
    C_IMPORTANCE,
    C_MODIFIED,
    C_NEXT,
    C_SUBTABLE,
    C_TABLE,
    HAS_TRIGGER,
    cold_of,
    flow_find,
    flow_forget,
    flow_free,
    flow_link,
    flow_remember,
    subtable_drop,
    subtable_find,
    subtable_make,
)
from triplane.dataplane.kernels.instructions import STAT_TRIGGER
from triplane.dataplane.kernels.limits import LIMIT_TRIGGERS, STATE_AT
from triplane.dataplane.kernels.pool import Bytes, Words


@kernel
def any_overlap(flows: Flows, table: int, key: Words, mask: Words, priority: int) -> bool:
    """OFPFF_CHECK_OVERLAP: a flow of the same priority, not the same match, that one packet could match too."""
    arena = flows.arena
    same = find_strict(flows, table, key, mask, priority)
    flow = flows.tables[table * TABLE_WORDS + T_FIRST]
    while flow:
        cold = cold_of(flows, flow)
        if arena[flow + F_PRIORITY] == priority and flow != same:
            if overlaps(arena, arena[cold + C_SUBTABLE], flow, key, mask):
                return True
        flow = arena[cold + C_NEXT]
    return False


@kernel
def build(flows: Flows, d: Decoder, wire: Bytes, now: int) -> int:
    """An unlinked flow from a decoded flow-mod, or 0 if memory is out."""
    h = d.header
    flow = flow_make(
        flows, d.key, d.mask, h[FM_PRIORITY], d.code, h[FM_CODE_LEN], wire,
        h[FM_MATCH_AT], h[FM_MATCH_LEN], h[FM_INSTR_AT], h[FM_INSTR_LEN], now,
    )  # fmt: skip
    if flow:
        cold = cold_of(flows, flow)
        arena = flows.arena
        arena[cold + C_COOKIE], arena[cold + C_FLAGS], arena[cold + C_TABLE] = h[FM_COOKIE], h[FM_FLAGS], h[FM_TABLE]
        arena[cold + C_IDLE], arena[cold + C_HARD], arena[cold + C_CREATED] = h[FM_IDLE], h[FM_HARD], now
        arena[cold + C_IMPORTANCE], arena[cold + C_MODIFIED] = h[FM_IMPORTANCE], now
        mark_trigger(flows, d, flow)
    return flow


@kernel
def mark_trigger(flows: Flows, d: Decoder, flow: int) -> None:
    """Note that the decoded instructions, which are the flow's, have a stat-trigger."""
    if d.limits[STATE_AT + STAT_TRIGGER]:
        flows.arena[cold_of(flows, flow) + C_FLAGS] |= HAS_TRIGGER
        d.limits[LIMIT_TRIGGERS] = 1


@kernel
def keep_counts(flows: Flows, old: int, new: int) -> None:
    arena = flows.arena
    for i in range(flows.workers[0] * COUNTER_WORDS):
        if i % COUNTER_WORDS != N_USED:
            arena[arena[new + F_COUNTERS] + i] = arena[arena[old + F_COUNTERS] + i]


@kernel
def make_room(flows: Flows, d: Decoder, table: int) -> int:
    """See that the table has room for the decoded flow, by eviction if it may: 0, an error word, or AGAIN."""
    row = table * TABLE_WORDS
    if flows.tables[row + T_COUNT] < flows.tables[row + T_LIMIT]:
        return 0
    if find_strict(flows, table, d.key, d.mask, d.header[FM_PRIORITY]):
        return 0
    flow = victim(flows, table, d.header[FM_IMPORTANCE])
    if flow == 0:
        return FLOW_MOD_TABLE_FULL
    return 0 if remove(flows, flow, OFPRR_EVICTION, d) else AGAIN


@kernel
def add(flows: Flows, d: Decoder, wire: Bytes, now: int) -> int:
    """OFPFC_ADD: 0, an error word, or AGAIN."""
    table, flags = d.header[FM_TABLE], d.header[FM_FLAGS]
    if flags & OFPFF_CHECK_OVERLAP and any_overlap(flows, table, d.key, d.mask, d.header[FM_PRIORITY]):
        return FLOW_MOD_OVERLAP
    if log_full(d.log, 2):  # for the flow, and for one that it evicts
        return AGAIN
    error = make_room(flows, d, table)
    if error:
        return error
    subtable = subtable_find(flows, table, d.mask)
    if subtable == 0:
        subtable = subtable_make(flows, table, d.mask)
    flow = build(flows, d, wire, now) if subtable else 0
    if flow == 0 or not enter(flows, d, table, subtable, flow):
        if flow:
            flow_free(flows, flow)
        if subtable and flows.arena[subtable + S_COUNT] == 0:
            subtable_drop(flows, table, subtable)
        return FLOW_MOD_TABLE_FULL
    return 0


@kernel
def enter(flows: Flows, d: Decoder, table: int, subtable: int, flow: int) -> bool:
    """Link a flow, in place of an identical one; False if memory is out."""
    old = flow_find(flows, table, subtable, flow)
    logged = d.log[LOG_COUNT] != OFF
    if old and d.header[FM_FLAGS] & OFPFF_RESET_COUNTS == 0:
        keep_counts(flows, old, flow)
    if not flow_link(flows, table, subtable, flow):
        return False
    if old:
        flow_forget(flows, table, old)
        if not logged:
            flow_free(flows, old)
    if logged:
        log_note(d.log, ADDED, flow, old)
    flow_remember(flows, table, flow)
    return True
