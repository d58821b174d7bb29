"""OpenFlow's set-field on every settable OXM field (1.3.5 section 7.2.3.7), checksums kept right incrementally.

Field numbers are those of OFPXMC_OPENFLOW_BASIC (`fields.FIELDS`). Each setter returns DONE or ABSENT.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16, be32, be48, be64, put8, put16, put24, put32, put48, put64
from triplane.dataplane.kernels.checksum import (
    adjust_ipv4,
    adjust_l4,
    is_partial,
    sctp_check,
    sctp_restore,
    words,
)
from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.ethertypes import (
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_SCTP,
    PROTO_TCP,
    PROTO_UDP,
    TYPE_IPV4,
    TYPE_IPV6,
)
from triplane.dataplane.kernels.frame import ABSENT, DONE
from triplane.dataplane.kernels.packet import (
    ADDR,
    ETH_TYPE,
    EXTHDR,
    IP_END,
    L3,
    L4,
    MPLS_AT,
    ND_SLL_AT,
    ND_TLL_AT,
    PBB_AT,
    PROTO,
    PROTO_AT,
    TUNNEL_ID,
    TYPE_AT,
    VLAN_AT,
)
from triplane.dataplane.kernels.parse import layout
from triplane.dataplane.kernels.parse_ip import EXT_ROUTER, is_nd, routed_elsewhere
from triplane.dataplane.kernels.pool import Bytes, Words

ETH_DST, ETH_SRC, SET_TYPE, VLAN_VID, VLAN_PCP, IP_DSCP, IP_ECN, IP_PROTO, IPV4_SRC, IPV4_DST = range(3, 13)
TCP_SRC, TCP_DST, UDP_SRC, UDP_DST, SCTP_SRC, SCTP_DST, ICMPV4_TYPE, ICMPV4_CODE = range(13, 21)
ARP_OP, ARP_SPA, ARP_TPA, ARP_SHA, ARP_THA, IPV6_SRC, IPV6_DST, IPV6_FLABEL = range(21, 29)
ICMPV6_TYPE, ICMPV6_CODE, ND_TARGET, ND_SLL, ND_TLL = range(29, 34)
MPLS_LABEL, MPLS_TC, MPLS_BOS, PBB_ISID, TUNNEL = range(34, 39)
PBB_UCA = 41


@inlined
def set_field(mem: Bytes, row: Words, field: int, high: int, low: int) -> int:
    """Set a field to `high`; a 128-bit one to high << 64 | low. vlan_vid comes with OFPVID_PRESENT."""
    if field == TUNNEL:
        row[TUNNEL_ID] = high
        return DONE
    if row[TYPE_AT] < 0:
        return ABSENT
    if field <= VLAN_PCP:
        return set_link(mem, row, field, high)
    if field <= IPV4_DST:
        return set_ip(mem, row, field, high)
    if field <= ICMPV4_CODE:
        return set_port(mem, row, field, high) if field <= SCTP_DST else set_icmp(mem, row, field, high)
    if field <= ARP_THA:
        return set_arp(mem, row, field, high)
    if field <= IPV6_FLABEL:
        return set_ipv6(mem, row, field, high, low)
    if field <= ICMPV6_CODE:
        return set_icmp(mem, row, field, high)
    return set_nd(mem, row, field, high, low) if field <= ND_TLL else set_tag(mem, row, field, high)


@inlined
def set_link(mem: Bytes, row: Words, field: int, value: int) -> int:
    """eth_dst .. vlan_pcp."""
    at = row[ADDR]
    if field == ETH_DST:
        put48(mem, at, value)
    elif field == ETH_SRC:
        put48(mem, at + 6, value)
    elif field == SET_TYPE:
        put16(mem, at + row[TYPE_AT], value)
        layout(mem, row)
    else:
        return set_vlan(mem, row, field, value)
    return DONE


@kernel
def set_vlan(mem: Bytes, row: Words, field: int, value: int) -> int:
    if row[VLAN_AT] < 0:
        return ABSENT
    at = row[ADDR] + row[VLAN_AT] + 2
    tci = be16(mem, at)
    put16(mem, at, tci & 0xF000 | value & 0xFFF if field == VLAN_VID else tci & 0x1FFF | value << 13)
    return DONE


@kernel
def set_ip(mem: Bytes, row: Words, field: int, value: int) -> int:
    """ip_dscp .. ipv4_dst."""
    if row[PROTO] < 0:
        return ABSENT
    if field == IP_PROTO:
        set_proto(mem, row, value)
    elif field == IP_DSCP:
        set_class(mem, row, traffic_class(mem, row) & 0x03 | value << 2)
    elif field == IP_ECN:
        set_class(mem, row, traffic_class(mem, row) & 0xFC | value & 3)
    elif row[ETH_TYPE] != TYPE_IPV4:
        return ABSENT
    else:
        set_ipv4_address(mem, row, 12 if field == IPV4_SRC else 16, value)
    return DONE


@kernel
def set_proto(mem: Bytes, row: Words, value: int) -> None:
    """Layer 4 stays what it is, with its checksum right for the pseudo header that has the new number."""
    at = row[ADDR] + row[PROTO_AT]
    old, new = be8(mem, at), value & 0xFF
    if row[ETH_TYPE] == TYPE_IPV4:
        adjust_ipv4(mem, row, old, new)
    adjust_l4(mem, row, old, new, True)
    put8(mem, at, new)
    layout(mem, row)


@kernel
def traffic_class(mem: Bytes, row: Words) -> int:
    """IPv4 TOS or IPv6 traffic class: dscp:6 ecn:2."""
    first = be16(mem, row[ADDR] + row[L3])
    return first & 0xFF if row[ETH_TYPE] == TYPE_IPV4 else first >> 4 & 0xFF


@kernel
def set_class(mem: Bytes, row: Words, value: int) -> None:
    at = row[ADDR] + row[L3]
    value &= 0xFF
    first = be16(mem, at)
    if row[ETH_TYPE] == TYPE_IPV4:
        adjust_ipv4(mem, row, first & 0xFF, value)
        put8(mem, at + 1, value)
    else:
        put16(mem, at, first & 0xF00F | value << 4)


@kernel
def set_ipv4_address(mem: Bytes, row: Words, offset: int, value: int) -> None:
    at = row[ADDR] + row[L3] + offset
    old, new = words(be32(mem, at)), words(value & 0xFFFFFFFF)
    put32(mem, at, value)
    adjust_ipv4(mem, row, old, new)
    adjust_l4(mem, row, old, new, True)


@kernel
def set_port(mem: Bytes, row: Words, field: int, value: int) -> int:
    """tcp_src .. sctp_dst."""
    proto = PROTO_TCP if field <= TCP_DST else PROTO_UDP if field <= UDP_DST else PROTO_SCTP
    if row[PROTO] != proto or row[L4] < 0:
        return ABSENT
    at = row[ADDR] + row[L4] + 2 * (field - TCP_SRC & 1)
    if proto == PROTO_SCTP:
        return set_sctp_port(mem, row, at, value)
    adjust_l4(mem, row, be16(mem, at), value & 0xFFFF, False)
    put16(mem, at, value)
    return DONE


@kernel
def set_sctp_port(mem: Bytes, row: Words, at: int, value: int) -> int:
    """The CRC covers all of the packet: of a fragment it can't be known, and stays."""
    start, size = row[ADDR] + row[L4], row[IP_END] - row[L4]
    before = sctp_check(mem, start, size)
    put16(mem, at, value)
    if not is_partial(row):
        sctp_restore(mem, start, before, sctp_check(mem, start, size))
    return DONE


