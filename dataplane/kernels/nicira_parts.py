"""Whether an action may read or write some bits of a field: what Nicira's actions have in common."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be16
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import BAD_MATCH_FIELD, BAD_SET_ARGUMENT, BAD_SET_LEN, MATCH_INCONSISTENT
from triplane.dataplane.kernels.facts import VLAN_FACT
from triplane.dataplane.kernels.limits import CHECK_NONE, LIMIT_LOOSE, STATE_FACTS
from triplane.dataplane.kernels.oxm import F_PRE, F_WIDTH, F_WRITABLE, FIELD_ROWS, VLAN_VID
from triplane.dataplane.kernels.pool import Bytes, Words


@kernel
def subfield_error(field: int, offset: int, bits: int) -> int:
    """Whether `bits` bits from `offset` on lie in the field: 0 or an error word."""
    if field < 0:
        return BAD_MATCH_FIELD
    return BAD_SET_LEN if bits == 0 or offset + bits > FIELD_ROWS[field, F_WIDTH] else 0


@kernel
def field_error(limits: Words, field: int, check: int, write: bool) -> int:
    """Whether a field may be read, or written, by an action for the packets that the list is for."""
    if write and FIELD_ROWS[field, F_WRITABLE] == 0:
        return BAD_SET_ARGUMENT
    if check == CHECK_NONE or limits[LIMIT_LOOSE]:
        return 0
    needs = VLAN_FACT if write and field == VLAN_VID else 1 << FIELD_ROWS[field, F_PRE]
    return 0 if limits[STATE_FACTS] & needs != 0 else MATCH_INCONSISTENT


@kernel
def part_error(limits: Words, field: int, offset: int, bits: int, check: int, write: bool) -> int:
    """Of the part of a field: subfield_error, then field_error."""
    error = subfield_error(field, offset, bits)
    return error if error else field_error(limits, field, check, write)


@kernel
def part_at(wire: Bytes, at: int) -> int:
    """Packed offset and bits: offset << 6 | bits - 1, as Nicira packs them, to offset << 16 | bits."""
    packed = be16(wire, at)
    return packed >> 6 << 16 | (packed & 0x3F) + 1
