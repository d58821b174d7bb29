"""The flow key: every match field's place in int64[KEY_WORDS].

A rule is a key and a mask of the same shape; it matches when `key & mask` are equal in all words.
Fields that can never be matched together (their prerequisites exclude each other) share bits; a rule
that matches a field always matches the field's prerequisites exactly, so sharing is sound.
Words hold 64-bit patterns as signed int64. Source of the fields: OpenFlow 1.3.5 section 7.2.3.7; Nicira's are in
`nicira_fields`.
"""

from __future__ import annotations

from typing import NamedTuple

# words of the key
K_PORT = 0  # in_port:32 in_phy_port:32
K_METADATA = K_PORT + 1
K_TUNNEL = K_METADATA + 1
K_ETH_DST = K_TUNNEL + 1  # eth_dst:48 eth_type:16
K_ETH_SRC = K_ETH_DST + 1  # eth_src:48 vlan_vid:13 vlan_pcp:3
K_IP = K_ETH_SRC + 1  # ip_proto:8 dscp:6 ecn:2 ipv6_exthdr:16 ipv6_flabel:32 | arp_op:16
K_L4 = K_IP + 1  # src:16 dst:16 tcp_flags:16 | icmp type:16 code:16 | mpls label:20 tc:3 bos:1 | isid:24 uca:1
K_A = K_L4 + 1  # ipv4_src:32 ipv4_dst:32 | arp_spa:32 arp_tpa:32 | ipv6_src, high half
K_B = K_A + 1  # ipv6_src, low half | arp_sha:48 in the high bits
K_C = K_B + 1  # ipv6_dst, high half | arp_tha:48
K_D = K_C + 1  # ipv6_dst, low half
K_ND_HIGH = K_D + 1  # nd_target
K_ND_LOW = K_ND_HIGH + 1
K_ND_SLL = K_ND_LOW + 1  # 48 in the high bits
K_ND_TLL = K_ND_SLL + 1
K_HOP = K_ND_TLL + 1  # nw_ttl:8 ip_frag:8 mpls_ttl:8 packet_type:8 actset_output:32
K_REG = K_HOP + 1  # eight words: reg0:32 reg1:32 ... reg15:32; xreg n is word n, xxreg n words 2n and 2n + 1
REG_WORDS = 8
K_MARK = K_REG + REG_WORDS  # pkt_mark:32 conj_id:32
KEY_WORDS = K_MARK + 1

VID_PRESENT = 0x1000  # OFPVID_PRESENT

# what must be matched exactly before a field may be (OFPBMC_BAD_PREREQ otherwise)
PRE_NONE, PRE_IN_PORT, PRE_VLAN, PRE_IP, PRE_IPV4, PRE_IPV6, PRE_ARP = 0, 1, 2, 3, 4, 5, 6
PRE_TCP, PRE_UDP, PRE_SCTP, PRE_ICMP4, PRE_ICMP6, PRE_ND, PRE_NS, PRE_NA, PRE_MPLS, PRE_PBB = range(7, 17)


class Field(NamedTuple):
    """One OXM field: value `bits` wide at `shift` of key word `word`; 128-bit ones use word and word + 1."""

    number: int  # oxm_field of class OFPXMC_OPENFLOW_BASIC; of Nicira's fields: the row in `oxm.FIELD_ROWS`
    name: str  # as in Ryu: OFPMatch(eth_type=...)
    bits: int
    size: int  # bytes on the wire
    word: int
    shift: int
    maskable: bool
    settable: bool
    prerequisite: int


