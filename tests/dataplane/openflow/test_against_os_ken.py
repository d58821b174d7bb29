"""The same calls on our parser and on os-ken's give the same bytes, and the same values out of bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.ofproto import nicira_ext
from os_ken.ofproto import ofproto_v1_3 as their_ofproto
from os_ken.ofproto import ofproto_v1_3_parser as their_parser

from triplane.dataplane.openflow import codec, ofproto_v1_3, ofproto_v1_3_parser

THEIRS = SimpleNamespace(ofproto=their_ofproto, ofproto_parser=their_parser)
OURS = SimpleNamespace(ofproto=ofproto_v1_3, ofproto_parser=ofproto_v1_3_parser)
MAC = "02:00:00:00:00:01"

# everything that a match may hold, one way or another
MATCHES: list[dict[str, Any]] = [
    {},
    {"in_port": 1, "in_phy_port": 7, "metadata": (0x1234, 0xFFFF), "tunnel_id": 1 << 63},
    {"eth_type": 0x0800, "eth_dst": (MAC, "ff:ff:ff:00:00:00"), "eth_src": "0A-00-00-00-00-0B"},
    {"vlan_vid": (0x1000, 0x1000), "vlan_pcp": 7, "eth_type": 0x0800, "ip_dscp": 46, "ip_ecn": 3},
    {"eth_type": 0x0800, "ip_proto": 6, "ipv4_src": "10.1.2.3", "ipv4_dst": ("10.9.8.7", "255.255.0.0"), "tcp_dst": 80},
    {"eth_type": 0x0800, "ipv4_src": "192.168.7.9/20", "ip_proto": 17, "udp_src": 53, "udp_dst": 5353},
    {"eth_type": 0x0800, "ip_proto": 132, "sctp_src": 1, "sctp_dst": 2, "tcp_src": 9},
    {"eth_type": 0x0800, "ip_proto": 1, "icmpv4_type": 8, "icmpv4_code": 0},
    {"eth_type": 0x0806, "arp_op": 1, "arp_spa": "1.2.3.4", "arp_tpa": ("1.2.3.4", "255.255.255.0"), "arp_sha": MAC},
    {"eth_type": 0x86DD, "ipv6_src": "fe80::1", "ipv6_dst": ("2001:db8::5", "ffff:ffff::"), "ipv6_flabel": 0xABCDE},
    {"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 135, "icmpv6_code": 0, "ipv6_nd_target": "fe80::9"},
    {"ipv6_nd_sll": MAC, "ipv6_nd_tll": MAC, "ipv6_exthdr": (1, 3), "arp_tha": (MAC, MAC)},
    {"eth_type": 0x8847, "mpls_label": 0xFFFFF, "mpls_tc": 5, "mpls_bos": 1},
    {"eth_type": 0x88E7, "pbb_isid": (0xABCDEF, 0xFFFF00), "pbb_uca": 1, "tcp_flags": 2, "actset_output": 3},
    {"xreg3": 5, "reg0": (1, 0xFF), "tun_ipv4_src": "9.9.9.9", "ct_state": 1, "nsh_spi": 77},
    {"metadata": -1, "eth_type": 0x10800},
    {"ipv6_dst": "2001:db8::/32"},
]


def actions(p: Any, o: Any) -> list[Any]:
    return [
        p.OFPActionOutput(o.OFPP_CONTROLLER, o.OFPCML_NO_BUFFER),
        p.OFPActionOutput(port=3),
        p.OFPActionGroup(group_id=4),
        p.OFPActionSetQueue(queue_id=5),
        p.OFPActionSetMplsTtl(mpls_ttl=6),
        p.OFPActionDecMplsTtl(),
        p.OFPActionSetNwTtl(nw_ttl=7),
        p.OFPActionDecNwTtl(),
        p.OFPActionCopyTtlOut(),
        p.OFPActionCopyTtlIn(),
        p.OFPActionPushVlan(),
        p.OFPActionPushVlan(0x88A8),
        p.OFPActionPushMpls(),
        p.OFPActionPushPbb(0x88E7),
        p.OFPActionPopVlan(),
        p.OFPActionPopMpls(),
        p.OFPActionPopPbb(),
        p.OFPActionSetField(eth_dst=MAC),
        p.OFPActionSetField(ipv6_src="fe80::2"),
        p.OFPActionSetField(vlan_vid=0x1001),
        p.OFPActionSetField(pbb_isid=9),
        p.OFPActionExperimenterUnknown(0x1234, b"12345678"),
    ]


def flow_mod(dp: Any) -> Any:
    p, o = dp.ofproto_parser, dp.ofproto
    instructions = [
        p.OFPInstructionMeter(8),
        p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, actions(p, o)),
        p.OFPInstructionActions(o.OFPIT_CLEAR_ACTIONS, []),
        p.OFPInstructionActions(o.OFPIT_WRITE_ACTIONS, [p.OFPActionOutput(1)]),
        p.OFPInstructionWriteMetadata(1, 0xFF),
        p.OFPInstructionGotoTable(9),
    ]
    match = p.OFPMatch(in_port=2, eth_type=0x0800)
    return p.OFPFlowMod(
        dp, 1, 2, 3, o.OFPFC_MODIFY, 5, 6, 7, o.OFP_NO_BUFFER, 9, 10, o.OFPFF_SEND_FLOW_REM, match, instructions
    )


def features(dp: Any) -> list[Any]:
    p, o = dp.ofproto_parser, dp.ofproto
    properties = [
        p.OFPTableFeaturePropInstructions(type_=o.OFPTFPT_INSTRUCTIONS, instruction_ids=[p.OFPInstructionId(1)]),
        p.OFPTableFeaturePropNextTables(type_=o.OFPTFPT_NEXT_TABLES, table_ids=[1, 2, 3]),
        p.OFPTableFeaturePropActions(type_=o.OFPTFPT_WRITE_ACTIONS, action_ids=[p.OFPActionId(0), p.OFPActionId(25)]),
        p.OFPTableFeaturePropOxm(type_=o.OFPTFPT_MATCH, oxm_ids=[p.OFPOxmId("in_port"), p.OFPOxmId("eth_dst", True)]),
        p.OFPTableFeaturePropExperimenter(type_=o.OFPTFPT_EXPERIMENTER, experimenter=1, exp_type=2, data=[3, 4]),
    ]
    return [p.OFPTableFeaturesStats(1, b"one", 2, 3, 4, 5, properties)]


def bundle_add(dp: Any) -> Any:
    p = dp.ofproto_parser
    message = p.ONFBundleAddMsg(dp, 7, 1, p.OFPBarrierRequest(dp), [])
    message.set_xid(12)
    return message


def packet_in2(dp: Any) -> Any:
    p, o = dp.ofproto_parser, nicira_ext
    properties = [
        p.NXTPacketIn2PropPacket(type_=o.NXPINT_PACKET, data=b"a frame"),
        p.NXTPacketIn2PropFullLen(type_=o.NXPINT_FULL_LEN, data=(70).to_bytes(4)),
        p.NXTPacketIn2PropTableId(type_=o.NXPINT_TABLE_ID, data=b"\5"),
        p.NXTPacketIn2PropMetadata(type_=o.NXPINT_METADATA, data=b"\0\0\0\2\0\1"),
        p.NXTPacketIn2PropUserData(type_=o.NXPINT_USERDATA, data=b"12345678"),
    ]
    return p.NXTPacketIn2(dp, properties)


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "packet_in_format": lambda d: d.ofproto_parser.NXTSetPacketInFormatMsg(d, 2),
    "packet_in2": packet_in2,
    "hello": lambda d: d.ofproto_parser.OFPHello(d),
    "echo_request": lambda d: d.ofproto_parser.OFPEchoRequest(d, b"ping"),
    "echo_reply": lambda d: d.ofproto_parser.OFPEchoReply(d, data=b"pong"),
    "error": lambda d: d.ofproto_parser.OFPErrorMsg(d, 1, 2, b"bad"),
    "error_experimenter": lambda d: d.ofproto_parser.OFPErrorExperimenterMsg(d, None, 3, 4, b"bad"),
    "experimenter": lambda d: d.ofproto_parser.OFPExperimenter(d, 1, 2, b"data"),
    "features_request": lambda d: d.ofproto_parser.OFPFeaturesRequest(d),
    "get_config": lambda d: d.ofproto_parser.OFPGetConfigRequest(d),
    "set_config": lambda d: d.ofproto_parser.OFPSetConfig(d, d.ofproto.OFPC_FRAG_DROP, 128),
    "packet_out": lambda d: d.ofproto_parser.OFPPacketOut(
        d, d.ofproto.OFP_NO_BUFFER, 3, actions(d.ofproto_parser, d.ofproto), b"frame"
    ),
    "packet_out_buffered": lambda d: d.ofproto_parser.OFPPacketOut(d, buffer_id=9, in_port=3, actions=[]),
    "flow_mod": flow_mod,
    "flow_mod_delete": lambda d: d.ofproto_parser.OFPFlowMod(datapath=d, command=d.ofproto.OFPFC_DELETE),
    "group_mod": lambda d: d.ofproto_parser.OFPGroupMod(
        d,
        d.ofproto.OFPGC_ADD,
        d.ofproto.OFPGT_FF,
        7,
        [
            d.ofproto_parser.OFPBucket(1, 2, 3, actions(d.ofproto_parser, d.ofproto)),
            d.ofproto_parser.OFPBucket(actions=[]),
        ],
    ),
    "port_mod": lambda d: d.ofproto_parser.OFPPortMod(d, 3, MAC, 1, 2, 3),
    "meter_mod": lambda d: d.ofproto_parser.OFPMeterMod(
        d,
        d.ofproto.OFPMC_ADD,
        d.ofproto.OFPMF_PKTPS,
        5,
        [
            d.ofproto_parser.OFPMeterBandDrop(100, 10),
            d.ofproto_parser.OFPMeterBandDscpRemark(200, 20, 1),
            d.ofproto_parser.OFPMeterBandExperimenter(1, 2, 3),
        ],
    ),
    "table_mod": lambda d: d.ofproto_parser.OFPTableMod(d, 5, 3),
    "desc": lambda d: d.ofproto_parser.OFPDescStatsRequest(d, 0),
    "flow_stats": lambda d: d.ofproto_parser.OFPFlowStatsRequest(
        d, 0, 1, 2, 3, 4, 5, d.ofproto_parser.OFPMatch(in_port=1)
    ),
    "flow_stats_all": lambda d: d.ofproto_parser.OFPFlowStatsRequest(d),
    "aggregate": lambda d: d.ofproto_parser.OFPAggregateStatsRequest(
        d, 0, 255, 2, 3, 4, 5, d.ofproto_parser.OFPMatch(eth_type=0x0806)
    ),
    "table_stats": lambda d: d.ofproto_parser.OFPTableStatsRequest(d, 0),
    "port_stats": lambda d: d.ofproto_parser.OFPPortStatsRequest(d, 0, d.ofproto.OFPP_ANY),
    "queue_stats": lambda d: d.ofproto_parser.OFPQueueStatsRequest(d, 0, 1, 2),
    "group_stats": lambda d: d.ofproto_parser.OFPGroupStatsRequest(d, 0, 5),
    "group_desc": lambda d: d.ofproto_parser.OFPGroupDescStatsRequest(d),
    "group_features": lambda d: d.ofproto_parser.OFPGroupFeaturesStatsRequest(d),
    "meter_stats": lambda d: d.ofproto_parser.OFPMeterStatsRequest(d, 0, 5),
    "meter_config": lambda d: d.ofproto_parser.OFPMeterConfigStatsRequest(d, 0, 5),
    "meter_features": lambda d: d.ofproto_parser.OFPMeterFeaturesStatsRequest(d),
    "table_features_get": lambda d: d.ofproto_parser.OFPTableFeaturesStatsRequest(d),
    "table_features_set": lambda d: d.ofproto_parser.OFPTableFeaturesStatsRequest(d, 0, features(d)),
    "port_desc": lambda d: d.ofproto_parser.OFPPortDescStatsRequest(d, 0),
    "experimenter_stats": lambda d: d.ofproto_parser.OFPExperimenterStatsRequest(d, 0, 1, 2, b"data"),
    "barrier": lambda d: d.ofproto_parser.OFPBarrierRequest(d),
    "queue_get_config": lambda d: d.ofproto_parser.OFPQueueGetConfigRequest(d, 5),
    "role": lambda d: d.ofproto_parser.OFPRoleRequest(d, d.ofproto.OFPCR_ROLE_MASTER, 7),
    "get_async": lambda d: d.ofproto_parser.OFPGetAsyncRequest(d),
    "set_async": lambda d: d.ofproto_parser.OFPSetAsync(d, [1, 2], [3, 4], [5, 6]),
    "bundle_open": lambda d: d.ofproto_parser.ONFBundleCtrlMsg(d, 1, 0, 3, []),
    "bundle_add": bundle_add,
}


@pytest.mark.parametrize("name", BUILDERS)
def test_same_bytes(name: str) -> None:
    ours, theirs = BUILDERS[name](OURS), BUILDERS[name](THEIRS)
    theirs.serialize()
    ours.serialize()
    assert bytes(ours.buf) == bytes(theirs.buf)
    assert (ours.version, ours.msg_type, ours.msg_len, ours.xid) == (
        theirs.version,
        theirs.msg_type,
        theirs.msg_len,
        theirs.xid,
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_what_was_written_is_read(name: str) -> None:
    data = BUILDERS[name](OURS).serialize()
    read = codec.parse(4, data, OURS)
    assert type(read) is type(BUILDERS[name](OURS))
    assert read.serialize() == data


@pytest.mark.parametrize("match", MATCHES, ids=",".join)
def test_matches(match: dict[str, Any]) -> None:
    ours, theirs = ofproto_v1_3_parser.OFPMatch(**match), their_parser.OFPMatch(**match)
    theirs_wire = bytearray()
    theirs.serialize(theirs_wire, 0)
    assert ours.to_bytes() == bytes(theirs_wire)
    assert dict(ours.items()) == dict(theirs.items())
    read = their_parser.OFPMatch.parser(bytes(theirs_wire), 0)
    assert dict(ofproto_v1_3_parser.OFPMatch.parser(bytes(theirs_wire), 0).items()) == dict(read.items())
    assert json.dumps(ours.to_jsondict()) == json.dumps(read.to_jsondict())
    assert str(ours) == str(read)


SAME_TEXT = ("flow_mod", "group_mod", "set_config", "role", "error", "meter_mod", "table_features_set")


@pytest.mark.parametrize("name", SAME_TEXT)
def test_same_json_once_serialised(name: str) -> None:
    ours, theirs = BUILDERS[name](OURS), BUILDERS[name](THEIRS)
    ours.serialize()
    theirs.serialize()
    mine, others = ours.to_jsondict(), theirs.to_jsondict()
    assert json.dumps(without_length_of_matches(mine)) == json.dumps(without_length_of_matches(others))


def without_length_of_matches(value: Any) -> Any:
    """os-ken knows the length of a match only once it has been read; which is all that may differ."""
    if isinstance(value, list):
        return [without_length_of_matches(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = (key for key in sorted(value) if not ("oxm_fields" in value and key == "length"))
    return {key: without_length_of_matches(value[key]) for key in kept}


def test_every_number_is_theirs() -> None:
    ours, theirs = vars(ofproto_v1_3), vars(their_ofproto)
    checked = [n for n, v in theirs.items() if isinstance(v, int | str) and n.startswith(("OFP", "OXM_OF", "ONF"))]
    assert len(checked) > 600
    assert [(name, ours.get(name)) for name in checked if ours.get(name) != theirs[name]] == []


UNUSED_BY_SCRIPTS = {
    "OFPPropUnknown",
    "OFPPropBase",
    "OFPPropCommonExperimenter4ByteData",
    "OFPTableFeaturePropUnknown",
}


def test_every_class_of_theirs_is_here() -> None:
    classes = [n for n, v in vars(their_parser).items() if isinstance(v, type) and n.startswith(("OFP", "ONF"))]
    missing = [name for name in classes if not hasattr(ofproto_v1_3_parser, name)]
    assert set(missing) <= UNUSED_BY_SCRIPTS


@given(st.binary(min_size=16, max_size=16))
def test_ipv6_text(raw: bytes) -> None:
    tlv = bytes([0x80, 0, 26 << 1, 16]) + raw
    wire = (1).to_bytes(2, "big") + (4 + len(tlv)).to_bytes(2, "big") + tlv
    assert ofproto_v1_3_parser.OFPMatch.parser(wire, 0)["ipv6_src"] == their_parser.OFPMatch.parser(wire, 0)["ipv6_src"]
