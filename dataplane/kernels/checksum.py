"""Internet checksums (RFC 1071), their incremental update (RFC 1624), and SCTP's CRC32c (RFC 9260 appendix A).

A *sum* is a one's complement sum of big-endian 16-bit words, folded to 16 bits or not yet; a *check* is what stands
in a header: the complement of a folded sum. Where a frame is CSUM_PARTIAL, the field holds the folded sum of the
pseudo header instead, not complemented.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.bytes import be8, be16, be32, be64, le64, put16, put32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ethertypes import PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP, TYPE_IPV4
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_NONE,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    ETH_TYPE,
    IP_END,
    L3,
    L4,
    LENGTH,
    PROTO,
)
from triplane.dataplane.kernels.pool import Bytes, Words

COMPLETED = 0
NOT_PARTIAL = 1
BAD_OFFSETS = 2  # the partial checksum is said to be outside the frame

SCTP_CHECK = 8  # offset of SCTP's CRC in its header; no other protocol has its checksum there


def _crc_tables() -> Words:
    """tables[k][b]: CRC32c of byte b followed by k zero bytes (polynomial 0x1EDC6F41, reflected)."""
    tables = np.zeros((8, 256), np.int64)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        tables[0, byte] = crc
    for k in range(1, 8):
        tables[k] = tables[k - 1] >> 8 ^ tables[0, tables[k - 1] & 0xFF]
    return tables


CRC = _crc_tables()


@kernel
def fold(total: int) -> int:
    """A sum of up to 62 bits, folded to 16."""
    total = (total & 0xFFFFFFFF) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16 & 0xFFFF) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


@kernel
def words(value: int) -> int:
    """Sum of the four 16-bit words of a 64-bit pattern, not folded."""
    return (value & 0xFFFF) + (value >> 16 & 0xFFFF) + (value >> 32 & 0xFFFF) + (value >> 48 & 0xFFFF)


@kernel
def sum_bytes(mem: Bytes, at: int, count: int) -> int:
    """Folded sum over mem[at : at + count]; an odd last byte counts as the high one of a word.

    Summed in the machine's byte order, eight bytes at a time, and swapped at the end (RFC 1071 section 2).
    """
    total = 0
    for i in range(count >> 3):
        word = le64(mem, at + 8 * i)
        total += (word & 0xFFFFFFFF) + (word >> 32 & 0xFFFFFFFF)
    done = count & ~7
    for i in range(count & 7):
        total += be8(mem, at + done + i) << (8 * (i & 1))
    total = fold(total)
    return total >> 8 | (total & 0xFF) << 8


@kernel
def swapped_sum(total: int, old: int, new: int) -> int:
    """The folded sum after words that sum to `old` became words that sum to `new`; all of at most eight words.

    Adding a multiple of 0xFFFF changes no sum, and keeps the difference positive: cheaper than folding first.
    """
    total += new + 8 * 0xFFFF - old
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


@kernel
def update(check: int, old: int, new: int) -> int:
    """The check after words that sum to `old` became words that sum to `new`: RFC 1624 equation 3."""
    return swapped_sum(check ^ 0xFFFF, old, new) ^ 0xFFFF


@kernel
def update_value(check: int, old: int, new: int) -> int:
    """The check after a 16-, 32-, 48- or 64-bit number at an even offset changed."""
    return update(check, words(old), words(new))


@kernel
def update128(check: int, old_high: int, old_low: int, new_high: int, new_low: int) -> int:
    return update(check, words(old_high) + words(old_low), words(new_high) + words(new_low))


@kernel
def ipv4_check(mem: Bytes, at: int) -> int:
    """Check of the IPv4 header at address `at`, whatever its field holds."""
    total = sum_bytes(mem, at, (be8(mem, at) & 15) << 2)
    return swapped_sum(total, be16(mem, at + 10), 0) ^ 0xFFFF


@kernel
def pseudo_sum(mem: Bytes, row: Words, length: int) -> int:
    """Sum of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1) for `length` bytes of layer 4."""
    at = row[ADDR] + row[L3]
    total = row[PROTO] + words(length)
    if row[ETH_TYPE] == TYPE_IPV4:
        return fold(total + words(be64(mem, at + 12)))
    total += words(be64(mem, at + 8)) + words(be64(mem, at + 16))
    return fold(total + words(be64(mem, at + 24)) + words(be64(mem, at + 32)))


@kernel
def check_offset(proto: int) -> int:
    """Where the check stands in a layer-4 header, -1 when it has none of this kind."""
    if proto == PROTO_TCP:
        return 16
    if proto == PROTO_UDP:
        return 6
    return 2 if proto == PROTO_ICMP or proto == PROTO_ICMPV6 else -1


@kernel
def l4_check(mem: Bytes, row: Words) -> int:
    """Full check of the TCP, UDP, ICMP or ICMPv6 message of a row whose L4 is there, whatever its field holds."""
    at, length = row[ADDR] + row[L4], row[IP_END] - row[L4]
    total = sum_bytes(mem, at, length)
    if row[PROTO] != PROTO_ICMP:
        total += pseudo_sum(mem, row, length)
    check = swapped_sum(total, be16(mem, at + check_offset(row[PROTO])), 0) ^ 0xFFFF
    return 0xFFFF if check == 0 and row[PROTO] == PROTO_UDP else check


@kernel
def is_partial(row: Words) -> bool:
    """True when the layer-4 check of this row's own layer 4 is yet to be completed."""
    return row[CSUM] == CSUM_PARTIAL and row[CSUM_START] == row[L4]


