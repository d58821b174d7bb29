"""OpenFlow 1.0: the same calls on our parser and on os-ken's give the same bytes, and the same values out of bytes."""

from __future__ import annotations

import json
import struct
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.ofproto import nx_match
from os_ken.ofproto import ofproto_v1_0 as their_ofproto
from os_ken.ofproto import ofproto_v1_0_parser as their_parser

from tests.dataplane.openflow.messages_v1_0 import BUILDERS, MATCHES, REPLIES
from triplane.dataplane.openflow import codec, ofproto_v1_0, ofproto_v1_0_parser
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_parser import ofp_msg_from_jsondict

DATA = Path(str(files("os_ken.tests") / "packet_data" / "of10"))
JSON = Path(str(files("os_ken.tests") / "unit" / "ofproto" / "json" / "of10"))
THEIRS = SimpleNamespace(ofproto=their_ofproto, ofproto_parser=their_parser)
OURS = codec.PROTOCOLS[1]


@pytest.mark.parametrize("name", BUILDERS)
def test_same_bytes(name: str) -> None:
    ours, theirs = BUILDERS[name](OURS), BUILDERS[name](THEIRS)
    theirs.serialize()
    assert ours.serialize() == bytes(theirs.buf)


@pytest.mark.parametrize("name", BUILDERS)
def test_what_was_written_is_read(name: str) -> None:
    data = BUILDERS[name](OURS).serialize()
    read = codec.parse(1, data, OURS)
    inner = read.data if name.startswith("nx_") and hasattr(read, "data") else read
    assert type(inner) is type(BUILDERS[name](OURS))
    assert read.serialize() == data


@pytest.mark.parametrize("match", MATCHES, ids=",".join)
def test_matches(match: dict[str, Any]) -> None:
    ours, theirs = ofproto_v1_0_parser.OFPMatch(**match), their_parser.OFPMatch(**match)
    wire = bytearray()
    theirs.serialize(wire, 0)
    assert ours.to_bytes() == bytes(wire)
    assert ours.to_jsondict() == theirs.to_jsondict()
    for name in ("in_port", "dl_src", "nw_src", "nw_dst", "nw_dst_mask", "tp_dst", "wildcards"):
        assert (name in ours) == bool(name in theirs)
        if name in ours:
            assert ours[name] == theirs[name]


def test_a_field_that_is_left_out_is_no_item() -> None:
    with pytest.raises(KeyError):
        ofproto_v1_0_parser.OFPMatch(in_port=1)["dl_type"]


