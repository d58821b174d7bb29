"""What decoding needs to know beside the bytes, and what it keeps while it walks them: one int64 row.

The first columns are the caller's: what this switch has, what this message may do. The rest is scratch of
the decoder (kernels allocate nothing). A row is used by one decoder at a time: give each thread its own.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import SLOTS

OFPP_MAX = 0xFFFFFF00
OPENFLOW_1_3, OPENFLOW_1_4, OPENFLOW_1_5 = 4, 5, 6  # ofp_header.version

LIMIT_TABLE = 0  # table of the flow entry; decode_flow_mod sets it
LIMIT_TABLES = 1  # tables are 0 .. LIMIT_TABLES - 1
LIMIT_MAX_PORT = 2  # highest number of a physical or logical port
LIMIT_OUTPUT_TABLE = 3  # 1: output to OFPP_TABLE is allowed, as in a packet-out
LIMIT_CHECK = 4  # CHECK_*: of decode_actions; instructions set it themselves
LIMIT_LOOSE = 5  # 1: actions of OpenFlow 1.0: they may not fit the packet, and a push may be UNLESS_TAGGED
LIMIT_VERSION = 6  # of OpenFlow, on the wire, that the message is of: later ones have more actions
LIMIT_METERS = 7  # address of the index of meter ids (see `ids`), 0 where no action may name a meter

CHECK_NONE = 0  # a group bucket: nobody knows which packets come
CHECK_SET_FIELD = 1  # write-actions: only set-field must agree with the match (as in Open vSwitch)
CHECK_ALL = 2  # apply-actions, packet-out: every action must agree with the match

# scratch
STATE_FACTS = 8  # facts (oxm) about the packet at this point of the action list
STATE_TAGS = 9  # VLAN tags it has for sure; MANY_TAGS and more: a matched one, with who knows how many behind it
STATE_AT = 10  # + instruction type: where in the wire it stands, 0 for nowhere
STATE_SLOT = 24  # + action-set slot: where the action stands that has it, 0 for nowhere
STATE_CONJUNCTION = STATE_SLOT + SLOTS  # 1: the list has a conjunction
STATE_CLONES = STATE_CONJUNCTION + 1  # clones that the list is in, and for each its end, its branch, the facts before
CLONE_END, CLONE_BRANCH, CLONE_FACTS, CLONE_WORDS = 0, 1, 2, 3
MOST_CLONES = 8
STATE_CLONE = STATE_CLONES + 1
STATE_KEY = STATE_CLONE + MOST_CLONES * CLONE_WORDS  # key and mask that a flow to be learnt has for sure
STATE_MASK = STATE_KEY + KEY_WORDS
LIMIT_METER_WORDS = STATE_MASK + KEY_WORDS  # words of the index of meter ids
LIMIT_EGRESS = LIMIT_METER_WORDS + 1  # the first egress table, 0 for none
LIMIT_TRIGGERS = LIMIT_EGRESS + 1  # 1: there are flow entries with a stat-trigger
LIMIT_LEARNERS = LIMIT_TRIGGERS + 1  # LEARNERS_*, see `learners`
LIMIT_WORDS = LIMIT_LEARNERS + 1

LEARNERS_STIRRED = 1  # a first learn action that owns what it makes was decoded, or one may be gone
LEARNERS_WATCHED = 2  # there may be some

MANY_TAGS = 1 << 32


def give_meters(limits: Words, index: Words) -> None:
    """Let actions name the meters of this index, which must live as long as the row."""
    limits[LIMIT_METERS], limits[LIMIT_METER_WORDS] = index.ctypes.data, len(index)


def make_limits(tables: int = 254, max_port: int = OFPP_MAX) -> Words:
    """A row for a switch with `tables` tables and ports up to `max_port`, set to decode flow-mods."""
    limits = np.zeros(LIMIT_WORDS, np.int64)
    limits[LIMIT_TABLES], limits[LIMIT_MAX_PORT], limits[LIMIT_CHECK] = tables, max_port, CHECK_ALL
    limits[LIMIT_VERSION] = OPENFLOW_1_3
    return limits
