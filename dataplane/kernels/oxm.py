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
from triplane.dataplane.kernels.bytes import be8, be16, be32, put8, put16, put24
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
from triplane.dataplane.kernels.fields import (
    BY_NAME,
    FIELDS,
    K_MARK,
    K_METADATA,
    K_PORT,
    K_REG,
    K_TUNNEL,
    KEY_WORDS,
    LATER_FIELDS,
    PRE_NONE,
    REG_WORDS,
    VID_PRESENT,
    Field,
)
from triplane.dataplane.kernels.machine import signed
from triplane.dataplane.kernels.nicira_fields import (
    EXPERIMENTER,
    FIRST_ROW,
    HEADERS,
    NICIRA_FIELDS,
    NXM_NX,
    NXM_ROWS,
    ONF_EXPERIMENTER,
    PACKET_REGS,
    ROW_IN_PORT_16,
    ROW_IP_TOS,
    ROW_PORTS,
    ROW_TCP_FLAGS,
    ROW_VLAN_TCI,
    ROW_XREG,
    ROWS,
    SEEN,
    VIEWS,
)
from triplane.dataplane.kernels.packet import IN_PORT, MARK, METADATA, REG, TUNNEL_ID
from triplane.dataplane.kernels.pool import Bytes, Words

OFPMT_OXM = 1
OFPXMC_OPENFLOW_BASIC = 0x8000
OXM_NUMBERS = FIRST_ROW  # fields of class OFPXMC_OPENFLOW_BASIC have numbers below
MATCH_HEADER = 4  # ofp_match: type, length
TLV_HEADER = 4
EXPERIMENTER_HEADER = 8  # with the experimenter's number
ONF_TCP_FLAGS = 42

# columns of FIELD_ROWS; a row for each field, by its number
F_SIZE = 0  # bytes of the value on the wire
F_WORD = 1  # word of the key; 16-byte fields have their high half here and their low half in the next
F_SHIFT = 2  # place of the lowest bit in the word
F_BITS = 3  # the value's bits, right-aligned (of the low half for 16-byte fields)
F_BYTES = 4  # all bits of the value's bytes, right-aligned
F_MASKABLE = 5
F_SETTABLE = 6
F_PRE = 7  # PRE_*
F_WRITABLE = 8  # by Nicira's load and move, and by copy-field
F_WIDTH = 9  # bits
F_PLACE = 10  # column of the packet's row where the field lives, -1 for one that is in the frame
F_PLACE_SHIFT = 11
F_HEADER = (
    12  # first two bytes of the TLV, and the field number in the high bits of the third: class << 8 | number << 1
)
F_SEEN = 13  # bits that say in the set of fields seen that this one was; a view has the bits of what it shows
F_TOLD = 14  # 1: encode_match tells this row, 0: it is a view of others
FIELD_COLUMNS = 15

PLACES = {K_PORT: IN_PORT, K_METADATA: METADATA, K_TUNNEL: TUNNEL_ID, K_MARK: MARK}
PLACES |= {K_REG + word: REG + word for word in range(REG_WORDS)}
NO_ROW = [0] * FIELD_COLUMNS


def _row(field: Field) -> list[int]:
    bits, octets = signed((1 << min(field.bits, 64)) - 1), signed((1 << min(8 * field.size, 64)) - 1)
    if field.number == ROW_IP_TOS:
        bits = 0xFC
    oxm_class, number = HEADERS.get(field.number, (OFPXMC_OPENFLOW_BASIC, field.number))
    writable = (field.settable or field.name in ("in_port", "metadata")) and field.name != "in_phy_port"
    flags = [int(field.maskable), int(field.settable), field.prerequisite, int(writable), field.bits]
    place = -1 if field.name == "in_phy_port" else PLACES.get(field.word, -1)
    shift = 0 if field.word == K_PORT else field.shift
    told = int(field.number not in VIEWS)
    seen = signed(sum(1 << bit for bit in SEEN.get(field.number, (field.number,))))
    return [
        field.size,
        field.word,
        field.shift,
        bits,
        octets,
        *flags,
        place,
        shift,
        oxm_class << 8 | number << 1,
        seen,
        told,
    ]


FIELD_COUNT = ROWS
_ROWS = {field.number: _row(field) for field in (*FIELDS, *LATER_FIELDS, *NICIRA_FIELDS)}
FIELD_ROWS = np.array([_ROWS.get(row, NO_ROW) for row in range(FIELD_COUNT)], np.int64)

VLAN_VID = BY_NAME["vlan_vid"].number
TCP_SRC = BY_NAME["tcp_src"].number
ROW_PACKET_TYPE = BY_NAME["packet_type"].number
ROW_ACTSET_OUTPUT = BY_NAME["actset_output"].number
OFPP_UNSET = 0xFFFFFFF7
OFPP_MAX_16 = 0xFF00
ROW_IN_PORT = BY_NAME["in_port"].number
ROW_IN_PHY_PORT = BY_NAME["in_phy_port"].number
ROW_METADATA = BY_NAME["metadata"].number
ROW_TUNNEL_ID = BY_NAME["tunnel_id"].number


@kernel
def field_row(oxm_class: int, number: int) -> int:
    """Row of FIELD_ROWS for oxm_class and oxm_field, or -1. Other classes' fields get their rows here."""
    if oxm_class == OFPXMC_OPENFLOW_BASIC:
        return number if number < OXM_NUMBERS and FIELD_ROWS[number, F_SIZE] != 0 else -1
    if oxm_class <= NXM_NX:
        return NXM_ROWS[oxm_class, number]
    return ROW_XREG + number if oxm_class == PACKET_REGS and number < REG_WORDS else -1


