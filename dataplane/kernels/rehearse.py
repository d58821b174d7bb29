"""A packet's walk without consequences, for `triplane trace`: nothing is counted, sent, learned or metered."""

from __future__ import annotations

from triplane.dataplane.kernels.act import change
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.execute import NEXT_DROPPED
from triplane.dataplane.kernels.extra import change_field, changes_field, push_value
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.inject import bring
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.matching import find
from triplane.dataplane.kernels.node import (
    N_ARENA,
    N_ARENA_WORDS,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    W_BATCH,
    W_GOTO,
    W_KEY,
    W_STALE,
)
from triplane.dataplane.kernels.outputs import OFPP_IN_PORT
from triplane.dataplane.kernels.packet import ADDR, IN_PORT, METADATA, PACKET_WORDS, TABLE
from triplane.dataplane.kernels.parse import parse
from triplane.dataplane.kernels.pool import Bytes, Words, give_one
from triplane.dataplane.kernels.program import (
    NEXT_END,
    OP_BRANCH,
    OP_END,
    OP_EXTRA,
    OP_GOTO,
    OP_METADATA,
    OP_PUSH_VALUE,
    OP_RESUBMIT,
    OP_SET_FIELD,
    OP_WRITE,
    arg_of,
    op_of,
    size_of,
)
from triplane.dataplane.kernels.rewrite import DONE, EXPIRED

NEXT_EXIT = -3


@kernel
def rehearse_start(node: Words, w: Words, data: Bytes, length: int, in_port: int) -> bool:
    """Bring a packet in; False if no frame is free or it is too short to be parsed. End with `rehearse_end`."""
    row = view_words(address_of(w, W_BATCH), PACKET_WORDS)
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    if not bring(node, row, data, length, in_port):
        return False
    if parse(view_bytes(node[N_MEM], node[N_MEM_BYTES]), row, key) == 0:
        return True
    rehearse_end(node, w)
    return False


@kernel
def rehearse_end(node: Words, w: Words) -> None:
    give_one(view_words(node[N_POOL], node[N_POOL_WORDS]), view_words(address_of(w, W_BATCH), PACKET_WORDS)[ADDR])


@kernel
def rehearse_lookup(node: Words, w: Words, table: int, in_port: int) -> int:
    """The flow that the packet meets in a table, or 0; with OFPP_IN_PORT its own port is looked up, else in_port."""
    row = view_words(address_of(w, W_BATCH), PACKET_WORDS)
    own = row[IN_PORT]
    if in_port != OFPP_IN_PORT:
        row[IN_PORT] = in_port
    parse(view_bytes(node[N_MEM], node[N_MEM_BYTES]), row, view_words(address_of(w, W_KEY), KEY_WORDS))
    w[W_STALE] = 0
    flow = find(node, w, row, table)
    row[IN_PORT] = own
    row[TABLE] = table if flow else row[TABLE]
    return flow


@kernel
def rehearse_program(node: Words, w: Words, at: int) -> int:
    """Do to the packet what the program does to it, up to its end or a resubmit.

    Returns NEXT_END (w[W_GOTO] is the next table), NEXT_DROPPED (TTL), NEXT_EXIT, or where the resubmit stands.
    """
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    row = view_words(address_of(w, W_BATCH), PACKET_WORDS)
    while op_of(arena[at]) != OP_END:
        op = op_of(arena[at])
        if op == OP_RESUBMIT:
            return at
        if op == OP_WRITE:
            at += size_of(arena[at])
        elif op == OP_BRANCH:
            if arg_of(arena[at]) == 0:
                return NEXT_EXIT
            at += arg_of(arena[at])
        elif op == OP_GOTO:
            w[W_GOTO] = arg_of(arena[at])
        elif op == OP_METADATA:
            row[METADATA] = (row[METADATA] & ~arena[at + 2]) | (arena[at + 1] & arena[at + 2])
        elif op >= OP_SET_FIELD and rehearse_action(node, w, row, arena, at) == EXPIRED:
            return NEXT_DROPPED
        at += size_of(arena[at])
    return NEXT_END


@kernel
def rehearse_action(node: Words, w: Words, row: Words, arena: Words, at: int) -> int:
    """What the action changes of the packet; that it sends or learns is left out."""
    op = op_of(arena[at])
    w[W_STALE] = 1
    if changes_field(op, arg_of(arena[at])):
        return change_field(node, w, row, arena, at)
    if op == OP_PUSH_VALUE:
        push_value(node, w, row, arg_of(arena[at]), arena[at + 1])
    if op >= OP_EXTRA:
        return DONE
    pool = view_words(node[N_POOL], node[N_POOL_WORDS])
    return change(view_bytes(node[N_MEM], node[N_MEM_BYTES]), pool, row, arena, at)
