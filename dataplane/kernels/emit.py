"""A frame's way out: refused by name, or put on its port's transmit batch as the port can take it."""

from __future__ import annotations

from triplane.dataplane.kernels.checksum import complete
from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.machine import address_of, call_entry, view_bytes, view_rows, view_words
from triplane.dataplane.kernels.node import (
    DROP_NO_FRAME,
    DROP_NO_PORT,
    DROP_PORT_CONFIG,
    DROP_QUEUE,
    DROP_SEGMENT,
    DROP_TOO_LONG,
    N_LIVE,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    N_POOL_WORDS,
    N_PORTS,
    N_QUEUES,
    OFPPC_NO_FWD,
    OUT_CONFIG,
    OUT_QUEUES,
    OUT_ROWS,
    OUT_WORDS,
    W_COPY,
    W_DIRTY,
    W_DIRTY_LIST,
    W_DROPS,
    W_ID,
    W_MARKS,
    W_NOW,
    W_SENDS,
    W_TX,
)
from triplane.dataplane.kernels.packet import (
    ADDR,
    BURST,
    CSUM,
    CSUM_PARTIAL,
    FRAME_WORDS,
    GSO_ECN,
    GSO_NONE,
    GSO_TCPV4,
    GSO_TCPV6,
    GSO_TYPE,
    GSO_UDP_L4,
    LENGTH,
    MAX_PORTS,
    PACKET_WORDS,
    PORT,
    QUEUE,
    TYPE_AT,
    VLAN_AT,
)
from triplane.dataplane.kernels.pool import Words, give_one, lock, unlock
from triplane.dataplane.kernels.port import (
    CAP_CSUM,
    CAP_TSO4,
    CAP_TSO6,
    CAP_USO,
    P_CAPS,
    P_LOCK,
    P_MTU,
    P_TRANSMIT,
    P_TX_TOO_LONG,
    PORT_WORDS,
)
from triplane.dataplane.kernels.queues import queue_admit
from triplane.dataplane.kernels.rewrite import copy_frame, pad
from triplane.dataplane.kernels.segment import segment, segment_count


@kernel
def drop(node: Words, w: Words, row: Words, reason: int) -> None:
    """Count a packet under a DROP_* name and free its frame."""
    w[W_DROPS + reason] += 1
    give_one(view_words(node[N_POOL], node[N_POOL_WORDS]), row[ADDR])


@inlined
def queue_row(node: Words, w: Words, slot: int) -> int:
    """Address of the queue row by which this worker transmits on a port; 0 if there is no such port."""
    ports = view_words(node[N_PORTS], MAX_PORTS * OUT_WORDS)
    at = slot * OUT_WORDS
    if ports[at + OUT_ROWS] == 0:
        return 0
    return ports[at + OUT_ROWS] + w[W_ID] % ports[at + OUT_QUEUES] * PORT_WORDS * 8


@inlined
def refusal(node: Words, row: Words, slot: int, address: int) -> int:
    """Why the port does not take this frame (DROP_*), or -1."""
    if address == 0 or view_words(node[N_LIVE], MAX_PORTS)[slot] == 0:
        return DROP_NO_PORT
    if view_words(node[N_PORTS], MAX_PORTS * OUT_WORDS)[slot * OUT_WORDS + OUT_CONFIG] & OFPPC_NO_FWD:
        return DROP_PORT_CONFIG
    if row[GSO_TYPE] == GSO_NONE:
        longest = view_words(address, PORT_WORDS)[P_MTU]
        tags = row[TYPE_AT] - row[VLAN_AT] if row[VLAN_AT] >= 0 else 0
        if row[LENGTH] - tags > longest:
            return DROP_TOO_LONG
    return -1


@inlined
def admitted(node: Words, row: Words, slot: int, now: int) -> bool:
    """Whether the queue that the packet is for takes it (see `queues`); a GSO frame counts as one packet."""
    queues = view_words(node[N_QUEUES], node[N_QUEUES + 1])
    return queue_admit(queues, slot, row[QUEUE], 1, row[LENGTH], now)


@inlined
def takes_gso(caps: int, kind: int) -> bool:
    kind &= ~GSO_ECN
    if kind == GSO_TCPV4:
        return caps & CAP_TSO4 != 0
    if kind == GSO_TCPV6:
        return caps & CAP_TSO6 != 0
    return kind == GSO_UDP_L4 and caps & CAP_USO != 0