@kernel
def experimenter_row(experimenter: int, number: int) -> int:
    """As field_row, of class OFPXMC_EXPERIMENTER."""
    return ROW_TCP_FLAGS if experimenter == ONF_EXPERIMENTER and number == ONF_TCP_FLAGS else -1


@kernel
def header_size(wire: Bytes, at: int) -> int:
    """Bytes of the OXM header at `at`: 8 with an experimenter's number in it, else 4."""
    return EXPERIMENTER_HEADER if be16(wire, at) == EXPERIMENTER else TLV_HEADER


@kernel
def header_row(wire: Bytes, at: int, end: int) -> int:
    """Row of the field that the OXM header at `at`, whole within `end`, names; -1 if it is none that we know."""
    number = be8(wire, at + 2) >> 1
    if be16(wire, at) != EXPERIMENTER:
        return field_row(be16(wire, at), number)
    return experimenter_row(be32(wire, at + 4), number) if end - at >= EXPERIMENTER_HEADER else -1


@kernel
def tlv_row(wire: Bytes, at: int, end: int) -> int:
    """Row of the field of the TLV at `at`, its lengths checked, or a negative error word."""
    if end - at < TLV_HEADER:
        return -BAD_MATCH_LEN
    length = be8(wire, at + 3)
    if end - at < TLV_HEADER + length:
        return -BAD_MATCH_LEN
    row = header_row(wire, at, at + TLV_HEADER + length)
    if row < 0:
        return -BAD_MATCH_FIELD
    size = FIELD_ROWS[row, F_SIZE] << (be8(wire, at + 2) & 1)
    return row if length == size + header_size(wire, at) - TLV_HEADER else -BAD_MATCH_LEN


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
    """A VLAN id that is matched has OFPVID_PRESENT, or is OFPVID_NONE (7.2.3.8). Every packet's type is Ethernet: 0."""
    if value & ~FIELD_ROWS[row, F_BITS] != 0:
        return BAD_MATCH_VALUE
    if row == ROW_PACKET_TYPE and value != 0:
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
        kept = in_key_mask(row, bits)
        key[word] |= (in_key(row, value) & kept) << shift
        mask[word] |= kept << shift
    return error


@kernel
def in_key(row: int, value: int) -> int:
    """The value on the wire as the key has it: views of a field have another form."""
    if row == ROW_VLAN_TCI:
        return tci_in_key(value)
    if row == ROW_ACTSET_OUTPUT:
        return value ^ OFPP_UNSET
    return wide_port(value) if row == ROW_IN_PORT_16 else value


@kernel
def in_key_mask(row: int, bits: int) -> int:
    if row == ROW_VLAN_TCI:
        return tci_in_key(bits)
    return 0xFFFFFFFF if row == ROW_IN_PORT_16 else bits


@kernel
def tci_in_key(tci: int) -> int:
    """pcp:3 present:1 vid:12 to present:1 vid:12 pcp:3."""
    return (tci & 0x1FFF) << 3 | tci >> 13 & 7


@kernel
def tci_on_wire(bits: int) -> int:
    return bits >> 3 & 0x1FFF | (bits & 7) << 13


@kernel
def wide_port(port: int) -> int:
    """A 16-bit port number of OpenFlow 1.0, reserved ones too, as 32 bits."""
    return port if port < OFPP_MAX_16 else port | 0xFFFF0000


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
    masked, value = be8(wire, at + 2) & 1, at + header_size(wire, at)
    if FIELD_ROWS[row, F_SIZE] == 16:
        return put_wide(wire, value, row, masked, key, mask)
    return put_narrow(wire, value, row, masked, key, mask)


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
        if seen & FIELD_ROWS[row, F_SEEN] != 0:
            return DUPLICATE_FIELD
        pre = FIELD_ROWS[row, F_PRE]
        if pre != PRE_NONE and facts_of_key(key, mask) >> pre & 1 == 0:
            return BAD_MATCH_PREREQ
        seen |= FIELD_ROWS[row, F_SEEN]
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
    put24(wire, at, FIELD_ROWS[row, F_HEADER] | masked)
    put8(wire, at + 3, FIELD_ROWS[row, F_SIZE] << masked)


@kernel
def encode_narrow(row: int, key: Words, mask: Words, wire: Bytes, at: int) -> int:
    word, shift, size = FIELD_ROWS[row, F_WORD], FIELD_ROWS[row, F_SHIFT], FIELD_ROWS[row, F_SIZE]
    bits = mask[word] >> shift & FIELD_ROWS[row, F_BITS]
    if bits == 0:
        return 0
    masked = 0 if bits == FIELD_ROWS[row, F_BITS] else 1
    store_header(wire, at, maskable_row(row) if masked else row, masked)
    value = key[word] >> shift & FIELD_ROWS[row, F_BITS]
    store_bytes(wire, at + TLV_HEADER, size, value ^ OFPP_UNSET if row == ROW_ACTSET_OUTPUT else value)
    if masked:
        store_bytes(wire, at + TLV_HEADER + size, size, bits)
    return TLV_HEADER + (size << masked)


@kernel
def maskable_row(row: int) -> int:
    """The row that tells a masked TCP or UDP port: OXM does not mask them, NXM does."""
    return row - TCP_SRC + ROW_PORTS if TCP_SRC <= row < TCP_SRC + 4 else row


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
        if FIELD_ROWS[row, F_TOLD] and facts >> FIELD_ROWS[row, F_PRE] & 1:
            at += encode_field(row, key, mask, wire, at)
    return at - start


_TOLD = [field for field in (*FIELDS, *LATER_FIELDS, *NICIRA_FIELDS) if field.number not in VIEWS]
MAX_TLVS = sum(TLV_HEADER + 2 * field.size for field in _TOLD)
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
