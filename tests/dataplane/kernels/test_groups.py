from __future__ import annotations

import math
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.groups import FF, SELECT, OracleBucket, OracleGroup, candidates, score
from triplane.dataplane.kernels.arena import make_arena
from triplane.dataplane.kernels.groups import (
    LOG_ONE,
    NO_WATCH,
    Groups,
    bucket_count,
    bucket_program,
    bucket_set,
    bucket_watch,
    choose_bucket,
    count_bucket,
    count_group,
    group_block,
    group_kind,
    group_live,
    group_make,
    log2_fixed,
    make_groups,
    programs_at,
)
from triplane.dataplane.kernels.machine import signed
from triplane.dataplane.kernels.packet import MAX_PORTS
from triplane.dataplane.kernels.pool import Words

WORKERS, SLOTS = 2, 8


class Lab:
    """Groups put into arrays by hand; group ids are slots."""

    def __init__(self, groups: dict[int, OracleGroup], ports: set[int] | None = None) -> None:
        self.groups, self.code = make_groups(WORKERS, SLOTS), make_arena(1 << 14)
        self.live = np.zeros(MAX_PORTS, np.int64)
        self.live[sorted(ports or ())] = 1
        for slot, group in groups.items():
            self.groups.block[slot] = self._make(group)

    def _make(self, group: OracleGroup) -> int:
        block = group_make(self.code, group.kind, len(group.buckets), WORKERS, len(group.buckets))
        program = programs_at(self.code, block, WORKERS)
        for number, bucket in enumerate(group.buckets):
            bucket_set(self.code, block, number, bucket.weight, bucket.key, program + number)
            port = NO_WATCH if bucket.port is None else bucket.port
            bucket_watch(self.code, block, number, port, NO_WATCH if bucket.group is None else bucket.group)
        return int(block)

    def choose(self, slot: int, hashed: int) -> int:
        return int(choose_bucket(self.groups, self.code, self.block(slot), hashed, self.live))

    def block(self, slot: int) -> int:
        return int(group_block(self.groups, slot))


buckets = st.builds(
    OracleBucket,
    st.sampled_from([0, 1, 2, 100, 65535]),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, SLOTS - 1),
    st.integers(0, 2**63 - 1),
)
some_groups = st.dictionaries(
    st.integers(0, SLOTS - 1), st.builds(OracleGroup, st.integers(0, 3), st.lists(buckets, max_size=4)), max_size=5
)


@given(some_groups, st.sets(st.integers(0, 3)), st.integers(-(2**63), 2**63 - 1))
def test_choices_are_live_and_by_weight(groups: dict[int, OracleGroup], ports: set[int], hashed: int) -> None:
    lab = Lab(groups, ports)
    for slot, group in groups.items():
        allowed, chosen = candidates(groups, group, ports), lab.choose(slot, hashed)
        assert (chosen in allowed) if allowed else chosen == -1
        if group.kind == SELECT and allowed:
            best = min(score(group.buckets[i], hashed) for i in allowed)
            assert math.isclose(score(group.buckets[chosen], hashed), best, rel_tol=1e-4, abs_tol=1e-5)


@given(some_groups, st.sets(st.integers(0, 3)))
def test_a_group_is_live_if_one_of_its_buckets_is(groups: dict[int, OracleGroup], ports: set[int]) -> None:
    lab = Lab(groups, ports)
    for slot, group in groups.items():
        watcher = OracleGroup(FF, [OracleBucket(group=slot)])
        expected = bool(candidates(groups, watcher, ports)) if group.buckets else False
        assert group_live(lab.groups, lab.code, slot, lab.live) == expected


def shares(weights: list[int], packets: int = 20_000) -> list[float]:
    keys = random.Random(7)
    group = OracleGroup(SELECT, [OracleBucket(weight, key=keys.getrandbits(63)) for weight in weights])
    lab = Lab({0: group})
    chosen = [lab.choose(0, number) for number in range(packets)]  # the worst of hashes: a counter
    return [chosen.count(i) / packets for i in range(len(weights))]


