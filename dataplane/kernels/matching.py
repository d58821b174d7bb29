"""A packet looked up in a flow table, and counted."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_CODE,
    F_COUNTERS,
    N_BYTES,
    N_PACKETS,
    N_USED,
    TABLE_WORDS,
    TABLES,
)
from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.conjunction import conjunct
from triplane.dataplane.kernels.fields import K_HOP, K_METADATA, K_PORT, K_TUNNEL, KEY_WORDS
from triplane.dataplane.kernels.machine import address_of, view_words
from triplane.dataplane.kernels.node import (
    N_ARENA,
    N_ARENA_WORDS,
    N_TABLES,
    W_ACTIONS,
    W_FLOW,
    W_ID,
    W_KEY,
    W_NOW,
    W_OUTPUT_SHOWN,
    W_SCRATCH,
    W_SHOWN,
    W_TABLE_COUNTS,
)
from triplane.dataplane.kernels.output_in_set import OFPP_UNSET, output_in_set
from triplane.dataplane.kernels.outputs import refresh
from triplane.dataplane.kernels.packet import IN_PORT, LENGTH, METADATA, REGS, TABLE, TUNNEL_ID
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_CONJUNCTION, SLOT_OUTPUT, op_of
from triplane.dataplane.kernels.prune import SCRATCH_WORDS, lookup
from triplane.dataplane.kernels.registers import EGRESS, IN_USE, show_registers


@inlined
def find(node: Words, w: Words, row: Words, table: int) -> int:
    """The flow that the packet, whose key is fresh, meets in a table; 0 if none."""
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    key[K_PORT] = row[IN_PORT] << 32 | row[IN_PORT]
    key[K_METADATA], key[K_TUNNEL] = row[METADATA], row[TUNNEL_ID]
    if row[REGS] & IN_USE | w[W_SHOWN]:
        show_registers(w, row)
    if w[W_ACTIONS] >> SLOT_OUTPUT | row[REGS] & EGRESS | w[W_OUTPUT_SHOWN]:
        show_output(node, w, row)
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    flow_tables = view_words(node[N_TABLES], TABLES * TABLE_WORDS)
    flow = lookup(arena, flow_tables, table, key, view_words(address_of(w, W_SCRATCH), SCRATCH_WORDS))
    if flow and op_of(arena[arena[flow + F_CODE]]) == OP_CONJUNCTION:
        return conjunct(node, w, table, flow)
    return flow


@kernel
def show_output(node: Words, w: Words, row: Words) -> None:
    """Write to the key what output the action set has; called if there may be one in either."""
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    shown = output_in_set(node, w, row) ^ OFPP_UNSET
    key[K_HOP] = (key[K_HOP] & ~0xFFFFFFFF) | shown
    w[W_OUTPUT_SHOWN] = shown


@inlined
def match(node: Words, w: Words, row: Words, table: int) -> int:
    """Look the packet up in a table and count it; 0 if nothing matches."""
    refresh(node, w, row)
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    w[W_TABLE_COUNTS + 2 * table] += 1
    flow = find(node, w, row, table)
    row[TABLE] = table
    w[W_FLOW] = flow
    if flow:
        w[W_TABLE_COUNTS + 2 * table + 1] += 1
        counters = arena[flow + F_COUNTERS] + w[W_ID] * COUNTER_WORDS
        arena[counters + N_PACKETS] += 1
        arena[counters + N_BYTES] += row[LENGTH]
        arena[counters + N_USED] = w[W_NOW]
    return flow


@kernel
def match_again(node: Words, w: Words, row: Words, table: int) -> int:
    """As `match`, for what is rare enough to be called."""
    return match(node, w, row, table)
