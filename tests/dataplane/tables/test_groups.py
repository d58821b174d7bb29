from __future__ import annotations

import numpy as np
import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser

from tests.dataplane.tables.test_buckets import OUTPUT, bucket, encode
from triplane.dataplane.kernels.arena import A_USED, arena_turn, make_arena
from triplane.dataplane.kernels.groups import (
    bucket_program,
    choose_bucket,
    count_bucket,
    count_group,
    group_block,
    group_live,
)
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.packet import MAX_PORTS
from triplane.dataplane.kernels.program import (
    OP_END,
    OP_GROUP,
    OP_OUTPUT,
    OP_POP_VLAN,
    OP_SET_QUEUE,
    arg_of,
    op_of,
    size_of,
)
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.tables.groups import GroupTable

SECOND = 10**9
ADD, MODIFY, DELETE = ofp.OFPGC_ADD, ofp.OFPGC_MODIFY, ofp.OFPGC_DELETE
ALL, SELECT, INDIRECT, FF = ofp.OFPGT_ALL, ofp.OFPGT_SELECT, ofp.OFPGT_INDIRECT, ofp.OFPGT_FF
ONE = encode(bucket(OUTPUT))
TWO = encode(bucket(OUTPUT, weight=1), bucket(parser.OFPActionOutput(3), weight=2))


def forward(*groups: int) -> bytes:
    """A bucket for each group that it forwards to."""
    return encode(*(bucket(parser.OFPActionGroup(group)) for group in groups))


def watch(group: int = ofp.OFPG_ANY, port: int = ofp.OFPP_ANY) -> bytes:
    return encode(bucket(OUTPUT, watch_port=port, watch_group=group))


def table(slots: int = 64) -> GroupTable:
    return GroupTable(make_arena(1 << 16), workers=2, slots=slots, uses=lambda: np.arange(70, 70 + slots))


def added(groups: GroupTable, group_id: int, kind: int = ALL, buckets: bytes = ONE, now: int = SECOND) -> int:
    groups.mod(ADD, kind, group_id, buckets, now)
    return id_lookup(groups.arrays.ids, group_id)


def program(groups: GroupTable, slot: int, number: int) -> list[tuple[int, int]]:
    """Operation and argument (of output: the port) of each action of a bucket."""
    code = groups._arena
    at, found = bucket_program(code, group_block(groups.arrays, slot), number), []
    while op_of(code[at]) != OP_END:
        op = op_of(code[at])
        found.append((op, int(code[at + 1]) if op in (OP_OUTPUT, OP_SET_QUEUE) else arg_of(code[at])))
        at += size_of(code[at])
    return found


def stats_of(groups: GroupTable, group_id: int, now: int = SECOND) -> parser.OFPGroupStats:
    (wire,) = groups.stats(group_id, now)
    return parser.OFPGroupStats.parser(wire, 0)


@pytest.mark.parametrize("kind", [ALL, SELECT])
@pytest.mark.parametrize("buckets", [b"", ONE, TWO])
def test_desc_says_what_was_sent(kind: int, buckets: bytes) -> None:
    groups = table()
    if kind == ALL and buckets == TWO:
        buckets = ONE * 2
    added(groups, 5, kind, buckets)
    (wire,) = groups.desc()
    read = parser.OFPGroupDescStats.parser(wire, 0)
    assert (read.length, read.type, read.group_id) == (len(wire), kind, 5)
    assert wire[8:] == buckets


def test_buckets_become_programs_in_the_order_of_an_action_set() -> None:
    groups = table()
    below = added(groups, 1)
    mixed = encode(
        bucket(OUTPUT, parser.OFPActionSetQueue(4), parser.OFPActionPopVlan()), bucket(parser.OFPActionGroup(1))
    )
    slot = added(groups, 2, ALL, mixed)
    assert program(groups, slot, 0) == [(OP_POP_VLAN, 0), (OP_SET_QUEUE, 4), (OP_OUTPUT, 2)]
    assert program(groups, slot, 1) == [(OP_GROUP, below)]


def test_stats() -> None:
    groups = table()
    slot = added(groups, 7, SELECT, TWO)
    added(groups, 8, ALL, forward(7))
    for worker, number in ((0, 0), (1, 1), (1, 1)):
        count_group(groups.arrays, worker, slot, 1, 100)
        count_bucket(groups._arena, group_block(groups.arrays, slot), worker, number, 1, 100)
    read = stats_of(groups, 7, 3 * SECOND + 4)
    assert (read.group_id, read.ref_count) == (7, 70 + slot + 1)
    assert (read.packet_count, read.byte_count, read.duration_sec, read.duration_nsec) == (3, 300, 2, 4)
    assert [(pair.packet_count, pair.byte_count) for pair in read.bucket_stats] == [(1, 100), (2, 200)]
    assert len(groups.stats(ofp.OFPG_ALL, SECOND)) == 2
    assert groups.stats(99, SECOND) == []


