from __future__ import annotations

import struct

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from tests.oracle import segment as oracle
from tests.oracle.checksums import ones_sum, pseudo_header
from tests.oracle.frames import anything, ethernet, extension, ipv4, ipv6, tcp, udp
from tests.oracle.parse import parse
from tests.oracle.slots import alone, contents, place
from triplane.dataplane.kernels import packet
from triplane.dataplane.kernels.packet import (
    ADDR,
    CSUM,
    CSUM_NONE,
    CSUM_OFFSET,
    CSUM_PARTIAL,
    CSUM_START,
    FRAME_WORDS,
    GSO_NONE,
    GSO_SIZE,
    GSO_TYPE,
    LENGTH,
    PORT,
)
from triplane.dataplane.kernels.parse import layout
from triplane.dataplane.kernels.pool import POOL_SMALL_TOP, Words, give, give_one, make_pool
from triplane.dataplane.kernels.push_pop import push_mpls, push_pbb, push_vlan
from triplane.dataplane.kernels.segment import segment, segment_count

POOL = make_pool(64, 2)
PSEUDO_V4 = b"\x0a\0\0\1", b"\x0a\0\0\2"
PSEUDO_V6 = b"\x20" * 16, b"\x30" * 16
TAGS = st.lists(st.sampled_from([(0x8100, 5), (0x88A8, 0x6007)]), max_size=2)
CHAIN = st.lists(st.sampled_from([0, 60]).map(lambda number: (number, extension(number, 1))), max_size=2)


def offloaded(
    v6: bool, proto: int, message: bytes, tags: list[tuple[int, int]], chain: list[tuple[int, bytes]]
) -> bytes:
    """A frame as a sender with TSO hands it over: layer 4's check is the sum of the pseudo header."""
    hosts = PSEUDO_V6 if v6 else PSEUDO_V4
    body = ipv6(*hosts, proto, message, chain=chain) if v6 else ipv4(*hosts, proto, message, ident=65533)
    frame = ethernet(b"\2" * 6, b"\4" * 6, tags, 0x86DD if v6 else 0x0800, body)
    at = parse(frame).at["l4"] + (16 if proto == 6 else 6)
    return frame[:at] + struct.pack("!H", ones_sum(pseudo_header(*hosts, proto, len(message)))) + frame[at + 2 :]


def gso_row(frame: bytes, kind: int, size: int, proto: int) -> Words:
    row = place(POOL, frame)
    row[GSO_TYPE], row[GSO_SIZE], row[PORT] = kind, size, 3
    row[CSUM], row[CSUM_START], row[CSUM_OFFSET] = CSUM_PARTIAL, parse(frame).at["l4"], 16 if proto == 6 else 6
    layout(POOL.mem, row)
    return row


def segments(row: Words, batch: int) -> list[bytes]:
    """All segments, taken `batch` at a time; frees the frame."""
    made: list[bytes] = []
    while True:
        out = np.zeros((batch, FRAME_WORDS), np.int64)
        count = segment(POOL.mem, POOL.pool, row, out, len(made), batch)
        for line in out[:count]:
            made.append(contents(POOL.mem, line))
            assert [line[PORT], line[CSUM], line[GSO_TYPE], line[GSO_SIZE]] == [3, CSUM_NONE, GSO_NONE, 0]
        give(POOL.pool, np.ascontiguousarray(out[:, ADDR]), count)
        if count < batch:
            give_one(POOL.pool, row[ADDR])
            return made


@given(
    st.booleans(), st.binary(max_size=300), st.integers(1, 120), st.integers(0, 0xFFF), st.integers(0, 2**32 - 1),
    st.binary(max_size=12), TAGS, CHAIN, st.integers(1, 5), st.sampled_from([0, packet.GSO_ECN]),
)  # fmt: skip
def test_cuts_tcp(
    v6: bool, payload: bytes, size: int, flags: int, seq: int, options: bytes, tags: list[tuple[int, int]],
    chain: list[tuple[int, bytes]], batch: int, ecn: int,
) -> None:  # fmt: skip
    frame = offloaded(v6, 6, tcp(80, 81, payload, flags=flags, seq=seq, options=options), tags, chain)
    row = gso_row(frame, (packet.GSO_TCPV6 if v6 else packet.GSO_TCPV4) | ecn, size, 6)
    expected = oracle.tcp_segments(frame, size)
    assert segment_count(POOL.mem, row) == len(expected)
    assert segments(row, batch) == expected


