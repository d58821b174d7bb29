"""The messages that os-ken ships as test data: ours reads the same values from them and writes the same bytes."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow.ofproto_parser import ofp_msg_from_jsondict

DATA = Path(str(files("os_ken.tests") / "packet_data" / "of13"))
JSON = Path(str(files("os_ken.tests") / "unit" / "ofproto" / "json" / "of13"))
DATAPATH = codec.PROTOCOLS[4]
NAMES = sorted(path.name for path in DATA.glob("*.packet"))


def expected(name: str) -> Any:
    return json.loads((JSON / f"{name}.json").read_text())


def is_plain(name: str) -> bool:
    """Without Nicira's actions, which are bytes here, and without packets of the packet library as JSON."""
    text = (JSON / f"{name}.json").read_text()
    return '"NXAction' not in text and '"Packet"' not in text


PLAIN = [name for name in NAMES if is_plain(name)]


def test_there_are_fixtures() -> None:
    assert len(NAMES) > 90
    assert len(PLAIN) > 70


@pytest.mark.parametrize("name", PLAIN)
def test_reads_as_os_ken(name: str) -> None:
    message = codec.parse(4, (DATA / name).read_bytes(), DATAPATH)
    assert json.loads(json.dumps(message.to_jsondict())) == expected(name)


@pytest.mark.parametrize("name", NAMES)
def test_written_again_it_is_the_same(name: str) -> None:
    data = (DATA / name).read_bytes()
    message = codec.parse(4, data, DATAPATH)
    message.match_reread = [str(message), message.to_jsondict()]  # printing changes nothing
    assert message.serialize() == data


@pytest.mark.parametrize("name", PLAIN)
def test_built_from_json_it_is_the_same(name: str) -> None:
    data = (DATA / name).read_bytes()
    message = ofp_msg_from_jsondict(DATAPATH, expected(name))
    message.set_xid(int.from_bytes(data[4:8], "big"))
    assert message.serialize() == data
