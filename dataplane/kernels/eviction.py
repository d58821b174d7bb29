"""Which flow entry a full table gives up for a new one (OpenFlow 1.4.1 sections 5.5 and 7.3.4.1)."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import T_EVICTION, T_FIRST, TABLE_WORDS, Flows
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.flow_block import last_used
from triplane.dataplane.kernels.flows import C_HARD, C_IDLE, C_IMPORTANCE, C_NEXT, cold_of, lives_since

OFPTMPEF_IMPORTANCE, OFPTMPEF_LIFETIME = 2, 4  # T_EVICTION's bits; of flows alike in both the longest unused goes
FOREVER = 1 << 62
SECOND = 1_000_000_000


@kernel
def expires_at(flows: Flows, flow: int) -> int:
    """ns when the flow's time is up if no packet comes; FOREVER without timeouts."""
    arena, cold = flows.arena, cold_of(flows, flow)
    at = FOREVER
    if arena[cold + C_HARD]:
        at = lives_since(arena, cold) + arena[cold + C_HARD] * SECOND
    if arena[cold + C_IDLE]:
        at = min(at, last_used(flows, flow) + arena[cold + C_IDLE] * SECOND)
    return at


@kernel
def sooner(flows: Flows, flags: int, one: int, other: int) -> bool:
    """Shall flow `one` go before `other`?"""
    arena = flows.arena
    if flags & OFPTMPEF_IMPORTANCE:
        mine, theirs = arena[cold_of(flows, one) + C_IMPORTANCE], arena[cold_of(flows, other) + C_IMPORTANCE]
        if mine != theirs:
            return mine < theirs
    if flags & OFPTMPEF_LIFETIME:
        mine, theirs = expires_at(flows, one), expires_at(flows, other)
        if mine != theirs:
            return mine < theirs
    return last_used(flows, one) < last_used(flows, other)


@kernel
def victim(flows: Flows, table: int, importance: int) -> int:
    """The flow that is to go for one of this importance, or 0: none is less important. Looks at all of the table."""
    arena = flows.arena
    flags = flows.tables[table * TABLE_WORDS + T_EVICTION]
    chosen = 0
    flow = flows.tables[table * TABLE_WORDS + T_FIRST] if flags else 0
    while flow:
        cold = cold_of(flows, flow)
        spared = flags & OFPTMPEF_IMPORTANCE and arena[cold + C_IMPORTANCE] > importance
        if not spared and (chosen == 0 or sooner(flows, flags, flow, chosen)):
            chosen = flow
        flow = arena[cold + C_NEXT]
    return chosen
