"""OpenFlow 1.0 toward controllers, over the real data plane: flows are told in 1.0, and to others in 1.3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_v1_3 as ofp13
from os_ken.ofproto import ofproto_v1_3_parser as parser13

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import DESC, HELLO, SECOND, Peer, messages, raw
from triplane.dataplane.node import Node
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_0 as ofp
from triplane.dataplane.openflow import ofproto_v1_0_parser as parser
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.async_config import AsyncConfig
from triplane.dataplane.switch.connection import Connection
from triplane.dataplane.switch.datapath import NO_COOKIE, PacketIn, PortInfo
from triplane.dataplane.switch.state import AgentConfig, Identity
from triplane.dataplane.switch.v1_0 import actions as translated
from triplane.dataplane.switch.v1_0.match import Known, to_ofp10, to_oxm
from triplane.dataplane.switch.v1_0.nicira import without_cookie
from triplane.dataplane.switch.v1_0.wire import error_of

D = codec.PROTOCOLS[1]
HELLO10 = bytes.fromhex("0100000800000001")
MAC = "02:00:00:00:00:01"
FRAME = bytes.fromhex("ffffffffffff 020000000001 0806") + bytes(86)


class Peer10:
    """A controller of OpenFlow 1.0; our own codec, which os-ken has checked, builds and reads."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.now = 0
        self.conn = Connection("peer 1.0")
        agent.connected(self.conn, 0)
        assert self.exchange(HELLO10)[0][1] == ofp.OFPT_HELLO
        assert self.conn.version.name == "1.0"

    def exchange(self, data: bytes) -> list[bytes]:
        self.agent.received(self.conn, data, self.now)
        return messages(self.drain())

    def drain(self) -> bytes:
        read = b""
        while self.conn.ready or self.conn.outbox:
            self.agent.resume(self.conn, self.now)
            read += self.agent.outgoing(self.conn, self.now)
        return read

    def drain_all(self) -> list[Any]:
        """What the switch has to say, read."""
        return [codec.parse(1, message, D) for message in messages(self.drain())]

    def send(self, *sent: Any) -> list[Any]:
        """Messages out, replies back."""
        data = b""
        for message in sent:
            message.xid = 77
            data += message.serialize()
        return [codec.parse(1, reply, D) for reply in self.exchange(data)]

    def one(self, message: Any) -> Any:
        (reply,) = self.send(message)
        return reply

    def error(self, message: Any) -> tuple[int, int]:
        reply = self.one(message)
        assert reply.msg_type == ofp.OFPT_ERROR
        return reply.type, reply.code

    def flows(self, match: Any = None, out_port: int = ofp.OFPP_NONE) -> list[Any]:
        return list(self.one(parser.OFPFlowStatsRequest(D, 0, match or parser.OFPMatch(), 0xFF, out_port)).body)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def agent(node: Node) -> Iterator[Agent]:
    made = Agent(node, Identity(7))
    yield made
    Peer10(made).send(parser.OFPFlowMod(D, command=ofp.OFPFC_DELETE))
    node.packet_ins(1000)
    node.set_misses(False)


def add(match: Any, *actions: Any, **options: Any) -> Any:
    return parser.OFPFlowMod(D, match=match, actions=list(actions), **options)


ACTIONS = [
    parser.OFPActionVlanVid(100),
    parser.OFPActionVlanPcp(5),
    parser.OFPActionStripVlan(),
    parser.OFPActionSetDlSrc(MAC),
    parser.OFPActionSetDlDst(MAC),
    parser.OFPActionSetNwSrc("10.0.0.1"),
    parser.OFPActionSetNwDst("10.0.0.2"),
    parser.OFPActionSetNwTos(0xB8),
    parser.OFPActionSetTpSrc(80),
    parser.OFPActionSetTpDst(81),
    parser.OFPActionEnqueue(3, 7),
    parser.OFPActionOutput(4, 0),
    parser.OFPActionOutput(ofp.OFPP_CONTROLLER, 128),
    parser.OFPActionOutput(ofp.OFPP_FLOOD, 0),
]


