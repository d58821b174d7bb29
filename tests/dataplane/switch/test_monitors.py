"""Flow monitors, as a controller of OpenFlow 1.4 meets them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3_parser as parser13
from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import DESC as DESC13
from tests.dataplane.switch.peer import SECOND, Peer, build, raw, switch
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.outbox import Limits
from triplane.dataplane.switch.state import AgentConfig

DESC = ProtocolDesc(version=ofp.OFP_VERSION)
CHANGES = ofp.OFPFMF_ADD | ofp.OFPFMF_REMOVED | ofp.OFPFMF_MODIFY
EVERYTHING = CHANGES | ofp.OFPFMF_INSTRUCTIONS | ofp.OFPFMF_NO_ABBREV
FAILED = ofp.OFPET_FLOW_MONITOR_FAILED
BARRIER = raw(ofp.OFPT_BARRIER_REQUEST, version=5)


def start(limits: Limits | None = None) -> tuple[Agent, Double, Peer]:
    agent, datapath = switch(AgentConfig(versions=(5,)))
    return agent, datapath, Peer(agent, wire.hello((5,)), limits)


def monitor(flags: int = EVERYTHING, number: int = 1, command: int = ofp.OFPFMC_ADD, **more: Any) -> Any:
    match = more.pop("match", parser.OFPMatch())
    return parser.OFPFlowMonitorRequest(
        DESC, 0, number, monitor_flags=flags, table_id=more.pop("table_id", 255), command=command, match=match, **more
    )


def add(port: int, **more: Any) -> Any:
    instructions = [parser.OFPInstructionActions(4, [parser.OFPActionOutput(more.pop("out", 2))])]
    match = parser.OFPMatch(in_port=port)
    return parser.OFPFlowMod(DESC, cookie=port, match=match, instructions=instructions, **more)


def clear() -> Any:
    return parser.OFPFlowMod(DESC, command=ofp.OFPFC_DELETE, table_id=255)


def seen(replies: list[Any]) -> list[tuple[int, int]]:
    """Event and cookie of each update."""
    return [(one.event, getattr(one, "cookie", -1)) for reply in replies for one in reply.body]


def test_what_is_there_is_told_first_and_then_what_changes() -> None:
    _, _, peer = start()
    other = Peer(peer.agent, wire.hello((5,)))
    other.send(add(1))
    reply = peer.one(monitor(EVERYTHING | ofp.OFPFMF_INITIAL))
    (entry,) = reply.body
    assert (reply.xid, entry.event, entry.cookie, entry.match["in_port"]) == (77, ofp.OFPFME_INITIAL, 1, 1)
    assert entry.instructions[0].actions[0].port == 2
    other.send(add(2, priority=7, idle_timeout=3, hard_timeout=4), add(2, priority=7), clear())
    replies = peer.replies()
    assert seen(replies) == [(ofp.OFPFME_ADDED, 2), (ofp.OFPFME_MODIFIED, 2), (2, 1), (ofp.OFPFME_REMOVED, 2)]
    added, *_, removed = (reply.body[0] for reply in replies)
    assert (added.priority, added.idle_timeout, added.hard_timeout, added.table_id) == (7, 3, 4, 0)
    assert (removed.reason, removed.instructions) == (ofp.OFPRR_DELETE, [])
    assert {reply.xid for reply in replies} == {0}


def test_timeouts_are_told_with_their_reason() -> None:
    agent, _, peer = start()
    peer.send(monitor(), add(1, hard_timeout=2))
    agent.tick(2 * SECOND)
    updates = [reply.body[0] for reply in peer.replies() if type(reply).__name__ == "OFPFlowMonitorReply"]
    assert [(each.event, each.reason) for each in updates] == [(ofp.OFPFME_REMOVED, ofp.OFPRR_HARD_TIMEOUT)]


def test_ones_own_requests_are_told_in_short_before_their_barrier() -> None:
    _, _, peer = start()
    other = Peer(peer.agent, wire.hello((5,)))
    peer.send(monitor(CHANGES))
    own = peer.send(build(add(1), xid=5), build(add(2), xid=6), BARRIER)
    assert type(own.pop()).__name__ == "OFPBarrierReply"
    assert [(reply.body[0].event, reply.body[0].xid) for reply in own] == [(ofp.OFPFME_ABBREV, 5), (4, 6)]
    other.send(add(3))
    (foreign,) = peer.replies()
    assert (foreign.body[0].cookie, foreign.body[0].instructions) == (3, [])


def test_only_ones_own() -> None:
    _, _, peer = start()
    other = Peer(peer.agent, wire.hello((5,)))
    peer.send(monitor(EVERYTHING | ofp.OFPFMF_ONLY_OWN))
    other.send(add(3))
    assert peer.replies() == []
    assert seen(peer.send(add(4))) == [(ofp.OFPFME_ADDED, 4)]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"table_id": 3}, [3]),
        ({"out_port": 9}, [2]),
        ({"out_group": 1}, []),
        ({"match": parser.OFPMatch(in_port=1)}, [1]),
        ({"match": parser.OFPMatch(eth_type=0x800)}, []),
        ({}, [1, 2, 3]),
        ({"flags": ofp.OFPFMF_REMOVED | ofp.OFPFMF_NO_ABBREV}, []),
    ],
)
def test_a_monitor_means_what_its_filter_says(chosen: dict[str, Any], told: list[int]) -> None:
    _, _, peer = start()
    peer.send(monitor(**chosen))
    assert [cookie for _, cookie in seen(peer.send(add(1), add(2, out=9), add(3, table_id=3)))] == told


def test_monitors_can_be_changed_and_deleted() -> None:
    _, datapath, peer = start()
    peer.send(monitor(match=parser.OFPMatch(in_port=1)))
    peer.send(monitor(command=ofp.OFPFMC_MODIFY, match=parser.OFPMatch(in_port=2)))
    assert seen(peer.send(add(1), add(2))) == [(ofp.OFPFME_ADDED, 2)]
    peer.send(monitor(command=ofp.OFPFMC_DELETE))
    assert (seen(peer.send(clear())), datapath.watched) == ([], False)


def test_nobody_is_watched_once_the_controller_is_gone() -> None:
    agent, datapath, peer = start()
    peer.send(monitor())
    assert datapath.watched
    agent.disconnected(peer.conn, 0)
    assert not datapath.watched


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (monitor(), ofp.OFPMOFC_MONITOR_EXISTS),
        (monitor(number=2, command=ofp.OFPFMC_MODIFY), ofp.OFPMOFC_UNKNOWN_MONITOR),
        (monitor(number=2, command=ofp.OFPFMC_DELETE), ofp.OFPMOFC_UNKNOWN_MONITOR),
        (monitor(number=2, command=3), ofp.OFPMOFC_BAD_COMMAND),
        (monitor(0x80, number=2), ofp.OFPMOFC_BAD_FLAGS),
        (monitor(number=2, table_id=254), ofp.OFPMOFC_BAD_TABLE_ID),
    ],
)
def test_errors_of_the_specification(request_: Any, code: int) -> None:
    _, _, peer = start()
    peer.send(monitor())
    assert peer.error(request_) == (FAILED, code)


def test_a_request_that_is_cut_short_changes_nothing() -> None:
    _, datapath, peer = start()
    whole = build(monitor())
    body = bytes((0, ofp.OFPMP_FLOW_MONITOR)) + bytes(6) + whole[16:-1]
    assert peer.error(raw(ofp.OFPT_MULTIPART_REQUEST, body, version=5))[0] in (1, 4)
    assert not datapath.watched


def test_a_bundle_is_told_once_it_is_done() -> None:
    _, _, peer = start()
    peer.send(monitor(CHANGES))
    for xid, message in ((5, add(1)), (6, add(2, table_id=254))):
        message.xid = None
        peer.send(build(parser.OFPBundleAddMsg(DESC, 1, 0, message, []), xid))
    failed = peer.send(parser.OFPBundleCtrlMsg(DESC, 1, ofp.OFPBCT_COMMIT_REQUEST, 0, []))
    assert [type(reply).__name__ for reply in failed] == ["OFPErrorMsg"] * 2
    message = add(3)
    message.xid = None
    peer.send(build(parser.OFPBundleAddMsg(DESC, 1, 0, message, []), 8))
    update, _ = peer.send(parser.OFPBundleCtrlMsg(DESC, 1, ofp.OFPBCT_COMMIT_REQUEST, 0, []))
    assert (update.body[0].event, update.body[0].xid) == (ofp.OFPFME_ABBREV, 8)


def test_who_does_not_read_is_paused_and_later_told_what_has_become_of_all() -> None:
    _, _, peer = start(Limits(reply_limit=2000))
    other = Peer(peer.agent, wire.hello((5,)))
    other.send(*(add(port) for port in range(1, 4)))
    peer.send(monitor())
    other.send(*(add(port) for port in range(100, 200)))
    other.send(add(150, priority=5), add(1, out=9), clear(), add(2), add(7))
    updates = [one for reply in peer.replies() for one in reply.body]
    events = [one.event for one in updates]
    paused, resumed = events.index(ofp.OFPFME_PAUSED), events.index(ofp.OFPFME_RESUMED)
    assert (resumed, events.count(ofp.OFPFME_PAUSED)) == (len(events) - 1, 1)
    entries = {1: True, 2: True, 3: True}
    for one in updates[:paused]:
        entries[one.cookie] = True
    for one in updates[paused + 1 : -1]:
        assert (one.event == ofp.OFPFME_ADDED) == (one.cookie not in entries), "what is new is added, nothing else"
        entries[one.cookie] = one.event != ofp.OFPFME_REMOVED
    assert sorted(port for port, there in entries.items() if there) == [2, 7]


def test_changes_during_a_long_answer_are_told_behind_it() -> None:
    _, _, peer = start(Limits(reply_limit=70_000))
    other = Peer(peer.agent, wire.hello((5,)))
    other.send(*(add(port) for port in range(1, 3000)))
    peer.push(build(monitor(EVERYTHING | ofp.OFPFMF_INITIAL)))
    other.send(clear(), add(5))
    state: dict[int, bool] = {}
    for event, cookie in seen(peer.replies()):
        state[cookie] = event in (ofp.OFPFME_INITIAL, ofp.OFPFME_ADDED, ofp.OFPFME_MODIFIED)
    assert [cookie for cookie, there in state.items() if there and cookie >= 0] == [5]


def onf_request(flags: int, match: bytes = b"", number: int = 1, table: int = 255) -> bytes:
    """ONF's EXT-187, of 1.3."""
    body = struct.pack("!IHHIB3x", number, flags, len(match), ofp.OFPP_ANY, table) + match + bytes(-len(match) % 8)
    return raw(ofp.OFPT_MULTIPART_REQUEST, b"\xff\xff" + bytes(6) + b"ONF\0" + struct.pack("!I", 1870) + body)


