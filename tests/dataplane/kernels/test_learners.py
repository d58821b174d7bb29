"""Learn actions that own what they make, found in programs that were written by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.dataplane.kernels.test_flow_uses import FLOW_ROOM, link
from triplane.dataplane.kernels.arena import make_arena
from triplane.dataplane.kernels.classify import F_COUNTERS, TABLE_WORDS, TABLES, Flows
from triplane.dataplane.kernels.flow_log import ADDED, CHANGED, LOG_COUNT, LOG_HEAD, LOG_ROW, REMOVED
from triplane.dataplane.kernels.learners import ANY_TABLE, any_learner, calm, has_learner, next_learner, stir
from triplane.dataplane.kernels.limits import LEARNERS_STIRRED, LEARNERS_WATCHED, LIMIT_LEARNERS, make_limits
from triplane.dataplane.kernels.program import OP_END, OP_LEARN, OP_LEARN_END, OP_OUTPUT, head_of

Learn = tuple[int, int, int]  # table, cookie, flags
learns = st.tuples(st.sampled_from([0, 1, 253]), st.sampled_from([0, 5, -1]), st.integers(0, 3))
programs = st.lists(learns, max_size=3)
PAIRS = [(table, cookie) for table in (0, 1, 253) for cookie in (0, 5, -1)]


def program(listed: list[Learn]) -> list[int]:
    """Between them are numbers that look like learn actions."""
    words = [head_of(OP_OUTPUT, 2, 0), head_of(OP_LEARN, 4, 9)]
    for table, cookie, flags in listed:
        words += [head_of(OP_LEARN, 4, 77 | table << 16), cookie, 0, flags | 3 << 16, head_of(OP_LEARN_END, 1, 0)]
    return [*words, head_of(OP_END, 1, 0)]


def owners(listed: list[Learn]) -> list[tuple[int, int]]:
    return [(table, cookie) for table, cookie, flags in listed if flags & 2]


@given(programs)
def test_each_in_its_turn(listed: list[Learn]) -> None:
    arena = np.array(program(listed), np.int64)
    found, at = [], int(next_learner(arena, 0))
    while at:
        found.append((int(arena[at]) >> 32, int(arena[at + 1])))
        at = int(next_learner(arena, at + 4))
    assert found == owners(listed)
    for table, cookie in PAIRS:
        assert has_learner(arena, 0, table, cookie) == ((table, cookie) in owners(listed))
    assert has_learner(arena, 0, ANY_TABLE, 0) == bool(owners(listed))


@given(st.lists(st.tuples(st.integers(0, TABLES - 1), programs), max_size=5))
def test_any_of_all_flows(chosen: list[tuple[int, list[Learn]]]) -> None:
    tables = Flows(make_arena(1 << 14), np.zeros(TABLES * TABLE_WORDS, np.int64), np.ones(1, np.int64))
    for number, (table, listed) in enumerate(chosen):
        flow = 1024 + number * 2 * FLOW_ROOM
        tables.arena[flow + F_COUNTERS] = flow + 8
        link(tables, flow, table, program(listed))
    there = [pair for _, listed in chosen for pair in owners(listed)]
    for table, cookie in PAIRS:
        assert any_learner(tables, table, cookie) == ((table, cookie) in there)
    assert any_learner(tables, ANY_TABLE, 0) == bool(there)


@given(
    st.sampled_from([0, LEARNERS_STIRRED, LEARNERS_WATCHED]),
    st.lists(st.tuples(st.sampled_from([ADDED, REMOVED, CHANGED]), st.sampled_from([0, 8])), max_size=4),
    st.integers(0, 4),
)
def test_what_may_have_taken_one_away(state: int, rows: list[tuple[int, int]], since: int) -> None:
    limits, log = make_limits(), np.zeros(LOG_HEAD + 4 * LOG_ROW, np.int64)
    limits[LIMIT_LEARNERS], log[LOG_COUNT] = state, len(rows)
    for number, (kind, other) in enumerate(rows):
        at = LOG_HEAD + number * LOG_ROW
        log[at], log[at + 2] = kind, other
    stir(limits, log, since)
    lost = any(kind != ADDED or other for kind, other in rows[since:])
    assert calm(limits) == (state == 0 or (state == LEARNERS_WATCHED and not lost))
    assert limits[LIMIT_LEARNERS] & LEARNERS_WATCHED == state & LEARNERS_WATCHED
