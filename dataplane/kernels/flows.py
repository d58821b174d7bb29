"""Flow entries, writing side: subtables, and the linking and unlinking of flows. One writer.

A flow's block (see `classify`) is filled before it is linked, and its words that readers use never change after,
except F_NEXT and F_CODE, each a single store. What is unlinked goes to the arena's limbo.
"""

from __future__ import annotations

from triplane.dataplane.kernels.arena import arena_give, arena_take
from triplane.dataplane.kernels.classify import (
    COUNTER_WORDS,
    F_CODE,
    F_COUNTERS,
    F_KEY,
    F_NEXT,
    F_PRIORITY,
    INDEX_TOMB,
    S_BIT,
    S_COUNT,
    S_INDEX,
    S_MASK_HASH,
    S_NWORDS,
    S_PAIRS,
    S_PRIORITY,
    S_TABLE,
    S_USED,
    SUBTABLE_WORDS,
    T_COUNT,
    T_FIRST,
    T_PRUNE,
    T_SUBTABLES,
    T_TIMED,
    TABLE_WORDS,
    Flows,
    finish,
    mix,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.index import (
    FIRST_BITS,
    entry_flow,
    entry_of,
    index_delete,
    index_insert,
    index_make,
    index_slot,
)
from triplane.dataplane.kernels.lists import list_add, list_remove
from triplane.dataplane.kernels.machine import store_release
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_END, OP_FIN_TIMEOUT, op_of, size_of
from triplane.dataplane.kernels.prune_write import (
    PRUNE_THRESHOLD,
    prune_add_flow,
    prune_add_subtable,
    prune_free,
    prune_make,
    prune_remove_subtable,
)

# cold words, after the counters of all workers
C_COOKIE = 0
C_FLAGS = 1  # OFPFF_*, and HAS_TRIGGER
C_IDLE = 2  # seconds, 0 = none
C_HARD = 3
C_CREATED = 4  # ns
C_TABLE = 5
C_SUBTABLE = 6
C_ENTRY = 7  # the word in the index (of the chain's head)
C_MATCH = 8  # bytes offset in the arena of the ofp_match
C_MATCH_LEN = 9  # bytes, padded
C_INSTRUCTIONS = 10  # bytes offset in the arena
C_INSTRUCTIONS_LEN = 11
C_EXTRA = 12  # block that holds program and instructions after a modification, 0 = the flow's own
C_NEXT = 13  # list of all flows of the table
C_PREV = 14
C_STAGED = 15  # block that a modification will put in place, once there is memory for all of its flows
C_IMPORTANCE = 16  # what an eviction spares longer
C_TIMED = 17  # 1: counted in T_TIMED
C_LEARNT = 18  # digest of what a learn action made it of, 0 if none did
C_TOUCHED = 19  # ns when that action last would have made it again; workers write it
C_MODIFIED = 20  # ns when it was made or got other instructions
COLD_WORDS = 21

HAS_TRIGGER = 1 << 16  # in C_FLAGS: the instructions have, or had, a stat-trigger


@kernel
def cold_of(flows: Flows, flow: int) -> int:
    """Offset of the flow's cold words."""
    return flows.arena[flow + F_COUNTERS] + flows.workers[0] * COUNTER_WORDS


@kernel
def lives_since(arena: Words, cold: int) -> int:
    """ns from when the hard timeout counts: the flow was made, or would have been learnt again."""
    return max(arena[cold + C_CREATED], arena[cold + C_TOUCHED])


@kernel
def modified_at(arena: Words, cold: int) -> int:
    """ns when the flow was made, got other instructions, or would have been learnt again."""
    return max(arena[cold + C_MODIFIED], arena[cold + C_TOUCHED])


@kernel
def hash_mask(mask: Words) -> int:
    state = 0
    for i in range(KEY_WORDS):
        state = mix(state + i, mask[i])
    return state


@kernel
def same_mask(arena: Words, subtable: int, mask: Words) -> bool:
    pair = 0
    for i in range(KEY_WORDS):
        if mask[i] == 0:
            continue
        at = subtable + S_PAIRS + 2 * pair
        if pair == arena[subtable + S_NWORDS] or arena[at] != i or arena[at + 1] != mask[i]:
            return False
        pair += 1
    return pair == arena[subtable + S_NWORDS]


@kernel
def subtable_find(flows: Flows, table: int, mask: Words) -> int:
    """The table's subtable of exactly this mask, or 0."""
    arena = flows.arena
    subtables = flows.tables[table * TABLE_WORDS + T_SUBTABLES]
    if subtables == 0:
        return 0
    wanted = hash_mask(mask)
    for i in range(arena[subtables]):  # the newest are the likeliest
        subtable = arena[subtables + arena[subtables] - i]
        if arena[subtable + S_MASK_HASH] == wanted and same_mask(arena, subtable, mask):
            return subtable
    return 0


@kernel
def subtable_fill(arena: Words, subtable: int, table: int, mask: Words, index: int) -> None:
    arena[subtable + S_TABLE] = table
    arena[subtable + S_INDEX] = index
    arena[subtable + S_COUNT] = 0
    arena[subtable + S_USED] = 0
    arena[subtable + S_PRIORITY] = -1
    arena[subtable + S_BIT] = -1
    arena[subtable + S_MASK_HASH] = hash_mask(mask)
    pair = 0
    for i in range(KEY_WORDS):
        if mask[i] != 0:
            arena[subtable + S_PAIRS + 2 * pair] = i
            arena[subtable + S_PAIRS + 2 * pair + 1] = mask[i]
            pair += 1
    arena[subtable + S_NWORDS] = pair


@kernel
def subtable_make(flows: Flows, table: int, mask: Words) -> int:
    """A new, empty, published subtable, or 0 if memory is out."""
    arena = flows.arena
    subtable = arena_take(arena, SUBTABLE_WORDS)
    if subtable < 0:
        return 0
    index = index_make(arena, FIRST_BITS)
    if index < 0:
        arena_give(arena, subtable)
        return 0
    subtable_fill(arena, subtable, table, mask, index)
    row = table * TABLE_WORDS
    prune = flows.tables[row + T_PRUNE]
    if prune != 0 and not prune_add_subtable(arena, prune, subtable):
        subtable_free(arena, subtable)
        return 0
    if not list_add(arena, flows.tables, row + T_SUBTABLES, subtable):
        if prune != 0:
            prune_remove_subtable(arena, prune, subtable)
        subtable_free(arena, subtable)
        return 0
    if flows.tables[row + T_PRUNE] == 0 and arena[flows.tables[row + T_SUBTABLES]] > PRUNE_THRESHOLD:
        prune_build(flows, table)
    return subtable


@kernel
def subtable_free(arena: Words, subtable: int) -> None:
    """Give back a subtable that is in no list."""
    arena_give(arena, arena[subtable + S_INDEX] >> 6)
    arena_give(arena, subtable)


@kernel
def prune_build(flows: Flows, table: int) -> None:
    """Give the table a prune index of all it holds; without memory for it, lookups stay linear."""
    arena = flows.arena
    row = table * TABLE_WORDS
    prune = prune_make(arena)
    if prune == 0:
        return
    subtables = flows.tables[row + T_SUBTABLES]
    for i in range(arena[subtables]):
        prune_add_subtable(arena, prune, arena[subtables + 1 + i])
    flow = flows.tables[row + T_FIRST]
    while flow:
        cold = cold_of(flows, flow)
        prune_add_flow(arena, prune, arena[cold + C_SUBTABLE], flow)
        flow = arena[cold + C_NEXT]
    store_release(flows.tables, row + T_PRUNE, prune)


@kernel
def subtable_drop(flows: Flows, table: int, subtable: int) -> None:
    """Take an empty subtable away, and with the last one the list and the prune index: the next flow starts anew."""
    arena, row = flows.arena, table * TABLE_WORDS
    prune, listed = flows.tables[row + T_PRUNE], flows.tables[row + T_SUBTABLES]
    if prune != 0:
        prune_remove_subtable(arena, prune, subtable)
    list_remove(arena, listed, subtable)
    subtable_free(arena, subtable)
    if arena[listed] != 0:
        return
    store_release(flows.tables, row + T_SUBTABLES, 0)
    arena_give(arena, listed)
    if prune != 0:
        store_release(flows.tables, row + T_PRUNE, 0)
        prune_free(arena, prune)


@kernel
def chain_head(flows: Flows, table: int, subtable: int, flow: int) -> int:
    """Highest-priority flow with the masked key of `flow` (its own block need not be linked), or 0."""
    arena = flows.arena
    packed = arena[subtable + S_INDEX]
    wanted = hash_stored(arena, subtable, flow)
    index, last = packed >> 6, (1 << (packed & 63)) - 1
    slot = wanted & last
    while arena[index + slot] != 0:
        entry = arena[index + slot]
        if entry >> 32 == wanted and entry != INDEX_TOMB and equal_keys(arena, subtable, entry_flow(entry), flow):
            return entry_flow(entry)
        slot = (slot + 1) & last
    return 0


@kernel
def hash_stored(arena: Words, subtable: int, flow: int) -> int:
    """As hash_key, of a flow's own masked words."""
    state = 0
    for i in range(arena[subtable + S_NWORDS]):
        state = mix(state, arena[flow + F_KEY + i])
    return finish(state)


@kernel
def equal_keys(arena: Words, subtable: int, left: int, right: int) -> bool:
    for i in range(F_KEY, F_KEY + arena[subtable + S_NWORDS]):
        if arena[left + i] != arena[right + i]:
            return False
    return True


@kernel
def flow_find(flows: Flows, table: int, subtable: int, flow: int) -> int:
    """The linked flow with the key and the priority of `flow`, or 0."""
    arena = flows.arena
    found = chain_head(flows, table, subtable, flow)
    while found and arena[found + F_PRIORITY] != arena[flow + F_PRIORITY]:
        found = arena[found + F_NEXT]
    return found


@kernel
def flow_link(flows: Flows, table: int, subtable: int, flow: int) -> bool:
    """Make a filled flow visible, in place of one with equal key and priority. False if memory is out.

    The replaced flow is unlinked from readers' view but stays in the table's list: see `flow_forget`.
    """
    arena = flows.arena
    if flows.tables[table * TABLE_WORDS + T_PRUNE] != 0:
        prune_add_flow(arena, flows.tables[table * TABLE_WORDS + T_PRUNE], subtable, flow)
    arena[subtable + S_PRIORITY] = max(arena[subtable + S_PRIORITY], arena[flow + F_PRIORITY])
    head = chain_head(flows, table, subtable, flow)
    entry = entry_of(hash_stored(arena, subtable, flow), flow)
    arena[cold_of(flows, flow) + C_SUBTABLE] = subtable
    if head == 0:
        arena[flow + F_NEXT] = 0
        return index_insert(arena, subtable, entry)
    chain_insert(arena, subtable, head, flow, entry)
    return True


@kernel
def chain_insert(arena: Words, subtable: int, head: int, flow: int, entry: int) -> None:
    priority = arena[flow + F_PRIORITY]
    before, at = 0, head
    while at and arena[at + F_PRIORITY] > priority:
        before, at = at, arena[at + F_NEXT]
    arena[flow + F_NEXT] = arena[at + F_NEXT] if at and arena[at + F_PRIORITY] == priority else at
    if before:
        store_release(arena, before + F_NEXT, flow)
    else:
        slot = index_slot(arena, subtable, entry_of(entry >> 32, head))
        store_release(arena, slot, entry)


@kernel
def flow_unlink(flows: Flows, table: int, flow: int) -> None:
    """Hide a linked flow from readers."""
    arena = flows.arena
    subtable = arena[cold_of(flows, flow) + C_SUBTABLE]
    head = chain_head(flows, table, subtable, flow)
    wanted = hash_stored(arena, subtable, flow)
    if head != flow:
        while arena[head + F_NEXT] != flow:
            head = arena[head + F_NEXT]
        store_release(arena, head + F_NEXT, arena[flow + F_NEXT])
    elif arena[flow + F_NEXT]:
        slot = index_slot(arena, subtable, entry_of(wanted, flow))
        store_release(arena, slot, entry_of(wanted, arena[flow + F_NEXT]))
    else:
        index_delete(arena, subtable, entry_of(wanted, flow))
        if arena[subtable + S_COUNT] == 0:
            subtable_drop(flows, table, subtable)


@kernel
def flow_remember(flows: Flows, table: int, flow: int) -> None:
    """Enter a flow in its table's list and counts."""
    arena = flows.arena
    row = table * TABLE_WORDS
    cold = cold_of(flows, flow)
    first = flows.tables[row + T_FIRST]
    arena[cold + C_NEXT], arena[cold + C_PREV] = first, 0
    if first:
        arena[cold_of(flows, first) + C_PREV] = flow
    flows.tables[row + T_FIRST] = flow
    flows.tables[row + T_COUNT] += 1
    arena[cold + C_TIMED] = 0
    flow_time(flows, table, flow)


@kernel
def flow_time(flows: Flows, table: int, flow: int) -> None:
    """Count a flow that has a timeout, or may get one: by its fin_timeout action a worker writes C_IDLE or C_HARD."""
    arena, cold = flows.arena, cold_of(flows, flow)
    if arena[cold + C_TIMED] == 0 and (arena[cold + C_IDLE] or arena[cold + C_HARD] or shortens(arena, flow)):
        arena[cold + C_TIMED] = 1
        flows.tables[table * TABLE_WORDS + T_TIMED] += 1


@kernel
def shortens(arena: Words, flow: int) -> bool:
    at = arena[flow + F_CODE]
    while op_of(arena[at]) != OP_END:
        if op_of(arena[at]) == OP_FIN_TIMEOUT:
            return True
        at += size_of(arena[at])
    return False


@kernel
def flow_forget(flows: Flows, table: int, flow: int) -> None:
    """Take a flow off its table's list and counts; its block is the caller's to give back."""
    arena = flows.arena
    row = table * TABLE_WORDS
    cold = cold_of(flows, flow)
    after, before = arena[cold + C_NEXT], arena[cold + C_PREV]
    if before:
        arena[cold_of(flows, before) + C_NEXT] = after
    else:
        flows.tables[row + T_FIRST] = after
    if after:
        arena[cold_of(flows, after) + C_PREV] = before
    flows.tables[row + T_COUNT] -= 1
    flows.tables[row + T_TIMED] -= arena[cold + C_TIMED]


@kernel
def flow_free(flows: Flows, flow: int) -> None:
    """Give back all blocks of a flow that is unlinked and forgotten."""
    extra = flows.arena[cold_of(flows, flow) + C_EXTRA]
    if extra:
        arena_give(flows.arena, extra)
    arena_give(flows.arena, flow)
