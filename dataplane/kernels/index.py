"""The hash index of one subtable, writing side: open addressing over int64 entries `hash << 32 | flow >> 3`.

Readers probe it at any time: entries are single words stored with release order, a deletion leaves a tombstone,
and a resize fills a new block before S_INDEX leads to it.
"""

from __future__ import annotations

from triplane.dataplane.kernels.arena import arena_give, arena_take
from triplane.dataplane.kernels.classify import INDEX_TOMB, S_COUNT, S_INDEX, S_USED
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import store_release
from triplane.dataplane.kernels.pool import Words

FIRST_BITS = 3


@kernel
def entry_of(wanted: int, flow: int) -> int:
    return wanted << 32 | flow >> 3


@kernel
def entry_flow(entry: int) -> int:
    return (entry & 0xFFFFFFFF) << 3


@kernel
def index_make(arena: Words, bits: int) -> int:
    """An empty index of 2**bits entries, packed as S_INDEX has it, or -1."""
    offset = arena_take(arena, 1 << bits)
    if offset < 0:
        return -1
    for i in range(1 << bits):
        arena[offset + i] = 0
    return offset << 6 | bits


@kernel
def index_put(arena: Words, packed: int, entry: int) -> bool:
    """Store an entry in the first slot that is free or a tombstone; True if the slot was free."""
    index, last = packed >> 6, (1 << (packed & 63)) - 1
    slot = (entry >> 32) & last
    while arena[index + slot] > INDEX_TOMB:
        slot = (slot + 1) & last
    fresh = arena[index + slot] == 0
    store_release(arena, index + slot, entry)
    return fresh


@kernel
def index_slot(arena: Words, subtable: int, entry: int) -> int:
    """Where the index holds exactly this entry; it must be there."""
    packed = arena[subtable + S_INDEX]
    index, last = packed >> 6, (1 << (packed & 63)) - 1
    slot = (entry >> 32) & last
    while arena[index + slot] != entry:
        slot = (slot + 1) & last
    return index + slot


@kernel
def index_resize(arena: Words, subtable: int) -> bool:
    """Move to an index fit for the live entries, without tombstones; False if memory is out."""
    bits = FIRST_BITS
    while (arena[subtable + S_COUNT] + 1) * 3 > 1 << bits:
        bits += 1
    fresh = index_make(arena, bits)
    if fresh < 0:
        return False
    old = arena[subtable + S_INDEX]
    for i in range(1 << (old & 63)):
        entry = arena[(old >> 6) + i]
        if entry > INDEX_TOMB:
            index_put(arena, fresh, entry)
    store_release(arena, subtable + S_INDEX, fresh)
    arena[subtable + S_USED] = arena[subtable + S_COUNT]
    arena_give(arena, old >> 6)
    return True


@kernel
def index_insert(arena: Words, subtable: int, entry: int) -> bool:
    """Add an entry whose key is not in the index; False if memory is out."""
    size = 1 << (arena[subtable + S_INDEX] & 63)
    if (arena[subtable + S_USED] + 1) * 3 > size * 2 and not index_resize(arena, subtable):
        return False
    arena[subtable + S_COUNT] += 1
    if index_put(arena, arena[subtable + S_INDEX], entry):
        arena[subtable + S_USED] += 1
    return True


@kernel
def index_delete(arena: Words, subtable: int, entry: int) -> None:
    store_release(arena, index_slot(arena, subtable, entry), INDEX_TOMB)
    arena[subtable + S_COUNT] -= 1
