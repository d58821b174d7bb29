"""The actions that change a frame, by operation code."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import inlined
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import (
    OP_COPY_TTL_IN,
    OP_COPY_TTL_OUT,
    OP_DEC_MPLS_TTL,
    OP_DEC_NW_TTL,
    OP_POP_MPLS,
    OP_POP_PBB,
    OP_POP_VLAN,
    OP_PUSH_MPLS,
    OP_PUSH_PBB,
    OP_PUSH_VLAN,
    OP_SET_FIELD,
    OP_SET_MPLS_TTL,
    OP_SET_NW_TTL,
    arg_of,
    op_of,
)
from triplane.dataplane.kernels.rewrite import (
    ABSENT,
    copy_ttl_in,
    copy_ttl_out,
    dec_mpls_ttl,
    dec_nw_ttl,
    pop_mpls,
    pop_pbb,
    pop_vlan,
    push_mpls,
    push_pbb,
    push_vlan,
    set_field,
    set_mpls_ttl,
    set_nw_ttl,
)


@inlined
def change(mem: Bytes, pool: Words, row: Words, arena: Words, at: int) -> int:
    """Do the action at arena[at]; DONE, ABSENT, EXPIRED or NO_ROOM (see `rewrite`)."""
    head = arena[at]
    op, arg = op_of(head), arg_of(head)
    if op == OP_SET_FIELD:
        return set_field(mem, row, arg, arena[at + 1], arena[at + 2])
    if op <= OP_POP_PBB:
        return reshape(mem, pool, row, op, arg)
    return change_ttl(mem, row, op, arg)


@inlined
def reshape(mem: Bytes, pool: Words, row: Words, op: int, arg: int) -> int:
    """Push and pop."""
    if op == OP_PUSH_VLAN:
        return push_vlan(mem, pool, row, arg)
    if op == OP_POP_VLAN:
        return pop_vlan(mem, row)
    if op == OP_PUSH_MPLS:
        return push_mpls(mem, pool, row, arg)
    if op == OP_POP_MPLS:
        return pop_mpls(mem, row, arg)
    if op == OP_PUSH_PBB:
        return push_pbb(mem, pool, row, arg)
    return pop_pbb(mem, row) if op == OP_POP_PBB else ABSENT


@inlined
def change_ttl(mem: Bytes, row: Words, op: int, arg: int) -> int:
    if op == OP_DEC_NW_TTL:
        return dec_nw_ttl(mem, row)
    if op == OP_SET_NW_TTL:
        return set_nw_ttl(mem, row, arg)
    if op == OP_DEC_MPLS_TTL:
        return dec_mpls_ttl(mem, row)
    if op == OP_SET_MPLS_TTL:
        return set_mpls_ttl(mem, row, arg)
    if op == OP_COPY_TTL_OUT:
        return copy_ttl_out(mem, row)
    return copy_ttl_in(mem, row) if op == OP_COPY_TTL_IN else ABSENT
