"""What the walk asks of the tables beside the flow tables: meters, the MAC table, the punt rings."""

from __future__ import annotations

from triplane.dataplane.kernels.classify import COUNTER_WORDS, F_COUNTERS, F_KEY, F_PRIORITY
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import K_ETH_DST, K_ETH_SRC, K_PORT, KEY_WORDS
from triplane.dataplane.kernels.flows import C_COOKIE
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words
from triplane.dataplane.kernels.macs import Macs, is_reserved_multicast, mac_learn, mac_lookup
from triplane.dataplane.kernels.meters import METER_DROP, VIRTUAL_CONTROLLER, Meters, meter_run
from triplane.dataplane.kernels.node import (
    DROP_LEARNED,
    DROP_METER,
    DROP_PUNT,
    DROP_RESERVED,
    MORE_WORDS,
    N_ARENA,
    N_ARENA_WORDS,
    N_MACS,
    N_MEM,
    N_MEM_BYTES,
    N_METERS,
    N_PORTS,
    N_WORKERS,
    OFPPC_NO_PACKET_IN,
    OUT_CONFIG,
    OUT_NUMBER,
    OUT_ROWS,
    OUT_WORDS,
    W_DROPS,
    W_FLOW,
    W_ID,
    W_KEY,
    W_MORE,
    W_NOW,
    W_PUNT,
    W_PUNT_WORDS,
    W_PUNTED,
)
from triplane.dataplane.kernels.packet import (
    COOKIE,
    GROUP,
    GSO_NONE,
    GSO_SIZE,
    GSO_TYPE,
    IN_PORT,
    LENGTH,
    MAX_PORTS,
    PORT,
)
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.punts import OFPR_ACTION, OFPR_ACTION_SET, OFPR_NO_MATCH, punt, punt_class, punt_more

NORMAL_FLOOD = -1
NORMAL_NOWHERE = -2
MAC_BITS = 0xFFFFFFFFFFFF
NO_COOKIE = -1  # "no flow entry": all ones (OpenFlow 1.3.5 section 7.4.1)


@kernel
def packets_in(row: Words) -> int:
    """Packets that a frame stands for on the wire: a GSO frame is many."""
    return max((row[LENGTH] - 1) // row[GSO_SIZE] + 1, 1) if row[GSO_TYPE] != GSO_NONE and row[GSO_SIZE] > 0 else 1


@kernel
def measured(node: Words, w: Words, row: Words, slot: int) -> int:
    """What a meter says of the packet: METER_DROP, METER_PASS or levels to remark by."""
    at = N_METERS
    meters = Meters(
        view_words(node[at], node[at + 1]),
        view_words(node[at + 2], node[at + 3]),
        view_words(node[at + 4], node[at + 5]),
        view_words(node[at + 6], node[at + 7]),
    )
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    return meter_run(meters, arena, slot, packets_in(row), row[LENGTH], w[W_NOW], w[W_ID])


@kernel
def controller_meter(node: Words, w: Words, row: Words) -> bool:
    """OFPM_CONTROLLER, the meter of all packets that go up; False to drop it."""
    slot = view_words(node[N_METERS + 6], node[N_METERS + 7])[VIRTUAL_CONTROLLER]
    return slot < 0 or measured(node, w, row, slot) != METER_DROP


@kernel
def normal_port(node: Words, w: Words, row: Words) -> int:
    """Slot that the learning switch sends the packet to, NORMAL_FLOOD or NORMAL_NOWHERE. The key is fresh."""
    at = N_MACS
    macs = Macs(view_words(node[at], node[at + 1]), view_words(node[at + 2], node[at + 3]))
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    target = key[K_ETH_DST] >> 16 & MAC_BITS
    vlan = key[K_ETH_SRC] >> 3 & 0xFFF
    if is_reserved_multicast(target):
        w[W_DROPS + DROP_RESERVED] += 1
        return NORMAL_NOWHERE
    here = ingress(node, row)
    if here >= 0:
        mac_learn(macs, vlan, key[K_ETH_SRC] >> 16 & MAC_BITS, here, w[W_NOW])
    slot = mac_lookup(macs, vlan, target, w[W_NOW])
    if slot >= 0 and slot == here:
        w[W_DROPS + DROP_LEARNED] += 1
        return NORMAL_NOWHERE
    return slot


@kernel
def ingress(node: Words, row: Words) -> int:
    """Slot of the port that the packet came from, -1 if from none (a packet-out of OFPP_CONTROLLER)."""
    ports = view_words(node[N_PORTS], MAX_PORTS * OUT_WORDS)
    at = row[PORT] * OUT_WORDS
    return row[PORT] if ports[at + OUT_ROWS] != 0 and ports[at + OUT_NUMBER] == row[IN_PORT] else -1


@kernel
def reason_of(arena: Words, flow: int, reason: int) -> int:
    """OFPR_NO_MATCH instead of OFPR_ACTION and OFPR_ACTION_SET if the flow is the table-miss entry (section 5.4)."""
    by_flow = reason == OFPR_ACTION or reason == OFPR_ACTION_SET
    if not by_flow or flow == 0 or arena[flow + F_PRIORITY] != 0:
        return reason
    return OFPR_NO_MATCH if arena[flow + F_COUNTERS] == flow + F_KEY else reason


@kernel
def cookie_of(node: Words, arena: Words, flow: int) -> int:
    return arena[arena[flow + F_COUNTERS] + node[N_WORKERS] * COUNTER_WORDS + C_COOKIE] if flow else NO_COOKIE


@kernel
def punt_packet(node: Words, w: Words, row: Words, reason: int, max_len: int) -> None:
    """Copy the packet to the controller's ring."""
    punt_along(node, w, row, reason, max_len, 0)


@kernel
def punt_along(node: Words, w: Words, row: Words, reason: int, max_len: int, more: int) -> None:
    """The packet and the first `more` words of W_MORE. OFPPC_NO_PACKET_IN bars table misses only (section 7.2.1)."""
    arena = view_words(node[N_ARENA], node[N_ARENA_WORDS])
    if row[GROUP] <= 0:  # a table-miss entry that sends by way of a group does not send directly
        reason = reason_of(arena, w[W_FLOW], reason)
    ports = view_words(node[N_PORTS], MAX_PORTS * OUT_WORDS)
    slot = ingress(node, row)
    if reason == OFPR_NO_MATCH and slot >= 0 and ports[slot * OUT_WORDS + OUT_CONFIG] & OFPPC_NO_PACKET_IN:
        return
    if not controller_meter(node, w, row):
        w[W_DROPS + DROP_METER] += 1
        return
    row[COOKIE] = cookie_of(node, arena, w[W_FLOW])
    ring = view_words(w[W_PUNT], w[W_PUNT_WORDS])
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    key[K_PORT] = row[IN_PORT] << 32 | row[IN_PORT]  # parsing leaves it as another packet's lookup wrote it
    mem = view_bytes(node[N_MEM], node[N_MEM_BYTES])
    if more:
        words = view_words(address_of(w, W_MORE), MORE_WORDS)
        refused = punt_more(ring, punt_class(reason), mem, row, key, w[W_NOW], reason, max_len, words, more)
    else:
        refused = punt(ring, punt_class(reason), mem, row, key, w[W_NOW], reason, max_len)
    if refused:
        w[W_DROPS + DROP_PUNT] += 1
    else:
        w[W_PUNTED] = 1
