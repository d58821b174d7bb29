"""OXM match fields, from the wire to a flow key and mask, and back (OpenFlow 1.3.5 section 7.2.3).

One table, FIELD_ROWS, drives every direction; it is built from `fields.FIELDS`. What the fields decoded so far imply
about the packet (`facts`) tells whether the prerequisites of the next are met.

Order of the checks of one TLV, first failure wins: does it fit (BAD_LEN), class and field (BAD_FIELD), length
(BAD_LEN), value within the mask (BAD_WILDCARDS), mask (BAD_MASK), value (BAD_VALUE), not seen before (DUP_FIELD),
prerequisites stand before it (BAD_PREREQ). Open vSwitch checks in this order too.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.bigendian import load_bytes, store_bytes
from triplane.dataplane.kernels.bytes import be8, be16, put8, put16
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import (
    BAD_MATCH_FIELD,
    BAD_MATCH_LEN,
    BAD_MATCH_MASK,
    BAD_MATCH_PREREQ,
    BAD_MATCH_TYPE,
    BAD_MATCH_VALUE,
    BAD_MATCH_WILDCARDS,
    DUPLICATE_FIELD,
)
from triplane.dataplane.kernels.facts import facts_of_key
from triplane.dataplane.kernels.fields import BY_NAME, FIELDS, K_PORT, KEY_WORDS, PRE_NONE, VID_PRESENT, Field
from triplane.dataplane.kernels.machine import signed
from triplane.dataplane.kernels.packet import IN_PORT, METADATA, TUNNEL_ID
from triplane.dataplane.kernels.pool import Bytes, Words

OFPMT_OXM = 1
OFPXMC_OPENFLOW_BASIC = 0x8000
MATCH_HEADER = 4  # ofp_match: type, length
TLV_HEADER = 4

# columns of FIELD_ROWS; a row for each field, by its number
F_SIZE = 0  # bytes of the value on the wire
F_WORD = 1  # word of the key; 16-byte fields have their high half here and their low half in the next
F_SHIFT = 2  # place of the lowest bit in the word
F_BITS = 3  # the value's bits, right-aligned (of the low half for 16-byte fields)
F_BYTES = 4  # all bits of the value's bytes, right-aligned
F_MASKABLE = 5
F_SETTABLE = 6
F_PRE = 7  # PRE_*
FIELD_COLUMNS = 8


def _row(field: Field) -> list[int]:
    bits, octets = signed((1 << min(field.bits, 64)) - 1), signed((1 << min(8 * field.size, 64)) - 1)
    flags = [int(field.maskable), int(field.settable), field.prerequisite]
    return [field.size, field.word, field.shift, bits, octets, *flags]


FIELD_COUNT = len(FIELDS)
FIELD_ROWS = np.array([_row(field) for field in FIELDS], np.int64)

VLAN_VID = BY_NAME["vlan_vid"].number
ROW_IN_PORT = BY_NAME["in_port"].number
ROW_IN_PHY_PORT = BY_NAME["in_phy_port"].number
ROW_METADATA = BY_NAME["metadata"].number
ROW_TUNNEL_ID = BY_NAME["tunnel_id"].number


@kernel
def field_row(oxm_class: int, number: int) -> int:
    """Row of FIELD_ROWS for oxm_class and oxm_field, or -1. Other classes' fields get their rows here."""
    return number if oxm_class == OFPXMC_OPENFLOW_BASIC and number < FIELD_COUNT else -1


@kernel
def tlv_row(wire: Bytes, at: int, end: int) -> int:
    """Row of the field of the TLV at `at`, its lengths checked, or a negative error word."""
    if end - at < TLV_HEADER:
        return -BAD_MATCH_LEN
    length = be8(wire, at + 3)
    if end - at < TLV_HEADER + length:
        return -BAD_MATCH_LEN
    kind = be8(wire, at + 2)
    row = field_row(be16(wire, at), kind >> 1)
    if row < 0:
        return -BAD_MATCH_FIELD
    return row if length == FIELD_ROWS[row, F_SIZE] << (kind & 1) else -BAD_MATCH_LEN


@kernel
def narrow_mask(row: int, mask: int) -> int:
    """A mask on the wire as bits of the field: all ones, those above the field too, is as good as no mask (7.2.3.5)."""
    if mask == FIELD_ROWS[row, F_BYTES]:
        return FIELD_ROWS[row, F_BITS]
    return mask


