"""Every kind of action and instruction as text."""

import re

import pytest

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
from triplane.nodes import describe

ACTIONS = [
    (parser.OFPActionOutput(7), "output:7"),
    (parser.OFPActionOutput(ofp.OFPP_CONTROLLER), "output:controller"),
    (parser.OFPActionOutput(ofp.OFPP_IN_PORT), "output:in_port"),
    (parser.OFPActionGroup(9), "group:9"),
    (parser.OFPActionSetQueue(3), "set_queue:3"),
    (parser.OFPActionSetMplsTtl(64), "set_mpls_ttl:64"),
    (parser.OFPActionDecMplsTtl(), "dec_mpls_ttl"),
    (parser.OFPActionSetNwTtl(1), "set_nw_ttl:1"),
    (parser.OFPActionDecNwTtl(), "dec_nw_ttl"),
    (parser.OFPActionCopyTtlOut(), "copy_ttl_out"),
    (parser.OFPActionCopyTtlIn(), "copy_ttl_in"),
    (parser.OFPActionPushVlan(0x88A8), "push_vlan:0x88a8"),
    (parser.OFPActionPopVlan(), "pop_vlan"),
    (parser.OFPActionPushMpls(0x8848), "push_mpls:0x8848"),
    (parser.OFPActionPopMpls(0x0800), "pop_mpls:0x0800"),
    (parser.OFPActionPushPbb(0x88E7), "push_pbb:0x88e7"),
    (parser.OFPActionPopPbb(), "pop_pbb"),
    (parser.OFPActionSetField(ipv4_src="10.0.0.1"), "set_field:ipv4_src=10.0.0.1"),
    (parser.OFPActionSetField(eth_type=0x0806), "set_field:eth_type=0x0806"),
    (parser.OFPActionSetField(vlan_vid=0x1005), "set_field:vlan_vid=4101"),
]
INSTRUCTIONS = [
    (parser.OFPInstructionGotoTable(3), "goto:3"),
    (parser.OFPInstructionWriteMetadata(0x12, 0xFF), "metadata:0x12/0xff"),
    (parser.OFPInstructionMeter(8), "meter:8"),
    (parser.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, []), "clear"),
    (parser.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, [parser.OFPActionGroup(1)]), "write(group:1)"),
    (parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, []), "apply(drop)"),
    (
        parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [parser.OFPActionPopVlan(), parser.OFPActionOutput(2)]),
        "apply(pop_vlan,output:2)",
    ),
]


@pytest.mark.parametrize(("action", "text"), ACTIONS)
def test_action(action: object, text: str) -> None:
    assert describe.action(action) == text


def test_all_standard_actions_are_tried() -> None:
    classes = {
        getattr(parser, name)
        for name in dir(parser)
        if re.fullmatch("OFPAction(?!Header|Experimenter|Id)[A-Z].*", name)
    }
    assert {type(action) for action, _ in ACTIONS} == classes


@pytest.mark.parametrize(("instruction", "text"), INSTRUCTIONS)
def test_instruction(instruction: object, text: str) -> None:
    assert describe.instruction(instruction) == text


def test_no_instructions_drop() -> None:
    assert describe.instructions([]) == "drop"
    assert describe.instructions([item for item, _ in INSTRUCTIONS[:3]]) == "goto:3 metadata:0x12/0xff meter:8"


def test_match() -> None:
    assert describe.match(parser.OFPMatch()) == "any"
    fields = {"in_port": 0xFFFFFFFE, "eth_type": 0x86DD, "ipv6_src": ("fd00::", "ffff::"), "metadata": (1, 0xFF)}
    assert set(describe.match(parser.OFPMatch(**fields)).split(",")) == {
        "in_port=local",
        "eth_type=0x86dd",
        "ipv6_src=fd00::/ffff::",
        "metadata=0x0001/0x00ff",
    }
