from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.kernels.arena import make_arena
from triplane.dataplane.kernels.classify import F_CODE, F_COUNTERS, T_FIRST, TABLE_WORDS, TABLES, Flows
from triplane.dataplane.kernels.flow_uses import count_uses
from triplane.dataplane.kernels.flows import C_NEXT, cold_of
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import (
    OP_END,
    OP_GOTO,
    OP_GROUP,
    OP_METER,
    OP_OUTPUT,
    OP_SET_FIELD,
    OP_WRITE,
    SLOT_GROUP,
    head_of,
)

SLOTS = 4
FLOW_ROOM = 64  # words of a flow made by hand, its program in the second half
slots = st.integers(0, SLOTS - 1)
flows = st.tuples(st.integers(0, TABLES - 1), st.none() | slots, st.lists(slots, max_size=3), st.none() | slots)


def program(meter: int | None, applied: list[int], written: int | None) -> list[int]:
    """As the decoder writes it; between them are numbers that look like operations."""
    words = [] if meter is None else [head_of(OP_METER, 1, meter)]
    words += [head_of(OP_SET_FIELD, 3, 1), head_of(OP_GROUP, 1, 0), head_of(OP_METER, 1, 0)]
    for group in applied:
        words += [head_of(OP_GROUP, 1, group), head_of(OP_OUTPUT, 2, 0), 3]
    if written is not None:
        words += [head_of(OP_WRITE, 1, SLOT_GROUP), head_of(OP_GROUP, 1, written)]
    return [*words, head_of(OP_GOTO, 1, 7), head_of(OP_END, 1, 0)]


def link(tables: Flows, flow: int, table: int, code: list[int]) -> None:
    """Put a flow at the head of its table's list."""
    tables.arena[flow + F_CODE] = flow + FLOW_ROOM // 2
    tables.arena[flow + FLOW_ROOM // 2 : flow + FLOW_ROOM // 2 + len(code)] = code
    first: Words = tables.tables[table * TABLE_WORDS + T_FIRST :]
    tables.arena[cold_of(tables, flow) + C_NEXT] = first[0]
    first[0] = flow


@given(st.lists(flows, max_size=8))
def test_each_flow_counts_once_for_each_group_and_meter(
    chosen: list[tuple[int, int | None, list[int], int | None]],
) -> None:
    tables = Flows(make_arena(1 << 14), np.zeros(TABLES * TABLE_WORDS, np.int64), np.ones(1, np.int64))
    for number, (table, *rest) in enumerate(chosen):
        flow = 1024 + number * 2 * FLOW_ROOM
        tables.arena[flow + F_COUNTERS] = flow + 8
        link(tables, flow, table, program(*rest))
    found = np.full(SLOTS, 9, np.int64), np.full(SLOTS, 9, np.int64)
    count_uses(tables, *found)
    used = [{*applied, written} for _, _, applied, written in chosen]
    assert found[0].tolist() == [sum(group in one for one in used) for group in range(SLOTS)]
    assert found[1].tolist() == [sum(meter == one for _, one, _, _ in chosen) for meter in range(SLOTS)]
