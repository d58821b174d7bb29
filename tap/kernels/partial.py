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
from triplane.dataplane.kernels.pool import Bytes

PARTIAL_NONE = 0

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_QINQ = 0x88A8
PROTO_TCP = 6
PROTO_UDP = 17
IPV6_HOP_BY_HOP = 0
IPV6_DESTINATION = 60
EXTENSIONS = 4  # IPv6 extension headers looked behind, at most


@kernel
def u16(mem: Bytes, at: int) -> int:
    return int(mem[at]) << 8 | int(mem[at + 1])


@kernel
def fold(total: int) -> int:
    """The 16-bit one's complement sum of a sum of 16-bit words."""
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@kernel
def sum_words(mem: Bytes, at: int, words: int) -> int:
    total = 0
    for i in range(words):
        total += u16(mem, at + 2 * i)
    return total


@kernel
def checksum_at(proto: int) -> int:
    """Where a layer-4 header has its checksum, -1 when it is neither TCP nor UDP."""
    if proto == PROTO_TCP:
        return 16
    return 6 if proto == PROTO_UDP else -1


@kernel
def skip_tags(mem: Bytes, addr: int, length: int) -> int:
    """Offset of the EtherType behind at most two VLAN tags."""
    at = 12
    for _ in range(2):
        kind = u16(mem, addr + at)
        if (kind != ETHERTYPE_VLAN and kind != ETHERTYPE_QINQ) or at + 8 > length:
            return at
        at += 4
    return at


@kernel
def compare(mem: Bytes, addr: int, l4: int, proto: int, size: int, addresses: int, words: int) -> int:
    """`l4 << 8 | field offset` if the field holds the pseudo header's sum. `size` bytes of layer 4."""
    field = checksum_at(proto)
    if field < 0 or size < field + 2:
        return PARTIAL_NONE
    if u16(mem, addr + l4 + field) != fold(sum_words(mem, addresses, words) + proto + size):
        return PARTIAL_NONE
    return l4 << 8 | field


@kernel
def partial_ipv4(mem: Bytes, addr: int, l3: int, length: int) -> int:
    header = (int(mem[addr + l3]) & 0xF) * 4
    total = u16(mem, addr + l3 + 2)
    if header < 20 or l3 + total > length or u16(mem, addr + l3 + 6) & 0x3FFF:
        return PARTIAL_NONE
    return compare(mem, addr, l3 + header, int(mem[addr + l3 + 9]), total - header, addr + l3 + 12, 8)


@kernel
def partial_ipv6(mem: Bytes, addr: int, l3: int, length: int) -> int:
    end = l3 + 40 + u16(mem, addr + l3 + 4)
    if end > length:
        return PARTIAL_NONE
    proto = int(mem[addr + l3 + 6])
    l4 = l3 + 40
    for _ in range(EXTENSIONS):
        if (proto != IPV6_HOP_BY_HOP and proto != IPV6_DESTINATION) or l4 + 8 > end:
            break
        proto, l4 = int(mem[addr + l4]), l4 + (int(mem[addr + l4 + 1]) + 1) * 8
    return compare(mem, addr, l4, proto, end - l4, addr + l3 + 8, 16)


@kernel
def partial_checksum(mem: Bytes, addr: int, length: int) -> int:
    """Where a partial checksum begins and lies: `start << 8 | offset`, both in bytes, or PARTIAL_NONE."""
    if length < 42:
        return PARTIAL_NONE
    at = skip_tags(mem, addr, length)
    kind = u16(mem, addr + at)
    if kind == ETHERTYPE_IPV4 and at + 2 + 28 <= length:
        return partial_ipv4(mem, addr, at + 2, length)
    if kind == ETHERTYPE_IPV6 and at + 2 + 48 <= length:
        return partial_ipv6(mem, addr, at + 2, length)
    return PARTIAL_NONE
