"""Software GSO: a frame of up to 64 KiB cut into the packets that its sender means (virtio_net.h gso_type).

TCP over IPv4 and IPv6, UDP segmentation (USO), and the older UDP fragmentation (UFO) over IPv4. Behind VLAN tags, MPLS
and PBB alike. Each segment has a slot of its own and complete checksums. `segment` keeps no state: it makes
segments [start, start + limit) of a frame, so that a caller with a batch of 64 takes a long frame in parts.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16, be32, copy, put8, put16, put32
from triplane.dataplane.kernels.checksum import complete, ipv4_check, pseudo_sum, sum_bytes, swapped_sum, words
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ethertypes import MPLS_ENTRY, PROTO_TCP, PROTO_UDP, TYPE_IPV4, TYPE_IPV6
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_NONE,
    CSUM_OFFSET,
    CSUM_START,
    ETH_TYPE,
    EXTHDR,
    FRAG_NONE,
    FRAGMENT,
    FRAME_WORDS,
    GSO_ECN,
    GSO_NONE,
    GSO_SIZE,
    GSO_TCPV4,
    GSO_TCPV6,
    GSO_TYPE,
    GSO_UDP,
    GSO_UDP_L4,
    IP_END,
    L3,
    L4,
    LENGTH,
    MPLS_AT,
    PAYLOAD,
    PBB_AT,
    PROTO,
)
from triplane.dataplane.kernels.parse import ethernet
from triplane.dataplane.kernels.parse_ip import EXT_ROUTER, IP_MORE, IPV6_HEADER, ipv4, ipv6, routed_elsewhere
from triplane.dataplane.kernels.pool import Bytes, Words, take_one
from triplane.dataplane.kernels.push_pop import MPLS_BOTTOM

TCP_FLAGS = 13  # offset of the flags byte
TCP_LAST = 0x09  # FIN and PSH: of the last segment only
TCP_FIRST = 0x80  # CWR: of the first only (RFC 3168 section 6.1.2)


@kernel
def segment_count(mem: Bytes, row: Words) -> int:
    """How many segments the frame makes; 0 when it can't be cut: not what its gso_type says, or malformed."""
    expose(mem, row)
    header = header_size(mem, row)
    room = row[IP_END] - header
    size = piece_size(row)
    if header <= 0 or room < 0 or size <= 0:
        return 0
    return max(1, (room + size - 1) // size)


@kernel
def segment(mem: Bytes, pool: Words, row: Words, out: Words, start: int, limit: int) -> int:
    """Make segments `start` .. of the frame in the frame columns of out[0], out[1] .. , at most `limit`.

    Returns how many it made: fewer than asked for when the frame ends, or the pool has no slot. The frame
    itself stays, for the caller to free.
    """
    count = min(segment_count(mem, row) - start, limit)
    if gso_kind(row) == GSO_UDP:
        complete(mem, row)  # its checksum is that of the whole datagram
    for i in range(count):
        if not make(mem, pool, row, out[i], start + i):
            return i
    return max(count, 0)


@kernel
def gso_kind(row: Words) -> int:
    return row[GSO_TYPE] & ~GSO_ECN


@kernel
def expose(mem: Bytes, row: Words) -> None:
    """Lay out the IP header behind MPLS and PBB, which `layout` leaves hidden."""
    while row[PROTO] < 0 and (row[MPLS_AT] >= 0 or row[PBB_AT] >= 0):
        if row[MPLS_AT] >= 0:
            expose_mpls(mem, row)
        else:
            at = row[PBB_AT]
            row[PBB_AT] = -1
            ethernet(mem, row, at + 6)


@kernel
def expose_mpls(mem: Bytes, row: Words) -> None:
    at, last = row[MPLS_AT], row[LENGTH] - MPLS_ENTRY
    while at < last and be32(mem, row[ADDR] + at) & MPLS_BOTTOM == 0:
        at += MPLS_ENTRY
    at += MPLS_ENTRY
    row[MPLS_AT] = -1
    if at >= row[LENGTH]:
        return
    version = be8(mem, row[ADDR] + at) >> 4
    if version == 4:
        row[ETH_TYPE] = TYPE_IPV4
        ipv4(mem, row, at)
    elif version == 6:
        row[ETH_TYPE] = TYPE_IPV6
        ipv6(mem, row, at)


@kernel
def header_size(mem: Bytes, row: Words) -> int:
    """Bytes that each segment repeats, -1 when the frame is not what its gso_type says."""
    kind = gso_kind(row)
    if row[PROTO] < 0 or row[L4] < 0 or row[FRAGMENT] != FRAG_NONE:
        return -1
    if row[PROTO] == PROTO_TCP and (kind == GSO_TCPV4 or kind == GSO_TCPV6):
        size = be8(mem, row[ADDR] + row[L4] + 12) >> 4 << 2
        return row[L4] + size if size >= 20 else -1
    if row[PROTO] == PROTO_UDP and kind == GSO_UDP_L4:
        return row[L4] + 8
    return row[PAYLOAD] if row[PROTO] == PROTO_UDP and kind == GSO_UDP and row[ETH_TYPE] == TYPE_IPV4 else -1


@kernel
def piece_size(row: Words) -> int:
    """Bytes behind the repeated header in each segment but the last; fragments count in units of eight."""
    return row[GSO_SIZE] & ~7 if gso_kind(row) == GSO_UDP else row[GSO_SIZE]


@kernel
def make(mem: Bytes, pool: Words, row: Words, out: Words, index: int) -> bool:
    """Make one segment; False when the pool is empty."""
    header, size = header_size(mem, row), piece_size(row)
    done = index * size
    room = row[IP_END] - header - done
    part = min(size, room)
    addr = take_one(pool, header + part)
    if addr < 0:
        return False
    copy(mem, addr, mem, row[ADDR], header)
    copy(mem, addr + header, mem, row[ADDR] + header + done, part)
    describe(row, out, addr, header + part)
    finish_ip(mem, row, addr, header + part, index, done, part == room)
    if row[PROTO] == PROTO_TCP:
        finish_tcp(mem, row, addr, header + part, done, part == room)
    elif gso_kind(row) == GSO_UDP_L4:
        finish_udp(mem, row, addr, header + part)
    return True


@kernel
def describe(row: Words, out: Words, addr: int, length: int) -> None:
    """The frame columns of a segment: a plain frame."""
    for column in range(FRAME_WORDS):
        out[column] = row[column]
    out[ADDR] = addr
    out[LENGTH] = length
    out[CSUM] = CSUM_NONE
    out[CSUM_START] = out[CSUM_OFFSET] = out[GSO_SIZE] = 0
    out[GSO_TYPE] = GSO_NONE


@kernel
def finish_ip(mem: Bytes, row: Words, addr: int, length: int, index: int, done: int, last: bool) -> None:
    """Lengths; IPv4: identification counts up, or in fragments stays and the offset does; checksum."""
    at = addr + row[L3]
    if row[ETH_TYPE] != TYPE_IPV4:
        put16(mem, at + 4, length - row[L3] - IPV6_HEADER)
        return
    put16(mem, at + 2, length - row[L3])
    if gso_kind(row) == GSO_UDP:
        put16(mem, at + 6, done >> 3 | (0 if last else IP_MORE))
    else:
        put16(mem, at + 4, be16(mem, at + 4) + index)
    put16(mem, at + 10, ipv4_check(mem, at))


@kernel
def finish_tcp(mem: Bytes, row: Words, addr: int, length: int, done: int, last: bool) -> None:
    at = addr + row[L4]
    flags = be8(mem, at + TCP_FLAGS)
    flags &= ~((0 if last else TCP_LAST) | (0 if done == 0 else TCP_FIRST))
    put32(mem, at + 4, be32(mem, at + 4) + done)
    put8(mem, at + TCP_FLAGS, flags)
    put16(mem, at + 16, 0)
    put16(mem, at + 16, segment_check(mem, row, addr, length))


@kernel
def finish_udp(mem: Bytes, row: Words, addr: int, length: int) -> None:
    at = addr + row[L4]
    put16(mem, at + 4, length - row[L4])
    put16(mem, at + 6, 0)
    check = segment_check(mem, row, addr, length)
    put16(mem, at + 6, check if check != 0 else 0xFFFF)


@kernel
def segment_check(mem: Bytes, row: Words, addr: int, length: int) -> int:
    """Layer-4 check of a segment whose field holds zero."""
    size = length - row[L4]
    return fold_check(segment_pseudo(mem, row, size), sum_bytes(mem, addr + row[L4], size))


@kernel
def fold_check(pseudo: int, total: int) -> int:
    return swapped_sum(pseudo, 0, total) ^ 0xFFFF


@kernel
def segment_pseudo(mem: Bytes, row: Words, size: int) -> int:
    """Sum of the pseudo header. With a source route the header lacks the final destination: the sender's sum has it."""
    if row[EXTHDR] & EXT_ROUTER != 0 and routed_elsewhere(mem, row):
        at = row[ADDR] + row[L4] + (16 if row[PROTO] == PROTO_TCP else 6)
        return swapped_sum(be16(mem, at), words(row[IP_END] - row[L4]), words(size))
    return pseudo_sum(mem, row, size)
