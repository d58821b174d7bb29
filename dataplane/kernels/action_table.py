"""Every OpenFlow action type in one table: how long it is, what its argument is, which operation it becomes, where
it goes in an action set, what must be true of the packet, and what it makes true (OpenFlow 1.5.1 section 7.2.6).

To add an action, add a row, and a kind if its argument is of a new sort.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.bytes import be16, be32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_EXP_TYPE,
    BAD_ACTION_EXPERIMENTER,
    BAD_ACTION_LEN,
    BAD_ACTION_TYPE,
)
from triplane.dataplane.kernels.facts import ANYTHING, IP_FACT, MPLS_FACT, PBB_FACT, VLAN_FACT
from triplane.dataplane.kernels.limits import LIMIT_VERSION, OPENFLOW_1_5
from triplane.dataplane.kernels.nicira_table import (
    NICIRA,
    NICIRA_ROW,
    NICIRA_ROWS,
    NICIRA_SUBTYPES,
    NX_KIND,
    NX_LEN,
    NX_NONE,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_COPY_TTL_IN,
    OP_COPY_TTL_OUT,
    OP_DEC_MPLS_TTL,
    OP_DEC_NW_TTL,
    OP_GROUP,
    OP_METER_ACTION,
    OP_MOVE,
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
    SLOT_COPY_TTL_IN,
    SLOT_COPY_TTL_OUT,
    SLOT_DEC_MPLS_TTL,
    SLOT_DEC_NW_TTL,
    SLOT_GROUP,
    SLOT_METER,
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
)

OFPAT_EXPERIMENTER = 0xFFFF
ACTION_HEADER = 8  # every action is at least this long
EXPERIMENTER_ACTION = 16  # with the experimenter's own type, padded
ACTION_ROOM = 4  # words of the longest action: OP_WRITE and a set-field

OFPP_IN_PORT = 0xFFFFFFF8
OFPP_TABLE = 0xFFFFFFF9
OFPP_NORMAL = 0xFFFFFFFA
OFPP_LOCAL = 0xFFFFFFFE
OFPQ_ALL = 0xFFFFFFFF

# columns of ACTION_ROWS; a row for each action type
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
KIND_COPY_FIELD = 8
KIND_METER = 9

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
    28: (-1, KIND_COPY_FIELD, OP_MOVE, SLOT_SET_FIELD, ANYTHING, EFFECT_NONE),
    29: (8, KIND_METER, OP_METER_ACTION, SLOT_METER, ANYTHING, EFFECT_NONE),
}
FIRST_OF_1_5 = 28
_NO_ACTION = (0, 0, 0, 0, 0, 0)
ACTION_TYPES = max(_ACTIONS) + 1
ACTION_ROWS = np.array([_ACTIONS.get(number, _NO_ACTION) for number in range(ACTION_TYPES)], np.int64)

PUSH_TAGS = np.zeros((OP_PUSH_PBB + 1, 2), np.int64)  # EtherTypes that each push operation takes
PUSH_TAGS[OP_PUSH_VLAN] = 0x8100, 0x88A8
PUSH_TAGS[OP_PUSH_MPLS] = 0x8847, 0x8848
PUSH_TAGS[OP_PUSH_PBB] = 0x88E7, 0x88E7


@kernel
def experimenter_row(wire: Bytes, at: int, length: int) -> int:
    """NICIRA_ROW + subtype of an experimenter action that we understand, or a negative error word."""
    if be32(wire, at + 4) != NICIRA:
        return -BAD_ACTION_EXPERIMENTER
    subtype = be16(wire, at + 8) if length >= EXPERIMENTER_ACTION else NICIRA_SUBTYPES
    if subtype >= NICIRA_SUBTYPES or NICIRA_ROWS[subtype, NX_KIND] == NX_NONE:
        return -BAD_ACTION_EXP_TYPE
    wanted = NICIRA_ROWS[subtype, NX_LEN]
    return NICIRA_ROW + subtype if length == wanted or (wanted < 0 and length >= -wanted) else -BAD_ACTION_LEN


@kernel
def action_row(wire: Bytes, at: int, end: int) -> int:
    """Row of ACTION_ROWS of the action at `at`, or as experimenter_row, its length checked; or a negative error."""
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


@kernel
def known_row(wire: Bytes, at: int, end: int, limits: Words) -> int:
    """As action_row, of an action that the message's version has."""
    row = action_row(wire, at, end)
    return -BAD_ACTION_TYPE if FIRST_OF_1_5 <= row < ACTION_TYPES and limits[LIMIT_VERSION] < OPENFLOW_1_5 else row
