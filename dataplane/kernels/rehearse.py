"""A packet's walk without consequences, for `triplane trace`: nothing is counted, sent, learned or metered."""

from __future__ import annotations

from triplane.dataplane.kernels.act import change
from triplane.dataplane.kernels.classify import TABLE_WORDS, TABLES
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.execute import NEXT_DROPPED, NEXT_END
from triplane.dataplane.kernels.fields import K_METADATA, K_PORT, K_TUNNEL, KEY_WORDS
from triplane.dataplane.kernels.inject import bring
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.node import (
    N_ARENA,
    N_ARENA_WORDS,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    N_TABLES,
    W_BATCH,
    W_KEY,
    W_SCRATCH,
)
from triplane.dataplane.kernels.packet import ADDR, IN_PORT, METADATA, PACKET_WORDS, TUNNEL_ID
from triplane.dataplane.kernels.parse import parse
from triplane.dataplane.kernels.pool import Bytes, Words, give_one
from triplane.dataplane.kernels.program import (
    OP_END,
    OP_GOTO,
    OP_METADATA,
    OP_SET_FIELD,
    OP_WRITE,
    arg_of,
    op_of,
    size_of,
)
from triplane.dataplane.kernels.prune import SCRATCH_WORDS, lookup
from triplane.dataplane.kernels.rewrite import EXPIRED


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
def rehearse_lookup(node: Words, w: Words, table: int) -> int:
    """The flow that the packet meets in a table, or 0."""
    row = view_words(address_of(w, W_BATCH), PACKET_WORDS)
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    parse(view_bytes(node[N_MEM], node[N_MEM_BYTES]), row, key)
    key[K_PORT] = row[IN_PORT] << 32 | row[IN_PORT]
    key[K_METADATA], key[K_TUNNEL] = row[METADATA], row[TUNNEL_ID]
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    flow_tables = view_words(node[N_TABLES], TABLES * TABLE_WORDS)
    return lookup(arena, flow_tables, table, key, view_words(address_of(w, W_SCRATCH), SCRATCH_WORDS))


@kernel
def rehearse_program(node: Words, w: Words, at: int) -> int:
    """Do to the packet what the program does to it; the next table, NEXT_END or NEXT_DROPPED (TTL)."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    row = view_words(address_of(w, W_BATCH), PACKET_WORDS)
    pool = view_words(node[N_POOL], node[N_POOL_WORDS])
    mem = view_bytes(node[N_MEM], node[N_MEM_BYTES])
    following = NEXT_END
    while op_of(arena[at]) != OP_END:
        op = op_of(arena[at])
        if op == OP_WRITE:
            at += size_of(arena[at])
        elif op == OP_GOTO:
            following = arg_of(arena[at])
        elif op == OP_METADATA:
            row[METADATA] = (row[METADATA] & ~arena[at + 2]) | (arena[at + 1] & arena[at + 2])
        elif op >= OP_SET_FIELD and change(mem, pool, row, arena, at) == EXPIRED:
            return NEXT_DROPPED
        at += size_of(arena[at])
    return following
