"""OpenFlow 1.5 toward controllers, over the real data plane: what the specification changed since 1.4 (appendix B.18).

Requests are built and replies read by our codec, whose bytes are os-ken's (see test_later_versions).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dataplane.switch.peer import SECOND, messages
from triplane.dataplane.node import Node
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_5 as ofp
from triplane.dataplane.openflow import ofproto_v1_5_parser as parser
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.connection import Connection
from triplane.dataplane.switch.state import AgentConfig, Identity

DP = codec.PROTOCOLS[6]
HELLO = bytes.fromhex("0600000800000001")
FRAME = bytes.fromhex("ffffffffffff 020000000001 0806") + bytes(86)
TO_CONTROLLER = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)


class Peer:
    """A controller that speaks 1.5."""

    def __init__(self, agent: Agent, name: str = "tcp:127.0.0.1:6653") -> None:
        self.agent, self.now, self.conn = agent, 0, Connection(name)
        agent.connected(self.conn, 0)
        agent.received(self.conn, HELLO, 0)
        assert messages(self.drain())[0][0] == 6

    def drain(self) -> bytes:
        read = []
        while self.conn.ready or self.conn.outbox:
            self.agent.resume(self.conn, self.now)
            read.append(self.agent.outgoing(self.conn, self.now))
        return b"".join(read)

    def replies(self) -> list[Any]:
        return [codec.parse(6, message, DP) for message in messages(self.drain())]

    def send(self, *requests: Any) -> list[Any]:
        for request in requests:
            request.xid = 77
        self.agent.received(self.conn, b"".join(request.serialize() for request in requests), self.now)
        return self.replies()

    def one(self, request: Any) -> Any:
        (reply,) = self.send(request)
        return reply

    def error(self, request: Any) -> tuple[int, int]:
        reply = self.one(request)
        assert isinstance(reply, parser.OFPErrorMsg), reply
        return reply.type, reply.code

    def body(self, request: Any) -> Any:
        """The records of a multipart reply, of all its messages."""
        return [record for reply in self.send(request) for record in reply.body]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


@pytest.fixture
def peer(node: Node) -> Iterator[Peer]:
    made = Peer(Agent(node, Identity(1), AgentConfig(versions=(4, 5, 6), probe=0)))
    yield made
    made.replies()
    made.send(
        parser.OFPFlowMod(
            DP, command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL, out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY
        ),
        parser.OFPGroupMod(DP, ofp.OFPGC_DELETE, group_id=ofp.OFPG_ALL),
        parser.OFPMeterMod(DP, ofp.OFPMC_DELETE, meter_id=ofp.OFPM_ALL),
    )
    made.agent.datapath.set_egress(None)
    node.packet_ins(1000)


def flow(*instructions: Any, match: Any = None, **options: Any) -> Any:
    return parser.OFPFlowMod(DP, match=match or parser.OFPMatch(), instructions=list(instructions), **options)


def apply(*actions: Any) -> Any:
    return parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(actions))


def packet_out(*actions: Any, data: bytes = FRAME, **pipeline: Any) -> Any:
    match = parser.OFPMatch(**{"in_port": ofp.OFPP_CONTROLLER, **pipeline})
    return parser.OFPPacketOut(DP, match=match, actions=list(actions), data=data)


def packet_ins(peer: Peer) -> list[Any]:
    peer.agent.poll_packet_ins(peer.now)
    return [message for message in peer.replies() if isinstance(message, parser.OFPPacketIn)]


# statistics are lists of OXS fields


def test_flow_descriptions_and_statistics_are_told_apart(peer: Peer) -> None:
    match = parser.OFPMatch(eth_type=0x0806)
    assert peer.send(flow(apply(TO_CONTROLLER), match=match, cookie=7, priority=9, importance=3, idle_timeout=30)) == []
    peer.now = 3 * SECOND
    (desc,) = peer.body(parser.OFPFlowDescStatsRequest(DP))
    assert (desc.cookie, desc.priority, desc.importance, desc.idle_timeout) == (7, 9, 3, 30)
    assert desc.match["eth_type"] == 0x0806
    assert desc.instructions[0].actions[0].max_len == ofp.OFPCML_NO_BUFFER
    (stats,) = peer.body(parser.OFPFlowStatsRequest(DP))
    assert (stats.priority, stats.reason, stats.match["eth_type"]) == (9, ofp.OFPFSR_STATS_REQUEST, 0x0806)
    assert dict(stats.stats.items()) == dict(desc.stats.items())
    assert dict(stats.stats.items()) == {"duration": (3, 0), "packet_count": 0, "byte_count": 0}


def test_aggregate_statistics(peer: Peer) -> None:
    peer.send(*(flow(priority=priority) for priority in (1, 2, 3)))
    every = (0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, parser.OFPMatch())
    totals = peer.one(parser.OFPAggregateStatsRequest(DP, *every)).body.stats
    assert dict(totals.items()) == {"flow_count": 3, "packet_count": 0, "byte_count": 0}


def test_what_has_gone_is_told_with_its_statistics(peer: Peer) -> None:
    peer.send(flow(apply(TO_CONTROLLER), flags=ofp.OFPFF_SEND_FLOW_REM, cookie=5, priority=8))
    (gone,) = peer.send(parser.OFPFlowMod(DP, command=ofp.OFPFC_DELETE, out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY))
    assert isinstance(gone, parser.OFPFlowRemoved)
    assert (gone.cookie, gone.priority, gone.reason) == (5, 8, ofp.OFPRR_DELETE)
    assert gone.stats["packet_count"] == 0


# packet-out with a match


def test_a_packet_out_carries_its_pipeline_fields(peer: Peer) -> None:
    assert peer.send(packet_out(TO_CONTROLLER, tunnel_id=6)) == []
    (told,) = packet_ins(peer)
    assert dict(told.match.items()) == {"in_port": ofp.OFPP_CONTROLLER, "tunnel_id": 6}
    assert told.data == FRAME


BAD_PACKET_OUTS: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "no in_port": ({"metadata": 1}, (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_PORT)),
    "a port that is not there": ({"in_port": 77}, (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_PORT)),
    "header field": (
        {"in_port": ofp.OFPP_CONTROLLER, "eth_type": 0x800},
        (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_PIPELINE_FIELDS_ONLY),
    ),
    "mask": (
        {"in_port": ofp.OFPP_CONTROLLER, "metadata": (1, 3)},
        (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_MASK),
    ),
    "not Ethernet": (
        {"in_port": ofp.OFPP_CONTROLLER, "packet_type": 1},
        (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_VALUE),
    ),
}


@pytest.mark.parametrize("name", BAD_PACKET_OUTS)
def test_packet_outs_that_are_refused(peer: Peer, name: str) -> None:
    match, error = BAD_PACKET_OUTS[name]
    request = parser.OFPPacketOut(DP, match=parser.OFPMatch(**match), actions=[TO_CONTROLLER], data=FRAME)
    assert peer.error(request) == error
    assert packet_ins(peer) == []


# buckets have ids and properties


def bucket(number: int, port: int, weight: int | None = None, watch: int | None = None) -> Any:
    properties = [] if weight is None else [parser.OFPGroupBucketPropWeight(ofp.OFPGBPT_WEIGHT, weight=weight)]
    if watch is not None:
        properties.append(parser.OFPGroupBucketPropWatch(ofp.OFPGBPT_WATCH_PORT, watch=watch))
    return parser.OFPBucket(number, [parser.OFPActionOutput(port)], properties)


def group_mod(command: int, place: int, *buckets: Any, kind: int = ofp.OFPGT_SELECT, number: int = 5) -> Any:
    return parser.OFPGroupMod(DP, command, kind, number, place, list(buckets))


def add_group(*buckets: Any, kind: int = ofp.OFPGT_SELECT) -> Any:
    return group_mod(ofp.OFPGC_ADD, ofp.OFPG_BUCKET_ALL, *buckets, kind=kind)


def ids(peer: Peer) -> list[int]:
    (told,) = peer.body(parser.OFPGroupDescStatsRequest(DP, 0, 5))
    return [each.bucket_id for each in told.buckets]


def test_a_group_is_told_as_it_was_sent(peer: Peer) -> None:
    assert peer.send(add_group(bucket(3, 1, weight=2, watch=1), bucket(9, 2, weight=7))) == []
    (told,) = peer.body(parser.OFPGroupDescStatsRequest(DP))
    assert (told.group_id, told.type, [each.bucket_id for each in told.buckets]) == (5, ofp.OFPGT_SELECT, [3, 9])
    first, second = told.buckets
    assert [(item.type, getattr(item, "weight", None)) for item in first.properties] == [(0, 2), (1, None)]
    assert first.properties[1].watch == 1
    assert second.properties[0].weight == 7
    assert second.actions[0].port == 2
    assert peer.body(parser.OFPGroupDescStatsRequest(DP, 0, 6)) == []


INSERT, REMOVE = ofp.OFPGC_INSERT_BUCKET, ofp.OFPGC_REMOVE_BUCKET


def test_buckets_are_inserted_and_removed(peer: Peer) -> None:
    peer.send(add_group(bucket(10, 1), bucket(20, 2)))
    steps: list[tuple[int, int, list[int], list[int]]] = [
        (INSERT, ofp.OFPG_BUCKET_FIRST, [1, 2], [1, 2, 10, 20]),
        (INSERT, ofp.OFPG_BUCKET_LAST, [30], [1, 2, 10, 20, 30]),
        (INSERT, 10, [11, 12], [1, 2, 10, 11, 12, 20, 30]),
        (REMOVE, ofp.OFPG_BUCKET_FIRST, [], [2, 10, 11, 12, 20, 30]),
        (REMOVE, ofp.OFPG_BUCKET_LAST, [], [2, 10, 11, 12, 20]),
        (REMOVE, 11, [], [2, 10, 12, 20]),
        (REMOVE, ofp.OFPG_BUCKET_ALL, [], []),
        (REMOVE, ofp.OFPG_BUCKET_LAST, [], []),
    ]
    for command, place, added, expected in steps:
        assert peer.send(group_mod(command, place, *(bucket(number, 1) for number in added))) == []
        assert ids(peer) == expected


GROUP_ERRORS: dict[str, tuple[Any, int]] = {
    "insert what is there": (group_mod(INSERT, ofp.OFPG_BUCKET_LAST, bucket(1, 1)), ofp.OFPGMFC_BUCKET_EXISTS),
    "insert behind nothing": (group_mod(INSERT, 77, bucket(9, 1)), ofp.OFPGMFC_UNKNOWN_BUCKET),
    "insert into no group": (group_mod(INSERT, 1, bucket(9, 1), number=6), ofp.OFPGMFC_UNKNOWN_GROUP),
    "remove nothing": (group_mod(REMOVE, 77), ofp.OFPGMFC_UNKNOWN_BUCKET),
    "remove from no group": (group_mod(REMOVE, 1, number=6), ofp.OFPGMFC_UNKNOWN_GROUP),
    "remove with buckets": (group_mod(REMOVE, 1, bucket(9, 1)), ofp.OFPGMFC_BAD_BUCKET),
    "an id twice": (group_mod(ofp.OFPGC_MODIFY, 0, bucket(9, 1), bucket(9, 2)), ofp.OFPGMFC_BAD_BUCKET),
    "a reserved id": (group_mod(ofp.OFPGC_MODIFY, 0, bucket(ofp.OFPG_BUCKET_LAST, 1)), ofp.OFPGMFC_BAD_BUCKET),
    "a command of nobody": (group_mod(4, ofp.OFPG_BUCKET_ALL), ofp.OFPGMFC_BAD_COMMAND),
}


@pytest.mark.parametrize("name", GROUP_ERRORS)
def test_group_mods_that_are_refused(peer: Peer, name: str) -> None:
    request, code = GROUP_ERRORS[name]
    peer.send(add_group(bucket(1, 1), bucket(2, 2)))
    assert peer.error(request) == (ofp.OFPET_GROUP_MOD_FAILED, code)
    assert ids(peer) == [1, 2]


def test_a_weight_is_for_select_groups(peer: Peer) -> None:
    request = add_group(bucket(1, 1, weight=3), kind=ofp.OFPGT_ALL)
    assert peer.error(request) == (ofp.OFPET_GROUP_MOD_FAILED, ofp.OFPGMFC_INVALID_GROUP)


def test_buckets_that_stay_keep_their_counters(peer: Peer) -> None:
    to_controller = parser.OFPBucket(1, [TO_CONTROLLER])
    peer.send(add_group(to_controller, kind=ofp.OFPGT_ALL))
    peer.send(packet_out(parser.OFPActionGroup(5)))
    peer.send(group_mod(INSERT, ofp.OFPG_BUCKET_FIRST, parser.OFPBucket(2, []), kind=ofp.OFPGT_ALL))
    (stats,) = peer.body(parser.OFPGroupStatsRequest(DP, 0, 5))
    assert [each.packet_count for each in stats.bucket_stats] == [0, 1]
    assert len(packet_ins(peer)) == 1


# ports, meters, tables, controllers, bundles


def test_ports_may_be_asked_for_one_by_one(peer: Peer) -> None:
    everyone = peer.body(parser.OFPPortDescStatsRequest(DP))
    for port in everyone:
        assert [each.port_no for each in peer.body(parser.OFPPortDescStatsRequest(DP, 0, port.port_no))] == [
            port.port_no
        ]
    assert peer.error(parser.OFPPortDescStatsRequest(DP, 0, 77)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_PORT)


def test_meters(peer: Peer) -> None:
    peer.send(parser.OFPMeterMod(DP, ofp.OFPMC_ADD, ofp.OFPMF_PKTPS, 3, [parser.OFPMeterBandDrop(5, 1)]))
    (desc,) = peer.body(parser.OFPMeterDescStatsRequest(DP, 0, 3))
    assert (desc.meter_id, desc.flags, desc.bands[0].rate) == (3, ofp.OFPMF_PKTPS, 5)
    (stats,) = peer.body(parser.OFPMeterStatsRequest(DP))
    assert (stats.meter_id, stats.ref_count) == (3, 0)
    (features,) = peer.body(parser.OFPMeterFeaturesStatsRequest(DP))
    assert features.features == ofp.OFPMFF_ACTION_SET | ofp.OFPMFF_ANY_POSITION | ofp.OFPMFF_MULTI_LIST


def test_groups_may_copy_fields_and_meter(peer: Peer) -> None:
    features = peer.one(parser.OFPGroupFeaturesStatsRequest(DP)).body
    new = 1 << ofp.OFPAT_COPY_FIELD | 1 << ofp.OFPAT_METER
    assert [actions & new for actions in features.actions] == [new] * 4


def tables(peer: Peer) -> list[Any]:
    return peer.body(parser.OFPTableFeaturesStatsRequest(DP))


def test_every_table_may_be_ingress_or_egress(peer: Peer) -> None:
    told = tables(peer)
    assert [table.table_id for table in told] == list(range(254))
    properties = {item.type: item for item in told[0].properties}
    assert told[0].features == ofp.OFPTFF_INGRESS_TABLE | ofp.OFPTFF_EGRESS_TABLE
    assert {28, 29} <= {item.type for item in properties[ofp.OFPTFPT_APPLY_ACTIONS].action_ids}
    assert {"tcp_flags", "actset_output", "packet_type", "pbb_uca"} <= {
        item.type for item in properties[ofp.OFPTFPT_MATCH].oxm_ids
    }
    assert properties[ofp.OFPTFPT_PACKET_TYPES]["packet_type"] == 0
    assert ofp.OFPIT_STAT_TRIGGER in {item.type for item in properties[ofp.OFPTFPT_INSTRUCTIONS].instruction_ids}


def change(table: int, command: int = ofp.OFPTFC_MODIFY, features: int = 3, **more: Any) -> Any:
    values = {"name": b"mine", "metadata_match": 0, "metadata_write": 0, "capabilities": 0, "max_entries": 0} | more
    stats = parser.OFPTableFeaturesStats(table, command, features, properties=[], **values)
    return parser.OFPTableFeaturesStatsRequest(DP, 0, [stats])


def test_one_table_is_the_first_of_egress(peer: Peer) -> None:
    told = {table.table_id: table for table in peer.body(change(9, features=ofp.OFPTFF_EGRESS_TABLE | 16))}
    assert told[9].name == b"mine"
    assert [number for number, table in told.items() if table.features & ofp.OFPTFF_FIRST_EGRESS] == [9]
    again = peer.body(change(9))
    assert not any(table.features & ofp.OFPTFF_FIRST_EGRESS for table in again)


TABLE_ERRORS: dict[str, tuple[Any, int]] = {
    "unknown command": (change(1, command=9), ofp.OFPTFFC_BAD_COMMAND),
    "unknown flag": (change(1, features=1 << 9), ofp.OFPTFFC_BAD_FEATURES),
    "table 0 cannot be the first of egress": (change(0, features=2 | 16), ofp.OFPTFFC_BAD_FEATURES),
    "first of egress, but no egress table": (change(5, features=16), ofp.OFPTFFC_BAD_FEATURES),
    "unknown capability": (change(1, capabilities=1 << 9), ofp.OFPTFFC_BAD_CAP),
    "more entries than there is room": (change(1, max_entries=1 << 31), ofp.OFPTFFC_BAD_MAX_ENT),
    "tables are always enabled": (change(1, command=ofp.OFPTFC_DISABLE), ofp.OFPTFFC_EPERM),
    "no table is left out": (change(1, command=ofp.OFPTFC_REPLACE), ofp.OFPTFFC_EPERM),
}


@pytest.mark.parametrize("name", TABLE_ERRORS)
def test_table_changes_that_are_refused(peer: Peer, name: str) -> None:
    request, code = TABLE_ERRORS[name]
    assert peer.error(request) == (ofp.OFPET_TABLE_FEATURES_FAILED, code)


def test_controllers_are_told_of_each_other(peer: Peer) -> None:
    wish = [parser.OFPAsyncConfigPropReasons(ofp.OFPACPT_CONT_STATUS_MASTER, mask=0x7F)]
    assert peer.send(parser.OFPSetAsync(DP, wish)) == []
    other = Peer(peer.agent, "tcp:127.0.0.1:7777")
    (came,) = peer.replies()
    assert isinstance(came, parser.OFPControllerStatus)
    assert (came.status.reason, came.status.channel_status) == (ofp.OFPCSR_CHANNEL_STATUS, ofp.OFPCT_STATUS_UP)
    assert came.status.properties[0].uri == b"tcp:127.0.0.1:7777"
    reply = other.one(parser.OFPRoleRequest(DP, ofp.OFPCR_ROLE_SLAVE, 4, 1))
    assert (reply.role, reply.short_id) == (ofp.OFPCR_ROLE_SLAVE, 4)
    changes = [(message.status.reason, message.status.role, message.status.short_id) for message in peer.replies()]
    assert changes == [(ofp.OFPCSR_ROLE, ofp.OFPCR_ROLE_SLAVE, 0), (ofp.OFPCSR_SHORT_ID, ofp.OFPCR_ROLE_SLAVE, 4)]
    known = peer.body(parser.OFPControllerStatusStatsRequest(DP))
    assert [(each.short_id, each.role, each.reason) for each in known] == [(0, 1, 0), (4, 3, 0)]
    taken = parser.OFPRoleRequest(DP, ofp.OFPCR_ROLE_EQUAL, 4, 1)
    assert peer.error(taken) == (ofp.OFPET_ROLE_REQUEST_FAILED, ofp.OFPRRFC_ID_IN_USE)
    peer.agent.disconnected(other.conn, 0)
    (left,) = peer.replies()
    assert (left.status.reason, left.status.channel_status) == (ofp.OFPCSR_CHANNEL_STATUS, ofp.OFPCT_STATUS_DOWN)


def test_asynchronous_messages_of_1_5_are_configured(peer: Peer) -> None:
    masks = {item.type: item.mask for item in peer.one(parser.OFPGetAsyncRequest(DP)).properties}
    assert set(masks) == set(range(16))
    assert masks[ofp.OFPACPT_FLOW_STATS_MASTER] == 1 << ofp.OFPFSR_STAT_TRIGGER


def bundle(peer: Peer, kind: int, flags: int = ofp.OFPBF_ATOMIC, properties: Any = ()) -> Any:
    return peer.one(parser.OFPBundleCtrlMsg(DP, 3, kind, flags, list(properties)))


def test_a_bundle_with_buckets_that_fails_changes_nothing(peer: Peer) -> None:
    peer.send(add_group(bucket(1, 1)))
    assert bundle(peer, ofp.OFPBCT_OPEN_REQUEST).type == ofp.OFPBCT_OPEN_REPLY
    good = group_mod(INSERT, ofp.OFPG_BUCKET_LAST, bucket(2, 1))
    bad = group_mod(REMOVE, 77)
    for message in (good, flow(apply(TO_CONTROLLER)), bad):
        assert peer.send(parser.OFPBundleAddMsg(DP, 3, ofp.OFPBF_ATOMIC, message, [])) == []
    errors = peer.send(parser.OFPBundleCtrlMsg(DP, 3, ofp.OFPBCT_COMMIT_REQUEST, ofp.OFPBF_ATOMIC, []))
    assert [(error.type, error.code) for error in errors] == [
        (ofp.OFPET_GROUP_MOD_FAILED, ofp.OFPGMFC_UNKNOWN_BUCKET),
        (ofp.OFPET_BUNDLE_FAILED, ofp.OFPBFC_MSG_FAILED),
    ]
    assert ids(peer) == [1]
    assert peer.body(parser.OFPFlowDescStatsRequest(DP)) == []


def test_a_bundle_is_committed(peer: Peer) -> None:
    peer.send(add_group(bucket(1, 1)))
    bundle(peer, ofp.OFPBCT_OPEN_REQUEST)
    message = group_mod(INSERT, ofp.OFPG_BUCKET_FIRST, bucket(2, 1))
    assert peer.send(parser.OFPBundleAddMsg(DP, 3, ofp.OFPBF_ATOMIC, message, [])) == []
    assert ids(peer) == [1]
    assert bundle(peer, ofp.OFPBCT_COMMIT_REQUEST).type == ofp.OFPBCT_COMMIT_REPLY
    assert ids(peer) == [2, 1]


def test_flow_monitors(peer: Peer) -> None:
    flags = ofp.OFPFMF_INITIAL | ofp.OFPFMF_ADD | ofp.OFPFMF_INSTRUCTIONS | ofp.OFPFMF_NO_ABBREV
    peer.send(flow(apply(TO_CONTROLLER), match=parser.OFPMatch(eth_type=0x0806), cookie=5))
    (initial,) = peer.body(parser.OFPFlowMonitorRequest(DP, monitor_id=1, monitor_flags=flags))
    assert (initial.event, initial.cookie, initial.match["eth_type"]) == (ofp.OFPFME_INITIAL, 5, 0x0806)
    (added,) = peer.body(flow(apply(TO_CONTROLLER), priority=6, cookie=9))
    assert (added.event, added.cookie, added.instructions[0].actions[0].port) == (
        ofp.OFPFME_ADDED,
        9,
        ofp.OFPP_CONTROLLER,
    )


def test_capabilities(peer: Peer) -> None:
    features = peer.one(parser.OFPFeaturesRequest(DP))
    assert features.capabilities & ofp.OFPC_BUNDLES
    assert features.capabilities & ofp.OFPC_FLOW_MONITORING


# stat-triggers


def trigger(flags: int = 0, **thresholds: Any) -> Any:
    return parser.OFPInstructionStatTrigger(flags, parser.OFPStats(**thresholds))


def told(peer: Peer, seconds: float) -> list[Any]:
    """The packet counts that the triggers tell at a time."""
    peer.now = int(seconds * SECOND)
    peer.agent.tick(peer.now)
    replies = [reply for reply in peer.replies() if isinstance(reply, parser.OFPFlowStatsReply)]
    assert all(reply.xid == reply.flags == 0 for reply in replies)
    records = [record for reply in replies for record in reply.body]
    assert all(record.reason == ofp.OFPFSR_STAT_TRIGGER for record in records)
    return [record.stats["packet_count"] for record in records]


def to_table(peer: Peer) -> None:
    assert peer.send(packet_out(parser.OFPActionOutput(ofp.OFPP_TABLE, 0))) == []


def test_a_trigger_tells_once(peer: Peer) -> None:
    peer.send(flow(trigger(duration=(5, SECOND // 2))))
    assert [told(peer, at) for at in (1, 5.4, 5.5, 6, 11)] == [[], [], [0], [], []]
    (desc,) = peer.body(parser.OFPFlowDescStatsRequest(DP))
    assert desc.instructions[0].thresholds["duration"] == (5, SECOND // 2)


def test_a_trigger_of_packets_tells_periodically(peer: Peer) -> None:
    peer.send(flow(trigger(ofp.OFPSTF_PERIODIC, packet_count=2)))
    counts = []
    for at in range(1, 6):
        to_table(peer)
        counts.append(told(peer, at))
    assert counts == [[], [2], [], [4], []]


def test_only_the_first_threshold_tells(peer: Peer) -> None:
    """Then all of them begin anew."""
    peer.send(flow(trigger(ofp.OFPSTF_PERIODIC | ofp.OFPSTF_ONLY_FIRST, packet_count=2, duration=(3, 0))))
    to_table(peer)
    assert [told(peer, 1), told(peer, 3)] == [[], [1]]
    to_table(peer)
    assert told(peer, 4) == []
    to_table(peer)
    assert [told(peer, 5), told(peer, 6), told(peer, 8)] == [[3], [], [3]]


def test_a_trigger_goes_with_its_flow(peer: Peer) -> None:
    peer.send(flow(trigger(duration=(5, 0))))
    assert told(peer, 1) == []
    peer.send(flow())
    assert told(peer, 6) == []


def test_triggers_are_not_told_to_who_does_not_want_them(peer: Peer) -> None:
    none = parser.OFPAsyncConfigPropReasons(type_=ofp.OFPACPT_FLOW_STATS_MASTER, mask=0)
    assert peer.send(parser.OFPSetAsync(DP, [none])) == []
    peer.send(flow(trigger(duration=(5, 0))))
    assert told(peer, 6) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ("80020808 0000000000000001", None),
        ("80020804 00000001", ofp.OFPBIC_BAD_LEN),
        ("80020808 00000001", ofp.OFPBIC_BAD_LEN),
        ("80020808 0000000000000001 80020604 00000001", ofp.OFPBIC_UNSUP_INST),
        ("80022008 0000000000000001", ofp.OFPBIC_UNSUP_INST),
        ("00020808 0000000000000001", ofp.OFPBIC_UNSUP_INST),
    ],
)
def test_what_triggers_may_be_of(peer: Peer, fields: str, code: int | None) -> None:
    stats = bytes.fromhex(fields)
    stats = b"\x00\x00" + (len(stats) + 4).to_bytes(2) + stats
    stats += bytes(-len(stats) % 8)
    wire = (7).to_bytes(2) + (8 + len(stats)).to_bytes(2) + bytes(4) + stats
    message = flow()
    data = bytes(message.serialize()) + wire
    data = data[:2] + len(data).to_bytes(2) + data[4:]
    peer.agent.received(peer.conn, data, peer.now)
    errors = [(error.type, error.code) for error in peer.replies()]
    assert errors == ([] if code is None else [(ofp.OFPET_BAD_INSTRUCTION, code)])