def test_modify_keeps_the_groups_counters_and_clears_the_buckets() -> None:
    groups = table()
    slot = added(groups, 7, SELECT, TWO)
    old = group_block(groups.arrays, slot)
    count_group(groups.arrays, 0, slot, 1, 100)
    count_bucket(groups._arena, old, 0, 1, 1, 100)
    groups.mod(MODIFY, ALL, 7, ONE * 3, 2 * SECOND)
    assert (id_lookup(groups.arrays.ids, 7), group_block(groups.arrays, slot) == old) == (slot, False)
    read = stats_of(groups, 7, 3 * SECOND)
    assert (read.packet_count, read.duration_sec) == (1, 2)
    assert [pair.packet_count for pair in read.bucket_stats] == [0, 0, 0]


def test_a_worker_in_the_old_buckets_can_finish() -> None:
    groups = table()
    slot = added(groups, 7, SELECT, TWO)
    old = group_block(groups.arrays, slot)
    groups.mod(MODIFY, ALL, 7, b"", SECOND)
    arena_turn(groups._arena)
    added(groups, 8, SELECT, TWO)
    live = np.ones(MAX_PORTS, np.int64)
    assert {choose_bucket(groups.arrays, groups._arena, old, number, live) for number in range(50)} == {0, 1}


def test_delete_tells_slots_and_frees_all() -> None:
    groups = table(slots=3)
    for _ in range(5):
        slots = {1: added(groups, 1), 2: added(groups, 2, ALL, forward(1)), 3: added(groups, 3, FF, watch(2))}
        assert dict(groups.mod(DELETE, 0, ofp.OFPG_ALL, b"", SECOND)) == slots
        assert groups.desc() == []
        assert group_block(groups.arrays, slots[1]) == 0
        assert id_lookup(groups.arrays.ids, 1) == -1
        for _ in range(2):
            groups.turn()
            arena_turn(groups._arena)
    assert groups._arena[A_USED] == 0


def test_deleting_one() -> None:
    groups = table()
    slot = added(groups, 1)
    assert groups.mod(DELETE, 77, 1, b"", SECOND) == [(1, slot)]
    assert groups.mod(DELETE, 0, 1, b"", SECOND) == []


def test_a_group_that_others_use_stays_until_they_are_gone() -> None:
    groups = table()
    for group_id in (1, 2):
        added(groups, group_id)
    added(groups, 3, ALL, forward(1))
    added(groups, 4, FF, watch(2))
    for used in (1, 2):
        with pytest.raises(OpenFlowError, match="OFPGMFC_CHAINED_GROUP"):
            groups.mod(DELETE, 0, used, b"", SECOND)
    groups.mod(MODIFY, ALL, 3, ONE, SECOND)
    groups.mod(DELETE, 0, 4, b"", SECOND)
    assert [groups.mod(DELETE, 0, used, b"", SECOND)[0].identifier for used in (1, 2)] == [1, 2]


def test_loops_are_refused() -> None:
    groups = table()
    added(groups, 1)
    added(groups, 2, ALL, forward(1))
    added(groups, 3, FF, watch(2))
    for command, group_id, buckets in ((ADD, 9, forward(9)), (MODIFY, 1, forward(1)), (MODIFY, 1, forward(3))):
        with pytest.raises(OpenFlowError, match="OFPGMFC_LOOP"):
            groups.mod(command, ALL, group_id, buckets, SECOND)
    groups.mod(MODIFY, ALL, 2, ONE, SECOND)
    groups.mod(MODIFY, ALL, 1, forward(2), SECOND)


def test_a_watched_group_lends_its_life() -> None:
    groups = table()
    added(groups, 1, FF, watch(port=5))
    added(groups, 2, FF, watch(1))
    slot = added(groups, 3, FF, watch(2))
    live = np.zeros(MAX_PORTS, np.int64)
    assert not group_live(groups.arrays, groups._arena, slot, live)
    live[5] = 1
    assert group_live(groups.arrays, groups._arena, slot, live)


def test_watching_through_too_many_groups_is_refused() -> None:
    groups = table()
    added(groups, 1)
    for number in range(2, 5):
        added(groups, number, FF, watch(number - 1))
    with pytest.raises(OpenFlowError, match="OFPGMFC_WATCH_UNSUPPORTED"):
        added(groups, 6, FF, watch(4))
    added(groups, 7)
    added(groups, 8, FF, watch(7))
    with pytest.raises(OpenFlowError, match="OFPGMFC_WATCH_UNSUPPORTED"):
        groups.mod(MODIFY, FF, 1, watch(8), SECOND)


def test_features() -> None:
    groups = table()
    read = parser.OFPGroupFeaturesStats.parser(groups.features(), 0)
    assert (read.types, read.capabilities, read.max_groups) == (0b1111, 0b1111, [64] * 4)
    numbers = [number for number in range(32) if read.actions[0] >> number & 1]
    assert numbers == [0, 11, 12, *range(15, 28)]


