"""OpenFlow 1.3 action lists, from the wire to program words (OpenFlow 1.3.5 section 7.2.5).

ACTION_ROWS says of each action type how long it is, what its argument is, which operation it becomes, where it
goes in an action set, and what must be true of the packet. To add an action, add a row, and a kind if its argument
is of a new sort. Facts about the packet (see `oxm`) start from the match and follow pushes, pops and set-fields.

Order of the checks of one action, first failure wins: does it fit (BAD_LEN), type (BAD_TYPE, BAD_EXPERIMENTER),
length (BAD_LEN), arguments, consistency with the match (MATCH_INCONSISTENT), room in the program (TOO_MANY).
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.bigendian import load_bytes
from triplane.dataplane.kernels.bytes import be8, be16, be32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_EXP_TYPE,
    BAD_ACTION_EXPERIMENTER,
    BAD_ACTION_LEN,
    BAD_ACTION_TAG,
    BAD_ACTION_TYPE,
    BAD_OUT_GROUP,
    BAD_OUT_PORT,
    BAD_QUEUE,
    BAD_SET_ARGUMENT,
    BAD_SET_LEN,
    BAD_SET_TYPE,
    MATCH_INCONSISTENT,
    TOO_MANY_ACTIONS,
)
from triplane.dataplane.kernels.fields import BY_NAME, VID_PRESENT
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.limits import (
    CHECK_ALL,
    CHECK_NONE,
    LIMIT_CHECK,
    LIMIT_MAX_PORT,
    LIMIT_OUTPUT_TABLE,
    MANY_TAGS,
    STATE_FACTS,
    STATE_SLOT,
    STATE_TAGS,
)
from triplane.dataplane.kernels.oxm import (
    ALL_FACTS,
    ANYTHING,
    ETHER_FACTS,
    F_BITS,
    F_PRE,
    F_SETTABLE,
    F_SIZE,
    FIELD_ROWS,
    IP_FACT,
    LINK_FACTS,
    MPLS_FACT,
    PBB_FACT,
    PROTO_FACTS,
    TLV_HEADER,
    VLAN_FACT,
    VLAN_VID,
    facts_of_ether,
    facts_of_icmp6,
    facts_of_key,
    facts_of_proto,
    field_row,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_COPY_TTL_IN,
    OP_COPY_TTL_OUT,
    OP_DEC_MPLS_TTL,
    OP_DEC_NW_TTL,
    OP_END,
    OP_GROUP,
    OP_OUTPUT,
    OP_POP_MPLS,
    OP_POP_PBB,
    OP_POP_VLAN,
    OP_PUSH_MPLS,
    OP_PUSH_PBB,
    OP_PUSH_VLAN,
    OP_SET_FIELD,
    OP_SET_MPLS_TTL,
    OP_SET_NW_TTL,
    OP_SET_QUEUE,
    OP_WRITE,
    SLOT_COPY_TTL_IN,
    SLOT_COPY_TTL_OUT,
    SLOT_DEC_MPLS_TTL,
    SLOT_DEC_NW_TTL,
    SLOT_GROUP,
    SLOT_OUTPUT,
    SLOT_POP_MPLS,
    SLOT_POP_PBB,
    SLOT_POP_VLAN,
    SLOT_PUSH_MPLS,
    SLOT_PUSH_PBB,
    SLOT_PUSH_VLAN,
    SLOT_QUEUE,
    SLOT_SET_FIELD,
    SLOT_SET_MPLS_TTL,
    SLOT_SET_NW_TTL,
    SLOTS,
    head_of,
)

OFPAT_EXPERIMENTER = 0xFFFF
ACTION_HEADER = 8  # every action is at least this long
ACTION_ROOM = 4  # words of the longest action: OP_WRITE and a set-field

OFPP_IN_PORT = 0xFFFFFFF8
OFPP_TABLE = 0xFFFFFFF9
OFPP_NORMAL = 0xFFFFFFFA
OFPP_LOCAL = 0xFFFFFFFE
OFPQ_ALL = 0xFFFFFFFF

# columns of ACTION_ROWS; a row for each action type, then those of experimenters
A_LEN = 0  # bytes on the wire, 0 for a type that does not exist, -1 for a length that its kind checks
A_KIND = 1
A_OP = 2
A_SLOT = 3
A_NEEDS = 4  # facts of which one must be known
A_EFFECT = 5

KIND_PLAIN = 0  # no argument
KIND_BYTE = 1  # a TTL
KIND_ETHER = 2  # an EtherType
KIND_PUSH = 3  # an EtherType that must be one of PUSH_TAGS
KIND_OUTPUT = 4
KIND_GROUP = 5
KIND_QUEUE = 6
KIND_SET_FIELD = 7

EFFECT_NONE = 0
EFFECT_PUSH_VLAN = 1
EFFECT_POP_VLAN = 2
EFFECT_ETHER = 3  # the packet now has this EtherType (the argument), and nothing is known above it
EFFECT_PUSH_PBB = 4
EFFECT_POP_PBB = 5
EFFECT_SET_FIELD = 6

_ACTIONS = {  # by type of action: length, kind, op, slot, needs, effect
    0: (16, KIND_OUTPUT, OP_OUTPUT, SLOT_OUTPUT, ANYTHING, EFFECT_NONE),
    11: (8, KIND_PLAIN, OP_COPY_TTL_OUT, SLOT_COPY_TTL_OUT, ANYTHING, EFFECT_NONE),
    12: (8, KIND_PLAIN, OP_COPY_TTL_IN, SLOT_COPY_TTL_IN, ANYTHING, EFFECT_NONE),
    15: (8, KIND_BYTE, OP_SET_MPLS_TTL, SLOT_SET_MPLS_TTL, MPLS_FACT, EFFECT_NONE),
    16: (8, KIND_PLAIN, OP_DEC_MPLS_TTL, SLOT_DEC_MPLS_TTL, MPLS_FACT, EFFECT_NONE),
    17: (8, KIND_PUSH, OP_PUSH_VLAN, SLOT_PUSH_VLAN, ANYTHING, EFFECT_PUSH_VLAN),
    18: (8, KIND_PLAIN, OP_POP_VLAN, SLOT_POP_VLAN, VLAN_FACT, EFFECT_POP_VLAN),
    19: (8, KIND_PUSH, OP_PUSH_MPLS, SLOT_PUSH_MPLS, ANYTHING, EFFECT_ETHER),
    20: (8, KIND_ETHER, OP_POP_MPLS, SLOT_POP_MPLS, MPLS_FACT, EFFECT_ETHER),
    21: (8, KIND_QUEUE, OP_SET_QUEUE, SLOT_QUEUE, ANYTHING, EFFECT_NONE),
    22: (8, KIND_GROUP, OP_GROUP, SLOT_GROUP, ANYTHING, EFFECT_NONE),
    23: (8, KIND_BYTE, OP_SET_NW_TTL, SLOT_SET_NW_TTL, IP_FACT, EFFECT_NONE),
    24: (8, KIND_PLAIN, OP_DEC_NW_TTL, SLOT_DEC_NW_TTL, IP_FACT, EFFECT_NONE),
    25: (-1, KIND_SET_FIELD, OP_SET_FIELD, SLOT_SET_FIELD, ANYTHING, EFFECT_SET_FIELD),
    26: (8, KIND_PUSH, OP_PUSH_PBB, SLOT_PUSH_PBB, ANYTHING, EFFECT_PUSH_PBB),
    27: (8, KIND_PLAIN, OP_POP_PBB, SLOT_POP_PBB, PBB_FACT, EFFECT_POP_PBB),
}
_NO_ACTION = (0, 0, 0, 0, 0, 0)
ACTION_TYPES = max(_ACTIONS) + 1
ACTION_ROWS = np.array([_ACTIONS.get(number, _NO_ACTION) for number in range(ACTION_TYPES)], np.int64)

PUSH_TAGS = np.zeros((OP_PUSH_PBB + 1, 2), np.int64)  # EtherTypes that each push operation takes
PUSH_TAGS[OP_PUSH_VLAN] = 0x8100, 0x88A8
PUSH_TAGS[OP_PUSH_MPLS] = 0x8847, 0x8848
PUSH_TAGS[OP_PUSH_PBB] = 0x88E7, 0x88E7

ROW_ETH_TYPE = BY_NAME["eth_type"].number
ROW_IP_PROTO = BY_NAME["ip_proto"].number
ROW_ICMPV6_TYPE = BY_NAME["icmpv6_type"].number

# (experimenter id, subtype at offset 8, row of ACTION_ROWS) of the experimenter actions that are understood
EXPERIMENTER_ACTIONS = np.array([(-1, -1, -1)], np.int64)


@kernel
def experimenter_row(wire: Bytes, at: int, length: int) -> int:
    """Row of ACTION_ROWS of an experimenter action, or a negative error word."""
    known = False
    for i in range(len(EXPERIMENTER_ACTIONS)):
        if EXPERIMENTER_ACTIONS[i, 0] == be32(wire, at + 4):
            known = True
            if length >= 16 and EXPERIMENTER_ACTIONS[i, 1] == be16(wire, at + 8):
                return EXPERIMENTER_ACTIONS[i, 2]
    return -BAD_ACTION_EXP_TYPE if known else -BAD_ACTION_EXPERIMENTER


@kernel
def action_row(wire: Bytes, at: int, end: int) -> int:
    """Row of ACTION_ROWS of the action at `at`, its length checked, or a negative error word."""
    if end - at < ACTION_HEADER:
        return -BAD_ACTION_LEN
    kind, length = be16(wire, at), be16(wire, at + 2)
    if length < ACTION_HEADER or length & 7 or end - at < length:
        return -BAD_ACTION_LEN
    if kind == OFPAT_EXPERIMENTER:
        return experimenter_row(wire, at, length)
    if kind >= ACTION_TYPES or ACTION_ROWS[kind, A_LEN] == 0:
        return -BAD_ACTION_TYPE
    wanted = ACTION_ROWS[kind, A_LEN]
    return kind if wanted == length or wanted < 0 else -BAD_ACTION_LEN


# --- arguments: each checks its own, and gives the operation's arg or a negative error word


@kernel
def push_argument(wire: Bytes, at: int, op: int) -> int:
    tag = be16(wire, at + 4)
    return tag if tag == PUSH_TAGS[op, 0] or tag == PUSH_TAGS[op, 1] else -BAD_ACTION_TAG


@kernel
def output_argument(wire: Bytes, at: int, limits: Words) -> int:
    """max_len. OFPP_TABLE goes with packet-outs only; OFPP_ANY is no port (7.2.1)."""
    port = be32(wire, at + 4)
    if port == OFPP_TABLE and limits[LIMIT_OUTPUT_TABLE] == 0:
        return -BAD_OUT_PORT
    reserved = OFPP_IN_PORT <= port <= OFPP_LOCAL
    return be16(wire, at + 8) if reserved or 0 < port <= limits[LIMIT_MAX_PORT] else -BAD_OUT_PORT


@kernel
def group_argument(wire: Bytes, at: int, groups: Words) -> int:
    slot = id_lookup(groups, be32(wire, at + 4))
    return slot if slot >= 0 else -BAD_OUT_GROUP


@kernel
def queue_argument(wire: Bytes, at: int) -> int:
    return -BAD_QUEUE if be32(wire, at + 4) == OFPQ_ALL else 0


@kernel
def set_field_argument(wire: Bytes, at: int) -> int:
    """Number of the field that the set-field action at `at` sets, its TLV and value checked."""
    kind, size = be8(wire, at + 6), be8(wire, at + 7)
    row = field_row(be16(wire, at + 4), kind >> 1)
    if row < 0:
        return -BAD_SET_TYPE
    if FIELD_ROWS[row, F_SETTABLE] == 0 or kind & 1:
        return -BAD_SET_ARGUMENT
    if size != FIELD_ROWS[row, F_SIZE]:
        return -BAD_SET_LEN
    if be16(wire, at + 2) != TLV_HEADER + 4 + size + 7 & -8:
        return -BAD_ACTION_LEN
    return row if settable(wire, at + 8, row) else -BAD_SET_ARGUMENT


@kernel
def settable(wire: Bytes, at: int, row: int) -> bool:
    """Whether the field may have the value at `at`. A VLAN id must have OFPVID_PRESENT: set-field removes no tag."""
    if FIELD_ROWS[row, F_SIZE] == 16:
        return True
    value = load_bytes(wire, at, FIELD_ROWS[row, F_SIZE])
    return value & ~FIELD_ROWS[row, F_BITS] == 0 and (row != VLAN_VID or value & VID_PRESENT != 0)


@kernel
def argument(wire: Bytes, at: int, row: int, limits: Words, groups: Words) -> int:
    """The arg of the operation that the action becomes, or a negative error word."""
    kind = ACTION_ROWS[row, A_KIND]
    if kind == KIND_OUTPUT:
        return output_argument(wire, at, limits)
    if kind == KIND_SET_FIELD:
        return set_field_argument(wire, at)
    if kind == KIND_GROUP:
        return group_argument(wire, at, groups)
    if kind == KIND_PUSH:
        return push_argument(wire, at, ACTION_ROWS[row, A_OP])
    if kind == KIND_ETHER:
        return be16(wire, at + 4)
    if kind == KIND_BYTE:
        return be8(wire, at + 4)
    return queue_argument(wire, at) if kind == KIND_QUEUE else 0


# --- does the packet have what the action works on


@kernel
def start_facts(limits: Words, key: Words, mask: Words) -> None:
    """Begin an action list for packets that match key and mask."""
    facts = facts_of_key(key, mask)
    limits[STATE_FACTS] = facts
    limits[STATE_TAGS] = MANY_TAGS if facts & VLAN_FACT else 0


@kernel
def set_tags(limits: Words, tags: int) -> None:
    limits[STATE_TAGS] = tags
    facts = limits[STATE_FACTS] & ~VLAN_FACT
    limits[STATE_FACTS] = facts | VLAN_FACT if tags else facts


@kernel
def set_ether(limits: Words, eth_type: int) -> None:
    limits[STATE_FACTS] = limits[STATE_FACTS] & LINK_FACTS | facts_of_ether(eth_type)


@kernel
def after_set_field(limits: Words, wire: Bytes, at: int, row: int) -> None:
    """Setting what other fields' prerequisites name changes what is known."""
    facts = limits[STATE_FACTS]
    if row == ROW_ETH_TYPE:
        set_ether(limits, be16(wire, at + 8))
    elif row == ROW_IP_PROTO:
        limits[STATE_FACTS] = facts_of_proto(facts & ETHER_FACTS, be8(wire, at + 8))
    elif row == ROW_ICMPV6_TYPE:
        limits[STATE_FACTS] = facts_of_icmp6(facts & PROTO_FACTS, be8(wire, at + 8))


