"""A steady stream of numbered datagrams between two hosts: which of them were lost is known by their numbers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.nodes.plant import PATIENCE, until
from tests.tap.rig import HOST_A, HOST_B, IP_A, IP_B
from triplane.tap import namespaces as ns

INTERVAL = 0.01  # seconds between datagrams: a tap keeps 500, so that a forwarder may be held up for seconds
PORT = 5005
RECEIVE_BUFFER = 1 << 22  # bytes: a receiver that has to wait for its turn loses nothing
SO_RCVBUFFORCE = 33  # asm-generic/socket.h


def udp(netns: str) -> socket.socket:
    return ns.in_namespace(netns, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))


class Stream:
    """From one host to another, from `start` to `stop`."""

    def __init__(self, source: str, sink: str, target: str) -> None:
        self.sender, self.receiver, self.target = udp(source), udp(sink), target
        self.receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        self.receiver.bind((target, PORT))
        self.receiver.settimeout(0.1)
        self.sent = 0
        self.arrived: dict[int, int] = {}  # how often each number came
        self._sending, self._receiving = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while not self._sending.wait(INTERVAL):
            self.sender.sendto(self.sent.to_bytes(8, "big"), (self.target, PORT))
            self.sent += 1

    def _receive(self) -> None:
        while not self._receiving.is_set():
            try:
                number = int.from_bytes(self.receiver.recv(64), "big")
            except TimeoutError:
                continue
            self.arrived[number] = self.arrived.get(number, 0) + 1

    def stop(self) -> None:
        """End it, once the last datagram has had time to arrive."""
        self._sending.set()
        self._threads[0].join()
        end = time.monotonic() + PATIENCE / 10
        while self.sent - 1 not in self.arrived and time.monotonic() < end:
            time.sleep(0.01)
        self._receiving.set()
        self._threads[1].join()
        self.sender.close()
        self.receiver.close()

    def faults(self) -> list[tuple[int, int]]:
        """Numbers that did not come exactly once, with how often they came."""
        return [(number, self.arrived.get(number, 0)) for number in range(self.sent) if self.arrived.get(number) != 1]


class Streams:
    """One each way between hosts A and B."""

    def __init__(self) -> None:
        self.both = [Stream(HOST_A, HOST_B, IP_B), Stream(HOST_B, HOST_A, IP_A)]

    def go_on(self, count: int = 100) -> None:
        """Wait until so many more have arrived each way."""
        marks = [len(stream.arrived) + count for stream in self.both]
        for stream, mark in zip(self.both, marks, strict=True):
            until(lambda stream=stream, mark=mark: len(stream.arrived) >= mark, "the stream to go on")


@contextmanager
def lossless() -> Iterator[Streams]:
    """Streams both ways; at the end, each datagram has arrived, and once."""
    streams = Streams()
    for stream in streams.both:
        stream.start()
    try:
        yield streams
    finally:
        for stream in streams.both:
            stream.stop()
    assert [stream.faults() for stream in streams.both] == [[], []]
    assert all(stream.sent for stream in streams.both)
