"""Lists of subtables in the arena: a count, then offsets. Copied to change, so that readers see old or new."""

from __future__ import annotations

from triplane.dataplane.kernels.arena import arena_give, arena_take
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import store_release
from triplane.dataplane.kernels.pool import Words


@kernel
def list_copy(arena: Words, old: int, skip: int, room: int) -> int:
    """A copy of a subtable list without `skip`, with room for `room` more; 0 if memory is out."""
    count = arena[old] if old else 0
    fresh = arena_take(arena, 1 + count + room)
    if fresh < 0:
        return 0
    kept = 0
    for i in range(count):
        if arena[old + 1 + i] != skip:
            kept += 1
            arena[fresh + kept] = arena[old + 1 + i]
    arena[fresh] = kept
    return fresh


@kernel
def list_add(arena: Words, words: Words, at: int, subtable: int) -> bool:
    """Publish the list that words[at] leads to with one more subtable; False if memory is out."""
    old = words[at]
    fresh = list_copy(arena, old, 0, 1)
    if fresh == 0:
        return False
    arena[fresh] += 1
    arena[fresh + arena[fresh]] = subtable
    store_release(words, at, fresh)
    if old:
        arena_give(arena, old)
    return True


@kernel
def list_remove(arena: Words, words: Words, at: int, subtable: int) -> bool:
    """Publish the list without the subtable; False if memory is out."""
    old = words[at]
    fresh = list_copy(arena, old, subtable, 0)
    if fresh == 0:
        return False
    store_release(words, at, fresh)
    arena_give(arena, old)
    return True
