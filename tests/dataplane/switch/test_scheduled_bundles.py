"""Bundles of OpenFlow 1.5 that are carried out at a time; the wall clock is a thousand seconds ahead of `now`."""

from __future__ import annotations

from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_5 as ofp
from os_ken.ofproto import ofproto_v1_5_parser as parser
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import SECOND, Peer, build, raw, switch
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.state import AgentConfig

DESC = ProtocolDesc(version=ofp.OFP_VERSION)
OPEN, CLOSE, COMMIT, DISCARD = range(0, 8, 2)
AHEAD = 1000
FAILED = ofp.OFPET_BUNDLE_FAILED
ATOMIC, TIMED = ofp.OFPBF_ATOMIC, ofp.OFPBF_ATOMIC | ofp.OFPBF_TIME


class Timed:
    """A controller, and the switch that it plans with."""

    def __init__(self) -> None:
        config = AgentConfig(versions=(6,), wall=lambda now: now + AHEAD * SECOND, sched_max_future=60 * SECOND)
        self.agent: Agent
        self.datapath: Double
        self.agent, self.datapath = switch(config)
        self.peer = self.another()

    def another(self) -> Peer:
        return Peer(self.agent, wire.hello((6,)))

    def control(self, kind: int, bundle: int = 1, flags: int = ATOMIC, properties: Any = ()) -> Any:
        return parser.OFPBundleCtrlMsg(DESC, bundle, kind, flags, list(properties))

    def add(self, priority: int, bundle: int = 1, flags: int = ATOMIC, table: int = 0) -> bytes:
        flow = parser.OFPFlowMod(DESC, priority=priority, table_id=table)
        flow.xid = None
        return build(parser.OFPBundleAddMsg(DESC, bundle, flags, flow, []))

    def commit(self, seconds: int, nanoseconds: int = 0, bundle: int = 1) -> Any:
        time = parser.OFPTime(AHEAD + seconds, nanoseconds)
        when = parser.OFPBundlePropTime(type_=ofp.OFPBPT_TIME, scheduled_time=time)
        return self.control(COMMIT, bundle, TIMED, [when])

    def plan(self, seconds: int, nanoseconds: int = 0, bundle: int = 1, peer: Peer | None = None) -> None:
        """A bundle of one flow, its number as priority."""
        peer = peer or self.peer
        assert (
            peer.send(self.add(bundle, bundle), build(self.commit(seconds, nanoseconds, bundle), xid=900 + bundle))
            == []
        )

    def at(self, nanoseconds: int) -> list[Any]:
        """What the controller is told when its clock rings then."""
        self.agent.ring(nanoseconds)
        return self.peer.replies()

    def priorities(self) -> list[int]:
        return [priority for _, priority, _ in self.datapath.flows]


@pytest.fixture
def timed() -> Timed:
    return Timed()


def test_a_bundle_is_carried_out_at_its_time_and_answered_then(timed: Timed) -> None:
    timed.plan(5, 7)
    assert timed.agent.alarm(2 * SECOND) == 3 * SECOND + 7
    assert (timed.at(5 * SECOND + 6), timed.priorities()) == ([], [])
    (answer,) = timed.at(5 * SECOND + 7)
    assert (answer.type, answer.bundle_id, answer.flags, answer.xid) == (COMMIT + 1, 1, TIMED, 901)
    assert (timed.priorities(), timed.agent.alarm(6 * SECOND)) == ([1], None)


def test_the_earliest_comes_first_whoever_planned_it(timed: Timed) -> None:
    other = timed.another()
    timed.plan(9, bundle=2)
    timed.plan(3, bundle=3, peer=other)
    timed.plan(6, bundle=4)
    assert timed.agent.alarm(0) == 3 * SECOND
    assert [answer.bundle_id for answer in timed.at(10 * SECOND)] == [4, 2]
    assert [answer.bundle_id for answer in other.replies()] == [3]
    assert timed.priorities() == [3, 4, 2]


def test_the_timer_of_every_day_carries_out_too(timed: Timed) -> None:
    timed.plan(5)
    timed.agent.tick(5 * SECOND)
    assert [answer.type for answer in timed.peer.replies() if hasattr(answer, "bundle_id")] == [COMMIT + 1]


def test_one_that_waits_is_not_abandoned(timed: Timed) -> None:
    timed.plan(50)
    timed.peer.now = 45 * SECOND
    timed.peer.push(raw(ofp.OFPT_ECHO_REPLY, version=6))
    timed.agent.tick(45 * SECOND)
    assert [reply for reply in timed.peer.replies() if type(reply).__name__ == "OFPErrorMsg"] == []
    assert timed.at(50 * SECOND)[0].type == COMMIT + 1


def test_a_planned_bundle_that_fails_changes_nothing(timed: Timed) -> None:
    timed.peer.send(timed.add(1), timed.add(2, table=254), timed.commit(5))
    first, second = timed.at(5 * SECOND)
    assert (first.type, first.code) == (ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_BAD_TABLE_ID)
    assert (second.type, second.code, timed.priorities()) == (FAILED, ofp.OFPBFC_MSG_FAILED, [])


