"""OpenFlow 1.2: the same calls on our parser and on os-ken's give the same bytes, and the same values out of bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_2 as their_ofproto
from os_ken.ofproto import ofproto_v1_2_parser as their_parser

from triplane.dataplane.openflow import codec, ofproto_v1_2, ofproto_v1_2_parser
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_parser import ofp_msg_from_jsondict

DATA = Path(str(files("os_ken.tests") / "packet_data" / "of12"))
JSON = Path(str(files("os_ken.tests") / "unit" / "ofproto" / "json" / "of12"))
THEIRS = SimpleNamespace(ofproto=their_ofproto, ofproto_parser=their_parser)
OURS = codec.PROTOCOLS[3]
MAC = "02:00:00:00:00:01"


def match(d: Any) -> Any:
    return d.ofproto_parser.OFPMatch(in_port=1, eth_type=0x0800, ipv4_dst=("10.0.0.0", "255.0.0.0"))


def actions(d: Any) -> list[Any]:
    p = d.ofproto_parser
    return [p.OFPActionSetField(eth_dst=MAC), p.OFPActionPushVlan(), p.OFPActionOutput(3), p.OFPActionGroup(4)]


def flow_mod(d: Any) -> Any:
    p, o = d.ofproto_parser, d.ofproto
    instructions = [p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, actions(d)), p.OFPInstructionGotoTable(4)]
    return p.OFPFlowMod(d, 1, 2, 3, o.OFPFC_ADD, 5, 6, 7, 8, 9, 10, 1, match(d), instructions)


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "hello": lambda d: d.ofproto_parser.OFPHello(d),
    "error": lambda d: d.ofproto_parser.OFPErrorMsg(d, 1, 2, b"bad"),
    "echo_request": lambda d: d.ofproto_parser.OFPEchoRequest(d, b"ping"),
    "experimenter": lambda d: d.ofproto_parser.OFPExperimenter(d, 1, 2, b"data"),
    "features_request": lambda d: d.ofproto_parser.OFPFeaturesRequest(d),
    "set_config": lambda d: d.ofproto_parser.OFPSetConfig(d, 4, 128),
    "packet_out": lambda d: d.ofproto_parser.OFPPacketOut(d, 0xFFFFFFFF, 3, actions(d), b"frame"),
    "flow_mod": flow_mod,
    "flow_mod_plain": lambda d: d.ofproto_parser.OFPFlowMod(d),
    "group_mod": lambda d: d.ofproto_parser.OFPGroupMod(
        d, d.ofproto.OFPGC_ADD, d.ofproto.OFPGT_FF, 7, [d.ofproto_parser.OFPBucket(1, 2, 3, actions(d))]
    ),
    "port_mod": lambda d: d.ofproto_parser.OFPPortMod(d, 3, MAC, 1, 2, 3),
    "table_mod": lambda d: d.ofproto_parser.OFPTableMod(d, 3, d.ofproto.OFPTC_TABLE_MISS_DROP),
    "desc": lambda d: d.ofproto_parser.OFPDescStatsRequest(d),
    "flow_stats": lambda d: d.ofproto_parser.OFPFlowStatsRequest(d, 1, 2, 3, 4, 5, match(d), 0),
    "aggregate": lambda d: d.ofproto_parser.OFPAggregateStatsRequest(d, 1, 2, 3, 4, 5, match(d)),
    "table_stats": lambda d: d.ofproto_parser.OFPTableStatsRequest(d),
    "port_stats": lambda d: d.ofproto_parser.OFPPortStatsRequest(d, 5),
    "queue_stats": lambda d: d.ofproto_parser.OFPQueueStatsRequest(d, 5, 6),
    "group_stats": lambda d: d.ofproto_parser.OFPGroupStatsRequest(d, 5),
    "group_desc": lambda d: d.ofproto_parser.OFPGroupDescStatsRequest(d),
    "group_features": lambda d: d.ofproto_parser.OFPGroupFeaturesStatsRequest(d),
    "queue_get_config": lambda d: d.ofproto_parser.OFPQueueGetConfigRequest(d, 5),
    "barrier": lambda d: d.ofproto_parser.OFPBarrierRequest(d),
    "role": lambda d: d.ofproto_parser.OFPRoleRequest(d, d.ofproto.OFPCR_ROLE_MASTER, 7),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_same_bytes(name: str) -> None:
    ours, theirs = BUILDERS[name](OURS), BUILDERS[name](THEIRS)
    theirs.serialize()
    assert ours.serialize() == bytes(theirs.buf)


@pytest.mark.parametrize("name", BUILDERS)
def test_what_was_written_is_read(name: str) -> None:
    data = BUILDERS[name](OURS).serialize()
    read = codec.parse(3, data, OURS)
    assert type(read) is type(BUILDERS[name](OURS))
    assert read.serialize() == data


NAMES = sorted(path.name for path in DATA.glob("*.packet"))


def expected(name: str) -> Any:
    """Ryu never read the port-mod from which one file was made: its address is as a user had written it."""
    return json.loads((JSON / f"{name}.json").read_text().replace("00-11-00-00-11-11", "00:11:00:00:11:11"))


def is_plain(name: str) -> bool:
    """Without Nicira's actions and without packets of the packet library as JSON."""
    text = (JSON / f"{name}.json").read_text()
    return '"NXAction' not in text and '"Packet"' not in text


