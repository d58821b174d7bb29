"""Nicira's multipath, bundle and bundle_load, from the wire to program words (see `multipath`)."""

from __future__ import annotations

from triplane.dataplane.kernels.action_table import OFPP_LOCAL
from triplane.dataplane.kernels.bytes import be16, be32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import (
    BAD_ACTION_ARGUMENT,
    BAD_ACTION_LEN,
    BAD_MATCH_FIELD,
    BAD_OUT_PORT,
    TOO_MANY_ACTIONS,
)
from triplane.dataplane.kernels.extra import NO_FIELD
from triplane.dataplane.kernels.limits import LIMIT_MAX_PORT
from triplane.dataplane.kernels.multipath import BUNDLE_HRW, HASH_L3, ITER_HASH, NO_PORT
from triplane.dataplane.kernels.nicira_parts import part_at, part_error
from triplane.dataplane.kernels.oxm import header_row, wide_port
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import OP_MULTIPATH, head_of, span_of
from triplane.dataplane.kernels.wide import ones, shift_left

MOST_MEMBERS = 480  # of a bundle: two in a word, and an operation has 255 words
MOST_ARGUMENT = 0x7FFFFFFF  # of multipath: what is above, too, is more than any number of links asks for
NXM_IN_PORT = 0x00000002  # header of NXM_OF_IN_PORT, the type of a bundle's members


@kernel
def multipath(wire: Bytes, at: int, limits: Words, check: int, code: Words, to: int) -> int:
    fields, algorithm, links = be16(wire, at + 10), be16(wire, at + 16), be16(wire, at + 18) + 1
    part = part_at(wire, at + 26)
    field = header_row(wire, at + 28, at + 32)
    if field < 0:
        return -BAD_MATCH_FIELD
    if fields > HASH_L3 or algorithm > ITER_HASH or links - 1 & ~ones(part & 0xFFFF) != 0:
        return -BAD_ACTION_ARGUMENT
    error = part_error(limits, field, part >> 16, part & 0xFFFF, check, True)
    if error:
        return -error
    code[to], code[to + 1] = head_of(OP_MULTIPATH, 4, field), span_of(0, part >> 16, part & 0xFFFF)
    code[to + 2] = fields | algorithm << 16 | links << 32
    code[to + 3] = be16(wire, at + 12) | min(be32(wire, at + 20), MOST_ARGUMENT) << 32
    return to + 4


@kernel
def bundle_error(wire: Bytes, at: int, members: int, loads: bool) -> int:
    if be16(wire, at + 12) > HASH_L3 or be16(wire, at + 10) > BUNDLE_HRW or be32(wire, at + 28) != 0:
        return BAD_ACTION_ARGUMENT
    if be32(wire, at + 16) != NXM_IN_PORT or members > MOST_MEMBERS:
        return BAD_ACTION_ARGUMENT
    if not loads and (be16(wire, at + 22) != 0 or be32(wire, at + 24) != 0):
        return BAD_ACTION_ARGUMENT
    return BAD_ACTION_LEN if be16(wire, at + 2) - 32 < 2 * members else 0


@kernel
def bundle(wire: Bytes, at: int, op: int, limits: Words, check: int, code: Words, to: int, code_end: int) -> int:
    """NXAST_BUNDLE, which outputs, and NXAST_BUNDLE_LOAD (13), which loads the port chosen into a field."""
    members, loads = be16(wire, at + 20), be16(wire, at + 8) == 13
    error = bundle_error(wire, at, members, loads)
    field, part = NO_FIELD, part_at(wire, at + 22)
    if loads and error == 0:
        field = header_row(wire, at + 24, at + 28)
        error = part_error(limits, field, part >> 16, part & 0xFFFF, check, True)
        if error == 0 and part & 0xFFFF < 16:
            error = BAD_ACTION_ARGUMENT
    size = 4 + (members + 1) // 2
    if error == 0 and code_end - to < size:
        error = TOO_MANY_ACTIONS
    if error:
        return -error
    code[to], code[to + 1] = head_of(op, size, field), span_of(0, part >> 16, part & 0xFFFF)
    code[to + 2] = be16(wire, at + 12) | be16(wire, at + 10) << 16 | members << 32
    code[to + 3] = be16(wire, at + 14)
    return put_members(wire, at + 32, members, limits, code, to + 4)


@kernel
def put_members(wire: Bytes, at: int, members: int, limits: Words, code: Words, to: int) -> int:
    """A bundle's ports, two in each word; OFPP_NONE is one that is never live."""
    for number in range(members):
        port = wide_port(be16(wire, at + 2 * number))
        reserved = port == OFPP_LOCAL or port == wide_port(NO_PORT)
        if not reserved and not 0 < port <= min(limits[LIMIT_MAX_PORT], 0xFF00):
            return -BAD_OUT_PORT
        if number % 2 == 0:
            code[to + number // 2] = port
        else:
            code[to + number // 2] |= shift_left(0, port, 32)[1]
    return to + (members + 1) // 2
