"""Handshake and single requests, each as a controller sees it."""

from __future__ import annotations

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.peer import DESC, Peer, build, messages, raw, read, switch
from triplane.dataplane.switch.state import AgentConfig

FRAME = bytes(range(60))
ACTIONS = [parser.OFPActionOutput(2)]


def hello(*versions: int, header: int = 4) -> bytes:
    bitmap = sum(1 << version for version in versions)
    return raw(ofp.OFPT_HELLO, b"\0\1\0\x08" + bitmap.to_bytes(4, "big"), version=header)


@pytest.mark.parametrize(
    "greeting",
    [
        hello(4),
        hello(1, 4, header=4),
        hello(1, 4, 5, header=5),
        raw(ofp.OFPT_HELLO),
        raw(ofp.OFPT_HELLO, version=6),  # without a bitmap: the smaller of both versions
        raw(ofp.OFPT_HELLO, bytes.fromhex("0009000841414141") + bytes.fromhex("0001000800000010")),  # unknown element
    ],
    ids=["bitmap", "older", "newer", "plain", "plain-newer", "unknown-element"],
)
def test_hello_agrees(greeting: bytes) -> None:
    peer = Peer(switch()[0], greeting)
    assert peer.conn.established
    assert isinstance(peer.one(parser.OFPEchoRequest(DESC, b"abc")), parser.OFPEchoReply)


@pytest.mark.parametrize(
    "greeting",
    [
        hello(1, header=4),
        hello(5, 6, header=6),
        raw(ofp.OFPT_HELLO, version=1),
        raw(ofp.OFPT_HELLO, b"\0\1\0\x02"),
        raw(ofp.OFPT_HELLO, b"\0\1"),
        raw(ofp.OFPT_FEATURES_REQUEST),
    ],
    ids=["bitmap-older", "bitmap-newer", "older", "element-too-short", "element-cut", "not-a-hello"],
)
def test_hello_incompatible_is_told_and_closed(greeting: bytes) -> None:
    peer = Peer(switch()[0], hello=b"")
    peer.push(greeting + raw(ofp.OFPT_BARRIER_REQUEST))
    first, error = map(read, messages(peer.drain()))
    assert isinstance(first, parser.OFPHello)
    assert [element.versions for element in first.elements] == [[4]]
    assert (error.type, error.code) == (ofp.OFPET_HELLO_FAILED, ofp.OFPHFC_INCOMPATIBLE)
    assert error.data.decode() == peer.conn.closing


def test_refused_hello_closes_without_reply() -> None:
    peer = Peer(switch()[0], hello=b"")
    peer.push(raw(ofp.OFPT_ERROR, bytes(4)))
    assert len(messages(peer.drain())) == 1
    assert peer.conn.closing


def test_features() -> None:
    reply = Peer(switch(AgentConfig(buffers=64))[0]).one(parser.OFPFeaturesRequest(DESC))
    assert (reply.datapath_id, reply.n_buffers, reply.n_tables, reply.auxiliary_id) == (0x1234, 64, 254, 0)
    wanted = ofp.OFPC_FLOW_STATS | ofp.OFPC_TABLE_STATS | ofp.OFPC_PORT_STATS
    assert reply.capabilities == wanted | ofp.OFPC_GROUP_STATS | ofp.OFPC_QUEUE_STATS
    assert reply.xid == 77


def test_config_is_set_and_read() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    assert peer.send(parser.OFPSetConfig(DESC, ofp.OFPC_FRAG_DROP, 200)) == []
    reply = peer.one(parser.OFPGetConfigRequest(DESC))
    assert (reply.flags, reply.miss_send_len, datapath.fragments) == (ofp.OFPC_FRAG_DROP, 200, ofp.OFPC_FRAG_DROP)
    other = Peer(agent).one(parser.OFPGetConfigRequest(DESC))
    assert (other.flags, other.miss_send_len) == (ofp.OFPC_FRAG_DROP, 128)


