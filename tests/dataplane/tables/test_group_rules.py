"""Any run of group-mods against the rules; any bytes as buckets and bands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.tables.test_buckets import OUTPUT, bucket, encode
from tests.oracle import group_table as oracle
from tests.oracle.group_table import Said
from triplane.dataplane.kernels.arena import A_USED, make_arena
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.tables.groups import GroupTable
from triplane.dataplane.tables.meters import MeterTable

ids = st.integers(1, 6)
maybe = st.none() | ids
saids = st.lists(st.builds(Said, st.sampled_from([0, 0, 0, 5]), maybe, maybe), max_size=2).map(tuple)
adds = st.tuples(st.sampled_from([oracle.ADD, oracle.ADD, oracle.MODIFY]), st.integers(0, 3), ids, saids)
deletes = st.tuples(
    st.just(oracle.DELETE), st.just(0), st.one_of(ids, ids, ids, st.just(oracle.EVERY_GROUP)), st.just(())
)


def wire_of(buckets: tuple[Said, ...]) -> bytes:
    return encode(*(_bucket(said) for said in buckets))


def _bucket(said: Said) -> parser.OFPBucket:
    action = OUTPUT if said.forward is None else parser.OFPActionGroup(said.forward)
    watch = ofp.OFPG_ANY if said.watch is None else said.watch
    return bucket(action, weight=said.weight, watch_group=watch)


@given(st.lists(st.one_of(adds, adds, adds, deletes), max_size=14))
def test_any_run_of_group_mods(mods: list[tuple[int, int, int, tuple[Said, ...]]]) -> None:
    groups, model = GroupTable(make_arena(1 << 16), 1, slots=64), {}
    for command, kind, group_id, buckets in mods:
        error, model = oracle.apply(model, command, kind, group_id, buckets)
        if error:
            with pytest.raises(OpenFlowError, match=f"_{error}"):
                groups.mod(command, kind, group_id, wire_of(buckets), 0)
        else:
            groups.mod(command, kind, group_id, wire_of(buckets), 0)
        told = [parser.OFPGroupDescStats.parser(wire, 0) for wire in groups.desc()]
        wanted = {number: (kind, wire_of(buckets)) for number, (kind, buckets) in model.items()}
        assert {one.group_id: (one.type, encode(*one.buckets)) for one in told} == wanted
    groups.mod(ofp.OFPGC_DELETE, 0, ofp.OFPG_ALL, b"", 0)
    assert groups._arena[A_USED] == 0


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """Bytes that were right before some were changed and the end was cut."""
    changes = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=4)
    return st.builds(_change, st.just(whole), changes, st.integers(0, len(whole)))


def _change(whole: bytes, changes: list[tuple[int, int]], end: int) -> bytes:
    wire = bytearray(whole)
    for at, value in changes:
        wire[at] = value
    return bytes(wire[:end])


BUCKETS = encode(
    bucket(OUTPUT, parser.OFPActionSetField(eth_dst="02:00:00:00:00:01"), weight=1),
    bucket(parser.OFPActionPushVlan(), parser.OFPActionGroup(1), watch_port=3, watch_group=1),
)
BANDS = bytes.fromhex("00010010000003e80000000a00000000" + "00020010000003e80000000a02000000")


@given(mutated(BUCKETS) | st.binary(max_size=64), st.integers(0, 5))
def test_any_bytes_as_buckets(wire: bytes, kind: int) -> None:
    groups = GroupTable(make_arena(1 << 16), 1, slots=64)
    groups.mod(ofp.OFPGC_ADD, ofp.OFPGT_ALL, 1, b"", 0)
    before = int(groups._arena[A_USED])
    try:
        groups.mod(ofp.OFPGC_ADD, kind, 2, wire, 0)
    except OpenFlowError:
        assert (len(groups.desc()), groups._arena[A_USED]) == (1, before)
    else:
        assert groups.desc()[1][8:] == wire


@given(mutated(BANDS) | st.binary(max_size=48), st.integers(0, 31))
def test_any_bytes_as_bands(wire: bytes, flags: int) -> None:
    meters = MeterTable(make_arena(1 << 16), 1, slots=64)
    try:
        meters.mod(ofp.OFPMC_ADD, flags, 2, wire, 0)
    except OpenFlowError:
        assert (meters.config(ofp.OFPM_ALL), meters._arena[A_USED]) == ([], 0)
    else:
        assert meters.config(2)[0][8:] == wire