@kernel
def mask_error(row: int, mask: int) -> int:
    """All-zero and all-one masks mean no field and no mask, so that every field takes them (7.2.3.5)."""
    bits = FIELD_ROWS[row, F_BITS]
    if mask & ~bits != 0:
        return BAD_MATCH_MASK
    return 0 if mask == bits or mask == 0 or FIELD_ROWS[row, F_MASKABLE] else BAD_MATCH_MASK


@kernel
def value_error(row: int, value: int, mask: int) -> int:
    """A VLAN id that is matched has OFPVID_PRESENT, or is OFPVID_NONE (7.2.3.8)."""
    if value & ~FIELD_ROWS[row, F_BITS] != 0:
        return BAD_MATCH_VALUE
    if row == VLAN_VID and mask & VID_PRESENT and value != 0 and value & VID_PRESENT == 0:
        return BAD_MATCH_VALUE
    return 0


@kernel
def put_narrow(wire: Bytes, at: int, row: int, masked: int, key: Words, mask: Words) -> int:
    """Put the field of at most 8 bytes whose value is at `at` into key and mask. 0 or an error word."""
    size = FIELD_ROWS[row, F_SIZE]
    value = load_bytes(wire, at, size)
    bits = FIELD_ROWS[row, F_BITS]
    if masked:
        wanted = load_bytes(wire, at + size, size)
        if value & ~wanted != 0:
            return BAD_MATCH_WILDCARDS
        bits = narrow_mask(row, wanted)
        error = mask_error(row, bits)
        if error:
            return error
    error = value_error(row, value, bits)
    if error == 0:
        word, shift = FIELD_ROWS[row, F_WORD], FIELD_ROWS[row, F_SHIFT]
        key[word] |= value << shift
        mask[word] |= bits << shift
    return error


@kernel
def put_wide(wire: Bytes, at: int, row: int, masked: int, key: Words, mask: Words) -> int:
    """Put the 16-byte field (an IPv6 address, always maskable) whose value is at `at` into key and mask."""
    word = FIELD_ROWS[row, F_WORD]
    for half in range(2):
        value = load_bytes(wire, at + 8 * half, 8)
        wanted = load_bytes(wire, at + 16 + 8 * half, 8) if masked else np.int64(-1)
        if value & ~wanted != 0:
            return BAD_MATCH_WILDCARDS
        key[word + half] |= value
        mask[word + half] |= wanted
    return 0


@kernel
def put_field(wire: Bytes, at: int, row: int, key: Words, mask: Words) -> int:
    """Put the TLV at `at` into key and mask. 0 or an error word."""
    masked = be8(wire, at + 2) & 1
    if FIELD_ROWS[row, F_SIZE] == 16:
        return put_wide(wire, at + TLV_HEADER, row, masked, key, mask)
    return put_narrow(wire, at + TLV_HEADER, row, masked, key, mask)


@kernel
def clear_key(key: Words, mask: Words) -> None:
    for i in range(KEY_WORDS):
        key[i] = 0
        mask[i] = 0


@kernel
def decode_match(wire: Bytes, at: int, end: int, key: Words, mask: Words) -> int:
    """Decode the OXM TLVs in wire[at:end] into key[KEY_WORDS] and mask[KEY_WORDS]; 0 or an error word.

    Both are zeroed first; the key is left masked. After an error what they hold is meaningless.
    """
    clear_key(key, mask)
    seen = 0
    while at < end:
        row = tlv_row(wire, at, end)
        if row < 0:
            return -row
        error = put_field(wire, at, row, key, mask)
        if error:
            return error
        if seen >> row & 1:
            return DUPLICATE_FIELD
        pre = FIELD_ROWS[row, F_PRE]
        if pre != PRE_NONE and facts_of_key(key, mask) >> pre & 1 == 0:
            return BAD_MATCH_PREREQ
        seen |= 1 << row
        at += TLV_HEADER + be8(wire, at + 3)
    return 0


@kernel
def match_length(wire: Bytes, at: int) -> int:
    """Length of the ofp_match at `at` with its padding to 8 bytes; the caller has checked that 4 bytes are there."""
    return be16(wire, at + 2) + 7 & -8


@kernel
def decode_match_struct(wire: Bytes, at: int, end: int, key: Words, mask: Words) -> int:
    """Decode the ofp_match at `at`, its padding within `end` too, as decode_match does; 0 or an error word."""
    if end - at < MATCH_HEADER:
        return BAD_MATCH_LEN
    length = be16(wire, at + 2)
    if length < MATCH_HEADER:
        return BAD_MATCH_LEN
    if be16(wire, at) != OFPMT_OXM:
        return BAD_MATCH_TYPE
    if at + match_length(wire, at) > end:
        return BAD_MATCH_LEN
    return decode_match(wire, at + MATCH_HEADER, at + length, key, mask)


