"""Any bits of any field, read and written: what Nicira's load, move, push and pop, and copy-field of OpenFlow 1.5 are
made of.

A field is a row of `oxm.FIELD_ROWS`; its value has the form it has on the wire, right-aligned, in two words of which
narrow fields use the low one. A field that the packet does not have reads as absent, and writing it does nothing.
"""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ethertypes import TYPE_VLAN
from triplane.dataplane.kernels.facts import facts_of_key
from triplane.dataplane.kernels.fields import BY_NAME, KEY_WORDS, VID_PRESENT
from triplane.dataplane.kernels.machine import address_of, view_bytes, view_words, wrap
from triplane.dataplane.kernels.nicira_fields import (
    ROW_IN_PORT_16,
    ROW_IP_TOS,
    ROW_MPLS_TTL,
    ROW_PORTS,
    ROW_TTL,
    ROW_VLAN_TCI,
)
from triplane.dataplane.kernels.node import N_MEM, N_MEM_BYTES, N_POOL, N_POOL_WORDS, W_KEY, W_STALE
from triplane.dataplane.kernels.output_in_set import output_in_set
from triplane.dataplane.kernels.outputs import refresh, settle
from triplane.dataplane.kernels.oxm import (
    F_BITS,
    F_PLACE,
    F_PLACE_SHIFT,
    F_PRE,
    F_SHIFT,
    F_SIZE,
    F_WORD,
    FIELD_ROWS,
    TCP_SRC,
    VLAN_VID,
    tci_on_wire,
    wide_port,
)
from triplane.dataplane.kernels.packet import IN_PORT, MARK, VLAN_AT
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.registers import open_registers
from triplane.dataplane.kernels.rewrite import ABSENT, DONE, pop_vlan, push_vlan, set_field, set_mpls_ttl, set_nw_ttl
from triplane.dataplane.kernels.wide import Wide, mask_of, shift_left, shift_right

ROW_ACTSET_OUTPUT = BY_NAME["actset_output"].number
IP_DSCP = BY_NAME["ip_dscp"].number
VLAN_PCP = BY_NAME["vlan_pcp"].number


# --- reading


@kernel
def has_field(key: Words, field: int) -> bool:
    """Whether the packet whose fresh key this is has what the field asks for."""
    return facts_of_key(key, key) >> FIELD_ROWS[field, F_PRE] & 1 != 0


@kernel
def read_context(row: Words, field: int) -> Wide:
    """A field that lives in the packet's row."""
    column = FIELD_ROWS[field, F_PLACE]
    if column >= MARK:
        open_registers(row)
    if FIELD_ROWS[field, F_SIZE] == 16:
        return row[column], row[column + 1]
    return 0, row[column] >> FIELD_ROWS[field, F_PLACE_SHIFT] & FIELD_ROWS[field, F_BITS]


@kernel
def read_key(key: Words, field: int) -> Wide:
    """A field that lives in the frame, from its fresh key."""
    word = FIELD_ROWS[field, F_WORD]
    if FIELD_ROWS[field, F_SIZE] == 16:
        return key[word], key[word + 1]
    value = key[word] >> FIELD_ROWS[field, F_SHIFT] & FIELD_ROWS[field, F_BITS]
    return 0, tci_on_wire(value) if field == ROW_VLAN_TCI else value


@kernel
def read_field(node: Words, w: Words, row: Words, field: int) -> Wide:
    """The whole field; zero if the packet does not have it."""
    if FIELD_ROWS[field, F_PLACE] >= 0:
        return read_context(row, field)
    if field == ROW_ACTSET_OUTPUT:
        return 0, output_in_set(node, w, row)
    refresh(node, w, row)
    key = view_words(address_of(w, W_KEY), KEY_WORDS)
    return read_key(key, field) if has_field(key, field) else (0, 0)


@kernel
def is_there(node: Words, w: Words, row: Words, field: int) -> bool:
    """Whether the packet has the field."""
    if FIELD_ROWS[field, F_PLACE] >= 0:
        return True
    refresh(node, w, row)
    return has_field(view_words(address_of(w, W_KEY), KEY_WORDS), field)


@kernel
def read_bits(node: Words, w: Words, row: Words, field: int, offset: int, bits: int) -> Wide:
    """`bits` bits of the field from bit `offset` on, right-aligned."""
    high, low = read_field(node, w, row, field)
    high, low = shift_right(high, low, offset)
    keep_high, keep_low = mask_of(0, bits)
    return high & keep_high, low & keep_low


