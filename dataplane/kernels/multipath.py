"""Which of several ways a packet takes, by a hash of some of its fields: Nicira's multipath and bundle.

The algorithms are those of Open vSwitch (ovs-actions(7)); the hash is our own, so that the same packet may take another
of the ways than there.

Words of both operations, from the head on: head, span of the target, fields | algorithm << 16 | count << 32,
basis | argument << 32; a bundle's members follow, two ports in each word, the first in the low half.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ethertypes import PROTO_SCTP, PROTO_TCP, PROTO_UDP, TYPE_IPV4, TYPE_IPV6
from triplane.dataplane.kernels.fields import K_A, K_B, K_C, K_D, K_ETH_DST, K_ETH_SRC, K_IP, K_L4, KEY_WORDS
from triplane.dataplane.kernels.machine import address_of, multiply, view_words
from triplane.dataplane.kernels.mix import mix64
from triplane.dataplane.kernels.node import N_LIVE, W_KEY
from triplane.dataplane.kernels.outputs import slot_of
from triplane.dataplane.kernels.packet import ETH_TYPE, MAX_PORTS, PROTO
from triplane.dataplane.kernels.pool import Words

HASH_ETH_SRC, HASH_L4, HASH_L3L4, HASH_L3L4_UDP, HASH_NW_SRC, HASH_NW_DST, HASH_L3 = range(7)  # NX_HASH_FIELDS_*
MODULO_N, HASH_THRESHOLD, HRW, ITER_HASH = range(4)  # NX_MP_ALG_*
ACTIVE_BACKUP, BUNDLE_HRW = range(2)  # NX_BD_ALG_*
MOST_HRW = 64  # links up to which every one is weighed
NO_PORT = 0xFFFF
HASH_BITS = 0xFFFFFFFF


@kernel
def two_words(first: int, second: int) -> int:
    """32 bits from two numbers."""
    return mix64(multiply(first + 1, -7046029254386353131) ^ second) & HASH_BITS


@kernel
def is_ip(row: Words) -> bool:
    return row[ETH_TYPE] == TYPE_IPV4 or row[ETH_TYPE] == TYPE_IPV6


@kernel
def addresses(key: Words, row: Words, source: bool, target: bool) -> int:
    """IP source and target mixed, either or both: alike when they change places; 0 for a packet that is not IP."""
    if row[ETH_TYPE] == TYPE_IPV4:
        return (key[K_A] >> 32 & 0xFFFFFFFF if source else 0) ^ (key[K_A] & 0xFFFFFFFF if target else 0)
    if row[ETH_TYPE] != TYPE_IPV6:
        return 0
    high = (key[K_A] if source else 0) ^ (key[K_C] if target else 0)
    return mix64(high) ^ (key[K_B] if source else 0) ^ (key[K_D] if target else 0)


@kernel
def ports(key: Words, row: Words, udp: bool) -> int:
    """Protocol, and the ports of TCP, SCTP and, if wanted, UDP mixed."""
    if not is_ip(row):
        return 0
    proto = row[PROTO]
    both = (key[K_L4] >> 48 ^ key[K_L4] >> 32) & 0xFFFF
    has_ports = proto == PROTO_TCP or proto == PROTO_SCTP or (udp and proto == PROTO_UDP)
    return (key[K_IP] >> 56 & 0xFF) << 16 | (both if has_ports else 0)


@kernel
def link_layer(key: Words) -> int:
    """MAC addresses mixed, EtherType and VLAN id."""
    macs = (key[K_ETH_DST] ^ key[K_ETH_SRC]) >> 16 & 0xFFFFFFFFFFFF
    return mix64(macs) ^ (key[K_ETH_DST] & 0xFFFF) << 16 ^ key[K_ETH_SRC] >> 3 & 0xFFF


@kernel
def hash_fields(key: Words, row: Words, fields: int, basis: int) -> int:
    """32 bits from the packet's fields that NX_HASH_FIELDS_* `fields` names; its key is fresh."""
    if fields == HASH_ETH_SRC:
        value = key[K_ETH_SRC] >> 16 & 0xFFFFFFFFFFFF
    elif fields == HASH_NW_SRC or fields == HASH_NW_DST:
        value = addresses(key, row, fields == HASH_NW_SRC, fields == HASH_NW_DST)
    else:
        value = addresses(key, row, True, True)
        if fields != HASH_L3:
            value = mix64(value) ^ ports(key, row, fields == HASH_L3L4_UDP)
        if fields == HASH_L4:
            value = mix64(value) ^ link_layer(key)
    return two_words(basis, value)


@kernel
def heaviest(hashed: int, links: int) -> int:
    """Highest random weight: when a link is added or taken away, few packets change theirs."""
    best, best_weight = 0, -1
    for link in range(links):
        weight = two_words(hashed, link)
        if weight > best_weight:
            best, best_weight = link, weight
    return best


@kernel
def iterated(hashed: int, links: int, modulo: int) -> int:
    """Hash again until the result is a link."""
    if modulo < links or modulo // 2 > links:
        modulo = 1
        while modulo < links:
            modulo *= 2
    turn = 0
    link = two_words(hashed, turn) % modulo
    while link >= links:
        turn += 1
        link = two_words(hashed, turn) % modulo
    return link


@kernel
def link_of(hashed: int, algorithm: int, links: int, argument: int) -> int:
    """NX_MP_ALG_* `algorithm`: a number below `links`."""
    if algorithm == MODULO_N:
        return hashed % links
    if algorithm == HASH_THRESHOLD:
        return hashed // (HASH_BITS // links + 1)
    if algorithm == HRW and links <= MOST_HRW:
        return heaviest(hashed, links)
    return iterated(hashed, links, argument if algorithm == ITER_HASH else 0)


@kernel
def choose_path(key: Words, row: Words, arena: Words, at: int) -> int:
    """The link of the multipath action at arena[at]; the key is fresh."""
    how, more = arena[at + 2], arena[at + 3]
    hashed = hash_fields(key, row, how & 0xFFFF, more & 0xFFFF)
    return link_of(hashed, how >> 16 & 0xFFFF, how >> 32, more >> 32)


@kernel
def member(arena: Words, at: int, number: int) -> int:
    """Port of a member of the bundle at arena[at]."""
    return arena[at + 4 + number // 2] >> 32 * (number % 2) & 0xFFFFFFFF


@kernel
def choose_live(node: Words, w: Words, row: Words, arena: Words, at: int) -> int:
    """The live member of the bundle at arena[at] that the packet goes to, as 16 bits; NO_PORT if none is live."""
    how, live = arena[at + 2], view_words(node[N_LIVE], MAX_PORTS)
    hashed = hash_fields(view_words(address_of(w, W_KEY), KEY_WORDS), row, how & 0xFFFF, arena[at + 3] & 0xFFFF)
    best, best_weight = NO_PORT, -1
    for number in range(how >> 32):
        port = member(arena, at, number)
        slot = slot_of(port)
        if slot < 0 or live[slot] == 0:
            continue
        if how >> 16 & 0xFFFF == ACTIVE_BACKUP:
            return port & 0xFFFF
        weight = two_words(number, hashed)
        if weight > best_weight:
            best, best_weight = port & 0xFFFF, weight
    return best
