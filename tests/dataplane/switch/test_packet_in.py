"""Packet-ins: reasons, filters, what is shown and what is kept in a buffer."""

from __future__ import annotations

from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import DESC, SECOND, Peer, role_request, switch
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.datapath import PacketIn
from triplane.dataplane.switch.state import AgentConfig

FRAME = bytes(range(256)) * 2
IN_PORT_1 = bytes.fromhex("0001000c 80000004 00000001 00000000")
NO_BUFFER = ofp.OFPCML_NO_BUFFER


def packet(reason: int = ofp.OFPR_ACTION, max_len: int = NO_BUFFER, data: bytes = FRAME) -> PacketIn:
    return PacketIn(reason, 3, 0xC00C1E, 1, max_len, IN_PORT_1, data)


def arrive(agent: Agent, datapath: Double, *packets: PacketIn, now: int = 0) -> None:
    datapath.waiting += packets
    while agent.poll_packet_ins(now):
        pass


def shown(max_len: int, data: bytes = FRAME) -> Any:
    agent, datapath = switch()
    peer = Peer(agent)
    arrive(agent, datapath, packet(max_len=max_len, data=data))
    (message,) = peer.replies()
    return message


def test_fields() -> None:
    message = shown(NO_BUFFER)
    assert (message.reason, message.table_id, message.cookie) == (ofp.OFPR_ACTION, 3, 0xC00C1E)
    assert (message.match["in_port"], message.total_len, message.data) == (1, len(FRAME), FRAME)
    assert message.buffer_id == ofp.OFP_NO_BUFFER


@pytest.mark.parametrize(
    ("max_len", "length", "kept"),
    [
        (NO_BUFFER, 512, False),
        (512, 512, False),
        (600, 512, False),
        (511, 511, True),
        (64, 64, True),
        (0, 0, True),
        (-1, 128, True),  # miss_send_len
    ],
)
def test_how_much_is_shown(max_len: int, length: int, kept: bool) -> None:
    message = shown(max_len)
    assert (message.data, message.total_len) == (FRAME[:length], 512)
    assert (message.buffer_id != ofp.OFP_NO_BUFFER) == kept


def test_frame_longer_than_a_message() -> None:
    message = shown(NO_BUFFER, bytes(70_000))
    assert (message.msg_len, message.total_len) == (0xFFFF, 0xFFFF)


def test_miss_send_len_is_each_controllers_own_and_the_buffer_is_shared() -> None:
    agent, datapath = switch()
    one, other, whole = Peer(agent), Peer(agent), Peer(agent)
    one.send(parser.OFPSetConfig(DESC, 0, 10))
    other.send(parser.OFPSetConfig(DESC, 0, 20))
    whole.send(parser.OFPSetConfig(DESC, 0, NO_BUFFER))
    arrive(agent, datapath, packet(max_len=-1))
    (first,), (second,), (third,) = one.replies(), other.replies(), whole.replies()
    assert (len(first.data), len(second.data), len(third.data)) == (10, 20, 512)
    assert first.buffer_id == second.buffer_id != ofp.OFP_NO_BUFFER == third.buffer_id


def test_buffer_is_sent_once() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    arrive(agent, datapath, packet(max_len=64))
    buffer_id = peer.replies()[0].buffer_id
    packet_out = parser.OFPPacketOut(DESC, buffer_id, 1, [parser.OFPActionOutput(2)])
    assert peer.send(packet_out) == []
    assert datapath.sent[0][2] == FRAME
    assert peer.error(packet_out) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BUFFER_EMPTY)


def test_buffer_stays_when_the_packet_out_fails() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    arrive(agent, datapath, packet(max_len=64))
    buffer_id = peer.replies()[0].buffer_id
    bad = parser.OFPPacketOut(DESC, buffer_id, 1, [parser.OFPActionPopVlan()])
    assert peer.error(bad) == (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_TYPE)
    assert peer.send(parser.OFPPacketOut(DESC, buffer_id, 1, [])) == []
    assert len(datapath.sent) == 1


