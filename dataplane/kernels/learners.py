"""Learn actions that own what they make (Nicira's NX_LEARN_F_DELETE_LEARNED): when the last one of a table and a cookie
is gone, so are the flow entries of that table with that cookie (ovs-actions(7)).

While there are any, the log of changes is on (`flow_log`), and a run of flow-mods stops behind one that may have taken
a learn action away: the owner of the tables reads in the log which (`FlowTables`), looks whether others are left, and
goes on with the run.
"""

from __future__ import annotations

from triplane.dataplane.kernels.classify import F_CODE, T_FIRST, TABLE_WORDS, TABLES, Flows
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.flow_log import ADDED, L_KIND, L_OTHER, LOG_COUNT, LOG_HEAD, LOG_ROW
from triplane.dataplane.kernels.flows import C_NEXT, cold_of
from triplane.dataplane.kernels.learn import DELETE_LEARNED, LEARN_COOKIE, LEARN_FLAGS
from triplane.dataplane.kernels.limits import LEARNERS_STIRRED, LEARNERS_WATCHED, LIMIT_LEARNERS
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_END, OP_LEARN, arg_of, op_of, size_of

ANY_TABLE = -1


@kernel
def next_learner(arena: Words, at: int) -> int:
    """Offset of the first such learn action at or behind `at` in a program, or 0."""
    while op_of(arena[at]) != OP_END:
        if op_of(arena[at]) == OP_LEARN and arena[at + LEARN_FLAGS] & DELETE_LEARNED:
            return at
        at += size_of(arena[at])
    return 0


@kernel
def has_learner(arena: Words, at: int, table: int, cookie: int) -> bool:
    """Has the program one of this table and cookie, or, of ANY_TABLE, any?"""
    at = next_learner(arena, at)
    while at:
        if table == ANY_TABLE or (arg_of(arena[at]) >> 16 == table and arena[at + LEARN_COOKIE] == cookie):
            return True
        at = next_learner(arena, at + size_of(arena[at]))
    return False


@kernel
def any_learner(flows: Flows, table: int, cookie: int) -> bool:
    """As has_learner, of all flow entries."""
    for each in range(TABLES):
        flow = flows.tables[each * TABLE_WORDS + T_FIRST]
        while flow:
            if has_learner(flows.arena, flows.arena[flow + F_CODE], table, cookie):
                return True
            flow = flows.arena[cold_of(flows, flow) + C_NEXT]
    return False


@kernel
def calm(limits: Words) -> bool:
    return limits[LIMIT_LEARNERS] & LEARNERS_STIRRED == 0


@kernel
def stir(limits: Words, log: Words, rows: int) -> None:
    """Note, while learn actions are watched, that of the log's rows from `rows` on one may have taken some away."""
    if limits[LIMIT_LEARNERS] & LEARNERS_WATCHED == 0:
        return
    for i in range(rows, log[LOG_COUNT]):
        at = LOG_HEAD + i * LOG_ROW
        if log[at + L_KIND] != ADDED or log[at + L_OTHER]:
            limits[LIMIT_LEARNERS] |= LEARNERS_STIRRED
