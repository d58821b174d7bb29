"""Frame to layout columns and flow key: OpenFlow 1.3.5 section 7.2.3.

`layout` fills the columns L3 .. EXTHDR of a packet row, `fill_key` the header words of the key from them;
`parse` is both. A header that is cut short is not there, nor is anything behind it: its columns say -1 and its key
bits are zero. No byte at or past row[LENGTH] is read.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16, be32, be64
from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.ethertypes import (
    ETH_HEADER,
    MAC_BYTES,
    MPLS_ENTRY,
    PBB_TAG,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_SCTP,
    PROTO_TCP,
    PROTO_UDP,
    TYPE_ARP,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_LOWEST,
    TYPE_MPLS,
    TYPE_MPLS_MULTICAST,
    TYPE_NONE,
    TYPE_PBB,
    TYPE_RARP,
    TYPE_SVLAN,
    TYPE_VLAN,
    VLAN_TAG,
)
from triplane.dataplane.kernels.fields import (
    K_A,
    K_B,
    K_C,
    K_D,
    K_ETH_DST,
    K_ETH_SRC,
    K_HOP,
    K_IP,
    K_L4,
    K_ND_HIGH,
    K_ND_LOW,
    K_ND_SLL,
    K_ND_TLL,
    VID_PRESENT,
)
from triplane.dataplane.kernels.machine import multiply, wrap
from triplane.dataplane.kernels.mix import mix64
from triplane.dataplane.kernels.packet import (
    ADDR,
    ETH_TYPE,
    EXTHDR,
    FRAG_NONE,
    FRAGMENT,
    IP_END,
    L3,
    L4,
    LENGTH,
    MPLS_AT,
    ND_SLL_AT,
    ND_TLL_AT,
    PAYLOAD,
    PBB_AT,
    PROTO,
    PROTO_AT,
    TYPE_AT,
    VLAN_AT,
)
from triplane.dataplane.kernels.parse_ip import ipv4, ipv6, is_nd
from triplane.dataplane.kernels.pool import Bytes, Words

PARSE_OK = 0
PARSE_SHORT = 1  # no whole Ethernet header: nothing is filled in

ARP_ETHERNET_IPV4 = 0x0001_0800_06_04 << 16  # hardware, protocol, address lengths (RFC 826), in the high 48 bits
SNAP = (0xAAAA03_000000 << 16) - (1 << 64)  # LLC AA-AA-03 and an OUI of 0 (RFC 1042), likewise
HIGH48 = ~0xFFFF

HASH_1 = -7046029254386353131  # odd, from the golden ratio and from xxHash
HASH_2 = -4417276706812531889
POSITIVE = (1 << 63) - 1


@inlined
def parse(mem: Bytes, row: Words, key: Words) -> int:
    """Fill the layout columns of `row` and the header words of `key`; returns PARSE_*."""
    reason = layout(mem, row)
    fill_key(mem, row, key)
    return reason


@kernel
def layout(mem: Bytes, row: Words) -> int:
    """Fill the layout columns L3 .. EXTHDR; returns PARSE_*."""
    clear_layout(row)
    if row[LENGTH] < ETH_HEADER:
        return PARSE_SHORT
    ethernet(mem, row, 0)
    return PARSE_OK


@kernel
def clear_layout(row: Words) -> None:
    row[L3] = row[L4] = row[TYPE_AT] = row[VLAN_AT] = row[MPLS_AT] = row[PBB_AT] = -1
    row[ETH_TYPE] = row[FRAGMENT] = row[EXTHDR] = FRAG_NONE
    row[PROTO] = row[ND_SLL_AT] = row[ND_TLL_AT] = row[PROTO_AT] = row[PAYLOAD] = row[IP_END] = -1


@kernel
def ethernet(mem: Bytes, row: Words, at: int) -> None:
    """Lay out from an Ethernet header at offset `at`, which is whole."""
    base = row[ADDR]
    at += MAC_BYTES
    kind = be16(mem, base + at)
    if kind == TYPE_VLAN or kind == TYPE_SVLAN:
        at = after_vlans(mem, row, at)
        kind = be16(mem, base + at)
    if kind < TYPE_LOWEST:
        at = after_snap(mem, row, at)
        kind = be16(mem, base + at)
        kind = kind if kind >= TYPE_LOWEST else TYPE_NONE
    row[TYPE_AT] = at
    row[ETH_TYPE] = kind
    if kind == TYPE_IPV4:
        ipv4(mem, row, at + 2)
    elif kind == TYPE_IPV6:
        ipv6(mem, row, at + 2)
    else:
        other(mem, row, kind, at + 2)


@kernel
def after_vlans(mem: Bytes, row: Words, at: int) -> int:
    """Skip tags while one, and a type after it, are whole; returns where the type stands."""
    base, last = row[ADDR], row[LENGTH] - VLAN_TAG - 2
    kind = be16(mem, base + at)
    while (kind == TYPE_VLAN or kind == TYPE_SVLAN) and at <= last:
        if row[VLAN_AT] < 0:
            row[VLAN_AT] = at
        at += VLAN_TAG
        kind = be16(mem, base + at)
    return at


@kernel
def after_snap(mem: Bytes, row: Words, at: int) -> int:
    """Where the type of a SNAP frame stands, `at` (the length field) if it is none."""
    start = row[ADDR] + at + 2
    if at + 10 <= row[LENGTH] and be64(mem, start) & HIGH48 == SNAP and be16(mem, start + 6) >= TYPE_LOWEST:
        return at + 8
    return at


@kernel
def other(mem: Bytes, row: Words, kind: int, at: int) -> None:
    """ARP, MPLS and PBB headers at offset `at`, after the EtherType `kind`."""
    room = row[LENGTH] - at
    if kind == TYPE_ARP or kind == TYPE_RARP:
        if room >= 28 and be64(mem, row[ADDR] + at) & HIGH48 == ARP_ETHERNET_IPV4:
            row[L3] = at
    elif kind == TYPE_MPLS or kind == TYPE_MPLS_MULTICAST:
        if room >= MPLS_ENTRY:
            row[MPLS_AT] = at
    elif kind == TYPE_PBB and room >= PBB_TAG:  # with the type that follows the customer addresses
        row[PBB_AT] = at - 2


@kernel
def fill_key(mem: Bytes, row: Words, key: Words) -> None:
    """All header words of the key, from a row whose layout is right; zero where a field is absent."""
    for word in range(K_ETH_DST, K_HOP + 1):
        key[word] = 0
    if row[TYPE_AT] < 0:
        return
    at = row[ADDR]
    source = be64(mem, at + 6) & HIGH48
    if row[VLAN_AT] >= 0:
        tci = be16(mem, at + row[VLAN_AT] + 2)
        source |= (tci & 0xFFF | VID_PRESENT) << 3 | tci >> 13
    key[K_ETH_DST] = be64(mem, at) & HIGH48 | row[ETH_TYPE]
    key[K_ETH_SRC] = source
    if row[PROTO] >= 0:
        ip_key(mem, row, key)
    else:
        other_key(mem, row, key)


@kernel
def ip_key(mem: Bytes, row: Words, key: Words) -> None:
    at = row[ADDR] + row[L3]
    proto = row[PROTO]
    if row[ETH_TYPE] == TYPE_IPV4:
        key[K_IP] = wrap(proto << 56 | (be16(mem, at) & 0xFF) << 48)
        key[K_A] = be64(mem, at + 12)
        key[K_HOP] = hop(be8(mem, at + 8), row[FRAGMENT])
    else:
        first = be32(mem, at)  # version:4 class:8 label:20
        key[K_IP] = wrap(proto << 56 | (first >> 20 & 0xFF) << 48 | row[EXTHDR] << 32 | first & 0xFFFFF)
        key[K_A] = be64(mem, at + 8)
        key[K_B] = be64(mem, at + 16)
        key[K_C] = be64(mem, at + 24)
        key[K_D] = be64(mem, at + 32)
        key[K_HOP] = hop(be8(mem, at + 7), row[FRAGMENT])
    if row[L4] >= 0:
        l4_key(mem, row, key, proto)


@inlined
def hop(ttl: int, fragment: int) -> int:
    """TTL, and NXM_NX_IP_FRAG: 1 for a first fragment, 3 for a later one."""
    return wrap(ttl << 56) | (fragment | fragment >> 1) << 48


@kernel
def l4_key(mem: Bytes, row: Words, key: Words, proto: int) -> None:
    at = row[ADDR] + row[L4]
    if proto == PROTO_UDP or proto == PROTO_SCTP:
        key[K_L4] = wrap(be32(mem, at) << 32)
    elif proto == PROTO_TCP:
        key[K_L4] = wrap(be32(mem, at) << 32 | (be16(mem, at + 12) & 0xFFF) << 16)
    elif proto == PROTO_ICMP or proto == PROTO_ICMPV6:
        first = be16(mem, at)
        key[K_L4] = first >> 8 << 48 | (first & 0xFF) << 32
        if proto == PROTO_ICMPV6:
            nd_key(mem, row, key, first >> 8)


@kernel
def nd_key(mem: Bytes, row: Words, key: Words, kind: int) -> None:
    """Neighbour discovery: target, and the link-layer address that belongs to the message type."""
    at = row[ADDR] + row[L4]
    if is_nd(kind) and row[L4] + 24 <= row[IP_END]:
        key[K_ND_HIGH] = be64(mem, at + 8)
        key[K_ND_LOW] = be64(mem, at + 16)
    if row[ND_SLL_AT] >= 0:
        key[K_ND_SLL] = wrap(be64(mem, row[ADDR] + row[ND_SLL_AT] - 2) << 16)
    if row[ND_TLL_AT] >= 0:
        key[K_ND_TLL] = wrap(be64(mem, row[ADDR] + row[ND_TLL_AT] - 2) << 16)


@kernel
def other_key(mem: Bytes, row: Words, key: Words) -> None:
    base = row[ADDR]
    if row[L3] >= 0:
        arp_key(mem, base + row[L3], key)
    elif row[MPLS_AT] >= 0:
        entry = be32(mem, base + row[MPLS_AT])
        key[K_L4] = wrap((entry & 0xFFFFFF00) << 32)
        key[K_HOP] = (entry & 0xFF) << 40
    elif row[PBB_AT] >= 0:
        tci = be32(mem, base + row[PBB_AT] + 2)  # pcp:3 dei:1 uca:1 reserved:3 isid:24
        key[K_L4] = wrap((tci & 0xFFFFFF) << 40 | (tci >> 27 & 1) << 39)


@kernel
def arp_key(mem: Bytes, at: int, key: Words) -> None:
    key[K_IP] = wrap(be16(mem, at + 6) << 48)
    key[K_A] = wrap(be32(mem, at + 14) << 32 | be32(mem, at + 24))
    key[K_B] = be64(mem, at + 8) & HIGH48
    key[K_C] = be64(mem, at + 18) & HIGH48


@kernel
def flow_hash(row: Words, key: Words) -> int:
    """Positive hash of all header fields that every packet of a flow has alike.

    Left out: TCP flags and ECN, which differ within a flow, and layer 4 of a first fragment, which the later ones
    do not have.
    """
    stable = key[K_L4] & (~(0xFFFF << 16) if row[PROTO] == PROTO_TCP else -1)
    state = mix64(multiply(key[K_ETH_DST], HASH_1) ^ key[K_ETH_SRC])
    state = multiply(state ^ key[K_IP] & (~(3 << 48) if row[PROTO] >= 0 else -1), HASH_2)
    state = mix64(state ^ (stable if row[FRAGMENT] == FRAG_NONE else 0))
    for word in range(K_A, K_HOP):
        state = multiply(state ^ key[word], HASH_1)
        state ^= state >> 32
    return mix64(state) & POSITIVE