@kernel
def set_icmp(mem: Bytes, row: Words, field: int, value: int) -> int:
    """icmpv4_type, icmpv4_code, icmpv6_type, icmpv6_code."""
    proto = PROTO_ICMP if field <= ICMPV4_CODE else PROTO_ICMPV6
    if row[PROTO] != proto or row[L4] < 0:
        return ABSENT
    at = row[ADDR] + row[L4]
    old = be16(mem, at)
    put8(mem, at + (field == ICMPV4_CODE or field == ICMPV6_CODE), value)
    adjust_l4(mem, row, old, be16(mem, at), False)
    if field == ICMPV6_TYPE:
        layout(mem, row)
    return DONE


@kernel
def set_arp(mem: Bytes, row: Words, field: int, value: int) -> int:
    """arp_op .. arp_tha (RFC 826)."""
    if row[L3] < 0 or row[PROTO] >= 0:
        return ABSENT
    at = row[ADDR] + row[L3]
    if field == ARP_OP:
        put16(mem, at + 6, value)
    elif field == ARP_SPA or field == ARP_TPA:
        put32(mem, at + (14 if field == ARP_SPA else 24), value)
    else:
        put48(mem, at + (8 if field == ARP_SHA else 18), value)
    return DONE


@kernel
def set_ipv6(mem: Bytes, row: Words, field: int, high: int, low: int) -> int:
    """ipv6_src, ipv6_dst, ipv6_flabel."""
    if row[PROTO] < 0 or row[ETH_TYPE] != TYPE_IPV6:
        return ABSENT
    at = row[ADDR] + row[L3]
    if field == IPV6_FLABEL:
        put32(mem, at, be32(mem, at) & 0xFFF00000 | high & 0xFFFFF)
    elif field == IPV6_SRC:
        put_address(mem, row, at + 8, high, low, True)
    else:
        covered = row[EXTHDR] & EXT_ROUTER == 0 or not routed_elsewhere(mem, row)
        put_address(mem, row, at + 24, high, low, covered)
    return DONE


