"""Identifier to slot: an open-addressing index of the groups and meters that OpenFlow names by 32-bit numbers.

The index is int64[2 * capacity], all zero when empty, so never more than half full of `capacity` identifiers.
A word is `identifier << SLOT_BITS | slot + 1`, EMPTY or TOMB: one load gives a consistent pair.
Who writes: the control thread. Who reads: anyone.
Invariant: no EMPTY word between an identifier's home position and where it is.
"""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import load_acquire, store_release
from triplane.dataplane.kernels.pool import Words

EMPTY = 0
TOMB = -1
SLOT_BITS = 24
SLOT_MASK = (1 << SLOT_BITS) - 1
MAX_SLOT = SLOT_MASK - 1


def make_index(capacity: int) -> Words:
    """An empty index for up to `capacity` identifiers."""
    return np.zeros(2 * capacity, np.int64)


@kernel
def id_home(index: Words, identifier: int) -> int:
    """Where to begin looking (Knuth's multiplicative hash)."""
    return ((identifier & 0xFFFF) * 0x9E3779B1 + (identifier >> 16) * 0x85EBCA77 & 0x7FFFFFFF) % len(index)


@kernel
def id_position(index: Words, identifier: int) -> int:
    """Position of the word that holds `identifier`, or -1."""
    size = len(index)
    at = id_home(index, identifier)
    for _ in range(size):
        word = load_acquire(index, at)
        if word == EMPTY:
            return -1
        if word != TOMB and word >> SLOT_BITS == identifier:
            return at
        at = at + 1 if at + 1 < size else 0
    return -1


@kernel
def id_lookup(index: Words, identifier: int) -> int:
    """Slot of `identifier`, or -1."""
    size = len(index)
    at = id_home(index, identifier)
    for _ in range(size):
        word = load_acquire(index, at)
        if word == EMPTY:
            return -1
        if word != TOMB and word >> SLOT_BITS == identifier:
            return (word & SLOT_MASK) - 1
        at = at + 1 if at + 1 < size else 0
    return -1


@kernel
def id_free(index: Words, identifier: int) -> int:
    """The first position that `identifier` may be put at, or -1 when the index is full."""
    size = len(index)
    at = id_home(index, identifier)
    for _ in range(size):
        if index[at] == EMPTY or index[at] == TOMB:
            return at
        at = at + 1 if at + 1 < size else 0
    return -1


@kernel
def id_insert(index: Words, identifier: int, slot: int) -> int:
    """Bind `identifier` (32 bits) to `slot` (0..MAX_SLOT), replacing what it was bound to. 0, or -1 when full."""
    at = id_position(index, identifier)
    if at < 0:
        at = id_free(index, identifier)
    if at < 0:
        return -1
    store_release(index, at, identifier << SLOT_BITS | slot + 1)
    return 0


@kernel
def id_remove(index: Words, identifier: int) -> int:
    """Forget `identifier`: the slot it was bound to, or -1."""
    at = id_position(index, identifier)
    if at < 0:
        return -1
    slot = (index[at] & SLOT_MASK) - 1
    store_release(index, at, TOMB)
    sweep(index, at)
    return slot


@kernel
def sweep(index: Words, at: int) -> None:
    """Turn the tombs that end at `at` into empty words if an empty one follows: no search passes over them."""
    size = len(index)
    if index[at + 1 if at + 1 < size else 0] != EMPTY:
        return
    while index[at] == TOMB:
        store_release(index, at, EMPTY)
        at = at - 1 if at > 0 else size - 1
