"""The public OpenFlow 1.3 switch suite's action tests, run on the kernels alone: same bytes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import os_ken.tests.switch
import pytest
from os_ken.lib.packet import arp, ethernet, icmp, icmpv6, ipv4, ipv6, mpls, pbb, sctp, tcp, udp, vlan
from os_ken.lib.packet.packet import Packet
from os_ken.ofproto import ofproto_v1_3, ofproto_v1_3_parser

from tests.oracle.checksums import sctp_check
from tests.oracle.slots import contents, place
from triplane.dataplane.kernels import rewrite
from triplane.dataplane.kernels.fields import BY_NAME, FIELDS
from triplane.dataplane.kernels.packet import ADDR
from triplane.dataplane.kernels.parse import layout
from triplane.dataplane.kernels.pool import Words, give_one, make_pool

POOL = make_pool(512, 0)
SUITE = Path(next(iter(os_ken.tests.switch.__path__))) / "of13" / "action"
NAMES: dict[str, Any] = {}
for module in (arp, ethernet, icmp, icmpv6, ipv4, ipv6, mpls, pbb, sctp, tcp, udp, vlan):
    NAMES |= {name: thing for name, thing in vars(module).items() if isinstance(thing, type)}
NAMES |= {"echo": icmp.echo, "icmpv6echo": icmpv6.echo}
sctp.sctp._checksum = lambda _, data: int.from_bytes(sctp_check(bytes(data)), "big")  # os-ken's sums str(data)


def cases() -> list[Any]:
    found = []
    for path in sorted(SUITE.rglob("*.json")):
        for case in json.loads(path.read_text())[1:]:
            found.append(pytest.param(case, id=f"{path.stem}:{case['description'][:60]}"))
    return found


def build(layers: list[str]) -> bytes:
    """The suite writes packets as Python expressions over os-ken's packet library."""
    built = Packet()
    for layer in layers:
        built.add_protocol(eval(layer, dict(NAMES)))
    built.serialize()
    return bytes(built.data)


def listed_actions(case: dict[str, Any]) -> list[dict[str, Any]]:
    """All actions of its flows: they go from table to table in the order they stand."""
    actions = []
    for message in case["prerequisite"]:
        for instruction in message["OFPFlowMod"]["instructions"]:
            actions += instruction.get("OFPInstructionActions", {}).get("actions", [])
    return actions


def set_field(row: Words, argument: dict[str, Any]) -> int:
    action = ofproto_v1_3_parser.OFPActionSetField.from_jsondict(argument)
    number, value, _ = ofproto_v1_3.oxm_from_user(action.key, action.value)
    number &= 0x7F  # os-ken's has the OXM class above
    assert FIELDS[number] == BY_NAME[action.key]
    wide = len(value) == 16
    parts = (value[:8], value[8:]) if wide else (value, b"")
    high, low = (int.from_bytes(part, "big", signed=wide) for part in parts)
    return rewrite.set_field(POOL.mem, row, number, high, low)


def apply(row: Words, action: dict[str, Any]) -> int:
    mem, pool = POOL.mem, POOL.pool
    [(name, argument)] = action.items()
    if name == "OFPActionSetField":
        return set_field(row, argument)
    if name in {"OFPActionPushVlan", "OFPActionPushMpls", "OFPActionPushPbb"}:
        push = {"Vlan": rewrite.push_vlan, "Mpls": rewrite.push_mpls, "Pbb": rewrite.push_pbb}[name[13:]]
        return push(mem, pool, row, argument["ethertype"])
    if name == "OFPActionPopMpls":
        return rewrite.pop_mpls(mem, row, argument["ethertype"])
    if name == "OFPActionSetNwTtl":
        return rewrite.set_nw_ttl(mem, row, argument["nw_ttl"])
    if name == "OFPActionSetMplsTtl":
        return rewrite.set_mpls_ttl(mem, row, argument["mpls_ttl"])
    plain = {
        "OFPActionPopVlan": rewrite.pop_vlan,
        "OFPActionPopPbb": rewrite.pop_pbb,
        "OFPActionDecNwTtl": rewrite.dec_nw_ttl,
        "OFPActionDecMplsTtl": rewrite.dec_mpls_ttl,
        "OFPActionCopyTtlOut": rewrite.copy_ttl_out,
        "OFPActionCopyTtlIn": rewrite.copy_ttl_in,
    }
    return 0 if name == "OFPActionOutput" else plain[name](mem, row)


@pytest.mark.parametrize("case", cases())
def test_public_suite(case: dict[str, Any]) -> None:
    for test in case["tests"]:
        row = place(POOL, build(test["ingress"]))
        layout(POOL.mem, row)
        for action in listed_actions(case):
            assert apply(row, action) == rewrite.DONE, action
        rewrite.pad(POOL.mem, POOL.pool, row)
        expected = build(test["egress"])
        assert contents(POOL.mem, row) == expected + bytes(max(0, 60 - len(expected)))
        give_one(POOL.pool, row[ADDR])


def test_the_suite_is_there() -> None:
    assert len(cases()) > 150
