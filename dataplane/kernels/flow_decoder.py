"""What one writer of flow entries has beside the tables: scratch, the events that it tells of, and a log."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.classify import TABLES, Flows
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.flow_filter import FILTER_WORDS, table_of
from triplane.dataplane.kernels.flow_log import (
    LOG_AT,
    LOG_COUNT,
    LOG_HEAD,
    LOG_ROW,
    OFF,
    REMOVED,
    hold_subtable,
    log_full,
    log_note,
)
from triplane.dataplane.kernels.flow_wire import FM_WORDS
from triplane.dataplane.kernels.flows import C_FLAGS, cold_of, flow_forget, flow_free, flow_unlink
from triplane.dataplane.kernels.limits import make_limits
from triplane.dataplane.kernels.pool import Words

OFPFF_SEND_FLOW_REM, OFPFF_CHECK_OVERLAP, OFPFF_RESET_COUNTS = 1, 2, 4
OFPRR_IDLE_TIMEOUT, OFPRR_HARD_TIMEOUT, OFPRR_DELETE, OFPRR_GROUP_DELETE, OFPRR_METER_DELETE = range(5)
OFPRR_EVICTION = 5
NO_BUFFER = ANY = 0xFFFFFFFF
AGAIN = -1  # events or log are full: read them, then present the same message again

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