def test_features_have_the_ports_and_what_1_0_can_do(agent: Agent) -> None:
    reply = Peer10(agent).one(parser.OFPFeaturesRequest(D))
    assert (reply.datapath_id, reply.n_buffers, reply.n_tables, reply.ports) == (7, 256, 254, {})
    assert reply.actions == 0xFFF
    assert reply.capabilities & ofp.OFPC_ARP_MATCH_IP


def test_a_flow_is_told_as_it_was_sent(agent: Agent) -> None:
    peer = Peer10(agent)
    match = parser.OFPMatch(in_port=1, dl_type=0x0800, nw_proto=6, nw_dst="10.1.0.0", nw_dst_mask=16, tp_dst=80)
    sent = add(match, *ACTIONS, cookie=7, priority=9, idle_timeout=30, hard_timeout=40)
    assert peer.send(sent, parser.OFPBarrierRequest(D))[0].msg_type == ofp.OFPT_BARRIER_REPLY
    peer.now = 3 * SECOND
    (told,) = peer.flows()
    assert (told.match, told.cookie, told.priority) == (match, 7, 9)
    assert (told.idle_timeout, told.hard_timeout, told.duration_sec) == (30, 40, 3)
    assert [action._pack() for action in told.actions] == [action._pack() for action in ACTIONS]


def test_a_controller_of_1_3_sees_that_flow_in_its_own_terms(agent: Agent) -> None:
    peer, other = Peer10(agent), Peer(agent, HELLO)
    peer.send(add(parser.OFPMatch(dl_vlan=0xFFFF), parser.OFPActionVlanVid(5), parser.OFPActionOutput(ofp.OFPP_ALL)))
    (told,) = other.one(parser13.OFPFlowStatsRequest(DESC)).body
    assert told.match["vlan_vid"] == 0
    push, vid, output = told.instructions[0].actions
    assert (push.ethertype, vid.value, output.port) == (0x8100, 0x1005, ofp13.OFPP_ALL)


def test_what_1_0_has_no_words_for_is_told_by_its_closest(agent: Agent) -> None:
    peer, other = Peer10(agent), Peer(agent, HELLO)
    match = parser13.OFPMatch(metadata=5, eth_dst=("01:00:00:00:00:00", "01:00:00:00:00:00"), in_port=3)
    actions = [parser13.OFPActionSetField(eth_src=MAC), parser13.OFPActionOutput(2)]
    write = parser13.OFPInstructionActions(ofp13.OFPIT_WRITE_ACTIONS, actions)
    instructions = [write, parser13.OFPInstructionGotoTable(9)]
    other.send(parser13.OFPFlowMod(DESC, match=match, instructions=instructions, table_id=4))
    (told,) = peer.flows()
    assert (told.table_id, told.match["in_port"], told.match["dl_dst"]) == (4, 3, "01:00:00:00:00:00")
    assert [type(action).__name__ for action in told.actions] == ["OFPActionSetDlSrc", "OFPActionOutput"]


def test_an_exact_match_goes_before_all_others(agent: Agent) -> None:
    peer = Peer10(agent)
    peer.send(add(parser.OFPMatch(wildcards=0, dl_type=0x0800, nw_proto=6, dl_vlan=0xFFFF), priority=5))
    assert [told.priority for told in peer.flows()] == [0xFFFF]


def test_modify_adds_what_is_not_there_and_else_changes_actions_and_cookie(agent: Agent) -> None:
    peer = Peer10(agent)
    for command in (ofp.OFPFC_MODIFY, ofp.OFPFC_MODIFY_STRICT):
        match = parser.OFPMatch(in_port=command)
        peer.send(add(match, parser.OFPActionOutput(1), command=command, cookie=1, idle_timeout=9))
        peer.send(add(match, parser.OFPActionOutput(2), command=command, cookie=2, idle_timeout=10))
        (told,) = peer.flows(match)
        assert (told.cookie, told.idle_timeout, told.actions[0].port) == (2, 9, 2)


