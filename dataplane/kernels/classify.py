"""The flow classifier, reading side: tuple-space search over the arena.

A table is a list of *subtables*, one for each distinct mask. A subtable is a hash index from masked key words
to *flows*; flows with equal masked keys and different priorities form a chain, highest first.
A lookup probes each subtable whose highest priority could still win. With many subtables, `prune` first
tells which of them can hold a match at all, so that the cost follows the distinct masks of each field and not
their combinations.

Who writes: `flows`, in the control thread. Everything a reader follows is written before the word that leads
to it is stored with release order.
"""

from __future__ import annotations

from typing import NamedTuple

from triplane.dataplane.kernels.compiler import inlined
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.machine import load_acquire, multiply
from triplane.dataplane.kernels.pool import Words

TABLES = 254  # OpenFlow tables 0..253

# a table's row in `tables`
T_COUNT = 0  # flows
T_SUBTABLES = 1  # offset of the list: count, then subtable offsets; 0 = empty table
T_FIRST = 2  # head of the list of all flows
T_TIMED = 3  # flows with a timeout
T_PRUNE = 4  # offset of the prune index, 0 = none
T_LIMIT = 5  # most flows this table takes
T_EVICTION = 6  # how it chooses whom to give up when it is full (`eviction`), 0: nobody
TABLE_WORDS = 16

# a subtable's block
S_TABLE = 0
S_NWORDS = 1  # key words with a mask
S_INDEX = 2  # offset << 6 | log2(size) of the hash index
S_COUNT = 3  # live entries (chains)
S_USED = 4  # live entries and tombstones
S_PRIORITY = 5  # no flow in it has a higher one
S_BIT = 6  # its bit in the prune index, -1 = none
S_MASK_HASH = 7
S_PAIRS = 8  # (key word, mask) pairs
SUBTABLE_WORDS = S_PAIRS + 2 * KEY_WORDS

# a flow's block: hot words, masked key words, counters of each worker, cold words, program, wire bytes
F_PRIORITY = 0
F_CODE = 1  # offset of the program
F_NEXT = 2  # next of equal key, lower priority; 0 = none
F_COUNTERS = 3  # offset of the counters; they say how long the key is: F_COUNTERS - flow - F_KEY
F_KEY = 4

N_PACKETS = 0  # a worker's counters
N_BYTES = 1
N_USED = 2  # ns of the last packet
COUNTER_WORDS = 4

INDEX_TOMB = 1
HASH_BITS = 0x7FFFFFFF
K1 = -7046029254386353131  # odd, from the golden ratio
K2 = -4417276706812531889


class Flows(NamedTuple):
    """`arena` as in `arena`; `tables` int64[TABLES * TABLE_WORDS]; `workers` int64[1]: how many count."""

    arena: Words
    tables: Words
    workers: Words


@inlined
def mix(state: int, word: int) -> int:
    state = multiply(state ^ word, K1)
    return state ^ (state >> 32)


@inlined
def finish(state: int) -> int:
    """31 bits from a mixed state."""
    state = multiply(state, K2)
    return (state ^ (state >> 29)) >> 8 & HASH_BITS


@inlined
def hash_key(arena: Words, subtable: int, key: Words) -> int:
    """Hash of the key under the subtable's mask."""
    state = 0
    at = subtable + S_PAIRS
    for _ in range(arena[subtable + S_NWORDS]):
        state = mix(state, key[arena[at]] & arena[at + 1])
        at += 2
    return finish(state)


@inlined
def same_key(arena: Words, subtable: int, flow: int, key: Words) -> bool:
    at = subtable + S_PAIRS
    word = flow + F_KEY
    for _ in range(arena[subtable + S_NWORDS]):
        if key[arena[at]] & arena[at + 1] != arena[word]:
            return False
        at += 2
        word += 1
    return True


@inlined
def probe(arena: Words, subtable: int, key: Words) -> int:
    """Highest-priority flow of the subtable that matches the key, or 0."""
    wanted = hash_key(arena, subtable, key)
    packed = load_acquire(arena, subtable + S_INDEX)
    index, last = packed >> 6, (1 << (packed & 63)) - 1
    slot = wanted & last
    while True:
        entry = load_acquire(arena, index + slot)
        if entry == 0:
            return 0
        if entry >> 32 == wanted and entry != INDEX_TOMB:
            flow = (entry & 0xFFFFFFFF) << 3
            if same_key(arena, subtable, flow, key):
                return flow
        slot = (slot + 1) & last


@inlined
def better(arena: Words, subtable: int, key: Words, best: int) -> int:
    """The better of `best` (a flow or 0) and what the subtable has."""
    if best != 0 and arena[subtable + S_PRIORITY] <= arena[best + F_PRIORITY]:
        return best
    flow = probe(arena, subtable, key)
    if flow != 0 and (best == 0 or arena[flow + F_PRIORITY] > arena[best + F_PRIORITY]):
        return flow
    return best


@inlined
def lookup_all(arena: Words, subtables: int, start: int, key: Words, best: int) -> int:
    """Probe every subtable of a list from position `start` on."""
    for i in range(start, load_acquire(arena, subtables)):
        best = better(arena, arena[subtables + 1 + i], key, best)
    return best
