"""One growing memory of int64 words for all that rules are made of: flow entries, programs, indexes, buckets.

Blocks are cache-line aligned and come in size classes. One writer (the control thread) takes and gives;
workers read. A block given back may still be read by a worker in the middle of a breath, so it waits in
limbo for two turns of `arena_turn`, which the owner calls only after every worker has begun a new breath.

Each block's header word stands just before it: class | next << 8, where next links free or limbo blocks.
"""

from __future__ import annotations

import mmap

import numpy as np

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.pool import Words

A_TOP = 0  # header word of the next fresh block
A_LIMIT = 1  # words in the arena
A_NEW = 2  # limbo: given since the last turn
A_OLD = 3  # limbo: given before it
A_USED = 4  # words in live blocks, headers included
A_FREE = 16  # heads of the free lists, by class
LINEAR = 32  # classes 1..32 are that many lines; then each doubles
FIRST = 127  # first header word: blocks start on lines

MAP_NORESERVE = 0x4000


def make_words(count: int) -> Words:
    """int64[count], zero, page-aligned; memory is used only once touched."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    return np.frombuffer(mmap.mmap(-1, count * 8, flags=flags), dtype=np.int64)


def make_arena(words: int = 1 << 28) -> Words:
    """An empty arena of at most `words` words (2 GiB of address space by default)."""
    arena = make_words(words)
    arena[A_TOP], arena[A_LIMIT] = FIRST, words
    return arena


@kernel
def class_of(words: int) -> int:
    """Size class of a block of `words` usable words."""
    lines = (words + 8) >> 3
    if lines <= LINEAR:
        return lines
    cls = LINEAR
    while lines > LINEAR << (cls - LINEAR):
        cls += 1
    return cls


@kernel
def span_of(cls: int) -> int:
    """Words that a block of this class takes, header included."""
    if cls <= LINEAR:
        return cls << 3
    return LINEAR << (cls - LINEAR) << 3


@kernel
def arena_take(arena: Words, words: int) -> int:
    """Offset of a block of at least `words` words, contents undefined, or -1 when the arena is full."""
    cls = class_of(words)
    span = span_of(cls)
    head = arena[A_FREE + cls]
    if head:
        arena[A_FREE + cls] = arena[head - 1] >> 8
    else:
        top = arena[A_TOP]
        if top + span + 1 > arena[A_LIMIT]:
            return -1
        arena[A_TOP] = top + span
        head = top + 1
    arena[head - 1] = cls
    arena[A_USED] += span
    return head


@kernel
def arena_give(arena: Words, offset: int) -> None:
    """Return a block that no reader can reach any more, except those already under way."""
    cls = arena[offset - 1] & 0xFF
    arena[A_USED] -= span_of(cls)
    arena[offset - 1] = cls | arena[A_NEW] << 8
    arena[A_NEW] = offset


@kernel
def arena_turn(arena: Words) -> None:
    """Free what was given before the last turn. Every worker must have passed a quiescent point since then."""
    block = arena[A_OLD]
    while block:
        cls = arena[block - 1] & 0xFF
        following = arena[block - 1] >> 8
        arena[block - 1] = cls | arena[A_FREE + cls] << 8
        arena[A_FREE + cls] = block
        block = following
    arena[A_OLD] = arena[A_NEW]
    arena[A_NEW] = 0