def test_delete_by_port_in_every_table(agent: Agent) -> None:
    peer, other = Peer10(agent), Peer(agent, HELLO)
    goto = [parser13.OFPInstructionActions(ofp13.OFPIT_APPLY_ACTIONS, [parser13.OFPActionOutput(2)])]
    other.send(parser13.OFPFlowMod(DESC, instructions=goto, table_id=5))
    peer.send(add(parser.OFPMatch(in_port=1), parser.OFPActionOutput(2)))
    peer.send(add(parser.OFPMatch(in_port=2), parser.OFPActionOutput(3)))
    assert len(peer.flows(out_port=2)) == 2
    peer.send(parser.OFPFlowMod(D, command=ofp.OFPFC_DELETE, out_port=2))
    assert [told.match["in_port"] for told in peer.flows()] == [2]


def test_flow_removed(agent: Agent) -> None:
    peer = Peer10(agent)
    match = parser.OFPMatch(dl_type=0x0806, nw_src="10.0.0.0", nw_src_mask=8, nw_proto=1)
    peer.send(add(match, cookie=5, priority=6, idle_timeout=2, flags=ofp.OFPFF_SEND_FLOW_REM))
    agent.tick(3 * SECOND)
    (gone,) = [codec.parse(1, data, D) for data in messages(peer.drain())]
    assert (gone.match, gone.cookie, gone.priority, gone.reason) == (match, 5, 6, ofp.OFPRR_IDLE_TIMEOUT)
    assert (gone.duration_sec, gone.idle_timeout) == (3, 2)


def test_overlap_and_what_is_refused(agent: Agent) -> None:
    peer = Peer10(agent)
    peer.send(add(parser.OFPMatch(in_port=1), priority=5))
    failed = ofp.OFPET_FLOW_MOD_FAILED
    overlapping = add(parser.OFPMatch(dl_type=0x0800), priority=5, flags=ofp.OFPFF_CHECK_OVERLAP)
    assert peer.error(overlapping) == (failed, ofp.OFPFMFC_OVERLAP)
    emergency = {"flags": ofp.OFPFF_EMERG, "match": parser.OFPMatch()}
    assert peer.error(parser.OFPFlowMod(D, **emergency)) == (failed, ofp.OFPFMFC_ALL_TABLES_FULL)
    assert peer.error(parser.OFPFlowMod(D, idle_timeout=1, **emergency)) == (failed, ofp.OFPFMFC_BAD_EMERG_TIMEOUT)
    assert peer.error(parser.OFPFlowMod(D, command=9)) == (failed, ofp.OFPFMFC_BAD_COMMAND)
    bad = ofp.OFPET_BAD_ACTION
    for action, code in (
        (parser.OFPActionOutput(0xFF01), ofp.OFPBAC_BAD_OUT_PORT),
        (parser.OFPActionOutput(ofp.OFPP_NONE), ofp.OFPBAC_BAD_OUT_PORT),
        (parser.OFPActionEnqueue(ofp.OFPP_FLOOD, 1), ofp.OFPBAC_BAD_OUT_PORT),
        (parser.OFPActionVlanVid(0x1000), ofp.OFPBAC_BAD_ARGUMENT),
        (parser.OFPActionVlanPcp(8), ofp.OFPBAC_BAD_ARGUMENT),
        (parser.OFPActionVendorUnknown(0x1234, bytes(8)), ofp.OFPBAC_BAD_VENDOR),
    ):
        assert peer.error(add(parser.OFPMatch(in_port=2), action)) == (bad, code)
    assert len(peer.flows()) == 1


@pytest.mark.parametrize(
    ("actions", "code"),
    [(b"\0\x0c\0\x08\0\0\0\0", ofp.OFPBAC_BAD_TYPE), (b"\0\0\0\x10" + bytes(12), ofp.OFPBAC_BAD_LEN)]
    + [(b"\0\0\0" + bytes([size]) + bytes(4), ofp.OFPBAC_BAD_LEN) for size in (0, 4, 9, 16)],
)
def test_malformed_actions(agent: Agent, actions: bytes, code: int) -> None:
    peer = Peer10(agent)
    data = parser.OFPFlowMod(D).serialize() + actions
    reply = codec.parse(1, peer.exchange(data[:2] + len(data).to_bytes(2, "big") + data[4:])[0], D)
    assert (reply.type, reply.code) == (ofp.OFPET_BAD_ACTION, code)
    assert peer.flows() == []


