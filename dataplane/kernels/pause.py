"""Packet-ins that carry more than their packet: an action's userdata, and what it takes to go on with a paused packet.

W_MORE, and the record of a punt ring behind the frame, hold: bytes of userdata, words of state (0: not paused), the
userdata, the state. That is the packet's row, its action set and its stack, and the rest of each program under way.
Programs name groups and meters by slot: N_REUSED says whether a slot may since have become another's. The flow entry
may be gone by then, so that a packet that goes on has none.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import address_of, load_acquire, view_words
from triplane.dataplane.kernels.node import (
    CALL_AT,
    CALL_DEEP,
    CALL_FLOW,
    CALL_GOTO,
    CALL_TABLE,
    CALL_WORDS,
    DROP_PUNT,
    MORE_WORDS,
    N_POOL,
    N_POOL_WORDS,
    N_REUSED,
    VALUES,
    W_ACTION_SET,
    W_ACTIONS,
    W_CALL_DEPTH,
    W_CALLS,
    W_DEEP,
    W_DROPS,
    W_GOTO,
    W_MORE,
    W_VALUES,
)
from triplane.dataplane.kernels.outputs import sent, settle
from triplane.dataplane.kernels.packet import ADDR, HASH, IN_PORT, PACKET_WORDS, PORT
from triplane.dataplane.kernels.police import punt_along
from triplane.dataplane.kernels.pool import Words, give_one
from triplane.dataplane.kernels.program import NEXT_END, OP_END, SLOTS, arg_of, op_of, pauses, size_of, userdata_of
from triplane.dataplane.kernels.registers import values_of

M_USERDATA = 0  # bytes
M_STATE = 1  # words
M_HEAD = 2

S_REUSED = 0
S_ROW = 1
S_ACTIONS = S_ROW + PACKET_WORDS  # bits of the action set
S_CALLS = S_ACTIONS + 1  # callers: a table, whether it counts as deep, and the rest of the program, each
S_HEAD = S_CALLS + 1  # the packet's stack, the callers, the program itself, the actions of the set follow
NO_ROOM = -1


@kernel
def tell(node: Words, w: Words, row: Words, arena: Words, at: int) -> bool:
    """The long OP_CONTROLLER at arena[at]; False if the packet stops there, or was dropped."""
    more = view_words(address_of(w, W_MORE), MORE_WORDS)
    octets = userdata_of(arena, at)
    end = M_HEAD + (octets + 7 >> 3)
    more[M_USERDATA], more[M_STATE] = octets, 0
    for i in range(end - M_HEAD):
        more[M_HEAD + i] = arena[at + 3 + i]
    if not pauses(arena, at):
        punt_along(node, w, row, arena[at + 1], arg_of(arena[at]), end)
        sent(row)
        return True
    settle(node, w, row)
    sent(row)
    saved = save(node, w, row, arena, at + size_of(arena[at]), more, end)
    if saved == NO_ROOM:
        w[W_DROPS + DROP_PUNT] += 1
    else:
        more[M_STATE] = saved - end
        punt_along(node, w, row, arena[at + 1], arg_of(arena[at]), saved)
    give_one(view_words(node[N_POOL], node[N_POOL_WORDS]), row[ADDR])
    return False


# --- to words


@kernel
def save(node: Words, w: Words, row: Words, arena: Words, at: int, more: Words, to: int) -> int:
    """Write the state of a packet whose program goes on at arena[at]; the end, or NO_ROOM."""
    values = 2 * values_of(row)
    if to + S_HEAD + values > MORE_WORDS:
        return NO_ROOM
    more[to + S_REUSED] = load_acquire(node, N_REUSED)
    for i in range(PACKET_WORDS):
        more[to + S_ROW + i] = row[i]
    more[to + S_ACTIONS], more[to + S_CALLS] = w[W_ACTIONS], w[W_CALL_DEPTH]
    to += S_HEAD
    for i in range(values):
        more[to + i] = w[W_VALUES + i]
    to = save_programs(w, arena, at, more, to + values)
    return save_set(w, arena, more, to) if to != NO_ROOM else NO_ROOM


@kernel
def save_programs(w: Words, arena: Words, at: int, more: Words, to: int) -> int:
    """What is left of the callers' programs, the first one first, and of the one at `at`."""
    for i in range(w[W_CALL_DEPTH]):
        if to == NO_ROOM or to + 2 > MORE_WORDS:
            return NO_ROOM
        here = W_CALLS + i * CALL_WORDS
        more[to], more[to + 1] = w[here + CALL_TABLE], w[here + CALL_DEEP]
        to = save_program(arena, w[here + CALL_AT], more, to + 2)
    return save_program(arena, at, more, to) if to != NO_ROOM else NO_ROOM


@kernel
def save_program(arena: Words, at: int, more: Words, to: int) -> int:
    """A program from arena[at] to its end, behind its length."""
    start, to = to, to + 1
    while op_of(arena[at]) != OP_END:
        size = size_of(arena[at])
        if to + size >= MORE_WORDS:
            return NO_ROOM
        for i in range(size):
            more[to + i] = arena[at + i]
        at, to = at + size, to + size
    if to >= MORE_WORDS:
        return NO_ROOM
    more[start], more[to] = to + 1 - start, OP_END
    return to + 1


@kernel
def save_set(w: Words, arena: Words, more: Words, to: int) -> int:
    """The actions of the action set."""
    for slot in range(SLOTS):
        if w[W_ACTIONS] >> slot & 1:
            at = w[W_ACTION_SET + slot]
            size = size_of(arena[at])
            if to + size > MORE_WORDS:
                return NO_ROOM
            for i in range(size):
                more[to + i] = arena[at + i]
            to += size
    return to


# --- from words, which lie in the arena


@kernel
def restore_row(arena: Words, at: int, row: Words) -> None:
    """All columns of the row but those of a frame that is another now."""
    for i in range(IN_PORT, PACKET_WORDS):
        row[i] = arena[at + S_ROW + i]
    row[PORT], row[HASH] = arena[at + S_ROW + PORT], 0


@kernel
def restore_walk(w: Words, row: Words, arena: Words, at: int) -> int:
    """What the worker has of a packet whose row is restored; where its program goes on."""
    w[W_ACTIONS], w[W_CALL_DEPTH], w[W_DEEP], w[W_GOTO] = arena[at + S_ACTIONS], arena[at + S_CALLS], 0, NEXT_END
    at += S_HEAD
    values = 2 * min(values_of(row), VALUES)
    for i in range(values):
        w[W_VALUES + i] = arena[at + i]
    at = restore_calls(w, arena, at + values)
    restore_set(w, arena, at + arena[at])
    return at + 1


@kernel
def restore_calls(w: Words, arena: Words, at: int) -> int:
    """The callers; returns where the program itself stands."""
    for i in range(w[W_CALL_DEPTH]):
        here = W_CALLS + i * CALL_WORDS
        w[here + CALL_TABLE], w[here + CALL_DEEP], w[here + CALL_AT] = arena[at], arena[at + 1], at + 3
        w[here + CALL_GOTO], w[here + CALL_FLOW] = NEXT_END, 0
        w[W_DEEP] += arena[at + 1]
        at += 2 + arena[at + 2]
    return at


@kernel
def restore_set(w: Words, arena: Words, at: int) -> None:
    for slot in range(SLOTS):
        if w[W_ACTIONS] >> slot & 1:
            w[W_ACTION_SET + slot] = at
            at += size_of(arena[at])
