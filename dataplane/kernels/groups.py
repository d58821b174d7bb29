"""Groups: lists of action buckets, and the choice among them (OpenFlow 1.3.5 sections 5.6, 5.6.1).

A group is a slot. `block[slot]` leads to its buckets in the arena, 0 when there is no such group; modifying a group
publishes a new block, so a worker that loads the offset once (`group_block`) sees all of the old buckets or all
of the new. A block holds a head, the buckets, each worker's counters of them, and their programs (`program`).

Select weighs by highest random weight: each bucket draws a number from the packet's hash and its own key, and the
best draw wins. So each gets its share to the last bit, a bucket that dies or goes takes only its own flows
with it, and a changed weight moves no more flows than it must.

Who writes: the control thread makes blocks; a worker its own counters. Who reads: every worker, without a lock.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.arena import arena_take, make_words
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.ids import make_index
from triplane.dataplane.kernels.machine import load_acquire
from triplane.dataplane.kernels.mix import mix64
from triplane.dataplane.kernels.pool import Words

GROUP_ALL, GROUP_SELECT, GROUP_INDIRECT, GROUP_FF = range(4)  # OFPGT_*

# a group's block
GB_KIND = 0
GB_BUCKETS = 1  # how many
GB_COUNTERS = 2  # words from the block to the first worker's counters
GB_STRIDE = 3  # words from one worker's to the next
GB_HEAD = 8

# a bucket
B_WEIGHT = 0
B_PORT = 1  # port slot to watch, or NO_WATCH; DEAD_PORT for one that can never be live
B_GROUP = 2  # group slot to watch, or NO_WATCH
B_KEY = 3  # what sets its draws apart from another's
B_PROGRAM = 4  # words from the block to its program
BUCKET_WORDS = 8

NO_WATCH = -1
DEAD_PORT = -2
WATCH_DEPTH = 3  # a bucket watches a group whose bucket watches a group ...: so many groups in a row

LOG_BITS = 8
LOG_ONE = 24  # fixed point
LOG_TABLE = np.array([round(math.log2(1 + i / 256) * (1 << LOG_ONE)) for i in range(257)], np.int64)


class Groups(NamedTuple):
    """`ids` from id to slot, `block` int64[slots], `counts` int64[workers * slots * 2] packets and bytes."""

    ids: Words
    block: Words
    counts: Words


def make_groups(workers: int, slots: int) -> Groups:
    """No groups yet, room for `slots`, counted apart for each of `workers`."""
    return Groups(make_index(slots), np.zeros(slots, np.int64), make_words(workers * slots * 2))


@kernel
def group_make(code: Words, kind: int, buckets: int, workers: int, program_words: int) -> int:
    """A block for these buckets, counters at zero, which `bucket_set` must fill: its offset, or -1."""
    counters = GB_HEAD + buckets * BUCKET_WORDS
    stride = (2 * buckets + 7) & ~7  # whole cache lines: workers do not share any
    size = counters + workers * stride
    block = arena_take(code, size + program_words)
    if block < 0:
        return -1
    for i in range(size):
        code[block + i] = 0
    code[block + GB_KIND], code[block + GB_BUCKETS] = kind, buckets
    code[block + GB_COUNTERS], code[block + GB_STRIDE] = counters, stride
    return block


@kernel
def bucket_at(block: int, bucket: int) -> int:
    return block + GB_HEAD + bucket * BUCKET_WORDS


@kernel
def programs_at(code: Words, block: int, workers: int) -> int:
    """Where the programs begin."""
    return block + code[block + GB_COUNTERS] + workers * code[block + GB_STRIDE]


@kernel
def bucket_set(code: Words, block: int, bucket: int, weight: int, key: int, program: int) -> None:
    """Fill a bucket that watches nothing; `program` is the offset of its program, inside the block."""
    at = bucket_at(block, bucket)
    code[at + B_WEIGHT], code[at + B_KEY], code[at + B_PROGRAM] = weight, key, program - block
    code[at + B_PORT] = code[at + B_GROUP] = NO_WATCH


@kernel
def bucket_watch(code: Words, block: int, bucket: int, port: int, group: int) -> None:
    """Let a bucket watch a port slot, a group slot, both, or NO_WATCH."""
    code[bucket_at(block, bucket) + B_PORT] = port
    code[bucket_at(block, bucket) + B_GROUP] = group


@kernel
def group_block(groups: Groups, slot: int) -> int:
    """The group's buckets as they are now, or 0. Load it once for a packet."""
    return load_acquire(groups.block, slot)


@kernel
def group_kind(code: Words, block: int) -> int:
    return code[block + GB_KIND]


@kernel
def bucket_count(code: Words, block: int) -> int:
    """Buckets of a block; a group that is gone (0) has none."""
    return code[block + GB_BUCKETS] if block else 0


@kernel
def bucket_program(code: Words, block: int, bucket: int) -> int:
    """Offset of the bucket's program."""
    return block + code[bucket_at(block, bucket) + B_PROGRAM]


@kernel
def port_watched_live(code: Words, block: int, bucket: int, port_live: Words) -> bool:
    """Is the bucket live without a look at other groups: it watches a live port, or nothing?"""
    at = bucket_at(block, bucket)
    port = code[at + B_PORT]
    if port >= 0:
        return port_live[port] != 0
    return port == NO_WATCH and code[at + B_GROUP] == NO_WATCH


