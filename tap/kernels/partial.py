"""Checksums that a virtual device left to be completed, found without being told.

A stack that sends into veth with checksum offload leaves the TCP or UDP checksum partial: the field holds the folded
sum of the pseudo header (CHECKSUM_PARTIAL, Documentation/networking/checksum-offloads.rst), and an XDP program cannot
learn that. So compare: a field that equals that sum is taken as partial. It can only be wrong for a frame whose field
equals it by chance. If such a frame is good, completing it gives the checksum it has; if it is damaged (one in
65,536 of damaged ones), the damage passes.

Not found: SCTP (its CRC), inner headers of tunnels, IPv6 behind a routing header.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import load32, load64

PARTIAL_NONE = 0

# as a little-endian load of two bytes shows them
IPV4 = 0x0008
IPV6 = 0xDD86
VLAN = 0x0081
QINQ = 0xA888
FRAGMENT = 0xFF3F  # offset and more-fragments
PROTO_TCP = 6
PROTO_UDP = 17
HOP_BY_HOP = 0
DESTINATION_OPTIONS = 60
EXTENSIONS = 4  # IPv6 extension headers looked behind, at most
SHORTEST = 42  # Ethernet, IPv4, UDP


@kernel
def byte_at(at: int) -> int:
    return load32(at) & 0xFF


@kernel
def pair_at(at: int) -> int:
    """Two bytes as they lie: one's complement sums do not mind, comparisons use swapped constants."""
    return load32(at) & 0xFFFF


@kernel
def swapped(value: int) -> int:
    return value >> 8 & 0xFF | (value & 0xFF) << 8


@kernel
def fold(total: int) -> int:
    """The one's complement sum of the 16-bit words in `total`, of at most 40 bits; 0 only for 0."""
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


@kernel
def sum_eight(at: int) -> int:
    """Eight bytes as two 32-bit words."""
    value = load64(at)
    return (value & 0xFFFFFFFF) + (value >> 32 & 0xFFFFFFFF)


@kernel
def skip_tags(frame: int, length: int) -> int:
    """Offset of the EtherType behind at most two VLAN tags."""
    at = 12
    for _ in range(2):
        kind = pair_at(frame + at)
        if (kind != VLAN and kind != QINQ) or at + 8 > length:
            return at
        at += 4
    return at


@kernel
def compare(frame: int, l4: int, proto: int, size: int, addresses: int) -> int:
    """`l4 << 8 | field offset` if the field holds the pseudo header's sum. `size` bytes of layer 4."""
    field = 16 if proto == PROTO_TCP else 6
    if (proto != PROTO_TCP and proto != PROTO_UDP) or size < field + 2:
        return PARTIAL_NONE
    if pair_at(frame + l4 + field) != fold(addresses + (proto << 8) + swapped(size)):
        return PARTIAL_NONE
    return l4 << 8 | field


@kernel
def partial_ipv4(frame: int, l3: int, length: int) -> int:
    header = (byte_at(frame + l3) & 0xF) * 4
    total = swapped(pair_at(frame + l3 + 2))
    if header < 20 or l3 + total > length or pair_at(frame + l3 + 6) & FRAGMENT:
        return PARTIAL_NONE
    return compare(frame, l3 + header, byte_at(frame + l3 + 9), total - header, sum_eight(frame + l3 + 12))


@kernel
def partial_ipv6(frame: int, l3: int, length: int) -> int:
    end = l3 + 40 + swapped(pair_at(frame + l3 + 4))
    if end > length:
        return PARTIAL_NONE
    proto = byte_at(frame + l3 + 6)
    l4 = l3 + 40
    for _ in range(EXTENSIONS):
        if (proto != HOP_BY_HOP and proto != DESTINATION_OPTIONS) or l4 + 8 > end:
            break
        proto, l4 = byte_at(frame + l4), l4 + (byte_at(frame + l4 + 1) + 1) * 8
    addresses = frame + l3 + 8
    total = sum_eight(addresses) + sum_eight(addresses + 8) + sum_eight(addresses + 16) + sum_eight(addresses + 24)
    return compare(frame, l4, proto, end - l4, total)


@kernel
def partial_checksum(frame: int, length: int) -> int:
    """Where the partial checksum of the frame at address `frame` begins and lies.

    `start << 8 | offset`, both in bytes, or PARTIAL_NONE. Reads no further than 3 bytes past a field, inside the slot.
    """
    if length < SHORTEST:
        return PARTIAL_NONE
    at = skip_tags(frame, length)
    kind = pair_at(frame + at)
    if kind == IPV4 and at + 30 <= length:
        return partial_ipv4(frame, at + 2, length)
    if kind == IPV6 and at + 50 <= length:
        return partial_ipv6(frame, at + 2, length)
    return PARTIAL_NONE