def test_aggregate_and_tables(agent: Agent) -> None:
    peer = Peer10(agent)
    peer.send(*(add(parser.OFPMatch(in_port=port)) for port in (1, 2, 3)))
    (total,) = peer.one(parser.OFPAggregateStatsRequest(D, 0, parser.OFPMatch(), 0xFF, ofp.OFPP_NONE)).body
    assert total.flow_count == 3
    assert (
        peer.one(parser.OFPAggregateStatsRequest(D, 0, parser.OFPMatch(), 0xFE, ofp.OFPP_NONE)).body[0].flow_count == 0
    )
    tables = peer.one(parser.OFPTableStatsRequest(D, 0)).body
    assert (len(tables), tables[0].active_count, tables[0].wildcards) == (254, 3, ofp.OFPFW_ALL)
    assert tables[0].name == b"table0"
    assert peer.one(parser.OFPDescStatsRequest(D, 0)).body.mfr_desc == b"Triplane"
    assert peer.error(parser.OFPVendorStatsRequest(D, 0, 5, b"")) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_VENDOR)


def test_a_packet_that_nothing_matches_is_for_controllers_of_1_0_alone(agent: Agent, node: Node) -> None:
    other = Peer(agent, HELLO)
    table = [parser.OFPActionOutput(ofp.OFPP_TABLE)]
    peer = Peer10(agent)
    assert peer.send(parser.OFPPacketOut(D, in_port=ofp.OFPP_NONE, actions=table, data=FRAME)) == []
    agent.poll_packet_ins(0)
    (seen,) = [codec.parse(1, data, D) for data in messages(peer.drain())]
    assert (seen.reason, seen.total_len, seen.data) == (ofp.OFPR_NO_MATCH, 100, FRAME)
    assert peer.send(parser.OFPPacketOut(D, seen.buffer_id, ofp.OFPP_NONE, [], None)) == []  # kept, though shown whole
    assert messages(other.drain()) == []
    agent.disconnected(peer.conn, 0)
    other.send(
        parser13.OFPPacketOut(
            DESC, ofp13.OFP_NO_BUFFER, ofp13.OFPP_CONTROLLER, [parser13.OFPActionOutput(ofp13.OFPP_TABLE)], FRAME
        )
    )
    assert not agent.poll_packet_ins(0)
    assert agent.switch.unwanted == {}


def test_a_buffered_packet_is_sent_once(agent: Agent, node: Node) -> None:
    peer = Peer10(agent)
    up = [parser.OFPActionOutput(ofp.OFPP_CONTROLLER, 20)]
    peer.send(parser.OFPPacketOut(D, in_port=ofp.OFPP_NONE, actions=up, data=FRAME))
    agent.poll_packet_ins(0)
    (seen,) = [codec.parse(1, data, D) for data in messages(peer.drain())]
    assert (seen.reason, len(seen.data), seen.total_len) == (ofp.OFPR_ACTION, 20, 100)
    release = parser.OFPPacketOut(D, seen.buffer_id, ofp.OFPP_NONE, [], None)
    assert peer.send(release) == []
    assert peer.error(release) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BUFFER_EMPTY)


def test_a_set_of_the_vlan_id_pushes_a_tag_where_there_is_none(agent: Agent, node: Node) -> None:
    peer = Peer10(agent)
    up = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, 0xFFFF)
    tag = [parser.OFPActionVlanVid(100), parser.OFPActionVlanPcp(3), up]
    tagged = FRAME[:12] + bytes.fromhex("8100 a00a") + FRAME[12:]
    for frame in (FRAME, tagged):
        peer.send(parser.OFPPacketOut(D, in_port=ofp.OFPP_NONE, actions=tag, data=frame))
        peer.send(parser.OFPPacketOut(D, in_port=ofp.OFPP_NONE, actions=[parser.OFPActionStripVlan(), up], data=frame))
    agent.poll_packet_ins(0)
    seen = [codec.parse(1, data, D).data for data in messages(peer.drain())]
    changed = FRAME[:12] + bytes.fromhex("8100 6064") + FRAME[12:]
    assert seen == [changed, FRAME, changed, FRAME]


