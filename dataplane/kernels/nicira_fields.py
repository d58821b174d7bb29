"""Nicira's match fields (NXM), and how each header of theirs leads to a row of `oxm.FIELD_ROWS`.

Most are OXM fields under another header. Those that are not have rows of their own from FIRST_ROW on: the registers,
packet mark and conjunction id, which live in the packet's context, TTL and fragment, which parsing finds, and views of
OXM fields in another form (16-bit in_port, the VLAN tag as one number, DSCP in its byte, masked ports).
Source: Open vSwitch, ovs-fields(7).
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.fields import (
    BY_NAME,
    K_ETH_SRC,
    K_HOP,
    K_IP,
    K_L4,
    K_MARK,
    K_PORT,
    K_REG,
    PRE_IP,
    PRE_MPLS,
    PRE_NONE,
    PRE_TCP,
    PRE_UDP,
    Field,
)

NXM_OF, NXM_NX, PACKET_REGS, EXPERIMENTER = 0x0000, 0x0001, 0x8001, 0xFFFF  # oxm_class
ONF_EXPERIMENTER = 0x4F4E4600
REGISTERS = 16

FIRST_ROW = 48  # those before are the OXM fields, by number
ROW_REG = FIRST_ROW
ROW_XREG = ROW_REG + REGISTERS
ROW_XXREG = ROW_XREG + REGISTERS // 2
ROW_PKT_MARK = ROW_XXREG + REGISTERS // 4
ROW_CONJ_ID = ROW_PKT_MARK + 1
ROW_TTL = ROW_CONJ_ID + 1
ROW_IP_FRAG = ROW_TTL + 1
ROW_MPLS_TTL = ROW_IP_FRAG + 1
ROW_TCP_FLAGS = ROW_MPLS_TTL + 1
ROW_IN_PORT_16 = ROW_TCP_FLAGS + 1
ROW_VLAN_TCI = ROW_IN_PORT_16 + 1
ROW_IP_TOS = ROW_VLAN_TCI + 1
ROW_PORTS = ROW_IP_TOS + 1  # tcp_src, tcp_dst, udp_src, udp_dst, with masks
ROWS = ROW_PORTS + 4

_REGISTER_FIELDS = (
    *(
        Field(ROW_REG + n, f"reg{n}", 32, 4, K_REG + n // 2, 32 - n % 2 * 32, True, True, PRE_NONE)
        for n in range(REGISTERS)
    ),
    *(
        Field(ROW_XREG + n, f"xreg{n}", 64, 8, K_REG + n, 0, True, True, PRE_NONE)
        for n in range(REGISTERS // 2)
    ),
    *(
        Field(ROW_XXREG + n, f"xxreg{n}", 128, 16, K_REG + 2 * n, 0, True, True, PRE_NONE)
        for n in range(REGISTERS // 4)
    ),
)  # fmt: skip
NICIRA_FIELDS = (
    *_REGISTER_FIELDS,
    Field(ROW_PKT_MARK, "pkt_mark", 32, 4, K_MARK, 32, True, True, PRE_NONE),
    Field(ROW_CONJ_ID, "conj_id", 32, 4, K_MARK, 0, False, False, PRE_NONE),
    Field(ROW_TTL, "nw_ttl", 8, 1, K_HOP, 56, False, True, PRE_IP),
    Field(ROW_IP_FRAG, "ip_frag", 2, 1, K_HOP, 48, True, False, PRE_IP),
    Field(ROW_MPLS_TTL, "mpls_ttl", 8, 1, K_HOP, 40, False, True, PRE_MPLS),
    Field(ROW_TCP_FLAGS, "tcp_flags", 12, 2, K_L4, 16, True, False, PRE_TCP),
    Field(ROW_IN_PORT_16, "in_port_16", 16, 2, K_PORT, 32, False, True, PRE_NONE),
    Field(ROW_VLAN_TCI, "vlan_tci", 16, 2, K_ETH_SRC, 0, True, True, PRE_NONE),
    Field(ROW_IP_TOS, "ip_tos", 8, 1, K_IP, 48, False, True, PRE_IP),
    Field(ROW_PORTS, "tcp_src_nxm", 16, 2, K_L4, 48, True, True, PRE_TCP),
    Field(ROW_PORTS + 1, "tcp_dst_nxm", 16, 2, K_L4, 32, True, True, PRE_TCP),
    Field(ROW_PORTS + 2, "udp_src_nxm", 16, 2, K_L4, 48, True, True, PRE_UDP),
    Field(ROW_PORTS + 3, "udp_dst_nxm", 16, 2, K_L4, 32, True, True, PRE_UDP),
)
# a view: what it shows belongs to another row, which the wire form of a match names
VIEWS = (42, *range(ROW_XREG, ROW_PKT_MARK), *range(ROW_IN_PORT_16, ROWS))
# bits in the set of fields that a match has: of OXM fields and registers their row, of views those of what they show
SEEN: dict[int, tuple[int, ...]] = {
    **{ROW_XREG + n: (ROW_REG + 2 * n, ROW_REG + 2 * n + 1) for n in range(REGISTERS // 2)},
    **{ROW_XXREG + n: tuple(range(ROW_REG + 4 * n, ROW_REG + 4 * n + 4)) for n in range(REGISTERS // 4)},
    ROW_PKT_MARK: (45,), ROW_CONJ_ID: (46,), ROW_TTL: (47,), ROW_MPLS_TTL: (47,), ROW_IP_FRAG: (40,),
    ROW_TCP_FLAGS: (42,), ROW_IN_PORT_16: (0,), ROW_VLAN_TCI: (6, 7), ROW_IP_TOS: (8,),
    **{ROW_PORTS + n: (BY_NAME["tcp_src"].number + n,) for n in range(4)},
}  # fmt: skip

_OF: dict[int, int | str] = {
    0: ROW_IN_PORT_16, 1: "eth_dst", 2: "eth_src", 3: "eth_type", 4: ROW_VLAN_TCI, 5: ROW_IP_TOS, 6: "ip_proto",
    7: "ipv4_src", 8: "ipv4_dst", 9: ROW_PORTS, 10: ROW_PORTS + 1, 11: ROW_PORTS + 2, 12: ROW_PORTS + 3,
    13: "icmpv4_type", 14: "icmpv4_code", 15: "arp_op", 16: "arp_spa", 17: "arp_tpa",
}  # fmt: skip
_NX: dict[int, int | str] = {
    **{n: ROW_REG + n for n in range(REGISTERS)},
    16: "tunnel_id", 17: "arp_sha", 18: "arp_tha", 19: "ipv6_src", 20: "ipv6_dst", 21: "icmpv6_type",
    22: "icmpv6_code", 23: "ipv6_nd_target", 24: "ipv6_nd_sll", 25: "ipv6_nd_tll", 26: ROW_IP_FRAG,
    27: "ipv6_flabel", 28: "ip_ecn", 29: ROW_TTL, 30: ROW_MPLS_TTL, 33: ROW_PKT_MARK, 34: ROW_TCP_FLAGS,
    37: ROW_CONJ_ID, **{111 + n: ROW_XXREG + n for n in range(REGISTERS // 4)},
}  # fmt: skip
NXM_NUMBERS = 128


def _rows(named: dict[int, int | str]) -> list[int]:
    rows = [-1] * NXM_NUMBERS
    for number, field in named.items():
        rows[number] = BY_NAME[field].number if isinstance(field, str) else field
    return rows


NXM_ROWS = np.array([_rows(_OF), _rows(_NX)], np.int64)  # by class and number: the row, -1 for what we do not know
HEADERS = {  # row: class and number under which it is told
    **{row: (NXM_NX, number) for number, row in enumerate(_rows(_NX)) if row >= FIRST_ROW},
    **{row: (NXM_OF, number) for number, row in enumerate(_rows(_OF)) if row >= FIRST_ROW},
    **{ROW_XREG + n: (PACKET_REGS, n) for n in range(REGISTERS // 2)},
}
