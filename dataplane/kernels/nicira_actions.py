"""Nicira's actions, from the wire to program words. `nicira_table` says what each is, `actions` walks the list.

Each kind's kernel checks what its action carries, as strictly as Open vSwitch, and writes the operation at code[to],
where NX_ROOM words are free; it returns the end of that, or a negative error word.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.action_table import OFPP_IN_PORT, OFPP_LOCAL, PUSH_TAGS
from triplane.dataplane.kernels.bytes import be8, be16, be32, be64
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.consistency import set_ether
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_ARGUMENT,
    BAD_ACTION_LEN,
    BAD_ACTION_TAG,
    BAD_OUT_GROUP,
    BAD_OUT_PORT,
    BAD_PROPERTY_LEN,
    BAD_PROPERTY_TYPE,
    MATCH_INCONSISTENT,
    TOO_MANY_ACTIONS,
    UNSUPPORTED_ORDER,
)
from triplane.dataplane.kernels.fields import BY_NAME
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.limits import (
    CHECK_NONE,
    LIMIT_LOOSE,
    LIMIT_MAX_PORT,
    LIMIT_TABLES,
    STATE_CONJUNCTION,
    STATE_FACTS,
)
from triplane.dataplane.kernels.machine import wrap
from triplane.dataplane.kernels.nicira_learn import decode_learn
from triplane.dataplane.kernels.nicira_multipath import bundle, multipath
from triplane.dataplane.kernels.nicira_subfields import load, load_masked, load_whole, move, output_reg, put_two, stack
from triplane.dataplane.kernels.nicira_table import (
    NICIRA_ROWS,
    NO_SLOT,
    NX_BUNDLE,
    NX_BYTE,
    NX_CLONE,
    NX_CNT_IDS,
    NX_CONJUNCTION,
    NX_CONTROLLER,
    NX_CONTROLLER2,
    NX_ETHER,
    NX_FIN_TIMEOUT,
    NX_GROUP,
    NX_KIND,
    NX_LEARN,
    NX_LOAD,
    NX_LOAD2,
    NX_METADATA,
    NX_MOVE,
    NX_MPLS_LABEL,
    NX_MPLS_TC,
    NX_MULTIPATH,
    NX_NEEDS,
    NX_NOTE,
    NX_NUMBER,
    NX_OP,
    NX_OUTPUT_REG,
    NX_OUTPUT_REG2,
    NX_OUTPUT_TRUNC,
    NX_RESUBMIT,
    NX_RESUBMIT_TABLE,
    NX_SLOT,
    NX_STACK,
    NX_TUNNEL,
    NX_TUNNEL64,
)
from triplane.dataplane.kernels.oxm import wide_port
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_BRANCH,
    OP_LOAD,
    OP_METADATA,
    OP_OUTPUT_TRUNC,
    OP_RESUBMIT,
    OP_SET_QUEUE,
    OP_WRITE,
    PAUSE,
    SLOT_SET_FIELD,
    head_of,
)
from triplane.dataplane.kernels.resubmit import OWN_TABLE

NX_ROOM = 8  # words that any but a bundle takes, OP_WRITE before it included
MOST_USERDATA = 2016  # bytes of a controller action: eight in a word, as many as an operation has
ROW_TUNNEL_ID = BY_NAME["tunnel_id"].number
ROW_MPLS_LABEL = BY_NAME["mpls_label"].number
ROW_MPLS_TC = BY_NAME["mpls_tc"].number
OXM_FIELDS = 45  # set-field slots of the action set
PUSH_MPLS = 19  # as in ACTION_ROWS
# properties of NXAST_CONTROLLER2
P_MAX_LEN, P_CONTROLLER, P_REASON, P_USERDATA, P_PAUSE = range(5)
P_LEAST = np.array((6, 6, 5, 4, 4), np.int64)  # bytes; more are passed over, as by Open vSwitch: Ryu has some to spare


@kernel
def resubmit(wire: Bytes, at: int, table: int, limits: Words, code: Words, to: int) -> int:
    port = wide_port(be16(wire, at + 10))
    if table != OWN_TABLE and table >= limits[LIMIT_TABLES]:
        return -BAD_ACTION_ARGUMENT
    return put_two(code, to, OP_RESUBMIT, table, port)


@kernel
def output_trunc(wire: Bytes, at: int, limits: Words, code: Words, to: int) -> int:
    port, most = wide_port(be16(wire, at + 10)), be32(wire, at + 12)
    if most < 14:  # less than an Ethernet header
        return -BAD_ACTION_ARGUMENT
    reserved = port == OFPP_IN_PORT or port == OFPP_LOCAL
    if not reserved and not 0 < port <= min(limits[LIMIT_MAX_PORT], 0xFF00):
        return -BAD_OUT_PORT
    return put_two(code, to, OP_OUTPUT_TRUNC, port, most)


@kernel
def too_short(kind: int, size: int) -> bool:
    """Of a property of NXAST_CONTROLLER2."""
    return kind < len(P_LEAST) and size < P_LEAST[kind]


@kernel
def controller2(wire: Bytes, at: int, op: int, code: Words, to: int, code_end: int) -> int:
    """NXAST_CONTROLLER2: properties. One that names a meter is refused."""
    end, max_len, controller, reason, pause, data, octets = at + be16(wire, at + 2), 0xFFFF, 0, 1, 0, 0, 0
    at += 16
    while at < end:
        kind, size = be16(wire, at), be16(wire, at + 2)
        if size < 4 or at + size > end or too_short(kind, size):
            return -BAD_PROPERTY_LEN
        if kind == P_MAX_LEN:
            max_len = be16(wire, at + 4)
        elif kind == P_CONTROLLER:
            controller = be16(wire, at + 4)
        elif kind == P_REASON:
            reason = be8(wire, at + 4)
        elif kind == P_USERDATA:
            data, octets = at + 4, size - 4
        elif kind == P_PAUSE:
            pause = PAUSE
        else:
            return -BAD_PROPERTY_TYPE
        at += size + 7 & -8
    if octets == 0 and pause == 0:
        return put_two(code, to, op, max_len, reason | controller << 8)
    if octets > MOST_USERDATA or code_end - to < 3 + (octets + 7 >> 3):
        return -TOO_MANY_ACTIONS
    put_two(code, to, op, max_len, reason | controller << 8)
    return put_userdata(wire, data, octets, pause, code, to)


@kernel
def put_userdata(wire: Bytes, at: int, octets: int, pause: int, code: Words, to: int) -> int:
    """The rest of a long OP_CONTROLLER, whose first two words stand at code[to]."""
    words = octets + 7 >> 3
    code[to] = head_of(code[to] & 0xFF, 3 + words, code[to] >> 16)
    code[to + 2] = octets | pause
    for i in range(words):
        word = 0
        for k in range(min(octets - 8 * i, 8)):
            word |= int(wire[at + 8 * i + k]) << 8 * k
        code[to + 3 + i] = wrap(word)
    return to + 3 + words


@kernel
def conjunction(wire: Bytes, at: int, op: int, limits: Words, code: Words, to: int) -> int:
    clause, clauses = be8(wire, at + 10), be8(wire, at + 11)
    if not 2 <= clauses <= 64 or clause >= clauses:
        return -BAD_ACTION_ARGUMENT
    limits[STATE_CONJUNCTION] = 1
    return put_two(code, to, op, clause | clauses << 8, be32(wire, at + 12))


@kernel
def metadata(wire: Bytes, at: int, code: Words, to: int) -> int:
    mask = be64(wire, at + 24)
    code[to], code[to + 1], code[to + 2] = head_of(OP_METADATA, 3, 0), be64(wire, at + 16) & mask, mask
    return to + 3


@kernel
def ether(wire: Bytes, at: int, op: int, limits: Words, code: Words, to: int) -> int:
    """NXAST_PUSH_MPLS and NXAST_POP_MPLS."""
    kind = be16(wire, at + 10)
    if op < len(PUSH_TAGS) and PUSH_TAGS[op, 0] != 0 and kind != PUSH_TAGS[op, 0] and kind != PUSH_TAGS[op, 1]:
        return -BAD_ACTION_TAG
    set_ether(limits, kind)
    code[to] = head_of(op, 1, kind)
    return to + 1


@kernel
def counted(wire: Bytes, at: int, op: int, code: Words, to: int) -> int:
    """NXAST_DEC_TTL_CNT_IDS: the first of the controllers that it names is told of an expired packet."""
    controllers = be16(wire, at + 10)
    if be32(wire, at + 12) != 0 or controllers == 0:
        return -BAD_ACTION_ARGUMENT
    if be16(wire, at + 2) < 16 + 2 * controllers:
        return -BAD_ACTION_LEN
    code[to] = head_of(op, 1, be16(wire, at + 16))
    return to + 1


@kernel
def clone(code: Words, to: int, op: int) -> int:
    """NXAST_CLONE: what the copy does follows; `actions` writes where it ends."""
    code[to], code[to + 1] = head_of(op, 1, 0), head_of(OP_BRANCH, 1, 0)
    return to + 2


# --- which is which


@kernel
def decode_fields(wire: Bytes, at: int, kind: int, op: int, limits: Words, check: int, code: Words, to: int) -> int:
    """The kinds that read or write fields."""
    end = at + be16(wire, at + 2)
    if kind == NX_LOAD:
        return load(wire, at, limits, check, code, to)
    if kind == NX_MOVE:
        return move(wire, at + 10, at + 16, end, limits, check, code, to)
    if kind == NX_LOAD2:
        return load_masked(wire, at + 10, end, limits, check, code, to)
    if kind == NX_STACK:
        return stack(wire, at, op, limits, check, code, to)
    if kind == NX_OUTPUT_REG:
        return output_reg(wire, at, at + 12, be16(wire, at + 16), limits, check, code, to)
    if kind == NX_OUTPUT_REG2:
        return output_reg(wire, at, at + 14, be16(wire, at + 12), limits, check, code, to)
    if kind == NX_TUNNEL:
        return load_whole(limits, ROW_TUNNEL_ID, be32(wire, at + 12), check, code, to)
    if kind == NX_TUNNEL64:
        return load_whole(limits, ROW_TUNNEL_ID, be64(wire, at + 16), check, code, to)
    if kind == NX_MPLS_LABEL:
        return load_whole(limits, ROW_MPLS_LABEL, be32(wire, at + 12), check, code, to)
    if kind == NX_MPLS_TC:
        return load_whole(limits, ROW_MPLS_TC, be8(wire, at + 10), check, code, to)
    return multipath(wire, at, limits, check, code, to)


@kernel
def decode_other(wire: Bytes, at: int, kind: int, op: int, limits: Words, groups: Words, code: Words, to: int) -> int:
    """The kinds that neither read nor write fields."""
    if kind == NX_RESUBMIT or kind == NX_RESUBMIT_TABLE:
        return resubmit(wire, at, be8(wire, at + 12) if kind == NX_RESUBMIT_TABLE else OWN_TABLE, limits, code, to)
    if kind == NX_NUMBER:
        return put_two(code, to, op, 0, be32(wire, at + 12))
    if kind == NX_BYTE:
        code[to] = head_of(op, 1, be8(wire, at + 10))
        return to + 1
    if kind == NX_ETHER:
        return ether(wire, at, op, limits, code, to)
    if kind == NX_FIN_TIMEOUT:
        code[to] = head_of(op, 1, be16(wire, at + 10) | be16(wire, at + 12) << 16)
        return to + 1
    if kind == NX_CONTROLLER:
        return put_two(code, to, op, be16(wire, at + 10), be8(wire, at + 14) | be16(wire, at + 12) << 8)
    if kind == NX_GROUP:
        slot = id_lookup(groups, be32(wire, at + 12))
        code[to] = head_of(op, 1, max(slot, 0))
        return to + 1 if slot >= 0 else -BAD_OUT_GROUP
    return decode_rest(wire, at, kind, op, limits, code, to)


@kernel
def decode_rest(wire: Bytes, at: int, kind: int, op: int, limits: Words, code: Words, to: int) -> int:
    if kind == NX_METADATA:
        return metadata(wire, at, code, to)
    if kind == NX_CONJUNCTION:
        return conjunction(wire, at, op, limits, code, to)
    if kind == NX_OUTPUT_TRUNC:
        return output_trunc(wire, at, limits, code, to)
    if kind == NX_CLONE:
        return clone(code, to, op)
    if kind == NX_CNT_IDS:
        return counted(wire, at, op, code, to)
    if kind == NX_NOTE:
        return to
    if op == OP_SET_QUEUE:  # pop_queue: the default queue
        return put_two(code, to, op, 0, 0)
    code[to] = head_of(op, 1, 0)
    return to + 1


@kernel
def is_about_fields(kind: int) -> bool:
    if kind == NX_LOAD or kind == NX_MOVE or kind == NX_LOAD2 or kind == NX_STACK or kind == NX_MULTIPATH:
        return True
    if kind == NX_OUTPUT_REG or kind == NX_OUTPUT_REG2 or kind == NX_TUNNEL or kind == NX_TUNNEL64:
        return True
    return kind == NX_MPLS_LABEL or kind == NX_MPLS_TC


@kernel
def written_slot(slot: int, head: int) -> int:
    """Slot of the action set of the operation whose head is given; NO_SLOT for a field that is none of OXM's."""
    if slot != SLOT_SET_FIELD:
        return slot
    field = head >> 16 if head & 0xFF == OP_LOAD else head >> 24
    return slot + field if field < OXM_FIELDS else NO_SLOT


