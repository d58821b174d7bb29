from __future__ import annotations

import numpy as np
import pytest
from os_ken.ofproto import ofproto_v1_3_parser as parser
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from triplane.dataplane.kernels import packet as layout
from triplane.dataplane.kernels.fields import K_PORT, KEY_WORDS
from triplane.dataplane.kernels.packet import CSUM_PARTIAL
from triplane.dataplane.kernels.punts import PUNT_ACTION, PUNT_FULL, PUNT_RATE, punt
from triplane.dataplane.tables.punts import MAX_DATA, PuntCounters, PuntRate, PuntRings, packet_match

PACKET = bytes(
    Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / b"hi"
)


def padded(data: bytes) -> bytes:
    return data + bytes(max(0, 60 - len(data)))


def up(rings: PuntRings, data: bytes = PACKET, phy_port: int = 7, now: int = 0, **columns: int) -> int:
    """Punt by output:CONTROLLER with max_len 128, from port 7 unless `columns` say otherwise."""
    row = np.zeros(layout.PACKET_WORDS, np.int64)
    row[layout.LENGTH], row[layout.IN_PORT] = len(data), 7
    for name, value in columns.items():
        row[getattr(layout, name)] = value
    key = np.zeros(KEY_WORDS, np.int64)
    key[K_PORT] = 7 << 32 | phy_port
    return punt(rings.rings[0], PUNT_ACTION, np.frombuffer(data, np.uint8).copy(), row, key, now, 1, 128)


def test_a_packet_in_says_all_that_the_row_said() -> None:
    rings = PuntRings(1)
    up(rings, TABLE=4, COOKIE=-1, METADATA=-2, TUNNEL_ID=9, phy_port=3, IN_PORT=0xFFFFFFFD)
    (packet,) = rings.read(10)
    assert (packet.reason, packet.table_id, packet.cookie) == (1, 4, 2**64 - 1)
    assert (packet.in_port, packet.max_len, packet.data) == (0xFFFFFFFD, 128, padded(PACKET))
    match = dict(parser.OFPMatch.parser(packet.match, 0).items())
    assert match == {"in_port": 0xFFFFFFFD, "in_phy_port": 3, "metadata": 2**64 - 2, "tunnel_id": 9}


@pytest.mark.parametrize("phy_port", [0, 3])
@pytest.mark.parametrize("metadata", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("tunnel_id", [0, 2**63])
def test_the_match_is_what_os_ken_writes(phy_port: int, metadata: int, tunnel_id: int) -> None:
    fields = {"in_port": 3, "in_phy_port": phy_port % 3, "metadata": metadata, "tunnel_id": tunnel_id}
    expected = bytearray()
    parser.OFPMatch(**{name: value for name, value in fields.items() if value}).serialize(expected, 0)
    assert packet_match(3, phy_port, metadata, tunnel_id) == bytes(expected)


def test_a_partial_checksum_is_finished_in_the_copy() -> None:
    partial = bytearray(PACKET)
    pseudo = bytes([10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 10])
    total = sum(int.from_bytes(pseudo[i : i + 2], "big") for i in range(0, 12, 2))
    partial[40:42] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2, "big")
    rings = PuntRings(1)
    up(rings, bytes(partial), CSUM=CSUM_PARTIAL, CSUM_START=34, CSUM_OFFSET=6)
    assert rings.read(1)[0].data == padded(PACKET)


def test_what_a_pop_made_too_short_is_told_as_the_wire_would_carry_it() -> None:
    rings = PuntRings(1)
    for length in (14, 59, 60, 61):
        up(rings, bytes(range(1, length + 1)))
        assert rings.read(1)[0].data == padded(bytes(range(1, length + 1)))


def test_a_giant_frame_is_cut_to_what_a_message_holds() -> None:
    rings = PuntRings(1)
    up(rings, bytes(69_000))
    assert rings.read(1)[0].data == bytes(MAX_DATA)


def test_no_more_than_asked_for_and_nobody_waits_for_long() -> None:
    rings = PuntRings(1)
    for _ in range(40):
        up(rings)
    assert [len(rings.read(25)) for _ in range(3)] == [25, 15, 0]


def test_counters_by_class() -> None:
    rings = PuntRings(1, 128)
    rings.police({"action": PuntRate(1, 2)}, 0)
    assert [up(rings, bytes(300)) for _ in range(3)] == [0, 0, PUNT_FULL]
    rings.read(9)
    assert up(rings, bytes(100)) == PUNT_RATE
    assert rings.counters()["action"] == PuntCounters(packets=2, octets=600, over_rate=1, ring_full=1)
    assert rings.counters()["miss"] == PuntCounters(0, 0, 0, 0)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(KeyError, match="'arp' is none of miss, action"):
        PuntRings(1).police({"arp": PuntRate(1, 1)}, 0)
