"""Lists of subtables in the arena: a count, then offsets.

Copied to add, so that readers see the old list or the new. Removal puts the last in the place of what goes: a reader
loads the count first and walks up, so it meets the last one at least once.
"""

from __future__ import annotations

from triplane.dataplane.kernels.arena import arena_give, arena_take
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import store_release
from triplane.dataplane.kernels.pool import Words


@kernel
def list_add(arena: Words, words: Words, at: int, subtable: int) -> bool:
    """Publish the list that words[at] leads to with one more subtable; False if memory is out."""
    old = words[at]
    count = arena[old] if old else 0
    fresh = arena_take(arena, 2 + count)
    if fresh < 0:
        return False
    for i in range(count):
        arena[fresh + 1 + i] = arena[old + 1 + i]
    arena[fresh + 1 + count] = subtable
    arena[fresh] = count + 1
    store_release(words, at, fresh)
    if old:
        arena_give(arena, old)
    return True


@kernel
def list_remove(arena: Words, listed: int, subtable: int) -> None:
    """Take a subtable off a list that has it."""
    last = listed + arena[listed]
    at = listed + 1
    while arena[at] != subtable:
        at += 1
    store_release(arena, at, arena[last])
    store_release(arena, listed, arena[listed] - 1)
