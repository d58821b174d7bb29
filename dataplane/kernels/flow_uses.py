"""How many flows use each group and each meter: the ref_count and flow_count of statistics."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import F_CODE, T_FIRST, TABLE_WORDS, TABLES, Flows
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.flows import C_NEXT, cold_of
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_END, OP_GROUP, OP_METER, OP_METER_ACTION, arg_of, op_of, size_of


@kernel
def is_first(arena: Words, start: int, at: int) -> bool:
    """Does nothing before `at` in the program at `start` say the same?"""
    while start < at:
        if arena[start] == arena[at]:
            return False
        start += size_of(arena[start])
    return True


@kernel
def is_first_meter(arena: Words, start: int, at: int) -> bool:
    """The same, of a meter that is told by an instruction or by actions."""
    while start < at:
        op = op_of(arena[start])
        if (op == OP_METER or op == OP_METER_ACTION) and arg_of(arena[start]) == arg_of(arena[at]):
            return False
        start += size_of(arena[start])
    return True


@kernel
def count_program(arena: Words, start: int, groups: Words, meters: Words) -> None:
    at = start
    while op_of(arena[at]) != OP_END:
        head = arena[at]
        if op_of(head) == OP_GROUP and is_first(arena, start, at):
            groups[arg_of(head)] += 1
        elif (op_of(head) == OP_METER or op_of(head) == OP_METER_ACTION) and is_first_meter(arena, start, at):
            meters[arg_of(head)] += 1
        at += size_of(head)


@kernel
def count_uses(flows: Flows, groups: Words, meters: Words) -> None:
    """Fill groups[slot] and meters[slot] with the number of flows that use each; one pass over all flows."""
    groups[:] = 0
    meters[:] = 0
    for table in range(TABLES):
        flow = flows.tables[table * TABLE_WORDS + T_FIRST]
        while flow:
            count_program(flows.arena, flows.arena[flow + F_CODE], groups, meters)
            flow = flows.arena[cold_of(flows, flow) + C_NEXT]
