"""Nicira's actions in one table: how long each is, what it carries, which operation it becomes, its place in an action
set and what must be true of the packet. Every OpenFlow version carries them alike, behind its experimenter action.

To add one, add a row, and a kind (`nicira_actions`) if what it carries is of a new sort. What is not here, connection
tracking first of all, is answered OFPBAC_BAD_EXP_TYPE.
Source: Open vSwitch, ovs-actions(7) and its wire formats.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.facts import ANYTHING, IP_FACT, MPLS_FACT
from triplane.dataplane.kernels.program import (
    OP_BRANCH,
    OP_BUNDLE,
    OP_CLONE,
    OP_CONJUNCTION,
    OP_CONTROLLER,
    OP_DEC_MPLS_TTL,
    OP_DEC_NW_TTL,
    OP_END,
    OP_FIN_TIMEOUT,
    OP_GROUP,
    OP_LEARN,
    OP_LOAD,
    OP_METADATA,
    OP_MOVE,
    OP_MULTIPATH,
    OP_OUTPUT_REG,
    OP_OUTPUT_TRUNC,
    OP_POP_MPLS,
    OP_POP_VALUE,
    OP_PUSH_MPLS,
    OP_PUSH_VALUE,
    OP_RESUBMIT,
    OP_SET_MPLS_TTL,
    OP_SET_QUEUE,
    SLOT_DEC_MPLS_TTL,
    SLOT_DEC_NW_TTL,
    SLOT_GROUP,
    SLOT_POP_MPLS,
    SLOT_PUSH_MPLS,
    SLOT_QUEUE,
    SLOT_SET_FIELD,
    SLOT_SET_MPLS_TTL,
)

NICIRA = 0x00002320  # the experimenter
NICIRA_ROW = 1 << 16  # what `action_row` adds to a row of this table, to tell it from the versions' own

NX_LEN = 0  # bytes on the wire; negative: at least that many
NX_KIND = 1
NX_OP = 2
NX_SLOT = 3  # of the action set, NO_SLOT for one that may not be written
NX_NEEDS = 4  # facts of which one must be known
NO_SLOT = -1

NX_NONE = 0  # no such action
(
    NX_PLAIN, NX_NUMBER, NX_TUNNEL, NX_TUNNEL64, NX_BYTE, NX_ETHER, NX_NOTE, NX_RESUBMIT, NX_RESUBMIT_TABLE, NX_MOVE,
    NX_LOAD, NX_LOAD2, NX_MULTIPATH, NX_BUNDLE, NX_OUTPUT_REG, NX_OUTPUT_REG2, NX_FIN_TIMEOUT, NX_CONTROLLER,
    NX_CONTROLLER2, NX_METADATA, NX_STACK, NX_MPLS_LABEL, NX_MPLS_TC, NX_CONJUNCTION, NX_OUTPUT_TRUNC, NX_CLONE,
    NX_CNT_IDS, NX_GROUP, NX_LEARN,
) = range(1, 30)  # fmt: skip

_ACTIONS = {  # by subtype: length, kind, op, slot, needs
    1: (16, NX_RESUBMIT, OP_RESUBMIT, NO_SLOT, ANYTHING),
    2: (16, NX_TUNNEL, OP_LOAD, SLOT_SET_FIELD, ANYTHING),
    4: (16, NX_NUMBER, OP_SET_QUEUE, SLOT_QUEUE, ANYTHING),
    5: (16, NX_PLAIN, OP_SET_QUEUE, NO_SLOT, ANYTHING),
    6: (-24, NX_MOVE, OP_MOVE, SLOT_SET_FIELD, ANYTHING),
    7: (24, NX_LOAD, OP_LOAD, SLOT_SET_FIELD, ANYTHING),
    8: (-16, NX_NOTE, OP_END, NO_SLOT, ANYTHING),
    9: (24, NX_TUNNEL64, OP_LOAD, SLOT_SET_FIELD, ANYTHING),
    10: (32, NX_MULTIPATH, OP_MULTIPATH, NO_SLOT, ANYTHING),
    12: (-32, NX_BUNDLE, OP_BUNDLE, NO_SLOT, ANYTHING),
    13: (-32, NX_BUNDLE, OP_BUNDLE, NO_SLOT, ANYTHING),
    14: (16, NX_RESUBMIT_TABLE, OP_RESUBMIT, NO_SLOT, ANYTHING),
    15: (24, NX_OUTPUT_REG, OP_OUTPUT_REG, NO_SLOT, ANYTHING),
    16: (-32, NX_LEARN, OP_LEARN, NO_SLOT, ANYTHING),
    17: (16, NX_PLAIN, OP_BRANCH, NO_SLOT, ANYTHING),
    18: (16, NX_PLAIN, OP_DEC_NW_TTL, SLOT_DEC_NW_TTL, IP_FACT),
    19: (16, NX_FIN_TIMEOUT, OP_FIN_TIMEOUT, NO_SLOT, ANYTHING),
    20: (16, NX_CONTROLLER, OP_CONTROLLER, NO_SLOT, ANYTHING),
    21: (-16, NX_CNT_IDS, OP_DEC_NW_TTL, SLOT_DEC_NW_TTL, IP_FACT),
    22: (32, NX_METADATA, OP_METADATA, NO_SLOT, ANYTHING),
    23: (16, NX_ETHER, OP_PUSH_MPLS, SLOT_PUSH_MPLS, ANYTHING),
    24: (16, NX_ETHER, OP_POP_MPLS, SLOT_POP_MPLS, MPLS_FACT),
    25: (16, NX_BYTE, OP_SET_MPLS_TTL, SLOT_SET_MPLS_TTL, MPLS_FACT),
    26: (16, NX_PLAIN, OP_DEC_MPLS_TTL, SLOT_DEC_MPLS_TTL, MPLS_FACT),
    27: (24, NX_STACK, OP_PUSH_VALUE, NO_SLOT, ANYTHING),
    28: (24, NX_STACK, OP_POP_VALUE, NO_SLOT, ANYTHING),
    30: (16, NX_MPLS_LABEL, OP_LOAD, SLOT_SET_FIELD, MPLS_FACT),
    31: (16, NX_MPLS_TC, OP_LOAD, SLOT_SET_FIELD, MPLS_FACT),
    32: (24, NX_OUTPUT_REG2, OP_OUTPUT_REG, NO_SLOT, ANYTHING),
    33: (-16, NX_LOAD2, OP_LOAD, SLOT_SET_FIELD, ANYTHING),
    34: (16, NX_CONJUNCTION, OP_CONJUNCTION, NO_SLOT, ANYTHING),
    37: (-16, NX_CONTROLLER2, OP_CONTROLLER, NO_SLOT, ANYTHING),
    39: (16, NX_OUTPUT_TRUNC, OP_OUTPUT_TRUNC, NO_SLOT, ANYTHING),
    40: (16, NX_GROUP, OP_GROUP, SLOT_GROUP, ANYTHING),
    42: (-16, NX_CLONE, OP_CLONE, NO_SLOT, ANYTHING),
    45: (-40, NX_LEARN, OP_LEARN, NO_SLOT, ANYTHING),
}
NICIRA_SUBTYPES = 64
NICIRA_ROWS = np.array([_ACTIONS.get(subtype, (0, NX_NONE, 0, 0, 0)) for subtype in range(NICIRA_SUBTYPES)], np.int64)
