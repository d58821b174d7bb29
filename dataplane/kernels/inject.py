"""Packets that the control thread puts in: packet-out (OpenFlow 1.3.5 section 7.3.7), and those that were paused."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import copy
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.emit import flush_all
from triplane.dataplane.kernels.execute import NEXT_DROPPED, execute, finish
from triplane.dataplane.kernels.groups_run import drain, end
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.node import (
    CALL_AT,
    N_ARENA,
    N_ARENA_WORDS,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    W_ACTIONS,
    W_BATCH,
    W_CALL_DEPTH,
    W_CALLS,
    W_FLOW,
    W_NOW,
)
from triplane.dataplane.kernels.outputs import GROUP_BARE, slot_of
from triplane.dataplane.kernels.packet import ADDR, GROUP, GSO_TYPE, IN_PORT, LENGTH, PACKET_WORDS, PORT, REASON
from triplane.dataplane.kernels.pause import S_ROW, restore_row, restore_walk
from triplane.dataplane.kernels.pipeline import prepare, walk_further
from triplane.dataplane.kernels.pool import Bytes, Words, take_one
from triplane.dataplane.kernels.program import NEXT_END
from triplane.dataplane.kernels.punts import OFPR_PACKET_OUT
from triplane.dataplane.kernels.resubmit import DROPPED, EXITED, go_on
from triplane.dataplane.kernels.wake import wake_control


@kernel
def write_program(arena: Words, at: int, code: Words, count: int) -> None:
    """Put a program where `inject` can run it."""
    for i in range(count):
        arena[at + i] = code[i]


@kernel
def bring(node: Words, row: Words, data: Bytes, length: int, in_port: int) -> bool:
    """A fresh row around a copy of `data`; False if the pool is empty."""
    addr = take_one(view_words(node[N_POOL], node[N_POOL_WORDS]), length)
    if addr < 0:
        return False
    copy(view_bytes(node[N_MEM], node[N_MEM_BYTES]), addr, data, 0, length)
    for i in range(PACKET_WORDS):
        row[i] = 0
    row[ADDR], row[LENGTH], row[GSO_TYPE] = addr, length, 0
    row[IN_PORT], row[PORT] = in_port, max(slot_of(in_port), 0)
    return True


@kernel
def inject(node: Words, w: Words, data: Bytes, length: int, in_port: int, program: int, now: int) -> bool:
    """Run the program at arena[program] on a copy of data[:length], to its end; False if the pool is empty."""
    w[W_NOW] = now
    row = view_words(address_of(w, W_BATCH), PACKET_WORDS)
    if not bring(node, row, data, length, in_port):
        return False
    w[W_ACTIONS], w[W_FLOW] = 0, 0
    row[REASON] = OFPR_PACKET_OUT
    if prepare(node, w, row) and execute(node, w, row, program) != NEXT_DROPPED:
        finish(node, w, row)
    drain(node, w)
    flush_all(node, w)
    wake_control(w)
    return True


@kernel
def resume(node: Words, w: Words, data: Bytes, length: int, state: int, now: int) -> bool:
    """Go on with a paused packet, by the state at arena[state], on a copy of data[:length]; False if none is free."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    w[W_NOW] = now
    row = view_words(address_of(w, W_BATCH), PACKET_WORDS)
    if not bring(node, row, data, length, arena[state + S_ROW + IN_PORT]):
        return False
    restore_row(arena, state, row)
    w[W_FLOW] = 0
    if prepare(node, w, row):
        run_paused(node, w, row, restore_walk(w, row, arena, state))
    drain(node, w)
    flush_all(node, w)
    wake_control(w)
    return True


@kernel
def run_paused(node: Words, w: Words, row: Words, at: int) -> None:
    """The rest of the programs that were under way, the last first, and what follows them."""
    if w[W_CALL_DEPTH] > 0:
        result = go_on(node, w, row, at)
        if result == DROPPED:
            return
        if result == EXITED:
            follow(node, w, row, NEXT_END)
            return
        at = w[W_CALLS + CALL_AT]
    table = execute(node, w, row, at)
    if table != NEXT_DROPPED:
        follow(node, w, row, table)


@kernel
def follow(node: Words, w: Words, row: Words, table: int) -> None:
    """Further tables and the action set; a bucket's and a packet-out's program are followed by nothing."""
    bare = row[GROUP] > 0 or row[GROUP] == GROUP_BARE or (row[GROUP] == 0 and row[REASON] == OFPR_PACKET_OUT)
    if bare:
        finish(node, w, row)
    elif walk_further(node, w, row, table):
        end(node, w, row)