@kernel
def as_written(code: Words, start: int, slot: int, to: int) -> int:
    """Put OP_WRITE at code[start], before the operation that ends at `to`; `to`, or a negative error word."""
    if to < 0:
        return to
    place = written_slot(slot, code[start + 1])
    code[start] = head_of(OP_WRITE, 1, max(place, 0))
    return to if place != NO_SLOT else -UNSUPPORTED_ORDER


@kernel
def decode_nicira(
    wire: Bytes,
    at: int,
    subtype: int,
    limits: Words,
    groups: Words,
    check: int,
    write: int,
    code: Words,
    to: int,
    code_end: int,
) -> int:
    """Check the action at `at`, of known subtype and length; write its operation; the end, or a negative error word."""
    kind, op, slot = NICIRA_ROWS[subtype, NX_KIND], NICIRA_ROWS[subtype, NX_OP], NICIRA_ROWS[subtype, NX_SLOT]
    if write and slot == NO_SLOT:
        return -UNSUPPORTED_ORDER
    strict = check != CHECK_NONE and limits[LIMIT_LOOSE] == 0
    if strict and limits[STATE_FACTS] & NICIRA_ROWS[subtype, NX_NEEDS] == 0:
        return -MATCH_INCONSISTENT
    if code_end - to < NX_ROOM:
        return -TOO_MANY_ACTIONS
    start, to = to, to + write
    if kind == NX_BUNDLE:
        to = bundle(wire, at, op, limits, check, code, to, code_end)
    elif kind == NX_LEARN:
        to = decode_learn(wire, at, limits, check, code, to, code_end)
    elif kind == NX_CONTROLLER2:
        to = controller2(wire, at, op, code, to, code_end)
    elif is_about_fields(kind):
        to = decode_fields(wire, at, kind, op, limits, check, code, to)
    else:
        to = decode_other(wire, at, kind, op, limits, groups, code, to)
    return as_written(code, start, slot, to) if write else to
