"""A controller that stops reading costs bounded memory: packet-ins go first, replies are never lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import DESC, SECOND, Peer, build, raw, switch
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.datapath import FlowFilter, PacketIn
from triplane.dataplane.switch.outbox import Limits
from triplane.dataplane.switch.state import Identity
from triplane.dataplane.switch.status import agent_status

LIMITS = Limits(reply_limit=100_000, event_limit=200_000, packet_in_limit=50_000)
PACKET = PacketIn(ofp.OFPR_ACTION, 0, 0, 1, ofp.OFPCML_NO_BUFFER, bytes.fromhex("00010004 00000000"), bytes(1000))


def flood(agent: Agent, datapath: Double, packet: PacketIn, count: int) -> None:
    datapath.waiting += [packet] * count
    while agent.poll_packet_ins(0):
        pass


def test_packet_ins_are_dropped_and_counted_by_reason() -> None:
    agent, datapath = switch()
    stuck, reading = Peer(agent, limits=LIMITS), Peer(agent, limits=Limits(packet_in_limit=10_000_000))
    flood(agent, datapath, PACKET, 100)
    flood(agent, datapath, PACKET._replace(reason=ofp.OFPR_NO_MATCH), 20)
    assert stuck.conn.outbox.packet_in_bytes <= LIMITS.packet_in_limit
    sent = stuck.conn.outbox.sent
    assert sent.packet_ins_dropped[ofp.OFPR_NO_MATCH] == 20
    assert sent.packet_ins_dropped[ofp.OFPR_ACTION] == 100 - sent.packet_ins[ofp.OFPR_ACTION]
    assert len(stuck.replies()) == sent.packet_ins[ofp.OFPR_ACTION] == 48
    assert len(reading.replies()) == 120
    status = {item["name"]: item for item in agent_status(agent)["controllers"]}["peer"]
    none = dict.fromkeys(("invalid_ttl", "action_set", "group", "packet_out"), 0)
    assert status["packet_ins"] == {"no_match": 20, "action": 100, **none}


def test_replies_go_ahead_of_packet_ins() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    flood(agent, datapath, PACKET, 5)
    replies = peer.send(raw(ofp.OFPT_ECHO_REQUEST), raw(ofp.OFPT_BARRIER_REQUEST))
    kinds = [reply.msg_type for reply in replies]
    assert kinds == [ofp.OFPT_ECHO_REPLY, ofp.OFPT_BARRIER_REPLY] + [ofp.OFPT_PACKET_IN] * 5


def test_requests_wait_while_replies_do_and_none_is_lost() -> None:
    agent, _ = switch()
    peer = Peer(agent, limits=LIMITS)
    requests = b"".join(raw(ofp.OFPT_ECHO_REQUEST, bytes(1000), xid=n) for n in range(500))
    peer.push(requests)
    assert not peer.conn.wants_data
    assert peer.conn.outbox.reply_bytes < LIMITS.reply_limit + 1008
    assert [reply.xid for reply in peer.replies()] == list(range(500))
    assert peer.conn.wants_data


def test_events_are_dropped_past_their_limit() -> None:
    agent, datapath = switch()
    peer = Peer(agent, limits=LIMITS)
    for n in range(5000):
        agent.port_changed(ofp.OFPPR_MODIFY, datapath.known[1]._replace(config=n + 1))
    assert peer.conn.outbox.reply_bytes <= LIMITS.event_limit + 80
    dropped = peer.conn.outbox.sent.events_dropped[ofp.OFPT_PORT_STATUS]
    assert len(peer.replies()) == 5000 - dropped < 5000


class Huge(Double):
    """A hundred thousand flow entries that exist only as they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def flow_stats(self, chosen: FlowFilter, now: int) -> Iterator[bytes]:
        record = bytes.fromhex("0038") + bytes(46) + bytes.fromhex("0001000400000000")
        for self.told in range(1, 100_001):
            yield record


def test_long_reply_is_made_as_it_is_read() -> None:
    datapath = Huge()
    agent = Agent(datapath, Identity(1))
    peer = Peer(agent, limits=LIMITS)
    peer.push(build(parser.OFPFlowStatsRequest(DESC)) + raw(ofp.OFPT_BARRIER_REQUEST))
    assert datapath.told * 56 < LIMITS.reply_limit + 2 * 0xFFFF
    assert not peer.conn.wants_data
    stream = peer.drain()
    assert datapath.told == 100_000
    assert len(stream) > 5_600_000
    assert stream[-7] == ofp.OFPT_BARRIER_REPLY, "after all of the reply before it"


def test_connection_that_ends_in_a_long_reply_is_forgotten() -> None:
    datapath = Huge()
    agent = Agent(datapath, Identity(1))
    peer = Peer(agent, limits=LIMITS)
    peer.push(build(parser.OFPFlowStatsRequest(DESC)))
    agent.disconnected(peer.conn, 0)
    assert peer.conn.answer is None
    assert agent.switch.connections == []


class Refusing(Double):
    def flow_stats(self, chosen: FlowFilter, now: int) -> Iterator[bytes]:
        if chosen.cookie:
            yield bytes(56)
        raise OpenFlowError(ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_FIELD)


@pytest.mark.parametrize("cookie", [0, 1])
def test_lazy_reply_that_fails_is_an_error(cookie: int) -> None:
    peer = Peer(Agent(Refusing(), Identity(1)))
    assert peer.error(parser.OFPFlowStatsRequest(DESC, cookie=cookie)) == (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_FIELD)
    assert peer.one(raw(ofp.OFPT_BARRIER_REQUEST)).msg_type == ofp.OFPT_BARRIER_REPLY


def test_peer_that_reads_slowly_lives_and_one_that_does_not_read_ends() -> None:
    agent, _ = switch()
    slow, stuck = Peer(agent, limits=LIMITS), Peer(agent, limits=LIMITS)
    for peer in (slow, stuck):
        peer.push(b"".join(raw(ofp.OFPT_ECHO_REQUEST, bytes(1000)) for _ in range(500)))
    for seconds in range(1, 21):
        if seconds % 4 == 0:
            agent.drained(slow.conn, seconds * SECOND)
        agent.tick(seconds * SECOND)
    assert stuck.conn.aborting
    assert not slow.conn.closing


def test_one_connection_takes_its_turn_and_no_more() -> None:
    agent, _ = switch()
    peer = Peer(agent)
    peer.push(b"".join(raw(ofp.OFPT_ECHO_REQUEST, xid=n) for n in range(10_000)))
    assert peer.conn.ready
    assert peer.conn.outbox.reply_bytes < 10_000
    assert not peer.conn.wants_data
    assert [reply.xid for reply in peer.replies()] == list(range(10_000))
    assert peer.conn.wants_data
