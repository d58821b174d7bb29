"""A worker: breathe in from its receive queues, walk each packet through the pipeline, breathe out.

A worker that finds nothing spins for a while, because waking up costs tens of microseconds, and then sleeps in
poll(2). The spin adapts: it grows while packets keep coming soon after it gave up, and shrinks when it was in vain.
"""

from __future__ import annotations

from numba import types

from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.emit import flush_all
from triplane.dataplane.kernels.groups_run import drain
from triplane.dataplane.kernels.machine import (
    address_of,
    call_entry,
    exchange,
    load64,
    load_acquire,
    nanoseconds,
    prefetch,
    store_release,
    view_bytes,
    view_rows,
    view_words,
)
from triplane.dataplane.kernels.node import (
    EPOCH_ASLEEP,
    N_EPOCH,
    N_MEM,
    N_MEM_BYTES,
    N_POOL,
    W_BATCH,
    W_BREATHS,
    W_DRAINED,
    W_EPOCH,
    W_NOW,
    W_POLL,
    W_POLL_COUNT,
    W_QUEUE_COUNT,
    W_QUEUES,
    W_SLEEPS,
    W_SPIN,
    W_STOP,
    W_WAKE,
)
from triplane.dataplane.kernels.packet import ADDR, BURST, PACKET_WORDS
from triplane.dataplane.kernels.pipeline import receive
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.port import P_RECEIVE, PORT_WORDS
from triplane.dataplane.kernels.wake import wake_control

SPIN_LEAST = 50_000  # ns
SPIN_MOST = 2_000_000
SLEEP = 200  # ms, at most: a worker looks at its orders that often
SOON = 2_000_000  # ns

poll = types.ExternalFunction("poll", types.int32(types.int64, types.int64, types.int32))
read = types.ExternalFunction("read", types.int64(types.int32, types.int64, types.int64))


@kernel
def breathe(node: Words, w: Words) -> int:
    """One turn over all receive queues; returns the packets it handled."""
    store_release(w, W_EPOCH, load_acquire(node, N_EPOCH))
    w[W_NOW] = nanoseconds()
    total = 0
    for i in range(w[W_QUEUE_COUNT]):
        total += inhale(node, w, load64(w[W_QUEUES] + 8 * i))
    flush_all(node, w)
    wake_control(w)
    w[W_BREATHS] += 1
    return total


@kernel
def inhale(node: Words, w: Words, queue: int) -> int:
    """A burst from one queue, through the pipeline."""
    batch = address_of(w, W_BATCH)
    count = call_entry(view_words(queue, PORT_WORDS)[P_RECEIVE], queue, node[N_POOL], batch, BURST)
    rows = view_rows(batch, BURST, PACKET_WORDS)
    mem = view_bytes(node[N_MEM], node[N_MEM_BYTES])
    for i in range(count):
        prefetch(mem, rows[i, ADDR])
    for i in range(count):
        receive(node, w, rows[i])
        drain(node, w)
    return count


@kernel
def work(node: Words, w: Words) -> int:
    """Breathe until W_STOP; returns the breaths taken."""
    last = nanoseconds()
    slept = last
    while load_acquire(w, W_STOP) == 0:
        if breathe(node, w):
            if w[W_NOW] - slept < SOON:
                w[W_SPIN] = min(2 * w[W_SPIN], SPIN_MOST)
            last = w[W_NOW]
        elif w[W_NOW] - last > w[W_SPIN]:
            slept = last = rest(w)
    store_release(w, W_EPOCH, EPOCH_ASLEEP)
    return w[W_BREATHS]


@kernel
def rest(w: Words) -> int:
    """Sleep until a port or the control thread has something; returns when it began."""
    began = w[W_NOW]
    w[W_SPIN] = max(w[W_SPIN] // 2, SPIN_LEAST)
    store_release(w, W_EPOCH, EPOCH_ASLEEP)
    poll(w[W_POLL], w[W_POLL_COUNT], SLEEP)
    exchange(w, W_EPOCH, 0)  # a full barrier: awake in the control thread's eyes before anything is read
    read(w[W_WAKE], address_of(w, W_DRAINED), 8)
    w[W_SLEEPS] += 1
    return began
