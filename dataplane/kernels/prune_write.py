"""The prune index, writing side. See `prune`. Everything here only adds bits, before the flow itself is linked."""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels import fields
from triplane.dataplane.kernels.arena import arena_give, arena_take
from triplane.dataplane.kernels.classify import F_KEY, S_BIT, S_NWORDS, S_PAIRS
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.lists import list_add, list_remove
from triplane.dataplane.kernels.machine import signed, store_release, wrap
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.prune import (
    BITMAP_WORDS,
    CHUNKS,
    D_CHUNK,
    D_CHUNKS,
    D_MASK,
    D_USED,
    D_VALUES,
    D_WILD,
    D_WORD,
    DIMENSION_WORDS,
    ENTRY_WORDS,
    P_ALL,
    P_BITS,
    P_DIMENSION,
    P_OVERFLOW,
    P_SLOTS,
    PRUNE_DIMENSIONS,
    PRUNE_WORDS,
    V_TAG,
    V_VALUE,
    VALUE_WORDS,
    bits_of,
    find_value,
)

PRUNE_THRESHOLD = 32  # subtables from which the index pays: a probe costs about what a chunk does, 10 ns
SATURATED = 2048  # distinct values of one partial mask from which it no longer prunes
FIRST_VALUES = 6  # log2 of the first value hash

HIGH, LOW = signed(0xFFFFFFFF00000000), 0xFFFFFFFF
MAC, REST = signed(0xFFFFFFFFFFFF0000), 0xFFFF
DIMENSIONS = np.array(
    [
        (fields.K_A, HIGH),
        (fields.K_A, LOW),
        (fields.K_L4, signed(0xFFFF << 48)),
        (fields.K_L4, 0xFFFF << 32),
        (fields.K_B, HIGH),
        (fields.K_B, LOW),
        (fields.K_C, HIGH),
        (fields.K_C, LOW),
        (fields.K_D, HIGH),
        (fields.K_D, LOW),
        (fields.K_ETH_DST, MAC),
        (fields.K_ETH_SRC, MAC),
        (fields.K_ETH_SRC, REST),
        (fields.K_METADATA, -1),
        (fields.K_PORT, HIGH),
        (fields.K_IP, -1),
    ],
    dtype=np.int64,
)


@kernel
def take_zero(arena: Words, words: int) -> int:
    """A zeroed block, or 0 if memory is out."""
    block = arena_take(arena, words)
    if block < 0:
        return 0
    for i in range(words):
        arena[block + i] = 0
    return block


@kernel
def dimension_make(arena: Words, dimension: int, word: int, mask: int) -> bool:
    chunk = take_zero(arena, 2 * CHUNKS)  # partial masks, then the number of values of each, -1 = saturated
    wild = take_zero(arena, BITMAP_WORDS)
    values = take_zero(arena, ENTRY_WORDS << FIRST_VALUES)
    arena[dimension + D_WORD], arena[dimension + D_MASK] = word, mask
    arena[dimension + D_CHUNK], arena[dimension + D_WILD] = chunk, wild
    arena[dimension + D_VALUES] = values << 6 | FIRST_VALUES
    return chunk != 0 and wild != 0 and values != 0


@kernel
def give_some(arena: Words, block: int) -> None:
    """Give a block back, if there is one."""
    if block:
        arena_give(arena, block)


@kernel
def prune_make(arena: Words) -> int:
    """An empty prune index, or 0 if memory is out."""
    prune = take_zero(arena, PRUNE_WORDS)
    if prune == 0:
        return 0
    arena[prune + P_SLOTS], arena[prune + P_OVERFLOW] = take_zero(arena, BITMAP_WORDS << 6), take_zero(arena, 1)
    whole = arena[prune + P_SLOTS] != 0 and arena[prune + P_OVERFLOW] != 0
    for d in range(PRUNE_DIMENSIONS):
        at = prune + P_DIMENSION + d * DIMENSION_WORDS
        whole = whole and dimension_make(arena, at, DIMENSIONS[d, 0], DIMENSIONS[d, 1])
    if not whole:
        prune_free(arena, prune)
        return 0
    return prune


@kernel
def prune_free(arena: Words, prune: int) -> None:
    """Give back an index, whole or half made, that readers are not led to any more."""
    for d in range(PRUNE_DIMENSIONS):
        at = prune + P_DIMENSION + d * DIMENSION_WORDS
        give_some(arena, arena[at + D_CHUNK])
        give_some(arena, arena[at + D_WILD])
        give_some(arena, arena[at + D_VALUES] >> 6)
    give_some(arena, arena[prune + P_SLOTS])
    give_some(arena, arena[prune + P_OVERFLOW])
    arena_give(arena, prune)


@kernel
def bit_mask(bit: int) -> int:
    return wrap(1 << (bit & 63))


@kernel
def set_bit(arena: Words, bitmap: int, bit: int) -> None:
    arena[bitmap + (bit >> 6)] |= bit_mask(bit)


@kernel
def free_bit(arena: Words, prune: int) -> int:
    """A bit that no subtable has, or -1."""
    for bit in range(BITMAP_WORDS << 6):
        if arena[prune + P_ALL + (bit >> 6)] >> (bit & 63) & 1 == 0:
            return bit
    return -1


