"""The TTL actions on MPLS, IPv4 and IPv6: OpenFlow 1.3.5 section 5.12 and 7.2.5.

Each returns DONE, ABSENT or EXPIRED. EXPIRED is for the caller to make an OFPR_INVALID_TTL packet-in of.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16, be32, put8, put16
from triplane.dataplane.kernels.checksum import update
from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.ethertypes import MPLS_ENTRY, PROTO_IPV4, PROTO_IPV6, TYPE_IPV4
from triplane.dataplane.kernels.frame import ABSENT, DONE, EXPIRED
from triplane.dataplane.kernels.packet import (
    ADDR,
    ETH_TYPE,
    FRAG_NONE,
    FRAGMENT,
    IP_END,
    L3,
    LENGTH,
    MPLS_AT,
    PAYLOAD,
    PROTO,
)
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.push_pop import MPLS_BOTTOM

# where a TTL is, as one number: offset of its byte << 1 | 1 in an IPv4 header, whose checksum covers it


@kernel
def place(at: int, checked: bool) -> int:
    return at << 1 | checked


@kernel
def get_ttl(mem: Bytes, row: Words, where: int) -> int:
    return be8(mem, row[ADDR] + (where >> 1))


@kernel
def put_ttl(mem: Bytes, row: Words, where: int, ttl: int) -> None:
    at = row[ADDR] + (where >> 1)
    if where & 1 == 0:
        put8(mem, at, ttl)
        return
    old = be16(mem, at)  # TTL and protocol: one word of the checksum, which is the next
    put8(mem, at, ttl)
    put16(mem, at + 2, update(be16(mem, at + 2), old, be16(mem, at)))


@kernel
def ip_ttl(row: Words) -> int:
    """Place of the TTL of the IP header that the frame begins with, -1 when there is none."""
    if row[PROTO] < 0:
        return -1
    if row[ETH_TYPE] == TYPE_IPV4:
        return place(row[L3] + 8, True)
    return place(row[L3] + 7, False)


@kernel
def mpls_ttl(row: Words) -> int:
    return place(row[MPLS_AT] + 3, False) if row[MPLS_AT] >= 0 else -1


@kernel
def hidden_ip_ttl(mem: Bytes, row: Words, at: int, end: int) -> int:
    """Place of the TTL of an IP header at offset `at` that only its version nibble tells, -1 when it is none."""
    if at + 20 > end:
        return -1
    version = be8(mem, row[ADDR] + at) >> 4
    if version == 4:
        return place(at + 8, True)
    return place(at + 7, False) if version == 6 and at + 40 <= end else -1


@kernel
def outer_ttl(row: Words) -> int:
    return mpls_ttl(row) if row[MPLS_AT] >= 0 else ip_ttl(row)


@kernel
def inner_ttl(mem: Bytes, row: Words) -> int:
    """Place of the TTL next to the outermost: MPLS in MPLS, IP in MPLS, IP in IP; -1 when there is none."""
    at = row[MPLS_AT]
    if at >= 0:
        if be32(mem, row[ADDR] + at) & MPLS_BOTTOM != 0:
            return hidden_ip_ttl(mem, row, at + MPLS_ENTRY, row[LENGTH])
        return place(at + MPLS_ENTRY + 3, False) if at + 2 * MPLS_ENTRY <= row[LENGTH] else -1
    if row[FRAGMENT] == FRAG_NONE and (row[PROTO] == PROTO_IPV4 or row[PROTO] == PROTO_IPV6):
        return hidden_ip_ttl(mem, row, row[PAYLOAD], row[IP_END])
    return -1


@kernel
def set_ttl(mem: Bytes, row: Words, where: int, ttl: int) -> int:
    if where < 0:
        return ABSENT
    put_ttl(mem, row, where, ttl)
    return DONE


@inlined
def dec_ttl(mem: Bytes, row: Words, where: int) -> int:
    if where < 0:
        return ABSENT
    ttl = get_ttl(mem, row, where)
    if ttl <= 1:
        return EXPIRED
    put_ttl(mem, row, where, ttl - 1)
    return DONE


@kernel
def set_nw_ttl(mem: Bytes, row: Words, ttl: int) -> int:
    return set_ttl(mem, row, ip_ttl(row), ttl)


@inlined
def dec_nw_ttl(mem: Bytes, row: Words) -> int:
    return dec_ttl(mem, row, ip_ttl(row))


@kernel
def set_mpls_ttl(mem: Bytes, row: Words, ttl: int) -> int:
    return set_ttl(mem, row, mpls_ttl(row), ttl)


@kernel
def dec_mpls_ttl(mem: Bytes, row: Words) -> int:
    return dec_ttl(mem, row, mpls_ttl(row))


@kernel
def copy_ttl_out(mem: Bytes, row: Words) -> int:
    """The outermost TTL becomes the next one's."""
    inner = inner_ttl(mem, row)
    if inner < 0:
        return ABSENT
    return set_ttl(mem, row, outer_ttl(row), get_ttl(mem, row, inner))


@kernel
def copy_ttl_in(mem: Bytes, row: Words) -> int:
    """The next to outermost TTL becomes the outermost's."""
    inner = inner_ttl(mem, row)
    if inner < 0:
        return ABSENT
    return set_ttl(mem, row, inner, get_ttl(mem, row, outer_ttl(row)))
