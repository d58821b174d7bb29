"""OpenFlow 1.4 and 1.5: the same calls on our parser and on os-ken's give the same bytes, and the same values."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow.v1_5.oxm_fields import BASIC_FIELDS
from triplane.dataplane.openflow.v1_5.oxs import OXS, OFPStats

VERSIONS = {5: "v1_4", 6: "v1_5"}
MAC = "02:00:00:00:00:01"
Builder = Callable[[Any, Any, Any], Any]


def theirs(version: int) -> Any:
    name = f"os_ken.ofproto.ofproto_{VERSIONS[version]}"
    return SimpleNamespace(ofproto=import_module(name), ofproto_parser=import_module(f"{name}_parser"))


def match(p: Any) -> Any:
    return p.OFPMatch(in_port=1, eth_type=0x0800, ipv4_dst=("10.0.0.0", "255.0.0.0"), pbb_uca=1)


def experimenter(cls: Any) -> Any:
    return cls(type_=0xFFFF, experimenter=101, exp_type=5, data=[1, 2])


def instructions(p: Any, o: Any) -> list[Any]:
    return [
        p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, [p.OFPActionSetField(eth_dst=MAC), p.OFPActionOutput(3)]),
        p.OFPInstructionGotoTable(9),
    ]


# what 1.4 and 1.5 have in common
BOTH: dict[str, Builder] = {
    "flow_mod": lambda d, p, o: p.OFPFlowMod(
        d, 1, 2, 3, o.OFPFC_ADD, 5, 6, 7, 8, 9, 10, o.OFPFF_SEND_FLOW_REM, 11, match(p), instructions(p, o)
    ),
    "port_mod": lambda d, p, o: p.OFPPortMod(
        d,
        3,
        MAC,
        1,
        2,
        [
            p.OFPPortModPropEthernet(0, 8, 10),
            p.OFPPortModPropOptical(type_=1, configure=1, freq_lmda=2, fl_offset=3, grid_span=4, tx_pwr=5),
            experimenter(p.OFPPortModPropExperimenter),
        ],
    ),
    "table_mod": lambda d, p, o: p.OFPTableMod(
        d,
        5,
        o.OFPTC_EVICTION,
        [
            p.OFPTableModPropEviction(o.OFPTMPT_EVICTION, None, 2),
            p.OFPTableModPropVacancy(o.OFPTMPT_VACANCY, None, 10, 90, 0),
            experimenter(p.OFPTableModPropExperimenter),
        ],
    ),
    "set_async": lambda d, p, o: p.OFPSetAsync(
        d, [p.OFPAsyncConfigPropReasons(o.OFPACPT_PACKET_IN_SLAVE, 8, 3), p.OFPAsyncConfigPropReasons(9, 8, 7)]
    ),
    "bundle_open": lambda d, p, o: p.OFPBundleCtrlMsg(d, 7, o.OFPBCT_OPEN_REQUEST, o.OFPBF_ATOMIC, []),
    "bundle_add": lambda d, p, o: p.OFPBundleAddMsg(
        d, 7, 1, p.OFPEchoRequest(d, b"odd"), [experimenter(p.OFPBundlePropExperimenter)]
    ),
    "request_forward": lambda d, p, o: p.OFPRequestForward(d, p.OFPMeterMod(d, bands=[p.OFPMeterBandDrop(7, 8)])),
    "packet_in_format": lambda d, p, o: p.NXTSetPacketInFormatMsg(d, 2),
    "packet_in2": lambda d, p, o: p.NXTPacketIn2(d, [p.NXTPacketIn2PropCookie(type_=4, data=bytes(12))]),
    "table_desc": lambda d, p, o: p.OFPTableDescStatsRequest(d, 0),
    "queue_desc": lambda d, p, o: p.OFPQueueDescStatsRequest(d, 0, 3, 4),
    "flow_monitor": lambda d, p, o: p.OFPFlowMonitorRequest(d, 0, 1, 2, 3, o.OFPFMF_INITIAL, 4, o.OFPFMC_ADD, match(p)),
    "flow_stats": lambda d, p, o: p.OFPFlowStatsRequest(d, 0, 1, 2, 3, 4, 5, match(p)),
    "aggregate": lambda d, p, o: p.OFPAggregateStatsRequest(d, 0, 1, 2, 3, 4, 5, match(p)),
    "table_features": lambda d, p, o: p.OFPTableFeaturesStatsRequest(d, 0, []),
    "port_stats": lambda d, p, o: p.OFPPortStatsRequest(d, 0, 7),
    "barrier": lambda d, p, o: p.OFPBarrierRequest(d),
}
ONLY_1_4: dict[str, Builder] = {
    "packet_out": lambda d, p, o: p.OFPPacketOut(d, o.OFP_NO_BUFFER, 3, [p.OFPActionOutput(1)], b"frame"),
    "group_mod": lambda d, p, o: p.OFPGroupMod(
        d, o.OFPGC_ADD, o.OFPGT_FF, 7, [p.OFPBucket(1, 2, 3, [p.OFPActionSetField(pbb_uca=1)])]
    ),
    "role": lambda d, p, o: p.OFPRoleRequest(d, o.OFPCR_ROLE_MASTER, 7),
    "port_desc": lambda d, p, o: p.OFPPortDescStatsRequest(d, 0),
}


def packet_out(d: Any, p: Any, o: Any) -> Any:
    actions = [
        p.OFPActionSetField(ipv4_src=("10.0.0.0", "255.0.0.0")),
        p.OFPActionSetField(vlan_vid=(1, 0xFFF)),
        p.OFPActionSetField(tcp_flags=2),
        p.OFPActionMeter(3),
        p.OFPActionCopyField(16, 1, 2, ["metadata", "reg0"]),
        p.OFPActionOutput(1),
    ]
    return p.OFPPacketOut(d, None, p.OFPMatch(in_port=1, metadata=5, packet_type=0), actions, b"frame")


def group_mod(d: Any, p: Any, o: Any) -> Any:
    properties = [
        p.OFPGroupBucketPropWeight(o.OFPGBPT_WEIGHT, 8, 5),
        p.OFPGroupBucketPropWatch(type_=o.OFPGBPT_WATCH_PORT, length=8, watch=6),
        experimenter(p.OFPGroupBucketPropExperimenter),
    ]
    buckets = [p.OFPBucket(1, [p.OFPActionOutput(1)], properties), p.OFPBucket(bucket_id=2)]
    return p.OFPGroupMod(
        d,
        o.OFPGC_INSERT_BUCKET,
        o.OFPGT_SELECT,
        7,
        o.OFPG_BUCKET_LAST,
        buckets,
        [experimenter(p.OFPGroupPropExperimenter)],
    )


def features(d: Any, p: Any, o: Any) -> Any:
    properties = [
        p.OFPTableFeaturePropInstructions(type_=o.OFPTFPT_INSTRUCTIONS, instruction_ids=[p.OFPInstructionId(1)]),
        p.OFPTableFeaturePropNextTables(type_=o.OFPTFPT_TABLE_SYNC_FROM, table_ids=[1, 2, 3]),
        p.OFPTableFeaturePropActions(type_=o.OFPTFPT_WRITE_ACTIONS, action_ids=[p.OFPActionId(28)]),
        p.OFPTableFeaturePropOxm(type_=o.OFPTFPT_APPLY_COPYFIELD, oxm_ids=[p.OFPOxmId("in_port")]),
        p.OFPTableFeaturePropOxm(type_=o.OFPTFPT_MATCH, oxm_ids=[p.OFPOxmId("tcp_flags", hasmask=True)]),
        p.OFPTableFeaturePropOxmValues(type_=o.OFPTFPT_PACKET_TYPES, packet_type=0),
        experimenter(p.OFPTableFeaturePropExperimenter),
    ]
    stats = p.OFPTableFeaturesStats(1, o.OFPTFC_MODIFY, o.OFPTFF_EGRESS_TABLE, b"one", 2, 3, 4, 5, properties)
    return p.OFPTableFeaturesStatsRequest(d, 0, [stats])


ONLY_1_5: dict[str, Builder] = {
    "packet_out": packet_out,
    "group_mod": group_mod,
    "features": features,
    "stat_trigger": lambda d, p, o: p.OFPFlowMod(
        d,
        match=p.OFPMatch(tcp_flags=(2, 3), actset_output=4, packet_type=0),
        instructions=[p.OFPInstructionStatTrigger(o.OFPSTF_PERIODIC, p.OFPStats(packet_count=10, duration=(1, 2)))],
    ),
    "role": lambda d, p, o: p.OFPRoleRequest(d, o.OFPCR_ROLE_MASTER, None, 7),
    "role_with_id": lambda d, p, o: p.OFPRoleRequest(d, o.OFPCR_ROLE_MASTER, 3, 7),
    "port_desc": lambda d, p, o: p.OFPPortDescStatsRequest(d, 0, 3),
    "group_desc": lambda d, p, o: p.OFPGroupDescStatsRequest(d, 0, 3),
    "meter_desc": lambda d, p, o: p.OFPMeterDescStatsRequest(d, 0, 3),
    "flow_desc": lambda d, p, o: p.OFPFlowDescStatsRequest(d, 0, 1, 2, 3, 4, 5, match(p)),
    "controller_status": lambda d, p, o: p.OFPControllerStatusStatsRequest(d),
    "bundle_features": lambda d, p, o: p.OFPBundleFeaturesStatsRequest(
        d,
        0,
        o.OFPBF_TIME_SET_SCHED,
        [
            p.OFPBundleFeaturesPropTime(
                type_=o.OFPTMPBF_TIME_CAPABILITY,
                sched_accuracy=p.OFPTime(1, 2),
                sched_max_future=p.OFPTime(3, 4),
                sched_max_past=p.OFPTime(5, 6),
                timestamp=p.OFPTime(7, 8),
            )
        ],
    ),
    "bundle_at_a_time": lambda d, p, o: p.OFPBundleCtrlMsg(
        d, 1, o.OFPBCT_COMMIT_REQUEST, o.OFPBF_TIME, [p.OFPBundlePropTime(type_=1, scheduled_time=p.OFPTime(1, 2))]
    ),
}
CASES = [
    *((version, name, builder) for version in VERSIONS for name, builder in BOTH.items()),
    *((5, name, builder) for name, builder in ONLY_1_4.items()),
    *((6, name, builder) for name, builder in ONLY_1_5.items()),
]
NAMES = [f"{VERSIONS[version]}-{name}" for version, name, _ in CASES]


def build(builder: Builder, datapath: Any) -> Any:
    message = builder(datapath, datapath.ofproto_parser, datapath.ofproto)
    message.set_xid(12)
    return message


@pytest.mark.parametrize(("version", "name", "builder"), CASES, ids=NAMES)
def test_same_bytes(version: int, name: str, builder: Builder) -> None:
    our_message, their_message = build(builder, codec.PROTOCOLS[version]), build(builder, theirs(version))
    their_message.serialize()
    assert our_message.serialize() == bytes(their_message.buf)


@pytest.mark.parametrize(("version", "name", "builder"), CASES, ids=NAMES)
def test_what_was_written_is_read(version: int, name: str, builder: Builder) -> None:
    built = build(builder, codec.PROTOCOLS[version])
    data = built.serialize()
    read = codec.parse(version, data, codec.PROTOCOLS[version])
    assert type(read) is type(built)
    assert read.serialize() == data
    again = type(read).from_jsondict(*read.to_jsondict().values(), datapath=codec.PROTOCOLS[version])
    again.set_xid(12)
    assert again.serialize() == data


@pytest.mark.parametrize("version", VERSIONS)
def test_every_number_is_theirs(version: int) -> None:
    ours, other = vars(codec.PROTOCOLS[version].ofproto), vars(theirs(version).ofproto)
    prefixes = ("OFP", "OXM_OF", "OXS_OF")
    checked = [name for name, value in other.items() if isinstance(value, int | str) and name.startswith(prefixes)]
    assert len(checked) > 600
    assert [(name, ours.get(name)) for name in checked if ours.get(name) != other[name]] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_class_of_theirs_is_here(version: int) -> None:
    ours, other = codec.PROTOCOLS[version].ofproto_parser, theirs(version).ofproto_parser
    classes = [name for name, value in vars(other).items() if isinstance(value, type) and name.startswith("OFP")]
    assert [name for name in classes if not hasattr(ours, name)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_has_its_own_classes_before_those_it_shares(version: int) -> None:
    parser = codec.PROTOCOLS[version].ofproto_parser
    package = f"triplane.dataplane.openflow.{VERSIONS[version]}"
    for name in ("actions", "groups", "instructions", "match", "messages", "multipart", "ports", "stats"):
        module: ModuleType = import_module(f"{package}.{name}")
        own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        assert {key: getattr(parser, key) for key in own if not key.startswith("_")} == own


def test_an_action_is_what_scripts_check_it_against() -> None:
    parser = codec.PROTOCOLS[6].ofproto_parser
    copy = parser.OFPActionCopyField(n_bits=8, oxm_ids=["eth_src", "eth_dst"])
    for action in (copy, parser.OFPActionMeter(1), parser.OFPActionOutput(1), parser.OFPActionSetField(in_port=1)):
        assert isinstance(action, parser.OFPAction)
    with pytest.raises(ValueError, match="two fields"):
        parser.OFPActionCopyField(n_bits=8, oxm_ids=["eth_src"])


STATISTICS: dict[str, st.SearchStrategy[Any]] = {
    "duration": st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    "idle_time": st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    "flow_count": st.integers(0, 2**32 - 1),
    "packet_count": st.integers(0, 2**64 - 1),
    "byte_count": st.integers(0, 2**64 - 1),
}


@given(st.fixed_dictionaries({}, optional=STATISTICS))
def test_statistics(values: dict[str, Any]) -> None:
    ours, other = OFPStats(**values), theirs(6).ofproto_parser.OFPStats(**values)
    wire = bytearray()
    other.serialize(wire, 0)
    assert ours.serialize() == len(wire)
    assert ours._pack() == bytes(wire)
    read = OFPStats.parser(bytes(wire), 0)
    assert read is not None
    assert dict(read.items()) == dict(other.items()) == values
    assert json.dumps(read.to_jsondict(), sort_keys=True) == json.dumps(other.to_jsondict(), sort_keys=True)
    assert str(read) == str(other)


@given(st.data())
def test_any_match(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(BASIC_FIELDS), unique=True))
    wanted = {f.name: f.kind.decode(data.draw(st.binary(min_size=f.kind.size, max_size=f.kind.size))) for f in chosen}
    parser, other = codec.PROTOCOLS[6].ofproto_parser, theirs(6).ofproto_parser
    wire = bytearray()
    other.OFPMatch(**wanted).serialize(wire, 0)
    assert parser.OFPMatch(**wanted).to_bytes() == bytes(wire)
    assert dict(parser.OFPMatch.parser(bytes(wire), 0).items()) == wanted


def test_every_statistic_has_ryus_number() -> None:
    ofproto = codec.PROTOCOLS[6].ofproto
    for name, field in OXS.by_name.items():
        assert ofproto.oxs_from_user_header(name) == field.num
        assert getattr(ofproto, f"OXS_OF_{name.upper()}") == int.from_bytes(field.plain, "big")
