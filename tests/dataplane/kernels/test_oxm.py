"""OXM matches: kernels against the oracle, os-ken's serialiser and the specification's own cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_v1_4_parser as ryu  # which has pbb_uca as OXM

from tests.dataplane.kernels.wire_samples import matches, mutated, pad, ryu_fields, tlv, tlv_soup
from tests.oracle import oxm as oracle
from triplane.dataplane.kernels import oxm
from triplane.dataplane.kernels.fields import K_PORT, KEY_WORDS
from triplane.dataplane.kernels.packet import IN_PORT, METADATA, PACKET_WORDS, TUNNEL_ID

Decoded = tuple[int, list[int], list[int]]


def decode(data: bytes, tail: bytes = b"", struct: bool = False) -> Decoded:
    """The kernel's answer for `data`, three bytes into a buffer that goes on with `tail`."""
    wire = np.frombuffer(bytearray(b"\xaa\xbb\xcc" + data + tail), np.uint8)
    key, mask = np.full(KEY_WORDS, 5, np.int64), np.full(KEY_WORDS, 6, np.int64)
    decoder = oxm.decode_match_struct if struct else oxm.decode_match
    error = decoder(wire, 3, 3 + len(data), key, mask)
    return int(error), key.tolist(), mask.tolist()


def agrees(data: bytes, struct: bool = False) -> None:
    """Kernel and oracle agree, and bytes behind the end do not matter."""
    error, key, mask = decode(data, b"\x80\x00\x0a\x02\x08\x00", struct)
    assert error == decode(data, struct=struct)[0]
    try:
        wanted = oracle.decode_match_struct(data)[0] if struct else oracle.decode_match(data)
    except oracle.Refused as refused:
        assert error == refused.word
    else:
        assert error == 0
        assert (key, mask) == oracle.to_key(wanted)


@given(matches())
def test_a_match_from_ryu_decodes_and_encodes_to_the_same_bytes(match: oracle.Match) -> None:
    data = bytearray()
    ryu.OFPMatch(**ryu_fields(match)).serialize(data, 0)
    error, key, mask = decode(bytes(data), struct=True)
    assert (error, (key, mask)) == (0, oracle.to_key(match))
    wire = np.zeros(oxm.MAX_TLVS, np.uint8)
    length = oxm.encode_match(np.array(key), np.array(mask), wire, 0)
    assert bytes(wire[:length]) == bytes(data[4 : 4 + length]) == oracle.encode_match(match)
    assert oxm.match_length(np.frombuffer(bytearray(data), np.uint8), 0) == len(data)


@given(tlv_soup())
def test_nearly_right_matches(data: bytes) -> None:
    agrees(data)


@given(mutated(matches().map(oracle.encode_match)))
def test_changed_matches(data: bytes) -> None:
    agrees(data)


@given(st.binary(max_size=80))
def test_noise(data: bytes) -> None:
    agrees(data)
    agrees(b"\x80\x00" + data)
    agrees(data, struct=True)


@given(tlv_soup(), st.sampled_from([0, 1, 1, 1, 2]), st.integers(-9, 9), st.binary(max_size=9))
def test_match_structs(tlvs: bytes, kind: int, off: int, tail: bytes) -> None:
    length = max(len(tlvs) + 4 + off, 0) if abs(off) > 4 else len(tlvs) + 4
    agrees(pad(kind.to_bytes(2) + length.to_bytes(2) + tlvs) + tail, struct=True)


