"""Nicira's match fields as ovs-fields(7) tells them: what each header on the wire says about which field.

A field that is another's in other clothes is told as that one: NXM_OF_VLAN_TCI as vlan_vid and vlan_pcp, xreg0 as reg0
and reg1. Those that OXM does not have are in SHAPE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Part = tuple[int, int]

REGISTERS = [f"reg{number}" for number in range(16)]
SHAPE = {  # name: (bytes, bits, maskable)
    **dict.fromkeys(REGISTERS, (4, 32, True)),
    "pkt_mark": (4, 32, True),
    "conj_id": (4, 32, False),
    "nw_ttl": (1, 8, False),
    "ip_frag": (1, 2, True),
    "mpls_ttl": (1, 8, False),
    "tcp_flags": (2, 12, True),
}
ASKS_AS = {"nw_ttl": "ip_dscp", "ip_frag": "ip_dscp", "mpls_ttl": "mpls_label", "tcp_flags": "tcp_src"}
EXCLUSIVE = {"nw_ttl": "mpls_ttl", "mpls_ttl": "nw_ttl"}  # told apart by their prerequisites only, which come later


class Header(NamedTuple):
    """One header: the value's bytes and bits, and what value and mask say of which fields."""

    size: int
    bits: int
    maskable: bool
    shows: tuple[str, ...]
    say: Callable[[int, int], dict[str, Part]]


def plain(name: str, shape: tuple[int, int, bool]) -> Header:
    return Header(*shape, (name,), lambda value, mask: {name: (value, mask)})


def joined(first: int, count: int) -> Header:
    """`count` registers as one number, the first in its high bits."""
    names = tuple(REGISTERS[first : first + count])

    def say(value: int, mask: int) -> dict[str, Part]:
        shifts = range(32 * (count - 1), -1, -32)
        return {
            name: (value >> by & 0xFFFFFFFF, mask >> by & 0xFFFFFFFF) for name, by in zip(names, shifts, strict=True)
        }

    return Header(4 * count, 32 * count, True, names, say)


def wide_port(port: int) -> int:
    return port if port < 0xFF00 else port + 0xFFFF0000


def in_port(value: int, mask: int) -> dict[str, Part]:
    return {"in_port": (wide_port(value), 0xFFFFFFFF) if mask else (0, 0)}


def vlan_tci(value: int, mask: int) -> dict[str, Part]:
    return {"vlan_vid": (value & 0x1FFF, mask & 0x1FFF), "vlan_pcp": (value >> 13, mask >> 13)}


def headers(basic: dict[str, tuple[int, int, bool]]) -> dict[tuple[int, int], Header]:
    """By oxm_class and oxm_field; `basic` are the OXM fields."""
    nxm_of = (
        "eth_dst eth_src eth_type . . ip_proto ipv4_src ipv4_dst . . . . icmpv4_type icmpv4_code arp_op arp_spa arp_tpa"
    )
    nxm_nx = (
        "tunnel_id arp_sha arp_tha ipv6_src ipv6_dst icmpv6_type icmpv6_code ipv6_nd_target ipv6_nd_sll ipv6_nd_tll "
        "ip_frag ipv6_flabel ip_ecn nw_ttl mpls_ttl . . pkt_mark tcp_flags . . conj_id"
    )
    shapes = basic | SHAPE
    found = {
        (0, 0): Header(2, 16, False, ("in_port",), in_port),
        (0, 4): Header(2, 16, True, ("vlan_vid", "vlan_pcp"), vlan_tci),
        (0, 5): Header(1, 8, False, ("ip_dscp",), lambda value, mask: {"ip_dscp": (value >> 2, mask >> 2)}),
    }
    for oxm_class, start, names in ((0, 1, nxm_of.split()), (1, 16, nxm_nx.split()), (1, 0, REGISTERS)):
        for number, name in enumerate(names, start):
            if name != ".":
                found[oxm_class, number] = plain(name, shapes[name])
    for number, name in enumerate(("tcp_src", "tcp_dst", "udp_src", "udp_dst"), 9):
        found[0, number] = plain(name, (2, 16, True))
    found |= {(1, 111 + number): joined(4 * number, 4) for number in range(4)}
    return found | {(0x8001, number): joined(2 * number, 2) for number in range(8)}


def nxm_of(basic: dict[str, tuple[int, int, bool]]) -> dict[str, int]:
    """The 32-bit header of each field that Nicira's actions may name, by our name for it."""
    found: dict[str, int] = {}
    for (oxm_class, number), header in headers(basic).items():
        name = VIEW_NAMES.get((oxm_class, number), header.shows[0])
        found[name] = oxm_class << 16 | number << 9 | header.size
    return found


VIEW_NAMES = {(0, 0): "in_port_16", (0, 4): "vlan_tci", (0, 5): "ip_tos"}
VIEW_NAMES |= {(0x8001, number): f"xreg{number}" for number in range(8)}
VIEW_NAMES |= {(1, 111 + number): f"xxreg{number}" for number in range(4)}
ONF = 0x4F4E4600
EXPERIMENTER = {(ONF, 42): plain("tcp_flags", SHAPE["tcp_flags"])}  # by experimenter and oxm_field
