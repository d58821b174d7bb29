"""Nicira's actions on a packet, but for resubmit and exit, which lead elsewhere (`resubmit`, `execute`), and learn."""

from __future__ import annotations

from triplane.dataplane.kernels.checksum import complete
from triplane.dataplane.kernels.classify import COUNTER_WORDS, F_COUNTERS
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.emit import drop, emit
from triplane.dataplane.kernels.ethertypes import PROTO_TCP
from triplane.dataplane.kernels.fields import K_L4, KEY_WORDS
from triplane.dataplane.kernels.flows import C_HARD, C_IDLE
from triplane.dataplane.kernels.learn import learn
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.measure import measure
from triplane.dataplane.kernels.multipath import choose_live, choose_path
from triplane.dataplane.kernels.node import (
    DROP_HEADROOM,
    DROP_IN_PORT,
    DROP_NO_FRAME,
    DROP_NO_PORT,
    N_ARENA,
    N_ARENA_WORDS,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    N_WORKERS,
    VALUES,
    W_COPY,
    W_DROPS,
    W_FLOW,
    W_KEY,
    W_VALUES,
)
from triplane.dataplane.kernels.outputs import OFPP_IN_PORT, output, push_clone, refresh, sent, settle, slot_of
from triplane.dataplane.kernels.oxm import wide_port
from triplane.dataplane.kernels.packet import (
    CSUM,
    CSUM_NONE,
    GSO_NONE,
    GSO_TYPE,
    IN_PORT,
    LENGTH,
    PACKET_WORDS,
    PROTO,
    REGS,
)
from triplane.dataplane.kernels.pause import tell
from triplane.dataplane.kernels.police import punt_packet
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import (
    OP_BUNDLE,
    OP_CLONE,
    OP_CONTROLLER,
    OP_FIN_TIMEOUT,
    OP_LEARN,
    OP_LOAD,
    OP_METER_ACTION,
    OP_MOVE,
    OP_MULTIPATH,
    OP_OUTPUT_REG,
    OP_OUTPUT_TRUNC,
    OP_POP_VALUE,
    OP_PUSH_VALUE,
    arg_of,
    op_of,
    size_of,
    source_bit,
    span_bits,
    target_bit,
)
from triplane.dataplane.kernels.registers import VALUE_ONE, values_of
from triplane.dataplane.kernels.rewrite import NO_ROOM, copy_frame
from triplane.dataplane.kernels.subfields import copy_bits, read_bits, write_bits, write_masked

TCP_FIN, TCP_RST = 0x01, 0x04
NO_FIELD = 0xFF  # in place of a bundle's target: it outputs
MOST_PORT = 0xFFFF  # a field may name a port of 16 bits, as in OpenFlow 1.0


@kernel
def extra(node: Words, w: Words, row: Words, arena: Words, at: int) -> bool:
    """Do the action at arena[at], one from OP_EXTRA on; False if the packet was dropped."""
    op = op_of(arena[at])
    if changes_field(op, arg_of(arena[at])):
        if change_field(node, w, row, arena, at) == NO_ROOM:
            drop(node, w, row, DROP_HEADROOM)
            return False
    elif op == OP_PUSH_VALUE:
        push_value(node, w, row, arg_of(arena[at]), arena[at + 1])
    elif op == OP_FIN_TIMEOUT:
        fin_timeout(node, w, row, arg_of(arena[at]))
    elif op == OP_METER_ACTION:
        return measure(node, w, row, arg_of(arena[at]))
    elif op >= OP_LEARN:
        learn(node, w, row, arena, at)
    elif op == OP_CLONE:
        push_clone(node, w, row, at + size_of(arena[at]) + 1)
    elif op == OP_CONTROLLER and size_of(arena[at]) > 2:
        return tell(node, w, row, arena, at)
    else:
        send_extra(node, w, row, arena, at)
    return True


@kernel
def changes_field(op: int, arg: int) -> bool:
    """Whether the operation is one that `change_field` does."""
    if op == OP_LOAD or op == OP_MOVE or op == OP_POP_VALUE or op == OP_MULTIPATH:
        return True
    return op == OP_BUNDLE and arg != NO_FIELD


