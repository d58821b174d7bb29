"""Worker threads: started, stopped, given receive queues, and asked whether they have seen what changed."""

from __future__ import annotations

import os
import select
import struct
import threading
import time
from collections.abc import Sequence

import numpy as np

from triplane.dataplane.kernels import node as n
from triplane.dataplane.kernels.engine import work
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.port import P_FD
from triplane.dataplane.kernels.publish import observe, publish
from triplane.dataplane.state import State

ONE = (1).to_bytes(8, "little")


class Workers:
    """The threads that run `engine.work`, one for each worker row but the control thread's."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wakes = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in state.rows[:-1]]
        self._threads: list[threading.Thread] = []
        self._kept: list[object] = []  # arrays that running kernels have the addresses of
        for row in state.rows:
            row[n.W_EVENT] = self.event
        self._turned_at = int(state.node[n.N_EPOCH])

    def assign(self, queues: Sequence[Words]) -> None:
        """Share the queue rows out among the workers. They must be stopped."""
        rows = self.state.rows[:-1]
        self._kept = []
        for number, row in enumerate(rows):
            mine = list(queues[number :: len(rows)])
            addresses = np.array([queue.ctypes.data for queue in mine] or [0], np.int64)
            fds = [self._wakes[number], *(int(queue[P_FD]) for queue in mine)]
            polls = np.frombuffer(bytearray(b"".join(pollfd(fd) for fd in fds)), np.uint8)
            self._kept += [addresses, polls, mine]
            row[n.W_QUEUES], row[n.W_QUEUE_COUNT] = addresses.ctypes.data, len(mine)
            row[n.W_POLL], row[n.W_POLL_COUNT] = polls.ctypes.data, len(fds)
            row[n.W_WAKE] = self._wakes[number]

    def start(self) -> None:
        """Run every worker in a thread of its own."""
        for number, row in enumerate(self.state.rows[:-1]):
            publish(row, n.W_STOP, 0)
            thread = threading.Thread(target=work, args=(self.state.node, row), name=f"worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def await_breath(self) -> None:
        """Wait until every worker forwards: its code may have to be loaded first."""
        while any(int(observe(row, n.W_BREATHS)) == 0 for row in self.state.rows[:-1]):
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop and wait: no kernel runs after this but the caller's."""
        for row, wake in zip(self.state.rows, self._wakes, strict=False):
            publish(row, n.W_STOP, 1)
            os.write(wake, ONE)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def close(self) -> None:
        self.stop()
        for fd in (self.event, *self._wakes):
            os.close(fd)

    def quiet(self) -> bool:
        """True once every worker has begun a new breath since this last said True."""
        node = self.state.node
        if any(int(observe(row, n.W_EPOCH)) < self._turned_at for row in self.state.rows[:-1]):
            return False
        self._turned_at = int(node[n.N_EPOCH]) + 1
        publish(node, n.N_EPOCH, self._turned_at)
        return True


def pollfd(fd: int) -> bytes:
    """struct pollfd for reading; a queue that has no descriptor is never ready (-1 is skipped)."""
    return struct.pack("=ihh", fd, select.POLLIN, 0)