def test_other_requests(agent: Agent) -> None:
    peer = Peer10(agent)
    assert peer.one(parser.OFPEchoRequest(D, b"ping")).data == b"ping"
    peer.send(parser.OFPSetConfig(D, ofp.OFPC_FRAG_REASM, 200))
    config = peer.one(parser.OFPGetConfigRequest(D))
    assert (config.flags, config.miss_send_len) == (ofp.OFPC_FRAG_NORMAL, 200)
    request = ofp.OFPET_BAD_REQUEST
    assert peer.error(parser.OFPQueueGetConfigRequest(D, 9)) == (ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_PORT)
    assert peer.error(parser.OFPPortMod(D, 9, MAC)) == (ofp.OFPET_PORT_MOD_FAILED, ofp.OFPPMFC_BAD_PORT)
    assert peer.error(parser.OFPPacketOut(D, in_port=9, data=FRAME)) == (request, ofp.OFPBRC_EPERM)
    assert peer.error(parser.OFPPacketOut(D, data=b"short")) == (request, ofp.OFPBRC_BAD_LEN)
    assert peer.one(parser.OFPPortStatsRequest(D, 0, 9)).body == []
    assert peer.one(parser.OFPQueueStatsRequest(D, 0, ofp.OFPP_ALL, ofp.OFPQ_ALL)).body == []
    wrong = codec.parse(1, peer.exchange(raw(ofp.OFPT_BARRIER_REPLY, version=1))[0], D)
    assert (wrong.type, wrong.code) == (request, ofp.OFPBRC_BAD_TYPE)


def test_ports_and_their_configuration() -> None:
    datapath = Double()
    agent = Agent(datapath, Identity(7), AgentConfig())
    peer, other = Peer10(agent), Peer(agent, HELLO)
    ports = peer.one(parser.OFPFeaturesRequest(D)).ports
    assert (sorted(ports), ports[1].name, ports[1].curr) == ([1, 2], b"port1", ofp.OFPPF_10GB_FD)
    config = ofp.OFPPC_NO_FLOOD | ofp.OFPPC_NO_RECV
    status = peer.one(parser.OFPPortMod(D, 1, ports[1].hw_addr, config, config))
    assert (status.reason, status.desc.port_no, status.desc.config) == (ofp.OFPPR_MODIFY, 1, config)
    (seen,) = [message for message in messages(other.drain()) if message[1] == ofp13.OFPT_PORT_STATUS]
    assert codec.parse(4, seen).desc.config == ofp13.OFPPC_NO_RECV
    assert peer.one(parser.OFPPortStatsRequest(D, 0, ofp.OFPP_NONE)).body[0].port_no == 1
    agent.port_changed(ofp.OFPPR_ADD, PortInfo(0xFFFFFFFE, bytes(6), "local", 0, 1, 1 << 11, 0, 0, 0, 0, 0))
    added = codec.parse(1, messages(peer.drain())[0], D).desc
    assert (added.port_no, added.state, added.curr) == (ofp.OFPP_LOCAL, ofp.OFPPS_LINK_DOWN, ofp.OFPPF_COPPER)


def test_roles_by_nicira(agent: Agent) -> None:
    first, second = Peer10(agent), Peer10(agent)
    assert first.one(parser.NXTRoleRequest(D, ofp.NX_ROLE_MASTER)).data.role == ofp.NX_ROLE_MASTER
    assert second.one(parser.NXTRoleRequest(D, ofp.NX_ROLE_MASTER)).data.role == ofp.NX_ROLE_MASTER
    assert first.error(add(parser.OFPMatch())) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_EPERM)
    assert second.send(parser.NXTSetFlowFormat(D, ofp.NXFF_NXM), parser.NXTSetPacketInFormat(D, 0)) == []
    assert second.error(parser.NXTSetFlowFormat(D, 9)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_EPERM)
    assert second.send(parser.NXTFlowAge(D)) == []
    second.send(parser.NXTSetAsyncConfig(D, [0, 0], [0, 0], [0, 0]))
    assert not second.conn.async_config.wants(ofp.OFPT_PACKET_IN, ofp13.OFPCR_ROLE_EQUAL, ofp.OFPR_ACTION)
    assert second.error(parser.NXTRoleRequest(D, 9)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_EPERM)