@pytest.mark.parametrize("flags", [ofp.OFPC_FRAG_REASM, 3, 4])
def test_config_with_bad_flags_changes_nothing(flags: int) -> None:
    peer = Peer(switch()[0])
    request = parser.OFPSetConfig(DESC, flags, 200)
    assert peer.error(request) == (ofp.OFPET_SWITCH_CONFIG_FAILED, ofp.OFPSCFC_BAD_FLAGS)
    reply = peer.one(parser.OFPGetConfigRequest(DESC))
    assert (reply.flags, reply.miss_send_len) == (0, 128)


def test_echo_returns_its_data() -> None:
    assert Peer(switch()[0]).one(parser.OFPEchoRequest(DESC, b"x" * 1000)).data == b"x" * 1000


def test_replies_keep_the_order_of_requests() -> None:
    peer = Peer(switch()[0])
    requests = b"".join(raw(ofp.OFPT_BARRIER_REQUEST, xid=n) + raw(ofp.OFPT_ECHO_REQUEST, xid=n) for n in range(50))
    replies = peer.send(requests)
    assert [reply.xid for reply in replies] == [n for n in range(50) for _ in range(2)]


def test_any_cut_of_the_stream_gives_the_same_replies() -> None:
    requests = b"".join(
        (
            build(parser.OFPEchoRequest(DESC, b"hello")),
            build(parser.OFPFlowMod(DESC, priority=3)),
            build(parser.OFPFlowMod(DESC, priority=4)),
            build(parser.OFPBarrierRequest(DESC)),
            build(parser.OFPDescStatsRequest(DESC, 0)),
        )
    )
    whole = Peer(switch()[0])
    whole.push(requests)
    expected = whole.drain()
    agent, datapath = switch()
    byte_by_byte = Peer(agent)
    for at in range(len(requests)):
        byte_by_byte.push(requests[at : at + 1])
    assert byte_by_byte.drain() == expected
    assert len(datapath.flows) == 2


def test_flow_mods_back_to_back_are_one_run() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    run = b"".join(build(parser.OFPFlowMod(DESC, priority=n), xid=n) for n in range(500))
    (reply,) = peer.send(run + build(parser.OFPBarrierRequest(DESC)))
    assert isinstance(reply, parser.OFPBarrierReply)
    assert len(datapath.flows) == 500
    assert len(datapath.runs) < 20


def test_flow_mod_errors_name_their_request() -> None:
    agent, datapath = switch()
    good = build(parser.OFPFlowMod(DESC, priority=1), xid=1)
    bad = build(parser.OFPFlowMod(DESC, table_id=255, match=parser.OFPMatch(in_port=1)), xid=2)
    short = raw(ofp.OFPT_FLOW_MOD, bytes(20), xid=3)
    first, second = Peer(agent).send(good, bad, short, good)
    assert (first.xid, first.type, first.code) == (2, ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_BAD_TABLE_ID)
    assert first.data == bad[:64]
    assert (second.xid, second.type, second.code) == (3, ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN)
    assert len(datapath.flows) == 1


def test_packet_out_with_data() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    assert peer.send(parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, 1, ACTIONS, FRAME)) == []
    ((in_port, actions, data),) = datapath.sent
    assert (in_port, data, len(actions)) == (1, FRAME, 16)


@pytest.mark.parametrize("in_port", [ofp.OFPP_CONTROLLER, ofp.OFPP_ANY, ofp.OFPP_LOCAL, 2])
def test_packet_out_takes_port(in_port: int) -> None:
    agent, datapath = switch()
    assert Peer(agent).send(parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, in_port, ACTIONS, FRAME)) == []
    assert datapath.sent[0][0] == in_port


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, 99, ACTIONS, FRAME), ofp.OFPBRC_BAD_PORT),
        (parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, ofp.OFPP_FLOOD, ACTIONS, FRAME), ofp.OFPBRC_BAD_PORT),
        (parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, 1, ACTIONS, b"short"), ofp.OFPBRC_BAD_PACKET),
        (parser.OFPPacketOut(DESC, 5, 1, ACTIONS), ofp.OFPBRC_BUFFER_UNKNOWN),
        (raw(ofp.OFPT_PACKET_OUT, b"\xff" * 4 + b"\0\0\0\1" + b"\0\x08" + bytes(6)), ofp.OFPBRC_BAD_LEN),
    ],
    ids=["no-such-port", "reserved-port", "no-frame", "no-such-buffer", "actions-past-end"],
)
def test_packet_out_refused(request_: object, code: int) -> None:
    agent, datapath = switch()
    assert Peer(agent).error(request_) == (ofp.OFPET_BAD_REQUEST, code)
    assert datapath.sent == []