@kernel
def put_address(mem: Bytes, row: Words, at: int, high: int, low: int, covered: bool) -> None:
    """Store an IPv6 address; `covered` when layer 4's pseudo header has it."""
    old = words(be64(mem, at)) + words(be64(mem, at + 8))
    put64(mem, at, high)
    put64(mem, at + 8, low)
    if covered:
        adjust_l4(mem, row, old, words(high) + words(low), True)


@kernel
def set_nd(mem: Bytes, row: Words, field: int, high: int, low: int) -> int:
    """ipv6_nd_target, ipv6_nd_sll, ipv6_nd_tll."""
    if field != ND_TARGET:
        return set_nd_link(mem, row, row[ND_SLL_AT] if field == ND_SLL else row[ND_TLL_AT], high)
    at = row[ADDR] + row[L4]
    if row[PROTO] != PROTO_ICMPV6 or row[L4] < 0 or row[L4] + 24 > row[IP_END] or not is_nd(be8(mem, at)):
        return ABSENT
    old = words(be64(mem, at + 8)) + words(be64(mem, at + 16))
    put64(mem, at + 8, high)
    put64(mem, at + 16, low)
    adjust_l4(mem, row, old, words(high) + words(low), False)
    return DONE


@kernel
def set_nd_link(mem: Bytes, row: Words, offset: int, value: int) -> int:
    if offset < 0:
        return ABSENT
    at = row[ADDR] + offset
    adjust_l4(mem, row, words(be48(mem, at)), words(value & 0xFFFFFFFFFFFF), False)
    put48(mem, at, value)
    return DONE


@kernel
def set_pbb(mem: Bytes, row: Words, field: int, value: int) -> int:
    """The I-TAG is pcp:3 dei:1 uca:1 reserved:3 isid:24, behind the EtherType."""
    if row[PBB_AT] < 0:
        return ABSENT
    at = row[ADDR] + row[PBB_AT] + 2
    if field == PBB_ISID:
        put24(mem, at + 1, value)
    else:
        put8(mem, at, be8(mem, at) & ~8 | value << 3)
    return DONE


@kernel
def set_tag(mem: Bytes, row: Words, field: int, value: int) -> int:
    """mpls_label, mpls_tc, mpls_bos, pbb_isid, pbb_uca."""
    if field == PBB_ISID or field == PBB_UCA:
        return set_pbb(mem, row, field, value)
    if row[MPLS_AT] < 0 or field > PBB_ISID:
        return ABSENT
    at = row[ADDR] + row[MPLS_AT]
    shift = 12 if field == MPLS_LABEL else 9 if field == MPLS_TC else 8
    mask = (0xFFFFF if field == MPLS_LABEL else 7 if field == MPLS_TC else 1) << shift
    put32(mem, at, be32(mem, at) & ~mask | value << shift & mask)
    return DONE
