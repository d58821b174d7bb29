"""Flow entries whose time is up (OpenFlow 1.3.5 section 5.5)."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import T_FIRST, T_TIMED, TABLE_WORDS, TABLES, Flows
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.flow_block import last_used
from triplane.dataplane.kernels.flow_decoder import OFPRR_HARD_TIMEOUT, OFPRR_IDLE_TIMEOUT, Decoder, remove
from triplane.dataplane.kernels.flow_mods import SECOND
from triplane.dataplane.kernels.flows import C_HARD, C_IDLE, C_NEXT, cold_of, lives_since


@kernel
def expiry(flows: Flows, flow: int, now: int) -> int:
    """OFPRR_* if a timeout of the flow has passed, else -1."""
    arena = flows.arena
    cold = cold_of(flows, flow)
    if arena[cold + C_HARD] and now - lives_since(arena, cold) >= arena[cold + C_HARD] * SECOND:
        return OFPRR_HARD_TIMEOUT
    if arena[cold + C_IDLE] and now - last_used(flows, flow) >= arena[cold + C_IDLE] * SECOND:
        return OFPRR_IDLE_TIMEOUT
    return -1


@kernel
def expire(flows: Flows, d: Decoder, now: int) -> bool:
    """Remove the flows whose time is up; False if events or log ran full before the end."""
    for table in range(TABLES):
        row = table * TABLE_WORDS
        flow = flows.tables[row + T_FIRST] if flows.tables[row + T_TIMED] else 0
        while flow:
            following = flows.arena[cold_of(flows, flow) + C_NEXT]
            reason = expiry(flows, flow, now)
            if reason >= 0 and not remove(flows, flow, reason, d):
                return False
            flow = following
    return True
