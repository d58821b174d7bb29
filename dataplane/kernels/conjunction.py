"""Conjunctive matches: "one of these sources AND one of these ports" in n + m flows instead of n times m.

A flow whose actions are conjunction(id, k/n) is clause k of n. When the best match of a packet is such a flow, all
flows of its priority that match are looked at; if for one id every clause is there, the packet is looked up again with
that id in conj_id, among the flows that are no clauses. If there is no such id, the same is done one priority lower.
Source: Open vSwitch, ovs-fields(7), "Conjunctive Match Fields".
"""

from __future__ import annotations

from triplane.dataplane.kernels.classify import F_CODE, F_NEXT, F_PRIORITY, T_SUBTABLES, TABLE_WORDS, TABLES, probe
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import K_MARK, KEY_WORDS
from triplane.dataplane.kernels.machine import address_of, load_acquire, view_words, wrap
from triplane.dataplane.kernels.node import CONJUNCTIONS, N_ARENA, N_ARENA_WORDS, N_TABLES, W_CONJUNCTIONS, W_KEY
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_CONJUNCTION, OP_END, arg_of, op_of, size_of
from triplane.dataplane.kernels.wide import ones

# a row of what has been found: id, clauses seen, clauses wanted
CJ_ID, CJ_SEEN, CJ_ALL = 0, 1, 2
CJ_WORDS = 3
MOST = 0x10000  # above every priority


@kernel
def is_clause(arena: Words, flow: int) -> bool:
    return op_of(arena[arena[flow + F_CODE]]) == OP_CONJUNCTION


@kernel
def eligible(arena: Words, flow: int, below: int, hard_only: bool) -> bool:
    if is_clause(arena, flow):
        return not hard_only and arena[flow + F_PRIORITY] < below
    return arena[flow + F_PRIORITY] <= below


@kernel
def best_below(arena: Words, subtables: int, key: Words, below: int, hard_only: bool) -> int:
    """The best flow for the key with a priority of at most `below`; clauses must be lower, or are passed over."""
    best = 0
    for i in range(load_acquire(arena, subtables)):
        flow = probe(arena, arena[subtables + 1 + i], key)
        while flow and not eligible(arena, flow, below, hard_only):
            flow = arena[flow + F_NEXT]
        if flow and (best == 0 or arena[flow + F_PRIORITY] > arena[best + F_PRIORITY]):
            best = flow
    return best


@kernel
def tally(arena: Words, at: int, found: Words, count: int) -> int:
    """Enter the clauses of the program at `at` in `found`; returns how many ids are known then, the most that fit."""
    while op_of(arena[at]) != OP_END:
        if op_of(arena[at]) == OP_CONJUNCTION:
            i = 0
            while i < count and found[i * CJ_WORDS + CJ_ID] != arena[at + 1]:
                i += 1
            if i == CONJUNCTIONS:
                return count
            if i == count:
                found[i * CJ_WORDS + CJ_ID], found[i * CJ_WORDS + CJ_SEEN] = arena[at + 1], 0
                found[i * CJ_WORDS + CJ_ALL] = ones(arg_of(arena[at]) >> 8)
                count += 1
            found[i * CJ_WORDS + CJ_SEEN] |= wrap(1 << (arg_of(arena[at]) & 0x3F))
        at += size_of(arena[at])
    return count


@kernel
def complete_id(arena: Words, subtables: int, key: Words, priority: int, found: Words) -> int:
    """An id of which every clause matches the key at this priority, or -1."""
    count = 0
    for i in range(load_acquire(arena, subtables)):
        flow = probe(arena, arena[subtables + 1 + i], key)
        while flow and arena[flow + F_PRIORITY] > priority:
            flow = arena[flow + F_NEXT]
        if flow and arena[flow + F_PRIORITY] == priority and is_clause(arena, flow):
            count = tally(arena, arena[flow + F_CODE], found, count)
    for i in range(count):
        if found[i * CJ_WORDS + CJ_SEEN] == found[i * CJ_WORDS + CJ_ALL]:
            return found[i * CJ_WORDS + CJ_ID]
    return -1


@kernel
def conjunct(node: Words, w: Words, table: int, flow: int) -> int:
    """The flow that a packet really meets whose best match is the clause `flow`; 0 if none. The key is shown."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    subtables = load_acquire(view_words(node[N_TABLES], TABLES * TABLE_WORDS), table * TABLE_WORDS + T_SUBTABLES)
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    found = view_words(address_of(w, W_CONJUNCTIONS), CONJUNCTIONS * CJ_WORDS)
    while flow and is_clause(arena, flow):
        priority = arena[flow + F_PRIORITY]
        conjunction = complete_id(arena, subtables, key, priority, found)
        if conjunction >= 0:
            key[K_MARK] |= conjunction
            hard = best_below(arena, subtables, key, MOST, True)
            key[K_MARK] &= ~0xFFFFFFFF
            if hard:
                return hard
        flow = best_below(arena, subtables, key, priority, False)
    return flow
