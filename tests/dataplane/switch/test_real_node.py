"""The agent over the real data plane: wire to arrays and back, without ports or workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.peer import DESC, HELLO, SECOND, Peer, build, messages, raw
from triplane.dataplane.node import Node
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.connection import Connection
from triplane.dataplane.switch.outbox import Limits
from triplane.dataplane.switch.state import Identity

FRAME = bytes.fromhex("ffffffffffff 020000000001 0806") + bytes(86)
TO_CONTROLLER = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def agent(node: Node) -> Iterator[Agent]:
    made = Agent(node, Identity(1))
    yield made
    peer = Peer(made)
    peer.send(delete_flows(), delete_groups(), delete_meters())
    node.packet_ins(1000)


def delete_flows() -> Any:
    anything = {"out_port": ofp.OFPP_ANY, "out_group": ofp.OFPG_ANY}
    return parser.OFPFlowMod(DESC, command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL, **anything)


def delete_groups() -> Any:
    return parser.OFPGroupMod(DESC, ofp.OFPGC_DELETE, ofp.OFPGT_ALL, ofp.OFPG_ALL)


def delete_meters() -> Any:
    return parser.OFPMeterMod(DESC, ofp.OFPMC_DELETE, 0, ofp.OFPM_ALL)


def flow(number: int, *actions: Any, **options: Any) -> Any:
    """A flow for one IPv4 destination."""
    match = parser.OFPMatch(eth_type=0x800, ipv4_dst=number)
    instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(actions))] if actions else []
    return parser.OFPFlowMod(DESC, match=match, instructions=instructions, **options)


def flow_count(peer: Peer) -> int:
    every = (0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, parser.OFPMatch())
    return int(peer.one(parser.OFPAggregateStatsRequest(DESC, *every)).body.flow_count)


def test_flows_are_told_as_they_were_sent(agent: Agent) -> None:
    peer = Peer(agent)
    sent = flow(0x0A000001, TO_CONTROLLER, cookie=7, priority=9, idle_timeout=30, flags=ofp.OFPFF_SEND_FLOW_REM)
    assert peer.send(sent, parser.OFPBarrierRequest(DESC))[0].msg_type == ofp.OFPT_BARRIER_REPLY
    peer.now = 3 * SECOND
    (stats,) = peer.one(parser.OFPFlowStatsRequest(DESC)).body
    assert (stats.cookie, stats.priority, stats.idle_timeout, stats.flags) == (7, 9, 30, ofp.OFPFF_SEND_FLOW_REM)
    assert (stats.duration_sec, stats.match["ipv4_dst"]) == (3, "10.0.0.1")
    assert stats.instructions[0].actions[0].max_len == ofp.OFPCML_NO_BUFFER


def test_errors_in_a_run_name_their_requests_and_the_rest_is_applied(agent: Agent) -> None:
    no_prerequisite = parser.OFPFlowMod(DESC, match=parser.OFPMatch(ipv4_dst="10.0.0.1"))
    no_group = flow(3, parser.OFPActionGroup(99))
    unknown_command = flow(4, command=9)
    run = [flow(1), no_prerequisite, flow(2), no_group, unknown_command, flow(5)]
    peer = Peer(agent)
    replies = peer.send(*(build(message, xid=number) for number, message in enumerate(run)))
    assert [(reply.xid, reply.type, reply.code) for reply in replies] == [
        (1, ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_PREREQ),
        (3, ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_OUT_GROUP),
        (4, ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_BAD_COMMAND),
    ]
    assert replies[0].data == bytes(no_prerequisite.buf)[:64]
    assert flow_count(peer) == 3


def test_flow_mod_of_another_version_is_not_applied(agent: Agent) -> None:
    peer = Peer(agent)
    foreign = bytearray(build(flow(2)))
    foreign[0] = 5
    (reply,) = peer.send(flow(1), bytes(foreign), flow(3))
    assert (reply.type, reply.code) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_VERSION)
    assert flow_count(peer) == 2


def test_dump_read_slowly_shows_the_tables_as_they_were_asked_for(agent: Agent) -> None:
    slow, other = Peer(agent, limits=Limits(reply_limit=70_000)), Peer(agent)
    run = b"".join(build(flow(number)) for number in range(5000))
    other.send(run)
    slow.push(build(parser.OFPFlowStatsRequest(DESC)))
    other.send(delete_flows(), b"".join(build(flow(number)) for number in range(10_000, 12_000)))
    told = {stats.match["ipv4_dst"] for reply in slow.replies() for stats in reply.body}
    assert len(told) == 5000
    assert "0.0.19.135" in told
    assert flow_count(other) == 2000


def test_flow_removed_by_time_command_and_group(agent: Agent) -> None:
    peer = Peer(agent)
    bucket = parser.OFPBucket(actions=[TO_CONTROLLER])
    peer.send(parser.OFPGroupMod(DESC, ofp.OFPGC_ADD, ofp.OFPGT_INDIRECT, 5, [bucket]))
    tell = {"flags": ofp.OFPFF_SEND_FLOW_REM}
    peer.send(flow(1, hard_timeout=2, **tell), flow(2, parser.OFPActionGroup(5), **tell), flow(3, **tell), flow(4))
    agent.tick(2 * SECOND)
    (by_time,) = peer.replies()
    (by_group,) = peer.send(delete_groups())
    (by_command,) = peer.send(delete_flows())
    assert [message.reason for message in (by_time, by_group, by_command)] == [
        ofp.OFPRR_HARD_TIMEOUT,
        ofp.OFPRR_GROUP_DELETE,
        ofp.OFPRR_DELETE,
    ]
    assert [message.match["ipv4_dst"] for message in (by_time, by_group, by_command)] == [
        "0.0.0.1",
        "0.0.0.2",
        "0.0.0.3",
    ]


def test_packet_out_through_the_tables_comes_back_and_its_buffer_too(agent: Agent) -> None:
    peer = Peer(agent)
    miss = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [parser.OFPActionOutput(ofp.OFPP_CONTROLLER, 20)])]
    peer.send(parser.OFPFlowMod(DESC, priority=0, cookie=0xC0, instructions=miss))
    through = [parser.OFPActionOutput(ofp.OFPP_TABLE)]
    peer.send(parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, through, FRAME))
    agent.poll_packet_ins(0)
    (message,) = peer.replies()
    assert (message.cookie, message.data, message.total_len) == (0xC0, FRAME[:20], len(FRAME))
    peer.send(parser.OFPPacketOut(DESC, message.buffer_id, ofp.OFPP_CONTROLLER, [TO_CONTROLLER]))
    agent.poll_packet_ins(0)
    (whole,) = peer.replies()
    assert (whole.data, whole.reason) == (FRAME, ofp.OFPR_ACTION)


def test_group_and_meter_errors_are_passed_on(agent: Agent) -> None:
    peer = Peer(agent)
    bucket = parser.OFPBucket(actions=[TO_CONTROLLER])
    add = parser.OFPGroupMod(DESC, ofp.OFPGC_ADD, ofp.OFPGT_ALL, 1, [bucket])
    assert peer.send(add) == []
    assert peer.error(add) == (ofp.OFPET_GROUP_MOD_FAILED, ofp.OFPGMFC_GROUP_EXISTS)
    meter = parser.OFPMeterMod(DESC, ofp.OFPMC_MODIFY, ofp.OFPMF_KBPS, 9, [parser.OFPMeterBandDrop(1, 1)])
    assert peer.error(meter) == (ofp.OFPET_METER_MOD_FAILED, ofp.OFPMMFC_UNKNOWN_METER)


SAMPLES = [
    build(flow(1, TO_CONTROLLER)),
    build(delete_flows()),
    build(parser.OFPGroupMod(DESC, ofp.OFPGC_ADD, ofp.OFPGT_SELECT, 3, [parser.OFPBucket(1, actions=[TO_CONTROLLER])])),
    build(parser.OFPMeterMod(DESC, ofp.OFPMC_ADD, ofp.OFPMF_KBPS, 1, [parser.OFPMeterBandDrop(1, 1)])),
    build(parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, [TO_CONTROLLER], FRAME)),
    build(parser.OFPFlowStatsRequest(DESC)),
    build(parser.OFPQueueStatsRequest(DESC, 0, ofp.OFPP_ANY, ofp.OFPQ_ALL)),
    build(parser.OFPMeterStatsRequest(DESC, 0, ofp.OFPM_ALL)),
    build(parser.OFPGroupStatsRequest(DESC, 0, ofp.OFPG_ALL)),
    build(parser.OFPPortMod(DESC, 1, "02:00:00:00:00:01", 0, 0)),
]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(8, 200), st.integers(0, 255)), max_size=6),
    st.integers(0, 80),
)
@example(SAMPLES[0], [], 79)
def test_mangled_requests_are_answered_and_the_switch_goes_on(
    agent: Agent, sample: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    body = bytearray(sample)
    for at, value in changes:
        body[at % len(body)] = value
    body[0], body[1] = 4, sample[1]
    mangled = body[: max(8, len(body) - cut)]
    mangled[2:4] = len(mangled).to_bytes(2, "big")
    conn = Connection("fuzz")
    agent.connected(conn, 0)
    agent.received(conn, HELLO + bytes(mangled) + raw(ofp.OFPT_BARRIER_REQUEST, xid=0xB0), 0)
    assert messages(agent.outgoing(conn, 0))[-1] == raw(ofp.OFPT_BARRIER_REPLY, xid=0xB0)
    agent.disconnected(conn, 0)
