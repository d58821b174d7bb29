"""One packet through the flow tables, and through what groups leave to be done."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be48
from triplane.dataplane.kernels.classify import F_CODE
from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.emit import drop
from triplane.dataplane.kernels.execute import NEXT_DROPPED, execute, finish, run_action_set
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.matching import match
from triplane.dataplane.kernels.node import (
    DROP_FRAGMENT,
    DROP_MISS,
    DROP_PORT_CONFIG,
    DROP_SHORT,
    MODE_STANDALONE,
    N_ARENA,
    N_ARENA_WORDS,
    N_FRAGMENTS,
    N_MEM,
    N_MEM_BYTES,
    N_MISSES,
    N_MODE,
    N_POOL,
    N_POOL_WORDS,
    N_PORTS,
    OFPPC_NO_RECV,
    OFPPC_NO_RECV_STP,
    OFPPC_PORT_DOWN,
    OUT_CONFIG,
    OUT_NUMBER,
    OUT_WORDS,
    W_ACTIONS,
    W_KEY,
    W_STALE,
)
from triplane.dataplane.kernels.outputs import PENDING_NONE, normal, settle
from triplane.dataplane.kernels.packet import (
    ADDR,
    COOKIE,
    FRAGMENT,
    HASH,
    IN_PORT,
    MAX_PORTS,
    METADATA,
    PENDING,
    PORT,
    QUEUE,
    REASON,
    REGS,
    TABLE,
    TUNNEL_ID,
)
from triplane.dataplane.kernels.parse import parse
from triplane.dataplane.kernels.police import punt_packet
from triplane.dataplane.kernels.pool import Words, give_one
from triplane.dataplane.kernels.program import NEXT_END
from triplane.dataplane.kernels.punts import OFPR_ACTION, OFPR_NO_MATCH

SPANNING_TREE = 0x0180C2000000  # the address of its frames (IEEE 802.1D 7.12.3)


@inlined
def admit(node: Words, w: Words, row: Words) -> bool:
    """Prepare the row of a packet that a port received; False if it was dropped."""
    ports = view_words(node[N_PORTS], MAX_PORTS * OUT_WORDS)
    at = row[PORT] * OUT_WORDS
    row[IN_PORT] = ports[at + OUT_NUMBER]
    row[METADATA], row[TUNNEL_ID], row[QUEUE], row[TABLE] = 0, 0, 0, 0
    row[COOKIE], row[HASH], row[PENDING], row[REGS] = 0, 0, PENDING_NONE, 0
    row[REASON] = OFPR_ACTION
    barred = OFPPC_NO_RECV | OFPPC_PORT_DOWN
    if ports[at + OUT_CONFIG] & (barred | OFPPC_NO_RECV_STP) and refused(node, row, ports[at + OUT_CONFIG]):
        drop(node, w, row, DROP_PORT_CONFIG)
        return False
    return True


@kernel
def refused(node: Words, row: Words, config: int) -> bool:
    """Whether a port of this config takes no such frame: those for the spanning tree have a bit of their own."""
    if config & OFPPC_PORT_DOWN:
        return True
    is_stp = be48(view_bytes(node[N_MEM], node[N_MEM_BYTES]), row[ADDR]) == SPANNING_TREE
    return config & (OFPPC_NO_RECV_STP if is_stp else OFPPC_NO_RECV) != 0


@inlined
def prepare(node: Words, w: Words, row: Words) -> bool:
    """Parse, and apply what holds before any table; False if it was dropped."""
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    if parse(view_bytes(node[N_MEM], node[N_MEM_BYTES]), row, key):
        drop(node, w, row, DROP_SHORT)
        return False
    w[W_STALE] = 0
    if row[FRAGMENT] != 0 and node[N_FRAGMENTS] != 0:
        drop(node, w, row, DROP_FRAGMENT)
        return False
    return True


@kernel
def receive(node: Words, w: Words, row: Words) -> None:
    """A packet from a port, to its end."""
    if not admit(node, w, row) or not prepare(node, w, row):
        return
    if node[N_MODE] == MODE_STANDALONE:
        normal(node, w, row)
        finish(node, w, row)
    else:
        tables(node, w, row)


@inlined
def tables(node: Words, w: Words, row: Words) -> None:
    """Walk the flow tables from table 0, then the action set."""
    if walk(node, w, row, 0):
        if w[W_ACTIONS]:
            run_action_set(node, w, row)
        else:
            finish(node, w, row)


@inlined
def walk(node: Words, w: Words, row: Words, table: int) -> bool:
    """Walk the flow tables from `table` on, with an empty action set; False if the packet came to its end there."""
    w[W_ACTIONS] = 0
    return walk_further(node, w, row, table)


@inlined
def walk_further(node: Words, w: Words, row: Words, table: int) -> bool:
    """As `walk`, with the action set that there is."""
    while table != NEXT_END:
        flow = match(node, w, row, table)
        if flow == 0:
            miss(node, w, row)
            return False
        table = execute(node, w, row, view_words(node[N_ARENA], node[N_ARENA_WORDS])[flow + F_CODE])
        if table == NEXT_DROPPED:
            return False
    return True


@kernel
def miss(node: Words, w: Words, row: Words) -> None:
    """The end of a packet that a table has no flow entry for. An earlier table's output stands."""
    settle(node, w, row)
    if node[N_MISSES] == 0:
        drop(node, w, row, DROP_MISS)
        return
    punt_packet(node, w, row, OFPR_NO_MATCH, -1)
    give_one(view_words(node[N_POOL], node[N_POOL_WORDS]), row[ADDR])
