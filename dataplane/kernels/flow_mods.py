"""Runs of OFPT_FLOW_MOD messages, applied without leaving compiled code (OpenFlow 1.3.5 section 6.4)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.bytes import be8, be16
from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_COUNTERS,
    F_PRIORITY,
    N_BYTES,
    N_PACKETS,
    N_USED,
    S_COUNT,
    T_COUNT,
    T_FIRST,
    T_LIMIT,
    TABLE_WORDS,
    TABLES,
    Flows,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import FLOW_MOD_OVERLAP, FLOW_MOD_TABLE_FULL
from triplane.dataplane.kernels.eviction import victim
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.flow_block import flow_instruct, flow_make, flow_stage, flow_unstage
from triplane.dataplane.kernels.flow_filter import (
    FILTER_WORDS,
    Q_COOKIE,
    Q_COOKIE_MASK,
    Q_METER,
    Q_OUT_GROUP,
    Q_OUT_PORT,
    find_strict,
    overlaps,
    sends_to,
    table_of,
    wanted,
)
from triplane.dataplane.kernels.flow_log import (
    ADDED,
    CHANGED,
    LOG_AT,
    LOG_COUNT,
    LOG_FULL,
    LOG_HEAD,
    LOG_ROW,
    OFF,
    REMOVED,
    hold_subtable,
    log_full,
    log_note,
    log_room,
    save_flow,
)
from triplane.dataplane.kernels.flow_wire import (
    FM_BUFFER,
    FM_CODE_LEN,
    FM_COMMAND,
    FM_COOKIE,
    FM_COOKIE_MASK,
    FM_FLAGS,
    FM_HARD,
    FM_IDLE,
    FM_IMPORTANCE,
    FM_INSTR_AT,
    FM_INSTR_LEN,
    FM_MATCH_AT,
    FM_MATCH_LEN,
    FM_OUT_GROUP,
    FM_OUT_PORT,
    FM_PRIORITY,
    FM_TABLE,
    FM_WORDS,
    OFPFC_ADD,
    OFPFC_DELETE,
    OFPFC_DELETE_STRICT,
    OFPFC_MODIFY,
    OFPTT_ALL,
    decode_flow_mod,
)
from triplane.dataplane.kernels.flows import (
    C_COOKIE,
    C_CREATED,
    C_FLAGS,
    C_HARD,
    C_IDLE,
    C_IMPORTANCE,
    C_LEARNT,
    C_MODIFIED,
    C_NEXT,
    C_STAGED,
    C_SUBTABLE,
    C_TABLE,
    HAS_TRIGGER,
    cold_of,
    flow_find,
    flow_forget,
    flow_free,
    flow_link,
    flow_remember,
    flow_time,
    flow_unlink,
    subtable_drop,
    subtable_find,
    subtable_make,
)
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.instructions import STAT_TRIGGER
from triplane.dataplane.kernels.learners import calm, stir
from triplane.dataplane.kernels.limits import LIMIT_LOOSE, LIMIT_TRIGGERS, STATE_AT, make_limits
from triplane.dataplane.kernels.pool import Bytes, Words

OFPT_FLOW_MOD = 14
OFPFF_SEND_FLOW_REM, OFPFF_CHECK_OVERLAP, OFPFF_RESET_COUNTS = 1, 2, 4
OFPRR_IDLE_TIMEOUT, OFPRR_HARD_TIMEOUT, OFPRR_DELETE, OFPRR_GROUP_DELETE, OFPRR_METER_DELETE = range(5)
OFPRR_EVICTION = 5
NO_BUFFER = ANY = 0xFFFFFFFF
NO_COOKIE = -1  # in a modify of OpenFlow 1.0: leave it as it is (Open vSwitch)
AGAIN = -1  # events or log are full: read them, then present the same message again
SECOND = 1_000_000_000

E_ERROR = 1  # message offset, error word
E_REMOVED = 2  # flow, reason: unlinked, to be told of and freed
E_BUFFER = 3  # message offset, buffer id
EVENTS = 4096
EVENT_WORDS = 3
FIRST_LOG = LOG_HEAD + 4096 * LOG_ROW  # words
CODE_WORDS = 32768  # a 64 KiB message of 8-byte actions


class Decoder(NamedTuple):
    """Scratch and results of one writer.

    `events` int64[1 + EVENTS * EVENT_WORDS]: count, then (kind, a, b).
    """

    limits: Words
    groups: Words  # index of group ids, see `ids`
    meters: Words
    header: Words
    key: Words
    mask: Words
    code: Words
    query: Words
    events: Words
    log: Words  # see `flow_log`


def make_decoder(groups: Words, meters: Words, tables: int = TABLES) -> Decoder:
    """A decoder for flow-mods of a switch with these groups and meters."""
    sizes = (FM_WORDS, KEY_WORDS, KEY_WORDS, CODE_WORDS, FILTER_WORDS, 1 + EVENTS * EVENT_WORDS, FIRST_LOG)
    decoder = Decoder(make_limits(tables), groups, meters, *(np.zeros(size, np.int64) for size in sizes))
    decoder.log[LOG_COUNT], decoder.log[LOG_AT] = OFF, -1
    return decoder


@kernel
def note(events: Words, kind: int, first: int, second: int) -> bool:
    """Append an event; False if there is no room."""
    count = events[0]
    if count == EVENTS:
        return False
    at = 1 + count * EVENT_WORDS
    events[at], events[at + 1], events[at + 2] = kind, first, second
    events[0] = count + 1
    return True


@kernel
def remove(flows: Flows, flow: int, reason: int, d: Decoder) -> bool:
    """Remove a flow; False, and it stays, if its removal must be told of and there is no room for that."""
    table = table_of(flows, flow)
    logged = d.log[LOG_COUNT] != OFF
    told = flows.arena[cold_of(flows, flow) + C_FLAGS] & OFPFF_SEND_FLOW_REM
    if log_full(d.log, 1):
        return False
    if told and not logged and not note(d.events, E_REMOVED, flow, reason):
        return False
    if logged:
        hold_subtable(flows, flow)
    flow_unlink(flows, table, flow)
    flow_forget(flows, table, flow)
    if logged:
        log_note(d.log, REMOVED, flow, reason)
    elif not told:
        flow_free(flows, flow)
    return True


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


@kernel
def reset_counts(flows: Flows, flow: int) -> None:
    for worker in range(flows.workers[0]):
        at = flows.arena[flow + F_COUNTERS] + worker * COUNTER_WORDS
        flows.arena[at + N_PACKETS], flows.arena[at + N_BYTES] = 0, 0


@kernel
def stage(flows: Flows, d: Decoder, wire: Bytes, flow: int) -> bool:
    """Prepare the decoded instructions for a flow; False if memory is out."""
    h = d.header
    return flow_stage(flows, flow, d.code, h[FM_CODE_LEN], wire, h[FM_INSTR_AT], h[FM_INSTR_LEN])


@kernel
def change_flow(flows: Flows, d: Decoder, flow: int, now: int) -> bool:
    """Put the prepared instructions in place; timeouts, flags and cookie stay (section 6.4), the last not in 1.0.

    False if memory is out.
    """
    logged = d.log[LOG_COUNT] != OFF
    if logged:
        before = save_flow(flows, flow)
        if before < 0:
            return False
        log_note(d.log, CHANGED, flow, before)
    flow_instruct(flows, flow, d.header[FM_CODE_LEN], d.header[FM_INSTR_LEN], logged)
    mark_trigger(flows, d, flow)
    flow_time(flows, table_of(flows, flow), flow)
    flows.arena[cold_of(flows, flow) + C_LEARNT], flows.arena[cold_of(flows, flow) + C_MODIFIED] = 0, now
    if d.limits[LIMIT_LOOSE] and d.header[FM_COOKIE] != NO_COOKIE:
        flows.arena[cold_of(flows, flow) + C_COOKIE] = d.header[FM_COOKIE]
    if d.header[FM_FLAGS] & OFPFF_RESET_COUNTS:
        reset_counts(flows, flow)
    return True


@kernel
def modify(flows: Flows, d: Decoder, wire: Bytes, now: int) -> int:
    """OFPFC_MODIFY and OFPFC_MODIFY_STRICT; that nothing matches is no error."""
    if d.header[FM_COMMAND] == OFPFC_MODIFY:
        return modify_table(flows, d, wire, now)
    flow = find_strict(flows, d.header[FM_TABLE], d.key, d.mask, d.header[FM_PRIORITY])
    if flow == 0 or not cookie_agrees(flows, flow, d.query):
        return modify_nothing(flows, d, wire, now)
    if log_full(d.log, 1):
        return AGAIN
    if not stage(flows, d, wire, flow):
        return FLOW_MOD_TABLE_FULL
    if not change_flow(flows, d, flow, now):
        flow_unstage(flows, flow)
        return FLOW_MOD_TABLE_FULL
    return 0


@kernel
def modify_nothing(flows: Flows, d: Decoder, wire: Bytes, now: int) -> int:
    """A modify that means no flow: it adds one in OpenFlow 1.0 (section 4.6), it does nothing since 1.1."""
    if d.limits[LIMIT_LOOSE] == 0:
        return 0
    if d.header[FM_COOKIE] == NO_COOKIE:
        d.header[FM_COOKIE] = 0
    return add(flows, d, wire, now)


@kernel
def modify_table(flows: Flows, d: Decoder, wire: Bytes, now: int) -> int:
    """Change all flows that the match means, or none if memory runs out on the way."""
    first = flows.tables[d.header[FM_TABLE] * TABLE_WORDS + T_FIRST]
    flow, enough, found, room = first, True, False, log_room(d.log)
    while flow and enough and room >= 0:
        if wanted(flows, flow, d.key, d.mask, d.query):
            enough, found = stage(flows, d, wire, flow), True
            room -= 1
        flow = flows.arena[cold_of(flows, flow) + C_NEXT]
    flow = first
    while flow:
        if not enough or room < 0:
            flow_unstage(flows, flow)
        elif flows.arena[cold_of(flows, flow) + C_STAGED]:
            enough = change_flow(flows, d, flow, now)
            if not enough:
                flow_unstage(flows, flow)
        flow = flows.arena[cold_of(flows, flow) + C_NEXT]
    if not found:
        return modify_nothing(flows, d, wire, now)
    if room < 0:
        d.log[LOG_FULL] = 1
        return AGAIN
    return 0 if enough else FLOW_MOD_TABLE_FULL


@kernel
def cookie_agrees(flows: Flows, flow: int, query: Words) -> bool:
    return (flows.arena[cold_of(flows, flow) + C_COOKIE] ^ query[Q_COOKIE]) & query[Q_COOKIE_MASK] == 0


@kernel
def delete_table(flows: Flows, d: Decoder, table: int, reason: int) -> bool:
    """Remove the flows of a table that the decoder's match and query mean; False if the events ran full."""
    flow = flows.tables[table * TABLE_WORDS + T_FIRST]
    while flow:
        following = flows.arena[cold_of(flows, flow) + C_NEXT]
        if wanted(flows, flow, d.key, d.mask, d.query) and not remove(flows, flow, reason, d):
            return False
        flow = following
    return True


