"""OpenFlow 1.2 toward controllers: what is not as in 1.3, over the real data plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import messages
from triplane.dataplane.node import Node
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp13
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.connection import Connection
from triplane.dataplane.switch.state import AgentConfig, Identity

D: Any = codec.PROTOCOLS[3]
ofp, parser = D.ofproto, D.ofproto_parser
HELLO = bytes.fromhex("0300000800000001")
FRAME = bytes.fromhex("ffffffffffff 020000000001 0806") + bytes(86)


class Peer12:
    """A controller of OpenFlow 1.2; our own codec, which os-ken has checked, builds and reads."""

    def __init__(self, agent: Agent) -> None:
        self.agent, self.conn = agent, Connection("peer 1.2")
        agent.connected(self.conn, 0)
        self.exchange(HELLO)
        assert self.conn.version.name == "1.2"

    def exchange(self, data: bytes) -> list[bytes]:
        self.agent.received(self.conn, data, 0)
        read = b""
        while self.conn.ready or self.conn.outbox:
            self.agent.resume(self.conn, 0)
            read += self.agent.outgoing(self.conn, 0)
        return messages(read)

    def send(self, *sent: Any) -> list[Any]:
        for message in sent:
            message.xid = 77
        replies = self.exchange(b"".join(message.serialize() for message in sent))
        return [codec.parse(3, reply, D) for reply in replies]

    def one(self, message: Any) -> Any:
        (reply,) = self.send(message)
        assert reply.serialize() == reply.buf or reply.msg_type == ofp.OFPT_FEATURES_REPLY
        return reply

    def error(self, message: Any) -> tuple[int, int]:
        reply = self.one(message)
        assert reply.msg_type == ofp.OFPT_ERROR
        return reply.type, reply.code


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def peer(node: Node) -> Iterator[Peer12]:
    agent = Agent(node, Identity(7))
    made = Peer12(agent)
    yield made
    anything = {"out_port": ofp.OFPP_ANY, "out_group": ofp.OFPG_ANY}
    made.send(parser.OFPFlowMod(D, command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL, **anything))
    made.send(parser.OFPGroupMod(D, ofp.OFPGC_DELETE, ofp.OFPGT_ALL, ofp.OFPG_ALL))
    node.packet_ins(1000)
    node.set_misses(False)


def test_flows_are_told_without_flags(peer: Peer12) -> None:
    match = parser.OFPMatch(in_port=1, eth_type=0x0800, ipv4_dst=("10.0.0.0", "255.0.0.0"))
    actions = [parser.OFPActionSetField(eth_dst="02:00:00:00:00:01"), parser.OFPActionOutput(2)]
    instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
    options = {"cookie": 5, "priority": 6, "idle_timeout": 7, "flags": ofp.OFPFF_SEND_FLOW_REM}
    assert peer.send(parser.OFPFlowMod(D, match=match, instructions=instructions, **options)) == []
    (told,) = peer.one(parser.OFPFlowStatsRequest(D)).body
    assert (told.cookie, told.priority, told.idle_timeout) == (5, 6, 7)
    assert told.match.items() == match.items()
    assert str(told.instructions) == str(instructions)
    assert peer.one(parser.OFPAggregateStatsRequest(D)).body.flow_count == 1
    (gone,) = peer.send(parser.OFPFlowMod(D, command=ofp.OFPFC_DELETE, out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY))
    assert (gone.cookie, gone.reason) == (5, ofp.OFPRR_DELETE)


def test_errors_in_flow_mods(peer: Peer12) -> None:
    without = parser.OFPFlowMod(D, match=parser.OFPMatch(ipv4_dst="10.0.0.1"))
    assert peer.error(without) == (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_PREREQ)
    assert peer.error(parser.OFPFlowMod(D, command=9)) == (ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_BAD_COMMAND)
    unknown = parser.OFPFlowMod(D, buffer_id=5)
    assert peer.error(unknown) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BUFFER_UNKNOWN)


def test_groups(peer: Peer12) -> None:
    bucket = parser.OFPBucket(1, ofp.OFPP_ANY, ofp.OFPG_ANY, [parser.OFPActionOutput(1)])
    assert peer.send(parser.OFPGroupMod(D, ofp.OFPGC_ADD, ofp.OFPGT_SELECT, 4, [bucket])) == []
    (told,) = peer.one(parser.OFPGroupStatsRequest(D)).body
    assert (told.group_id, told.packet_count, len(told.bucket_counters)) == (4, 0, 1)
    (desc,) = peer.one(parser.OFPGroupDescStatsRequest(D)).body
    assert (desc.type, desc.buckets[0].weight) == (ofp.OFPGT_SELECT, 1)
    assert peer.one(parser.OFPGroupFeaturesStatsRequest(D)).body.types == 0xF


def test_tables_and_what_becomes_of_a_miss(peer: Peer12) -> None:
    tables = peer.one(parser.OFPTableStatsRequest(D)).body
    assert (len(tables), tables[3].name, tables[3].active_count) == (254, b"table3", 0)
    assert tables[3].match >> ofp13.OFPXMT_OFB_MPLS_TC == 1
    out = parser.OFPPacketOut(
        D, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, [parser.OFPActionOutput(ofp.OFPP_TABLE)], FRAME
    )
    assert peer.send(out) == []
    peer.agent.poll_packet_ins(0)
    (seen,) = [codec.parse(3, data, D) for data in peer.exchange(b"")]
    assert (seen.reason, seen.table_id, seen.data) == (ofp.OFPR_NO_MATCH, 0, FRAME)
    assert seen.match["in_port"] == ofp.OFPP_CONTROLLER


def test_packets_with_an_invalid_ttl_are_asked_for(peer: Peer12) -> None:
    wants = lambda: peer.conn.wants(ofp.OFPT_PACKET_IN, ofp.OFPR_INVALID_TTL)  # noqa: E731
    assert not wants()
    peer.send(parser.OFPSetConfig(D, ofp.OFPC_INVALID_TTL_TO_CONTROLLER, 100))
    assert wants()
    assert peer.one(parser.OFPGetConfigRequest(D)).miss_send_len == 100
    peer.send(parser.OFPSetConfig(D, 0, 100))
    assert not wants()


def test_what_1_2_does_not_have(peer: Peer12) -> None:
    meter_mod = bytes((3, ofp13.OFPT_METER_MOD)) + bytes.fromhex("0010 00000000 0000000000000001")
    reply = codec.parse(3, peer.exchange(meter_mod)[0], D)
    assert (reply.type, reply.code) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_TYPE)
    meters = bytes((3, ofp.OFPT_STATS_REQUEST)) + bytes.fromhex("0010 00000000 0009000000000000")
    reply = codec.parse(3, peer.exchange(meters)[0], D)
    assert (reply.type, reply.code) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_STAT)


def test_ports_and_queues() -> None:
    peer = Peer12(Agent(Double(), Identity(7), AgentConfig()))
    ports = peer.one(parser.OFPFeaturesRequest(D)).ports
    assert (sorted(ports), ports[2].name) == ([1, 2], b"port2")
    assert [row.port_no for row in peer.one(parser.OFPPortStatsRequest(D)).body] == [1, 2]
    assert peer.one(parser.OFPQueueStatsRequest(D)).body[0].tx_bytes == 10
    assert peer.one(parser.OFPDescStatsRequest(D)).body.mfr_desc == b"Triplane"
    assert peer.error(parser.OFPPortStatsRequest(D, 9)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_PORT)
