"""Learning switches that can be asked: over HTTP, and over a WebSocket on which they also tell what passes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.controller.apps.rest import WSAPI_PORT, Api, served
from tests.controller.plant import PATIENCE, plant, until
from triplane.tap import namespaces as ns

RyuApp = Callable[[str], str]
TABLE = "/simpleswitch/mactable/0000000000000001"


def test_mac_table(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, ryu_app("simple_switch_rest_13"), "--listen", address, traces=True) as api,
        plant(kind, tmp_path, address, hosts=(1, 1, 1)) as net,
    ):
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        assert api.get(TABLE) == {net.mac(1): 1, net.mac(2): 2}
        assert api.ask("GET", "/simpleswitch/mactable/00000000000000ff").status == 404

        known = api.put(TABLE, {"mac": net.mac(3), "port": 3})
        assert known == {net.mac(1): 1, net.mac(2): 2, net.mac(3): 3}
        until(lambda: sum(f"dl_dst={net.mac(3)}" in flow for flow in net.flows(1)) == 2, "flows to the new host")
        assert net.pings(1, 3)

        assert api.ask("PUT", TABLE, b"{not json").status in (400, 500)  # Ryu raises its answer, and says 500
        assert api.ask("POST", TABLE, b"").status == 404
        assert api.ask("GET", "/nowhere").status == 404


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

    def close(self) -> None:
        """As the protocol wants it: the server answers with a close of its own."""
        self.send(8, (1000).to_bytes(2, "big"))
        while self.receive()[0] != 8:
            pass
        assert self.stream.read(1) == b""
        self.socket.close()


def test_websocket(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, ryu_app("simple_switch_websocket_13"), "--listen", address) as api,
        plant(kind, tmp_path, address) as net,
    ):
        first, second = WebSocket(api, "/simpleswitch/ws"), WebSocket(api, "/simpleswitch/ws")
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        for client in (first, second):
            assert "src='02:00:00:00:00:01'" in client.text("arp(")
            client.text("icmp(")
        assert first.call("get_arp_table")["result"] == {"1": {net.mac(1): 1, net.mac(2): 2}}
        assert "error" in first.call("no_such_method")
        first.send(9, b"are you there")  # a ping
        opcode, data = first.receive()
        assert (opcode, data) == (10, b"are you there")
        first.close()
        net.run(1, "ping", "-c", "1", "-W", "1", "10.0.0.77", check=False)  # nobody: ARP floods go by the controller
        second.text("dst_ip='10.0.0.77'")
        second.socket.close()  # without a word
        assert api.ask("GET", "/nowhere").status == 404
