"""Push and pop of VLAN, MPLS and PBB headers: OpenFlow 1.3.5 sections 5.11 and 7.2.5.

A new header goes right behind the Ethernet header, before other tags (section 5.11), its fields taken from the
outermost header of the kind (section 5.11.1). Each returns DONE, ABSENT or NO_ROOM, and leaves the layout right.
"""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16, be32, copy, put16, put32
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ethertypes import ETH_HEADER, MAC_BYTES, MPLS_ENTRY, PBB_TAG, TYPE_IPV4, VLAN_TAG
from triplane.dataplane.kernels.frame import ABSENT, DONE, insert, remove
from triplane.dataplane.kernels.packet import ADDR, ETH_TYPE, L3, MPLS_AT, PBB_AT, PROTO, TYPE_AT, VLAN_AT
from triplane.dataplane.kernels.parse import layout
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.kernels.program import UNLESS_TAGGED

MPLS_BOTTOM = 1 << 8  # label:20 tc:3 bottom:1 ttl:8


@kernel
def push_vlan(mem: Bytes, pool: Words, row: Words, ethertype: int) -> int:
    """VLAN id and priority are those of the tag that was outermost, else zero. `ethertype` may have UNLESS_TAGGED."""
    if row[TYPE_AT] < 0 or (ethertype & UNLESS_TAGGED and row[VLAN_AT] >= 0):
        return ABSENT
    tci = 0
    if row[VLAN_AT] >= 0:
        tci = be16(mem, row[ADDR] + row[VLAN_AT] + 2) & 0xEFFF
    outcome = insert(mem, pool, row, MAC_BYTES, VLAN_TAG)
    if outcome == DONE:
        put16(mem, row[ADDR] + MAC_BYTES, ethertype & 0xFFFF)
        put16(mem, row[ADDR] + MAC_BYTES + 2, tci)
        layout(mem, row)
    return outcome


@kernel
def pop_vlan(mem: Bytes, row: Words) -> int:
    if row[VLAN_AT] < 0:
        return ABSENT
    remove(mem, row, row[VLAN_AT], VLAN_TAG)
    layout(mem, row)
    return DONE


@kernel
def pushed_entry(mem: Bytes, row: Words) -> int:
    """The label stack entry to push: a copy of the outermost one, else label 0 with the TTL of IP."""
    base = row[ADDR]
    if row[MPLS_AT] >= 0:
        entry = be32(mem, base + row[MPLS_AT])
        return entry & ~MPLS_BOTTOM if row[MPLS_AT] == ETH_HEADER else entry | MPLS_BOTTOM
    if row[PROTO] < 0:
        return MPLS_BOTTOM
    return MPLS_BOTTOM | be8(mem, base + row[L3] + (8 if row[ETH_TYPE] == TYPE_IPV4 else 7))


@kernel
def push_mpls(mem: Bytes, pool: Words, row: Words, ethertype: int) -> int:
    """Bottom of stack unless a label follows at once: one behind a VLAN tag is of another stack."""
    if row[TYPE_AT] < 0:
        return ABSENT
    entry = pushed_entry(mem, row)
    outcome = insert(mem, pool, row, ETH_HEADER, MPLS_ENTRY)
    if outcome == DONE:
        put16(mem, row[ADDR] + MAC_BYTES, ethertype)
        put32(mem, row[ADDR] + ETH_HEADER, entry)
        layout(mem, row)
    return outcome


@kernel
def pop_mpls(mem: Bytes, row: Words, ethertype: int) -> int:
    """`ethertype` is that of what follows the entry."""
    at = row[MPLS_AT]
    if at < 0:
        return ABSENT
    remove(mem, row, at, MPLS_ENTRY)
    put16(mem, row[ADDR] + at - 2, ethertype)
    layout(mem, row)
    return DONE


@kernel
def push_pbb(mem: Bytes, pool: Words, row: Words, ethertype: int) -> int:
    """The service id is that of the outermost I-TAG, the priority that of the outermost VLAN tag, else zero."""
    if row[TYPE_AT] < 0:
        return ABSENT
    tci = 0  # pcp:3 dei:1 uca:1 reserved:3 isid:24
    if row[PBB_AT] >= 0:
        tci = be32(mem, row[ADDR] + row[PBB_AT] + 2) & 0xFFFFFF
    if row[VLAN_AT] >= 0:
        tci |= be8(mem, row[ADDR] + row[VLAN_AT] + 2) >> 5 << 29
    outcome = insert(mem, pool, row, 0, PBB_TAG)
    if outcome == DONE:
        addr = row[ADDR]
        copy(mem, addr, mem, addr + PBB_TAG, MAC_BYTES)
        put16(mem, addr + MAC_BYTES, ethertype)
        put32(mem, addr + MAC_BYTES + 2, tci)
        layout(mem, row)
    return outcome


@kernel
def pop_pbb(mem: Bytes, row: Words) -> int:
    """The customer addresses become the frame's; a backbone VLAN tag stays (section 7.2.5)."""
    at = row[PBB_AT]
    if at < 0:
        return ABSENT
    copy(mem, row[ADDR], mem, row[ADDR] + at + 6, MAC_BYTES)
    remove(mem, row, at, PBB_TAG)
    layout(mem, row)
    return DONE
