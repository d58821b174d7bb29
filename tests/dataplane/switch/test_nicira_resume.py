"""Nicira's packet-ins with userdata and continuations, NXT_RESUME, and asynchronous configuration by properties."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import HELLO, Peer, messages, raw, switch
from tests.dataplane.switch.test_nicira import FRAME, MATCH, NICIRA, arrive, damaged, packet
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.datapath import Pipeline
from triplane.dataplane.switch.nicira_packet_in import packed
from triplane.dataplane.switch.state import AgentConfig

FIELDS = MATCH[4 : int.from_bytes(MATCH[2:4])]
STALE = 35


def both(version: int, **config: Any) -> tuple[Agent, Double, Peer]:
    """A switch of one version, and a controller that wants packet-ins as properties."""
    agent, datapath = switch(AgentConfig(versions=(version,), **config))
    peer = Peer(agent, bytes((version,)) + HELLO[1:])
    peer.push(message(16, (2).to_bytes(4), version))
    return agent, datapath, peer


def message(subtype: int, body: bytes, version: int = 4) -> bytes:
    return raw(ofp.OFPT_EXPERIMENTER, NICIRA.to_bytes(4) + subtype.to_bytes(4) + body, version=version)


def resumption(continuation: bytes, data: bytes = FRAME, fields: bytes = FIELDS, version: int = 4) -> bytes:
    """NXT_RESUME."""
    listed = ((nx.NXPINT_PACKET, data), (nx.NXPINT_METADATA, fields), (nx.NXPINT_CONTINUATION, continuation))
    return message(28, b"".join(packed(*each) for each in listed), version)


def told(peer: Peer, version: int = 4) -> Any:
    """The one packet-in."""
    (found,) = messages(peer.drain())
    return codec.parse(version, found)


def paused(version: int = 4) -> tuple[Agent, Double, Peer, Any]:
    agent, datapath, peer = both(version)
    arrive(agent, datapath, packet(max_len=64, userdata=b"abc", paused=b"state"))
    return agent, datapath, peer, told(peer, version)


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_a_paused_packet_goes_on_once(version: int) -> None:
    _, datapath, peer, shown = paused(version)
    assert (shown.userdata, shown.data, shown.buffer_id) == (b"abc", FRAME, None), "whole, whatever was asked for"
    assert b"state" not in shown.continuation
    request = resumption(shown.continuation, version=version)
    peer.push(request)
    assert peer.drain() == b""
    assert datapath.resumed == [(b"state", Pipeline(0xFFFFFFFE, 1 << 60, 9, 7, (5, 6, *[0] * 14)), FRAME)]
    peer.push(request)
    assert peer.drain()[8:16] == bytes.fromhex("ffff") + STALE.to_bytes(2) + NICIRA.to_bytes(4)
    assert len(datapath.resumed) == 1


def test_in_1_0() -> None:
    agent, datapath, peer = both(1)
    arrive(agent, datapath, packet(paused=b"state"))
    continuation = peer.drain()[-28:]
    for _ in range(2):
        peer.push(resumption(continuation, fields=bytes.fromhex("00000002fffe"), version=1))
    assert datapath.resumed == [(b"state", Pipeline(0xFFFFFFFE), FRAME)]
    assert peer.drain()[8:20] == bytes.fromhex("b0c20000 00002320 0001") + (534).to_bytes(2)


def test_wide_registers_are_read_as_narrow_ones() -> None:
    _, datapath, peer, shown = paused()
    fields = bytes.fromhex("80010208") + bytes(range(8)) + bytes.fromhex("0001e010") + bytes(range(16, 32))
    peer.push(resumption(shown.continuation, fields=fields))
    wide = (0x10111213, 0x14151617, 0x18191A1B, 0x1C1D1E1F)
    expected = Pipeline(None, registers=(0, 0, 0x00010203, 0x04050607, *wide, *[0] * 8))
    assert datapath.resumed[0][1] == expected


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (packed(nx.NXPINT_PACKET, FRAME[:13]), (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_PACKET)),
        (packed(nx.NXPINT_FULL_LEN, (60).to_bytes(4)), (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN)),
        (packed(nx.NXPINT_PACKET, FRAME) + b"\0", (ofp.OFPET_TABLE_FEATURES_FAILED, ofp.OFPTFFC_BAD_LEN)),
        (packed(99, FRAME), (ofp.OFPET_TABLE_FEATURES_FAILED, ofp.OFPTFFC_BAD_TYPE)),
        (packed(nx.NXPINT_METADATA, bytes(4)), (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_FIELD)),
        (packed(nx.NXPINT_METADATA, FIELDS[:-1]), (ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN)),
    ],
)
def test_a_message_that_is_wrong_uses_nothing_up(body: bytes, error: tuple[int, int]) -> None:
    _, datapath, peer, shown = paused()
    kept = resumption(shown.continuation)
    with_packet = body if error[0] == ofp.OFPET_BAD_REQUEST else packed(nx.NXPINT_PACKET, FRAME) + body
    assert peer.error(message(28, with_packet + packed(nx.NXPINT_CONTINUATION, shown.continuation))) == error
    peer.push(kept)
    assert (peer.drain(), len(datapath.resumed)) == (b"", 1)


def test_damaged_messages_are_answered() -> None:
    _, _, peer, shown = paused()
    r, request = Random(4), resumption(shown.continuation)
    for _ in range(500):
        for reply in peer.send(damaged(r, request)):
            assert type(reply).__name__ in ("OFPErrorMsg", "OFPErrorExperimenterMsg")


def test_a_slave_cannot_say_that_a_packet_goes_on() -> None:
    _, datapath, peer, shown = paused()
    peer.push(message(10, (2).to_bytes(4)))
    peer.drain()
    assert peer.error(resumption(shown.continuation)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)
    assert datapath.resumed == []


def test_only_packet_ins_of_properties_can_go_on() -> None:
    agent, datapath = switch()
    peer = Peer(agent)
    arrive(agent, datapath, packet(max_len=64, paused=b"state"))
    (shown,) = peer.replies()
    assert (shown.data, shown.buffer_id) == (FRAME, ofp.OFP_NO_BUFFER)


def test_the_oldest_of_too_many_cannot_go_on() -> None:
    agent, datapath, peer = both(4, paused=2)
    arrive(agent, datapath, *(packet(paused=bytes((number,))) for number in range(3)))
    names = [codec.parse(4, found).continuation for found in messages(peer.drain())]
    for name in names:
        peer.push(resumption(name))
    assert [state for state, _, _ in datapath.resumed] == [b"\1", b"\2"]
    assert peer.drain()[10:12] == STALE.to_bytes(2)


ASYNC2 = bytes.fromhex("0000000800000001 0001000800000006 0007000800000003")  # packet-in, slave and master; role status


@pytest.mark.parametrize("version", [1, 3, 4])
def test_asynchronous_messages_by_properties(version: int) -> None:
    _, _, peer = both(version)
    before = dict(peer.conn.async_config.masks)
    peer.push(message(27, ASYNC2, version))
    assert peer.drain() == b""
    masks = peer.conn.async_config.masks
    assert (masks[ofp.OFPT_PACKET_IN], masks[ofp.OFPT_PORT_STATUS]) == ((6, 1), before[ofp.OFPT_PORT_STATUS])
    peer.push(message(27, bytes.fromhex("0000000880000000"), version))
    assert peer.drain()[1] == ofp10.OFPT_ERROR
    assert peer.conn.async_config.masks == masks


def test_its_errors_are_an_extension_in_1_3_and_there_is_no_such_message_later() -> None:
    _, _, peer = both(4)
    peer.push(message(27, bytes.fromhex("0000000880000000")))
    assert peer.drain()[8:16] == bytes.fromhex("ffff 0942 4f4e4600")
    _, _, later = both(5)
    assert later.error(message(27, ASYNC2, 5)) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_EXP_TYPE)
