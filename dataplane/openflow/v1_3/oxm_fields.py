"""The OXM fields of OpenFlow 1.3.5 (section 7.2.3.7, table 12) and those extensions that Ryu knows."""

from __future__ import annotations

from triplane.dataplane.openflow.ofproto_common import ONF_EXPERIMENTER_ID
from triplane.dataplane.openflow.oxm import PACKET_REGS, Field, Table, experimenter_field, old_onf_field
from triplane.dataplane.openflow.v1_3.nicira_fields import NICIRA_FIELDS
from triplane.dataplane.openflow.values import INT1, INT2, INT3, INT4, INT8, IPV4, IPV6, MAC

BASIC_FIELDS = (
    Field("in_port", 0, INT4),
    Field("in_phy_port", 1, INT4),
    Field("metadata", 2, INT8, maskable=True),
    Field("eth_dst", 3, MAC, maskable=True),
    Field("eth_src", 4, MAC, maskable=True),
    Field("eth_type", 5, INT2),
    Field("vlan_vid", 6, INT2, maskable=True),
    Field("vlan_pcp", 7, INT1),
    Field("ip_dscp", 8, INT1),
    Field("ip_ecn", 9, INT1),
    Field("ip_proto", 10, INT1),
    Field("ipv4_src", 11, IPV4, maskable=True),
    Field("ipv4_dst", 12, IPV4, maskable=True),
    Field("tcp_src", 13, INT2),
    Field("tcp_dst", 14, INT2),
    Field("udp_src", 15, INT2),
    Field("udp_dst", 16, INT2),
    Field("sctp_src", 17, INT2),
    Field("sctp_dst", 18, INT2),
    Field("icmpv4_type", 19, INT1),
    Field("icmpv4_code", 20, INT1),
    Field("arp_op", 21, INT2),
    Field("arp_spa", 22, IPV4, maskable=True),
    Field("arp_tpa", 23, IPV4, maskable=True),
    Field("arp_sha", 24, MAC, maskable=True),
    Field("arp_tha", 25, MAC, maskable=True),
    Field("ipv6_src", 26, IPV6, maskable=True),
    Field("ipv6_dst", 27, IPV6, maskable=True),
    Field("ipv6_flabel", 28, INT4, maskable=True),
    Field("icmpv6_type", 29, INT1),
    Field("icmpv6_code", 30, INT1),
    Field("ipv6_nd_target", 31, IPV6, maskable=True),
    Field("ipv6_nd_sll", 32, MAC, maskable=True),
    Field("ipv6_nd_tll", 33, MAC, maskable=True),
    Field("mpls_label", 34, INT4),
    Field("mpls_tc", 35, INT1),
    Field("mpls_bos", 36, INT1),
    Field("pbb_isid", 37, INT3, maskable=True),
    Field("tunnel_id", 38, INT8, maskable=True),
    Field("ipv6_exthdr", 39, INT2, maskable=True),
)
EXTENSION_FIELDS = (
    old_onf_field("pbb_uca", 2560, INT1),
    experimenter_field("tcp_flags", ONF_EXPERIMENTER_ID, 42, INT2),
    experimenter_field("actset_output", ONF_EXPERIMENTER_ID, 43, INT4, maskable=False),
    *(Field(f"xreg{number}", number, INT8, True, PACKET_REGS) for number in range(8)),
)

OXM = Table((*BASIC_FIELDS, *EXTENSION_FIELDS, *NICIRA_FIELDS))