@kernel
def prune_add_subtable(arena: Words, prune: int, subtable: int) -> bool:
    """Give a subtable a bit and enter its partial masks; without a bit it is always probed. False: memory is out."""
    bit = free_bit(arena, prune)
    if bit < 0:
        return list_add(arena, arena, prune + P_OVERFLOW, subtable)
    for d in range(PRUNE_DIMENSIONS):
        dimension = prune + P_DIMENSION + d * DIMENSION_WORDS
        if chunk_of(arena, dimension, partial(arena, dimension, subtable), True) < 0:
            set_bit(arena, arena[dimension + D_WILD], bit)
    arena[arena[prune + P_SLOTS] + bit] = subtable
    arena[subtable + S_BIT] = bit
    word = prune + P_ALL + (bit >> 6)
    store_release(arena, word, arena[word] | bit_mask(bit))
    store_release(arena, prune + P_BITS, max(arena[prune + P_BITS], bit + 1))
    return True


@kernel
def prune_remove_subtable(arena: Words, prune: int, subtable: int) -> None:
    bit = arena[subtable + S_BIT]
    if bit < 0:
        list_remove(arena, arena[prune + P_OVERFLOW], subtable)
        return
    word = prune + P_ALL + (bit >> 6)
    store_release(arena, word, arena[word] & ~bit_mask(bit))


@kernel
def pair_of(arena: Words, subtable: int, word: int) -> int:
    """Which of the subtable's pairs is key word `word`, or -1."""
    for i in range(arena[subtable + S_NWORDS]):
        if arena[subtable + S_PAIRS + 2 * i] == word:
            return i
    return -1


@kernel
def partial(arena: Words, dimension: int, subtable: int) -> int:
    """The part of the subtable's mask that lies in the dimension."""
    pair = pair_of(arena, subtable, arena[dimension + D_WORD])
    return arena[subtable + S_PAIRS + 2 * pair + 1] & arena[dimension + D_MASK] if pair >= 0 else 0


@kernel
def chunk_of(arena: Words, dimension: int, mask: int, make: bool) -> int:
    """Number of the chunk of a partial mask, or -1: unconstrained, saturated, or no room for another."""
    if mask == 0:
        return -1
    chunks = arena[dimension + D_CHUNK]
    count = arena[dimension + D_CHUNKS]
    for chunk in range(count):
        if arena[chunks + chunk] == mask:
            return chunk if arena[chunks + CHUNKS + chunk] >= 0 else -1
    if not make or count == CHUNKS:
        return -1
    arena[chunks + count] = mask
    store_release(arena, dimension + D_CHUNKS, count + 1)
    return count


@kernel
def prune_add_flow(arena: Words, prune: int, subtable: int, flow: int) -> None:
    """Enter a flow's values, before it is linked."""
    if arena[subtable + S_BIT] < 0:
        return
    for d in range(PRUNE_DIMENSIONS):
        dimension = prune + P_DIMENSION + d * DIMENSION_WORDS
        mask = partial(arena, dimension, subtable)
        chunk = chunk_of(arena, dimension, mask, False)
        if chunk >= 0:
            value = arena[flow + F_KEY + pair_of(arena, subtable, arena[dimension + D_WORD])] & mask
            if not value_add(arena, dimension, chunk, value, arena[subtable + S_BIT]):
                saturate(arena, prune, dimension, chunk)


@kernel
def value_add(arena: Words, dimension: int, chunk: int, value: int, bit: int) -> bool:
    """Note that `value` occurs in the subtable of `bit`; False if the chunk has too many values to be of use."""
    count = arena[dimension + D_CHUNK] + CHUNKS + chunk
    if arena[count] >= SATURATED or not values_room(arena, dimension):
        return False
    packed = arena[dimension + D_VALUES]
    values, size = packed >> 6, 1 << (packed & 63)
    entry = find_value(arena, values, size, chunk, value)
    set_bit(arena, bits_of(values, size, entry), bit)
    if arena[entry + V_TAG] == 0:
        arena[entry + V_VALUE] = value
        store_release(arena, entry + V_TAG, chunk + 1)
        arena[dimension + D_USED] += 1
        arena[count] += 1
    return True


@kernel
def values_room(arena: Words, dimension: int) -> bool:
    """Room for one more value: doubles the hash when it is half full; False if memory is out."""
    packed = arena[dimension + D_VALUES]
    size = 1 << (packed & 63)
    if arena[dimension + D_USED] * 2 < size:
        return True
    fresh = take_zero(arena, 2 * size * ENTRY_WORDS)
    if fresh == 0:
        return False
    for i in range(size):
        move_value(arena, packed >> 6, (packed >> 6) + i * VALUE_WORDS, fresh, size)
    store_release(arena, dimension + D_VALUES, fresh << 6 | (packed & 63) + 1)
    arena_give(arena, packed >> 6)
    return True


@kernel
def move_value(arena: Words, values: int, old: int, fresh: int, size: int) -> None:
    """Enter what stands at `old` of a hash of `size` entries in one of twice the size."""
    if arena[old + V_TAG] == 0:
        return
    entry = find_value(arena, fresh, 2 * size, arena[old + V_TAG] - 1, arena[old + V_VALUE])
    arena[entry + V_TAG], arena[entry + V_VALUE] = arena[old + V_TAG], arena[old + V_VALUE]
    source, target = bits_of(values, size, old), bits_of(fresh, 2 * size, entry)
    for word in range(BITMAP_WORDS):
        arena[target + word] = arena[source + word]


@kernel
def saturate(arena: Words, prune: int, dimension: int, chunk: int) -> None:
    """Let every subtable with this partial mask count as unconstrained."""
    chunks = arena[dimension + D_CHUNK]
    slots = arena[prune + P_SLOTS]
    for bit in range(arena[prune + P_BITS]):
        in_use = arena[prune + P_ALL + (bit >> 6)] >> (bit & 63) & 1
        if in_use and partial(arena, dimension, arena[slots + bit]) == arena[chunks + chunk]:
            set_bit(arena, arena[dimension + D_WILD], bit)
    store_release(arena, chunks + CHUNKS + chunk, -1)
