"""OpenFlow 1.4 as a controller meets it: properties, asynchronous configuration, roles told, vacancy, two versions."""

from __future__ import annotations

from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3_parser as parser13
from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from tests.dataplane.switch.peer import DESC as DESC13
from tests.dataplane.switch.peer import Peer, raw, switch
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.datapath import PacketIn
from triplane.dataplane.switch.state import AgentConfig

DESC = ProtocolDesc(version=ofp.OFP_VERSION)
ALL = AgentConfig(versions=(4, 5))
MASTER, SLAVE = ofp.OFPCR_ROLE_MASTER, ofp.OFPCR_ROLE_SLAVE
EVERY_PORT_REASON = 7


def peer14(agent: Agent) -> Peer:
    return Peer(agent, wire.hello((5,)))


@pytest.fixture
def peer() -> Peer:
    return peer14(switch(ALL)[0])


def add_flow(priority: int = 1, **more: Any) -> Any:
    return parser.OFPFlowMod(DESC, priority=priority, match=parser.OFPMatch(in_port=priority), **more)


# ports, queues


def test_a_port_is_told_with_what_ethernet_has(peer: Peer) -> None:
    first, _ = peer.one(parser.OFPPortDescStatsRequest(DESC, 0)).body
    (ethernet,) = first.properties
    assert (first.port_no, first.name, first.hw_addr) == (1, b"port1", "02:00:00:00:00:01")
    assert (ethernet.type, ethernet.curr_speed) == (ofp.OFPPDPT_ETHERNET, 10_000_000)
    (stats, *_) = peer.one(parser.OFPPortStatsRequest(DESC, 0, ofp.OFPP_ANY)).body
    assert stats.properties[0].rx_crc_err == 0


def test_port_mod_is_told_to_both_versions() -> None:
    agent, datapath = switch(ALL)
    old, new = Peer(agent), peer14(agent)
    request = parser.OFPPortMod(DESC, 1, "02:00:00:00:00:01", ofp.OFPPC_NO_FWD, ofp.OFPPC_NO_FWD, [])
    (status,) = new.send(request)
    (older,) = old.replies()
    assert (status.desc.config, older.desc.config) == (ofp.OFPPC_NO_FWD, ofp.OFPPC_NO_FWD)
    assert datapath.known[1].config == ofp.OFPPC_NO_FWD


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        (b"\0\1\0\x18" + bytes(20), ofp.OFPBPC_BAD_TYPE),
        (b"\xff\xff\0\x0c" + bytes(12), ofp.OFPBPC_BAD_EXPERIMENTER),
        (b"\0\0\0\x08\0\0\0\0" * 2, ofp.OFPBPC_DUP_TYPE),
        (b"\0\0\0\x07\0\0\0\0", ofp.OFPBPC_BAD_LEN),
        (b"\0\0\0\x10\0\0\0\0", ofp.OFPBPC_BAD_LEN),
        (b"\0\0", ofp.OFPBPC_BAD_LEN),
    ],
)
def test_properties_that_are_refused(peer: Peer, properties: bytes, code: int) -> None:
    port = bytes.fromhex("00000001 00000000 020000000001 0000 00000000 00000000")
    assert peer.error(raw(ofp.OFPT_PORT_MOD, port + properties, version=5)) == (ofp.OFPET_BAD_PROPERTY, code)


def test_queues_are_described(peer: Peer) -> None:
    (queue,) = peer.one(parser.OFPQueueDescStatsRequest(DESC, 0, ofp.OFPP_ANY, ofp.OFPQ_ALL)).body
    rates = [(one.type, one.rate) for one in queue.properties]
    assert (queue.port_no, queue.queue_id, rates) == (1, 7, [(1, 100), (2, ofp.OFPQ_MAX_RATE_UNCFG)])
    failed = (ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_QUEUE)
    assert peer.error(parser.OFPQueueDescStatsRequest(DESC, 0, ofp.OFPP_ANY, 9)) == failed
    assert peer.one(parser.OFPQueueStatsRequest(DESC, 0, ofp.OFPP_ANY, ofp.OFPQ_ALL)).body[0].tx_packets == 20


def test_what_1_3_alone_has_is_no_request(peer: Peer) -> None:
    gone = raw(ofp.OFPT_METER_MOD - 7, bytes(8), version=5)
    assert peer.error(gone) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_TYPE)


