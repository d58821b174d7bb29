"""WebSockets (RFC 6455) with the methods that Ryu's apps call: `wait`, `send`, `close`. wsproto knows the protocol.

`send` never waits: what a client does not read is queued, and a client that lets `MAX_QUEUED` bytes wait is
disconnected. So an app that tells many clients something is not held up by one of them.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from triplane.controller.rest.http import PIECE, SEND_SECONDS, SOCKET, TAKEN, Connection, Environ
from triplane.controller.runtime import hub, waiting

MAX_MESSAGE = 4 << 20  # bytes of a message from a client
MAX_QUEUED = 4 << 20  # bytes that wait for a client
TOO_BIG, NORMAL = 1009, 1000  # RFC 6455 section 7.4.1
log = logging.getLogger(__name__)


class WebSocket:
    """A client's connection. `environ` is that of the request that opened it."""

    def __init__(self, connection: Connection, environ: Environ) -> None:
        self.environ = environ
        self.path: str = environ["PATH_INFO"]
        self.origin: str | None = environ.get("HTTP_ORIGIN")
        self.socket = connection.sock
        self.websocket_closed = False
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._lock = threading.Lock()  # of the protocol's state and of the order of what is sent
        self._outgoing = hub.Queue()
        self._queued = 0
        self._incoming: list[str | bytes] = []  # whole messages
        self._parts: list[Any] = []  # of the message that arrives
        self._first = connection.unread()

    def open(self) -> bool:
        """Answer the handshake; False if it was none. Raises OSError."""
        headers = [
            (name[5:].replace("_", "-").lower().encode(), value.encode("latin-1"))
            for name, value in self.environ.items()
            if name.startswith("HTTP_")
        ]
        try:
            self._protocol.initiate_upgrade_connection(headers, self.path)
        except RemoteProtocolError as error:
            log.debug("no WebSocket: %s", error)
            return False
        offered = [event for event in self._protocol.events() if isinstance(event, Request)]
        answer = AcceptConnection() if offered else RejectConnection(status_code=400)
        self._write(self._protocol.send(answer))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a dead client is found out
        self._sender = hub.spawn(self._send_queued)
        return bool(offered)

    def wait(self) -> str | bytes | None:
        """The next message, text or bytes; None when the connection is closed."""
        while not self._incoming:
            data, self._first = self._first or self._receive(), b""
            if not data:
                self._drop()
                return None
            with contextlib.suppress(BrokenPipeError):  # it does not read our answers: closed now
                self._received(data)
        return self._incoming.pop(0)

    def _receive(self) -> bytes:
        if self.websocket_closed:
            return b""
        try:
            waiting.current().park_on(self.socket.fileno(), select.POLLIN)
            return self.socket.recv(PIECE)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            log.debug("WebSocket lost: %s", error)
            return b""

    def _received(self, data: bytes) -> None:
        with self._lock:
            self._protocol.receive_data(data)
            try:
                for event in self._protocol.events():
                    self._handle(event)
            except RemoteProtocolError as error:
                log.debug("not a WebSocket: %s", error)
                self._closing()

    def _handle(self, event: Any) -> None:
        if isinstance(event, Message):
            self._parts.append(event.data)
            if sum(map(len, self._parts)) > MAX_MESSAGE:
                self._queue(self._protocol.send(CloseConnection(TOO_BIG)))
                self._closing()
            elif event.message_finished:
                self._incoming.append(self._parts[0][:0].join(self._parts))
                self._parts = []
        elif isinstance(event, Ping):
            self._queue(self._protocol.send(event.response()))
        elif isinstance(event, CloseConnection):
            with contextlib.suppress(LocalProtocolError):  # it answers our own
                self._queue(self._protocol.send(event.response()))
            self._closing()

    def send(self, message: str | bytes) -> None:
        """Send a message. Raises OSError if the connection is closed, or the client does not read."""
        with self._lock:
            if self.websocket_closed:
                raise BrokenPipeError("the WebSocket is closed")
            self._queue(
                self._protocol.send(TextMessage(message) if isinstance(message, str) else BytesMessage(message))
            )

    def close(self) -> None:
        """Close the connection after what is queued."""
        with self._lock:
            if not self.websocket_closed:
                self._queue(self._protocol.send(CloseConnection(NORMAL)))
                self._closing()

    def _closing(self) -> None:
        self.websocket_closed = True
        self._outgoing.put(None)

    def _drop(self) -> None:
        if not self.websocket_closed:
            self._closing()

    # what is sent

    def _queue(self, data: bytes) -> None:
        self._queued += len(data)
        if self._queued > MAX_QUEUED:
            log.warning("WebSocket of %s does not read, disconnected", self.environ.get("REMOTE_ADDR"))
            self._end()
            raise BrokenPipeError("the client does not read")
        self._outgoing.put(data)

    def _send_queued(self) -> None:
        try:
            while (data := self._outgoing.get()) is not None:
                self._write(data)
                with self._lock:
                    self._queued -= len(data)
        except OSError as error:
            log.debug("WebSocket lost: %s", error)
        finally:
            self._end()

    def _write(self, data: bytes) -> None:
        self.socket.settimeout(SEND_SECONDS)
        for start in range(0, len(data), PIECE):
            self.socket.sendall(data[start : start + PIECE])

    def _end(self) -> None:
        self.websocket_closed = True
        with contextlib.suppress(OSError):  # the client was first
            self.socket.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Close, and wait until what was queued has been sent."""
        self.close()
        self._sender.join()


class WebSocketWSGI:
    """A WSGI application that opens a WebSocket and calls `handler` with it; it is closed when that returns."""

    def __init__(self, handler: Callable[[WebSocket], Any]) -> None:
        self.handler = handler

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection: Connection | None = environ.get(SOCKET)
        if connection is None or environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Connection", "close")])
            return [b"a WebSocket is expected here\n"]
        connection.taken = True
        ws = WebSocket(connection, environ)
        if ws.open():
            try:
                self.handler(ws)
            finally:
                ws.finish()
        return TAKEN
