"""The layout of IPv4, IPv6 with its extension headers, and layer 4. Used by `parse`."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ethertypes import (
    ICMPV6_NA,
    ICMPV6_NS,
    ND_OPTION_SOURCE,
    ND_OPTION_TARGET,
    PROTO_AH,
    PROTO_DESTINATION,
    PROTO_ESP,
    PROTO_FRAGMENT,
    PROTO_HIP,
    PROTO_HOP,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_MOBILITY,
    PROTO_NONE,
    PROTO_ROUTING,
    PROTO_SCTP,
    PROTO_SHIM6,
    PROTO_TCP,
    PROTO_UDP,
)
from triplane.dataplane.kernels.packet import (
    ADDR,
    EXTHDR,
    FRAG_FIRST,
    FRAG_LATER,
    FRAGMENT,
    GSO_NONE,
    GSO_TYPE,
    IP_END,
    L3,
    L4,
    LENGTH,
    ND_SLL_AT,
    ND_TLL_AT,
    PAYLOAD,
    PROTO,
    PROTO_AT,
)
from triplane.dataplane.kernels.pool import Bytes, Words

# OFPIEH_*: OpenFlow 1.3.5 section 7.2.3.8
EXT_NONEXT = 1 << 0
EXT_ESP = 1 << 1
EXT_AUTH = 1 << 2
EXT_DEST = 1 << 3
EXT_FRAG = 1 << 4
EXT_ROUTER = 1 << 5
EXT_HOP = 1 << 6
EXT_UNREP = 1 << 7
EXT_UNSEQ = 1 << 8

# place of an extension header in the order of RFC 8200 section 4.1
RANK_HOP, RANK_DEST_FIRST, RANK_ROUTER, RANK_FRAG, RANK_AUTH, RANK_ESP, RANK_DEST_LAST = range(1, 8)

IP_MORE = 0x2000  # IPv4 flags and offset
IP_OFFSET = 0x1FFF
IPV6_HEADER = 40


@kernel
def ipv4(mem: Bytes, row: Words, at: int) -> None:
    """An IPv4 header at offset `at` (RFC 791); not there unless whole, with its options."""
    base, room = row[ADDR] + at, row[LENGTH] - at
    if room < 20:
        return
    first = be8(mem, base)
    header = (first & 15) << 2
    if first >> 4 != 4 or header < 20 or header > room:
        return
    proto = be8(mem, base + 9)
    fragment = be16(mem, base + 6)
    row[L3] = at
    row[PROTO] = proto
    row[PROTO_AT] = at + 9
    row[PAYLOAD] = at + header
    row[IP_END] = datagram_end(row, at, at + header, be16(mem, base + 2))
    if fragment & IP_OFFSET != 0:
        row[FRAGMENT] = FRAG_LATER
        return
    if fragment & IP_MORE != 0:
        row[FRAGMENT] = FRAG_FIRST
    if proto != PROTO_ICMPV6:
        transport(row, proto, at + header)


@kernel
def datagram_end(row: Words, at: int, payload: int, length: int) -> int:
    """End of a datagram of `length` bytes at offset `at`. GSO frames over 64 KiB say 0 (Linux BIG TCP)."""
    if length == 0 and row[GSO_TYPE] != GSO_NONE:
        return row[LENGTH]
    return max(payload, min(at + length, row[LENGTH]))


@kernel
def transport(row: Words, proto: int, at: int) -> None:
    """The layer-4 header at offset `at`: there if whole (without options)."""
    if at + transport_size(proto) <= row[IP_END]:
        row[L4] = at


@kernel
def transport_size(proto: int) -> int:
    """Bytes of a layer-4 header up to where its checksum is; more than any frame has when unknown."""
    if proto == PROTO_TCP:
        return 20
    if proto == PROTO_UDP:
        return 8
    if proto == PROTO_SCTP:
        return 12
    if proto == PROTO_ICMP or proto == PROTO_ICMPV6:
        return 4
    return 1 << 30


@kernel
def ipv6(mem: Bytes, row: Words, at: int) -> None:
    """An IPv6 header at offset `at` (RFC 8200) and its extension headers."""
    base, room = row[ADDR] + at, row[LENGTH] - at
    if room < IPV6_HEADER or be8(mem, base) >> 4 != 6:
        return
    payload = at + IPV6_HEADER
    proto = be8(mem, base + 6)
    row[L3] = at
    row[PROTO_AT] = at + 6
    row[PROTO] = proto
    row[IP_END] = ipv6_end(row, payload, be16(mem, base + 4))
    if is_extension(proto):
        payload = extensions(mem, row, proto, payload)
        proto = row[PROTO]
    row[PAYLOAD] = payload
    if row[FRAGMENT] == FRAG_LATER or proto == PROTO_ICMP:
        return
    transport(row, proto, payload)
    if proto == PROTO_ICMPV6 and row[L4] >= 0:
        neighbour(mem, row)


@kernel
def ipv6_end(row: Words, payload: int, length: int) -> int:
    if length == 0 and row[GSO_TYPE] != GSO_NONE:
        return row[LENGTH]
    return min(payload + length, row[LENGTH])


@kernel
def is_extension(proto: int) -> bool:
    """A header that says what follows it, or that nothing does (IANA IPv6 extension header types)."""
    if proto == PROTO_TCP or proto == PROTO_UDP or proto == PROTO_ICMPV6:
        return False
    return extension_bit(proto) != 0 or proto == PROTO_MOBILITY or proto == PROTO_HIP or proto == PROTO_SHIM6


@kernel
def extension_bit(proto: int) -> int:
    if proto == PROTO_HOP:
        return EXT_HOP
    if proto == PROTO_ROUTING:
        return EXT_ROUTER
    if proto == PROTO_FRAGMENT:
        return EXT_FRAG
    if proto == PROTO_DESTINATION:
        return EXT_DEST
    if proto == PROTO_AH:
        return EXT_AUTH
    if proto == PROTO_ESP:
        return EXT_ESP
    return EXT_NONEXT if proto == PROTO_NONE else 0


@kernel
def extension_rank(proto: int, dests: int, last: int) -> int:
    """Place in the preferred order; destination options have one before the routing header and one at the end."""
    if proto == PROTO_HOP:
        return RANK_HOP
    if proto == PROTO_DESTINATION:
        return RANK_DEST_FIRST if dests == 1 and last <= RANK_DEST_FIRST else RANK_DEST_LAST
    if proto == PROTO_ROUTING:
        return RANK_ROUTER
    if proto == PROTO_FRAGMENT:
        return RANK_FRAG
    if proto == PROTO_AH:
        return RANK_AUTH
    return RANK_ESP if proto == PROTO_ESP else last


@kernel
def extension_size(mem: Bytes, at: int, proto: int) -> int:
    """Bytes of the extension header at address `at`."""
    if proto == PROTO_FRAGMENT or proto == PROTO_ESP:
        return 8
    units = be8(mem, at + 1)
    return (units + 2) << 2 if proto == PROTO_AH else (units + 1) << 3


@kernel
def noted(bits: int, proto: int, first: bool, dests: int, rank: int, last: int) -> int:
    """OFPIEH_* bits after one more header."""
    bit = extension_bit(proto)
    if bits & bit != 0 and (proto != PROTO_DESTINATION or dests > 2):
        bits |= EXT_UNREP
    if rank < last or (proto == PROTO_HOP and not first):
        bits |= EXT_UNSEQ
    if proto == PROTO_HOP and not first:
        return bits  # OFPIEH_HOP is for the first extension header only
    return bits | bit


@kernel
def extensions(mem: Bytes, row: Words, proto: int, at: int) -> int:
    """Walk the extension headers from offset `at`; returns where the payload begins."""
    base, end = row[ADDR], row[IP_END]
    bits = dests = last = count = 0
    while is_extension(proto):
        if proto == PROTO_NONE:
            bits |= EXT_NONEXT
            break
        if at + 8 > end or at + extension_size(mem, base + at, proto) > end:
            break
        dests += proto == PROTO_DESTINATION
        rank = extension_rank(proto, dests, last)
        bits = noted(bits, proto, count == 0, dests, rank, last)
        if proto == PROTO_ESP:
            break
        last = max(rank, last)
        count += 1
        later = fragment(mem, row, proto, base + at)
        row[PROTO_AT] = at
        at += extension_size(mem, base + at, proto)
        proto = be8(mem, base + row[PROTO_AT])
        if later:
            break
    row[PROTO] = proto
    row[EXTHDR] = bits
    return at


@kernel
def fragment(mem: Bytes, row: Words, proto: int, at: int) -> bool:
    """Note a fragment header; True for a later fragment, whose payload is the middle of something."""
    if proto != PROTO_FRAGMENT:
        return False
    offset = be16(mem, at + 2)
    if offset & 0xFFF8 != 0:
        row[FRAGMENT] = FRAG_LATER
        return True
    if offset & 1 != 0:
        row[FRAGMENT] = FRAG_FIRST
    return False


@kernel
def routed_elsewhere(mem: Bytes, row: Words) -> bool:
    """A routing header with segments left: the destination in the IPv6 header is not the final one."""
    at = row[L3] + IPV6_HEADER
    proto = be8(mem, row[ADDR] + row[L3] + 6)
    while at < row[PAYLOAD] and proto != PROTO_ROUTING:
        size = extension_size(mem, row[ADDR] + at, proto)
        proto = be8(mem, row[ADDR] + at)
        at += size
    return at < row[PAYLOAD] and be8(mem, row[ADDR] + at + 3) != 0


@kernel
def is_nd(kind: int) -> bool:
    """ICMPv6 types that carry a target: neighbour solicitation and advertisement."""
    return kind == ICMPV6_NS or kind == ICMPV6_NA


@kernel
def neighbour(mem: Bytes, row: Words) -> None:
    """Where the link-layer options of neighbour discovery are (RFC 4861 section 4.3, 4.4)."""
    base, at, end = row[ADDR], row[L4], row[IP_END]
    kind = be8(mem, base + at)
    if not is_nd(kind):
        return
    at += 24
    while at + 8 <= end:
        size = be8(mem, base + at + 1) << 3
        if size == 0 or at + size > end:
            return
        neighbour_option(mem, row, kind, at)
        at += size


@kernel
def neighbour_option(mem: Bytes, row: Words, kind: int, at: int) -> None:
    """The first option that carries the address: source in a solicitation, target in an advertisement."""
    option = be8(mem, row[ADDR] + at)
    if kind == ICMPV6_NS and option == ND_OPTION_SOURCE and row[ND_SLL_AT] < 0:
        row[ND_SLL_AT] = at + 2
    if kind == ICMPV6_NA and option == ND_OPTION_TARGET and row[ND_TLL_AT] < 0:
        row[ND_TLL_AT] = at + 2
