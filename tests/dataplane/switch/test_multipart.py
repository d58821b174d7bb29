"""Multipart requests: every type's reply, splitting, and reassembly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.peer import DESC, SECOND, Peer, build, messages, raw, switch
from triplane.dataplane.switch.state import AgentConfig

BAD_REQUEST = ofp.OFPET_BAD_REQUEST


def part(kind: int, body: bytes = b"", more: bool = False, xid: int = 77) -> bytes:
    return raw(ofp.OFPT_MULTIPART_REQUEST, kind.to_bytes(2, "big") + bytes((0, more)) + bytes(4) + body, xid)


def body_of(request: Any) -> Any:
    reply = Peer(switch()[0]).one(request)
    assert reply.flags == 0
    return reply.body


def test_desc() -> None:
    desc = body_of(parser.OFPDescStatsRequest(DESC, 0))
    assert (desc.mfr_desc, desc.serial_num) == (b"Triplane", b"None")


def test_flow_stats_are_the_entries() -> None:
    agent, _ = switch()
    peer = Peer(agent)
    match = parser.OFPMatch(eth_type=0x800, ipv4_dst="10.0.0.1")
    instructions = [parser.OFPInstructionGotoTable(3)]
    peer.send(parser.OFPFlowMod(DESC, cookie=9, table_id=1, priority=7, match=match, instructions=instructions))
    peer.now = 3 * SECOND + 5
    (stats,) = peer.one(parser.OFPFlowStatsRequest(DESC)).body
    assert (stats.cookie, stats.table_id, stats.priority) == (9, 1, 7)
    assert (stats.duration_sec, stats.duration_nsec) == (3, 5)
    assert stats.match["ipv4_dst"] == "10.0.0.1"
    assert stats.instructions[0].table_id == 3
    assert peer.one(parser.OFPFlowStatsRequest(DESC, table_id=0)).body == []
    every = (0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, parser.OFPMatch())
    assert peer.one(parser.OFPAggregateStatsRequest(DESC, *every)).body.flow_count == 1


def test_table_stats() -> None:
    tables = body_of(parser.OFPTableStatsRequest(DESC, 0))
    assert [table.table_id for table in tables] == list(range(254))


def test_port_stats() -> None:
    peer = Peer(switch()[0])
    both = peer.one(parser.OFPPortStatsRequest(DESC, 0, ofp.OFPP_ANY)).body
    (second,) = peer.one(parser.OFPPortStatsRequest(DESC, 0, 2)).body
    assert [stats.port_no for stats in both] == [1, 2]
    assert (second.rx_packets, second.tx_bytes, second.tx_errors, second.collisions) == (1, 4, 8, 0)
    assert (second.duration_sec, second.duration_nsec) == (9, 10)
    assert peer.error(parser.OFPPortStatsRequest(DESC, 0, 99)) == (BAD_REQUEST, ofp.OFPBRC_BAD_PORT)


def test_queue_stats() -> None:
    peer = Peer(switch()[0])
    (queue,) = peer.one(parser.OFPQueueStatsRequest(DESC, 0, ofp.OFPP_ANY, ofp.OFPQ_ALL)).body
    assert (queue.port_no, queue.queue_id, queue.tx_bytes, queue.tx_packets, queue.tx_errors) == (1, 7, 10, 20, 30)
    assert (queue.duration_sec, queue.duration_nsec) == (1, 500_000_000)
    failed = ofp.OFPET_QUEUE_OP_FAILED
    assert peer.error(parser.OFPQueueStatsRequest(DESC, 0, 1, 8)) == (failed, ofp.OFPQOFC_BAD_QUEUE)
    assert peer.error(parser.OFPQueueStatsRequest(DESC, 0, 99, 7)) == (failed, ofp.OFPQOFC_BAD_PORT)


def test_groups_and_meters() -> None:
    peer = Peer(switch()[0])
    bucket = parser.OFPBucket(actions=[parser.OFPActionOutput(1)])
    peer.send(parser.OFPGroupMod(DESC, ofp.OFPGC_ADD, ofp.OFPGT_SELECT, 4, [bucket]))
    peer.send(parser.OFPMeterMod(DESC, ofp.OFPMC_ADD, ofp.OFPMF_PKTPS, 6, [parser.OFPMeterBandDrop(10, 1)]))
    assert peer.one(parser.OFPGroupStatsRequest(DESC, 0, ofp.OFPG_ALL)).body[0].group_id == 4
    assert peer.one(parser.OFPGroupDescStatsRequest(DESC, 0)).body[0].buckets[0].actions[0].port == 1
    assert peer.one(parser.OFPGroupFeaturesStatsRequest(DESC, 0)).body.types == 15
    assert peer.one(parser.OFPMeterStatsRequest(DESC, 0, ofp.OFPM_ALL)).body[0].meter_id == 6
    assert peer.one(parser.OFPMeterConfigStatsRequest(DESC, 0, ofp.OFPM_ALL)).body[0].bands[0].rate == 10
    assert peer.one(parser.OFPMeterFeaturesStatsRequest(DESC, 0)).body[0].max_meter == 1000


def test_port_desc() -> None:
    ports = body_of(parser.OFPPortDescStatsRequest(DESC, 0))
    assert (ports[0].port_no, ports[0].hw_addr, ports[0].name) == (1, "02:00:00:00:00:01", b"port1")
    assert (ports[1].state, ports[1].curr_speed) == (ofp.OFPPS_LIVE, 10_000_000)


def test_long_reply_is_split() -> None:
    agent, _ = switch()
    peer = Peer(agent)
    flows = b"".join(build(parser.OFPFlowMod(DESC, priority=n)) for n in range(3000))
    replies = peer.send(flows, parser.OFPFlowStatsRequest(DESC), raw(ofp.OFPT_BARRIER_REQUEST))
    assert isinstance(replies.pop(), parser.OFPBarrierReply)
    assert [reply.flags for reply in replies] == [ofp.OFPMPF_REPLY_MORE] * (len(replies) - 1) + [0]
    assert [stats.priority for reply in replies for stats in reply.body] == list(range(3000))
    assert all(first.msg_len + 56 > 0xFFFF for first, _ in pairwise(replies)), "no message was cut early"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (part(14), (BAD_REQUEST, ofp.OFPBRC_BAD_MULTIPART)),
        (part(ofp.OFPMP_EXPERIMENTER, bytes(8)), (BAD_REQUEST, ofp.OFPBRC_BAD_EXPERIMENTER)),
        (part(ofp.OFPMP_EXPERIMENTER, bytes(4)), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_DESC, bytes(8)), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_TABLE, bytes(8)), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_PORT_DESC, bytes(8)), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_PORT_STATS, bytes(4)), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_QUEUE), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_GROUP, bytes(16)), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_METER), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_FLOW, bytes(32)), (BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (part(ofp.OFPMP_FLOW, b"\xfe" + bytes(39)), (BAD_REQUEST, ofp.OFPBRC_BAD_TABLE_ID)),
        (part(ofp.OFPMP_FLOW, bytes(40)), (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_TYPE)),
        (part(ofp.OFPMP_FLOW, bytes(32) + b"\0\1\0\3" + bytes(4)), (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN)),
        (part(ofp.OFPMP_AGGREGATE, bytes(32) + b"\0\1\0\x10" + bytes(4)), (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN)),
    ],
)
def test_refused(request_: bytes, error: tuple[int, int]) -> None:
    assert Peer(switch()[0]).error(request_) == error


def test_request_in_parts() -> None:
    peer = Peer(switch()[0])
    match = bytes.fromhex("00010004") + bytes(4)
    head = b"\xff" + bytes(3) + b"\xff" * 8 + bytes(20)
    assert peer.send(part(ofp.OFPMP_AGGREGATE, head, more=True, xid=5)) == []
    assert peer.one(raw(ofp.OFPT_ECHO_REQUEST)).msg_type == ofp.OFPT_ECHO_REPLY
    assert peer.send(part(ofp.OFPMP_AGGREGATE, head, more=True, xid=6)) == []
    assert peer.one(part(ofp.OFPMP_AGGREGATE, match, xid=5)).body.flow_count == 0
    assert peer.one(part(ofp.OFPMP_AGGREGATE, match, xid=6)).xid == 6


def test_parts_of_different_types_are_refused() -> None:
    peer = Peer(switch()[0])
    peer.send(part(ofp.OFPMP_FLOW, more=True))
    assert peer.error(part(ofp.OFPMP_TABLE)) == (BAD_REQUEST, ofp.OFPBRC_BAD_MULTIPART)
    peer.send(part(ofp.OFPMP_FLOW, more=True))
    assert peer.error(part(ofp.OFPMP_TABLE, more=True)) == (BAD_REQUEST, ofp.OFPBRC_BAD_MULTIPART)


def test_parts_take_bounded_memory() -> None:
    peer = Peer(switch(AgentConfig(multipart_limit=100_000, multipart_sequences=3))[0])
    overflow = (BAD_REQUEST, ofp.OFPBRC_MULTIPART_BUFFER_OVERFLOW)
    assert peer.send(part(ofp.OFPMP_FLOW, bytes(60_000), more=True)) == []
    assert peer.error(part(ofp.OFPMP_FLOW, bytes(60_000), more=True)) == overflow
    for xid in (1, 2, 3):
        assert peer.send(part(ofp.OFPMP_FLOW, more=True, xid=xid)) == []
    assert peer.error(part(ofp.OFPMP_FLOW, more=True, xid=4)) == overflow
    assert set(peer.conn.pieces) == {1, 2, 3}


def test_no_message_exceeds_its_length_field() -> None:
    agent, _ = switch(ports=200)
    peer = Peer(agent)
    every_port = part(ofp.OFPMP_PORT_STATS, b"\xff" * 4 + bytes(4))
    for request in (part(ofp.OFPMP_TABLE_FEATURES), part(ofp.OFPMP_PORT_DESC), every_port):
        peer.push(request)
        assert messages(peer.drain())