# asynchronous configuration


def masks(peer: Peer) -> dict[int, int]:
    return {one.type: one.mask for one in peer.one(parser.OFPGetAsyncRequest(DESC)).properties}


def reasons(kind: int, mask: int) -> Any:
    return parser.OFPAsyncConfigPropReasons(kind, 8, mask)


def test_what_is_told_at_first(peer: Peer) -> None:
    told = masks(peer)
    assert told[ofp.OFPACPT_PACKET_IN_MASTER] == 0x3F & ~(1 << ofp.OFPR_INVALID_TTL)
    assert told[ofp.OFPACPT_PORT_STATUS_SLAVE] == EVERY_PORT_REASON
    assert told[ofp.OFPACPT_REQUESTFORWARD_MASTER] == 0
    assert len(told) == 12


def test_what_a_request_does_not_name_stays(peer: Peer) -> None:
    before = masks(peer)
    assert peer.send(parser.OFPSetAsync(DESC, [reasons(ofp.OFPACPT_PACKET_IN_MASTER, 2)])) == []
    assert masks(peer) == before | {ofp.OFPACPT_PACKET_IN_MASTER: 2}


def test_asynchronous_configuration_that_is_refused(peer: Peer) -> None:
    before, failed = masks(peer), ofp.OFPET_ASYNC_CONFIG_FAILED
    invalid = [reasons(ofp.OFPACPT_PACKET_IN_MASTER, 2), reasons(ofp.OFPACPT_PACKET_IN_SLAVE, 1 << 9)]
    assert peer.error(parser.OFPSetAsync(DESC, invalid)) == (failed, ofp.OFPACFC_INVALID)
    assert peer.error(parser.OFPSetAsync(DESC, [reasons(77, 0)])) == (failed, ofp.OFPACFC_UNSUPPORTED)
    assert masks(peer) == before


@pytest.mark.parametrize("reason", [ofp.OFPR_ACTION_SET, ofp.OFPR_GROUP, ofp.OFPR_PACKET_OUT, ofp.OFPR_APPLY_ACTION])
def test_each_version_hears_its_own_reason(reason: int) -> None:
    agent, datapath = switch(ALL)
    old, new = Peer(agent), peer14(agent)
    match = bytes.fromhex("0001000c80000004 00000001 00000000")
    datapath.waiting.append(PacketIn(reason, 0, 0, 1, 0xFFFF, match, bytes(64)))
    agent.poll_packet_ins(0)
    assert [peer.replies()[0].reason for peer in (old, new)] == [1, reason]


# roles, other controllers' requests


def test_a_master_that_is_replaced_hears_so() -> None:
    agent, _ = switch(ALL)
    first, second = peer14(agent), peer14(agent)
    first.send(parser.OFPRoleRequest(DESC, MASTER, 5))
    second.send(parser.OFPRoleRequest(DESC, MASTER, 6))
    (status,) = first.replies()
    assert isinstance(status, parser.OFPRoleStatus)
    assert (status.role, status.reason, status.generation_id) == (SLAVE, ofp.OFPCRR_MASTER_REQUEST, 6)


def test_requests_are_forwarded_to_who_asked_for_them() -> None:
    agent, _ = switch(ALL)
    one, other, silent, old = peer14(agent), peer14(agent), peer14(agent), Peer(agent)
    for each in (one, other):
        each.send(parser.OFPSetAsync(DESC, [reasons(ofp.OFPACPT_REQUESTFORWARD_MASTER, 3)]))
    one.send(parser.OFPGroupMod(DESC, ofp.OFPGC_ADD, ofp.OFPGT_ALL, 9, []))
    (forwarded,) = other.replies()
    assert isinstance(forwarded, parser.OFPRequestForward)
    assert forwarded.request.group_id == 9
    old.send(parser13.OFPMeterMod(DESC13, ofp.OFPMC_ADD, ofp.OFPMF_KBPS, 4, []))
    assert [peer.replies()[0].request.meter_id for peer in (one, other)] == [4, 4]
    assert silent.replies() == old.replies() == []


# tables


def table_mod(config: int, *properties: Any, table: int = 3) -> Any:
    return parser.OFPTableMod(DESC, table, config, list(properties))


