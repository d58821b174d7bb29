"""Nicira's messages: packet-ins in three formats, and what versions other than 1.0 take of the rest."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from os_ken.ofproto import nicira_ext as nx
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import DESC, HELLO, Peer, messages, raw, switch
from tests.dataplane.switch.test_v1_0 import D, Peer10
from tests.fuzz import nicira_seeds
from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.node import Node
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_0_parser as parser10
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.datapath import NO_COOKIE, PacketIn
from triplane.dataplane.switch.state import AgentConfig, Identity
from triplane.dataplane.tables.punts import packet_match

FRAME = bytes(range(256)) * 2
REGISTERS = (7 << 32, 5 << 32 | 6, *[0] * 7)
MATCH = packet_match(0xFFFFFFFE, 3, 1 << 60, 9, REGISTERS)
NICIRA = 0x2320
REQUEST = ofp.OFPET_BAD_REQUEST


def both(versions: tuple[int, ...] = (1, 4)) -> tuple[Agent, Double]:
    return switch(AgentConfig(versions=versions))


def packet(**changes: Any) -> PacketIn:
    whole = PacketIn(ofp.OFPR_ACTION, 3, 0xC00C1E, 0xFFFFFFFE, ofp.OFPCML_NO_BUFFER, MATCH, FRAME)
    return whole._replace(**changes)


def arrive(agent: Agent, datapath: Double, *packets: PacketIn) -> None:
    datapath.waiting += packets
    while agent.poll_packet_ins(0):
        pass


def shown_in_1_0(kind: int, **changes: Any) -> Any:
    agent, datapath = both()
    peer = Peer10(agent)
    assert peer.send(parser10.NXTSetPacketInFormat(D, kind)) == []
    arrive(agent, datapath, packet(**changes))
    (message,) = messages(peer.drain())
    return codec.parse(1, message, D)


def test_a_packet_in_of_nicira_in_1_0() -> None:
    told = shown_in_1_0(ofp10.NXPIF_NXM).data
    assert type(told).__name__ == "NXTPacketIn"
    assert (told.table_id, told.cookie, told.reason, told.total_len) == (3, 0xC00C1E, ofp10.OFPR_ACTION, 512)
    fields = {"in_port_nxm": 0xFFFE, "metadata": 1 << 60, "tunnel_id_nxm": 9, "reg0": 5, "reg1": 6, "pkt_mark": 7}
    assert dict(told.match.items()) == fields
    assert (told.buffer_id, told.frame) == (ofp10.OFP_NO_BUFFER, (bytes(2) + FRAME)[:512]), "as Ryu reads it"


@pytest.mark.parametrize("kind", [nx.NXPIF_NXM, 2])
def test_how_much_of_a_packet_is_shown_and_where_the_rest_is(kind: int) -> None:
    vendor = shown_in_1_0(kind, max_len=64)
    size = len(vendor.buf)
    assert FRAME[:64] in vendor.buf
    assert FRAME[:65] not in vendor.buf
    whole = shown_in_1_0(kind, max_len=64, data=FRAME[:60])
    assert len(whole.buf) <= size
    assert len(shown_in_1_0(kind, data=bytes(70_000)).buf) in range(0xFFFF - 24, 0x10000)


@pytest.mark.parametrize("version", [4, 5, 6])
def test_a_packet_in2(version: int) -> None:
    agent, datapath = both((version,))
    peer = Peer(agent, bytes((version,)) + HELLO[1:])
    arrive(agent, datapath, packet())
    (plain,) = messages(peer.drain())
    assert plain[1] == ofp.OFPT_PACKET_IN
    peer.push(raw(ofp.OFPT_EXPERIMENTER, NICIRA.to_bytes(4) + bytes.fromhex("00000010 00000002"), version=version))
    arrive(agent, datapath, packet(), packet(max_len=64, cookie=NO_COOKIE))
    whole, part = (codec.parse(version, message) for message in messages(peer.drain()))
    assert (whole.data, whole.total_len, whole.buffer_id) == (FRAME, 512, None)
    assert (whole.table_id, whole.cookie, whole.reason) == (3, 0xC00C1E, ofp.OFPR_ACTION)
    assert whole.metadata == MATCH[4 : int.from_bytes(MATCH[2:4])]
    assert (part.data, part.total_len, part.cookie) == (FRAME[:64], 512, None)
    assert part.buffer_id == 256
    assert bytes(whole.serialize()) == bytes(whole._pack())


def test_os_ken_reads_it_too() -> None:
    """But for the cookie, whose padding it takes for its upper half, and a length that counts the property's head."""
    agent, datapath = both()
    peer = Peer(agent)
    assert peer.send(parser.NXTSetPacketInFormatMsg(DESC, 2)) == []
    arrive(agent, datapath, packet())
    (told,) = peer.replies()
    assert (type(told).__name__, told.data, told.table_id, told.reason) == ("NXTPacketIn2", FRAME, 3, ofp.OFPR_ACTION)
    assert told.total_len == 512 + 4


def test_each_controller_has_its_format() -> None:
    agent, datapath = both()
    peers = [Peer(agent), Peer(agent), Peer(agent), Peer10(agent)]
    for peer, kind in zip(peers, (0, 1, 2), strict=False):
        peer.send(parser.NXTSetPacketInFormatMsg(DESC, kind))  # type: ignore[union-attr]
    arrive(agent, datapath, packet())
    kinds = [(message[1], message[12:16].hex()) for peer in peers for message in messages(peer.drain())]
    assert [kind for kind, _ in kinds] == [ofp.OFPT_PACKET_IN, 4, 4, ofp.OFPT_PACKET_IN]
    assert [subtype for kind, subtype in kinds if kind == 4] == ["00000011", "0000001e"]


