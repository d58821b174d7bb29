"""A switch for tests of the controller in this process: a socket, and OpenFlow 1.3 messages over it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from triplane.controller.address import Address
from triplane.controller.runtime import app as apps
from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.loop import LOOP
from triplane.controller.runtime.manager import observe
from triplane.controller.runtime.openflow import OFPHandler
from triplane.controller.server import Server
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
from triplane.dataplane.openflow.stream import Framer

SWITCH = codec.PROTOCOLS[4]
PATIENCE = 30.0  # s
HELLO = parser.OFPHello(SWITCH, [parser.OFPHelloElemVersionBitmap([4])]).serialize()


def packet_in(number: int, data: bytes = b"x" * 60) -> bytes:
    """A packet-in, with `number` as its cookie."""
    match = parser.OFPMatch(in_port=1)
    message = parser.OFPPacketIn(SWITCH, ofp.OFP_NO_BUFFER, len(data), 0, 0, number, match, data)
    return bytes(message.serialize())


class FakeSwitch:
    """Connected to `address`; `with` closes it."""

    def __init__(self, address: Address, dpid: int) -> None:
        self.socket = socket.create_connection((address.host, address.port))
        self.dpid = dpid
        self._use()

    @classmethod
    def of(cls, sock: socket.socket, dpid: int) -> FakeSwitch:
        """At a socket that is connected already."""
        switch = cls.__new__(cls)
        switch.socket, switch.dpid = sock, dpid
        switch._use()
        return switch

    def _use(self) -> None:
        self.socket.settimeout(PATIENCE)
        self._framer = Framer()
        self._unread: list[Any] = []

    def __enter__(self) -> FakeSwitch:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, message: Any) -> None:
        self.socket.sendall(message if isinstance(message, bytes) else message.serialize())

    def next(self) -> Any:
        """The next message; ConnectionError when there is none any more."""
        while not self._unread:
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("closed by the controller")
            self._unread += [codec.parse(4, message) for message in self._framer.feed(data)]
        return self._unread.pop(0)

    def wait(self, cls: type) -> tuple[Any, int]:
        """The next message of a class, and how many others came before it."""
        passed = 0
        while True:
            message = self.next()
            if isinstance(message, cls):
                return message, passed
            passed += 1

    def closed(self) -> bool:
        """Wait until the controller has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while True:
                self.next()
        return True

    def says_who_it_is(self) -> FakeSwitch:
        self.send(HELLO)
        request, _ = self.wait(parser.OFPFeaturesRequest)
        features = parser.OFPSwitchFeatures(SWITCH, self.dpid, 0, 254, 0, 0)
        features.xid = request.xid
        self.send(features)
        return self

    def comes_into_service(self) -> FakeSwitch:
        self.says_who_it_is()
        self.wait(parser.OFPPortDescStatsRequest)
        self.send(parser.OFPPortDescStatsReply(SWITCH, body=[]))
        self.echo(b"")  # answered after that
        return self

    def echo(self, data: bytes) -> int:
        """Ask whether the controller lives; how many messages came before its answer."""
        self.send(parser.OFPEchoRequest(SWITCH, data))
        reply, passed = self.wait(parser.OFPEchoReply)
        assert reply.data == data
        return passed


@contextlib.contextmanager
def serving(*running: RyuApp) -> Iterator[tuple[Server, Address]]:
    """A controller of these apps in this process, and where it listens."""
    brick = OFPHandler()
    for app in (brick, *running):
        apps.register_app(app)
    for app in running:
        observe(app)
        app.start()
    LOOP.start()
    server = Server(brick)
    try:
        yield server, server.listen(Address("tcp", "127.0.0.1", 0))
    finally:
        server.close()
        for app in running:
            app.stop()
        LOOP.stop()
        apps.SERVICE_BRICKS.clear()
