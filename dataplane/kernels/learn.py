"""Nicira's learn, in a worker: a packet makes a flow-mod.

The operations of one learn action follow one another in the program: OP_LEARN, what the new flow matches and does,
OP_LEARN_END. They build key, mask and actions in the worker's row. If the flow that they describe is there already,
made by the same action with the same values, it is touched, so that its hard timeout begins anew; that costs no more
than a lookup. Else the flow-mod goes to the control thread by the ring of class PUNT_LEARN: dropped and counted when
that is full or over its rate. Tables have one writer, and it is not a worker.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import put8, put16, put32, put64
from triplane.dataplane.kernels.classify import COUNTER_WORDS, F_COUNTERS, TABLE_WORDS, TABLES, Flows
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.flow_filter import find_strict
from triplane.dataplane.kernels.flows import C_LEARNT, C_TOUCHED
from triplane.dataplane.kernels.machine import address_of, multiply, view_bytes, view_words, wrap
from triplane.dataplane.kernels.mix import mix64
from triplane.dataplane.kernels.node import (
    DROP_LEARN,
    LEARN_WORDS,
    N_ARENA,
    N_ARENA_WORDS,
    N_TABLES,
    N_WORKERS,
    W_DROPS,
    W_LEARN,
    W_LEARN_AT,
    W_LEARN_HEAD,
    W_LEARN_KEY,
    W_LEARN_MASK,
    W_NOW,
    W_PUNT,
    W_PUNT_WORDS,
    W_PUNTED,
)
from triplane.dataplane.kernels.oxm import (
    F_BITS,
    F_HEADER,
    F_SHIFT,
    F_SIZE,
    F_WORD,
    FIELD_ROWS,
    encode_match,
    in_key,
    in_key_mask,
    pad_match,
    wide_port,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_LEARN,
    OP_LEARN_END,
    OP_LEARN_LOAD,
    OP_LEARN_LOAD_VALUE,
    OP_LEARN_MATCH,
    OP_LEARN_MATCH_VALUE,
    arg_of,
    op_of,
    source_bit,
    span_bits,
    target_bit,
)
from triplane.dataplane.kernels.punts import PUNT_LEARN, punt_message
from triplane.dataplane.kernels.subfields import read_bits
from triplane.dataplane.kernels.wide import mask_of, ones, shift_left, shift_right

# words behind an OP_LEARN, whose arg is priority | table << 16
LEARN_COOKIE = 1
LEARN_TIMEOUTS = 2  # idle | hard << 16 | fin idle << 32 | fin hard << 48, seconds
LEARN_FLAGS = 3  # NX_LEARN_F_* | limit << 16
SEND_FLOW_REM, DELETE_LEARNED = 1, 2  # NX_LEARN_F_*

ACTIONS_ROOM = 1024  # bytes of actions, at most; the flow-mod is built behind them
OFPFF_SEND_FLOW_REM = 1
NICIRA, REG_LOAD, FIN_TIMEOUT = 0x2320, 7, 19
OFPP_MAX = 0xFF00
IN_PORT, FLOOD, ALL, LOCAL = 0xFFF8, 0xFFFB, 0xFFFC, 0xFFFE


@kernel
def learn(node: Words, w: Words, row: Words, arena: Words, at: int) -> None:
    """One operation of a learn action."""
    op, arg = op_of(arena[at]), arg_of(arena[at])
    if op == OP_LEARN:
        begin(w, arena, at)
    elif op == OP_LEARN_END:
        finish(node, w, arena)
    elif op == OP_LEARN_MATCH_VALUE:
        match_bits(w, arg, arena[at + 1], arena[at + 2], arena[at + 3], arena[at + 4])
    elif op == OP_LEARN_LOAD_VALUE:
        span = arena[at + 3]
        add_load(w, arg, target_bit(span), span_bits(span), arena[at + 1], arena[at + 2])
    else:
        from_field(node, w, row, op, arg, arena[at + 1])


@kernel
def from_field(node: Words, w: Words, row: Words, op: int, arg: int, span: int) -> None:
    """The operations that take their value from the packet."""
    high, low = read_bits(node, w, row, arg & 0xFF, source_bit(span), span_bits(span))
    if op == OP_LEARN_MATCH:
        mask_high, mask_low = mask_of(target_bit(span), span_bits(span))
        high, low = shift_left(high, low, target_bit(span))
        match_bits(w, arg >> 8, high, low, mask_high, mask_low)
    elif op == OP_LEARN_LOAD:
        add_load(w, arg >> 8, target_bit(span), span_bits(span), high, low)
    elif high == 0:
        add_output(w, low)


@kernel
def begin(w: Words, arena: Words, at: int) -> None:
    w[W_LEARN_HEAD], w[W_LEARN_AT] = at, 0
    for i in range(KEY_WORDS):
        w[W_LEARN_KEY + i] = 0
        w[W_LEARN_MASK + i] = 0
    idle, hard = arena[at + LEARN_TIMEOUTS] >> 32 & 0xFFFF, arena[at + LEARN_TIMEOUTS] >> 48 & 0xFFFF
    if idle or hard:
        wire, to = view_bytes(address_of(w, W_LEARN), 8 * LEARN_WORDS), add_action(w, FIN_TIMEOUT, 16)
        put16(wire, to + 10, idle)
        put16(wire, to + 12, hard)


@kernel
def match_bits(w: Words, field: int, high: int, low: int, mask_high: int, mask_low: int) -> None:
    """The new flow matches these bits of a field."""
    key = view_words(address_of(w, W_LEARN_KEY), KEY_WORDS)
    put_part(key, view_words(address_of(w, W_LEARN_MASK), KEY_WORDS), field, high, low, mask_high, mask_low)


@kernel
def put_part(key: Words, mask: Words, field: int, high: int, low: int, mask_high: int, mask_low: int) -> None:
    """Put bits of a field, in the form that it has on the wire, into key and mask."""
    word = FIELD_ROWS[field, F_WORD]
    if FIELD_ROWS[field, F_SIZE] == 16:
        merge(key, mask, word, high, mask_high)
        merge(key, mask, word + 1, low, mask_low)
        return
    shift, mask_low = FIELD_ROWS[field, F_SHIFT], mask_low & FIELD_ROWS[field, F_BITS]
    value = wrap(in_key(field, low & mask_low) << shift)
    merge(key, mask, word, value, wrap(in_key_mask(field, mask_low) << shift))


@kernel
def merge(key: Words, mask: Words, word: int, value: int, bits: int) -> None:
    key[word] = (key[word] & ~bits) | (value & bits)
    mask[word] |= bits


# --- actions of the new flow, as bytes


@kernel
def has_room(w: Words, length: int) -> bool:
    """Actions that do not fit make the whole flow impossible: W_LEARN_AT then says so, and stays."""
    if w[W_LEARN_AT] + length > ACTIONS_ROOM:
        w[W_LEARN_AT] = ACTIONS_ROOM + 1
        return False
    return True


@kernel
def add_action(w: Words, subtype: int, length: int) -> int:
    """Begin one of Nicira's actions, zeroed, for which there is room; its offset."""
    wire, at = view_bytes(address_of(w, W_LEARN), 8 * LEARN_WORDS), w[W_LEARN_AT]
    for i in range(0, length, 8):
        put64(wire, at + i, 0)
    put16(wire, at, 0xFFFF)
    put16(wire, at + 2, length)
    put32(wire, at + 4, NICIRA)
    put16(wire, at + 8, subtype)
    w[W_LEARN_AT] += length
    return at