def test_flow_mod_releases_a_buffer_into_the_pipeline() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    arrive(agent, datapath, packet(max_len=64))
    buffer_id = peer.replies()[0].buffer_id
    flow_mod = parser.OFPFlowMod(DESC, buffer_id=buffer_id)
    assert peer.send(flow_mod) == []
    ((in_port, actions, data),) = datapath.sent
    assert (in_port, data) == (1, FRAME)
    assert parser.OFPAction.parser(actions, 0).port == ofp.OFPP_TABLE
    reply = peer.one(flow_mod)
    assert (reply.type, reply.code, reply.xid) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BUFFER_EMPTY, 77)
    assert len(datapath.flows) == 1, "the entry is added, as by a flow-mod and a packet-out apart"


def test_packets_travel_whole_when_buffers_are_taken() -> None:
    agent, datapath = switch(AgentConfig(buffers=4))
    peer = Peer(agent)
    arrive(agent, datapath, *(packet(max_len=64) for _ in range(6)))
    assert [len(message.data) for message in peer.replies()] == [64] * 4 + [512] * 2
    peer.now = 6 * SECOND
    arrive(agent, datapath, packet(max_len=64), now=peer.now)
    (message,) = peer.replies()
    assert len(message.data) == 64
    assert peer.error(parser.OFPPacketOut(DESC, message.buffer_id - 4, 1, []))[1] == ofp.OFPBRC_BUFFER_UNKNOWN


def test_switch_without_buffers() -> None:
    agent, datapath = switch(AgentConfig(buffers=0))
    peer = Peer(agent)
    arrive(agent, datapath, packet(max_len=64))
    assert len(peer.replies()[0].data) == 512
    assert peer.one(parser.OFPFeaturesRequest(DESC)).n_buffers == 0
    assert peer.error(parser.OFPPacketOut(DESC, 0, 1, []))[1] == ofp.OFPBRC_BUFFER_UNKNOWN


def test_default_filters() -> None:
    agent, datapath = switch()
    equal, slave, stranger = Peer(agent), Peer(agent), Peer(agent, hello=b"")
    slave.send(role_request(ofp.OFPCR_ROLE_SLAVE, 1))
    stranger.drain()
    arrive(agent, datapath, *(packet(reason) for reason in (ofp.OFPR_NO_MATCH, ofp.OFPR_ACTION, ofp.OFPR_INVALID_TTL)))
    assert [message.reason for message in equal.replies()] == [ofp.OFPR_NO_MATCH, ofp.OFPR_ACTION]
    assert slave.replies() == stranger.replies() == []
    agent.port_changed(ofp.OFPPR_DELETE, datapath.known[2])
    assert [len(peer.replies()) for peer in (equal, slave, stranger)] == [1, 1, 0]
    assert agent.switch.unwanted[ofp.OFPR_INVALID_TTL] == 1


def test_async_config_is_kept_for_each_role() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    wanted = parser.OFPSetAsync(DESC, [4, 2], [0, 7], [0, 4])
    wanted_masks = ([4, 2], [0, 7], [0, 4])
    assert peer.send(wanted) == []
    told = peer.one(parser.OFPGetAsyncRequest(DESC))
    assert (told.packet_in_mask, told.port_status_mask, told.flow_removed_mask) == wanted_masks
    packets = [packet(reason) for reason in (ofp.OFPR_NO_MATCH, ofp.OFPR_ACTION, ofp.OFPR_INVALID_TTL)]
    arrive(agent, datapath, *packets)
    assert [message.reason for message in peer.replies()] == [ofp.OFPR_INVALID_TTL]
    peer.send(role_request(ofp.OFPCR_ROLE_SLAVE, 1))
    arrive(agent, datapath, *packets)
    assert [message.reason for message in peer.replies()] == [ofp.OFPR_ACTION]


NICIRA = 0x2320
SET_CONTROLLER_ID = 20


def test_a_packet_for_a_controller_goes_to_who_is_called_that() -> None:
    agent, datapath = switch()
    one, other = Peer(agent), Peer(agent)
    one.send(parser.OFPExperimenter(DESC, NICIRA, SET_CONTROLLER_ID, bytes(6) + (7).to_bytes(2)))
    arrive(agent, datapath, packet(data=b"a" * 60), packet(data=b"b" * 60)._replace(controller=7))
    assert [message.data[:1] for message in one.replies()] == [b"b"]
    assert [message.data[:1] for message in other.replies()] == [b"a"]
