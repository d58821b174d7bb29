"""Where switches come from: listeners, and connections that we open. Nothing of OpenFlow is decided here."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
import ssl
import stat
import threading
from collections.abc import Callable
from typing import Any

from triplane.controller.address import Address
from triplane.controller.connection import Connection, Tls
from triplane.controller.runtime.app import SERVICE_BRICKS, RyuApp
from triplane.controller.runtime.handler import CONFIG_DISPATCHER, HANDSHAKE_DISPATCHER
from triplane.controller.runtime.loop import LOOP, Mortal

log = logging.getLogger(__name__)

BACKLOG = 128
HALF_OPEN_LIMIT = 256  # connections that have not finished the handshake; the oldest has to go when there are more
ACCEPT_PAUSE = 1.0  # s, after there was no descriptor or memory for a connection
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)  # until we try again to connect to a switch; the last for ever
CLOSE_SECONDS = 0.5  # for the loop to close everything
# what each session counts, and we in all: its name for users, and in the session
COUNTED = {"messages": "messages", "packet_ins": "served", "dropped": "dropped", "malformed": "malformed"}
_HALF_OPEN = (HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER)
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener(Mortal):
    """Accepts connections for a `Server`."""

    fate = "pauses"

    def __init__(self, server: Server, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        self._server, self._sock, self._context = server, sock, context
        sock.setblocking(False)
        self.resume()

    def resume(self) -> None:
        self.failing = False
        if self._sock.fileno() >= 0:
            LOOP.watch(self._sock.fileno(), self._accept)

    def _accept(self, _: int) -> None:
        try:
            sock, peer = self._sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in _SCARCE:
                raise
            log.warning("no more connections are accepted for now: %s", error.strerror)
            self.fail()
            return
        self._server.add(sock, peer or "unix", self._context)

    def fail(self) -> None:
        """Pause."""
        LOOP.unwatch(self._sock.fileno())
        LOOP.call_at(LOOP.now + ACCEPT_PAUSE, self.resume)

    def close(self) -> None:
        LOOP.unwatch(self._sock.fileno())
        self._sock.close()

    def __repr__(self) -> str:
        return f"the listener at {self._sock.getsockname()}"


class Connector(Mortal):
    """Connects to a switch that listens, again and again when the connection is lost."""

    fate = "begins again"

    def __init__(self, server: Server, address: Address, context: ssl.SSLContext | None) -> None:
        self._server, self._address, self._context = server, address, context
        self._failures = 0
        self._sock: socket.socket | None = None
        self._closed = False
        self._try()

    def _try(self) -> None:
        self.failing = False
        if self._closed:
            return
        unix = self._address.kind == "unix"
        family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in self._address.host else socket.AF_INET
        self._sock = sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        code = sock.connect_ex(self._address.path if unix else (self._address.host, self._address.port))
        if code == errno.EINPROGRESS:
            LOOP.watch(sock.fileno(), self._decided, select.EPOLLOUT)
        else:
            self._result(code)

    def _decided(self, _: int) -> None:
        assert self._sock is not None
        LOOP.unwatch(self._sock.fileno())
        self._result(self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _result(self, code: int) -> None:
        assert self._sock is not None
        sock, self._sock = self._sock, None
        if code:
            sock.close()
            if not self._failures:  # said once, not at each attempt
                log.warning("cannot connect to the switch at %s, trying on: %s", self._address, os.strerror(code))
            self._again()
            return
        self._failures = 0
        self._server.add(sock, str(self._address), self._context, self._again)

    def _again(self) -> None:
        steps = self._server.retry_seconds or RETRY_SECONDS
        seconds = steps[min(self._failures, len(steps) - 1)]
        self._failures += 1
        LOOP.call_at(LOOP.now + seconds, self._try)

    def fail(self) -> None:
        """Try again later."""
        self._drop()
        self._again()

    def close(self) -> None:
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        if self._sock is not None:
            LOOP.unwatch(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def __repr__(self) -> str:
        return f"the connection to {self._address}"


class Server:
    """All listeners and connections. Events are sent in the name of `brick`; `retry_seconds`: see RETRY_SECONDS."""

    def __init__(self, brick: RyuApp, retry_seconds: tuple[float, ...] = ()) -> None:
        self.brick = brick
        self.retry_seconds = retry_seconds
        self.connections: dict[Connection, Callable[[], None] | None] = {}  # the oldest first; what to do at the end
        self.refused = 0  # connections that were dropped half-open
        self.addresses: list[Address] = []  # where it listens
        self.disconnected = 0  # connections that have ended
        self.past = dict.fromkeys(COUNTED, 0)  # what they counted
        self._ends: list[Listener | Connector] = []
        self._paths: list[str] = []

    def listen(self, address: Address, context: ssl.SSLContext | None = None) -> Address:
        """Listen; the address with the port that was chosen if it said 0. Raises OSError."""
        sock = listening(address)
        if address.kind == "unix":
            self._paths.append(address.path)
        else:
            address = address._replace(port=sock.getsockname()[1])
        LOOP.call_soon(lambda: self._ends.append(Listener(self, sock, context)))
        self.addresses.append(address)
        return address

    def connect(self, address: Address, context: ssl.SSLContext | None = None) -> None:
        """Connect to a switch that listens, and keep connected. Raises OSError if its name is not known."""
        if address.kind != "unix":
            try:
                (_, _, _, _, found), *_ = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            except socket.gaierror as error:
                raise OSError(f"cannot connect to {address}: {error.strerror}") from error
            address = address._replace(host=str(found[0]))
        LOOP.call_soon(lambda: self._ends.append(Connector(self, address, context)))

    def add(
        self,
        sock: socket.socket,
        peer: Any,
        context: ssl.SSLContext | None = None,
        gone: Callable[[], None] | None = None,
    ) -> None:
        """Take over a connected socket; `gone`, of one that we opened, is called when its connection has ended."""
        try:
            connection = Connection(sock, peer, self.brick, self._gone, _tls(context, server_side=gone is None))
        except OSError as error:  # it has gone already
            log.info("connection of %s lost: %s", peer, error)
            sock.close()
            if gone is not None:
                gone()
            return
        except Exception:
            sock.close()
            raise
        self.connections[connection] = gone
        half_open = [one for one in self.connections if one.session.datapath.state in _HALF_OPEN]
        if len(half_open) > HALF_OPEN_LIMIT:
            self.refused += 1
            half_open[0].abort()

    def _gone(self, connection: Connection) -> None:
        gone = self.connections.pop(connection, None)
        self.disconnected += 1
        for name, counter in COUNTED.items():
            self.past[name] += getattr(connection.session, counter)
        if gone is not None:
            gone()

    def counters(self) -> dict[str, dict[str, int]]:
        """What happened so far: of the loop, of each app, of each switch that is connected."""
        found = {"loop": {"handlers called": LOOP.calls, "handed over": LOOP.takeovers, "refused": self.refused}}
        for app in tuple(SERVICE_BRICKS.values()):
            waiting = {"waiting": len(app.events)}
            found[f"app {app.name}"] = waiting | {"dropped": app.dropped_packet_ins + app.dropped_events}
        for connection in tuple(self.connections):
            session = connection.session
            served = {"packet-ins served": session.served, "waiting": len(session.packet_ins)}
            found[repr(session.datapath)] = served | {"dropped": session.dropped, "malformed": session.malformed}
        return found

    def report(self) -> None:
        """Log the counters."""
        for name, counters in self.counters().items():
            log.info("%s: %s", name, ", ".join(f"{what} {count}" for what, count in counters.items()))

    def close(self) -> None:
        """Stop listening and drop all connections, at once."""
        done = threading.Event()
        LOOP.call_soon(self._close)
        LOOP.call_soon(done.set)
        done.wait(CLOSE_SECONDS)
        for path in self._paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _close(self) -> None:
        for end in self._ends:
            end.close()
        for connection in tuple(self.connections):
            connection.abort()


def _tls(context: ssl.SSLContext | None, server_side: bool) -> Tls | None:
    return None if context is None else Tls(context, server_side)


def listening(address: Address) -> socket.socket:
    """A socket that listens there. Raises OSError."""
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
        sock.listen(BACKLOG)
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
