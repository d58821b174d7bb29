"""Multipath and bundle: the hash and the link that follows from it, and what ovs-actions(7) promises of both."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import frames as f
from tests.oracle import multipath as oracle
from tests.oracle.slots import alone, empty_key
from triplane.dataplane.kernels.multipath import hash_fields, link_of
from triplane.dataplane.kernels.parse import parse

A, B, C = (bytes([2, 0, 0, 0, 0, number]) for number in (1, 2, 3))
HOST_A, HOST_B, HOST_C = (bytes([10, 0, 0, number]) for number in (1, 2, 3))
L3 = {"symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "symmetric_l3"}

hashes = st.integers(0, oracle.MAX_HASH)
algorithms = st.sampled_from(oracle.ALGORITHMS)
counts = st.one_of(st.integers(1, 70), st.integers(1, 1 << 16))
bases = st.integers(0, 0xFFFF)


def link_by_kernel(number: int, algorithm: str, links: int, argument: int = 0) -> int:
    return int(link_of(number, oracle.ALGORITHMS.index(algorithm), links, argument))


def hash_by_kernel(frame: bytes, fields: str, basis: int = 0) -> int:
    mem, row = alone(frame)
    key = empty_key()
    assert parse(mem, row, key) == 0
    return int(hash_fields(key, row, oracle.FIELDS.index(fields), basis))


@given(hashes, algorithms, counts, st.one_of(st.integers(0, 200), st.integers(0, 2**31 - 1)))
def test_links_are_the_oracles(number: int, algorithm: str, links: int, argument: int) -> None:
    chosen = link_by_kernel(number, algorithm, links, argument)
    assert chosen == oracle.link(number, algorithm, links, argument)
    assert 0 <= chosen < links


@given(f.anything.filter(lambda frame: len(frame) >= 14), st.sampled_from(oracle.FIELDS), bases)
def test_hashes_are_the_oracles(frame: bytes, fields: str, basis: int) -> None:
    assert hash_by_kernel(frame, fields, basis) == oracle.hashed(frame, fields, basis)


def packet(
    macs: tuple[bytes, bytes] = (B, A), tag: int = 5, hosts: tuple[bytes, bytes] = (HOST_A, HOST_B), proto: int = f.TCP,
    ports: tuple[int, int] = (1000, 80), v6: bool = False, **other: Any,
) -> bytes:  # fmt: skip
    message = {f.TCP: f.tcp, f.UDP: f.udp, f.SCTP: f.sctp}[proto](*ports, b"x")
    network = f.ipv6(hosts[0] * 4, hosts[1] * 4, proto, message) if v6 else f.ipv4(*hosts, proto, message, **other)
    return f.ethernet(*macs, [(0x8100, tag)], 0x86DD if v6 else 0x0800, network)


CHANGES: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [  # one packet, what another differs in, what sees it
    ({}, {"macs": (B, C)}, {"eth_src", "symmetric_l4"}),
    ({}, {"macs": (C, A)}, {"symmetric_l4"}),
    ({}, {"tag": 6}, {"symmetric_l4"}),
    ({}, {"tag": 5 | 3 << 13}, set()),
    ({}, {"hosts": (HOST_C, HOST_B)}, {*L3, "nw_src"}),
    ({}, {"hosts": (HOST_A, HOST_C)}, {*L3, "nw_dst"}),
    ({"v6": True}, {"hosts": (HOST_C, HOST_B)}, {*L3, "nw_src"}),
    ({"v6": True}, {"hosts": (HOST_A, HOST_C)}, {*L3, "nw_dst"}),
    ({}, {"proto": f.SCTP}, L3 - {"symmetric_l3"}),
    ({}, {"ports": (1001, 80)}, L3 - {"symmetric_l3"}),
    ({}, {"ports": (1000, 81)}, L3 - {"symmetric_l3"}),
    ({"proto": f.SCTP, "v6": True}, {"ports": (1000, 81)}, L3 - {"symmetric_l3"}),
    ({"proto": f.UDP}, {"ports": (1000, 81)}, {"symmetric_l3l4+udp"}),
    ({}, {"tos": 4}, set()),
    ({}, {"ttl": 3}, set()),
]


@pytest.mark.parametrize("fields", oracle.FIELDS)
@pytest.mark.parametrize(("one", "change", "seen"), CHANGES)
def test_the_fields_that_are_hashed(one: dict[str, Any], change: dict[str, Any], seen: set[str], fields: str) -> None:
    differs = hash_by_kernel(packet(**one), fields) != hash_by_kernel(packet(**one | change), fields)
    assert differs == (fields in seen)


@pytest.mark.parametrize("fields", sorted(L3))
@pytest.mark.parametrize("proto", [f.TCP, f.UDP, f.SCTP])
@pytest.mark.parametrize("v6", [False, True])
def test_both_directions_hash_alike(fields: str, proto: int, v6: bool) -> None:
    there = packet(proto=proto, v6=v6)
    back = packet((A, B), hosts=(HOST_B, HOST_A), ports=(80, 1000), proto=proto, v6=v6)
    assert hash_by_kernel(there, fields) == hash_by_kernel(back, fields)


@pytest.mark.parametrize("fields", oracle.FIELDS)
def test_the_basis_makes_another_hash(fields: str) -> None:
    assert len({hash_by_kernel(packet(), fields, basis) for basis in range(8)}) == 8


@given(hashes, st.integers(1, 63))
def test_a_link_more_takes_packets_from_the_others_and_moves_none_among_them(number: int, links: int) -> None:
    """RFC 2992: that is what the highest random weight is for."""
    assert link_by_kernel(number, "hrw", links + 1) in (link_by_kernel(number, "hrw", links), links)


@given(hashes, hashes, counts)
def test_thresholds_keep_the_order_of_hashes(one: int, other: int, links: int) -> None:
    low, high = sorted((one, other))
    assert link_by_kernel(low, "hash_threshold", links) <= link_by_kernel(high, "hash_threshold", links)