@given(st.booleans(), st.binary(max_size=300), st.integers(1, 120), TAGS, CHAIN, st.integers(1, 5))
def test_cuts_udp(
    v6: bool, payload: bytes, size: int, tags: list[tuple[int, int]], chain: list[tuple[int, bytes]], batch: int
) -> None:
    frame = offloaded(v6, 17, udp(80, 81, payload), tags, chain)
    row = gso_row(frame, packet.GSO_UDP_L4, size, 17)
    assert segments(row, batch) == oracle.udp_segments(frame, size)


@given(st.binary(max_size=300), st.integers(8, 120), st.integers(1, 5))
def test_fragments_udp(payload: bytes, size: int, batch: int) -> None:
    frame = offloaded(False, 17, udp(80, 81, payload), [], [])
    row = gso_row(frame, packet.GSO_UDP, size, 17)
    assert segments(row, batch) == oracle.udp_fragments(frame, size)


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.binary(min_size=1, max_size=200))
def test_cuts_behind_pushed_headers(v6: bool, vlan: bool, mpls: bool, pbb: bool, payload: bytes) -> None:
    """A pushed label or I-TAG hides IP from the pipeline, not from segmentation."""
    plain = offloaded(v6, 6, tcp(80, 81, payload), [], [])
    row = gso_row(plain, packet.GSO_TCPV6 if v6 else packet.GSO_TCPV4, 50, 6)
    if mpls:
        push_mpls(POOL.mem, POOL.pool, row, 0x8847)
        push_mpls(POOL.mem, POOL.pool, row, 0x8847)
    if vlan:
        push_vlan(POOL.mem, POOL.pool, row, 0x8100)
    if pbb:
        push_pbb(POOL.mem, POOL.pool, row, 0x88E7)
    whole = contents(POOL.mem, row)
    outside = len(whole) - len(plain) + 14
    assert row[CSUM_START] == parse(plain).at["l4"] + outside - 14
    inner = [whole[:outside] + part[14:] for part in oracle.tcp_segments(plain, 50)]
    assert segments(row, 7) == inner


def test_64_kilobytes_are_the_stream_that_was_sent() -> None:
    payload = bytes(range(256)) * 250
    frame = offloaded(False, 6, tcp(80, 81, payload, flags=0x19), [], [])
    row = gso_row(frame, packet.GSO_TCPV4, 1448, 6)
    made = [Ether(part) for part in segments(row, 20)]
    assert len(made) == 45
    assert b"".join(bytes(part[TCP].payload) for part in made) == payload
    assert [str(part[TCP].flags) for part in made] == ["A"] * 44 + ["FPA"]
    for part in made:
        again = part.copy()
        del again[IP].chksum, again[TCP].chksum
        assert bytes(again) == bytes(part)


def test_stops_where_the_pool_ends() -> None:
    pool = make_pool(3, 0)
    row = place(pool, offloaded(False, 6, tcp(80, 81, bytes(1000)), [], []))
    row[GSO_TYPE], row[GSO_SIZE] = packet.GSO_TCPV4, 100
    layout(pool.mem, row)
    out = np.zeros((10, FRAME_WORDS), np.int64)
    assert segment_count(pool.mem, row) == 10
    assert segment(pool.mem, pool.pool, row, out, 0, 10) == 2
    assert pool.pool[POOL_SMALL_TOP] == 0


@given(anything, st.sampled_from([0, 1, 3, 4, 5, 7, 0x81]), st.integers(-5, 2000), st.integers(-3, 9))
def test_any_frame_is_cut_or_refused(frame: bytes, kind: int, size: int, start: int) -> None:
    row = place(POOL, frame)
    row[GSO_TYPE], row[GSO_SIZE] = kind, size
    layout(POOL.mem, row)
    total = segment_count(POOL.mem, row)
    out = np.zeros((8, FRAME_WORDS), np.int64)
    first = max(0, start)
    count = segment(POOL.mem, POOL.pool, row, out, first, 8)
    assert count == max(0, min(total - first, 8))
    assert all(0 < line[LENGTH] <= len(frame) for line in out[:count])
    give(POOL.pool, np.ascontiguousarray(out[:, ADDR]), count)
    give_one(POOL.pool, row[ADDR])


@given(anything, st.sampled_from([0, 1, 3, 4, 5, 0x81]))
@example(ethernet(bytes(6), bytes(6), [], 0x0800, ipv4(*PSEUDO_V4, 1, b"\x08\0\0\0")), packet.GSO_TCPV4)
def test_a_wrong_kind_reads_nothing_behind_the_frame(frame: bytes, kind: int) -> None:
    mem, row = alone(frame)
    row[GSO_TYPE], row[GSO_SIZE] = kind, 9
    layout(mem, row)
    count = segment_count(mem, row)
    protocols = {1: {6}, 4: {6}, 3: {17}, 5: {17}}.get(kind & 0x7F, set())
    assert count == 0 or row[packet.PROTO] in protocols
