"""Atomics for Python: what the control thread stores for workers to see."""

from __future__ import annotations

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.machine import load_acquire, store_release
from triplane.dataplane.kernels.pool import Words


@kernel
def publish(words: Words, at: int, value: int) -> None:
    """words[at] = value, seen by a worker only after everything that was written before it."""
    store_release(words, at, value)


@kernel
def observe(words: Words, at: int) -> int:
    """words[at], before anything that is read after it."""
    return load_acquire(words, at)