PLAIN = [name for name in NAMES if is_plain(name)]


def test_there_are_fixtures() -> None:
    assert len(PLAIN) > 30


@pytest.mark.parametrize("name", PLAIN)
def test_fixtures_read_as_os_ken(name: str) -> None:
    message = codec.parse(3, (DATA / name).read_bytes(), OURS)
    assert json.loads(json.dumps(message.to_jsondict())) == expected(name)


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_written_again_are_the_same(name: str) -> None:
    data = (DATA / name).read_bytes()
    assert codec.parse(3, data, OURS).serialize() == data


@pytest.mark.parametrize("name", PLAIN)
def test_fixtures_built_from_json(name: str) -> None:
    data = (DATA / name).read_bytes()
    message = ofp_msg_from_jsondict(OURS, expected(name))
    message.set_xid(int.from_bytes(data[4:8], "big"))
    assert sorted(message.serialize()) == sorted(data)  # JSON's ports come in another order


def test_every_number_is_theirs() -> None:
    ours, theirs = vars(ofproto_v1_2), vars(their_ofproto)
    checked = [n for n, v in theirs.items() if isinstance(v, int | str) and n.startswith(("OFP", "OXM_OF"))]
    assert len(checked) > 400
    assert [(name, ours.get(name)) for name in checked if ours.get(name) != theirs[name]] == []
    later = [name for name in ours if name.startswith(("OFPT_", "OFPMP", "OFPM_", "OXM_OF")) and name not in theirs]
    assert later == []


def test_classes_are_theirs() -> None:
    theirs = {n for n, v in vars(their_parser).items() if isinstance(v, type) and n.startswith("OFP")}
    ours = {n for n, v in vars(ofproto_v1_2_parser).items() if isinstance(v, type) and n.startswith(("OFP", "ONF"))}
    assert theirs <= ours
    assert ours - theirs == {"OFPActionExperimenterUnknown", "OFPInstructionExperimenter"}


def test_names_of_numbers() -> None:
    assert ofproto_v1_2.ofp_msg_type_to_str(18) == "OFPT_STATS_REQUEST(18)"
    assert ofproto_v1_2.ofp_msg_type_to_str(14) == "OFPT_FLOW_MOD(14)"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (bytes.fromhex("0312001000000000 0063000000000000"), (1, 2)),  # an unknown statistic
        (bytes.fromhex("0313001000000000 0063000000000000"), (1, 2)),
        (bytes.fromhex("0313001000000000 0000000000000000"), (1, 6)),  # a description that is not there
        (bytes.fromhex("031d001000000000 0000000000000000"), (1, 1)),  # a meter-mod, which is 1.3's
        (bytes.fromhex("0312000c00000000 00000000"), (1, 6)),
    ],
)
def test_errors(data: bytes, error: tuple[int, int]) -> None:
    with pytest.raises(OpenFlowError) as caught:
        codec.parse(3, data)
    assert (caught.value.type, caught.value.code) == error
