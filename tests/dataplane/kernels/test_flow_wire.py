"""Flow-mods: kernels against the oracle, and the public switch suite's own messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import os_ken
import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_parser
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from tests.dataplane.kernels.wire_samples import flow_mod, mutated, some_flow_mod, tlv
from tests.oracle import instructions as oracle
from tests.oracle import oxm as oxm_oracle
from tests.oracle.program import Limits, signed
from triplane.dataplane.kernels import flow_wire
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.ids import id_insert, make_index
from triplane.dataplane.kernels.limits import make_limits

SWITCH = Limits(tables=254, groups={1: 4, 3: 0}, meters={1: 5})
Decoded = int | tuple[dict[str, int], list[int], list[int], list[int]]


def decode(data: bytes, switch: Limits = SWITCH, tail: bytes = b"") -> Decoded:
    """Header, key, mask and program; or the error word."""
    header, code = np.zeros(flow_wire.FM_WORDS, np.int64), np.zeros(400, np.int64)
    key, mask = np.zeros(KEY_WORDS, np.int64), np.zeros(KEY_WORDS, np.int64)
    groups, meters = make_index(16), make_index(16)
    for index, ids in ((groups, switch.groups), (meters, switch.meters)):
        for number, slot in ids.items():
            id_insert(index, number, slot)
    wire = np.frombuffer(bytearray(b"\xaa\xbb\xcc" + data + tail), np.uint8)
    where = (wire, 3, 3 + len(data), make_limits(tables=switch.tables), groups, meters)
    error = flow_wire.decode_flow_mod(*where, header, key, mask, code, 7, len(code))
    if error:
        return int(error)
    names = [name for name in dir(flow_wire) if name.startswith("FM_") and name != "FM_WORDS"]
    columns = {name[3:]: int(header[getattr(flow_wire, name)]) for name in names}
    return columns, key.tolist(), mask.tolist(), code[7 : 7 + columns["CODE_LEN"]].tolist()


def expected(data: bytes, switch: Limits = SWITCH) -> Decoded:
    try:
        flow = oracle.decode_flow_mod(data, switch)
    except oxm_oracle.Refused as refused:
        return refused.word
    columns = {name: signed(value) for name, value in flow.fixed.items()}
    instructions_at = 48 + flow.match_len
    columns |= {"MATCH_AT": 3 + 48, "MATCH_LEN": flow.match_len, "INSTR_AT": 3 + instructions_at}
    columns |= {"INSTR_LEN": flow.fixed["LEN"] - instructions_at, "CODE_LEN": len(flow.program)}
    return columns, *oxm_oracle.to_key(flow.match), flow.program


@given(some_flow_mod())
def test_nearly_right_messages(data: bytes) -> None:
    assert decode(data) == expected(data)


@given(mutated(some_flow_mod()), st.binary(max_size=70))
def test_changed_messages(data: bytes, tail: bytes) -> None:
    assert decode(data, tail=tail) == expected(data)


@given(st.binary(max_size=120))
def test_noise(data: bytes) -> None:
    assert decode(data) == expected(data)


PUSH_NOTHING = b"\0\4\0\x08\0\0\0\0"
GOTO = b"\0\1\0\x08\x05\0\0\0"


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (flow_mod(b"", b"")[:55], 1, 6),
        (flow_mod(b"", b"")[:2] + b"\0\x37" + flow_mod(b"", b"")[4:], 1, 6),
        (flow_mod(b"", b"")[:2] + b"\0\x39" + flow_mod(b"", b"")[4:], 1, 6),
        (flow_mod(b"", b"", command=5), 5, 6),
        (flow_mod(b"", b"", table=254), 5, 2),
        (flow_mod(b"", b"", table=255), 5, 2),
        (flow_mod(b"", b"", table=255, command=2), 5, 2),
        (flow_mod(b"", b"", table=254, command=3), 5, 2),
        (flow_mod(b"", b"", flags=0x20), 5, 7),
        (flow_mod(b"", GOTO, table=5), 3, 2),
        (flow_mod(b"", PUSH_NOTHING[:4]), 3, 7),
        (flow_mod(tlv("eth_type", 0x0800), b"")[:56], 4, 1),
        (flow_mod(tlv("vlan_vid", 7), b""), 4, 7),
    ],
)
def test_each_error_of_the_specification(data: bytes, kind: int, code: int) -> None:
    data = data[:2] + min(len(data), 56).to_bytes(2) + data[4:] if (kind, code) == (4, 1) else data
    assert decode(data) == kind << 16 | code
    assert expected(data) == kind << 16 | code


def test_a_delete_ignores_its_instructions_and_takes_every_table() -> None:
    result = decode(flow_mod(tlv("in_port", 3), b"\xff" * 8, table=255, command=3))
    assert isinstance(result, tuple)
    assert (result[0]["TABLE"], result[0]["CODE_LEN"], result[0]["INSTR_LEN"]) == (255, 0, 8)


def objects(tree: Any, wanted: str) -> Iterator[dict[str, Any]]:
    """Every object of a JSON tree that has the key `wanted`."""
    if isinstance(tree, dict):
        if wanted in tree:
            yield tree
        for branch in tree.values():
            yield from objects(branch, wanted)
    elif isinstance(tree, list):
        for branch in tree:
            yield from objects(branch, wanted)


def suite_files() -> list[Path]:
    return sorted((Path(os_ken.__file__).parent / "tests" / "switch" / "of13").rglob("*.json"))


def numbers(tree: Any, name: str) -> dict[int, int]:
    """Ids that a test uses, with a slot for each."""
    return {number: slot for slot, number in enumerate(sorted({holder[name] for holder in objects(tree, name)}))}


def test_every_flow_mod_of_the_public_switch_suite_is_right() -> None:
    protocol, seen = ProtocolDesc(version=4), 0
    for path in suite_files():
        tree = json.loads(path.read_text())
        switch = Limits(groups=numbers(tree, "group_id"), meters=numbers(tree, "meter_id"))
        for data in {serialized(protocol, holder) for holder in objects(tree, "OFPFlowMod")}:
            result = decode(data, switch)
            assert isinstance(result, tuple), (path.name, result)
            assert result == expected(data, switch)
            seen += 1
    assert seen > 500


def serialized(protocol: ProtocolDesc, holder: dict[str, Any]) -> bytes:
    message = ofproto_parser.ofp_msg_from_jsondict(protocol, holder)
    message.set_xid(1)
    message.serialize()
    return bytes(message.buf)