def test_error_of_the_data_plane_is_passed_on() -> None:
    packet_out = parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, 1, [parser.OFPActionPopVlan()], FRAME)
    reply = Peer(switch()[0]).one(packet_out)
    assert (reply.type, reply.code, reply.xid) == (ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_TYPE, 77)
    assert reply.data == bytes(packet_out.buf)[:64]


def test_group_and_meter_mods_reach_the_data_plane() -> None:
    agent, datapath = switch()
    bucket = parser.OFPBucket(actions=ACTIONS)
    band = parser.OFPMeterBandDrop(100, 10)
    peer = Peer(agent)
    assert peer.send(parser.OFPGroupMod(DESC, ofp.OFPGC_ADD, ofp.OFPGT_ALL, 9, [bucket])) == []
    assert peer.send(parser.OFPMeterMod(DESC, ofp.OFPMC_ADD, ofp.OFPMF_KBPS, 7, [band])) == []
    assert [(item[:3], len(item[3])) for item in datapath.groups] == [((0, 0, 9), 32)]
    assert [(item[:3], len(item[3])) for item in datapath.meters] == [((0, 1, 7), 16)]


def port_mod(port_no: int = 1, hw_addr: str = "02:00:00:00:00:01", config: int = 1, advertise: int = 0) -> object:
    return parser.OFPPortMod(DESC, port_no, hw_addr, config, config, advertise)


def test_port_mod_is_told_once_to_every_controller() -> None:
    agent, datapath = switch()
    one, other = Peer(agent), Peer(agent)
    for reply in (one.one(port_mod()), *other.replies()):
        assert (reply.reason, reply.desc.port_no) == (ofp.OFPPR_MODIFY, 1)
        assert reply.desc.config == ofp.OFPPC_PORT_DOWN
    assert one.send(port_mod()) == []
    agent.port_changed(ofp.OFPPR_MODIFY, datapath.known[1])
    assert one.replies() == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (port_mod(port_no=9), ofp.OFPPMFC_BAD_PORT),
        (port_mod(hw_addr="02:00:00:00:00:02"), ofp.OFPPMFC_BAD_HW_ADDR),
        (port_mod(config=1 << 1), ofp.OFPPMFC_BAD_CONFIG),
        (port_mod(advertise=1 << 16), ofp.OFPPMFC_BAD_ADVERTISE),
    ],
    ids=["port", "hw_addr", "config", "advertise"],
)
def test_port_mod_refused(request_: object, code: int) -> None:
    agent, datapath = switch()
    assert Peer(agent).error(request_) == (ofp.OFPET_PORT_MOD_FAILED, code)
    assert datapath.known[1].config == 0


def test_table_mod() -> None:
    peer = Peer(switch()[0])
    assert peer.send(parser.OFPTableMod(DESC, 3, 3)) == []
    assert peer.send(parser.OFPTableMod(DESC, ofp.OFPTT_ALL, 0)) == []
    failed = ofp.OFPET_TABLE_MOD_FAILED
    assert peer.error(parser.OFPTableMod(DESC, 254, 0)) == (failed, ofp.OFPTMFC_BAD_TABLE)
    assert peer.error(parser.OFPTableMod(DESC, 0, 4)) == (failed, ofp.OFPTMFC_BAD_CONFIG)