@kernel
def delete_all(flows: Flows, d: Decoder, table: int, reason: int) -> bool:
    """As delete_table, of one table or OFPTT_ALL."""
    if table != OFPTT_ALL:
        return delete_table(flows, d, table, reason)
    for each in range(TABLES):
        if not delete_table(flows, d, each, reason):
            return False
    return True


@kernel
def delete_strict(flows: Flows, d: Decoder, table: int) -> bool:
    first, last = table, table + 1
    if table == OFPTT_ALL:
        first, last = 0, TABLES
    for each in range(first, last):
        flow = find_strict(flows, each, d.key, d.mask, d.header[FM_PRIORITY])
        if flow and cookie_agrees(flows, flow, d.query) and sends_to(flows.arena, flow, d.query):
            if not remove(flows, flow, OFPRR_DELETE, d):
                return False
    return True


@kernel
def fill_query(d: Decoder) -> bool:
    """The filter of a decoded modify or delete; False if it names a group that is not there."""
    h, query = d.header, d.query
    query[Q_COOKIE], query[Q_COOKIE_MASK] = h[FM_COOKIE], h[FM_COOKIE_MASK]
    query[Q_OUT_PORT], query[Q_OUT_GROUP], query[Q_METER] = ANY, -1, -1
    if h[FM_COMMAND] >= OFPFC_DELETE:
        query[Q_OUT_PORT] = h[FM_OUT_PORT]
        if h[FM_OUT_GROUP] != ANY:
            query[Q_OUT_GROUP] = id_lookup(d.groups, h[FM_OUT_GROUP])
            return query[Q_OUT_GROUP] >= 0
    return True