def test_flows_by_nicira(agent: Agent) -> None:
    peer = Peer10(agent)
    rule = parser.NXMatch(in_port_nxm=1, eth_type_nxm=0x0800, ip_proto_nxm=6, tcp_dst_nxm=80, reg0=(5, 0xFF))
    actions = [parser.NXActionRegLoad(31, "reg1", 9), parser.OFPActionOutput(2, 0)]
    assert peer.send(parser.NXTFlowMod(D, 7, ofp.OFPFC_ADD, priority=9, rule=rule, actions=actions)) == []
    (told,) = peer.one(parser.NXFlowStatsRequest(D, 0, ofp.OFPP_NONE, 0xFF)).body
    assert (told.cookie, told.priority, told.match.items()) == (7, 9, rule.items())
    assert [str(action) for action in told.actions] == [str(action) for action in actions]
    assert (told.idle_age, told.hard_age) == (1, 1), "seconds plus one; 0 would say that they are not known"
    asked = parser.NXAggregateStatsRequest(D, 0, ofp.OFPP_NONE, 0xFF, parser.NXMatch(in_port_nxm=2))
    assert peer.one(asked).body[0].flow_count == 0
    (plain,) = peer.flows()
    assert plain.actions[1].port == 2
    assert peer.send(parser.NXTFlowMod(D, 0, ofp.OFPFC_DELETE, rule=parser.NXMatch(in_port_nxm=1))) == []
    assert peer.flows() == []


def test_tables_by_nicira(agent: Agent) -> None:
    peer = Peer10(agent)
    peer.send(parser.NXTFlowModTableId(D, 1), add(parser.OFPMatch(in_port=1), command=3 << 8 | ofp.OFPFC_ADD))
    peer.send(parser.NXTFlowMod(D, 7, 4 << 8 | ofp.OFPFC_ADD, rule=parser.NXMatch(reg0=1)))
    assert sorted(told.table_id for told in peer.flows()) == [3, 4]
    peer.send(parser.OFPFlowMod(D, command=3 << 8 | ofp.OFPFC_DELETE))
    assert [told.table_id for told in peer.flows()] == [4]
    peer.send(parser.OFPFlowMod(D, command=0xFF << 8 | ofp.OFPFC_DELETE), parser.NXTFlowModTableId(D, 0))
    assert peer.flows() == []
    assert peer.error(add(parser.OFPMatch(), command=3 << 8)) == (ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_BAD_COMMAND)


def test_a_cookie_among_the_fields_of_nicira_is_a_filter() -> None:
    field = bytes.fromhex("00013d10 0000000000000005 00000000000000ff")
    assert without_cookie(bytes.fromhex("000000020001") + field) == (bytes.fromhex("000000020001"), 5, 0xFF)
    assert without_cookie(field[:9]) == (field[:9], 0, 0), "cut short: the data plane refuses it"


def test_malformed_messages_of_nicira(agent: Agent) -> None:
    peer = Peer10(agent)
    request = ofp.OFPET_BAD_REQUEST
    for body, code in (
        ("00002320", ofp.OFPBRC_BAD_VENDOR),
        ("00001234 0000000a", ofp.OFPBRC_BAD_VENDOR),
        ("00002320 0000000a 000000", ofp.OFPBRC_BAD_LEN),
        ("00002320 0000000d 00", ofp.OFPBRC_BAD_LEN),
        ("00002320 0000000d" + "00" * 24 + "0009" + "00" * 6, ofp.OFPBRC_BAD_LEN),
    ):
        (data,) = peer.exchange(raw(ofp.OFPT_VENDOR, bytes.fromhex(body), version=1))
        reply = codec.parse(1, data, D)
        assert (reply.type, reply.code) == (request, code)
    for stats in ("ffff0000 00002320 00000009 00000000 0000 0000 00 000000", "ffff0000 00002320 00000000 00000000 00"):
        (data,) = peer.exchange(raw(ofp.OFPT_STATS_REQUEST, bytes.fromhex(stats), version=1))
        assert codec.parse(1, data, D).type == request


