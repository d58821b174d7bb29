"""Nicira's flow monitors, as a controller of OpenFlow 1.0 meets them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import messages, switch
from tests.dataplane.switch.test_v1_0 import D, Peer10, add
from triplane.dataplane.node import Node
from triplane.dataplane.openflow import ofproto_v1_0 as ofp
from triplane.dataplane.openflow import ofproto_v1_0_parser as parser
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.outbox import Limits
from triplane.dataplane.switch.state import AgentConfig, Identity

CHANGES = ofp.NXFMF_ADD | ofp.NXFMF_DELETE | ofp.NXFMF_MODIFY
EVERYTHING = CHANGES | ofp.NXFMF_ACTIONS | ofp.NXFMF_OWN
VENDOR_ERROR = bytes.fromhex("b0c2 0000 00002320 0001")


def start() -> tuple[Double, Peer10, Peer10]:
    agent, datapath = switch(AgentConfig(versions=(1,)))
    return datapath, Peer10(agent), Peer10(agent)


def monitor(flags: int = EVERYTHING, number: int = 1, **more: Any) -> Any:
    return parser.NXFlowMonitorStatsRequest(D, 0, [parser.NXFlowMonitorRequest(number, flags, **more)])


def flow(port: int, out: int = 2, **more: Any) -> Any:
    return add(parser.OFPMatch(in_port=port), parser.OFPActionOutput(out, 0), cookie=port, **more)


def clear() -> Any:
    return parser.OFPFlowMod(D, command=ofp.OFPFC_DELETE)


def seen(replies: list[Any]) -> list[tuple[int, int]]:
    """Event and cookie of each update, or xid of a short one."""
    updates = [one for reply in replies if hasattr(reply, "body") for one in reply.body]
    return [(one.event, getattr(one, "cookie", None) or getattr(one, "xid", 0)) for one in updates]


def test_what_is_there_is_told_first_and_then_what_changes() -> None:
    _, peer, other = start()
    other.send(flow(1))
    reply = peer.one(monitor(EVERYTHING | ofp.NXFMF_INITIAL))
    (entry,) = reply.body
    assert (type(reply).__name__, reply.xid) == ("NXFlowMonitorStatsReply", 77)
    assert (entry.event, entry.cookie, dict(entry.match.items())) == (ofp.NXFME_ADDED, 1, {"in_port": 1})
    assert (type(entry.actions[0]).__name__, entry.actions[0].port) == ("OFPActionOutput", 2)
    other.send(flow(2, priority=7, idle_timeout=3, hard_timeout=4), flow(2, priority=7), clear())
    replies = peer.drain_all()
    assert seen(replies) == [(ofp.NXFME_ADDED, 2), (ofp.NXFME_MODIFIED, 2), (1, 1), (ofp.NXFME_DELETED, 2)]
    added, *_, removed = (reply.body[0] for reply in replies)
    assert (added.priority, added.idle_timeout, added.hard_timeout, added.table_id) == (7, 3, 4, 0)
    assert (removed.reason, removed.actions) == (ofp.OFPRR_DELETE, [])
    assert {reply.xid for reply in replies} == {0}


def test_ones_own_changes_are_told_in_short_before_the_barrier() -> None:
    _, peer, other = start()
    peer.send(monitor(CHANGES))
    update, barrier = peer.send(flow(1), parser.OFPBarrierRequest(D))
    assert (seen([update]), barrier.msg_type) == ([(ofp.NXFME_ABBREV, 77)], ofp.OFPT_BARRIER_REPLY)
    other.send(flow(2))
    (foreign,) = peer.drain_all()
    assert (foreign.body[0].cookie, foreign.body[0].actions) == (2, [])


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"rule": parser.NXMatch(in_port_nxm=1)}, [1]),
        ({"out_port": 9}, [2]),
        ({"out_port": ofp.OFPP_NONE}, [1, 2]),
        ({"table_id": 3}, []),
        ({"flags": ofp.NXFMF_DELETE | ofp.NXFMF_OWN}, []),
    ],
)
def test_a_monitor_means_what_its_filter_says(chosen: dict[str, Any], told: list[int]) -> None:
    _, peer, _ = start()
    assert seen(peer.send(monitor(**chosen), flow(1), flow(2, out=9))) == [(ofp.NXFME_ADDED, each) for each in told]


def test_a_monitor_ends() -> None:
    datapath, peer, _ = start()
    peer.send(monitor())
    assert datapath.watched
    assert peer.send(parser.NXTFlowMonitorCancel(D, 1)) == []
    assert not datapath.watched


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (monitor(), 517),
        (monitor(0x40, 2), 518),
        (monitor(ofp.NXFMF_INITIAL, 2), 518),
        (parser.NXTFlowMonitorCancel(D, 2), 519),
    ],
)
def test_errors_are_nicira_s(request_: Any, code: int) -> None:
    datapath, peer, _ = start()
    peer.send(monitor())
    (error,) = peer.exchange(request_.serialize())
    assert (error[1], error[8:20]) == (ofp.OFPT_ERROR, VENDOR_ERROR + code.to_bytes(2))
    assert (list(peer.conn.updates.monitors), datapath.watched) == ([1], True)


def test_a_table_that_is_not_there_is_not_watched() -> None:
    datapath, peer, _ = start()
    assert peer.error(monitor(table_id=254)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_EPERM), "1.0 has no other error"
    assert not datapath.watched


def test_requests_that_are_cut_short_change_nothing() -> None:
    datapath, peer, _ = start()
    whole = monitor(rule=parser.NXMatch(in_port_nxm=1)).serialize()
    for size in range(25, len(whole)):
        (error,) = peer.exchange(whole[:2] + size.to_bytes(2) + whole[4:size])
        assert (error[1], error[9] in (1, 3)) == (ofp.OFPT_ERROR, True)
    assert (peer.conn.errors, datapath.watched) == (len(whole) - 25, False)


def test_who_does_not_read_is_paused_and_told_when_it_goes_on() -> None:
    _, peer, other = start()
    peer.conn.outbox.limits = Limits(reply_limit=2000)
    peer.send(monitor())
    other.send(*(flow(port) for port in range(1, 100)))
    told = [message[12:16].hex() for message in messages(peer.drain()) if message[1] == ofp.OFPT_VENDOR]
    assert told == ["00000016", "00000017"]


def test_what_goes_with_a_learn_action_is_told_in_full() -> None:
    """The request that took the action away is told in short, but does not say what else it does."""
    node = Node()
    peer = Peer10(Agent(node, Identity(7)))
    specs = [parser.NXFlowSpecMatch(src=("eth_src_nxm", 0), dst=("eth_dst_nxm", 0), n_bits=48)]
    learn = parser.NXActionLearn(table_id=1, specs=specs, cookie=5, flags=2)
    peer.send(add(parser.OFPMatch(in_port=1), learn, cookie=9), parser.NXTFlowModTableId(D, 1))
    peer.send(add(parser.OFPMatch(), command=1 << 8 | ofp.OFPFC_ADD, cookie=5), monitor(CHANGES))
    told = peer.send(parser.OFPFlowMod(D, command=ofp.OFPFC_DELETE))
    assert seen(told) == [(ofp.NXFME_ABBREV, 77), (ofp.NXFME_DELETED, 5)]
    assert told[1].body[0].table_id == 1
    node.close()
