"""What OpenFlow 1.0 asks of the data plane and 1.3 does not: on frames that come in by ports."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dataplane.forwarder import Forwarder
from tests.oracle import frames as f
from triplane.dataplane.kernels import node as n
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_0 as ofp
from triplane.dataplane.openflow import ofproto_v1_0_parser as p
from triplane.dataplane.switch.datapath import NO_COOKIE
from triplane.dataplane.switch.v1_0.flow_mods import flow_mod_1_3

A, B, BRIDGES = (bytes.fromhex(text) for text in ("020000000001", "020000000002", "0180c2000000"))
HOST1, HOST2 = b"\x0a\0\0\1", b"\x0a\0\0\2"
UNTAGGED = f.ethernet(B, A, [], 0x9000, bytes(46))
D = codec.PROTOCOLS[1]


def add(node: Forwarder, *actions: Any, **match: Any) -> None:
    flow_mod = p.OFPFlowMod(D, match=p.OFPMatch(**match), actions=list(actions))
    message = flow_mod_1_3(flow_mod.serialize())
    assert node.node.flow_mods(message, 0, len(message), node.now, loose=True).errors == []


def changed(node: Forwarder, frame: bytes) -> bytes:
    """What goes out by port 2 when the frame comes in by port 1."""
    ((port, data),) = node.receive(1, frame)
    assert port == 2
    return data


def tagged(*tags: int, kind: int = 0x9000, body: bytes = bytes(46)) -> bytes:
    return f.ethernet(B, A, [(0x8100, tag) for tag in tags], kind, body)


TAGS = {  # actions, tags before, tags after
    "a VLAN id for what has none": ([p.OFPActionVlanVid(100)], [], [100]),
    "a VLAN id for what has one": ([p.OFPActionVlanVid(100)], [0x6005], [0x6064]),
    "a VLAN id is the outer one's": ([p.OFPActionVlanVid(100)], [5, 6], [100, 6]),
    "a priority for what has no tag": ([p.OFPActionVlanPcp(3)], [], [0x6000]),
    "a priority for what has one": ([p.OFPActionVlanPcp(3)], [0xE005], [0x6005]),
    "both": ([p.OFPActionVlanVid(100), p.OFPActionVlanPcp(3)], [], [0x6064]),
    "strip": ([p.OFPActionStripVlan()], [5], []),
    "strip what is not there": ([p.OFPActionStripVlan()], [], []),
    "strip and set": ([p.OFPActionStripVlan(), p.OFPActionVlanVid(7)], [5], [7]),
    "strip one of two, set the other": ([p.OFPActionStripVlan(), p.OFPActionVlanVid(7)], [5, 6], [7]),
}


@pytest.mark.parametrize("name", TAGS)
def test_tags(node: Forwarder, name: str) -> None:
    actions, before, after = TAGS[name]
    add(node, *actions, p.OFPActionOutput(2))
    assert changed(node, tagged(*before)) == tagged(*after)


def test_a_match_that_tells_of_the_tag(node: Forwarder) -> None:
    add(node, p.OFPActionVlanVid(100), p.OFPActionOutput(2), dl_vlan=ofp.OFP_VLAN_NONE)
    add(node, p.OFPActionVlanVid(200), p.OFPActionOutput(2), dl_vlan=5)
    assert changed(node, UNTAGGED) == tagged(100)
    assert changed(node, tagged(5)) == tagged(200)
    assert node.receive(1, tagged(6)) == []


def test_addresses_and_ports_are_set_where_there_are_any(node: Forwarder) -> None:
    sets = [p.OFPActionSetNwSrc("10.9.9.9"), p.OFPActionSetNwTos(0x20), p.OFPActionSetTpDst(443)]
    add(node, *sets, p.OFPActionOutput(2))
    for proto, before, after in ((6, f.tcp(1, 80), f.tcp(1, 443)), (17, f.udp(1, 53), f.udp(1, 443))):
        packet = f.ethernet(B, A, [], 0x0800, f.ipv4(HOST1, HOST2, proto, before))
        data = changed(node, packet)
        assert data[26:30] == b"\x0a\x09\x09\x09"
        assert data[15] >> 2 == 8
        assert data[36:38] == after[2:4]
    assert changed(node, UNTAGGED) == UNTAGGED, "nothing to set"
    arp = f.ethernet(B, A, [], 0x0806, f.arp(1, A, HOST1, B, HOST2))
    assert changed(node, arp)[: len(arp)] == arp


def test_arp_is_matched_by_addresses_and_opcode(node: Forwarder) -> None:
    add(node, p.OFPActionOutput(2), dl_type=0x0806, nw_proto=1, nw_dst="10.0.0.2")
    asks, answers = (f.ethernet(B, A, [], 0x0806, f.arp(code, A, HOST1, B, HOST2) + bytes(18)) for code in (1, 2))
    assert changed(node, asks) == asks
    assert node.receive(1, answers) == []


def test_frames_without_a_type(node: Forwarder) -> None:
    add(node, p.OFPActionOutput(2), dl_type=ofp.OFP_DL_TYPE_NOT_ETH_TYPE)
    bpdu = f.ethernet(B, A, [], 46, b"\x42\x42\3" + bytes(43))
    assert changed(node, bpdu) == bpdu
    assert node.receive(1, UNTAGGED) == []


def test_the_dscp_is_the_upper_six_bits_of_the_tos(node: Forwarder) -> None:
    add(node, p.OFPActionOutput(2), dl_type=0x0800, nw_tos=0x23)
    packet = bytearray(f.ethernet(B, A, [], 0x0800, f.ipv4(HOST1, HOST2, 17, f.udp(1, 2, bytes(18)))))
    packet[15] = 0x21
    assert changed(node, bytes(packet)) == packet


def test_an_exact_match_beats_every_priority(node: Forwarder) -> None:
    exact = {
        "in_port": 1,
        "dl_src": A,
        "dl_dst": B,
        "dl_vlan": ofp.OFP_VLAN_NONE,
        "dl_vlan_pcp": 0,
        "dl_type": 0x0800,
        "nw_tos": 0,
        "nw_proto": 17,
        "nw_src": "10.0.0.1",
        "nw_dst": "10.0.0.2",
        "tp_src": 1,
        "tp_dst": 2,
    }
    message = p.OFPFlowMod(D, match=p.OFPMatch(**exact), priority=1, actions=[p.OFPActionOutput(2)])
    other = p.OFPFlowMod(D, match=p.OFPMatch(in_port=1), priority=0xFFFE, actions=[p.OFPActionOutput(3)])
    for flow_mod in (message, other):
        data = flow_mod_1_3(flow_mod.serialize())
        assert node.node.flow_mods(data, 0, len(data), node.now, loose=True).errors == []
    packet = f.ethernet(B, A, [], 0x0800, f.ipv4(HOST1, HOST2, 17, f.udp(1, 2, bytes(18))))
    assert changed(node, packet) == packet


def test_what_nothing_matches(node: Forwarder) -> None:
    assert node.receive(1, UNTAGGED) == []
    assert node.packet_ins() == []
    assert node.worker[n.W_DROPS + n.DROP_MISS] == 1
    node.node.set_misses(True)
    assert node.receive(3, UNTAGGED) == []
    (packet,) = node.node.packet_ins(9)
    assert (packet.reason, packet.cookie, packet.in_port, packet.max_len) == (ofp.OFPR_NO_MATCH, NO_COOKIE, 3, -1)
    assert packet.data == UNTAGGED
    assert node.worker[n.W_DROPS + n.DROP_MISS] == 1


def test_spanning_tree_frames_have_a_bit_of_their_own(node: Forwarder) -> None:
    add(node, p.OFPActionOutput(2))
    bpdu = f.ethernet(BRIDGES, A, [], 46, b"\x42\x42\3" + bytes(43))
    both = n.OFPPC_NO_RECV | n.OFPPC_NO_RECV_STP
    for config, came in (
        (0, [UNTAGGED, bpdu]),
        (n.OFPPC_NO_RECV, [bpdu]),
        (n.OFPPC_NO_RECV_STP, [UNTAGGED]),
        (both, []),
    ):
        node.node.port_mod(1, node.ports[1].hw_addr, config, both, 0)
        seen = [data for frame in (UNTAGGED, bpdu) for _, data in node.receive(1, frame)]
        assert seen == came


@pytest.mark.parametrize("command", [ofp.OFPFC_MODIFY, ofp.OFPFC_MODIFY_STRICT])
def test_modify_adds_and_then_changes(node: Forwarder, command: int) -> None:
    for port in (2, 3):
        actions = [p.OFPActionOutput(port)]
        flow_mod = p.OFPFlowMod(D, match=p.OFPMatch(in_port=1), command=command, cookie=port, actions=actions)
        message = flow_mod_1_3(flow_mod.serialize())
        assert node.node.flow_mods(message, 0, len(message), node.now, loose=True).errors == []
        assert [number for number, _ in node.receive(1, UNTAGGED)] == [port]
    assert node.counts() == {3: (2, 2 * len(UNTAGGED))}, "one entry, which has kept its counts"


def test_an_add_begins_anew(node: Forwarder) -> None:
    for _ in range(2):
        add(node, p.OFPActionOutput(2), in_port=1)
        node.receive(1, UNTAGGED)
    assert node.counts() == {0: (1, len(UNTAGGED))}


def test_padding_from_other_versions_means_nothing(node: Forwarder) -> None:
    """Only our own translation says by a push's padding that it is for packets without a tag."""
    flow_mod = p.OFPFlowMod(D, actions=[p.OFPActionVlanVid(100), p.OFPActionOutput(2)])
    message = flow_mod_1_3(flow_mod.serialize())
    assert node.node.flow_mods(message, 0, len(message), node.now).errors == []
    assert changed(node, tagged(5)) == tagged(100, 5)
