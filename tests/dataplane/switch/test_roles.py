"""Roles: one master, stale elections, what a slave may not do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.peer import DESC, Peer, raw, role_request, switch

NOCHANGE, EQUAL = ofp.OFPCR_ROLE_NOCHANGE, ofp.OFPCR_ROLE_EQUAL
MASTER, SLAVE = ofp.OFPCR_ROLE_MASTER, ofp.OFPCR_ROLE_SLAVE
STALE = (ofp.OFPET_ROLE_REQUEST_FAILED, ofp.OFPRRFC_STALE)


def role(peer: Peer) -> int:
    return int(peer.one(role_request(NOCHANGE, 0)).role)


def test_all_begin_equal_and_no_election_is_told() -> None:
    reply = Peer(switch()[0]).one(role_request(NOCHANGE, 0))
    assert (reply.role, reply.generation_id) == (EQUAL, 0xFFFF_FFFF_FFFF_FFFF)


def test_new_master_demotes_the_old_and_spares_the_equal() -> None:
    agent, _ = switch()
    old, new, third = Peer(agent), Peer(agent), Peer(agent)
    assert old.one(role_request(MASTER, 5)).role == MASTER
    reply = new.one(role_request(MASTER, 6))
    assert (reply.role, reply.generation_id) == (MASTER, 6)
    assert [role(old), role(new), role(third)] == [SLAVE, MASTER, EQUAL]
    assert old.one(role_request(EQUAL, 0)).role == EQUAL


def test_stale_election_changes_nothing() -> None:
    agent, _ = switch()
    peer, other = Peer(agent), Peer(agent)
    peer.send(role_request(MASTER, 10))
    assert other.error(role_request(MASTER, 9)) == STALE
    assert other.error(role_request(SLAVE, 9)) == STALE
    assert [role(peer), role(other)] == [MASTER, EQUAL]
    assert other.one(role_request(EQUAL, 9)).role == EQUAL, "equal takes part in no election"


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_generations_compare_by_signed_distance(first: int, second: int) -> None:
    peer = Peer(switch()[0])
    peer.send(role_request(SLAVE, first))
    (reply,) = peer.send(role_request(SLAVE, second))
    distance = second - first
    distance = (distance + 2**63) % 2**64 - 2**63
    assert isinstance(reply, parser.OFPErrorMsg) == (distance < 0)


def test_unknown_role() -> None:
    assert Peer(switch()[0]).error(role_request(4, 0)) == (ofp.OFPET_ROLE_REQUEST_FAILED, ofp.OFPRRFC_BAD_ROLE)


@pytest.mark.parametrize(
    "request_",
    [
        parser.OFPFlowMod(DESC),
        parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, 1, [], bytes(60)),
        parser.OFPGroupMod(DESC),
        parser.OFPMeterMod(DESC),
        parser.OFPPortMod(DESC, 1, "02:00:00:00:00:01", 1, 1),
        parser.OFPTableMod(DESC, 0, 0),
        parser.OFPSetConfig(DESC, ofp.OFPC_FRAG_DROP, 128),
    ],
    ids=lambda request: type(request).__name__,
)
def test_slave_changes_nothing(request_: Any) -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    peer.send(role_request(SLAVE, 1))
    assert peer.error(request_) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)
    assert (datapath.flows, datapath.sent, datapath.groups, datapath.meters) == ({}, [], [], [])
    assert (datapath.fragments, datapath.known[1].config) == (0, 0)


def test_slave_reads() -> None:
    peer = Peer(switch()[0])
    peer.send(role_request(SLAVE, 1))
    assert peer.one(parser.OFPFlowStatsRequest(DESC)).body == []
    assert peer.send(parser.OFPSetConfig(DESC, 0, 500)) == [], "its own miss_send_len"
    assert peer.one(raw(ofp.OFPT_BARRIER_REQUEST)).msg_type == ofp.OFPT_BARRIER_REPLY


def test_run_of_flow_mods_from_a_slave_is_refused_one_by_one() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    peer.send(role_request(SLAVE, 1))
    replies = peer.send(*(parser.OFPFlowMod(DESC, priority=n) for n in range(20)))
    assert [(reply.type, reply.code) for reply in replies] == [(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)] * 20
    assert datapath.flows == {}