@kernel
def change_field(node: Words, w: Words, row: Words, arena: Words, at: int) -> int:
    """The actions that write a field; DONE, ABSENT or NO_ROOM."""
    op, arg = op_of(arena[at]), arg_of(arena[at])
    if op == OP_LOAD:
        return write_masked(node, w, row, arg, arena[at + 1], arena[at + 2], arena[at + 3], arena[at + 4])
    span = arena[at + 1]
    if op == OP_MOVE:
        target = arg >> 8
        return copy_bits(node, w, row, arg & 0xFF, source_bit(span), target, target_bit(span), span_bits(span))
    if op == OP_POP_VALUE:
        return pop_value(node, w, row, arg, span)
    refresh(node, w, row)
    if op == OP_MULTIPATH:
        chosen = choose_path(view_words(address_of(w, W_KEY), KEY_WORDS), row, arena, at)
    else:
        chosen = choose_live(node, w, row, arena, at)
    return write_bits(node, w, row, arg, target_bit(span), span_bits(span), 0, chosen)


@kernel
def push_value(node: Words, w: Words, row: Words, field: int, span: int) -> None:
    """Nicira's push; a stack that is full stays as it is."""
    depth = values_of(row)
    if depth < VALUES:
        high, low = read_bits(node, w, row, field, source_bit(span), span_bits(span))
        w[W_VALUES + 2 * depth], w[W_VALUES + 2 * depth + 1] = high, low
        row[REGS] += VALUE_ONE


@kernel
def pop_value(node: Words, w: Words, row: Words, field: int, span: int) -> int:
    """Nicira's pop; from an empty stack nothing is written. As write_field."""
    depth = values_of(row) - 1
    if depth < 0:
        return 0
    row[REGS] -= VALUE_ONE
    high, low = w[W_VALUES + 2 * depth], w[W_VALUES + 2 * depth + 1]
    return write_bits(node, w, row, field, target_bit(span), span_bits(span), high, low)


@kernel
def send_extra(node: Words, w: Words, row: Words, arena: Words, at: int) -> None:
    """The actions that send the packet."""
    op, arg = op_of(arena[at]), arg_of(arena[at])
    if op == OP_OUTPUT_TRUNC:
        output_trunc(node, w, row, arg, arena[at + 1])
    elif op == OP_CONTROLLER:
        punt_packet(node, w, row, arena[at + 1], arg)
        sent(row)
    elif op == OP_BUNDLE:
        refresh(node, w, row)
        output(node, w, row, wide_port(choose_live(node, w, row, arena, at)), 0)
    elif op == OP_OUTPUT_REG:
        span = arena[at + 1]
        _, port = read_bits(node, w, row, arg & 0xFF, source_bit(span), span_bits(span))
        if 0 <= port <= MOST_PORT:
            output(node, w, row, wide_port(port), arg >> 8)
        else:
            w[W_DROPS + DROP_NO_PORT] += 1


@kernel
def output_trunc(node: Words, w: Words, row: Words, port: int, most: int) -> None:
    """Send at most `most` bytes of the packet by a port; only a port of the switch, and OFPP_IN_PORT, can be named."""
    settle(node, w, row)
    slot = slot_of(row[IN_PORT] if port == OFPP_IN_PORT else port)
    sent(row)
    if slot < 0 or port == row[IN_PORT]:
        w[W_DROPS + (DROP_IN_PORT if slot >= 0 else DROP_NO_PORT)] += 1
        return
    copy = view_words(address_of(w, W_COPY), PACKET_WORDS)
    mem, pool = view_bytes(node[N_MEM], node[N_MEM_BYTES]), view_words(node[N_POOL], node[N_POOL_WORDS])
    if copy_frame(mem, pool, row, copy):
        w[W_DROPS + DROP_NO_FRAME] += 1
        return
    if copy[LENGTH] > most:
        complete(mem, copy)
        copy[LENGTH], copy[GSO_TYPE], copy[CSUM] = most, GSO_NONE, CSUM_NONE
    emit(node, w, copy, slot)


@kernel
def fin_timeout(node: Words, w: Words, row: Words, timeouts: int) -> None:
    """A TCP packet that ends a connection shortens the timeouts of the flow that it met."""
    flow = w[W_FLOW]
    refresh(node, w, row)
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    if flow == 0 or row[PROTO] != PROTO_TCP or key[K_L4] >> 16 & (TCP_FIN | TCP_RST) == 0:
        return
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    cold = arena[flow + F_COUNTERS] + node[N_WORKERS] * COUNTER_WORDS
    shorten(arena, cold + C_IDLE, timeouts & 0xFFFF)
    shorten(arena, cold + C_HARD, timeouts >> 16)


@kernel
def shorten(arena: Words, at: int, seconds: int) -> None:
    if seconds and (arena[at] == 0 or arena[at] > seconds):
        arena[at] = seconds