def attributes(value: Any) -> Any:
    """What a script sees of a message or a record of it."""
    if isinstance(value, dict):
        return {key: attributes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [attributes(item) for item in value]
    if type(value).__name__ in ("NXMatch", "MFField") or callable(value):
        return None
    if not hasattr(value, "__class__") or isinstance(value, int | str | bytes | type(None)):
        return value
    names = getattr(value, "_fields", None) or [name for name in vars_of(value) if not name.startswith("_")]
    skipped = ("datapath", "buf", "type", "len", "length", "match_len", "fields", "vendor", "subtype")
    return {name: attributes(getattr(value, name)) for name in sorted(names) if name not in skipped}


def vars_of(value: Any) -> list[str]:
    return list(vars(value))


@pytest.mark.parametrize("name", REPLIES)
def test_same_values_of_what_a_switch_says(name: str) -> None:
    kind, body = REPLIES[name]
    data = struct.pack("!BBHI", 1, kind, 8 + len(body), 7) + body
    theirs = their_parser.msg_parser(THEIRS, 1, kind, len(data), 7, data)
    ours = codec.parse(1, data, OURS)
    assert missing(attributes(theirs), ours) == []
    if "padded" not in name:
        assert ours.serialize() == data


def missing(expected: Any, ours: Any) -> list[str]:
    """Where ours differs from a tree of attributes."""
    if isinstance(expected, dict):
        found = []
        for key, value in expected.items():
            mine = ours[key] if isinstance(ours, dict) else getattr(ours, key, "nothing")
            found += [f"{key}: {line}" for line in missing(value, mine)]
        return found
    if isinstance(expected, list):
        if not isinstance(ours, list) or len(ours) != len(expected):
            return [f"{ours} is not {expected}"]
        return [line for one, mine in zip(expected, ours, strict=True) for line in missing(one, mine)]
    return [] if expected is None or ours == expected else [f"{ours!r} is not {expected!r}"]


def test_an_nxm_match_by_name() -> None:
    kind, body = REPLIES["nx_packet_in"]
    message = codec.parse(1, struct.pack("!BBHI", 1, kind, 8 + len(body), 7) + body)
    assert message.data.match["in_port_nxm"] == 1
    assert message.data.match["eth_type_nxm"] == 0x0800


def test_a_flow_mod_with_an_nxm_match() -> None:
    rule = nx_match.ClsRule()
    rule.set_in_port(1)
    rule.set_dl_type(0x0800)
    theirs = their_parser.NXTFlowMod(THEIRS, 1, 0, rule=rule, actions=[their_parser.OFPActionOutput(3, 0)])
    theirs.serialize()
    match = ofproto_v1_0_parser.NXMatch(in_port_nxm=1, eth_type_nxm=0x0800)
    ours = ofproto_v1_0_parser.NXTFlowMod(OURS, 1, 0, rule=match, actions=[ofproto_v1_0_parser.OFPActionOutput(3, 0)])
    assert ours.serialize() == bytes(theirs.buf)


def test_flow_monitors_of_nicira_are_read_as_they_were_written() -> None:
    p, o = ofproto_v1_0_parser, ofproto_v1_0
    match = p.NXMatch(reg0=1)
    monitors = [p.NXFlowMonitorRequest(1, o.NXFMF_ADD, 3, 4, match), p.NXFlowMonitorRequest(2, 1, rule=match)]
    update = p.NXFlowUpdateFull(
        event=o.NXFME_ADDED, reason=0, priority=1, idle_timeout=2, hard_timeout=3, table_id=4, cookie=5, match=match,
        actions=[p.OFPActionOutput(7)],
    )  # fmt: skip
    reply = p.NXFlowMonitorStatsReply(OURS)
    reply.flags, reply.body = 0, [update, p.NXFlowUpdateAbbrev(event=o.NXFME_ABBREV, xid=9)]
    messages = [
        p.NXFlowMonitorStatsRequest(OURS, 0, monitors), reply, p.NXTFlowMonitorCancel(OURS, 7),
        p.NXTFlowMonitorPaused(OURS), p.NXTFlowMonitorResumed(OURS),
    ]  # fmt: skip
    for message in messages:
        data = message.serialize()
        read = codec.parse(1, data, OURS)
        assert (str(getattr(read, "data", read)), read.serialize()) == (str(message), data)
    for size in range(25, 48):
        cut = messages[0].buf[:2] + size.to_bytes(2) + messages[0].buf[4:size]
        with pytest.raises(OpenFlowError):
            codec.parse(1, cut, OURS)


NAMES = sorted(path.name for path in DATA.glob("*.packet"))


def is_plain(name: str) -> bool:
    """Without Nicira's actions and without packets of the packet library as JSON."""
    text = (JSON / f"{name}.json").read_text()
    return '"NXAction' not in text and '"Packet"' not in text


PLAIN = [name for name in NAMES if is_plain(name)]


@pytest.mark.parametrize("name", PLAIN)
def test_fixtures_read_as_os_ken_and_built_again(name: str) -> None:
    data = (DATA / name).read_bytes()
    expected = json.loads((JSON / f"{name}.json").read_text())
    message = codec.parse(1, data, OURS)
    assert json.loads(json.dumps(message.to_jsondict())) == expected
    assert message.serialize() == data
    built = ofp_msg_from_jsondict(OURS, expected)
    built.set_xid(int.from_bytes(data[4:8], "big"))
    assert sorted(built.serialize()) == sorted(data)  # JSON's ports come in another order
    assert json.loads(json.dumps(codec.parse(1, built.buf).to_jsondict())) == expected


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_written_again_are_the_same(name: str) -> None:
    data = (DATA / name).read_bytes()
    assert codec.parse(1, data, OURS).serialize() == data


BAD = {
    "an unknown type": (b"\x01\x63\x00\x08\0\0\0\0", (1, 1)),
    "an unknown statistic": (b"\x01\x10\x00\x0c\0\0\0\0\0\x63\0\0", (1, 2)),
    "a flow-mod cut short": (b"\x01\x0e\x00\x10\0\0\0\0" + bytes(8), (1, 6)),
    "an unknown action": (b"\x01\x0d\x00\x18\0\0\0\0" + bytes(6) + b"\0\x08\0\x63\0\x08\0\0\0\0", (2, 0)),
    "an action of odd length": (b"\x01\x0d\x00\x18\0\0\0\0" + bytes(6) + b"\0\x08\0\0\0\x09\0\0\0\0", (2, 1)),
}


@pytest.mark.parametrize("name", BAD)
def test_the_error_of_what_is_malformed(name: str) -> None:
    data, expected = BAD[name]
    with pytest.raises(OpenFlowError) as caught:
        codec.parse(1, data)
    assert (caught.value.type, caught.value.code) == expected


def test_every_number_is_theirs() -> None:
    ours, theirs = vars(ofproto_v1_0), vars(their_ofproto)
    checked = [n for n, v in theirs.items() if isinstance(v, int | str) and n.startswith(("OFP", "NXT", "NXST"))]
    assert len(checked) > 280
    assert [(name, ours.get(name)) for name in checked if ours.get(name) != theirs[name]] == []


def test_names_of_numbers() -> None:
    assert ofproto_v1_0.ofp_msg_type_to_str(16) == "OFPT_STATS_REQUEST(16)"
    assert ofproto_v1_0.ofp_error_type_to_str(3) == "OFPET_FLOW_MOD_FAILED(3)"
    assert ofproto_v1_0.ofp_error_code_to_str(3, 1) == "OFPFMFC_OVERLAP(1)"
    assert ofproto_v1_0.ofp_error_code_to_str(77, 1) == "Unknown(1)"


def test_every_class_of_theirs_is_here() -> None:
    prefixes = ("OFP", "NXT", "NXFlowStats")
    classes = [n for n, v in vars(their_parser).items() if isinstance(v, type) and n.startswith(prefixes)]
    assert [name for name in classes if not hasattr(ofproto_v1_0_parser, name)] == []


@given(st.binary(min_size=40, max_size=40))
def test_any_match(raw: bytes) -> None:
    theirs = their_parser.OFPMatch.parse(raw, 0)
    ours = ofproto_v1_0_parser.OFPMatch.parse(raw, 0)
    again = bytearray()
    theirs.serialize(again, 0)
    assert ours.to_bytes() == bytes(again)
    assert ours.to_jsondict() == theirs.to_jsondict()
