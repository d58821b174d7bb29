"""Nicira's actions against os-ken's: the same bytes and the same JSON, in each version."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from os_ken.ofproto import (
    nicira_ext as theirs_ext,
)
from os_ken.ofproto import (
    ofproto_v1_3_parser as theirs_3,
)
from os_ken.ofproto import (
    ofproto_v1_4_parser as theirs_4,
)
from os_ken.ofproto import (
    ofproto_v1_5_parser as theirs_5,
)

from triplane.dataplane.openflow import (
    nicira_ext,
    ofproto_v1_0_parser,
    ofproto_v1_3_parser,
    ofproto_v1_4_parser,
    ofproto_v1_5_parser,
)
from triplane.dataplane.openflow.errors import OpenFlowError

VERSIONS = [(ofproto_v1_3_parser, theirs_3), (ofproto_v1_4_parser, theirs_4), (ofproto_v1_5_parser, theirs_5)]

Case = tuple[str, dict[str, Any]]
CASES: list[Case] = [
    ("SetQueue", {"queue_id": 7}),
    ("PopQueue", {}),
    ("RegLoad", {"ofs_nbits": nicira_ext.ofs_nbits(4, 31), "dst": "eth_dst", "value": 0x112233}),
    ("RegLoad", {"ofs_nbits": nicira_ext.ofs_nbits(0, 31), "dst": "reg7", "value": 5}),
    ("RegLoad2", {"dst": "tun_ipv4_src", "value": "192.168.10.0", "mask": "255.255.255.0"}),
    ("RegLoad2", {"dst": "reg1", "value": 9}),
    ("RegLoad2", {"dst": "eth_src", "value": "00:00:00:00:00:01"}),
    ("Note", {"note": [1, 2, 3]}),
    ("Note", {"note": [1] * 14}),
    ("SetTunnel", {"tun_id": 0xA}),
    ("SetTunnel64", {"tun_id": 1 << 63}),
    ("RegMove", {"src_field": "reg0", "dst_field": "reg1", "n_bits": 16, "src_ofs": 8, "dst_ofs": 0}),
    ("RegMove", {"src_field": "eth_src_nxm", "dst_field": "eth_dst_nxm", "n_bits": 48}),
    ("RegMove", {"src_field": "_dp_hash", "dst_field": "reg1", "n_bits": 32}),
    ("Resubmit", {"in_port": 8080}),
    ("ResubmitTable", {"in_port": 8080, "table_id": 10}),
    ("ResubmitTable", {}),
    ("OutputReg", {"ofs_nbits": nicira_ext.ofs_nbits(4, 31), "src": "reg0", "max_len": 1024}),
    ("OutputReg2", {"ofs_nbits": nicira_ext.ofs_nbits(4, 31), "src": "xxreg0", "max_len": 1024}),
    ("Exit", {}),
    ("DecTtl", {}),
    ("Controller", {"max_len": 1024, "controller_id": 1, "reason": 0}),
    ("Controller2", {"max_len": 1024, "controller_id": 1, "reason": 0, "userdata": [0xA, 0xB, 0xC], "pause": True}),
    ("Controller2", {"userdata": [1] * 9}),
    ("DecTtlCntIds", {"cnt_ids": [1, 2, 3]}),
    ("PushMpls", {"ethertype": 0x8847}),
    ("PopMpls", {"ethertype": 0x0800}),
    ("SetMplsTtl", {"ttl": 128}),
    ("DecMplsTtl", {}),
    ("SetMplsLabel", {"label": 0x10}),
    ("SetMplsTc", {"tc": 0x5}),
    ("StackPush", {"field": "reg2", "start": 0, "end": 5}),
    ("StackPop", {"field": "reg2", "start": 0, "end": 5}),
    ("Sample", {"probability": 3, "collector_set_id": 1, "obs_domain_id": 2, "obs_point_id": 3}),
    ("Sample2", {"probability": 3, "collector_set_id": 1, "obs_domain_id": 2, "obs_point_id": 3, "sampling_port": 80}),
    ("FinTimeout", {"fin_idle_timeout": 30, "fin_hard_timeout": 60}),
    ("Conjunction", {"clause": 1, "n_clauses": 2, "id_": 10}),
    ("Multipath", {"fields": 1, "basis": 1024, "algorithm": 2, "max_link": 3, "arg": 0, "ofs_nbits": 31,
                   "dst": "reg2"}),
    ("Bundle", {"algorithm": 1, "fields": 1, "basis": 0, "slave_type": 2, "n_slaves": 2, "ofs_nbits": 0, "dst": 0,
                "slaves": [2, 3]}),
    ("BundleLoad", {"algorithm": 1, "fields": 1, "basis": 0, "slave_type": 2, "n_slaves": 3,
                    "ofs_nbits": nicira_ext.ofs_nbits(4, 31), "dst": "reg0", "slaves": [2, 3, 5]}),
    ("CT", {"flags": 1, "zone_src": "reg0", "zone_ofs_nbits": nicira_ext.ofs_nbits(4, 31), "recirc_table": 4, "alg": 0,
            "actions": []}),
    ("CT", {"flags": 0, "zone_src": "", "zone_ofs_nbits": 5, "recirc_table": 4, "alg": 21, "actions": []}),
    ("CTClear", {}),
    ("NAT", {"flags": 1, "range_ipv4_min": "10.1.12.0", "range_ipv4_max": "10.1.13.255", "range_proto_max": 1023}),
    ("NAT", {"flags": 1, "range_ipv6_min": "2001:db8::1", "range_proto_min": 1}),
    ("OutputTrunc", {"port": 8080, "max_len": 1024}),
]  # fmt: skip


def both(name: str, arguments: dict[str, Any], ours: ModuleType, theirs: ModuleType) -> tuple[Any, Any]:
    return (getattr(module, f"NXAction{name}")(**json_copy(arguments)) for module in (ours, theirs))  # type: ignore[return-value]


def json_copy(arguments: dict[str, Any]) -> dict[str, Any]:
    """They change the lists that they are given."""
    return dict(json.loads(json.dumps(arguments)))


def wire_of(action: Any) -> bytes:
    buf = bytearray()
    action.serialize(buf, 0)
    return bytes(buf)


@pytest.mark.parametrize(("ours", "theirs"), VERSIONS)
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_the_same_bytes_and_json_as_os_ken(
    name: str, arguments: dict[str, Any], ours: ModuleType, theirs: ModuleType
) -> None:
    mine, oracle = both(name, arguments, ours, theirs)
    wire = wire_of(mine)
    assert wire == wire_of(oracle).ljust(len(wire), b"\0")
    assert len(wire) % 8 == 0
    read = ours.ACTIONS.parser(wire, 0)
    assert type(read) is type(mine)
    assert wire_of(read) == wire
    if name != "RegLoad2":  # os-ken's cannot tell a number, nor after the first mask a value without one
        assert read.to_jsondict() == theirs.OFPAction.parser(wire, 0).to_jsondict()
    rebuilt = type(mine).obj_from_jsondict(json.loads(json.dumps(read.to_jsondict())))
    assert wire_of(rebuilt) == wire


def specs(parser: ModuleType) -> list[Any]:
    return [
        parser.NXFlowSpecMatch(src=("vlan_tci", 0), dst=("vlan_tci", 0), n_bits=12),
        parser.NXFlowSpecMatch(src=0x0800, dst=("eth_type_nxm", 0), n_bits=16),
        parser.NXFlowSpecMatch(src=("eth_src_nxm", 0), dst=("eth_dst_nxm", 0), n_bits=48),
        parser.NXFlowSpecLoad(src=0, dst=("vlan_tci", 0), n_bits=12),
        parser.NXFlowSpecLoad(src=("in_port_nxm", 0), dst=("reg1", 16), n_bits=16),
        parser.NXFlowSpecOutput(src=("in_port_nxm", 0), dst="", n_bits=16),
    ]


@pytest.mark.parametrize(("ours", "theirs"), VERSIONS)
def test_learn(ours: ModuleType, theirs: ModuleType) -> None:
    arguments = {"table_id": 1, "hard_timeout": 300, "idle_timeout": 1, "priority": 1, "cookie": 0x64, "flags": 1}
    mine, oracle = (parser.NXActionLearn(specs=specs(parser), **arguments) for parser in (ours, theirs))
    wire = wire_of(mine)
    assert wire == wire_of(oracle).ljust(len(wire), b"\0")
    read, expected = ours.ACTIONS.parser(wire, 0), theirs.OFPAction.parser(wire, 0)
    assert [str(spec) for spec in read.specs] == [str(spec) for spec in expected.specs]
    assert wire_of(read) == wire
    assert wire_of(type(read).obj_from_jsondict(json.loads(json.dumps(read.to_jsondict())))) == wire


@pytest.mark.parametrize(("ours", "theirs"), VERSIONS)
def test_actions_inside_of_conntrack(ours: ModuleType, theirs: ModuleType) -> None:
    arguments = {"flags": 1, "zone_src": "", "zone_ofs_nbits": 0, "recirc_table": 255, "alg": 0}
    mine, oracle = (
        parser.NXActionCT(actions=[parser.NXActionNAT(flags=1), parser.NXActionRegLoad(31, "reg0", 1)], **arguments)
        for parser in (ours, theirs)
    )
    assert wire_of(mine) == wire_of(oracle)
    read = ours.ACTIONS.parser(wire_of(mine), 0)
    assert [type(action).__name__ for action in read.actions] == ["NXActionNAT", "NXActionRegLoad"]


def test_openflow_1_0_calls_the_experimenter_a_vendor() -> None:
    parser = ofproto_v1_0_parser
    action = parser.NXActionResubmitTable(in_port=1, table_id=2)  # type: ignore[attr-defined]
    read = parser.OFPAction.parser(wire_of(action), 0)
    assert (type(read), read.vendor, read.subtype, read.table_id) == (type(action), 0x2320, 14, 2)
    assert isinstance(read, parser.OFPActionVendor)


@pytest.mark.parametrize("parser", [ofproto_v1_0_parser, *(ours for ours, _ in VERSIONS)])
def test_ours_beyond_ryu_and_what_nobody_knows(parser: Any) -> None:
    clone = parser.NXActionClone([parser.NXActionExit(), parser.NXActionWriteMetadata(1, 3)])
    read = parser.ACTIONS.parser(wire_of(clone), 0)
    assert [type(action).__name__ for action in read.actions] == ["NXActionExit", "NXActionWriteMetadata"]
    unknown = b"\xff\xff\x00\x10\x00\x00\x23\x20\x03\xe7" + b"abcdef"
    read = parser.ACTIONS.parser(unknown, 0)
    assert (type(read), read.subtype, read.data, wire_of(read)) == (parser.NXActionUnknown, 999, b"abcdef", unknown)


@pytest.mark.parametrize("parser", [ours for ours, _ in VERSIONS])
def test_damaged_actions_are_refused(parser: Any) -> None:
    for name, arguments in CASES:
        wire = bytearray(wire_of(getattr(parser, f"NXAction{name}")(**json_copy(arguments))))
        for cut in range(8, len(wire), 8):
            short = wire[:cut]
            short[2:4] = cut.to_bytes(2, "big")
            try:
                parser.ACTIONS.parser(bytes(short), 0)
            except OpenFlowError as error:
                assert error.type in (2, 4)


def test_numbers_are_ryus() -> None:
    names = [name for name in dir(theirs_ext) if name[0].isupper() and not name.startswith("OFP")]
    assert len(names) > 200
    for name in names:
        assert getattr(nicira_ext, name) == getattr(theirs_ext, name), name
    assert [nicira_ext.ofs_nbits_str(number) for number in (0, 31, 4 << 6 | 27)] == ["[0..0]", "[0..31]", "[4..31]"]
    assert nicira_ext.nxm_nx_reg_w(3) == theirs_ext.nxm_nx_reg_w(3)
