"""An HTTP/1.1 server for a WSGI application: a thread for each connection, h11 for the protocol.

What a client may take is bounded: header and body in size, each step in time, connections in number. When all
connections are taken, a newcomer gets the place of the one that has been waiting longest for a request; if all are at
work it is answered 503. So a client that is slow, hangs or opens many connections holds up no other.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import h11

from triplane.controller.runtime.streams import StreamServer

MAX_CONNECTIONS = 256
MAX_HEADER = 64 << 10  # bytes
MAX_BODY = 16 << 20  # bytes
REQUEST_SECONDS = 30.0  # for a request to arrive, header and body
IDLE_SECONDS = 60.0  # for the next request on the same connection
SEND_SECONDS = 30.0  # for a client to take what it has been sent, each piece
LINGER_SECONDS = 0.5  # for a refused client to read why, before the connection is reset under what it still sends
PIECE = 64 << 10
SOCKET = "triplane.upgrade"  # in the environment: the connection, for who takes it over
TAKEN: tuple[bytes, ...] = ()  # what an application answers that has taken the connection over

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is answered with an error of ours."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class WSGIServer(StreamServer):
    """Serves an application at `(host, port)`. Raises OSError if it cannot listen there."""

    def __init__(self, listen_info: Any, application: Application, **config: Any) -> None:
        super().__init__(listen_info, self._connected, backlog=128, **config)
        self.application = application
        self.refused = 0
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._refusing = threading.Semaphore(MAX_CONNECTIONS)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.server.getsockname()[:2]
        return host, port

    def _connected(self, sock: socket.socket, address: Any) -> None:
        connection = Connection(self, sock, address)
        with contextlib.closing(sock):
            if self._admit(connection):
                try:
                    connection.serve()
                finally:
                    with self._lock:
                        self._connections.discard(connection)
            else:
                self._refuse(connection)

    def _refuse(self, connection: Connection) -> None:
        self.refused += 1
        if self._refusing.acquire(blocking=False):  # else it is just closed: there are too many to talk to
            try:
                connection.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            finally:
                self._refusing.release()

    def _admit(self, connection: Connection) -> bool:
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                waiting = [other for other in self._connections if other.waiting_since is not None]
                if not waiting:
                    return False
                oldest = min(waiting, key=lambda other: other.waiting_since or 0.0)
                oldest.end()
                self._connections.discard(oldest)
            self._connections.add(connection)
            return True

    def close(self) -> None:
        """Stop listening and drop all connections."""
        self.server.close()
        with self._lock:
            for connection in self._connections:
                connection.end()


class Connection:
    """One client's. `waiting_since`: when the wait for a request began, None while one is answered."""

    def __init__(self, server: WSGIServer, sock: socket.socket, address: Any) -> None:
        self.sock = sock
        self.waiting_since: float | None = time.monotonic()
        self.taken = False  # by a WebSocket
        self._server = server
        self._peer = address if isinstance(address, tuple) else ("", 0)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER)
        self._deadline = 0.0

    def serve(self) -> None:
        """Answer requests until either side has enough."""
        limit = REQUEST_SECONDS
        while self._step(limit) and not self.taken:
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()
            limit = IDLE_SECONDS

    def end(self) -> None:
        """Have the thread that serves it end."""
        with contextlib.suppress(OSError):  # the client was first
            self.sock.shutdown(socket.SHUT_RDWR)

    def refuse(self, status: HTTPStatus) -> None:
        """Answer with an error, and no more."""
        self._deadline = time.monotonic()
        headers = [("Content-Type", "text/plain"), ("Connection", "close")]
        with contextlib.suppress(OSError, h11.LocalProtocolError):  # it has gone, or is in the middle of an answer
            self._send(h11.Response(status_code=status, reason=status.phrase, headers=_encoded(headers)))
            self._send(h11.Data(data=f"{status.value} {status.phrase}\n".encode()))
            self._send(h11.EndOfMessage())
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(LINGER_SECONDS)
            while self.sock.recv(PIECE) and time.monotonic() < self._deadline + LINGER_SECONDS:
                continue

    def unread(self) -> bytes:
        """Bytes that came after the request, for who takes the connection over."""
        return bytes(self._http.trailing_data[0])

    # one request

    def _step(self, limit: float) -> bool:
        """Answer a request; False when there will be no more."""
        self._deadline = self.waiting_since = time.monotonic()
        self._deadline += limit
        try:
            request = self._event()
            self.waiting_since = None
            if not isinstance(request, h11.Request):
                return False
            self._answer(request, self._body())
        except h11.RemoteProtocolError as error:
            self.refuse(HTTPStatus(error.error_status_hint))
            return False
        except Refused as error:
            self.refuse(error.status)
            return False
        except OSError as error:
            log.debug("%s: connection lost: %s", self._peer, error)
            return False
        return True

    def _event(self) -> Any:
        """The next event. Raises TimeoutError, h11.RemoteProtocolError or OSError."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no request in time")
            self.sock.settimeout(left)
            self._http.receive_data(self.sock.recv(PIECE))
        return event

    def _body(self) -> bytes:
        self._deadline = time.monotonic() + REQUEST_SECONDS
        parts, size = [], 0
        while isinstance(event := self._event(), h11.Data):
            parts.append(bytes(event.data))
            size += len(event.data)
            if size > MAX_BODY:
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return b"".join(parts)

    def _answer(self, request: h11.Request, body: bytes) -> None:
        answer = _Answer(self, request.method == b"HEAD")
        with answer:
            environ = self._environ(request, body)
            parts = self._server.application(environ, answer.start)
            try:
                for part in () if self.taken else parts:
                    answer.write(part)
            finally:
                getattr(parts, "close", lambda: None)()
            if not self.taken:
                answer.finish()
        if answer.failed:
            self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _environ(self, request: h11.Request, body: bytes) -> Environ:
        """PEP 3333's environment."""
        path, _, query = request.target.partition(b"?")
        environ: Environ = {
            "REQUEST_METHOD": request.method.decode(),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_NAME": self._server.address[0],
            "SERVER_PORT": str(self._server.address[1]),
            "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode()}",
            "REMOTE_ADDR": self._peer[0],
            "REMOTE_PORT": str(self._peer[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            SOCKET: self,
        }
        for name, value in request.headers:
            key = name.decode("latin-1").upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
        if body and "CONTENT_LENGTH" not in environ:
            environ["CONTENT_LENGTH"] = str(len(body))  # it came in chunks
        return environ

    def _send(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            self.sock.settimeout(SEND_SECONDS)
            for start in range(0, len(data), PIECE):  # the time is for each piece
                self.sock.sendall(data[start : start + PIECE])


class _Answer:
    """WSGI's start_response and write for one request. An application that raises is logged; `failed` says so."""

    def __init__(self, connection: Connection, is_head: bool) -> None:
        self.failed = False
        self._connection = connection
        self._is_head = is_head
        self._head: h11.Response | None = None
        self._sent = False
        self._has_body = True

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info is not None and self._sent:
            raise exc_info[1]
        code, _, reason = status.partition(" ")
        self._has_body = not self._is_head and int(code) not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        self._head = h11.Response(status_code=int(code), reason=reason, headers=_encoded(headers))
        return self.write

    def write(self, data: bytes) -> None:
        if not data:
            return
        self._begin()
        if self._has_body:
            self._connection._send(h11.Data(data=data))

    def _begin(self) -> None:
        if self._head is None:
            raise RuntimeError("the application has not called start_response")
        if not self._sent:
            self._sent = True
            self._connection._send(self._head)

    def finish(self) -> None:
        self._begin()
        self._connection._send(h11.EndOfMessage())

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        if isinstance(error, OSError) and self._sent:
            return False  # the client has gone
        log.error("REST: an application failed", exc_info=error)
        self.failed = True
        return True


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
