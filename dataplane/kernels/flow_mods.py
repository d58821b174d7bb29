"""Runs of OFPT_FLOW_MOD messages, applied without leaving compiled code (OpenFlow 1.3.5 section 6.4)."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16
from triplane.dataplane.kernels.classify import (
    T_FIRST,
    TABLE_WORDS,
    TABLES,
    Flows,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.flow_add import add
from triplane.dataplane.kernels.flow_decoder import (
    AGAIN,
    ANY,
    CODE_WORDS,
    E_BUFFER,
    E_ERROR,
    EVENTS,
    NO_BUFFER,
    OFPRR_DELETE,
    Decoder,
    note,
    remove,
)
from triplane.dataplane.kernels.flow_filter import (
    Q_COOKIE,
    Q_COOKIE_MASK,
    Q_METER,
    Q_OUT_GROUP,
    Q_OUT_PORT,
    cookie_agrees,
    find_strict,
    sends_to,
    wanted,
)
from triplane.dataplane.kernels.flow_log import (
    LOG_AT,
    LOG_COUNT,
)
from triplane.dataplane.kernels.flow_modify import modify
from triplane.dataplane.kernels.flow_wire import (
    FM_BUFFER,
    FM_COMMAND,
    FM_COOKIE,
    FM_COOKIE_MASK,
    FM_OUT_GROUP,
    FM_OUT_PORT,
    FM_PRIORITY,
    FM_TABLE,
    OFPFC_ADD,
    OFPFC_DELETE,
    OFPFC_DELETE_STRICT,
    OFPTT_ALL,
    decode_flow_mod,
)
from triplane.dataplane.kernels.flows import (
    C_NEXT,
    cold_of,
)
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.learners import calm, stir
from triplane.dataplane.kernels.pool import Bytes

OFPT_FLOW_MOD = 14
SECOND = 1_000_000_000


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