def test_flows_are_spread_by_weight() -> None:
    for weights in ([1, 1], [1, 2], [3, 0, 5], [1] * 7, [60000, 1, 5000]):
        total = sum(weights)
        for share, weight in zip(shares(weights), weights, strict=True):
            wanted = weight / total
            assert abs(share - wanted) <= 5 * math.sqrt(wanted * (1 - wanted) / 20_000)


def test_a_bucket_without_weight_is_never_used() -> None:
    assert shares([0, 1, 0], 500) == [0, 1, 0]
    assert Lab({0: OracleGroup(SELECT, [OracleBucket(0)])}).choose(0, 1) == -1


def test_a_bucket_that_dies_takes_only_its_own_flows_with_it() -> None:
    group = OracleGroup(SELECT, [OracleBucket(i + 1, port=i, key=i * 77777) for i in range(5)])
    whole, without = Lab({0: group}, {0, 1, 2, 3, 4}), Lab({0: group}, {0, 1, 3, 4})
    before = [whole.choose(0, number) for number in range(2000)]
    after = [without.choose(0, number) for number in range(2000)]
    assert all(old == new for old, new in zip(before, after, strict=True) if old != 2)
    assert 2 not in after
    assert before.count(2) > 200


def test_fast_failover_follows_the_ports() -> None:
    group = OracleGroup(FF, [OracleBucket(port=1), OracleBucket(port=2)])
    answers = [Lab({0: group}, ports).choose(0, 5) for ports in ({1, 2}, {2}, {1}, set())]
    assert answers == [0, 1, 0, -1]


def test_a_chain_of_watched_groups_ends() -> None:
    loop = {i: OracleGroup(FF, [OracleBucket(group=(i + 1) % 3)]) for i in range(3)}
    assert Lab(loop).choose(0, 1) == -1


def test_counters_are_each_workers_own() -> None:
    lab = Lab({3: OracleGroup(0, [OracleBucket()] * 3)})
    block = lab.block(3)
    for worker, bucket in ((0, 0), (1, 0), (1, 2), (1, 2)):
        count_group(lab.groups, worker, 3, 2, 100)
        count_bucket(lab.code, block, worker, bucket, 2, 100)
    assert lab.groups.counts.reshape(WORKERS, SLOTS, 2)[:, 3].tolist() == [[2, 100], [6, 300]]
    assert (group_kind(lab.code, block), bucket_count(lab.code, block)) == (0, 3)
    assert [bucket_program(lab.code, block, i) - bucket_program(lab.code, block, 0) for i in range(3)] == [0, 1, 2]
    assert words_of(lab.code, block, 3) == [2, 100, 0, 0, 0, 0, 0, 0, 2, 100, 0, 0, 4, 200, 0, 0]


def words_of(code: Words, block: int, buckets: int) -> list[int]:
    """All counters of a block of this many buckets."""
    return code[block + 8 + 8 * buckets : programs_at(code, block, WORKERS)].tolist()


def test_a_group_that_is_gone_is_dead() -> None:
    groups: Groups = make_groups(1, SLOTS)
    assert group_block(groups, 3) == 0
    assert not group_live(groups, make_arena(1 << 10), 3, np.ones(MAX_PORTS, np.int64))


def test_an_arena_without_room_is_told() -> None:
    assert group_make(make_arena(1 << 8), 0, 100, 2, 100) == -1


@given(st.integers(1, 2**32 - 1))
def test_logarithms(number: int) -> None:
    assert abs(log2_fixed(number) / (1 << LOG_ONE) - math.log2(number)) < 4e-6


def test_hashes_are_signed_words() -> None:
    lab = Lab({0: OracleGroup(SELECT, [OracleBucket(1, key=i) for i in (1, 2)])})
    assert {lab.choose(0, signed(number << 60)) for number in range(16)} == {0, 1}
