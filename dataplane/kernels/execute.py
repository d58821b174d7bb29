"""Programs, executed: one operation after another on one packet.

A frame is copied only when it must be: an output is noted in row[PENDING] and done when the packet's life ends
(then the frame itself goes) or when something else happens to it first (then a copy goes).
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.emit import drop, emit
from triplane.dataplane.kernels.machine import view_words
from triplane.dataplane.kernels.measure import measure
from triplane.dataplane.kernels.node import (
    DROP_NO_ACTION,
    N_ARENA,
    N_ARENA_WORDS,
    N_POOL,
    N_POOL_WORDS,
    W_ACTION_SET,
    W_ACTIONS,
)
from triplane.dataplane.kernels.outputs import FIRST_SLOT, PENDING_NONE, push_group, send
from triplane.dataplane.kernels.packet import ADDR, LEAVES, METADATA, PENDING, REASON
from triplane.dataplane.kernels.perform import act, write
from triplane.dataplane.kernels.pool import Words, give_one
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
    SLOT_GROUP,
    SLOT_OUTPUT,
    arg_of,
    op_of,
    size_of,
)
from triplane.dataplane.kernels.punts import OFPR_ACTION_SET
from triplane.dataplane.kernels.resubmit import DROPPED, RESUMED, resubmit

NEXT_DROPPED = -2


@inlined
def execute(node: Words, w: Words, row: Words, at: int) -> int:
    """Run the program at arena[at:]: the next table, NEXT_END, or NEXT_DROPPED (the frame is gone)."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    following = NEXT_END
    while True:
        head = arena[at]
        op = op_of(head)
        if op == OP_END:
            return following
        if op >= OP_OUTPUT:
            if not act(node, w, row, arena, at):
                return NEXT_DROPPED
        elif op == OP_GOTO:
            following = arg_of(head)
        elif op == OP_WRITE:
            at += size_of(head)
            write(w, arg_of(head), at)
        elif op == OP_METADATA:
            row[METADATA] = (row[METADATA] & ~arena[at + 2]) | (arena[at + 1] & arena[at + 2])
        elif op == OP_CLEAR:
            w[W_ACTIONS] = 0
        elif op == OP_METER:
            if not measure(node, w, row, arg_of(head)):
                return NEXT_DROPPED
        elif op == OP_RESUBMIT:
            result = resubmit(node, w, row, at)
            if result != RESUMED:
                return NEXT_DROPPED if result == DROPPED else NEXT_END
        elif op == OP_BRANCH:
            if arg_of(head) == 0:
                return NEXT_END
            at += arg_of(head)
        at += size_of(arena[at])


@inlined
def finish(node: Words, w: Words, row: Words) -> None:
    """End of a packet's life: what is pending goes out with the frame itself."""
    if row[PENDING] >= FIRST_SLOT:
        emit(node, w, row, row[PENDING] - FIRST_SLOT)
    elif row[PENDING] == PENDING_NONE:
        drop(node, w, row, DROP_NO_ACTION)
    else:
        give_one(view_words(node[N_POOL], node[N_POOL_WORDS]), row[ADDR])


@inlined
def run_changes(node: Words, w: Words, row: Words) -> bool:
    """Do what is in the action set but for group and output; False if the packet was dropped."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    row[REASON] = OFPR_ACTION_SET
    bits = w[W_ACTIONS]
    slot = 0
    while bits >> slot != 0 and slot < SLOT_GROUP:
        if bits >> slot & 1 and not act(node, w, row, arena, w[W_ACTION_SET + slot]):
            return False
        slot += 1
    return True


@kernel
def run_action_set(node: Words, w: Words, row: Words) -> None:
    """Execute the action set in the order of OpenFlow 1.3.5 section 5.10, and end the packet's life."""
    if not run_changes(node, w, row):
        return
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    bits = w[W_ACTIONS]
    if bits >> SLOT_GROUP & 1:
        push_group(node, w, row, arg_of(arena[w[W_ACTION_SET + SLOT_GROUP]]), True)
        return
    if bits >> SLOT_OUTPUT & 1 and not act(node, w, row, arena, w[W_ACTION_SET + SLOT_OUTPUT]):
        return
    finish(node, w, row)


@kernel
def leave(node: Words, w: Words, row: Words) -> None:
    """The end of the egress tables: the action set, which has the output that led to them, and nothing replaces it."""
    if run_changes(node, w, row):
        send(node, w, row, row[LEAVES])
        finish(node, w, row)