def test_queue_get_config() -> None:
    peer = Peer(switch()[0])
    reply = peer.one(parser.OFPQueueGetConfigRequest(DESC, ofp.OFPP_ANY))
    (queue,) = reply.queues
    assert (queue.queue_id, queue.port) == (7, 1)
    assert [(item.property, item.rate) for item in queue.properties] == [(1, 100), (2, 0xFFFF)]
    failed = ofp.OFPET_QUEUE_OP_FAILED
    assert peer.error(parser.OFPQueueGetConfigRequest(DESC, 99)) == (failed, ofp.OFPQOFC_BAD_PORT)


def test_flow_removed_goes_to_those_who_want_it() -> None:
    agent, _ = switch()
    one, other = Peer(agent), Peer(agent)
    quiet = parser.OFPFlowMod(DESC, priority=1)
    told = parser.OFPFlowMod(DESC, priority=2, cookie=5, flags=ofp.OFPFF_SEND_FLOW_REM, hard_timeout=10)
    delete = parser.OFPFlowMod(DESC, command=ofp.OFPFC_DELETE)
    for message in (*one.send(quiet, told, delete), *other.replies()):
        assert isinstance(message, parser.OFPFlowRemoved)
        assert (message.cookie, message.priority, message.reason) == (5, 2, ofp.OFPRR_DELETE)


def test_flow_removed_when_its_time_has_come() -> None:
    agent, _ = switch()
    peer = Peer(agent)
    peer.send(parser.OFPFlowMod(DESC, flags=ofp.OFPFF_SEND_FLOW_REM, hard_timeout=4))
    agent.tick(3_900_000_000)
    assert peer.replies() == []
    agent.tick(4_100_000_000)
    (message,) = peer.replies()
    assert (message.reason, message.duration_sec, message.duration_nsec) == (ofp.OFPRR_HARD_TIMEOUT, 4, 100_000_000)


def test_port_status_of_a_new_port_makes_it_usable() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    info = datapath.known[3] = datapath.known[2]._replace(port_no=3, name="a-name-longer-than-15")
    agent.port_changed(ofp.OFPPR_ADD, info)
    (status,) = peer.replies()
    assert (status.reason, status.desc.port_no, status.desc.name) == (ofp.OFPPR_ADD, 3, b"a-name-longer-t")
    assert peer.send(parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, 3, ACTIONS, FRAME)) == []
    del datapath.known[3]
    agent.port_changed(ofp.OFPPR_DELETE, info)
    assert peer.replies()[0].reason == ofp.OFPPR_DELETE
    assert peer.error(parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, 3, ACTIONS, FRAME))[1] == ofp.OFPBRC_BAD_PORT


def test_silence_is_probed_and_then_ended() -> None:
    agent, _ = switch()
    peer = Peer(agent)
    agent.tick(4_900_000_000)
    assert peer.replies() == []
    agent.tick(5_000_000_000)
    (probe,) = peer.replies()
    assert isinstance(probe, parser.OFPEchoRequest)
    peer.now = 6_000_000_000
    peer.send(raw(ofp.OFPT_ECHO_REPLY))
    agent.tick(10_900_000_000)
    assert peer.replies() == []
    agent.tick(11_000_000_000)
    assert len(peer.replies()) == 1
    agent.tick(15_900_000_000)
    assert not peer.conn.closing
    agent.tick(16_000_000_000)
    assert peer.conn.closing
    assert peer.conn.aborting


def test_fail_mode_standalone_while_no_controller_is_there() -> None:
    agent, datapath = switch(AgentConfig(standalone=True))
    assert datapath.standalone
    silent = Peer(agent, hello=b"")
    assert datapath.standalone, "a connection that has not agreed on a version is no controller"
    one, other = Peer(agent), Peer(agent)
    assert not datapath.standalone
    agent.disconnected(one.conn, 0)
    agent.disconnected(silent.conn, 0)
    assert not datapath.standalone
    agent.disconnected(other.conn, 0)
    assert datapath.standalone


def test_fail_mode_secure_changes_nothing() -> None:
    agent, datapath = switch()
    agent.disconnected(Peer(agent).conn, 0)
    assert not datapath.standalone