# --- writing


@kernel
def write_context(row: Words, field: int, high: int, low: int) -> None:
    column, shift = FIELD_ROWS[field, F_PLACE], FIELD_ROWS[field, F_PLACE_SHIFT]
    if column >= MARK:
        open_registers(row)
    if FIELD_ROWS[field, F_SIZE] == 16:
        row[column], row[column + 1] = high, low
    elif field == ROW_IN_PORT_16:
        row[IN_PORT] = wide_port(low & 0xFFFF)
    else:
        bits = FIELD_ROWS[field, F_BITS]
        row[column] = (row[column] & ~wrap(bits << shift)) | wrap((low & bits) << shift)


@kernel
def write_tci(mem: Bytes, pool: Words, row: Words, tci: int) -> int:
    """The outermost VLAN tag as one number: with the tag bit, a packet without a tag gets one; without, it loses it."""
    if tci & VID_PRESENT == 0:
        return pop_vlan(mem, row)
    result = push_vlan(mem, pool, row, TYPE_VLAN) if row[VLAN_AT] < 0 else DONE
    if result == DONE:
        set_field(mem, row, VLAN_VID, tci & 0x1FFF, 0)
        set_field(mem, row, VLAN_PCP, tci >> 13, 0)
    return result


@kernel
def write_header(mem: Bytes, pool: Words, row: Words, field: int, high: int, low: int) -> int:
    """A field that lives in the frame; DONE, ABSENT or NO_ROOM. The key is stale afterwards."""
    if field == ROW_VLAN_TCI:
        return write_tci(mem, pool, row, low)
    if field == ROW_TTL:
        return set_nw_ttl(mem, row, low)
    if field == ROW_MPLS_TTL:
        return set_mpls_ttl(mem, row, low)
    if field == ROW_IP_TOS:
        return set_field(mem, row, IP_DSCP, low >> 2, 0)
    if field >= ROW_PORTS:
        return set_field(mem, row, field - ROW_PORTS + TCP_SRC, low, 0)
    if FIELD_ROWS[field, F_SIZE] == 16:
        return set_field(mem, row, field, high, low)
    return set_field(mem, row, field, low, 0)


@kernel
def write_field(node: Words, w: Words, row: Words, field: int, high: int, low: int) -> int:
    """The whole field: DONE, ABSENT or NO_ROOM (see `rewrite`). A pending output goes first, as the packet is."""
    if FIELD_ROWS[field, F_PLACE] >= 0:
        write_context(row, field, high, low)
        return DONE
    if field != ROW_VLAN_TCI and not is_there(node, w, row, field):
        return ABSENT
    settle(node, w, row)
    w[W_STALE] = 1
    mem = view_bytes(node[N_MEM], node[N_MEM_BYTES])
    return write_header(mem, view_words(node[N_POOL], node[N_POOL_WORDS]), row, field, high, low)


@kernel
def write_masked(
    node: Words, w: Words, row: Words, field: int, high: int, low: int, mask_high: int, mask_low: int
) -> int:
    """The bits of the field that the mask has, taken from high:low; as write_field."""
    old_high, old_low = read_field(node, w, row, field)
    high = (old_high & ~mask_high) | (high & mask_high)
    return write_field(node, w, row, field, high, (old_low & ~mask_low) | (low & mask_low))


@kernel
def write_bits(node: Words, w: Words, row: Words, field: int, offset: int, bits: int, high: int, low: int) -> int:
    """`bits` bits of the field from bit `offset` on become the low bits of high:low; as write_field."""
    high, low = shift_left(high, low, offset)
    mask_high, mask_low = mask_of(offset, bits)
    return write_masked(node, w, row, field, high, low, mask_high, mask_low)


@kernel
def copy_bits(
    node: Words, w: Words, row: Words, source: int, source_at: int, target: int, target_at: int, bits: int
) -> int:
    """`bits` bits of a field, from bit source_at, to another, from bit target_at; ABSENT if the packet lacks either."""
    if not is_there(node, w, row, source):
        return ABSENT
    high, low = read_bits(node, w, row, source, source_at, bits)
    return write_bits(node, w, row, target, target_at, bits, high, low)