@inlined
def emit(node: Words, w: Words, row: Words, slot: int) -> None:
    """Send a frame by a port; the frame is no longer the row's."""
    address = queue_row(node, w, slot)
    reason = refusal(node, row, slot, address)
    if reason < 0 and not admitted(node, row, slot, w[W_NOW]):
        reason = DROP_QUEUE
    if reason >= 0:
        if reason == DROP_TOO_LONG:
            view_words(address, PORT_WORDS)[P_TX_TOO_LONG] += 1
        drop(node, w, row, reason)
        return
    caps = view_words(address, PORT_WORDS)[P_CAPS]
    if row[GSO_TYPE] != GSO_NONE and not takes_gso(caps, row[GSO_TYPE]):
        emit_segments(node, w, row, slot)
        return
    mem = view_bytes(node[N_MEM], node[N_MEM_BYTES])
    if row[CSUM] == CSUM_PARTIAL and caps & CAP_CSUM == 0:
        complete(mem, row)
    if row[LENGTH] < 60:
        pad(mem, view_words(node[N_POOL], node[N_POOL_WORDS]), row)
    enqueue(node, w, row, slot)


@kernel
def emit_segments(node: Words, w: Words, row: Words, slot: int) -> None:
    """Cut a GSO frame into the transmit batch of a port that does not take it whole."""
    mem = view_bytes(node[N_MEM], node[N_MEM_BYTES])
    pool = view_words(node[N_POOL], node[N_POOL_WORDS])
    count = segment_count(mem, row)
    if count == 0:
        drop(node, w, row, DROP_SEGMENT)
        return
    start = 0
    while start < count:
        have = w[W_SENDS + slot]
        free = view_rows(address_of(w, W_TX + (slot * BURST + have) * FRAME_WORDS), BURST - have, FRAME_WORDS)
        made = segment(mem, pool, row, free, start, min(BURST - have, count - start))
        if made == 0:
            w[W_DROPS + DROP_NO_FRAME] += 1
            break
        for i in range(made):
            pad(mem, pool, free[i])
        start += made
        queued(node, w, slot, made)
    give_one(pool, row[ADDR])


@inlined
def queued(node: Words, w: Words, slot: int, added: int) -> None:
    """Note that a transmit batch has grown, and send it when it is full."""
    if w[W_MARKS + slot] == 0:
        w[W_MARKS + slot] = 1
        w[W_DIRTY_LIST + w[W_DIRTY]] = slot
        w[W_DIRTY] += 1
    w[W_SENDS + slot] += added
    if w[W_SENDS + slot] == BURST:
        flush(node, w, slot)


@inlined
def enqueue(node: Words, w: Words, row: Words, slot: int) -> None:
    """Put the frame columns on the port's transmit batch."""
    at = W_TX + (slot * BURST + w[W_SENDS + slot]) * FRAME_WORDS
    for i in range(FRAME_WORDS):
        w[at + i] = row[i]
    w[at + PORT] = slot
    queued(node, w, slot, 1)


@kernel
def flush(node: Words, w: Words, slot: int) -> None:
    """Hand a port its transmit batch."""
    count = w[W_SENDS + slot]
    address = queue_row(node, w, slot)
    batch = address_of(w, W_TX + slot * BURST * FRAME_WORDS)
    w[W_SENDS + slot] = 0
    if count == 0:
        return
    if address == 0:
        abandon(node, w, slot, count)
        return
    port = view_words(address, PORT_WORDS)
    lock(port, P_LOCK)
    call_entry(port[P_TRANSMIT], address, node[N_POOL], batch, count)
    unlock(port, P_LOCK)


@kernel
def abandon(node: Words, w: Words, slot: int, count: int) -> None:
    """Drop a batch whose port went away in the meantime."""
    for i in range(count):
        w[W_DROPS + DROP_NO_PORT] += 1
        at = W_TX + (slot * BURST + i) * FRAME_WORDS
        give_one(view_words(node[N_POOL], node[N_POOL_WORDS]), w[at + ADDR])


@kernel
def flush_all(node: Words, w: Words) -> None:
    """Hand every port what waits for it."""
    for i in range(w[W_DIRTY]):
        flush(node, w, w[W_DIRTY_LIST + i])
        w[W_MARKS + w[W_DIRTY_LIST + i]] = 0
    w[W_DIRTY] = 0


@kernel
def emit_copy(node: Words, w: Words, row: Words, slot: int) -> None:
    """Send a copy of the frame by a port."""
    copy = view_words(address_of(w, W_COPY), PACKET_WORDS)
    pool = view_words(node[N_POOL], node[N_POOL_WORDS])
    if copy_frame(view_bytes(node[N_MEM], node[N_MEM_BYTES]), pool, row, copy):
        w[W_DROPS + DROP_NO_FRAME] += 1
    else:
        emit(node, w, copy, slot)
