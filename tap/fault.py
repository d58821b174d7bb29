"""The `fault` kind: a port within (`of`), and a bad cable before it.

Options, chances from 0 to 1: `drop`, `corrupt` (one bit flips), `duplicate`, `reorder` (arrives `gap` late);
times in milliseconds: `delay`, `gap` (1); `seed`; `direction` (rx, tx, both).
The same seed does the same to the nth frame in each direction.
"""

from __future__ import annotations

import ctypes
import os
import select

import numpy as np
from numpy.typing import NDArray

from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.packet import ADDR, BURST, FRAME_WORDS
from triplane.dataplane.kernels.pool import Pool, give_one
from triplane.tap.kernels import fault as kernels
from triplane.tap.port import Link, PortError, PortSpec
from triplane.tap.wrapper import WrapperPort

CLOCK_MONOTONIC = 1
TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
MILLISECOND = 1_000_000
CHANCES = {
    "drop": kernels.L_DROP,
    "corrupt": kernels.L_CORRUPT,
    "duplicate": kernels.L_DUPLICATE,
    "reorder": kernels.L_REORDER,
}
COUNTERS = {
    "dropped": kernels.L_DROPPED,
    "corrupted": kernels.L_CORRUPTED,
    "duplicated": kernels.L_DUPLICATED,
    "reordered": kernels.L_REORDERED,
    "delayed": kernels.L_DELAYED,
    "overflown": kernels.L_OVERFLOWN,
}

_libc = ctypes.CDLL(None, use_errno=True)


def make_timer() -> int:
    fd: int = _libc.timerfd_create(CLOCK_MONOTONIC, TFD_FLAGS)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "timerfd_create")
    return fd


def make_line(spec: PortSpec, direction: int, timer: int) -> NDArray[np.int64]:
    """A line with the chances that `spec` asks for; `direction` is 0 for receive and 1 for transmit."""
    line = np.zeros(kernels.LINE_WORDS, np.int64)
    line[kernels.L_RANDOM] = (int(spec.number("seed", 1, 0, 1 << 30)) * 2 + direction) << 32
    line[kernels.L_TIMER] = timer
    line[kernels.L_GAP] = int(spec.number("gap", 1, 0, 10_000) * MILLISECOND)
    if spec.options.get("direction", "both") in ("both", ("rx", "tx")[direction]):
        line[kernels.L_DELAY] = int(spec.number("delay", 0, 0, 10_000) * MILLISECOND)
        for name, column in CHANCES.items():
            line[column] = int(spec.number(name, 0, 0, 1) * (1 << 32))
    return line


class FaultPort(WrapperPort):
    kind = "fault"
    receive = kernels.receive
    transmit = kernels.transmit
    options = frozenset({*CHANCES, "delay", "gap", "seed", "direction"})

    def __init__(self, spec: PortSpec, slot: int, pool: Pool, queues: int) -> None:
        if spec.options.get("direction", "both") not in ("rx", "tx", "both"):
            raise PortError(f"port {spec.name}: option direction={spec.options['direction']} is not rx, tx or both")
        make_line(spec, 0, -1)  # refuse wrong numbers before anything is opened
        self.polls: list[select.epoll] = []
        self.timers: list[int] = []
        self.lines: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        super().__init__(spec, slot, pool, queues)
        self.batches = [np.zeros((BURST, FRAME_WORDS), np.int64) for _ in self.rows]
        for row, batch in zip(self.rows, self.batches, strict=True):
            self._add_queue(row, batch)
        self.refresh()

    def _add_queue(self, row: NDArray[np.int64], batch: NDArray[np.int64]) -> None:
        timers = [make_timer(), make_timer()]
        receive, transmit = (make_line(self.spec, i, timers[i]) for i in (0, 1))
        self.timers += timers
        self.lines.append((receive, transmit))
        row[kernels.W_RECEIVE_LINE], row[kernels.W_TRANSMIT_LINE] = receive.ctypes.data, transmit.ctypes.data
        row[kernels.W_BATCH] = batch.ctypes.data
        if row[columns.P_FD] >= 0:
            poll = select.epoll()
            for fd in (int(row[columns.P_FD]), *timers):
                poll.register(fd, select.EPOLLIN)
            self.polls.append(poll)

    def refresh(self) -> Link:
        """The worker waits for the device and for the timers: both at once, through an epoll descriptor."""
        link = super().refresh()
        for row, poll in zip(self.rows, self.polls, strict=False):
            row[columns.P_FD] = poll.fileno()
        return link

    def reopen(self) -> None:
        """A device that is reopened is another file behind the same number: watch that one."""
        super().reopen()
        for inner, poll in zip(self.inner.rows, self.polls, strict=False):
            fd = int(inner[columns.P_FD])
            try:
                poll.register(fd, select.EPOLLIN)
            except FileExistsError:
                poll.modify(fd, select.EPOLLIN)

    def counters(self) -> dict[str, int]:
        """What was done to frames so far, both ways."""
        return {
            name: sum(int(line[column]) for lines in self.lines for line in lines) for name, column in COUNTERS.items()
        }

    def close(self) -> None:
        for line in (line for lines in self.lines for line in lines):
            for i in range(int(line[kernels.L_COUNT])):
                give_one(self.pool.pool, int(line[kernels.L_FRAMES + i * kernels.ENTRY_WORDS + 1 + ADDR]))
            line[kernels.L_COUNT] = 0
        for poll in self.polls:
            poll.close()
        for timer in self.timers:
            os.close(timer)
        self.polls, self.timers = [], []
        super().close()
