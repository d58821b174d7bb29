"""Slot numbers: taken, given back, and taken again only when no worker can still mean the old owner."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from triplane.dataplane.kernels.arena import arena_give
from triplane.dataplane.kernels.pool import Words


class Gone(NamedTuple):
    """A meter or group that was deleted; the flows that use its slot must go too."""

    identifier: int
    slot: int


class Slots:
    """Numbers 0..count-1. A slot given back waits for two turns, as blocks of the arena do (`arena_turn`)."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._fresh = 0
        self._free: deque[int] = deque()
        self._new: list[int] = []
        self._old: list[int] = []
        self.reused = 0  # slots that were given back and can be taken again

    def take(self) -> int | None:
        """A slot that nobody uses, or None."""
        if self._free:
            return self._free.popleft()
        if self._fresh == self.count:
            return None
        self._fresh += 1
        return self._fresh - 1

    def give(self, slot: int) -> None:
        self._new.append(slot)

    def turn(self) -> None:
        """Free what was given before the last turn. Every worker must have passed a quiescent point since then."""
        self._free.extend(self._old)
        self.reused += len(self._old)
        self._old, self._new = self._new, []


class Kept(NamedTuple):
    """What a table was, and what has become free or taken since; `state` is the owner's."""

    arrays: list[Words]
    state: Any
    made: list[int]  # blocks
    free_blocks: list[int]
    taken: list[int]  # slots
    free_slots: list[int]


class Restorable:
    """What the tables of groups and meters share: changes between `begin` and `commit` can be undone.

    Until then nothing that was replaced or deleted is given back, and no worker may run: undoing puts the arrays back
    as they were. Copies are made when the first change comes.
    """

    def __init__(self, arena: Words, slots: int, arrays: list[Words]) -> None:
        self._arena = arena
        self._slots = Slots(slots)
        self._restored = arrays
        self._open = False
        self._kept: Kept | None = None

    def _state(self) -> Any:
        """A copy of what the owner knows, for `_restore`; to be overridden."""

    def _restore(self, state: Any) -> None:
        """To be overridden."""

    @property
    def reused(self) -> int:
        """How many slots may by now be another's than when they were given back."""
        return self._slots.reused

    def begin(self) -> None:
        self._open = True

    def commit(self) -> None:
        """Let the changes stand."""
        self._open, kept, self._kept = False, self._kept, None
        if kept is not None:
            self._give(kept.free_blocks, kept.free_slots)

    def undo(self) -> None:
        """Take all changes since `begin` back."""
        self._open, kept, self._kept = False, self._kept, None
        if kept is not None:
            for array, before in zip(self._restored, kept.arrays, strict=True):
                array[:] = before
            self._restore(kept.state)
            self._give(kept.made, kept.taken)

    def _give(self, blocks: list[int], slots: list[int]) -> None:
        for block in blocks:
            arena_give(self._arena, block)
        for slot in slots:
            self._slots.give(slot)

    def _remember(self) -> None:
        """Before the first change: copy what it may have to be put back to."""
        if self._open and self._kept is None:
            self._kept = Kept([array.copy() for array in self._restored], self._state(), [], [], [], [])

    def _made(self, block: int) -> int:
        """Note a new block of the arena."""
        if self._kept is not None:
            self._kept.made.append(block)
        return block

    def _take_slot(self) -> int | None:
        slot = self._slots.take()
        if slot is not None and self._kept is not None:
            self._kept.taken.append(slot)
        return slot

    def _free_block(self, block: int) -> None:
        if self._kept is None:
            arena_give(self._arena, block)
        else:
            self._kept.free_blocks.append(block)

    def _free_slot(self, slot: int) -> None:
        if self._kept is None:
            self._slots.give(slot)
        else:
            self._kept.free_slots.append(slot)
