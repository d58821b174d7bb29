"""Malformed bytes: the error type and code that the specification names, and never another exception."""

from __future__ import annotations

import struct
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError

FLOW_MOD_FIXED = bytes(40)
EMPTY_MATCH = bytes.fromhex("0001000400000000")
SAMPLES = [path.read_bytes() for path in Path(str(files("os_ken.tests") / "packet_data" / "of13")).glob("*.packet")]


def message(kind: int, body: bytes, version: int = 4, length: int | None = None) -> bytes:
    return struct.pack("!BBHI", version, kind, 8 + len(body) if length is None else length, 77) + body


def flow_mod(match: bytes = EMPTY_MATCH, instructions: bytes = b"") -> bytes:
    return message(ofp.OFPT_FLOW_MOD, FLOW_MOD_FIXED + match + instructions)


def match(*fields: str) -> bytes:
    tlvs = bytes.fromhex("".join(fields))
    packed = struct.pack("!HH", 1, 4 + len(tlvs)) + tlvs
    return packed + bytes(-len(packed) % 8)


def multipart(kind: int, body: bytes = b"") -> bytes:
    return message(ofp.OFPT_MULTIPART_REQUEST, struct.pack("!HH4x", kind, 0) + body)


def apply(actions: str) -> bytes:
    raw = bytes.fromhex(actions)
    return struct.pack("!HH4x", ofp.OFPIT_APPLY_ACTIONS, 8 + len(raw)) + raw


