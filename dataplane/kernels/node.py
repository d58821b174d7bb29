"""The row that leads to everything: int64[NODE_WORDS] of addresses and sizes, one for each node.

Kernels of the packet path take `node` and a worker's row and make views where they need them: a view costs
nothing, while handing twenty arrays from call to call would cost more than a table lookup.
Addresses are in bytes, sizes in words unless they say otherwise.
"""

from __future__ import annotations

from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.packet import BURST, FRAME_WORDS, MAX_PORTS, PACKET_WORDS

N_MEM, N_MEM_BYTES = 0, 1  # frame memory
N_POOL, N_POOL_WORDS = 2, 3
N_ARENA, N_ARENA_WORDS = 4, 5
N_TABLES = 6  # int64[TABLES * TABLE_WORDS]
N_WORKERS = 7  # workers that count, the control thread included
N_PORTS = 8  # int64[MAX_PORTS, OUT_WORDS]: see OUT_*
N_LIVE = 9  # int64[MAX_PORTS]: 1 while a port is up and not OFPPC_PORT_DOWN
N_MODE = 10  # MODE_*
N_FRAGMENTS = 11  # OFPC_FRAG_*
N_EPOCH = 12  # bumped by the control thread; workers copy it at each breath
N_TOP_PORT = 13  # highest port slot in use
N_MISSES = 14  # 1: what no flow entry matches goes to the controllers, as before OpenFlow 1.3
N_EGRESS = 15  # the first egress table (OpenFlow 1.5), 0 for none
N_GROUPS = 16  # addresses and sizes of the arrays of groups, meters, MACs, queues: see `state`
N_METERS = 32
N_MACS = 48
N_QUEUES = 64
N_REUSED = 80  # bumped when slots of deleted groups or meters can be taken again (see `pause`)
NODE_WORDS = 128

MODE_PIPELINE = 0
MODE_STANDALONE = 1  # fail-standalone: every packet as by output:NORMAL

# a port slot's row, as the packet path sees it
OUT_ROWS = 0  # address of the row of its first queue, 0 = no such port
OUT_QUEUES = 1  # queue rows, PORT_WORDS apart
OUT_CONFIG = 2  # OFPPC_*
OUT_NUMBER = 3  # OpenFlow port number
OUT_WORDS = 8

OFPPC_PORT_DOWN = 1 << 0
OFPPC_NO_RECV = 1 << 2
OFPPC_NO_FWD = 1 << 5
OFPPC_NO_PACKET_IN = 1 << 6
OFPPC_NO_RECV_STP = 1 << 3  # of OpenFlow 1.0, as is the next: spanning tree frames have a bit of their own
OFPPC_NO_FLOOD = 1 << 4

