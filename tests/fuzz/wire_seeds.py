"""Right flow-mods to start fuzzing from: every field, action and instruction is in one of them."""

from __future__ import annotations

from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as ryu
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

MAC, V4, V6 = "02:00:00:00:00:01", "10.0.0.1", "2001:db8::1"
V4_NET, V6_NET = ("10.0.0.0", "255.0.0.0"), ("2001:db8::", "ffff:ffff::")


def matches() -> list[ryu.OFPMatch]:
    ipv4, ipv6 = {"eth_type": 0x0800}, {"eth_type": 0x86DD}
    link = {"in_port": 1, "in_phy_port": 2, "metadata": (1, 15), "eth_dst": MAC, "eth_src": (MAC, "ff:ff:ff:ff:ff:0f")}
    nd = {"ip_proto": 58, "ipv6_nd_target": V6_NET}
    return [
        ryu.OFPMatch(),
        ryu.OFPMatch(**link, vlan_vid=0x1064, vlan_pcp=3, tunnel_id=(4096, 0xFFFFF000)),
        ryu.OFPMatch(vlan_vid=(0x1000, 0x1000), eth_type=0x88E7, pbb_isid=(256, 0xFFFF00)),
        ryu.OFPMatch(**ipv4, ip_dscp=9, ip_ecn=1, ip_proto=6, ipv4_src=V4_NET, ipv4_dst=V4, tcp_src=1, tcp_dst=80),
        ryu.OFPMatch(**ipv4, ip_proto=17, udp_src=5, udp_dst=53),
        ryu.OFPMatch(**ipv4, ip_proto=1, icmpv4_type=8, icmpv4_code=0),
        ryu.OFPMatch(**ipv6, ip_proto=132, ipv6_src=V6_NET, ipv6_dst=V6, sctp_src=1, sctp_dst=2, ipv6_flabel=(8, 12)),
        ryu.OFPMatch(**ipv6, **nd, icmpv6_type=135, icmpv6_code=0, ipv6_nd_sll=MAC, ipv6_exthdr=(4, 4)),
        ryu.OFPMatch(**ipv6, **nd, icmpv6_type=136, ipv6_nd_tll=MAC),
        ryu.OFPMatch(eth_type=0x0806, arp_op=1, arp_spa=V4, arp_tpa=V4_NET, arp_sha=MAC, arp_tha=MAC),
        ryu.OFPMatch(eth_type=0x8847, mpls_label=5, mpls_tc=1, mpls_bos=1),
        ryu.OFPMatch(in_port_nxm=1, reg0=1, reg15=(4, 12), pkt_mark=3, conj_id=7, vlan_tci=(0x1005, 0x1FFF)),
        ryu.OFPMatch(eth_type_nxm=0x0800, ip_proto_nxm=6, nw_tos=0x20, nw_ttl=3, tcp_dst_nxm=(16, 0xFFF0)),
        ryu.OFPMatch(**ipv4, ip_proto=6, tcp_flags=(2, 2), xxreg1=(1 << 100, 1 << 100)),
    ]


def action_lists() -> list[list[ryu.OFPAction]]:
    field = ryu.OFPActionSetField
    forward = [ryu.OFPActionSetQueue(1), ryu.OFPActionGroup(2), ryu.OFPActionOutput(3), ryu.OFPActionOutput(0xFFFFFFFD)]
    vlan = [ryu.OFPActionPushVlan(), field(vlan_vid=0x1005), field(vlan_pcp=1), ryu.OFPActionPopVlan()]
    mpls = [ryu.OFPActionPushMpls(), field(mpls_label=3), ryu.OFPActionSetMplsTtl(8), ryu.OFPActionDecMplsTtl()]
    pbb = [ryu.OFPActionPushPbb(0x88E7), field(pbb_isid=1), ryu.OFPActionPopPbb()]
    everything = [ryu.OFPActionSetNwTtl(1), ryu.OFPActionDecNwTtl(), field(ipv4_src=V4), field(tcp_dst=8)]
    addresses = [field(eth_src=MAC), field(eth_dst=MAC), field(tunnel_id=1 << 63)]
    copies = [ryu.OFPActionCopyTtlOut(), ryu.OFPActionCopyTtlIn(), ryu.OFPActionPopMpls()]
    moves = [
        ryu.NXActionRegMove("eth_src_nxm", "eth_dst_nxm", 48),
        ryu.NXActionRegLoad(4 << 6 | 7, "reg3", 5),
        ryu.NXActionRegLoad2("reg1", 4, 12),
        ryu.NXActionStackPush("reg2", 0, 16),
        ryu.NXActionStackPop("xxreg0", 96, 32),
        ryu.NXActionResubmitTable(1, 2),
        ryu.NXActionOutputReg(15, "reg0", 0xFFFF),
    ]
    odd = [
        ryu.NXActionController(64, 7, 0),
        ryu.NXActionController2(max_len=5, reason=1),
        ryu.NXActionMultipath(1, 2, 2, 3, 0, 15, "reg0"),
        ryu.NXActionBundleLoad(1, 1, 0, 2, 3, 15, "reg1", [1, 2, 3]),
        ryu.NXActionNote([1, 2, 3]),
        ryu.NXActionFinTimeout(1, 2),
        ryu.NXActionOutputTrunc(2, 64),
        ryu.NXActionExit(),
    ]
    specs = [
        ryu.NXFlowSpecMatch(src=("vlan_tci", 0), dst=("vlan_tci", 0), n_bits=12),
        ryu.NXFlowSpecMatch(src=0x800, dst=("eth_type_nxm", 0), n_bits=16),
        ryu.NXFlowSpecLoad(src=("in_port_nxm", 0), dst=("reg1", 16), n_bits=16),
        ryu.NXFlowSpecOutput(src=("in_port_nxm", 0), n_bits=16),
    ]
    learn = [ryu.NXActionLearn(table_id=1, specs=specs, hard_timeout=5, cookie=7)]
    clauses = [ryu.NXActionConjunction(0, 2, 7), ryu.NXActionConjunction(1, 3, 8)]
    return [
        moves[:4],
        moves[4:],
        odd[:4],
        odd[4:],
        learn,
        clauses,
        [],
        addresses + forward,
        vlan + forward[:1],
        mpls + copies,
        pbb + everything + [field(ipv6_dst=V6)],
    ]


def seeds() -> list[bytes]:
    protocol, messages = ProtocolDesc(version=4), []
    for match in matches():
        for actions in action_lists():
            applied = ryu.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)
            more = [
                ryu.OFPInstructionMeter(1),
                ryu.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, actions[:4]),
                ryu.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, []),
                ryu.OFPInstructionWriteMetadata(3, 7),
                ryu.OFPInstructionGotoTable(9),
            ]
            for instructions in ([applied], [*more, applied]):
                message = ryu.OFPFlowMod(protocol, match=match, instructions=instructions)
                message.set_xid(1)
                message.serialize()
                messages.append(bytes(message.buf))
    return messages