CASES = {
    "empty": (b"", ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN),
    "header says less": (message(2, b"", length=4), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN),
    "header says more": (message(2, b"", length=40), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN),
    "version": (message(ofp.OFPT_ECHO_REQUEST, b"", version=1), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_VERSION),
    "type": (message(30, b""), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_TYPE),
    "body too long": (message(ofp.OFPT_BARRIER_REQUEST, b"x"), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN),
    "body too short": (message(ofp.OFPT_ROLE_REQUEST, bytes(15)), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN),
    "multipart type": (multipart(99), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_MULTIPART),
    "multipart body": (multipart(ofp.OFPMP_DESC, bytes(8)), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN),
    "multipart short": (message(ofp.OFPT_MULTIPART_REQUEST, b""), ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN),
    "match type": (flow_mod(bytes.fromhex("0000000400000000")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_TYPE),
    "match length": (flow_mod(bytes.fromhex("0001000300000000")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN),
    "match too long": (flow_mod(bytes.fromhex("000100ff00000000")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN),
    "no match": (message(ofp.OFPT_FLOW_MOD, FLOW_MOD_FIXED), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN),
    "field": (flow_mod(match("80007e0400000001")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_FIELD),
    "class": (flow_mod(match("7fff000400000001")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_FIELD),
    "field length": (flow_mod(match("800000020001")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN),
    "field past the end": (flow_mod(match("8000000800000001")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN),
    "field of no length": (flow_mod(match("80000000")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN),
    "no mask allowed": (flow_mod(match("8000010800000001ffffffff")), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_MASK),
    "field twice": (flow_mod(match("8000000400000001" * 2)), ofp.OFPET_BAD_MATCH, ofp.OFPBMC_DUP_FIELD),
    "instruction": (
        flow_mod(instructions=struct.pack("!HH4x", 99, 8)),
        ofp.OFPET_BAD_INSTRUCTION,
        ofp.OFPBIC_UNKNOWN_INST,
    ),
    "instruction length": (
        flow_mod(instructions=struct.pack("!HHB11x", ofp.OFPIT_GOTO_TABLE, 16, 1)),
        ofp.OFPET_BAD_INSTRUCTION,
        ofp.OFPBIC_BAD_LEN,
    ),
    "instruction past the end": (
        flow_mod(instructions=struct.pack("!HH4x", ofp.OFPIT_APPLY_ACTIONS, 16)),
        ofp.OFPET_BAD_INSTRUCTION,
        ofp.OFPBIC_BAD_LEN,
    ),
    "action": (flow_mod(instructions=apply("0063000800000000")), ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_TYPE),
    "action length": (flow_mod(instructions=apply("0000000800000000")), ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_LEN),
    "action unaligned": (flow_mod(instructions=apply("0012000400000000")), ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_LEN),
    "action of length 0": (flow_mod(instructions=apply("0012000000000000")), ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_LEN),
    "set-field of what": (
        flow_mod(instructions=apply("0019001080007e040000000100000000")),
        ofp.OFPET_BAD_ACTION,
        ofp.OFPBAC_BAD_SET_TYPE,
    ),
    "set-field with mask": (
        flow_mod(instructions=apply("001900188000070c" + "00" * 16)),
        ofp.OFPET_BAD_ACTION,
        ofp.OFPBAC_BAD_SET_TYPE,
    ),
    "set-field length": (
        flow_mod(instructions=apply("0019001080000a040000000100000000")),
        ofp.OFPET_BAD_ACTION,
        ofp.OFPBAC_BAD_SET_LEN,
    ),
    "actions_len": (
        message(ofp.OFPT_PACKET_OUT, struct.pack("!IIH6x", 0xFFFFFFFF, 1, 24) + bytes(16)),
        ofp.OFPET_BAD_REQUEST,
        ofp.OFPBRC_BAD_LEN,
    ),
    "bucket": (
        message(ofp.OFPT_GROUP_MOD, struct.pack("!HBxI", 0, 0, 1) + struct.pack("!HHII4x", 99, 0, 0, 0)),
        ofp.OFPET_GROUP_MOD_FAILED,
        ofp.OFPGMFC_BAD_BUCKET,
    ),
    "band": (
        message(ofp.OFPT_METER_MOD, struct.pack("!HHI", 0, 1, 1) + struct.pack("!HHII4x", 9, 16, 0, 0)),
        ofp.OFPET_METER_MOD_FAILED,
        ofp.OFPMMFC_BAD_BAND,
    ),
    "table features property": (
        multipart(ofp.OFPMP_TABLE_FEATURES, struct.pack("!H62x", 72) + struct.pack("!HH4x", 0x50, 4)),
        ofp.OFPET_TABLE_FEATURES_FAILED,
        ofp.OFPTFFC_BAD_TYPE,
    ),
    "table features length": (
        multipart(ofp.OFPMP_TABLE_FEATURES, struct.pack("!H62x", 70)),
        ofp.OFPET_TABLE_FEATURES_FAILED,
        ofp.OFPTFFC_BAD_LEN,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_error_the_specification_names(name: str) -> None:
    data, kind, code = CASES[name]
    with pytest.raises(OpenFlowError) as raised:
        codec.parse(4, data)
    assert (raised.value.type, raised.value.code) == (kind, code), str(raised.value)
    assert raised.value.data == data


def test_the_error_says_its_name() -> None:
    error = OpenFlowError(ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_PREREQ)
    assert str(error) == "OFPET_BAD_MATCH(4)/OFPBMC_BAD_PREREQ(9)"


def test_a_controller_reads_fields_it_does_not_know() -> None:
    unknown = match("80007e0400000001")
    body = struct.pack("!IHBBQ", 0, 0, 0, 0, 0) + unknown + bytes(2)
    packet_in = codec.parse(4, message(ofp.OFPT_PACKET_IN, body))
    assert dict(packet_in.match.items()) == {"field_4194367": "AAAAAQ=="}


def test_garbage_in_a_match_shows_when_it_is_looked_at() -> None:
    body = struct.pack("!IHBBQ", 0, 0, 0, 0, 0) + match("800000020001") + bytes(2)
    packet_in = codec.parse(4, message(ofp.OFPT_PACKET_IN, body))
    with pytest.raises(OpenFlowError):
        packet_in.match["in_port"]


def test_a_hello_of_any_version_and_with_unknown_elements_is_read() -> None:
    hello = codec.parse(4, message(ofp.OFPT_HELLO, bytes.fromhex("00090006ffff00000001000800000012"), version=6))
    assert hello.version == 6
    assert hello.elements[0].versions == [1, 4]


def attempt(data: bytes) -> None:
    """Read and look at everything; only OpenFlowError may be raised."""
    try:
        found = codec.parse(4, data)
        found.to_jsondict()
        str(found)
    except OpenFlowError as error:
        assert 0 <= error.type <= 0xFFFF and 0 <= error.code <= 0xFFFF


@settings(max_examples=2000)
@given(st.integers(0, 31), st.binary(max_size=160))
@example(ofp.OFPT_PACKET_IN, b"")
def test_random_bodies(kind: int, body: bytes) -> None:
    attempt(message(kind, body))


@settings(max_examples=3000)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=5),
    st.integers(0, 40),
)
def test_damaged_messages(sample: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(sample[: max(8, len(sample) - cut)])
    for at, value in changes:
        damaged[8 + at % max(1, len(damaged) - 8) if len(damaged) > 8 else 1] = value
    damaged[2:4] = len(damaged).to_bytes(2, "big")
    attempt(bytes(damaged))
