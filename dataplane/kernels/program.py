"""The instruction set that OpenFlow instructions and action lists compile to, walked by `pipeline`.

A program is a run of int64 words in an arena. Each operation starts with a head word
`op | size << 8 | arg << 16` (size in words, head included; arg up to 47 bits), followed by size - 1 words.

A flow entry's program: METER?, apply actions inline, CLEAR?, WRITE*, METADATA?, GOTO?, END: in the order
of OpenFlow 1.3.5 section 5.9. `OP_WRITE | slot` stands before an action that goes to the action set instead of
being executed. A group bucket's and a packet-out's program is just actions and END; a bucket's are
sorted by action-set slot when it is compiled.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.pool import Words

OP_END = 0
# instructions
OP_METER = 1  # arg: meter slot
OP_CLEAR = 2
OP_WRITE = 3  # arg: action-set slot; the action that follows is written, not executed
OP_METADATA = 4  # words: value, mask
OP_GOTO = 5  # arg: table
OP_RESUBMIT = 6  # arg: table, 255 for the flow's own; word: the in_port to look up with, OFPP_IN_PORT for the packet's
OP_BRANCH = 7  # arg: how many words to pass over, 0 to stop here (exit, and the end of a clone)
# actions
OP_OUTPUT = 8  # arg: max_len; word: port number
OP_GROUP = 9  # arg: group slot
OP_SET_QUEUE = 10  # word: queue id
OP_SET_FIELD = 11  # arg: field number; words: value (high half first for 128-bit fields: high, low; else value, 0)
OP_PUSH_VLAN = 12  # arg: EtherType, and UNLESS_TAGGED
OP_POP_VLAN = 13
OP_PUSH_MPLS = 14  # arg: EtherType
OP_POP_MPLS = 15  # arg: EtherType of the payload
OP_PUSH_PBB = 16  # arg: EtherType
OP_POP_PBB = 17
OP_SET_MPLS_TTL = 18  # arg: TTL
OP_DEC_MPLS_TTL = 19
OP_SET_NW_TTL = 20  # arg: TTL
OP_DEC_NW_TTL = 21  # arg: id of the controller that is told of an expired packet
OP_COPY_TTL_OUT = 22
OP_COPY_TTL_IN = 23
# Nicira's, done by `extra`; a field is a row of oxm.FIELD_ROWS
OP_LOAD = 24  # arg: field; words: value and mask, high then low half each
OP_MOVE = 25  # arg: source field | target field << 8; word: first bits and number of bits, see `span_of`
OP_OUTPUT_REG = 26  # arg: max_len; word: field and bits
OP_OUTPUT_TRUNC = 27  # arg: port; word: bytes
OP_CONTROLLER = 28  # arg: max_len; word: reason | controller id << 8; perhaps more, see `userdata_of`
OP_PUSH_VALUE = 29  # arg: field; word: bits
OP_POP_VALUE = 30
OP_MULTIPATH = 31  # arg: target field; words: bits, then as `multipath` says
OP_BUNDLE = 32
OP_FIN_TIMEOUT = 33  # arg: idle | hard << 16, seconds
OP_CLONE = 34  # what is done to a copy stands behind the OP_BRANCH that follows
OP_CONJUNCTION = 35  # arg: clause | clauses << 8 (clauses count from 0); word: id. Never executed: see `conjunction`
# a learn action is a run of these, see `learn`
OP_LEARN = 36
OP_LEARN_MATCH = 37  # arg: source field | target field << 8; word: span
OP_LEARN_MATCH_VALUE = 38  # arg: target field; words: value and mask, high then low half each
OP_LEARN_LOAD = 39  # arg: source field | target field << 8; word: span
OP_LEARN_LOAD_VALUE = 40  # arg: target field; words: value, high then low half, and span
OP_LEARN_OUTPUT = 41  # arg: field; word: span
OP_LEARN_END = 42
OP_METER_ACTION = 43  # OpenFlow 1.5's; arg: meter slot
OP_EXTRA = OP_LOAD  # the first of them

PAUSE = 1 << 16  # in the second word of a long OP_CONTROLLER, above the bytes of userdata
NEXT_END = -1  # in place of a table to go to: none
UNLESS_TAGGED = 1 << 16  # what has a tag is left as it is (OpenFlow 1.0 sets a VLAN id whether there is a tag or not)

# slots of the action set, in the order of execution (OpenFlow 1.3.5 section 5.10)
SLOT_COPY_TTL_IN = 0
SLOT_POP_VLAN = 1
SLOT_POP_MPLS = 2
SLOT_POP_PBB = 3
SLOT_PUSH_MPLS = 4
SLOT_PUSH_PBB = 5
SLOT_PUSH_VLAN = 6
SLOT_COPY_TTL_OUT = 7
SLOT_DEC_MPLS_TTL = 8
SLOT_DEC_NW_TTL = 9
SLOT_SET_MPLS_TTL = 10
SLOT_SET_NW_TTL = 11
SLOT_SET_FIELD = 12  # + field number, 0..44
SLOT_METER = 57  # "qos" of OpenFlow 1.5.1 section 5.6, with the queue
SLOT_QUEUE = 58
SLOT_GROUP = 59
SLOT_OUTPUT = 60
SLOTS = 61  # fits the bits of one word


@inlined
def op_of(head: int) -> int:
    return head & 0xFF


@inlined
def size_of(head: int) -> int:
    return head >> 8 & 0xFF


@inlined
def arg_of(head: int) -> int:
    return head >> 16


@kernel
def head_of(op: int, size: int, arg: int) -> int:
    return op | size << 8 | arg << 16


@kernel
def span_of(source: int, target: int, bits: int) -> int:
    """First bits of source and target, and the number of bits, in a word."""
    return source | target << 16 | bits << 32


@inlined
def userdata_of(arena: Words, at: int) -> int:
    """Bytes of userdata that a long OP_CONTROLLER has from its third word on, the first in the low end."""
    return arena[at + 2] & 0xFFFF


@inlined
def pauses(arena: Words, at: int) -> bool:
    """Whether the packet stops at a long OP_CONTROLLER."""
    return arena[at + 2] & PAUSE != 0


@inlined
def source_bit(span: int) -> int:
    return span & 0xFFFF


@inlined
def target_bit(span: int) -> int:
    return span >> 16 & 0xFFFF


@inlined
def span_bits(span: int) -> int:
    return span >> 32