def onf_updates(replies: list[Any]) -> list[tuple[int, int]]:
    """Event and cookie, or -1 of an abbreviated one."""
    found = []
    for reply in replies:
        assert (reply.body.experimenter, reply.body.exp_type) == (0x4F4E4600, 1870)
        data = reply.body.data
        while data:
            length, event = struct.unpack_from("!HH", data)
            found.append((event, int.from_bytes(data[16:24]) if length > 8 else -1))
            data = data[length:]
    return found


@pytest.mark.parametrize(
    "match", [b"", bytes.fromhex("8000000400000001"), bytes.fromhex("0001000c8000000400000001") + bytes(4)]
)
def test_the_extension_of_1_3(match: bytes) -> None:
    agent, datapath = switch(AgentConfig(versions=(4, 5)))
    peer, other = Peer(agent), Peer(agent, wire.hello((5,)))
    other.send(add(1))
    assert onf_updates(peer.send(onf_request(0x3F, match))) == [(0, 1)], "what is there is told as added"
    other.send(add(1, out=7), clear())
    assert onf_updates(peer.replies()) == [(2, 1), (1, 1)]
    cancel = raw(ofp.OFPT_EXPERIMENTER, b"ONF\0" + struct.pack("!II", 1870, 1))
    assert (peer.send(cancel), datapath.watched) == ([], False)
    assert peer.error(cancel) == (FAILED, ofp.OFPMOFC_UNKNOWN_MONITOR)


def test_the_extension_of_1_3_tells_in_short_what_one_does_oneself() -> None:
    peer = Peer(switch()[0])
    assert peer.error(onf_request(0x0F, table=254)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_TABLE_ID)
    peer.send(onf_request(0x0F))
    (update,) = onf_updates(peer.send(parser13.OFPFlowMod(DESC13, match=parser13.OFPMatch(in_port=1))))
    assert update == (3, -1)


def test_a_match_that_is_none_is_refused_at_once() -> None:
    """And not only when what is there already is asked for."""
    _, datapath, peer = start()
    whole = bytearray(build(monitor(match=parser.OFPMatch(in_port=1))))
    whole[-16 + 7] = 9  # length of the field
    (reply,) = peer.send(bytes(whole))
    assert (reply.type, reply.code) == (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN)
    assert not datapath.watched