def test_a_format_that_is_not_there_changes_nothing() -> None:
    agent, _ = both()
    peer = Peer(agent)
    peer.send(parser.NXTSetPacketInFormatMsg(DESC, 1))
    assert peer.error(parser.NXTSetPacketInFormatMsg(DESC, 3)) == (REQUEST, ofp.OFPBRC_EPERM)
    short = raw(ofp.OFPT_EXPERIMENTER, NICIRA.to_bytes(4) + bytes.fromhex("00000010 0000"))
    assert peer.error(short) == (REQUEST, ofp.OFPBRC_BAD_LEN)
    assert peer.error(parser.OFPExperimenter(DESC, NICIRA, 999, b"")) == (REQUEST, ofp.OFPBRC_BAD_EXP_TYPE)
    assert peer.conn.packet_in_format == 1
    assert peer.conn.errors == 3


SUBTYPES = {  # of requests that Open vSwitch takes in every version, and their bodies
    nx.NXT_SET_ASYNC_CONFIG: bytes(24),
    nx.NXT_SET_CONTROLLER_ID: bytes(8),
    nx.NXT_SET_PACKET_IN_FORMAT: bytes(4),
    nx.NXT_FLOW_MOD_TABLE_ID: bytes(8),
    nx.NXT_FLOW_AGE: b"",
}


@pytest.mark.parametrize("version", [1, 3, 4, 5, 6])
def test_messages_of_every_version(version: int) -> None:
    """Each is taken without an answer, and refused if it is a byte too long."""
    agent, _ = both((version,))
    peer = Peer(agent, bytes((version,)) + HELLO[1:])
    for subtype, body in SUBTYPES.items():
        head = NICIRA.to_bytes(4) + subtype.to_bytes(4)
        peer.push(raw(4, head + body, version=version))
        assert (subtype, peer.drain()) == (subtype, b"")
        peer.push(raw(4, head + body + b"\0", version=version))
        assert peer.drain()[8:12] == bytes((0, REQUEST, 0, ofp.OFPBRC_BAD_LEN))
    peer.push(raw(4, NICIRA.to_bytes(4) + bytes.fromhex("0000000a 00000002"), version=version))
    assert peer.drain()[8:] == NICIRA.to_bytes(4) + bytes.fromhex("0000000b 00000002")
    assert peer.conn.role == ofp.OFPCR_ROLE_SLAVE


def test_asynchronous_messages_that_nicira_does_not_name_stay_as_they_were() -> None:
    agent, _ = both((5,))
    peer = Peer(agent, b"\5" + HELLO[1:])
    before = dict(peer.conn.async_config.masks)
    peer.push(raw(4, NICIRA.to_bytes(4) + (19).to_bytes(4) + (1).to_bytes(4) + bytes(20), version=5))
    assert peer.conn.async_config.masks == {**before, 10: (1, 0), 12: (0, 0), 11: (0, 0)}


def test_what_has_gone_is_told_with_nicira_s_fields_once_those_were_asked_for() -> None:
    agent, _ = both()
    plain, nicira, other = Peer10(agent), Peer10(agent), Peer(agent)
    nicira.send(parser10.NXTSetFlowFormat(D, ofp10.NXFF_NXM))
    match = parser.OFPMatch(reg0=5, vlan_vid=0)
    other.send(parser.OFPFlowMod(DESC, match=match, flags=1, cookie=9, idle_timeout=4, priority=7))
    (third,) = other.send(parser.OFPFlowMod(DESC, command=ofp.OFPFC_DELETE, table_id=255))
    (first,), (second,) = plain.drain_all(), nicira.drain_all()
    assert (type(first).__name__, type(third).__name__) == ("OFPFlowRemoved", "OFPFlowRemoved")
    gone = second.data
    assert (type(gone).__name__, gone.cookie, gone.priority, gone.reason) == ("NXTFlowRemoved", 9, 7, 2)
    assert (gone.idle_timeout, dict(gone.match.items())) == (4, {"reg0": 5, "vlan_tci": 0})
    assert second.buf[27] == 1, "the table, plus one"
    nicira.send(parser10.NXTSetFlowFormat(D, ofp10.NXFF_OPENFLOW10))
    assert nicira.conn.version.wire is plain.conn.version.wire


def damaged(r: Random, message: bytes) -> bytes:
    """Some bytes are others, some are missing or too many; the header still says what it is and how long."""
    body = bytearray(message[8:])
    for _ in range(r.randrange(1, 4)):
        if body:
            body[r.randrange(len(body))] = r.choice([0, 1, 4, 7, 8, 16, 0x7F, 0x80, 0xFE, 0xFF])
    cut = r.choice([0, 0, 0, 1, 8, r.randrange(len(body) + 1)])
    body = body[: len(body) - cut] + bytes(r.choice([0, 0, 0, 1, 8]))
    return message[:2] + (8 + len(body)).to_bytes(2) + message[4:8] + bytes(body)


def test_whatever_messages_say_the_switch_goes_on() -> None:
    """What is refused is answered with an error, of the request's transaction, and counted."""
    r, node = Random(3), Node()
    seeds = nicira_seeds.requests()
    for _ in range(2 if INTERPRETED else 20):
        agent = Agent(node, Identity(7), AgentConfig(versions=(1,)))
        peer, errors = Peer10(agent), 0
        for _ in range(100):
            for reply in peer.exchange(damaged(r, r.choice(seeds))):
                errors += reply[1] == ofp10.OFPT_ERROR
        assert peer.conn.errors == errors
        assert [reply[1] for reply in peer.exchange(raw(18, version=1))][-1] == ofp10.OFPT_BARRIER_REPLY
        agent.disconnected(peer.conn, 0)
    node.close()
