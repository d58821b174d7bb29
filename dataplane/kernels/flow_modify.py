"""OFPFC_MODIFY and OFPFC_MODIFY_STRICT: other instructions for entries that are there (OpenFlow 1.3.5 section 6.4)."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_COUNTERS,
    N_BYTES,
    N_PACKETS,
    T_FIRST,
    TABLE_WORDS,
    Flows,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import FLOW_MOD_TABLE_FULL
from triplane.dataplane.kernels.flow_add import add, mark_trigger
from triplane.dataplane.kernels.flow_block import flow_instruct, flow_stage, flow_unstage
from triplane.dataplane.kernels.flow_decoder import AGAIN, OFPFF_RESET_COUNTS, Decoder
from triplane.dataplane.kernels.flow_filter import cookie_agrees, find_strict, table_of, wanted
from triplane.dataplane.kernels.flow_log import (
    CHANGED,
    LOG_COUNT,
    LOG_FULL,
    OFF,
    log_full,
    log_note,
    log_room,
    save_flow,
)
from triplane.dataplane.kernels.flow_wire import (
    FM_CODE_LEN,
    FM_COMMAND,
    FM_COOKIE,
    FM_FLAGS,
    FM_INSTR_AT,
    FM_INSTR_LEN,
    FM_PRIORITY,
    FM_TABLE,
    OFPFC_MODIFY,
)
from triplane.dataplane.kernels.flows import C_COOKIE, C_LEARNT, C_MODIFIED, C_NEXT, C_STAGED, cold_of, flow_time
from triplane.dataplane.kernels.limits import LIMIT_LOOSE
from triplane.dataplane.kernels.pool import Bytes

NO_COOKIE = -1  # in a modify of OpenFlow 1.0: leave it as it is (Open vSwitch)


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
