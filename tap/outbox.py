"""Opens the outbox of a `packet` port where that is possible; without it the port only sends more slowly."""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray

from triplane.tap.kernels import outbox as kernels
from triplane.tap.namespaces import in_namespace
from triplane.tap.port import PortError
from triplane.tap.xdp_socket import XdpSocket


class Outbox:
    """An AF_XDP socket in copy mode, for sending only. Raises PortError where the kernel allows none."""

    def __init__(self, name: str, netns: str | None, index: int, queue: int) -> None:
        frames = kernels.OUTBOX_FRAMES
        self.memory = np.frombuffer(mmap.mmap(-1, frames << kernels.SLOT_SHIFT), np.uint8)
        self.free: NDArray[np.int64] = np.arange(frames, dtype=np.int64) << kernels.SLOT_SHIFT
        address, size = self.memory.ctypes.data, len(self.memory)
        self.socket = in_namespace(netns, lambda: XdpSocket(name, address, size, frames))
        try:
            self.socket.tune(frames)
            self.socket.bind(index, queue, "copy", False)
        except (OSError, PortError):
            self.socket.close()
            raise

    def fill(self, row: NDArray[np.int64]) -> None:
        """Tell the kernels of it; under P_LOCK if they may run."""
        send, done = self.socket.rings["tx"], self.socket.rings["done"]
        row[kernels.O_MEMORY] = self.memory.ctypes.data
        row[kernels.O_RING], row[kernels.O_PRODUCER], row[kernels.O_CONSUMER] = (
            send.entries,
            send.producer,
            send.consumer,
        )
        row[kernels.O_DONE], row[kernels.O_DONE_PRODUCER] = done.entries, done.producer
        row[kernels.O_DONE_CONSUMER], row[kernels.O_NEXT] = done.consumer, 0
        row[kernels.O_FREE], row[kernels.O_FREE_COUNT] = self.free.ctypes.data, kernels.OUTBOX_FRAMES
        row[kernels.O_METADATA] = int(self.socket.metadata > 0)
        row[kernels.O_PENDING] = 0
        row[kernels.O_FD] = self.socket.socket.fileno()

    def close(self) -> None:
        self.socket.close()


def open_outbox(name: str, netns: str | None, index: int, queue: int) -> Outbox | None:
    """None where the kernel has no AF_XDP, the limit of locked memory forbids it, or another program has the queue."""
    try:
        return Outbox(name, netns, index, queue)
    except (OSError, PortError):
        return None
