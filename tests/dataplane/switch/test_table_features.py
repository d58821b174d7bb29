"""OFPMP_TABLE_FEATURES: what tables say they can do, and writes."""

from __future__ import annotations

from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.switch.peer import DESC, Peer, messages, raw, role_request, switch
from triplane.dataplane.switch.table_features import V1_3, encode_properties

HEAD = Struct("!HB5x32sQQII")
FAILED = ofp.OFPET_TABLE_FEATURES_FAILED


def record(table_id: int, name: bytes = b"mine", properties: bytes = b"", config: int = 0) -> bytes:
    return HEAD.pack(HEAD.size + len(properties), table_id, name, 1, 1, config, 10) + properties


def prop(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + (4 + len(content)).to_bytes(2, "big") + content + bytes(-(4 + len(content)) % 8)


def write(*records: bytes) -> list[bytes]:
    """The request's messages, 16 records each."""
    chunks = [b"".join(records[at : at + 16]) for at in range(0, len(records), 16)]
    flags = [ofp.OFPMPF_REQ_MORE] * (len(chunks) - 1) + [0]
    head = ofp.OFPMP_TABLE_FEATURES.to_bytes(2, "big")
    return [
        raw(ofp.OFPT_MULTIPART_REQUEST, head + flag.to_bytes(2, "big") + bytes(4) + chunk)
        for flag, chunk in zip(flags, chunks, strict=True)
    ]


def read_tables(peer: Peer) -> list[parser.OFPTableFeaturesStats]:
    return [table for reply in peer.send(parser.OFPTableFeaturesStatsRequest(DESC, 0, [])) for table in reply.body]


def test_every_table_can_do_everything() -> None:
    tables = read_tables(Peer(switch()[0]))
    assert [table.table_id for table in tables] == list(range(254))
    for table in (tables[0], tables[253]):
        properties = {item.type: item for item in table.properties}
        last = table.table_id == 253
        instructions = [item.type for item in properties[ofp.OFPTFPT_INSTRUCTIONS].instruction_ids]
        assert sorted(instructions) == [1, 2, 3, 4, 5, 6][last:]
        assert properties[ofp.OFPTFPT_NEXT_TABLES].table_ids == list(range(table.table_id + 1, 254))
        assert len(properties[ofp.OFPTFPT_APPLY_ACTIONS].action_ids) == 16
        fields = {oxm.type: oxm.hasmask for oxm in properties[ofp.OFPTFPT_MATCH].oxm_ids}
        assert len(fields) == 40
        assert (fields["ipv4_dst"], fields["tcp_dst"]) == (1, 0)
        assert not any(oxm.hasmask for oxm in properties[ofp.OFPTFPT_WILDCARDS].oxm_ids)
        settable = {oxm.type for oxm in properties[ofp.OFPTFPT_APPLY_SETFIELD].oxm_ids}
        assert {"eth_dst", "vlan_vid", "ipv6_src", "mpls_label", "tunnel_id"} <= settable
        assert not {"in_port", "ipv6_exthdr"} & settable


def test_write_what_was_read_is_granted() -> None:
    peer = Peer(switch()[0])
    request = write(*(record(table, properties=encode_properties(table, V1_3)) for table in range(254)))
    replies = peer.send(*request)
    assert [(table.table_id, table.name) for reply in replies for table in reply.body] == [
        (table, b"mine") for table in range(254)
    ]


def test_restricted_request_is_granted_with_a_superset() -> None:
    peer = Peer(switch()[0])
    only_output = prop(ofp.OFPTFPT_APPLY_ACTIONS, b"\0\0\0\4")
    peer.send(*write(*(record(table, b"t%d" % table, only_output, config=3) for table in reversed(range(254)))))
    tables = read_tables(peer)
    assert (tables[7].name, tables[7].config, tables[7].max_entries) == (b"t7", 3, 1_000_000)
    assert tables[7].metadata_match == 0xFFFF_FFFF_FFFF_FFFF
    actions = {item.type: item for item in tables[7].properties}[ofp.OFPTFPT_APPLY_ACTIONS].action_ids
    assert len(actions) == 16


ALL = [record(table) for table in range(254)]
OXM_ETH_TYPE = b"\x80\x00\x0a\x02"


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([record(0)], ofp.OFPTFFC_EPERM),
        ([*ALL[:-1], record(254)], ofp.OFPTFFC_BAD_TABLE),
        ([*ALL, record(3)], ofp.OFPTFFC_BAD_TABLE),
        ([*ALL[1:], record(0, config=4)], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[1:], record(0, name=b"n" * 32)], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[1:], record(0, properties=prop(9, b""))], ofp.OFPTFFC_BAD_TYPE),
        ([*ALL[1:], record(0, properties=prop(0xFFFE, bytes(8)))], ofp.OFPTFFC_BAD_TYPE),
        ([*ALL[1:], record(0, properties=b"\0\0\0\3" + bytes(4))], ofp.OFPTFFC_BAD_LEN),
        ([*ALL[1:], record(0, properties=b"\0\0\0\x20" + bytes(4))], ofp.OFPTFFC_BAD_LEN),
        ([*ALL[1:], record(0, properties=prop(0, b"\0\1\0\x08"))], ofp.OFPTFFC_BAD_LEN),
        ([*ALL[1:], record(0, properties=prop(0, b"\0\x09\0\4"))], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[1:], record(0, properties=prop(0, b"") * 2)], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[1:], record(0, properties=prop(4, b"\0\1\0\4"))], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[:5], record(5, properties=prop(2, b"\5")), *ALL[6:]], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[:5], record(5, properties=prop(2, b"\xfe")), *ALL[6:]], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[1:], record(0, properties=prop(8, b"\x80\x00\x7e\x02"))], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[1:], record(0, properties=prop(8, b"\x80\x00\x0b\x02"))], ofp.OFPTFFC_BAD_ARGUMENT),
        ([*ALL[1:], record(0, properties=prop(8, b"\x80\x00\x0a\x03"))], ofp.OFPTFFC_BAD_LEN),
        ([*ALL[1:], record(0, properties=prop(8, OXM_ETH_TYPE[:3]))], ofp.OFPTFFC_BAD_LEN),
        ([*ALL[1:], record(0, properties=prop(14, b"\x80\x00\x00\x04"))], ofp.OFPTFFC_BAD_ARGUMENT),
        ([b"\0\x3f" + bytes(62)], ofp.OFPTFFC_BAD_LEN),
        ([b"\x01\x00" + bytes(62)], ofp.OFPTFFC_BAD_LEN),
        ([b"\0"], ofp.OFPTFFC_BAD_LEN),
    ],
)
def test_writes_are_checked_and_change_nothing_when_refused(records: list[bytes], code: int) -> None:
    peer = Peer(switch()[0])
    (error,) = peer.send(*write(*records))
    assert (error.type, error.code) == (FAILED, code)
    assert peer.agent.switch.table_names == [b"table%d" % table for table in range(254)]
    assert not any(peer.agent.switch.table_config)


def test_slave_may_read_and_not_write() -> None:
    peer = Peer(switch()[0])
    peer.send(role_request(ofp.OFPCR_ROLE_SLAVE, 1))
    assert len(read_tables(peer)) == 254
    (request,) = write(record(0))
    assert peer.error(request) == (ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)


@given(st.binary(max_size=200))
def test_any_properties_are_answered(properties: bytes) -> None:
    peer = Peer(switch()[0])
    peer.push(b"".join(write(*ALL[1:], record(0, properties=properties + bytes(-len(properties) % 8)))))
    assert messages(peer.drain())