ETHER, IPV6 = tlv("eth_type", 0x0800), tlv("eth_type", 0x86DD)
ICMP6 = IPV6 + tlv("ip_proto", 58)
OK, BAD_LEN, WILDCARDS, FIELD, VALUE, MASK, PREREQ, DUPLICATE = 0, 1, 5, 6, 7, 8, 9, 10


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", OK),
        (tlv("in_port", 0xFFFFFFFE), OK),
        (b"\x80\x00\x0a", BAD_LEN),
        (b"\x80\x00\x0a\x02\x08", BAD_LEN),
        (tlv("eth_type", 0x0800, length=1)[:5], BAD_LEN),
        (tlv("in_port", 1, oxm_class=0x8002), FIELD),
        (tlv("in_port", 1, oxm_class=0xFFFF), FIELD),
        (bytes([0x80, 0, 40 << 1, 1, 0]), FIELD),
        (tlv("vlan_vid", 0x2000), VALUE),
        (tlv("vlan_vid", 100), VALUE),
        (tlv("vlan_vid", 0), OK),
        (tlv("vlan_vid", 0x1064), OK),
        (tlv("vlan_vid", 0x1000, 0x1000), OK),
        (tlv("vlan_vid", 0, 0x1000), OK),
        (tlv("vlan_vid", 0x0064, 0x0FFF), OK),
        (tlv("vlan_vid", 0x0064, 0x1FFF), VALUE),
        (tlv("vlan_vid", 0x1064, 0xFFFF), OK),
        (tlv("vlan_vid", 0x1064, 0x3FFF), MASK),
        (tlv("vlan_vid", 0x1064) + tlv("vlan_pcp", 7), OK),
        (tlv("vlan_vid", 0x1064) + tlv("vlan_pcp", 8), VALUE),
        (tlv("vlan_vid", 0) + tlv("vlan_pcp", 1), PREREQ),
        (tlv("vlan_vid", 0x0064, 0x0FFF) + tlv("vlan_pcp", 1), PREREQ),
        (tlv("vlan_pcp", 1) + tlv("vlan_vid", 0x1064), PREREQ),
        (ETHER + tlv("ip_dscp", 64), VALUE),
        (ETHER + tlv("ip_ecn", 4), VALUE),
        (tlv("eth_type", 0x8847) + tlv("mpls_label", 1 << 20), VALUE),
        (tlv("eth_type", 0x8848) + tlv("mpls_label", (1 << 20) - 1) + tlv("mpls_tc", 7) + tlv("mpls_bos", 1), OK),
        (tlv("eth_type", 0x8847) + tlv("mpls_bos", 2), VALUE),
        (IPV6 + tlv("ipv6_flabel", 1 << 20), VALUE),
        (IPV6 + tlv("ipv6_exthdr", 0x200), VALUE),
        (tlv("eth_type", 0x0800, 0xFFFF), OK),
        (tlv("eth_type", 0, 0), OK),
        (tlv("eth_type", 0x0800, 0xFF00), MASK),
        (tlv("eth_dst", 1, 0xFFFFFFFFFF00), WILDCARDS),
        (IPV6 + tlv("ipv6_src", 1, (1 << 128) - 2), WILDCARDS),
        (IPV6 + tlv("ipv6_src", 1 << 127, 1 << 126), WILDCARDS),
        (tlv("eth_dst", 1) + tlv("eth_dst", 1), DUPLICATE),
        (tlv("eth_dst", 0, 0) + tlv("eth_dst", 1), DUPLICATE),
        (tlv("ip_proto", 6), PREREQ),
        (tlv("eth_type", 0, 0) + tlv("ip_proto", 6), PREREQ),
        (tlv("eth_type", 0x8035) + tlv("arp_op", 1), PREREQ),
        (ETHER + tlv("ip_proto", 6) + tlv("udp_dst", 1), PREREQ),
        (ETHER + tlv("ip_proto", 58) + tlv("icmpv6_type", 135), PREREQ),
        (IPV6 + tlv("ip_proto", 1) + tlv("icmpv4_type", 8), PREREQ),
        (ICMP6 + tlv("ipv6_nd_target", 1), PREREQ),
        (ICMP6 + tlv("icmpv6_type", 135) + tlv("ipv6_nd_target", 1) + tlv("ipv6_nd_sll", 1), OK),
        (ICMP6 + tlv("icmpv6_type", 136) + tlv("ipv6_nd_sll", 1), PREREQ),
        (ICMP6 + tlv("icmpv6_type", 136) + tlv("ipv6_nd_tll", 1, 1), OK),
        (tlv("in_phy_port", 1), PREREQ),
        (tlv("in_port", 0) + tlv("in_phy_port", 1), OK),
    ],
)
def test_each_rule_of_the_specification(data: bytes, code: int) -> None:
    assert decode(data)[0] == (4 << 16 | code if code else 0)
    agrees(data)


def test_standard_match_type_is_unsupported() -> None:
    assert decode(bytes([0, 0, 0, 4, 0, 0, 0, 0]), struct=True)[0] == 4 << 16 | 0


NUMBER32, NUMBER64 = st.sampled_from([0, 1, 7, 0x80000000, 0xFFFFFFFE]), st.sampled_from([0, 1, 1 << 63, (1 << 64) - 1])


@given(NUMBER32, NUMBER32, NUMBER64, NUMBER64)
def test_packet_in_match(in_port: int, physical: int, metadata: int, tunnel: int) -> None:
    row, key = np.zeros(PACKET_WORDS, np.int64), np.zeros(KEY_WORDS, np.int64)
    row[IN_PORT], row[METADATA], row[TUNNEL_ID] = in_port, *np.array([metadata, tunnel], np.uint64).astype(np.int64)
    key[K_PORT] = np.array(in_port << 32 | physical, np.uint64).astype(np.int64)
    wire = np.full(oxm.MAX_PACKET_MATCH, 0xEE, np.uint8)
    length = oxm.encode_packet_match(row, key, wire, 0)
    fields = {"in_port": in_port}
    fields |= {"in_phy_port": physical} if physical not in (0, in_port) else {}
    fields |= {name: value for name, value in (("metadata", metadata), ("tunnel_id", tunnel)) if value}
    wanted = bytearray()
    ryu.OFPMatch(**fields).serialize(wanted, 0)
    assert bytes(wire[:length]) == bytes(wanted)
    assert set(wire[length:].tolist()) <= {0xEE}
