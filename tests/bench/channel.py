"""A controller's end of an OpenFlow 1.3 channel over a Unix socket: enough to load entries and to time that."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

from tests.bench.programs import BenchError
from triplane.dataplane.openflow import ofproto_v1_3 as ofp

HEADER = struct.Struct("!BBHI")
PATIENCE = 60.0  # seconds for an answer


class Channel:
    """Use it with `with`."""

    def __init__(self, path: Path) -> None:
        """Connect and shake hands. BenchError if nobody answers."""
        self.unread, self.xid = b"", 0
        deadline = time.monotonic() + 10
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            try:
                self.socket.connect(str(path))
                break
            except OSError as error:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise BenchError(f"{path}: {error.strerror}") from error
                time.sleep(0.05)
        self.send(ofp.OFPT_HELLO)
        self.wait(ofp.OFPT_HELLO)

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, kind: int, body: bytes = b"") -> None:
        self.xid += 1
        self.socket.sendall(HEADER.pack(ofp.OFP_VERSION, kind, HEADER.size + len(body), self.xid) + body)

    def message(self) -> tuple[int, bytes]:
        """The next message's type, and all of it."""
        while len(self.unread) < HEADER.size or len(self.unread) < HEADER.unpack_from(self.unread)[2]:
            try:
                chunk = self.socket.recv(65536)
            except TimeoutError as error:
                raise BenchError(f"the switch said nothing for {PATIENCE:.0f} s") from error
            if not chunk:
                raise BenchError("the switch closed the channel")
            self.unread += chunk
        _, kind, length, _ = HEADER.unpack_from(self.unread)
        message, self.unread = self.unread[:length], self.unread[length:]
        return kind, message

    def wait(self, wanted: int) -> None:
        """For a message of a type; answers echo requests meanwhile. BenchError for an error message."""
        while True:
            kind, message = self.message()
            if kind == wanted:
                return
            if kind == ofp.OFPT_ERROR:
                raise BenchError(f"the switch refused: {message[8:40].hex()}")
            if kind == ofp.OFPT_ECHO_REQUEST:
                self.send(ofp.OFPT_ECHO_REPLY, message[HEADER.size :])

    def load(self, messages: bytes) -> float:
        """Send messages and one barrier; the seconds until its reply."""
        start = time.perf_counter()
        self.socket.sendall(messages)
        self.send(ofp.OFPT_BARRIER_REQUEST)
        self.wait(ofp.OFPT_BARRIER_REPLY)
        return time.perf_counter() - start