FIELDS = (
    Field(0, "in_port", 32, 4, K_PORT, 32, False, False, PRE_NONE),
    Field(1, "in_phy_port", 32, 4, K_PORT, 0, False, False, PRE_IN_PORT),
    Field(2, "metadata", 64, 8, K_METADATA, 0, True, False, PRE_NONE),
    Field(3, "eth_dst", 48, 6, K_ETH_DST, 16, True, True, PRE_NONE),
    Field(4, "eth_src", 48, 6, K_ETH_SRC, 16, True, True, PRE_NONE),
    Field(5, "eth_type", 16, 2, K_ETH_DST, 0, False, True, PRE_NONE),
    Field(6, "vlan_vid", 13, 2, K_ETH_SRC, 3, True, True, PRE_NONE),
    Field(7, "vlan_pcp", 3, 1, K_ETH_SRC, 0, False, True, PRE_VLAN),
    Field(8, "ip_dscp", 6, 1, K_IP, 50, False, True, PRE_IP),
    Field(9, "ip_ecn", 2, 1, K_IP, 48, False, True, PRE_IP),
    Field(10, "ip_proto", 8, 1, K_IP, 56, False, True, PRE_IP),
    Field(11, "ipv4_src", 32, 4, K_A, 32, True, True, PRE_IPV4),
    Field(12, "ipv4_dst", 32, 4, K_A, 0, True, True, PRE_IPV4),
    Field(13, "tcp_src", 16, 2, K_L4, 48, False, True, PRE_TCP),
    Field(14, "tcp_dst", 16, 2, K_L4, 32, False, True, PRE_TCP),
    Field(15, "udp_src", 16, 2, K_L4, 48, False, True, PRE_UDP),
    Field(16, "udp_dst", 16, 2, K_L4, 32, False, True, PRE_UDP),
    Field(17, "sctp_src", 16, 2, K_L4, 48, False, True, PRE_SCTP),
    Field(18, "sctp_dst", 16, 2, K_L4, 32, False, True, PRE_SCTP),
    Field(19, "icmpv4_type", 8, 1, K_L4, 48, False, True, PRE_ICMP4),
    Field(20, "icmpv4_code", 8, 1, K_L4, 32, False, True, PRE_ICMP4),
    Field(21, "arp_op", 16, 2, K_IP, 48, False, True, PRE_ARP),
    Field(22, "arp_spa", 32, 4, K_A, 32, True, True, PRE_ARP),
    Field(23, "arp_tpa", 32, 4, K_A, 0, True, True, PRE_ARP),
    Field(24, "arp_sha", 48, 6, K_B, 16, True, True, PRE_ARP),
    Field(25, "arp_tha", 48, 6, K_C, 16, True, True, PRE_ARP),
    Field(26, "ipv6_src", 128, 16, K_A, 0, True, True, PRE_IPV6),
    Field(27, "ipv6_dst", 128, 16, K_C, 0, True, True, PRE_IPV6),
    Field(28, "ipv6_flabel", 20, 4, K_IP, 0, True, True, PRE_IPV6),
    Field(29, "icmpv6_type", 8, 1, K_L4, 48, False, True, PRE_ICMP6),
    Field(30, "icmpv6_code", 8, 1, K_L4, 32, False, True, PRE_ICMP6),
    Field(31, "ipv6_nd_target", 128, 16, K_ND_HIGH, 0, True, True, PRE_ND),
    Field(32, "ipv6_nd_sll", 48, 6, K_ND_SLL, 16, True, True, PRE_NS),
    Field(33, "ipv6_nd_tll", 48, 6, K_ND_TLL, 16, True, True, PRE_NA),
    Field(34, "mpls_label", 20, 4, K_L4, 44, False, True, PRE_MPLS),
    Field(35, "mpls_tc", 3, 1, K_L4, 41, False, True, PRE_MPLS),
    Field(36, "mpls_bos", 1, 1, K_L4, 40, False, True, PRE_MPLS),
    Field(37, "pbb_isid", 24, 3, K_L4, 40, True, True, PRE_PBB),
    Field(38, "tunnel_id", 64, 8, K_TUNNEL, 0, True, True, PRE_NONE),
    Field(39, "ipv6_exthdr", 9, 2, K_IP, 32, True, False, PRE_IPV6),
)
LATER_FIELDS = (  # of OpenFlow 1.4 and 1.5
    Field(41, "pbb_uca", 1, 1, K_L4, 39, False, True, PRE_PBB),
    Field(42, "tcp_flags", 12, 2, K_L4, 16, True, False, PRE_TCP),
    Field(43, "actset_output", 32, 4, K_HOP, 0, False, False, PRE_NONE),  # xor OFPP_UNSET, so that 0 is none
    Field(44, "packet_type", 1, 4, K_HOP, 32, False, False, PRE_NONE),  # 0, Ethernet, is all there is
)
PBB_UCA = LATER_FIELDS[0]
BY_NAME = {field.name: field for field in (*FIELDS, *LATER_FIELDS)}