def test_a_modify_with_the_greatest_cookie_keeps_the_cookie(agent: Agent) -> None:
    """So Open vSwitch's tools say that they mean no cookie."""
    peer = Peer10(agent)
    none = (1 << 64) - 1
    for cookie, told in ((none, 0), (5, 5), (none, 5)):
        peer.send(add(parser.OFPMatch(in_port=1), command=ofp.OFPFC_MODIFY, cookie=cookie))
        assert [flow.cookie for flow in peer.flows()] == [told]


IP = st.fixed_dictionaries({"dl_type": st.sampled_from([0x0800, 0x0806])})
BITS = st.integers(1, 32)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "in_port": st.one_of(st.integers(1, 0xFEFF), st.just(ofp.OFPP_LOCAL)),
        "dl_src": st.binary(min_size=6, max_size=6),
        "dl_dst": st.binary(min_size=6, max_size=6),
        "dl_vlan": st.one_of(st.integers(0, 0xFFF), st.just(ofp.OFP_VLAN_NONE)),
        "nw_proto": st.sampled_from([1, 6, 17, 132, 5]),
    },
)


@given(FIELDS, IP, st.integers(0, 0xFFFFFFFF), BITS, st.integers(0, 63), st.integers(0, 255))
def test_a_match_comes_back_as_it_was(
    fields: dict[str, Any], network: dict[str, Any], address: int, bits: int, dscp: int, port: int
) -> None:
    prefix = address & 0xFFFFFFFF << 32 - bits & 0xFFFFFFFF
    more: dict[str, Any] = {"nw_src": prefix, "nw_src_mask": bits, "nw_dst": address}
    if network["dl_type"] == 0x0800:
        more["nw_tos"] = dscp << 2
        if fields.get("nw_proto", 5) != 5:
            more["tp_src"], more["tp_dst"] = port, port
    match = parser.OFPMatch(**fields, **network, **more)
    assert parser.OFPMatch.parse(to_ofp10(to_oxm(match.to_bytes()).match), 0) == match


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.binary(min_size=40, max_size=40), st.lists(st.sampled_from(ACTIONS), max_size=6))
def test_any_match_makes_a_flow(agent: Agent, match: bytes, actions: list[Any]) -> None:
    peer = Peer10(agent)
    peer.send(parser.OFPFlowMod(D, command=ofp.OFPFC_DELETE))
    given_match = parser.OFPMatch.parse(match, 0)
    assert peer.send(add(given_match, *actions)) == []
    (told,) = peer.flows(given_match)
    assert to_oxm(told.match.to_bytes()).match == to_oxm(match).match or given_match.in_port > ofp.OFPP_MAX
    agent.disconnected(peer.conn, 0)


def test_a_queue_is_for_one_output() -> None:
    sent = b"".join(action._pack() for action in (ACTIONS[10], ACTIONS[11]))
    queued = translated.to_1_3(sent, Known())
    assert [kind for kind, _ in translated.split(queued)] == [21, 0, 21, 0]
    assert b"".join(translated.actions_to_ofp10(queued)) == sent


def test_ports_of_a_known_protocol_are_one_set_field() -> None:
    wire = parser.OFPActionSetTpSrc(5)._pack()
    assert len(list(translated.split(translated.to_1_3(wire, Known(proto=17))))) == 1
    assert len(list(translated.split(translated.to_1_3(wire, Known())))) == 3


def test_every_error_has_a_number_of_1_0() -> None:
    last = {0: 1, 1: 8, 2: 8, 3: 5, 4: 1, 5: 2}
    for kind in range(18):
        for code in range(32):
            told = error_of(kind, code)
            assert told[1] <= last[told[0]]


def test_a_packet_in_of_a_miss_has_the_cookie_of_none() -> None:
    datapath = Double()
    agent = Agent(datapath, Identity(1), AgentConfig())
    assert not datapath.misses
    peer = Peer10(agent)
    assert datapath.misses
    datapath.waiting.append(PacketIn(ofp.OFPR_NO_MATCH, 0, NO_COOKIE, 1, -1, bytes.fromhex("0001000400000000"), FRAME))
    agent.poll_packet_ins(0)
    assert codec.parse(1, messages(peer.drain())[0], D).in_port == 1
    assert peer.conn.async_config == AsyncConfig()