@kernel
def live_by_ports(groups: Groups, code: Words, slot: int, port_live: Words) -> bool:
    """Has the group a bucket that is live without a look at other groups?"""
    block = group_block(groups, slot)
    if block == 0:
        return False
    for bucket in range(code[block + GB_BUCKETS]):
        if port_watched_live(code, block, bucket, port_live):
            return True
    return False


@kernel
def live_by_groups(groups: Groups, code: Words, slot: int, port_live: Words) -> bool:
    """... or one that watches a group that has?"""
    if live_by_ports(groups, code, slot, port_live):
        return True
    block = group_block(groups, slot)
    for bucket in range(bucket_count(code, block)):
        group = code[bucket_at(block, bucket) + B_GROUP]
        if group >= 0 and live_by_ports(groups, code, group, port_live):
            return True
    return False


@kernel
def group_live(groups: Groups, code: Words, slot: int, port_live: Words) -> bool:
    """Has the group a live bucket (section 6.5), looking WATCH_DEPTH groups down, itself included?

    A step for each level instead of recursion: numba crashes on recursive functions that come from its cache.
    """
    if live_by_groups(groups, code, slot, port_live):
        return True
    block = group_block(groups, slot)
    for bucket in range(bucket_count(code, block)):
        group = code[bucket_at(block, bucket) + B_GROUP]
        if group >= 0 and live_by_groups(groups, code, group, port_live):
            return True
    return False


@kernel
def bucket_live(groups: Groups, code: Words, block: int, bucket: int, port_live: Words) -> bool:
    """Is the port or the group that the bucket watches live? One that watches nothing always is."""
    if port_watched_live(code, block, bucket, port_live):
        return True
    group = code[bucket_at(block, bucket) + B_GROUP]
    return group >= 0 and group_live(groups, code, group, port_live)


@kernel
def log2_fixed(number: int) -> int:
    """log2 of a number in [1, 2**32), 1 << LOG_ONE for each doubling; linear between 256 points an octave."""
    bits = 0
    for step in (16, 8, 4, 2, 1):
        if number >> (bits + step) != 0:
            bits += step
    scaled = number << (31 - bits)  # the leading one at bit 31
    index = scaled >> (31 - LOG_BITS) & (1 << LOG_BITS) - 1
    rest = scaled & (1 << (31 - LOG_BITS)) - 1
    low, high = LOG_TABLE[index], LOG_TABLE[index + 1]
    return (bits << LOG_ONE) + low + ((high - low) * rest >> (31 - LOG_BITS))


@kernel
def draw(hashed: int, key: int) -> int:
    """A bucket's draw for a packet, even over [1, 2**32)."""
    return mix64(hashed ^ key) >> 32 & 0xFFFFFFFF | 1


@kernel
def wait(drawn: int) -> int:
    """Minus log2 of a draw as a share of 2**32: exponentially distributed, fixed point."""
    return (32 << LOG_ONE) - log2_fixed(drawn)


@kernel
def beats(drawn: int, weight: int, other: int, other_weight: int) -> bool:
    """Is wait / weight the smaller one? With equal weights, the usual case, no logarithm is needed."""
    if weight == other_weight:
        return drawn > other
    return wait(drawn) * other_weight < wait(other) * weight


@kernel
def choose_select(groups: Groups, code: Words, block: int, hashed: int, port_live: Words) -> int:
    """The bucket that beats all others that are live and have a weight, or -1."""
    best, best_drawn, best_weight = -1, 0, 1
    for bucket in range(code[block + GB_BUCKETS]):
        at = bucket_at(block, bucket)
        weight = code[at + B_WEIGHT]
        if weight == 0 or not bucket_live(groups, code, block, bucket, port_live):
            continue
        drawn = draw(hashed, code[at + B_KEY])
        if best < 0 or beats(drawn, weight, best_drawn, best_weight):
            best, best_drawn, best_weight = bucket, drawn, weight
    return best


@kernel
def choose_live(groups: Groups, code: Words, block: int, port_live: Words) -> int:
    """The first live bucket, or -1."""
    for bucket in range(code[block + GB_BUCKETS]):
        if bucket_live(groups, code, block, bucket, port_live):
            return bucket
    return -1


@kernel
def choose_bucket(groups: Groups, code: Words, block: int, hashed: int, port_live: Words) -> int:
    """The one bucket of a select, fast-failover or indirect group for a packet with this hash, or -1: drop it.

    Of an all group every bucket is executed, so nothing is chosen: -1.
    """
    kind = code[block + GB_KIND]
    if kind == GROUP_SELECT:
        return choose_select(groups, code, block, hashed, port_live)
    if kind == GROUP_FF:
        return choose_live(groups, code, block, port_live)
    return 0 if kind == GROUP_INDIRECT and code[block + GB_BUCKETS] > 0 else -1


@kernel
def count_group(groups: Groups, worker: int, slot: int, packets: int, size: int) -> None:
    """Count a frame of `size` bytes that stands for `packets` packets (GSO; else 1)."""
    at = (worker * len(groups.block) + slot) * 2
    groups.counts[at] += packets
    groups.counts[at + 1] += size


@kernel
def count_bucket(code: Words, block: int, worker: int, bucket: int, packets: int, size: int) -> None:
    at = block + code[block + GB_COUNTERS] + worker * code[block + GB_STRIDE] + 2 * bucket
    code[at] += packets
    code[at + 1] += size
