"""A switch's connection: the driver of a `Session`, and the `Channel` that its datapath sends through.

Any thread may send: it queues bytes and has the loop flush them. All the rest is the loop's leader's. With TLS the
bytes go through a `Tls` on their way, which has no I/O either.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.loop import LOOP, Mortal
from triplane.controller.runtime.session import Session

log = logging.getLogger(__name__)

READ_SIZE = 1 << 14  # bytes at a time, some 140 packet-ins
FEW = 32  # packet-ins that wait: below that more are read. Of 16 switches what waits is in the processor's cache then
RECEIVE_BUFFER = 1 << 18  # bytes that the kernel may hold: what stands behind them must come through a flood
WRITE_SIZE = 1 << 18
SEND_LIMIT = 32 << 20  # bytes that may wait for a switch that does not read; then it is disconnected
LINGER = 1.0  # s in which a closed connection may still write
RARELY = 0.05  # s between two looks at a connection of which more packet-ins wait, at what stands behind them


class Tls:
    """Turns bytes of the wire to those of the session, and back. Raises ssl.SSLError when the peer breaks TLS."""

    def __init__(self, context: ssl.SSLContext, server_side: bool) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_side=server_side)
        self._waiting = b""  # for the handshake
        self.done = False  # with the handshake
        self.step()

    def step(self) -> None:
        """Go on with the handshake."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.done = True
        if self._waiting:
            self._object.write(self._waiting)
            self._waiting = b""

    def received(self, data: bytes) -> bytes:
        """What the peer said. Raises EOFError when it said that it is done."""
        self._in.write(data)
        if not self.done:
            self.step()
        found = []
        while self.done:
            try:
                part = self._object.read(READ_SIZE)
            except ssl.SSLWantReadError:
                break
            if not part:
                raise EOFError
            found.append(part)
        return b"".join(found)

    def sent(self, data: bytes) -> bytes:
        """What goes over the wire, with what TLS itself has to say."""
        if not self.done:
            self._waiting += data
        elif data:
            self._object.write(data)
        return self._out.read()


class Connection(Mortal):
    """Of `sock`, which is connected. `gone` is called once, when it is closed."""

    def __init__(
        self,
        sock: socket.socket,
        peer: Any,
        brick: RyuApp,
        gone: Callable[[Connection], None],
        tls: Tls | None = None,
    ) -> None:
        self._sock = sock
        self._fd = sock.fileno()
        self._gone = gone
        self._tls = tls
        self._queue: deque[bytes] = deque()
        self._queued = 0  # bytes in it, about: threads that send at the same time may disagree
        self._dirty = False  # the loop is to flush it
        self._rest = b""  # what the socket did not take
        self._ending = False  # nothing is queued any more
        self._closed = False
        self._look_again = 0.0  # when to read although more than a few packet-ins wait
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.session = Session(self, peer, brick, LOOP.now, LOOP.backlog)
        self._timer = LOOP.call_at(LOOP.now, self._tick)
        LOOP.watch(self._fd, self._ready)
        try:
            self.session.connected()
        except Exception:
            self._close_now()  # nobody has it yet who could
            raise

    # the socket's side

    def _ready(self, events: int) -> None:
        if events == select.EPOLLIN:
            self._read()
            return
        if events & select.EPOLLOUT:
            rest, self._rest = self._rest, b""
            self._rewatch()
            self._transmit(rest)
            self.flush()
        if events & ~select.EPOLLOUT and not self._closed:
            self._read()

    def _read(self) -> None:
        """Read, unless there is enough to serve: then TCP pushes the switch back.

        The loop is told again in its next turn, which is soon, since packet-ins wait.
        """
        session, now = self.session, LOOP.now
        if len(session.packet_ins) > FEW and now < self._look_again:
            return
        self._look_again = now + RARELY
        try:
            data = self._sock.recv(READ_SIZE)
            if not data:
                self._close_now()
                return
            if self._tls is not None:
                data = self._decrypt(data)
        except BlockingIOError:
            return
        except (ssl.SSLError, EOFError, OSError) as error:
            self._lost(error)
            return
        if data:
            session.received(data, now, LOOP.alone)

    def _decrypt(self, data: bytes) -> bytes:
        assert self._tls is not None
        plain = self._tls.received(data)
        answer = self._tls.sent(b"")
        if answer:
            self._transmit(answer)
        return plain

    def _rewatch(self) -> None:
        if not self._closed:
            LOOP.rewatch(self._fd, select.EPOLLIN | (select.EPOLLOUT if self._rest else 0))

    def _tick(self) -> None:
        next_time = self.session.tick(LOOP.now)
        if not self._ending:
            self._timer = LOOP.call_at(next_time, self._tick)

    # the datapath's side

    def send(self, data: bytes) -> bool:
        """Queue bytes; from any thread."""
        if self._ending:
            return False
        self._queue.append(data)
        self._queued += len(data)
        if not self._dirty:  # else a flush is still to come, and finds it
            self._dirty = True
            LOOP.dirty.append(self)
            if LOOP.asleep:
                LOOP.wake()
        if self._queued > SEND_LIMIT:
            self._ending = True
            LOOP.call_soon(self._give_up)
        return True

    def flush(self) -> None:
        """Write what is queued, as far as the socket takes it: the loop's call."""
        self._dirty = False  # before the queue is looked at: who sends from here on says so again
        queue = self._queue
        while queue and not self._rest and not self._closed:
            parts, size = [], 0
            while queue and size < WRITE_SIZE:
                part = queue.popleft()
                parts.append(part)
                size += len(part)
            self._queued = self._queued - size if queue else 0
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            self._transmit(data if self._tls is None else self._tls.sent(data))

    def _transmit(self, data: bytes) -> None:
        """Send, or keep what the socket does not take. Only TLS's own words come while something is kept."""
        try:
            sent = 0 if self._rest or not data else self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(error)
            return
        if sent < len(data):
            self._rest += data[sent:]
            self._rewatch()
        elif self._ending and not self._queue:
            self._shut()

    def _give_up(self) -> None:
        log.warning("%r does not read, disconnecting", self.session.datapath)
        self._close_now()

    # the end

    def close(self) -> None:
        """Disconnect after what is queued; from any thread."""
        LOOP.call_soon(self._close)

    def _close(self) -> None:
        """Send what is queued, and tell the switch that no more comes; it has LINGER to disconnect."""
        if self._ending:
            return
        self._ending = True
        self.flush()
        if not self._rest:
            self._shut()
        LOOP.call_at(LOOP.now + LINGER, self._close_now)

    def _shut(self) -> None:
        if self._closed:
            return
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        if not self._closed:
            log.info("%r: connection lost: %s", self.session.datapath, error or "closed by the switch")
            self._close_now()

    def _close_now(self) -> None:
        if self._closed:
            return
        self._closed = self._ending = True
        self._timer.cancel()
        LOOP.unwatch(self._fd)
        self._sock.close()
        try:
            self.session.disconnected()
        finally:
            self._gone(self)

    abort = _close_now

    def fail(self) -> None:
        """An error of the controller's own came up here: see the loop's `Mortal`."""
        self._close_now()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the switch to read."""
        return self._queued + len(self._rest)

    def __repr__(self) -> str:
        return repr(self.session.datapath)