@kernel
def apply_effect(limits: Words, wire: Bytes, at: int, effect: int, arg: int) -> None:
    """What is known of the packet after the action."""
    if effect == EFFECT_SET_FIELD:
        after_set_field(limits, wire, at, arg)
    elif effect == EFFECT_PUSH_VLAN:
        set_tags(limits, limits[STATE_TAGS] + 1)
    elif effect == EFFECT_POP_VLAN:  # behind a matched tag there may be more
        set_tags(limits, max(limits[STATE_TAGS] - 1, limits[STATE_TAGS] & MANY_TAGS))
    elif effect == EFFECT_ETHER:
        set_ether(limits, arg)
    elif effect == EFFECT_PUSH_PBB:  # the tags are now inside
        set_tags(limits, 0)
        set_ether(limits, arg)
    elif effect == EFFECT_POP_PBB:  # the frame inside may be anything
        limits[STATE_FACTS], limits[STATE_TAGS] = ALL_FACTS, MANY_TAGS


@kernel
def consistent(limits: Words, wire: Bytes, at: int, row: int, arg: int, check: int) -> bool:
    """Whether the match, and the actions before this one, imply what the action needs; then follow its effect."""
    if check == CHECK_NONE:
        return True
    effect = ACTION_ROWS[row, A_EFFECT]
    needs = ACTION_ROWS[row, A_NEEDS]
    if effect == EFFECT_SET_FIELD:
        needs = VLAN_FACT if arg == VLAN_VID else 1 << FIELD_ROWS[arg, F_PRE]
    elif check != CHECK_ALL:
        needs = ANYTHING
    if limits[STATE_FACTS] & needs == 0:
        return False
    if effect != EFFECT_NONE:
        apply_effect(limits, wire, at, effect, arg)
    return True