@kernel
def apply(flows: Flows, d: Decoder, wire: Bytes, now: int) -> int:
    """Apply the decoded flow-mod: 0, an error word, or AGAIN."""
    command = d.header[FM_COMMAND]
    if command == OFPFC_ADD:
        return add(flows, d, wire, now)
    known = fill_query(d)
    if command < OFPFC_DELETE:
        return modify(flows, d, wire, now)
    if not known:
        return 0
    if command == OFPFC_DELETE_STRICT:
        return 0 if delete_strict(flows, d, d.header[FM_TABLE]) else AGAIN
    return 0 if delete_all(flows, d, d.header[FM_TABLE], OFPRR_DELETE) else AGAIN


@kernel
def of_run(wire: Bytes, at: int, first: int) -> bool:
    """Is a flow-mod at `at`, of a version that we read (1.3 and later) and the same as the message at `first`?"""
    return be8(wire, at + 1) == OFPT_FLOW_MOD and be8(wire, at) >= 4 and be8(wire, at) == be8(wire, first)


@kernel
def flow_mods(flows: Flows, d: Decoder, wire: Bytes, at: int, end: int, now: int) -> int:
    """Apply the flow-mods that stand back to back in wire[at:end]; the offset after the last one that is done with.

    Stops before another message type or version, an incomplete message, when the events are (nearly) full, or when
    the owners of learnt flows are stirred (`learners`).
    """
    first = at
    while end - at >= 8 and of_run(wire, at, first) and d.events[0] < EVENTS - 2 and calm(d.limits):
        length = be16(wire, at + 2)
        if length < 8 or length > end - at:
            return at
        error = decode_flow_mod(
            wire, at, at + length, d.limits, d.groups, d.meters, d.header, d.key, d.mask, d.code, 0, CODE_WORDS
        )
        if error == 0:
            d.log[LOG_AT], rows = at, d.log[LOG_COUNT]
            error = apply(flows, d, wire, now)
            if error == AGAIN:
                return at
            stir(d.limits, d.log, rows)
            if error == 0 and d.header[FM_BUFFER] != NO_BUFFER and d.header[FM_COMMAND] < OFPFC_DELETE:
                note(d.events, E_BUFFER, at, d.header[FM_BUFFER])
        if error:
            note(d.events, E_ERROR, at, error)
        at += length
    return at