def test_a_table_is_configured_and_described(peer: Peer) -> None:
    vacancy = parser.OFPTableModPropVacancy(vacancy_down=10, vacancy_up=20, vacancy=0, type_=ofp.OFPTMPT_VACANCY)
    eviction = parser.OFPTableModPropEviction(flags=ofp.OFPTMPEF_IMPORTANCE, type_=ofp.OFPTMPT_EVICTION)
    both = ofp.OFPTC_EVICTION | ofp.OFPTC_VACANCY_EVENTS
    assert peer.send(table_mod(both, eviction, vacancy)) == []
    tables = [table for reply in peer.send(parser.OFPTableDescStatsRequest(DESC, 0)) for table in reply.body]
    told = [(one.type, getattr(one, "flags", None), getattr(one, "vacancy", None)) for one in tables[3].properties]
    assert (len(tables), tables[3].config, told) == (254, both, [(2, 2, None), (3, None, 100)])
    assert tables[4].properties == []


def test_a_table_is_not_configured_with_nonsense(peer: Peer) -> None:
    wrong = parser.OFPTableModPropVacancy(vacancy_down=30, vacancy_up=20, vacancy=0, type_=ofp.OFPTMPT_VACANCY)
    assert peer.error(table_mod(ofp.OFPTC_VACANCY_EVENTS, wrong)) == (ofp.OFPET_BAD_PROPERTY, ofp.OFPBPC_BAD_VALUE)
    assert peer.error(table_mod(1 << 9)) == (ofp.OFPET_TABLE_MOD_FAILED, ofp.OFPTMFC_BAD_CONFIG)
    assert peer.error(table_mod(0, table=254)) == (ofp.OFPET_TABLE_MOD_FAILED, ofp.OFPTMFC_BAD_TABLE)


def test_eviction_reaches_the_data_plane() -> None:
    agent, datapath = switch(ALL)
    peer = peer14(agent)
    peer.send(table_mod(ofp.OFPTC_EVICTION), table_mod(0))
    assert datapath.eviction == {3: None}
    peer.send(table_mod(ofp.OFPTC_EVICTION))
    assert datapath.eviction == {3: ofp.OFPTMPEF_OTHER | ofp.OFPTMPEF_IMPORTANCE | ofp.OFPTMPEF_LIFETIME}


def test_a_table_that_fills_says_so_once_and_again_when_it_has_room() -> None:
    agent, datapath = switch(ALL)
    datapath.limit = 10
    peer = peer14(agent)
    vacancy = parser.OFPTableModPropVacancy(vacancy_down=30, vacancy_up=60, vacancy=0, type_=ofp.OFPTMPT_VACANCY)
    peer.send(table_mod(ofp.OFPTC_VACANCY_EVENTS, vacancy, table=0))
    assert peer.send(*(add_flow(number) for number in range(7))) == []
    (down,) = peer.send(add_flow(7), add_flow(8))
    assert (down.reason, down.table.table_id, down.table.properties[0].vacancy) == (ofp.OFPTR_VACANCY_DOWN, 0, 10)
    (up,) = peer.send(parser.OFPFlowMod(DESC, command=ofp.OFPFC_DELETE, table_id=255))
    assert (up.reason, up.table.properties[0].vacancy) == (ofp.OFPTR_VACANCY_UP, 100)


def test_flow_entries_keep_their_importance_which_1_3_does_not_see() -> None:
    record = bytes(20) + b"\0\x09\0\0" + bytes(32)
    assert wire.WIRE.flow_stats(record)[20:22] == b"\0\0"


def test_table_features_tell_what_1_4_can_do_more(peer: Peer) -> None:
    replies = peer.send(parser.OFPTableFeaturesStatsRequest(DESC, 0, []))
    first = replies[0].body[0]
    assert first.config == ofp.OFPTC_EVICTION | ofp.OFPTC_VACANCY_EVENTS, "which are its capabilities now"
    (match,) = (each for each in first.properties if each.type == ofp.OFPTFPT_MATCH)
    assert {"pbb_uca", "in_port"} <= {field.type for field in match.oxm_ids}
    assert "pbb_uca" not in str(Peer(switch()[0]).send(parser13.OFPTableFeaturesStatsRequest(DESC13, 0, []))[0].body[0])
