"""Which flows a request speaks of: by match, cookie, out port, out group (OpenFlow 1.3.5 section 6.4, 7.3.5.2)."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import (
    F_CODE,
    F_KEY,
    F_NEXT,
    F_PRIORITY,
    S_NWORDS,
    S_PAIRS,
    Flows,
    probe,
)
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.flows import C_COOKIE, C_SUBTABLE, C_TABLE, cold_of, subtable_find
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import (
    OP_END,
    OP_GROUP,
    OP_METER,
    OP_METER_ACTION,
    OP_OUTPUT,
    arg_of,
    op_of,
    size_of,
)

# a filter row
Q_COOKIE = 0
Q_COOKIE_MASK = 1
Q_OUT_PORT = 2  # ANY: whatever
Q_OUT_GROUP = 3  # group slot, -1: whatever
Q_METER = 4  # meter slot, -1: whatever
FILTER_WORDS = 8
ANY = 0xFFFFFFFF


@kernel
def pair_at(arena: Words, subtable: int, word: int) -> int:
    """Which of the subtable's pairs is key word `word`, or -1."""
    for i in range(arena[subtable + S_NWORDS]):
        if arena[subtable + S_PAIRS + 2 * i] == word:
            return i
    return -1


@kernel
def covered(arena: Words, subtable: int, flow: int, key: Words, mask: Words) -> bool:
    """Whether the flow's match is as specific as key and mask, or more, and agrees with them."""
    for i in range(KEY_WORDS):
        if mask[i] == 0:
            continue
        pair = pair_at(arena, subtable, i)
        if pair < 0 or arena[subtable + S_PAIRS + 2 * pair + 1] & mask[i] != mask[i]:
            return False
        if arena[flow + F_KEY + pair] & mask[i] != key[i]:
            return False
    return True


@kernel
def overlaps(arena: Words, subtable: int, flow: int, key: Words, mask: Words) -> bool:
    """Whether one packet could match both the flow and key and mask."""
    for i in range(arena[subtable + S_NWORDS]):
        word = arena[subtable + S_PAIRS + 2 * i]
        common = arena[subtable + S_PAIRS + 2 * i + 1] & mask[word]
        if (arena[flow + F_KEY + i] ^ key[word]) & common != 0:
            return False
    return True


@kernel
def has_op(arena: Words, flow: int, op: int, value: int) -> bool:
    """Whether the flow's program has an output to port, a group or a meter of that number or slot."""
    at = arena[flow + F_CODE]
    while op_of(arena[at]) != OP_END:
        head = arena[at]
        if op_of(head) == op and value == (arena[at + 1] if op == OP_OUTPUT else arg_of(head)):
            return True
        at += size_of(head)
    return False


@kernel
def uses_meter(arena: Words, flow: int, slot: int) -> bool:
    """By the instruction, or by an action."""
    return has_op(arena, flow, OP_METER, slot) or has_op(arena, flow, OP_METER_ACTION, slot)


@kernel
def wanted(flows: Flows, flow: int, key: Words, mask: Words, query: Words) -> bool:
    """Whether a non-strict request means this flow."""
    arena = flows.arena
    cold = cold_of(flows, flow)
    if (arena[cold + C_COOKIE] ^ query[Q_COOKIE]) & query[Q_COOKIE_MASK] != 0:
        return False
    if not covered(arena, arena[cold + C_SUBTABLE], flow, key, mask):
        return False
    return sends_to(arena, flow, query)


@kernel
def sends_to(arena: Words, flow: int, query: Words) -> bool:
    if query[Q_OUT_PORT] != ANY and not has_op(arena, flow, OP_OUTPUT, query[Q_OUT_PORT]):
        return False
    if query[Q_METER] >= 0 and not uses_meter(arena, flow, query[Q_METER]):
        return False
    return query[Q_OUT_GROUP] < 0 or has_op(arena, flow, OP_GROUP, query[Q_OUT_GROUP])


@kernel
def find_strict(flows: Flows, table: int, key: Words, mask: Words, priority: int) -> int:
    """The flow of exactly this match and priority, or 0."""
    subtable = subtable_find(flows, table, mask)
    if subtable == 0:
        return 0
    flow = probe(flows.arena, subtable, key)
    while flow and flows.arena[flow + F_PRIORITY] != priority:
        flow = flows.arena[flow + F_NEXT]
    return flow


@kernel
def table_of(flows: Flows, flow: int) -> int:
    return flows.arena[cold_of(flows, flow) + C_TABLE]


@kernel
def cookie_agrees(flows: Flows, flow: int, query: Words) -> bool:
    return (flows.arena[cold_of(flows, flow) + C_COOKIE] ^ query[Q_COOKIE]) & query[Q_COOKIE_MASK] == 0
