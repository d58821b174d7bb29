"""Each NXAction class of Ryu's, in a flow-mod: it is told back as it was sent, or refused by an error with a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3_parser as parser13

from tests.dataplane.openflow.test_nx_actions import CASES, json_copy, specs, wire_of
from tests.dataplane.switch.peer import DESC, HELLO, Peer
from tests.dataplane.switch.test_v1_0 import D, Peer10
from triplane.dataplane.node import Node
from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_0_parser as parser10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as ours13
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.state import Identity

NO_SUCH = ofp.OFPBAC_BAD_EXP_TYPE
REFUSED = {
    **dict.fromkeys(("Sample", "Sample2", "CT", "CTClear", "NAT"), (ofp.OFPET_BAD_ACTION, NO_SUCH)),
    "RegLoad2 tun_ipv4_src": (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_FIELD),
    "RegMove _dp_hash": (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_FIELD),
}
MPLS = ("PopMpls", "SetMplsTtl", "DecMplsTtl", "SetMplsLabel", "SetMplsTc")
IP = ("DecTtl", "DecTtlCntIds", "FinTimeout")
LEARN: dict[str, Any] = {"table_id": 1, "hard_timeout": 300, "idle_timeout": 1, "priority": 1, "cookie": 100}
NAMES = [(name, arguments) for name, arguments in CASES] + [("Learn", LEARN), ("Learn", {**LEARN, "flags": 3})]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


def action_of(parser: Any, name: str, arguments: dict[str, Any]) -> Any:
    found = json_copy(arguments)
    if name == "Learn":
        found["specs"] = specs(parser)
    return getattr(parser, f"NXAction{name}")(**found)


def eth_type(name: str) -> int:
    return 0x8847 if name in MPLS else 0x0800 if name in IP else 0x0806


def refusal(name: str, arguments: dict[str, Any]) -> tuple[int, int] | None:
    field = arguments.get("dst") or arguments.get("src_field")
    return REFUSED.get(f"{name} {field}") or REFUSED.get(name)


@pytest.mark.parametrize(("name", "arguments"), NAMES)
def test_in_1_3(node: Node, name: str, arguments: dict[str, Any]) -> None:
    peer = Peer(Agent(node, Identity(7)), HELLO)
    everything = {"table_id": 255, "out_port": ofp.OFPP_ANY, "out_group": ofp.OFPG_ANY}
    peer.send(ours13.OFPFlowMod(DESC, command=ofp.OFPFC_DELETE, **everything))
    action = action_of(ours13, name, arguments)
    fields = {"eth_type": eth_type(name), **({"ip_proto": 6} if name in IP else {})}
    apply = ours13.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [action])
    message = ours13.OFPFlowMod(DESC, match=ours13.OFPMatch(**fields), instructions=[apply])
    error = refusal(name, arguments)
    if error:
        assert peer.error(message) == error
        return
    assert peer.send(message) == []
    told = peer.one(parser13.OFPFlowStatsRequest(DESC))
    assert len(told.body) == 1
    assert bytes(told.buf).endswith(wire_of(action))


@pytest.mark.parametrize(("name", "arguments"), NAMES)
def test_in_1_0(node: Node, name: str, arguments: dict[str, Any]) -> None:
    peer = Peer10(Agent(node, Identity(7)))
    peer.send(parser10.OFPFlowMod(D, command=ofp10.OFPFC_DELETE))
    action = action_of(parser10, name, arguments)
    match = parser10.OFPMatch(dl_type=eth_type(name), **({"nw_proto": 6} if name in IP else {}))
    message = parser10.OFPFlowMod(D, match=match, actions=[action])
    error = refusal(name, arguments)
    if error:
        assert peer.one(message).msg_type == ofp10.OFPT_ERROR
        return
    assert peer.send(message) == []
    (told,) = peer.flows()
    assert [wire_of(each) for each in told.actions] == [wire_of(action)]