@kernel
def add_load(w: Words, field: int, offset: int, bits: int, high: int, low: int) -> None:
    """Load bits of a field: 64 with each action, the lowest first."""
    while bits > 0 and has_room(w, 24):
        some = min(bits, 64)
        wire, to = view_bytes(address_of(w, W_LEARN), 8 * LEARN_WORDS), add_action(w, REG_LOAD, 24)
        put16(wire, to + 10, offset << 6 | some - 1)
        put32(wire, to + 12, FIELD_ROWS[field, F_HEADER] << 8 | FIELD_ROWS[field, F_SIZE])
        put64(wire, to + 16, low & ones(some))
        high, low = shift_right(high, low, 64)
        offset, bits = offset + some, bits - some


@kernel
def add_output(w: Words, port: int) -> None:
    """Output to a port of 16 bits; a number that is no port is left out, as in Open vSwitch."""
    reserved = port == IN_PORT or port == FLOOD or port == ALL or port == LOCAL
    if not (reserved or 0 < port < OFPP_MAX) or not has_room(w, 16):
        return
    wire, to = view_bytes(address_of(w, W_LEARN), 8 * LEARN_WORDS), w[W_LEARN_AT]
    put64(wire, to, 16 << 32 | wide_port(port))
    put64(wire, to + 8, 0)
    w[W_LEARN_AT] += 16


# --- the flow-mod


