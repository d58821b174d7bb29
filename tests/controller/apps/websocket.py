"""A WebSocket client, for the APIs that `rest.served` serves."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from typing import Any

from tests.controller.apps.rest import WSAPI_PORT, Api
from tests.controller.plant import PATIENCE
from triplane.tap import namespaces as ns


class WebSocket:
    """A client as RFC 6455 has it."""

    def __init__(self, api: Api, path: str) -> None:
        self.socket = ns.in_namespace(api.netns, lambda: socket.create_connection(("127.0.0.1", WSAPI_PORT), PATIENCE))
        self.stream = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET {} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self.socket.sendall("\r\n".join(lines).format(path).encode())
        assert b" 101 " in self.stream.readline()
        headers = dict(line.lower().split(": ", 1) for line in self._header_lines())
        accepted = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert headers["sec-websocket-accept"] == base64.b64encode(accepted).decode().lower()

    def _header_lines(self) -> list[str]:
        return [line.decode().strip() for line in iter(self.stream.readline, b"\r\n")]

    def send(self, opcode: int, data: bytes) -> None:
        """A whole frame, masked as clients must."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        assert len(data) < 126
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(data)]) + mask + masked)

    def receive(self) -> tuple[int, bytes]:
        """The next frame's opcode and data."""
        first, length = self.stream.read(2)
        if length == 126:
            length = int.from_bytes(self.stream.read(2), "big")
        assert first & 0x80
        assert length < 1 << 16
        return first & 0x0F, self.stream.read(length)

    def text(self, wanted: str) -> str:
        """The next text that has these words in it."""
        while True:
            opcode, data = self.receive()
            assert opcode == 1, (opcode, data)
            if wanted in data.decode():
                return data.decode()

    def call(self, method: str) -> Any:
        """By JSON-RPC."""
        self.send(1, json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": {}}).encode())
        return json.loads(self.text('"jsonrpc"'))

    def served(self, data: bytes = b"") -> None:
        """Wait until the app reads from us: its end answers a ping; what it says before that is passed over.

        It counts us among its clients before it reads, but after the handshake.
        """
        self.send(9, data)
        while (frame := self.receive())[0] != 10:
            pass
        assert frame[1] == data

    def close(self) -> None:
        """As the protocol wants it: the server answers with a close of its own."""
        self.send(8, (1000).to_bytes(2, "big"))
        while self.receive()[0] != 8:
            pass
        assert self.stream.read(1) == b""
        self.socket.close()
