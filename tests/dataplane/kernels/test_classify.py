"""The classifier against a list: whatever was added and removed, a lookup finds the flow of the highest priority."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triplane.dataplane.kernels import fields as f
from triplane.dataplane.kernels.arena import A_TOP, A_USED, arena_give, arena_take, arena_turn, make_arena, make_words
from triplane.dataplane.kernels.classify import (
    S_COUNT,
    T_COUNT,
    T_LIMIT,
    T_PRUNE,
    T_SUBTABLES,
    TABLE_WORDS,
    TABLES,
    Flows,
)
from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.kernels.flow_add import enter
from triplane.dataplane.kernels.flow_block import flow_make
from triplane.dataplane.kernels.flow_decoder import make_decoder
from triplane.dataplane.kernels.flows import (
    flow_forget,
    flow_free,
    flow_unlink,
    subtable_drop,
    subtable_find,
    subtable_make,
)
from triplane.dataplane.kernels.machine import signed
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.program import OP_END, head_of
from triplane.dataplane.kernels.prune import SCRATCH_WORDS, lookup
from triplane.dataplane.kernels.prune_write import PRUNE_THRESHOLD, SATURATED

KEY = tuple[int, ...]  # words of a key or mask
CODE = np.array([head_of(OP_END, 1, 0)], np.int64)
WIRE = np.zeros(8, np.uint8)
TABLE = 3


def words(**chosen: int) -> KEY:
    """A key or a mask, by OXM field."""
    found = [0] * f.KEY_WORDS
    for name, value in chosen.items():
        found[f.BY_NAME[name].word] |= value << f.BY_NAME[name].shift
    return tuple(signed(word) for word in found)


def masked(key: KEY, mask: KEY) -> KEY:
    return tuple(word & bits for word, bits in zip(key, mask, strict=True))


class Table:
    """One flow table in an arena of its own, and the list of what is in it."""

    def __init__(self, room: int = 1 << 24) -> None:
        self.flows = Flows(make_arena(room), make_words(TABLES * TABLE_WORDS), np.array([1], np.int64))
        self.flows.tables[T_LIMIT::TABLE_WORDS] = 1 << 30
        self.decoder = make_decoder(np.zeros(1, np.int64), np.zeros(1, np.int64))
        self.scratch = np.zeros(SCRATCH_WORDS, np.int64)
        self.rules: dict[tuple[KEY, KEY, int], int] = {}

    def add(self, key: KEY, mask: KEY, priority: int) -> bool:
        """As an OFPFC_ADD does it; False if memory is out."""
        flows, array = self.flows, np.array(mask, np.int64)
        subtable = subtable_find(flows, TABLE, array) or subtable_make(flows, TABLE, array)
        flow = (
            flow_make(flows, np.array(key, np.int64), array, priority, CODE, 1, WIRE, 0, 0, 0, 0, 0) if subtable else 0
        )
        if not flow or not enter(flows, self.decoder, TABLE, subtable, flow):
            if flow:
                flow_free(flows, flow)
            if subtable and flows.arena[subtable + S_COUNT] == 0:
                subtable_drop(flows, TABLE, subtable)
            return False
        self.rules[masked(key, mask), mask, priority] = int(flow)
        return True

    def remove(self, rule: tuple[KEY, KEY, int]) -> None:
        flow = self.rules.pop(rule)
        flow_unlink(self.flows, TABLE, flow)
        flow_forget(self.flows, TABLE, flow)
        flow_free(self.flows, flow)

    def find(self, key: KEY) -> int:
        return int(lookup(self.flows.arena, self.flows.tables, TABLE, np.array(key, np.int64), self.scratch))

    def naive(self, keys: list[KEY]) -> Iterator[set[int]]:
        """For each key, the flows that would be right."""
        values = np.array([rule[0] for rule in self.rules], np.int64).reshape(-1, f.KEY_WORDS)
        masks = np.array([rule[1] for rule in self.rules], np.int64).reshape(-1, f.KEY_WORDS)
        priorities = np.array([rule[2] for rule in self.rules], np.int64)
        flows = np.array(list(self.rules.values()), np.int64)
        for key in keys:
            matching = ((np.array(key, np.int64) & masks) == values).all(axis=1)
            top = priorities[matching].max() if matching.any() else 0
            yield set(flows[matching & (priorities == top)].tolist()) or {0}

    def check(self, keys: list[KEY]) -> None:
        for key, right in zip(keys, self.naive(keys), strict=True):
            assert self.find(key) in right
        assert self.row(T_COUNT) == len(self.rules)

    def row(self, column: int) -> int:
        return int(self.flows.tables[TABLE * TABLE_WORDS + column])

    def subtables(self) -> int:
        return int(self.flows.arena[self.row(T_SUBTABLES)]) if self.row(T_SUBTABLES) else 0

    def used(self) -> int:
        return int(self.flows.arena[A_USED])

    def turn(self) -> None:
        arena_turn(self.flows.arena)
        arena_turn(self.flows.arena)


def prefix(length: int, bits: int = 32) -> int:
    return (1 << bits) - (1 << bits - length)


def some_rule(r: Random, masks: list[KEY]) -> tuple[KEY, KEY, int]:
    return some_key(r), r.choice(masks), r.randrange(20)


def some_key(r: Random) -> KEY:
    return words(
        ipv4_src=r.choice([0, 1, 0xFF00, 1 << 31, 0xFFFFFFFF]), ipv4_dst=r.choice([0, 5, 0x0A000000, 0x0A0000FF]),
        tcp_src=r.choice([1, 80]), tcp_dst=r.choice([1, 80, 0xFFFF]), eth_dst=r.choice([1, 1 << 47]),
        eth_type=0x800, vlan_vid=r.choice([0, 0x1064]), metadata=r.choice([0, 1, 1 << 63]), in_port=r.choice([1, 2]),
        ip_proto=r.choice([6, 255]),
    )  # fmt: skip


def some_masks(r: Random, count: int) -> list[KEY]:
    found = []
    for _ in range(count):
        names = r.sample(["ipv4_src", "ipv4_dst", "tcp_src", "tcp_dst", "eth_dst", "metadata", "in_port", "ip_proto",
                          "vlan_vid"], r.randrange(4))  # fmt: skip
        full = {name: (1 << f.BY_NAME[name].bits) - 1 for name in names}
        found.append(words(**{name: r.choice([mask, mask, mask & ~0xF, mask & 1]) for name, mask in full.items()}))
    return found


def churn(table: Table, r: Random, masks: list[KEY], steps: int) -> None:
    for _ in range(steps):
        if table.rules and r.random() < 0.4:
            table.remove(r.choice(list(table.rules)))
        else:
            assert table.add(*some_rule(r, masks))
        if r.random() < 0.2:
            table.turn()


@pytest.mark.parametrize("count", [1, 4, PRUNE_THRESHOLD // 2, 3 * PRUNE_THRESHOLD, 200])
def test_adds_and_removals(count: int) -> None:
    r = Random(count)
    table, masks = Table(), some_masks(r, count)
    for _ in range(12 if INTERPRETED else 20):
        churn(table, r, masks, 60)
        table.check([some_key(r) for _ in range(30)])
    assert (table.row(T_PRUNE) != 0) == (count > PRUNE_THRESHOLD)


@settings(max_examples=10 if INTERPRETED else 60)
@given(st.randoms(use_true_random=False), st.integers(1, 20))
def test_short_histories(r: Random, count: int) -> None:
    table = Table(1 << 18)
    churn(table, r, some_masks(r, count), 12)
    table.check([some_key(r) for _ in range(5)])


def test_more_masks_than_the_index_has_bits() -> None:
    """Beyond 1,024 subtables, and beyond 64 masks of one field."""
    r, table = Random(1), Table()
    lengths = range(1, 33, 2 if not INTERPRETED else 8)
    masks = [words(ipv4_src=prefix(i), ipv4_dst=prefix(j), tcp_dst=0xFF) for i in lengths for j in lengths]
    masks += [words(metadata=(1 << i) - 1, eth_dst=prefix(j, 48)) for i in range(64) for j in range(1, 48, 4)]
    masks += [words(metadata=i << 32 | 1) for i in range(100)]
    keys = [tuple(signed(r.getrandbits(64)) for _ in range(f.KEY_WORDS)) for _ in range(50)]
    for number, mask in enumerate(masks):
        assert table.add(keys[number % 50], mask, r.randrange(1000))
    assert INTERPRETED or table.subtables() > 1024
    table.check(keys + [some_key(r) for _ in range(20)])
    rules = list(table.rules)
    r.shuffle(rules)
    for rule in rules[: len(rules) // 2]:
        table.remove(rule)
    table.check(keys)
    churn(table, r, masks, 200)
    table.check(keys)


def test_more_values_than_the_index_keeps() -> None:
    """A partial mask with too many values is given up, and the flows that used it before are found as well."""
    r, table = Random(2), Table()
    full, half = words(ipv4_dst=prefix(32)), words(ipv4_dst=prefix(24), tcp_dst=0xFFFF)
    for mask in some_masks(r, 3 * PRUNE_THRESHOLD):
        table.add(some_key(r), mask, 1)
    table.add(words(ipv4_dst=0x0B000000, tcp_dst=80), half, 7)
    for number in range(SATURATED + 500):
        assert table.add(words(ipv4_dst=0x0A000000 + number), full, 5)
        assert table.add(words(ipv4_dst=number << 8, tcp_dst=80), half, 6)
    hosts = [0x0A000000 + number for number in (0, 1, SATURATED - 1, SATURATED, SATURATED + 499, SATURATED + 500)]
    others = [number << 8 | 7 for number in (0, SATURATED + 499, SATURATED + 501)] + [0x0B0000FF]
    table.check([words(ipv4_dst=host, tcp_dst=port) for host in hosts + others for port in (80, 81)])


@pytest.mark.parametrize("count", [3, 3 * PRUNE_THRESHOLD])
def test_memory_is_the_same_after_each_round(count: int) -> None:
    r, table = Random(3), Table()
    masks = some_masks(r, count)
    rules = [some_rule(r, masks) for _ in range(200)]
    seen = set()
    for _ in range(4):
        for rule in rules:
            assert table.add(*rule)
        for rule in list(table.rules):
            table.remove(rule)
        table.turn()
        assert table.used() == 0
        assert table.find(rules[0][0]) == 0
        seen.add(int(table.flows.arena[A_TOP]))
    assert len(seen) <= 2, "the arena grows once more at most: blocks wait in limbo meanwhile"


@pytest.mark.parametrize("room", range(200, 40000, 5700 if INTERPRETED else 577))
def test_memory_out_changes_nothing(room: int) -> None:
    """However little there is: what was added is found, what was not is not, and removing gives everything back."""
    r, table = Random(room), Table(room)
    masks = some_masks(r, 3 * PRUNE_THRESHOLD)
    keys = [some_key(r) for _ in range(10)]
    for _ in range(200):
        if table.rules and r.random() < 0.3:
            table.remove(r.choice(list(table.rules)))
        elif not table.add(*some_rule(r, masks)):
            table.check(keys)
        table.turn()
    table.check(keys)
    for rule in list(table.rules):
        table.remove(rule)
        table.turn()
    table.check(keys)
    assert table.used() == 0


# the arena itself


@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=60))
def test_arena_blocks_are_apart_and_wait_two_turns(steps: list[tuple[int, bool]]) -> None:
    arena = make_arena(1 << 15)
    held: dict[int, int] = {}
    limbo: list[dict[int, int]] = [{}, {}]
    for size, turn in steps:
        if size % 3 == 0 and held:
            offset, length = held.popitem()
            arena_give(arena, offset)
            limbo[0][offset] = length
        offset = int(arena_take(arena, size))
        if offset >= 0:
            assert offset % 8 == 0
            for other, length in [*held.items(), *limbo[0].items(), *limbo[1].items()]:
                assert offset + size < other or other + length < offset, "a header word is between two blocks"
            held[offset] = size
            arena[offset : offset + size] = -1
        if turn:
            arena_turn(arena)
            limbo = [{}, limbo[0]]
    for offset in held:
        arena_give(arena, offset)
    assert int(arena[A_USED]) == 0


def test_arena_that_is_full_takes_again_what_was_given() -> None:
    arena: Words = make_arena(4096)
    blocks = []
    while (block := int(arena_take(arena, 100))) >= 0:
        blocks.append(block)
    arena_give(arena, blocks[0])
    assert arena_take(arena, 100) == -1, "it is in limbo"
    arena_turn(arena)
    assert arena_take(arena, 100) == -1
    arena_turn(arena)
    assert arena_take(arena, 100) == blocks[0]


def test_a_small_arena_takes_few_flows_and_says_so() -> None:
    r, table = Random(5), Table(2000)
    added = [table.add(*some_rule(r, some_masks(r, 3))) for _ in range(100)]
    assert True in added
    assert False in added