@kernel
def finish(node: Words, w: Words, arena: Words) -> None:
    """Touch the flow if it is there as it should be, else ask for it."""
    if w[W_LEARN_AT] > ACTIONS_ROOM:
        w[W_DROPS + DROP_LEARN] += 1
        return
    mark = digest(w, arena)
    flows = Flows(
        view_words(node[N_ARENA], node[N_ARENA_WORDS]),
        view_words(node[N_TABLES], TABLES * TABLE_WORDS),
        view_words(address_of(node, N_WORKERS), 1),
    )
    key = view_words(address_of(w, W_LEARN_KEY), KEY_WORDS)
    mask = view_words(address_of(w, W_LEARN_MASK), KEY_WORDS)
    arg = arg_of(arena[w[W_LEARN_HEAD]])
    flow = find_strict(flows, arg >> 16, key, mask, arg & 0xFFFF)
    cold = arena[flow + F_COUNTERS] + node[N_WORKERS] * COUNTER_WORDS if flow else 0
    if flow and arena[cold + C_LEARNT] == mark:
        arena[cold + C_TOUCHED] = w[W_NOW]
    else:
        ask(w, arena, mark, key, mask)


@kernel
def digest(w: Words, arena: Words) -> int:
    """A number, never 0, that differs for what is not the same flow made by the same action."""
    head, state = w[W_LEARN_HEAD], 1
    for i in range(4):
        state = mix64(multiply(state, 3) ^ arena[head + i])
    for i in range(KEY_WORDS):
        state = mix64(multiply(state, 3) ^ w[W_LEARN_KEY + i])
        state = mix64(multiply(state, 3) ^ w[W_LEARN_MASK + i])
    for i in range(w[W_LEARN_AT] >> 3):
        state = mix64(multiply(state, 3) ^ w[W_LEARN + i])
    return state | 1


@kernel
def ask(w: Words, arena: Words, mark: int, key: Words, mask: Words) -> None:
    """Send the flow-mod to the control thread."""
    start = ACTIONS_ROOM
    length = write_flow_mod(w, arena, key, mask, start)
    ring, limit = view_words(w[W_PUNT], w[W_PUNT_WORDS]), arena[w[W_LEARN_HEAD] + LEARN_FLAGS] >> 16
    if punt_message(
        ring, PUNT_LEARN, view_bytes(address_of(w, W_LEARN), 8 * LEARN_WORDS), start, length, w[W_NOW], mark, limit
    ):
        w[W_DROPS + DROP_LEARN] += 1
    else:
        w[W_PUNTED] = 1


@kernel
def write_flow_mod(w: Words, arena: Words, key: Words, mask: Words, at: int) -> int:
    """An OFPT_FLOW_MOD of OpenFlow 1.3 that adds the flow; its bytes. The actions move behind it."""
    wire, head = view_bytes(address_of(w, W_LEARN), 8 * LEARN_WORDS), w[W_LEARN_HEAD]
    write_fixed(wire, at, arena, head)
    to = at + 48
    tlvs = encode_match(key, mask, wire, to + 4)
    to += pad_match(wire, to, 4 + tlvs)
    if w[W_LEARN_AT]:
        put16(wire, to, 4)  # OFPIT_APPLY_ACTIONS
        put16(wire, to + 2, 8 + w[W_LEARN_AT])
        put32(wire, to + 4, 0)
        to += 8
        for i in range(w[W_LEARN_AT]):
            wire[to + i] = wire[i]
        to += w[W_LEARN_AT]
    put16(wire, at + 2, to - at)
    return to - at


@kernel
def write_fixed(wire: Bytes, at: int, arena: Words, head: int) -> None:
    """The flow-mod up to its match, but for its length."""
    arg, timeouts = arg_of(arena[head]), arena[head + LEARN_TIMEOUTS]
    put16(wire, at, 0x040E)
    put32(wire, at + 4, 0)
    put64(wire, at + 8, arena[head + LEARN_COOKIE])
    put64(wire, at + 16, 0)
    put8(wire, at + 24, arg >> 16)
    put8(wire, at + 25, 0)  # OFPFC_ADD
    put16(wire, at + 26, timeouts)
    put16(wire, at + 28, timeouts >> 16)
    put16(wire, at + 30, arg)
    for i in range(32, 44):
        wire[at + i] = 0xFF  # no buffer, any port, any group
    put16(wire, at + 44, OFPFF_SEND_FLOW_REM if arena[head + LEARN_FLAGS] & SEND_FLOW_REM else 0)
    put16(wire, at + 46, 0)
