"""Flow entries on the wire: ofp_flow_stats and aggregates (OpenFlow 1.4.1 section 7.3.5.2; 1.3 has no importance)."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import put16, put32, put64
from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_COUNTERS,
    F_PRIORITY,
    N_BYTES,
    N_PACKETS,
    T_FIRST,
    TABLE_WORDS,
    TABLES,
    Flows,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.flow_block import last_used
from triplane.dataplane.kernels.flow_decoder import Decoder
from triplane.dataplane.kernels.flow_filter import wanted
from triplane.dataplane.kernels.flow_mods import SECOND
from triplane.dataplane.kernels.flow_wire import OFPTT_ALL
from triplane.dataplane.kernels.flows import (
    C_COOKIE,
    C_CREATED,
    C_FLAGS,
    C_HARD,
    C_IDLE,
    C_IMPORTANCE,
    C_INSTRUCTIONS,
    C_INSTRUCTIONS_LEN,
    C_MATCH,
    C_MATCH_LEN,
    C_NEXT,
    C_TABLE,
    HAS_TRIGGER,
    cold_of,
    modified_at,
)
from triplane.dataplane.kernels.pool import Bytes, Words

FIXED = 48  # bytes of ofp_flow_stats before the match
IMPORTANCE_AT = 20
LONGEST = 65535


@kernel
def total(flows: Flows, flow: int, column: int) -> int:
    """A counter (N_PACKETS, N_BYTES) summed over all workers."""
    count = 0
    for worker in range(flows.workers[0]):
        count += flows.arena[flows.arena[flow + F_COUNTERS] + worker * COUNTER_WORDS + column]
    return count


@kernel
def arena_byte(arena: Words, at: int) -> int:
    """The byte at a byte offset, as `copy_bytes` packed it."""
    return arena[at >> 3] >> 8 * (at & 7) & 0xFF


@kernel
def put_bytes(arena: Words, at: int, count: int, out: Bytes, to: int) -> None:
    for i in range(count):
        out[to + i] = arena_byte(arena, at + i)


@kernel
def encode(flows: Flows, flow: int, out: Bytes, to: int, now: int) -> int:
    """Write the flow's ofp_flow_stats; returns its bytes. Needs LONGEST bytes of room."""
    arena = flows.arena
    cold = cold_of(flows, flow)
    match, instructions = arena[cold + C_MATCH_LEN], arena[cold + C_INSTRUCTIONS_LEN]
    age = now - arena[cold + C_CREATED]
    put16(out, to, FIXED + match + instructions)
    put16(out, to + 2, arena[cold + C_TABLE] << 8)
    put32(out, to + 4, age // SECOND)
    put32(out, to + 8, age % SECOND)
    put16(out, to + 12, arena[flow + F_PRIORITY])
    put16(out, to + 14, arena[cold + C_IDLE])
    put16(out, to + 16, arena[cold + C_HARD])
    put16(out, to + 18, arena[cold + C_FLAGS])
    put16(out, to + IMPORTANCE_AT, arena[cold + C_IMPORTANCE])
    put16(out, to + IMPORTANCE_AT + 2, 0)
    put64(out, to + 24, arena[cold + C_COOKIE])
    put64(out, to + 32, total(flows, flow, N_PACKETS))
    put64(out, to + 40, total(flows, flow, N_BYTES))
    put_bytes(arena, arena[cold + C_MATCH], match, out, to + FIXED)
    put_bytes(arena, arena[cold + C_INSTRUCTIONS], instructions, out, to + FIXED + match)
    return FIXED + match + instructions


@kernel
def age_of(since: int, now: int) -> int:
    """Seconds, plus one: 0 says that an age is not known (nicira-ext.h)."""
    return min(max(now - since, 0) // SECOND + 1, 0xFFFF)


@kernel
def put_ages(flows: Flows, flow: int, out: Bytes, to: int, now: int) -> None:
    """Idle and hard age, in place of importance and padding of an ofp_flow_stats."""
    put16(out, to + IMPORTANCE_AT, age_of(last_used(flows, flow), now))
    put16(out, to + IMPORTANCE_AT + 2, age_of(modified_at(flows.arena, cold_of(flows, flow)), now))


@kernel
def first_from(flows: Flows, table: int, last: int) -> int:
    """The first flow of the first table in [table, last] that has any, or 0."""
    while table <= last:
        flow = flows.tables[table * TABLE_WORDS + T_FIRST]
        if flow:
            return flow
        table += 1
    return 0


@kernel
def after(flows: Flows, flow: int, last: int) -> int:
    """The flow after `flow`, going on to tables up to `last`; 0 at the end."""
    cold = cold_of(flows, flow)
    following = flows.arena[cold + C_NEXT]
    return following if following else first_from(flows, flows.arena[cold + C_TABLE] + 1, last)


@kernel
def next_trigger(flows: Flows, flow: int) -> int:
    """The first flow with a stat-trigger from `flow` on, or 0."""
    while flow and flows.arena[cold_of(flows, flow) + C_FLAGS] & HAS_TRIGGER == 0:
        flow = after(flows, flow, TABLES - 1)
    return flow


@kernel
def start(flows: Flows, table: int) -> int:
    return first_from(flows, 0, TABLES - 1) if table == OFPTT_ALL else first_from(flows, table, table)


@kernel
def dump(flows: Flows, d: Decoder, table: int, flow: int, out: Bytes, result: Words, now: int, ages: bool) -> int:
    """Encode flows that the decoder's match and query mean, from `flow` on, while `out` has room.

    With `ages` each has them in place of its importance. Returns the flow to go on with, 0 at the end; result[0]
    becomes the bytes written.
    """
    last = TABLES - 1 if table == OFPTT_ALL else table
    used = 0
    while flow and len(out) - used >= LONGEST:
        if wanted(flows, flow, d.key, d.mask, d.query):
            size = encode(flows, flow, out, used, now)
            if ages:
                put_ages(flows, flow, out, used, now)
            used += size
        flow = after(flows, flow, last)
    result[0] = used
    return flow


@kernel
def aggregate(flows: Flows, d: Decoder, table: int, result: Words) -> None:
    """result[0:3] = packets, bytes and number of the flows that the decoder's match and query mean."""
    last = TABLES - 1 if table == OFPTT_ALL else table
    result[0], result[1], result[2] = 0, 0, 0
    flow = start(flows, table)
    while flow:
        if wanted(flows, flow, d.key, d.mask, d.query):
            result[0] += total(flows, flow, N_PACKETS)
            result[1] += total(flows, flow, N_BYTES)
            result[2] += 1
        flow = after(flows, flow, last)
