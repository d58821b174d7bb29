"""Sockets of the controller: listeners, and a connection for each switch. Nothing of OpenFlow is decided here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import stat
import threading
from collections import deque
from pathlib import Path
from typing import NamedTuple, cast

from triplane.controller.address import Address
from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.session import Session

BACKLOG = 128
SEND_LIMIT = 32 << 20  # bytes that may wait for a switch that does not read; then it is disconnected
LINGER = 1.0  # s in which a closed connection may still write


class TlsFiles(NamedTuple):
    """PEM files: our key and certificate, and the CA that must have signed the switch's."""

    private_key: Path | None = None
    certificate: Path | None = None
    ca_cert: Path | None = None


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """For listening; a switch without a certificate of the CA is refused. Raises ValueError, a line for the user."""
    for option, path in zip(("--private-key", "--certificate", "--ca-cert"), files, strict=True):
        if path is None:
            raise ValueError(f"--listen tls:... needs {option}")
        if not Path(path).is_file():
            raise ValueError(f"{option} {path}: no such file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(files.ca_cert)
        context.load_cert_chain(str(files.certificate), files.private_key)
    except ssl.SSLError as error:
        raise ValueError(f"the TLS files do not fit together: {error}") from error
    return context


class Connection(asyncio.Protocol):
    """A switch's connection: the driver of a `Session`, and the `Channel` that its datapath sends through.

    Apps send from threads of their own: what they send is queued, and the loop is woken once for all of it.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._queue: deque[bytes] = deque()
        self._woken = False
        self._ending = False
        self._timer: asyncio.TimerHandle | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=SEND_LIMIT)
        peer = transport.get_extra_info("peername") or "unix"
        self._session = Session(self, peer, self._server.brick, self._loop.time())
        self._server.connections.add(self)
        self._session.connected()
        self._tick()

    def data_received(self, data: bytes) -> None:
        self._session.received(data, self._loop.time())

    def pause_writing(self) -> None:
        """The switch has not read for SEND_LIMIT bytes."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ending = True
        if self._timer is not None:
            self._timer.cancel()
        self._server.connections.discard(self)
        self._session.disconnected()

    def _tick(self) -> None:
        next_time = self._session.tick(self._loop.time())
        if not self._ending:
            self._timer = self._loop.call_at(next_time, self._tick)

    # the datapath's side

    def send(self, data: bytes) -> bool:
        """Queue bytes; from any thread."""
        if self._ending:
            return False
        self._queue.append(data)
        if threading.get_ident() == self._thread:
            self._flush()
        elif not self._woken:
            self._woken = True
            self._wake()
        return True

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the connection
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._woken = False  # before the queue is looked at: who comes later wakes again
        parts = []
        while self._queue:
            parts.append(self._queue.popleft())
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Disconnect after what is queued; from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        self._flush()
        self._ending = True
        self._transport.close()
        self._loop.call_later(LINGER, self._transport.abort)

    def abort(self) -> None:
        self._ending = True
        self._transport.abort()


class Server:
    """All listeners and connections. Events are sent in the name of `brick`."""

    def __init__(self, brick: RyuApp) -> None:
        self.brick = brick
        self.connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._paths: list[str] = []

    async def listen(self, address: Address, context: ssl.SSLContext | None = None) -> Address:
        """Listen; the address with the port that was chosen if it said 0. Raises OSError."""
        sock = _listening(address)
        if address.kind == "unix":
            self._paths.append(address.path)
        else:
            address = address._replace(port=sock.getsockname()[1])
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), sock=sock, ssl=context, backlog=BACKLOG)
        self._servers.append(server)
        return address

    def close(self) -> None:
        """Stop listening and drop all connections, at once."""
        for server in self._servers:
            server.close()
        for connection in tuple(self.connections):
            connection.abort()
        for path in self._paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _listening(address: Address) -> socket.socket:
    family = socket.AF_UNIX if address.kind == "unix" else socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if address.kind == "unix":
            _remove_stale(address.path)
            sock.bind(address.path)
            os.chmod(address.path, 0o660)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address.host, address.port))
    except OSError:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    """Remove a socket file that a dead process left; any other file, or a living listener, makes bind fail."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except BlockingIOError:
            return  # its backlog is full: somebody listens