# --- program words


@kernel
def emit_set_field(wire: Bytes, at: int, field: int, code: Words, to: int) -> int:
    size = FIELD_ROWS[field, F_SIZE]
    code[to] = head_of(OP_SET_FIELD, 3, field)
    code[to + 1] = load_bytes(wire, at + 8, min(size, 8))
    code[to + 2] = load_bytes(wire, at + 16, 8) if size == 16 else 0
    return to + 3


@kernel
def emit(wire: Bytes, at: int, row: int, arg: int, code: Words, to: int) -> int:
    """Write the operation of a checked action at code[to]; returns the end of it."""
    kind = ACTION_ROWS[row, A_KIND]
    if kind == KIND_SET_FIELD:
        return emit_set_field(wire, at, arg, code, to)
    wide = kind == KIND_OUTPUT or kind == KIND_QUEUE
    code[to] = head_of(ACTION_ROWS[row, A_OP], 2 if wide else 1, arg)
    if wide:
        code[to + 1] = be32(wire, at + 4)
    return to + 2 if wide else to + 1


@kernel
def slot_of(row: int, arg: int) -> int:
    """Slot of the action set; each field that is set has its own."""
    slot = ACTION_ROWS[row, A_SLOT]
    return slot + arg if slot == SLOT_SET_FIELD else slot


