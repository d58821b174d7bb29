"""The MAC table of OFPP_NORMAL: where each address of each VLAN was last seen.

A set-associative hash table of WAYS entries a set, one cache line of keys and one of values. An entry is
two words: `key` is VALID | vlan << 48 | mac, 0 when free; `value` is ticks << 16 | port. When a set is full, the entry
seen longest ago gives way, and M_EVICTED counts it.

Who writes: every worker (learning) and the control thread (flush, expiry), under the spin lock M_LOCK, and only for
what changes: a new address, another port, or the first frame in REFRESH ticks. Who reads: every worker, without a
lock. A reader that meets a writer sees the old port or misses (then NORMAL floods): both are right a moment earlier
or later.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.arena import make_words
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import load_acquire, store_release
from triplane.dataplane.kernels.mix import mix64
from triplane.dataplane.kernels.pool import Words, lock, unlock

WAYS = 8
SET_WORDS = 2 * WAYS
VALID = 1 << 60
PORT_MASK = 0xFFFF
TICK_SHIFT = 20  # a tick is 2**20 ns, about a millisecond
REFRESH = 1 << 10  # ticks, about a second: how exact ages are
GROUP_BIT = 1 << 40  # IEEE 802: the address is multicast

# words of `state`
M_LOCK = 0
M_AGEING = 1  # ticks
M_SETS = 2  # a power of two
M_COUNT = 8  # entries now
M_LEARNED = 9
M_MOVED = 10
M_EVICTED = 11
M_EXPIRED = 12
M_FLUSHED = 13
STATE_WORDS = 16

RESERVED_FIRST = 0x0180C2000000  # IEEE 802.1Q table 8-1
ALL_MACS = -1  # as `port` of mac_flush


class Macs(NamedTuple):
    """`entry` int64[sets * SET_WORDS]; `state` int64[STATE_WORDS]."""

    entry: Words
    state: Words


def make_macs(capacity: int = 32768, ageing: float = 300.0) -> Macs:
    """An empty table of about `capacity` entries which are forgotten after `ageing` seconds of silence."""
    sets = 1 << max(capacity // WAYS - 1, 0).bit_length()
    state = np.zeros(STATE_WORDS, np.int64)
    state[M_SETS], state[M_AGEING] = sets, int(ageing * 1e9) >> TICK_SHIFT
    return Macs(make_words(sets * SET_WORDS), state)


@kernel
def is_reserved_multicast(mac: int) -> bool:
    """01-80-C2-00-00-00 to -0F, which a bridge must not forward (IEEE 802.1Q 8.6.3)."""
    return mac >> 4 == RESERVED_FIRST >> 4


@kernel
def mac_key(vlan: int, mac: int) -> int:
    return VALID | (vlan & 0xFFF) << 48 | mac


@kernel
def mac_set(macs: Macs, key: int) -> int:
    """Offset of the set that `key` belongs to."""
    return (mix64(key) & macs.state[M_SETS] - 1) * SET_WORDS


@kernel
def mac_find(macs: Macs, key: int) -> int:
    """Offset of the entry with this key, or -1."""
    start = mac_set(macs, key)
    for way in range(WAYS):
        if load_acquire(macs.entry, start + way) == key:
            return start + way
    return -1


@kernel
def ticks_of(now: int) -> int:
    return now >> TICK_SHIFT


@kernel
def mac_aged(macs: Macs, value: int, now: int) -> bool:
    return ticks_of(now) - (value >> 16) > macs.state[M_AGEING]


@kernel
def mac_lookup(macs: Macs, vlan: int, mac: int, now: int) -> int:
    """Port that `mac` was last seen on in `vlan` (0: untagged), or -1."""
    key = mac_key(vlan, mac)
    at = mac_find(macs, key)
    if at < 0:
        return -1
    value = load_acquire(macs.entry, at + WAYS)
    if load_acquire(macs.entry, at) != key or mac_aged(macs, value, now):  # evicted between the two loads
        return -1
    return value & PORT_MASK


@kernel
def mac_known(macs: Macs, at: int, port: int, now: int) -> bool:
    """Does the entry say `port` already, and was it refreshed lately?"""
    value = load_acquire(macs.entry, at + WAYS)
    return value & PORT_MASK == port and ticks_of(now) - (value >> 16) < REFRESH


@kernel
def mac_victim(macs: Macs, start: int) -> int:
    """The entry of a set to be overwritten: a free one, or the one seen longest ago."""
    victim = start
    for at in range(start, start + WAYS):
        if macs.entry[at] == 0:
            return at
        if macs.entry[at + WAYS] >> 16 < macs.entry[victim + WAYS] >> 16:
            victim = at
    return victim


@kernel
def mac_insert(macs: Macs, key: int, value: int) -> None:
    """Put a new entry; holds the lock. The key is 0 meanwhile: no reader pairs it with another's value."""
    at = mac_victim(macs, mac_set(macs, key))
    if macs.entry[at] == 0:
        macs.state[M_COUNT] += 1
    else:
        macs.state[M_EVICTED] += 1
        store_release(macs.entry, at, 0)
    store_release(macs.entry, at + WAYS, value)
    store_release(macs.entry, at, key)
    macs.state[M_LEARNED] += 1


@kernel
def mac_write(macs: Macs, key: int, port: int, now: int) -> None:
    """Insert, move or refresh; holds the lock."""
    at = mac_find(macs, key)
    value = ticks_of(now) << 16 | port
    if at < 0:
        mac_insert(macs, key, value)
        return
    if macs.entry[at + WAYS] & PORT_MASK != port:
        macs.state[M_MOVED] += 1
    store_release(macs.entry, at + WAYS, value)


@kernel
def mac_learn(macs: Macs, vlan: int, mac: int, port: int, now: int) -> None:
    """Note that a frame from `mac` came in by `port`. Multicast and zero sources are never learnt."""
    if mac & GROUP_BIT != 0 or mac == 0:
        return
    key = mac_key(vlan, mac)
    at = mac_find(macs, key)
    if at >= 0 and mac_known(macs, at, port, now):
        return
    lock(macs.state, M_LOCK)
    mac_write(macs, key, port, now)
    unlock(macs.state, M_LOCK)


@kernel
def mac_forget(macs: Macs, at: int) -> None:
    store_release(macs.entry, at, 0)
    macs.state[M_COUNT] -= 1


@kernel
def mac_flush(macs: Macs, port: int) -> int:
    """Forget the addresses seen on `port`, or ALL_MACS; returns how many."""
    lock(macs.state, M_LOCK)
    before = macs.state[M_COUNT]
    for start in range(0, macs.state[M_SETS] * SET_WORDS, SET_WORDS):
        for at in range(start, start + WAYS):
            if macs.entry[at] != 0 and (port == ALL_MACS or macs.entry[at + WAYS] & PORT_MASK == port):
                mac_forget(macs, at)
    gone = before - macs.state[M_COUNT]
    macs.state[M_FLUSHED] += gone
    unlock(macs.state, M_LOCK)
    return gone


@kernel
def mac_expire(macs: Macs, now: int) -> int:
    """Forget the addresses that were silent for too long; returns how many."""
    lock(macs.state, M_LOCK)
    before = macs.state[M_COUNT]
    for start in range(0, macs.state[M_SETS] * SET_WORDS, SET_WORDS):
        for at in range(start, start + WAYS):
            if macs.entry[at] != 0 and mac_aged(macs, macs.entry[at + WAYS], now):
                mac_forget(macs, at)
    gone = before - macs.state[M_COUNT]
    macs.state[M_EXPIRED] += gone
    unlock(macs.state, M_LOCK)
    return gone