@kernel
def adjust_ipv4(mem: Bytes, row: Words, old: int, new: int) -> None:
    """Account for a change in the IPv4 header, given as sums."""
    at = row[ADDR] + row[L3] + 10
    put16(mem, at, update(be16(mem, at), old, new))


@kernel
def adjust_l4(mem: Bytes, row: Words, old: int, new: int, pseudo: bool) -> None:
    """Account in layer 4 for a change in its message or its pseudo header, given as sums."""
    offset = check_offset(row[PROTO])
    if row[L4] < 0 or offset < 0 or (pseudo and row[PROTO] == PROTO_ICMP):
        return
    at = row[ADDR] + row[L4] + offset
    check = be16(mem, at)
    if is_partial(row):
        if pseudo:
            put16(mem, at, swapped_sum(check, old, new))
    elif row[PROTO] != PROTO_UDP:
        put16(mem, at, update(check, old, new))
    elif check != 0:  # RFC 768: zero says there is none, a computed zero is sent as all ones
        check = update(check, old, new)
        put16(mem, at, check if check != 0 else 0xFFFF)


@kernel
def crc32c(mem: Bytes, at: int, count: int, crc: int) -> int:
    """Run the CRC register over mem[at : at + count]; start from 0xFFFFFFFF, complement at the end."""
    for i in range(count >> 3):
        word = le64(mem, at + 8 * i) ^ crc
        crc = CRC[7, word & 255] ^ CRC[6, word >> 8 & 255] ^ CRC[5, word >> 16 & 255] ^ CRC[4, word >> 24 & 255]
        crc ^= CRC[3, word >> 32 & 255] ^ CRC[2, word >> 40 & 255]
        crc ^= CRC[1, word >> 48 & 255] ^ CRC[0, word >> 56 & 255]
    done = count & ~7
    for i in range(count & 7):
        crc = crc >> 8 ^ CRC[0, (crc ^ be8(mem, at + done + i)) & 255]
    return int(crc)


@kernel
def swap32(value: int) -> int:
    return value >> 24 & 0xFF | value >> 8 & 0xFF00 | (value & 0xFF00) << 8 | (value & 0xFF) << 24


@kernel
def sctp_check(mem: Bytes, at: int, count: int) -> int:
    """CRC of the SCTP packet at address `at` as a big-endian load sees it, its field taken as zero."""
    crc = crc32c(mem, at, SCTP_CHECK, 0xFFFFFFFF)
    for _ in range(4):
        crc = crc >> 8 ^ CRC[0, crc & 255]
    return swap32(crc32c(mem, at + 12, count - 12, crc) ^ 0xFFFFFFFF)


@kernel
def complete(mem: Bytes, row: Words) -> int:
    """Finish the layer-4 check of a CSUM_PARTIAL frame in software. Needs the frame columns only."""
    if row[CSUM] != CSUM_PARTIAL:
        return NOT_PARTIAL
    row[CSUM] = CSUM_NONE
    start, offset = row[CSUM_START], row[CSUM_OFFSET]
    size = row[LENGTH] - start
    if start < 0 or offset < 0 or offset + 2 > size:
        return BAD_OFFSETS
    at = row[ADDR] + start
    if offset == SCTP_CHECK:
        return complete_sctp(mem, at, size)
    check = sum_bytes(mem, at, size) ^ 0xFFFF
    put16(mem, at + offset, check if check != 0 else 0xFFFF)
    return COMPLETED


@kernel
def complete_sctp(mem: Bytes, at: int, size: int) -> int:
    """A partial checksum of SCTP is none of the Internet kind: the CRC over all (linux skb csum_not_inet)."""
    if size < 12:
        return BAD_OFFSETS
    put32(mem, at + SCTP_CHECK, sctp_check(mem, at, size))
    return COMPLETED


@kernel
def sctp_restore(mem: Bytes, at: int, before: int, after: int) -> None:
    """Set the CRC after a change; `before` and `after` are what it should have been. Damage stays detectable."""
    put32(mem, at + SCTP_CHECK, be32(mem, at + SCTP_CHECK) ^ before ^ after)
