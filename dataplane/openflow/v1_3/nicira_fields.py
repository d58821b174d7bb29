"""Nicira's match fields (Open vSwitch, ovs-fields(7)), under the names Ryu gives them."""

from __future__ import annotations

from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID, NX_NSH_EXPERIMENTER_ID
from triplane.dataplane.openflow.oxm import Field, experimenter_field
from triplane.dataplane.openflow.values import INT1, INT2, INT4, INT8, INT16, IPV4, IPV6, MAC, Kind

NXM_0, NXM_1 = 0, 1

_NXM_OF: tuple[tuple[str, int, Kind], ...] = (
    ("in_port_nxm", 0, INT2),
    ("eth_dst_nxm", 1, MAC),
    ("eth_src_nxm", 2, MAC),
    ("eth_type_nxm", 3, INT2),
    ("vlan_tci", 4, INT2),
    ("nw_tos", 5, INT1),
    ("ip_proto_nxm", 6, INT1),
    ("ipv4_src_nxm", 7, IPV4),
    ("ipv4_dst_nxm", 8, IPV4),
    ("tcp_src_nxm", 9, INT2),
    ("tcp_dst_nxm", 10, INT2),
    ("udp_src_nxm", 11, INT2),
    ("udp_dst_nxm", 12, INT2),
    ("icmpv4_type_nxm", 13, INT1),
    ("icmpv4_code_nxm", 14, INT1),
    ("arp_op_nxm", 15, INT2),
    ("arp_spa_nxm", 16, IPV4),
    ("arp_tpa_nxm", 17, IPV4),
)

_NXM_NX: tuple[tuple[str, int, Kind], ...] = (
    *((f"reg{number}", number, INT4) for number in range(16)),
    ("tunnel_id_nxm", 16, INT8),
    ("arp_sha_nxm", 17, MAC),
    ("arp_tha_nxm", 18, MAC),
    ("ipv6_src_nxm", 19, IPV6),
    ("ipv6_dst_nxm", 20, IPV6),
    ("icmpv6_type_nxm", 21, INT1),
    ("icmpv6_code_nxm", 22, INT1),
    ("nd_target", 23, IPV6),
    ("nd_sll", 24, MAC),
    ("nd_tll", 25, MAC),
    ("ip_frag", 26, INT1),
    ("ipv6_label", 27, INT4),
    ("ip_ecn_nxm", 28, INT1),
    ("nw_ttl", 29, INT1),
    ("mpls_ttl", 30, INT1),
    ("tun_ipv4_src", 31, IPV4),
    ("tun_ipv4_dst", 32, IPV4),
    ("pkt_mark", 33, INT4),
    ("tcp_flags_nxm", 34, INT2),
    ("_recirc_id", 36, INT4),
    ("conj_id", 37, INT4),
    ("tun_gbp_id", 38, INT2),
    ("tun_gbp_flags", 39, INT1),
    ("tun_flags", 104, INT2),
    ("ct_state", 105, INT4),
    ("ct_zone", 106, INT2),
    ("ct_mark", 107, INT4),
    ("ct_label", 108, INT16),
    ("tun_ipv6_src", 109, IPV6),
    ("tun_ipv6_dst", 110, IPV6),
    *((f"xxreg{number}", 111 + number, INT16) for number in range(4)),
)

_NSH: tuple[tuple[str, int, Kind], ...] = (
    ("nsh_flags", 1, INT1),
    ("nsh_mdtype", 2, INT1),
    ("nsh_np", 3, INT1),
    ("nsh_spi", 4, INT4),
    ("nsh_si", 5, INT1),
    ("nsh_c1", 6, INT4),
    ("nsh_c2", 7, INT4),
    ("nsh_c3", 8, INT4),
    ("nsh_c4", 9, INT4),
    ("nsh_ttl", 10, INT1),
)

NICIRA_FIELDS = (
    *(Field(name, number, kind, True, NXM_0) for name, number, kind in _NXM_OF),
    *(Field(name, number, kind, True, NXM_1) for name, number, kind in _NXM_NX),
    experimenter_field("_dp_hash", NX_EXPERIMENTER_ID, 0, INT4),
    *(experimenter_field(name, NX_NSH_EXPERIMENTER_ID, number, kind) for name, number, kind in _NSH),
)
