"""The messages that os-ken ships as test data: ours reads the same values from them and writes the same bytes."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow.ofproto_parser import ofp_msg_from_jsondict

TESTS = Path(str(files("os_ken.tests")))
FOLDERS = {4: "of13", 5: "of14", 6: "of15"}
# an instruction that is 0x0802 long, a message that is longer than its header says
MALFORMED = {"libofproto-OFP15-flow_desc_reply.packet", "libofproto-OFP15-meter_features_reply.packet"}
NAMES = [
    f"{folder}/{path.name}"
    for version, folder in FOLDERS.items()
    if version in codec.PROTOCOLS
    for path in sorted((TESTS / "packet_data" / folder).glob("*.packet"))
    if path.name not in MALFORMED
]


def packet(name: str) -> bytes:
    return (TESTS / "packet_data" / name).read_bytes()


def expected(name: str) -> Any:
    return json.loads((TESTS / "unit" / "ofproto" / "json" / f"{name}.json").read_text())


def is_plain(name: str) -> bool:
    """Without Nicira's actions, which are bytes here, and without packets of the packet library as JSON."""
    text = json.dumps(expected(name))
    return '"NXAction' not in text and '"Packet"' not in text


# os-ken does not parse it, and its JSON has the empty data of an echo request as null
NOT_PARSED_BY_OS_KEN = {"of14/5-70-ofp_bundle_add_msg.packet", "of15/libofproto-OFP15-bundle_add.packet"}
PLAIN = [name for name in NAMES if is_plain(name)]


def parsed(data: bytes) -> Any:
    return codec.parse(data[0], data, codec.PROTOCOLS[data[0]])


@pytest.mark.parametrize(("folder", "least"), [("of13", 90), ("of14", 65), ("of15", 70)])
def test_there_are_fixtures(folder: str, least: int) -> None:
    assert sum(name.startswith(folder) for name in NAMES) > least
    assert sum(name.startswith(folder) for name in PLAIN) > least - 20


@pytest.mark.parametrize("name", [name for name in PLAIN if name not in NOT_PARSED_BY_OS_KEN])
def test_reads_as_os_ken(name: str) -> None:
    assert json.loads(json.dumps(parsed(packet(name)).to_jsondict())) == expected(name)


@pytest.mark.parametrize("name", NAMES)
def test_written_again_it_is_the_same(name: str) -> None:
    message = parsed(packet(name))
    message.match_reread = [str(message), message.to_jsondict()]  # printing changes nothing
    assert message.serialize() == packet(name)


@pytest.mark.parametrize("name", PLAIN)
def test_built_from_json_it_is_the_same(name: str) -> None:
    data = packet(name)
    message = ofp_msg_from_jsondict(codec.PROTOCOLS[data[0]], expected(name))
    message.set_xid(int.from_bytes(data[4:8], "big"))
    assert message.serialize() == data
