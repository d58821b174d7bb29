"""Nicira's resubmit: look the packet up in a table now, do what the flow there says, and come back.

What the resubmitted flows say may resubmit in turn, and their goto-table is done before coming back; so this is a
walk of its own with a stack of calls, W_CALLS. As in Open vSwitch a packet may be resubmitted RESUBMITS times, and
DEEPEST deep where a resubmit that leads to a later table does not count; one that goes beyond is dropped.
Action set, registers and changes to the packet stay after coming back; the table, and the flow whose cookie a
packet-in tells, are again those of the caller.
"""

from __future__ import annotations

from triplane.dataplane.kernels.classify import F_CODE
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.emit import drop
from triplane.dataplane.kernels.machine import view_words
from triplane.dataplane.kernels.matching import match_again
from triplane.dataplane.kernels.measure import measure
from triplane.dataplane.kernels.node import (
    CALL_AT,
    CALL_DEEP,
    CALL_FLOW,
    CALL_GOTO,
    CALL_TABLE,
    CALL_WORDS,
    DROP_RESUBMIT,
    N_ARENA,
    N_ARENA_WORDS,
    RESUBMITS,
    W_ACTIONS,
    W_CALL_DEPTH,
    W_CALLS,
    W_DEEP,
    W_FLOW,
    W_GOTO,
)
from triplane.dataplane.kernels.outputs import OFPP_IN_PORT, settle
from triplane.dataplane.kernels.packet import IN_PORT, METADATA, REGS, TABLE
from triplane.dataplane.kernels.perform import act, write
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import (
    NEXT_END,
    OP_BRANCH,
    OP_CLEAR,
    OP_END,
    OP_GOTO,
    OP_METADATA,
    OP_METER,
    OP_OUTPUT,
    OP_RESUBMIT,
    OP_WRITE,
    arg_of,
    op_of,
    size_of,
)
from triplane.dataplane.kernels.registers import RESUBMIT_ONE, resubmits_of

DEEPEST = 64
OWN_TABLE = 255  # resubmit to the table that the flow is in

RESUMED, EXITED, DROPPED = 0, 1, 2  # what `resubmit` returns
TOO_MANY = -1  # in place of a program: the packet is to be dropped


@kernel
def resubmit(node: Words, w: Words, row: Words, at: int) -> int:
    """The resubmit at arena[at], to its end: RESUMED, EXITED (an exit action), or DROPPED (the frame is gone)."""
    w[W_CALL_DEPTH], w[W_DEEP], w[W_GOTO] = 0, 0, NEXT_END
    return go_on(node, w, row, call(node, w, row, view_words(node[N_ARENA], node[N_ARENA_WORDS]), at))


@kernel
def go_on(node: Words, w: Words, row: Words, at: int) -> int:
    """The calls that are on W_CALLS, the last of which is at arena[at]; as `resubmit`. None is left."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    while w[W_CALL_DEPTH] > 0 and at > 0:
        op = op_of(arena[at])
        if op == OP_END:
            at = goto_or_return(node, w, row, arena)
        elif op == OP_RESUBMIT:
            at = call(node, w, row, arena, at)
        elif op == OP_BRANCH and arg_of(arena[at]) == 0:
            w[W_CALL_DEPTH] = 0
            return EXITED
        else:
            at = step(node, w, row, arena, at)
    w[W_CALL_DEPTH] = 0
    if at == TOO_MANY:
        settle(node, w, row)
        drop(node, w, row, DROP_RESUBMIT)
    return RESUMED if at > 0 else DROPPED


@kernel
def call(node: Words, w: Words, row: Words, arena: Words, at: int) -> int:
    """Go to a table; the program to go on with there, or behind the resubmit at `at` if nothing matches."""
    table = arg_of(arena[at]) if arg_of(arena[at]) != OWN_TABLE else row[TABLE]
    deep = 1 if table <= row[TABLE] else 0
    if resubmits_of(row) >= RESUBMITS or w[W_DEEP] >= DEEPEST:
        return TOO_MANY
    here = W_CALLS + w[W_CALL_DEPTH] * CALL_WORDS
    w[here + CALL_TABLE], w[here + CALL_FLOW] = row[TABLE], w[W_FLOW]
    own = row[IN_PORT]
    if arena[at + 1] != OFPP_IN_PORT:
        row[IN_PORT] = arena[at + 1]
    flow = enter(node, w, row, table)
    row[IN_PORT] = own
    if flow == 0:
        row[TABLE], w[W_FLOW] = w[here + CALL_TABLE], w[here + CALL_FLOW]
        return at + size_of(arena[at])
    w[here + CALL_AT], w[here + CALL_GOTO], w[here + CALL_DEEP] = at + size_of(arena[at]), w[W_GOTO], deep
    w[W_CALL_DEPTH] += 1
    w[W_DEEP] += deep
    w[W_GOTO] = NEXT_END
    return arena[flow + F_CODE]


@kernel
def enter(node: Words, w: Words, row: Words, table: int) -> int:
    """Count and look up; the flow or 0."""
    row[REGS] += RESUBMIT_ONE
    return match_again(node, w, row, table)


@kernel
def goto_or_return(node: Words, w: Words, row: Words, arena: Words) -> int:
    """The end of a program: on to the table that it named, or back to the caller."""
    table = w[W_GOTO]
    w[W_GOTO] = NEXT_END
    if table != NEXT_END:
        if resubmits_of(row) >= RESUBMITS:
            return TOO_MANY
        flow = enter(node, w, row, table)
        if flow:
            return arena[flow + F_CODE]
    w[W_CALL_DEPTH] -= 1
    here = W_CALLS + w[W_CALL_DEPTH] * CALL_WORDS
    row[TABLE], w[W_FLOW], w[W_GOTO] = w[here + CALL_TABLE], w[here + CALL_FLOW], w[here + CALL_GOTO]
    w[W_DEEP] -= w[here + CALL_DEEP]
    return w[here + CALL_AT]


@kernel
def step(node: Words, w: Words, row: Words, arena: Words, at: int) -> int:
    """One operation other than those that lead elsewhere; where to go on, or 0 if the packet was dropped."""
    head = arena[at]
    op = op_of(head)
    if op >= OP_OUTPUT:
        if not act(node, w, row, arena, at):
            return 0
    elif op == OP_GOTO:
        w[W_GOTO] = arg_of(head)
    elif op == OP_WRITE:
        at += size_of(head)
        write(w, arg_of(head), at)
    elif op == OP_METADATA:
        row[METADATA] = (row[METADATA] & ~arena[at + 2]) | (arena[at + 1] & arena[at + 2])
    elif op == OP_CLEAR:
        w[W_ACTIONS] = 0
    elif op == OP_BRANCH:
        at += arg_of(head)
    elif op == OP_METER and not measure(node, w, row, arg_of(head)):
        return 0
    return at + size_of(arena[at])