@kernel
def decode_action(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    check: int,
    write: int,
    code: Words,
    to: int,
    code_end: int,
) -> int:
    """Check the action at `at` and write its operation at code[to]; the end of that, or a negative error word."""
    row = action_row(wire, at, end)
    if row < 0:
        return row
    arg = argument(wire, at, row, limits, groups)
    if arg < 0:
        return arg
    if not consistent(limits, wire, at, row, arg, check):
        return -MATCH_INCONSISTENT
    if code_end - to < ACTION_ROOM:
        return -TOO_MANY_ACTIONS
    if write:
        code[to] = head_of(OP_WRITE, 1, slot_of(row, arg))
        to += 1
    return emit(wire, at, row, arg, code, to)


@kernel
def decode_list(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    check: int,
    write: int,
    code: Words,
    to: int,
    code_end: int,
) -> int:
    """Decode wire[at:end] to code[to:code_end], behind OP_WRITE each if `write`; the end, or a negative error word."""
    while at < end:
        to = decode_action(wire, at, end, limits, groups, check, write, code, to, code_end)
        if to < 0:
            return to
        at += be16(wire, at + 2)
    return to


@kernel
def decode_actions(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    key: Words,
    mask: Words,
    code: Words,
    code_at: int,
    code_end: int,
) -> int:
    """Decode the action list wire[at:end] (of a packet-out) to a program; its words, or a negative error word.

    limits[LIMIT_CHECK] says how strictly the actions must agree with key and mask: those of a match, or
    the key of a packet and a mask of all ones. `groups` is the index of group ids (`ids`).
    """
    start_facts(limits, key, mask)
    to = decode_list(wire, at, end, limits, groups, limits[LIMIT_CHECK], 0, code, code_at, code_end)
    return finish_program(code, to, code_at, code_end)


