"""One instruction or action of a program, on one packet."""

from __future__ import annotations

from triplane.dataplane.kernels.act import change
from triplane.dataplane.kernels.compiler import inlined
from triplane.dataplane.kernels.emit import drop
from triplane.dataplane.kernels.extra import extra
from triplane.dataplane.kernels.machine import view_bytes, view_words
from triplane.dataplane.kernels.node import (
    DROP_HEADROOM,
    DROP_TTL,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    W_ACTION_SET,
    W_ACTIONS,
    W_STALE,
)
from triplane.dataplane.kernels.outputs import output, push_group, settle
from triplane.dataplane.kernels.packet import QUEUE
from triplane.dataplane.kernels.police import punt_packet
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_EXTRA, OP_GROUP, OP_OUTPUT, OP_SET_QUEUE, arg_of, op_of
from triplane.dataplane.kernels.punts import CONTROLLER_SHIFT, OFPR_INVALID_TTL
from triplane.dataplane.kernels.rewrite import EXPIRED, NO_ROOM


@inlined
def write(w: Words, slot: int, at: int) -> None:
    """Write-actions: the action at `at` takes its slot in the action set."""
    w[W_ACTIONS] |= 1 << slot
    w[W_ACTION_SET + slot] = at


@inlined
def act(node: Words, w: Words, row: Words, arena: Words, at: int) -> bool:
    """Do one action; False if the packet was dropped."""
    head = arena[at]
    op = op_of(head)
    if op == OP_OUTPUT:
        output(node, w, row, arena[at + 1], arg_of(head))
    elif op == OP_GROUP:
        push_group(node, w, row, arg_of(head), False)
    elif op == OP_SET_QUEUE:
        settle(node, w, row)
        row[QUEUE] = arena[at + 1]
    elif op >= OP_EXTRA:
        return extra(node, w, row, arena, at)
    else:
        return modify(node, w, row, arena, at)
    return True


@inlined
def modify(node: Words, w: Words, row: Words, arena: Words, at: int) -> bool:
    """An action that changes the frame; one with an invalid TTL goes to the controller instead of on."""
    settle(node, w, row)
    mem = view_bytes(node[N_MEM], node[N_MEM_BYTES])
    w[W_STALE] = 1
    result = change(mem, view_words(node[N_POOL], node[N_POOL_WORDS]), row, arena, at)
    if result == EXPIRED:
        punt_packet(node, w, row, OFPR_INVALID_TTL | arg_of(arena[at]) << CONTROLLER_SHIFT, -1)
        drop(node, w, row, DROP_TTL)
    elif result == NO_ROOM:
        drop(node, w, row, DROP_HEADROOM)
    return result < EXPIRED