# --- back to the wire


@kernel
def store_header(wire: Bytes, at: int, row: int, masked: int) -> None:
    put16(wire, at, OFPXMC_OPENFLOW_BASIC)
    put8(wire, at + 2, row << 1 | masked)
    put8(wire, at + 3, FIELD_ROWS[row, F_SIZE] << masked)


@kernel
def encode_narrow(row: int, key: Words, mask: Words, wire: Bytes, at: int) -> int:
    word, shift, size = FIELD_ROWS[row, F_WORD], FIELD_ROWS[row, F_SHIFT], FIELD_ROWS[row, F_SIZE]
    bits = mask[word] >> shift & FIELD_ROWS[row, F_BITS]
    if bits == 0:
        return 0
    masked = 0 if bits == FIELD_ROWS[row, F_BITS] else 1
    store_header(wire, at, row, masked)
    store_bytes(wire, at + TLV_HEADER, size, key[word] >> shift & FIELD_ROWS[row, F_BITS])
    if masked:
        store_bytes(wire, at + TLV_HEADER + size, size, bits)
    return TLV_HEADER + (size << masked)


@kernel
def encode_wide(row: int, key: Words, mask: Words, wire: Bytes, at: int) -> int:
    word = FIELD_ROWS[row, F_WORD]
    if mask[word] == 0 and mask[word + 1] == 0:
        return 0
    masked = 0 if mask[word] == -1 and mask[word + 1] == -1 else 1
    store_header(wire, at, row, masked)
    for half in range(2):
        store_bytes(wire, at + TLV_HEADER + 8 * half, 8, key[word + half])
        if masked:
            store_bytes(wire, at + TLV_HEADER + 16 + 8 * half, 8, mask[word + half])
    return TLV_HEADER + (16 << masked)


@kernel
def encode_field(row: int, key: Words, mask: Words, wire: Bytes, at: int) -> int:
    """Write the TLV of one field, if it is matched; returns its bytes. Needs up to 36 bytes of room."""
    if FIELD_ROWS[row, F_SIZE] == 16:
        return encode_wide(row, key, mask, wire, at)
    return encode_narrow(row, key, mask, wire, at)


@kernel
def encode_match(key: Words, mask: Words, wire: Bytes, at: int) -> int:
    """Write the canonical TLVs of a match that decode_match made, in field order; returns the bytes written.

    In field order every prerequisite stands before what needs it. Room for MAX_TLVS bytes is enough for any match.
    """
    facts = facts_of_key(key, mask)
    start = at
    for row in range(FIELD_COUNT):
        if facts >> FIELD_ROWS[row, F_PRE] & 1:
            at += encode_field(row, key, mask, wire, at)
    return at - start


MAX_TLVS = sum(TLV_HEADER + 2 * field.size for field in FIELDS)
MAX_PACKET_MATCH = 48  # bytes that encode_packet_match writes, at most


@kernel
def encode_number(row: int, value: int, wire: Bytes, at: int) -> int:
    """Write an unmasked TLV of a field of at most 8 bytes; returns its bytes."""
    size = FIELD_ROWS[row, F_SIZE]
    store_header(wire, at, row, 0)
    store_bytes(wire, at + TLV_HEADER, size, value)
    return TLV_HEADER + size


@kernel
def pad_match(wire: Bytes, at: int, length: int) -> int:
    """Write the header of an ofp_match of `length` bytes, and the padding behind it; returns the padded length."""
    put16(wire, at, OFPMT_OXM)
    put16(wire, at + 2, length)
    padded = length + 7 & -8
    for i in range(length, padded):
        wire[at + i] = 0
    return padded


@kernel
def encode_packet_match(row: Words, key: Words, wire: Bytes, at: int) -> int:
    """Write the ofp_match of a packet-in for packet `row` (1.3.5 section 7.4.1); returns the bytes, padding included.

    in_phy_port only where it differs from in_port, metadata and tunnel_id only where they are not zero.
    """
    to = at + MATCH_HEADER
    to += encode_number(ROW_IN_PORT, row[IN_PORT], wire, to)
    physical = key[K_PORT] & 0xFFFFFFFF
    if physical != 0 and physical != row[IN_PORT]:
        to += encode_number(ROW_IN_PHY_PORT, physical, wire, to)
    if row[METADATA] != 0:
        to += encode_number(ROW_METADATA, row[METADATA], wire, to)
    if row[TUNNEL_ID] != 0:
        to += encode_number(ROW_TUNNEL_ID, row[TUNNEL_ID], wire, to)
    return pad_match(wire, at, to - at)
