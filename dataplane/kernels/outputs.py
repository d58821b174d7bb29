"""Where a packet can be sent: a port, the reserved ports, a group."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.emit import emit, emit_copy
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.kept import keep
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.node import (
    DROP_DEPTH,
    DROP_IN_PORT,
    DROP_NO_FRAME,
    DROP_NO_PORT,
    N_EGRESS,
    N_LIVE,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    N_PORTS,
    N_TOP_PORT,
    OFPPC_NO_FLOOD,
    OUT_CONFIG,
    OUT_ROWS,
    OUT_WORDS,
    STACK_DEPTH,
    W_DEPTH,
    W_DROPS,
    W_FLOW,
    W_KEY,
    W_STACK,
    W_STALE,
)
from triplane.dataplane.kernels.packet import (
    ADDR,
    BLOCK,
    BUCKET,
    FLOW,
    GROUP,
    HASH,
    IN_PORT,
    LEAVES,
    MAX_PORTS,
    PACKET_WORDS,
    PENDING,
    REASON,
    REGS,
)
from triplane.dataplane.kernels.parse import fill_key, flow_hash
from triplane.dataplane.kernels.police import normal_port, punt_packet
from triplane.dataplane.kernels.pool import Words, give_one
from triplane.dataplane.kernels.registers import EGRESS
from triplane.dataplane.kernels.rewrite import copy_frame

PENDING_NONE = 0
PENDING_SENT = 1
FIRST_SLOT = 2

OFPP_MAX = 0xFFFFFF00
OFPP_IN_PORT = 0xFFFFFFF8
OFPP_TABLE = 0xFFFFFFF9
OFPP_NORMAL = 0xFFFFFFFA
OFPP_FLOOD = 0xFFFFFFFB
OFPP_ALL = 0xFFFFFFFC
OFPP_CONTROLLER = 0xFFFFFFFD
OFPP_LOCAL = 0xFFFFFFFE

GROUP_TABLE = -1  # on the stack: not a group's work but the flow tables' (output:TABLE)
GROUP_CLONE = -2  # a program's, at BUCKET, and then the action set's (Nicira's clone)
GROUP_EGRESS = -3  # the egress tables', before it leaves by the port of slot LEAVES
GROUP_BARE = -4  # a program's, at BUCKET: a clone's in a bucket, which has no action set to execute


@inlined
def slot_of(port: int) -> int:
    """The slot of an OpenFlow port number, or -1."""
    if port == OFPP_LOCAL:
        return 0
    return port if 0 < port < MAX_PORTS else -1


@inlined
def settle(node: Words, w: Words, row: Words) -> None:
    """Before anything else happens to the packet: a copy goes where it was to go."""
    if row[PENDING] >= FIRST_SLOT:
        emit_copy(node, w, row, row[PENDING] - FIRST_SLOT)
        row[PENDING] = PENDING_SENT


@inlined
def send(node: Words, w: Words, row: Words, slot: int) -> None:
    """Note that the packet leaves by a port."""
    if node[N_EGRESS] != 0 and row[REGS] & EGRESS == 0:
        push_egress(node, w, row, slot)
    else:
        settle(node, w, row)
        row[PENDING] = slot + FIRST_SLOT


@inlined
def sent(row: Words) -> None:
    if row[PENDING] == PENDING_NONE:
        row[PENDING] = PENDING_SENT


@inlined
def output(node: Words, w: Words, row: Words, port: int, max_len: int) -> None:
    """Action output (OpenFlow 1.3.5 section 4.5, 5.12)."""
    slot = slot_of(port)
    if slot >= 0:
        if port == row[IN_PORT]:
            w[W_DROPS + DROP_IN_PORT] += 1
            sent(row)
        else:
            send(node, w, row, slot)
    elif port == OFPP_CONTROLLER:
        punt_packet(node, w, row, row[REASON], max_len)
        sent(row)
    else:
        output_reserved(node, w, row, port)


@kernel
def output_reserved(node: Words, w: Words, row: Words, port: int) -> None:
    if port == OFPP_IN_PORT:
        slot = slot_of(row[IN_PORT])
        if slot >= 0:
            send(node, w, row, slot)
    elif port == OFPP_FLOOD:
        flood(node, w, row, OFPPC_NO_FLOOD)
    elif port == OFPP_ALL:
        flood(node, w, row, 0)
    elif port == OFPP_NORMAL:
        normal(node, w, row)
    elif port == OFPP_TABLE:
        push_table(node, w, row)
    else:
        w[W_DROPS + DROP_NO_PORT] += 1
        sent(row)


@kernel
def flood(node: Words, w: Words, row: Words, barred: int) -> None:
    """To every live standard port but the ingress one and those whose config has a `barred` bit."""
    ports = view_words(node[N_PORTS], MAX_PORTS * OUT_WORDS)
    live = view_words(node[N_LIVE], MAX_PORTS)
    sent(row)
    for slot in range(1, node[N_TOP_PORT] + 1):
        at = slot * OUT_WORDS
        usable = ports[at + OUT_ROWS] != 0 and live[slot] != 0 and ports[at + OUT_CONFIG] & barred == 0
        if usable and slot != row[IN_PORT]:
            send(node, w, row, slot)


@kernel
def normal(node: Words, w: Words, row: Words) -> None:
    """As a learning switch does (OFPP_NORMAL)."""
    refresh(node, w, row)
    slot = normal_port(node, w, row)
    if slot >= 0:
        send(node, w, row, slot)
    elif slot == -1:
        flood(node, w, row, OFPPC_NO_FLOOD)
    else:
        sent(row)


@inlined
def refresh(node: Words, w: Words, row: Words) -> None:
    """Make the key anew if the frame was changed since."""
    if w[W_STALE]:
        fill_key(view_bytes(node[N_MEM], node[N_MEM_BYTES]), row, view_words(address_of(w, W_KEY), KEY_WORDS))
        w[W_STALE] = 0


@kernel
def stack_at(w: Words, depth: int) -> int:
    """Address of a row of the stack."""
    return address_of(w, W_STACK + depth * PACKET_WORDS)


@kernel
def push(node: Words, w: Words, row: Words, work: int, move: bool) -> bool:
    """Leave the packet (`move`) or a copy of it on the stack, for what `work` says; False if that failed."""
    if w[W_DEPTH] == STACK_DEPTH:
        w[W_DROPS + DROP_DEPTH] += 1
        return False
    top = view_words(stack_at(w, w[W_DEPTH]), PACKET_WORDS)
    if move:
        for i in range(PACKET_WORDS):
            top[i] = row[i]
    elif copy_frame(view_bytes(node[N_MEM], node[N_MEM_BYTES]), view_words(node[N_POOL], node[N_POOL_WORDS]), row, top):
        w[W_DROPS + DROP_NO_FRAME] += 1
        return False
    top[GROUP], top[BLOCK], top[PENDING], top[FLOW] = work, 0, PENDING_NONE, w[W_FLOW]
    keep(w, top, w[W_DEPTH], work == GROUP_CLONE)
    w[W_DEPTH] += 1
    return True


@kernel
def push_group(node: Words, w: Words, row: Words, group: int, move: bool) -> None:
    """Leave a packet for a group's buckets; with `move` the row is done with."""
    refresh(node, w, row)
    row[HASH] = flow_hash(row, view_words(address_of(w, W_KEY), KEY_WORDS))
    if move and row[PENDING] >= FIRST_SLOT:
        push(node, w, row, group + 1, False)
        emit(node, w, row, row[PENDING] - FIRST_SLOT)
        return
    if not push(node, w, row, group + 1, move) and move:
        give_one(view_words(node[N_POOL], node[N_POOL_WORDS]), row[ADDR])
    sent(row)


@kernel
def push_table(node: Words, w: Words, row: Words) -> None:
    """Leave a copy of a packet for the flow tables (packet-out with output:TABLE)."""
    push(node, w, row, GROUP_TABLE, False)
    sent(row)


@kernel
def push_clone(node: Words, w: Words, row: Words, program: int) -> None:
    """Leave a copy of a packet for a program of its own."""
    bare = row[GROUP] > 0 or row[GROUP] == GROUP_BARE
    if push(node, w, row, GROUP_BARE if bare else GROUP_CLONE, False):
        top = view_words(stack_at(w, w[W_DEPTH] - 1), PACKET_WORDS)
        top[BUCKET] = program
    sent(row)


@kernel
def push_egress(node: Words, w: Words, row: Words, slot: int) -> None:
    """Leave a copy of a packet for the egress tables; what it meets there sends it out directly."""
    if push(node, w, row, GROUP_EGRESS, False):
        top = view_words(stack_at(w, w[W_DEPTH] - 1), PACKET_WORDS)
        top[LEAVES] = slot
        top[REGS] |= EGRESS
    sent(row)
