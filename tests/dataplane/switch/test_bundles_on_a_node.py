"""Packets in bundles over the real data plane: each meets the rules of its place, and a failed bundle sends none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_4 as ofp
from os_ken.ofproto import ofproto_v1_4_parser as parser

from tests.dataplane.switch.peer import SECOND, Peer
from tests.dataplane.switch.test_bundles import COMMIT, DESC, FRAME, Script
from triplane.dataplane.node import Node
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.state import AgentConfig, Identity

THROUGH = [parser.OFPActionOutput(ofp.OFPP_TABLE)]


class OnNode(Script):
    def __init__(self, node: Node) -> None:
        self.agent = Agent(node, Identity(1), AgentConfig(versions=(5,)))
        self.version, self.desc, self.parser = 5, DESC, parser
        self.peer = Peer(self.agent, wire.hello((5,)))

    def shows(self, cookie: int, **match: Any) -> Any:
        """A flow that shows packets to the controller, with its cookie."""
        show = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)
        apply = parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [show])
        return self.flow(1, cookie=cookie, match=parser.OFPMatch(**match), instructions=[apply])

    def through_tables(self) -> Any:
        return parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, THROUGH, FRAME)

    def no_flows(self) -> Any:
        return self.flow(
            0, command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL, out_port=ofp.OFPP_ANY, out_group=ofp.OFPG_ANY
        )

    def commit(self, *messages: Any) -> list[Any]:
        """What comes of a bundle of these, packets last."""
        self.peer.send(*(self.add(message, xid=number) for number, message in enumerate(messages)))
        replies = self.peer.send(self.control(COMMIT))
        self.agent.poll_packet_ins(0)
        return replies + self.peer.replies()

    def count(self) -> int:
        return len(self.peer.one(parser.OFPFlowStatsRequest(DESC)).body)


@pytest.fixture
def script() -> Iterator[OnNode]:
    node = Node()
    yield OnNode(node)
    node.close()


def test_each_packet_meets_the_rules_of_its_place(script: OnNode) -> None:
    one, two, packet = script.shows(1), script.shows(2), script.through_tables()
    answer, *packets = script.commit(packet, one, packet, two, packet, script.no_flows(), packet)
    assert (answer.type, [each.cookie for each in packets]) == (COMMIT + 1, [1, 2])
    assert script.count() == 0


def test_a_packet_goes_through_a_group_of_its_bundle_that_is_gone_at_the_end(script: OnNode) -> None:
    bucket = parser.OFPBucket(actions=[parser.OFPActionOutput(ofp.OFPP_CONTROLLER, 65535)])
    add = parser.OFPGroupMod(DESC, ofp.OFPGC_ADD, ofp.OFPGT_ALL, 1, [bucket])
    delete = parser.OFPGroupMod(DESC, ofp.OFPGC_DELETE, ofp.OFPGT_ALL, 1, [])
    to_group = parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, [parser.OFPActionGroup(1)], FRAME)
    answer, packet = script.commit(add, to_group, delete)
    assert (answer.type, packet.reason, packet.data) == (COMMIT + 1, ofp.OFPR_GROUP, FRAME)


def test_no_packet_leaves_a_bundle_that_fails(script: OnNode) -> None:
    nowhere = parser.OFPPacketOut(DESC, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, [parser.OFPActionGroup(9)], FRAME)
    first, second = script.commit(script.shows(1), script.through_tables(), nowhere)
    assert (first.xid, first.type, first.code) == (2, ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_OUT_GROUP)
    assert script.code(second) == ofp.OFPBFC_MSG_FAILED
    assert script.count() == 0
    assert script.commit(script.shows(1), script.through_tables())[1].cookie == 1, "the switch is as before"


def test_eviction_of_a_bundle_that_fails_is_off_again(script: OnNode) -> None:
    flows = script.agent.datapath.state.flows
    flows.limit(1)
    evict = parser.OFPTableMod(DESC, 0, ofp.OFPTC_EVICTION, [])
    script.peer.send(script.flow(1))
    first, second = script.commit(evict, script.flow(2), script.flow(3, table_id=255))
    assert (first.xid, script.code(second)) == (2, ofp.OFPBFC_MSG_FAILED)
    assert script.peer.error(script.flow(2)) == (ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_TABLE_FULL)
    assert script.commit(evict, script.flow(2))[0].type == COMMIT + 1
    assert script.count() == 1


def test_a_monitor_hears_of_each_change_once(script: OnNode) -> None:
    adds = {
        "monitor_flags": ofp.OFPFMF_ADD,
        "out_port": ofp.OFPP_ANY,
        "out_group": ofp.OFPG_ANY,
        "table_id": ofp.OFPTT_ALL,
    }
    everything = parser.OFPFlowMonitorRequest(DESC, monitor_id=5, match=parser.OFPMatch(), **adds)
    watcher = Peer(script.agent, wire.hello((5,)))
    watcher.send(everything)
    script.commit(script.shows(1), script.through_tables())
    script.agent.tick(SECOND)
    told = [update for reply in watcher.replies() if hasattr(reply, "body") for update in reply.body]
    assert [update.cookie for update in told] == [1]
