"""The prune index: for each *dimension* (a field's bits in one key word) and each distinct partial mask there, which
masked values occur, and in which subtables (a bit each). A subtable is a candidate if in every dimension its
partial mask is 0 or the packet's value under it occurs. Bits may be stale (only set, never cleared by a
deletion): that costs a probe, never a wrong verdict.
"""

from __future__ import annotations

from triplane.dataplane.kernels.classify import (
    K1,
    K2,
    T_PRUNE,
    T_SUBTABLES,
    TABLE_WORDS,
    better,
    lookup_all,
)
from triplane.dataplane.kernels.compiler import inlined, kernel
from triplane.dataplane.kernels.machine import load_acquire, multiply, trailing_zeros
from triplane.dataplane.kernels.pool import Words

P_SLOTS = 0  # offset of the list of subtables by bit
P_OVERFLOW = 1  # offset of a subtable list: those that got no bit
P_BITS = 2  # bits handed out so far
P_ALL = 4  # bitmap of all subtables that have a bit
BITMAP_WORDS = 16  # 1,024 subtables
P_DIMENSION = P_ALL + BITMAP_WORDS
DIMENSION_WORDS = 8
PRUNE_DIMENSIONS = 16
SCRATCH_WORDS = 2 * BITMAP_WORDS
PRUNE_WORDS = P_DIMENSION + PRUNE_DIMENSIONS * DIMENSION_WORDS

D_WORD = 0  # key word
D_MASK = 1  # the field's bits in it
D_CHUNKS = 2  # distinct partial masks
D_CHUNK = 3  # offset of CHUNKS partial masks, then of each the number of its values, -1 = saturated
D_WILD = 4  # offset of the bitmap of subtables that do not constrain this dimension
D_VALUES = 5  # offset << 6 | log2(entries) of the value hash
D_USED = 6  # entries in it
CHUNKS = 64  # at most, in a dimension; subtables with further partial masks count as unconstrained

# The value hash: VALUE_WORDS for each entry, then a bitmap for each: most probes miss, and touch the dense part only.
V_TAG = 0  # chunk + 1, 0 = free entry
V_VALUE = 1
VALUE_WORDS = 2
ENTRY_WORDS = VALUE_WORDS + BITMAP_WORDS  # of an entry and its bitmap


@inlined
def hash_value(chunk: int, value: int) -> int:
    """One multiplication: a lookup does this for every partial mask. Its high bits are the good ones."""
    return multiply(value ^ multiply(chunk + 1, K2), K1) >> 40


@inlined
def find_value(arena: Words, values: int, size: int, chunk: int, value: int) -> int:
    """Offset of the entry of (chunk, value), or of the free one where it would go."""
    slot = hash_value(chunk, value) & (size - 1)
    while True:
        entry = values + slot * VALUE_WORDS
        tag = load_acquire(arena, entry + V_TAG)
        if tag == 0 or (tag == chunk + 1 and arena[entry + V_VALUE] == value):
            return entry
        slot = (slot + 1) & (size - 1)


@inlined
def bits_of(values: int, size: int, entry: int) -> int:
    """Offset of an entry's bitmap."""
    return values + size * VALUE_WORDS + ((entry - values) >> 1) * BITMAP_WORDS


@kernel
def allow(arena: Words, dimension: int, key: Words, used: int, scratch: Words) -> None:
    """scratch[0:used] &= the bitmap of subtables that this dimension allows for the key.

    The unconstrained ones come last: a chunk that is saturated meanwhile has made its subtables so before.
    """
    for i in range(used):
        scratch[BITMAP_WORDS + i] = 0
    packed = load_acquire(arena, dimension + D_VALUES)
    values, size = packed >> 6, 1 << (packed & 63)
    word = key[arena[dimension + D_WORD]]
    chunks = arena[dimension + D_CHUNK]
    for chunk in range(load_acquire(arena, dimension + D_CHUNKS)):
        if load_acquire(arena, chunks + CHUNKS + chunk) < 0:
            continue
        entry = find_value(arena, values, size, chunk, word & arena[chunks + chunk])
        if arena[entry + V_TAG] != 0:
            bits = bits_of(values, size, entry)
            for i in range(used):
                scratch[BITMAP_WORDS + i] |= arena[bits + i]
    wild = arena[dimension + D_WILD]
    for i in range(used):
        scratch[i] &= scratch[BITMAP_WORDS + i] | arena[wild + i]


@kernel
def candidates(arena: Words, prune: int, key: Words, scratch: Words) -> int:
    """scratch[0:n] = bitmap of the subtables that may hold a match; returns n."""
    used = (load_acquire(arena, prune + P_BITS) + 63) >> 6
    for i in range(used):
        scratch[i] = arena[prune + P_ALL + i]
    for d in range(PRUNE_DIMENSIONS):
        dimension = prune + P_DIMENSION + d * DIMENSION_WORDS
        if arena[dimension + D_CHUNKS] != 0:
            allow(arena, dimension, key, used, scratch)
    return used


@kernel
def lookup_pruned(arena: Words, prune: int, key: Words, scratch: Words) -> int:
    best = 0
    slots = arena[prune + P_SLOTS]
    for i in range(candidates(arena, prune, key, scratch)):
        word = scratch[i]
        while word != 0:
            best = better(arena, arena[slots + (i << 6) + trailing_zeros(word)], key, best)
            word ^= word & multiply(
                word, -1
            )  # clear the lowest bit: `- 1` may overflow, which LLVM takes for impossible
    return lookup_all(arena, arena[prune + P_OVERFLOW], 0, key, best)


@inlined
def lookup(arena: Words, tables: Words, table: int, key: Words, scratch: Words) -> int:
    """The flow of `table` that matches the key with the highest priority, or 0. `scratch`: SCRATCH_WORDS."""
    row = table * TABLE_WORDS
    subtables = load_acquire(tables, row + T_SUBTABLES)
    if subtables == 0:
        return 0
    prune = load_acquire(tables, row + T_PRUNE)
    if prune != 0:
        return lookup_pruned(arena, prune, key, scratch)
    return lookup_all(arena, subtables, 0, key, 0)
