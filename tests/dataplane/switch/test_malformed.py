"""Each malformed request gets the error that the specification names, and changes nothing. Then anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_v1_3 as ofp

from tests.dataplane.switch.peer import HELLO, Peer, messages, raw, switch
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.state import AgentConfig

BAD_LEN, BAD_TYPE = ofp.OFPBRC_BAD_LEN, ofp.OFPBRC_BAD_TYPE


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (raw(ofp.OFPT_ECHO_REQUEST, version=1), ofp.OFPBRC_BAD_VERSION),
        (raw(ofp.OFPT_FLOW_MOD, bytes(48), version=5), ofp.OFPBRC_BAD_VERSION),
        (raw(99), BAD_TYPE),
        (raw(ofp.OFPT_FEATURES_REPLY, bytes(24)), BAD_TYPE),
        (raw(ofp.OFPT_PACKET_IN, bytes(24)), BAD_TYPE),
        (raw(ofp.OFPT_MULTIPART_REPLY, bytes(8)), BAD_TYPE),
        (raw(ofp.OFPT_EXPERIMENTER, bytes(8)), ofp.OFPBRC_BAD_EXPERIMENTER),
        (raw(ofp.OFPT_EXPERIMENTER, bytes(7)), BAD_LEN),
        (raw(ofp.OFPT_FEATURES_REQUEST, bytes(8)), BAD_LEN),
        (raw(ofp.OFPT_GET_CONFIG_REQUEST, bytes(1)), BAD_LEN),
        (raw(ofp.OFPT_SET_CONFIG, bytes(3)), BAD_LEN),
        (raw(ofp.OFPT_SET_CONFIG, bytes(5)), BAD_LEN),
        (raw(ofp.OFPT_PACKET_OUT, bytes(15)), BAD_LEN),
        (raw(ofp.OFPT_FLOW_MOD, bytes(47)), BAD_LEN),
        (raw(ofp.OFPT_GROUP_MOD, bytes(7)), BAD_LEN),
        (raw(ofp.OFPT_PORT_MOD, bytes(31)), BAD_LEN),
        (raw(ofp.OFPT_PORT_MOD, bytes(33)), BAD_LEN),
        (raw(ofp.OFPT_TABLE_MOD, bytes(7)), BAD_LEN),
        (raw(ofp.OFPT_MULTIPART_REQUEST, bytes(7)), BAD_LEN),
        (raw(ofp.OFPT_BARRIER_REQUEST, bytes(1)), BAD_LEN),
        (raw(ofp.OFPT_QUEUE_GET_CONFIG_REQUEST), BAD_LEN),
        (raw(ofp.OFPT_ROLE_REQUEST, bytes(15)), BAD_LEN),
        (raw(ofp.OFPT_ROLE_REQUEST, bytes(17)), BAD_LEN),
        (raw(ofp.OFPT_GET_ASYNC_REQUEST, bytes(8)), BAD_LEN),
        (raw(ofp.OFPT_SET_ASYNC, bytes(23)), BAD_LEN),
        (raw(ofp.OFPT_METER_MOD, bytes(7)), BAD_LEN),
    ],
)
def test_refused(request_: bytes, code: int) -> None:
    peer = Peer(switch()[0])
    reply = peer.one(request_)
    assert (reply.type, reply.code, reply.xid) == (ofp.OFPET_BAD_REQUEST, code, 77)
    assert reply.data == request_[:64]
    assert peer.one(raw(ofp.OFPT_BARRIER_REQUEST)).msg_type == ofp.OFPT_BARRIER_REPLY, "the connection goes on"


def test_long_request_is_quoted_by_its_first_64_bytes() -> None:
    request = raw(99, bytes(range(200)))
    assert Peer(switch()[0]).one(request).data == request[:64]


@pytest.mark.parametrize("length", [0, 7])
def test_length_shorter_than_the_header_ends_the_connection(length: int) -> None:
    peer = Peer(switch()[0])
    reply = peer.one(raw(ofp.OFPT_BARRIER_REQUEST, length=length) + raw(ofp.OFPT_BARRIER_REQUEST))
    assert (reply.type, reply.code) == (ofp.OFPET_BAD_REQUEST, BAD_LEN)
    assert peer.conn.closing


def test_errors_are_not_answered() -> None:
    peer = Peer(switch()[0])
    assert peer.send(raw(ofp.OFPT_ERROR, bytes(10)), raw(ofp.OFPT_ERROR), HELLO) == []


def well_framed(kinds: st.SearchStrategy[int], sizes: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(raw, kinds, sizes)


def greeted_peer(version: int) -> Peer:
    return Peer(switch(AgentConfig(versions=(version,)))[0], wire.hello((version,)))


BARRIERS = {1: (18, 19)}  # request and reply, where they are not 1.3's


@pytest.mark.parametrize("version", [1, 3, 4, 5, 6])
@given(requests=st.lists(well_framed(st.integers(0, 36), st.binary(max_size=120)), max_size=20))
def test_any_bodies_are_answered_and_the_connection_goes_on(version: int, requests: list[bytes]) -> None:
    peer = greeted_peer(version)
    peer.push(b"".join(bytes((version,)) + request[1:] for request in requests))
    assert peer.conn.data[peer.conn.at :] == b"", "all were looked at"
    assert not peer.conn.closing
    messages(peer.drain())
    request, reply = BARRIERS.get(version, (ofp.OFPT_BARRIER_REQUEST, ofp.OFPT_BARRIER_REPLY))
    peer.push(raw(request, xid=0xB0, version=version))
    assert messages(peer.drain())[-1] == raw(reply, xid=0xB0, version=version)


@given(st.sampled_from([4, 5, 6]), st.sampled_from([*range(20), 0xFFFF]), st.booleans(), st.binary(max_size=120))
def test_any_multipart_is_answered(version: int, kind: int, more: bool, body: bytes) -> None:
    peer = greeted_peer(version)
    head = kind.to_bytes(2, "big") + bytes((0, more)) + bytes(4)
    peer.push(raw(ofp.OFPT_MULTIPART_REQUEST, head + body, version=version))
    assert messages(peer.drain()) or more


@settings(max_examples=300)
@given(st.booleans(), st.lists(st.binary(max_size=200), max_size=8))
def test_any_bytes_end_or_wait_without_harm(greeted: bool, chunks: list[bytes]) -> None:
    peer = Peer(switch()[0], hello=HELLO if greeted else b"")
    for chunk in chunks:
        peer.push(chunk)
        messages(peer.drain())
    assert peer.conn.closing or len(peer.conn.data) - peer.conn.at < 0x10000