UNKNOWN_ACTION = encode(bucket(parser.OFPActionPopVlan())).replace(b"\0\x12\0\x08", b"\0\x63\0\x08")


@pytest.mark.parametrize(
    ("command", "kind", "group_id", "buckets", "error"),
    [
        (ADD, ALL, 1, ONE, "OFPGMFC_GROUP_EXISTS"),
        (MODIFY, ALL, 2, ONE, "OFPGMFC_UNKNOWN_GROUP"),
        (3, ALL, 2, ONE, "OFPGMFC_BAD_COMMAND"),
        (ADD, 4, 2, ONE, "OFPGMFC_BAD_TYPE"),
        (MODIFY, 9, 1, ONE, "OFPGMFC_BAD_TYPE"),
        (ADD, ALL, ofp.OFPG_MAX + 1, ONE, "OFPGMFC_INVALID_GROUP"),
        (ADD, ALL, ofp.OFPG_ALL, ONE, "OFPGMFC_INVALID_GROUP"),
        (ADD, INDIRECT, 2, b"", "OFPGMFC_INVALID_GROUP"),
        (ADD, INDIRECT, 2, ONE * 2, "OFPGMFC_INVALID_GROUP"),
        (ADD, ALL, 2, TWO, "OFPGMFC_INVALID_GROUP"),
        (ADD, FF, 2, encode(bucket(weight=1, watch_port=1)), "OFPGMFC_INVALID_GROUP"),
        (ADD, FF, 2, ONE, "OFPGMFC_BAD_WATCH"),
        (ADD, FF, 2, watch(port=0), "OFPGMFC_BAD_WATCH"),
        (ADD, FF, 2, watch(port=ofp.OFPP_CONTROLLER), "OFPGMFC_BAD_WATCH"),
        (ADD, FF, 2, watch(3), "OFPGMFC_BAD_WATCH"),
        (ADD, ALL, 2, ONE[:-1], "OFPGMFC_BAD_BUCKET"),
        (ADD, ALL, 2, UNKNOWN_ACTION, "OFPBAC_BAD_TYPE"),
        (MODIFY, ALL, 1, encode(bucket(parser.OFPActionOutput(0))), "OFPBAC_BAD_OUT_PORT"),
        (ADD, ALL, 2, forward(3), "OFPBAC_BAD_OUT_GROUP"),
        (ADD, ALL, 2, ONE, "OFPGMFC_OUT_OF_GROUPS"),
    ],
)
def test_a_bad_request_changes_nothing(command: int, kind: int, group_id: int, buckets: bytes, error: str) -> None:
    groups = table(slots=1)
    added(groups, 1)
    before = groups.desc(), groups._arena[A_USED]
    with pytest.raises(OpenFlowError, match=error):
        groups.mod(command, kind, group_id, buckets, SECOND)
    assert (groups.desc(), groups._arena[A_USED]) == before


def test_an_arena_without_room_is_told() -> None:
    groups = GroupTable(make_arena(1 << 9), workers=2)
    with pytest.raises(OpenFlowError, match="OFPGMFC_OUT_OF_GROUPS"):
        added(groups, 1, ALL, ONE * 100)


def test_what_is_undone_leaves_groups_as_they_were() -> None:
    groups = table()
    slot = added(groups, 1, SELECT, TWO)
    added(groups, 2, buckets=forward(1))
    before, used = (groups.desc(), groups.stats(ofp.OFPG_ALL, SECOND)), groups._arena[A_USED]
    groups.begin()
    groups.mod(MODIFY, ALL, 1, ONE, SECOND)
    groups.mod(MODIFY, SELECT, 1, TWO, SECOND)
    added(groups, 3)
    groups.mod(DELETE, ALL, ofp.OFPG_ALL, b"", SECOND)
    added(groups, 1, buckets=ONE)
    groups.undo()
    assert (groups.desc(), groups.stats(ofp.OFPG_ALL, SECOND), groups._arena[A_USED]) == (*before, used)
    assert [id_lookup(groups.arrays.ids, number) for number in (1, 3)] == [slot, -1]
    with pytest.raises(OpenFlowError, match="CHAINED_GROUP"):
        groups.mod(DELETE, ALL, 1, b"", SECOND)


def test_what_is_committed_stands_and_gives_back_what_it_replaced() -> None:
    groups, plain = table(), table()
    for each in (groups, plain):
        added(each, 1, SELECT, TWO)
        if each is groups:
            each.begin()
        each.mod(MODIFY, ALL, 1, ONE, SECOND)
        added(each, 2)
        each.mod(DELETE, ALL, 1, b"", SECOND)
    groups.commit()
    assert groups.desc() == plain.desc()
    assert groups._arena[A_USED] == plain._arena[A_USED]
