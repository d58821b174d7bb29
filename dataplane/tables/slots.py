"""Slot numbers: taken, given back, and taken again only when no worker can still mean the old owner."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


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
        self._old, self._new = self._new, []