@kernel
def finish_program(code: Words, to: int, code_at: int, code_end: int) -> int:
    """Write OP_END at code[to]; the words of the program from code_at, or a negative error word (`to` may be one)."""
    if to < 0:
        return to
    if to >= code_end:
        return -TOO_MANY_ACTIONS
    code[to] = head_of(OP_END, 1, 0)
    return to + 1 - code_at


@kernel
def decode_bucket_actions(
    wire: Bytes, at: int, end: int, limits: Words, groups: Words, code: Words, code_at: int, code_end: int
) -> int:
    """Decode a group bucket's actions, wire[at:end], to a program in action-set order; its words, or a negative error.

    A bucket is executed as an action set (5.6.1): of each slot the last action counts, and a group takes the place of
    an output (5.10). No match is known, so no consistency is checked.
    """
    error = fill_slots(wire, at, end, limits, groups)
    if error < 0:
        return error
    if limits[STATE_SLOT + SLOT_GROUP]:
        limits[STATE_SLOT + SLOT_OUTPUT] = 0
    to = code_at
    for slot in range(SLOTS):
        place = limits[STATE_SLOT + slot] - 1
        if place >= 0:
            to = decode_action(wire, place, end, limits, groups, CHECK_NONE, 0, code, to, code_end)
            if to < 0:
                return to
    return finish_program(code, to, code_at, code_end)


@kernel
def fill_slots(wire: Bytes, at: int, end: int, limits: Words, groups: Words) -> int:
    """Note for each action-set slot where its last action stands (+ 1); 0, or a negative error word."""
    for slot in range(SLOTS):
        limits[STATE_SLOT + slot] = 0
    while at < end:
        row = action_row(wire, at, end)
        if row < 0:
            return row
        arg = argument(wire, at, row, limits, groups)
        if arg < 0:
            return arg
        limits[STATE_SLOT + slot_of(row, arg)] = at + 1
        at += be16(wire, at + 2)
    return 0