def test_a_planned_bundle_can_be_discarded(timed: Timed) -> None:
    timed.plan(5)
    assert timed.peer.one(timed.control(DISCARD)).type == DISCARD + 1
    assert (timed.at(6 * SECOND), timed.priorities()) == ([], [])


def test_a_planned_bundle_is_gone_with_its_connection(timed: Timed) -> None:
    timed.plan(5)
    timed.agent.disconnected(timed.peer.conn, SECOND)
    timed.agent.ring(6 * SECOND)
    assert timed.priorities() == []


def test_a_planned_bundle_is_locked(timed: Timed) -> None:
    timed.plan(5)
    for request in (timed.add(2), timed.control(CLOSE), timed.control(COMMIT), timed.commit(6)):
        assert timed.peer.error(request) == (FAILED, ofp.OFPBFC_BUNDLE_IN_PROGRESS)
    assert timed.at(5 * SECOND)[0].type == COMMIT + 1
    assert timed.priorities() == [1]


def test_a_time_that_has_just_passed_is_now(timed: Timed) -> None:
    timed.peer.now = 10 * SECOND
    timed.peer.send(timed.add(1))
    assert timed.peer.one(timed.commit(9)).type == COMMIT + 1
    assert timed.priorities() == [1]


def test_times_too_far_away(timed: Timed) -> None:
    timed.peer.now = 10 * SECOND
    timed.peer.send(timed.add(1))
    assert timed.peer.error(timed.commit(8, 999_999_999)) == (FAILED, ofp.OFPBFC_SCHED_PAST)
    assert timed.peer.error(timed.commit(70, 1)) == (FAILED, ofp.OFPBFC_SCHED_FUTURE)
    assert timed.peer.error(timed.commit(10, 10**9)) == (ofp.OFPET_BAD_PROPERTY, ofp.OFPBPC_BAD_VALUE)
    assert timed.peer.one(timed.control(COMMIT)).type == COMMIT + 1, "it is still there"


def test_a_commit_at_a_time_has_one(timed: Timed) -> None:
    timed.peer.send(timed.add(1))
    assert timed.peer.error(timed.control(COMMIT, flags=TIMED)) == (FAILED, ofp.OFPBFC_BAD_FLAGS)


def test_the_flag_may_stand_in_all_messages(timed: Timed) -> None:
    assert timed.peer.one(timed.control(OPEN, flags=TIMED)).flags == TIMED
    assert timed.peer.send(timed.add(1, flags=TIMED)) == []
    assert timed.peer.one(timed.control(CLOSE, flags=TIMED)).type == CLOSE + 1
    assert timed.peer.send(timed.commit(1)) == []
    assert timed.at(SECOND)[0].type == COMMIT + 1


# what the switch can do


def features(timed: Timed, flags: int = 0, *properties: Any) -> Any:
    return timed.peer.one(parser.OFPBundleFeaturesStatsRequest(DESC, 0, flags, list(properties)))


def limits(future: int, past: int, nanoseconds: int = 0) -> Any:
    now, times = parser.OFPTime(0, 0), (parser.OFPTime(future, nanoseconds), parser.OFPTime(past, 0))
    return parser.OFPBundleFeaturesPropTime(ofp.OFPTMPBF_TIME_CAPABILITY, None, now, *times, now)


def told(reply: Any) -> list[tuple[int, int]]:
    (found,) = reply.body.properties
    times = (found.sched_max_future, found.sched_max_past, found.timestamp)
    return [(time.seconds, time.nanoseconds) for time in times]


def test_features_tell_limits_and_clock(timed: Timed) -> None:
    timed.peer.now = 3 * SECOND + 5
    reply = features(timed, ofp.OFPBF_TIMESTAMP)
    assert reply.body.capabilities == ofp.OFPBF_ATOMIC | ofp.OFPBF_ORDERED | ofp.OFPBF_TIME
    assert told(reply) == [(60, 0), (1, 0), (AHEAD + 3, 5)]
    accuracy = reply.body.properties[0].sched_accuracy
    assert (accuracy.seconds, accuracy.nanoseconds) == (0, 10_000_000)


def test_a_controller_sets_the_limits(timed: Timed) -> None:
    assert told(features(timed, ofp.OFPBF_TIME_SET_SCHED, limits(7, 3)))[:2] == [(7, 0), (3, 0)]
    timed.peer.send(timed.add(1))
    assert timed.peer.error(timed.commit(8)) == (FAILED, ofp.OFPBFC_SCHED_FUTURE)
    timed.plan(7, bundle=2)


def test_limits_that_cannot_be(timed: Timed) -> None:
    bad = (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_MULTIPART_BAD_SCHED)
    for properties in ([], [limits(86401, 0)], [limits(0, 86401)]):
        reply = features(timed, ofp.OFPBF_TIME_SET_SCHED, *properties)
        assert (reply.type, reply.code) == bad
    reply = features(timed, ofp.OFPBF_TIME_SET_SCHED, limits(1, 1, 10**9))
    assert (reply.type, reply.code) == (ofp.OFPET_BAD_PROPERTY, ofp.OFPBPC_BAD_VALUE)
    assert told(features(timed))[0] == (60, 0)