# a worker's row
W_ID = 0
W_NOW = 1  # ns, read once in each breath
W_EPOCH = 2  # last N_EPOCH seen; EPOCH_ASLEEP while it reads nothing
W_STOP = 3  # set to 1 by the control thread: return from `work`
W_PUNT = 4  # address of its punt rings
W_PUNT_WORDS = 5
W_PUNTED = 6  # 1: packets were punted in this breath
W_EVENT = 7  # eventfd that wakes the control thread
W_WAKE = 8  # eventfd that wakes this worker
W_DEPTH = 9  # rows on the stack
W_DIRTY = 10  # ports with frames in their transmit batch
W_BREATHS = 11
W_ACTIONS = 12  # bits of the slots in the action set
W_QUEUES = 13  # address of the list of receive queue rows (addresses)
W_QUEUE_COUNT = 14
W_FLOW = 15  # the flow that matched last
W_STALE = 16  # 1: the frame was changed since it was parsed
W_POLL = 17  # address of struct pollfd[W_POLL_COUNT]: the wake event, then the receive queues
W_POLL_COUNT = 18
W_SPIN = 19  # ns to look for packets before sleeping
W_SLEEPS = 20
W_DRAINED = 21  # scratch of an eventfd read
W_ONE = 22  # scratch of an eventfd write
W_SHOWN = 23  # 1: the flow key shows a packet's registers
W_DROPS = 24  # counters by DROP_*
DROP_REASONS = 24
W_CALL_DEPTH = 48  # rows on W_CALLS
W_DEEP = 49  # of those, how many did not lead to a later table
W_GOTO = 50  # the table after the resubmitted flow, NEXT_END if none
W_LEARN_HEAD = 51  # the OP_LEARN under way
W_LEARN_AT = 52  # bytes of actions on W_LEARN
W_OUTPUT_SHOWN = 53  # not 0: the flow key shows an output of the action set
W_SCRATCH = 64  # of the classifier
W_COPY = 96  # a packet row: a copy on its way out
W_KEY = W_COPY + PACKET_WORDS  # the flow key
W_CHILD = W_KEY + 32  # a packet row: the one whose group bucket runs
W_ACTION_SET = W_CHILD + PACKET_WORDS  # program offset of each slot
W_TABLE_COUNTS = W_ACTION_SET + 64  # lookups and matches of each table
W_STACK = W_TABLE_COUNTS + 512  # int64[STACK_DEPTH, PACKET_WORDS]: packets that groups or output:TABLE left to do
STACK_DEPTH = 32
W_BATCH = W_STACK + STACK_DEPTH * PACKET_WORDS  # int64[BURST, PACKET_WORDS]
W_SENDS = W_BATCH + BURST * PACKET_WORDS  # int64[MAX_PORTS]: frames in each transmit batch
W_DIRTY_LIST = W_SENDS + MAX_PORTS
W_MARKS = W_DIRTY_LIST + MAX_PORTS  # 1 for each port in that list
W_TX = W_MARKS + MAX_PORTS  # int64[MAX_PORTS, BURST, FRAME_WORDS]
W_CALLS = W_TX + MAX_PORTS * BURST * FRAME_WORDS  # int64[RESUBMITS, CALL_WORDS]: see `resubmit`
RESUBMITS = 4096
CALL_AT = 0  # where the caller goes on
CALL_GOTO = 1  # its W_GOTO
CALL_TABLE = 2
CALL_FLOW = 3
CALL_DEEP = 4
CALL_WORDS = 5
W_VALUES = W_CALLS + RESUBMITS * CALL_WORDS  # int64[VALUES, 2]: what Nicira's push left
VALUES = 1024
W_CONJUNCTIONS = W_VALUES + 2 * VALUES  # int64[CONJUNCTIONS, 3]: see `conjunction`
CONJUNCTIONS = 256
W_LEARN = W_CONJUNCTIONS + 3 * CONJUNCTIONS  # int64[LEARN_WORDS]: the flow that is learnt, as bytes (see `learn`)
LEARN_WORDS = 512
W_LEARN_KEY = W_LEARN + LEARN_WORDS  # and its key and mask
W_LEARN_MASK = W_LEARN_KEY + KEY_WORDS
W_KEPT_SETS = W_LEARN_MASK + KEY_WORDS  # int64[STACK_DEPTH, 64]: action sets of the packets on W_STACK (see `kept`)
W_KEPT_VALUES = W_KEPT_SETS + STACK_DEPTH * 64  # int64[STACK_DEPTH, VALUES, 2]: what Nicira's push left of those
W_MORE = W_KEPT_VALUES + STACK_DEPTH * VALUES * 2  # int64[MORE_WORDS]: what a packet-in carries along (see `pause`)
MORE_WORDS = 8192
WORKER_WORDS = W_MORE + MORE_WORDS

EPOCH_ASLEEP = 1 << 62

DROP_MISS = 0  # no flow matched: OpenFlow 1.3.5 section 5.4
DROP_NO_ACTION = 1  # matched, and no action sent it anywhere
DROP_METER = 2
DROP_TTL = 3
DROP_NO_PORT = 4  # output to a port that is not there or is down
DROP_IN_PORT = 5  # output to the ingress port other than by OFPP_IN_PORT
DROP_NO_FRAME = 6  # the pool was empty
DROP_TOO_LONG = 7  # longer than the port's MTU
DROP_SEGMENT = 8  # a GSO frame that cannot be segmented
DROP_FRAGMENT = 9  # OFPC_FRAG_DROP
DROP_PORT_CONFIG = 10  # OFPPC_NO_RECV, NO_FWD or PORT_DOWN
DROP_SHORT = 11  # less than an Ethernet header
DROP_DEPTH = 12  # groups nested too deep
DROP_GROUP = 13  # no live bucket
DROP_QUEUE = 14  # over the queue's max-rate
DROP_RESERVED = 15  # link-local multicast (01:80:c2:00:00:0x) at output:NORMAL
DROP_LEARNED = 16  # output:NORMAL: the destination is behind the ingress port
DROP_HEADROOM = 17  # no room to push a header
DROP_PUNT = 18  # for the controller, and its ring or its rate is full
DROP_RESUBMIT = 19  # resubmits nested too deep, or too many
DROP_LEARN = 20  # a flow to be learnt that the ring, or its rate, had no room for; the packet goes on
DROP_NAMES = [
    "no_match",
    "no_action",
    "meter",
    "ttl",
    "no_port",
    "in_port",
    "no_frame",
    "too_long",
    "segment",
    "fragment",
    "port_config",
    "short",
    "depth",
    "group",
    "queue",
    "reserved",
    "learned",
    "headroom",
    "punt",
    "resubmit",
    "learn",
]
