"""Moves the bytes between sockets and the agent, with asyncio. Nothing of OpenFlow is decided here.

A `Hub` is all channels of one agent. After every call of the agent it is `flush`ed: each session writes what its
connection has while its transport takes it, and reads only while the agent wants more from it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.connection import Connection
from triplane.dataplane.switch.outbox import Limits

log = logging.getLogger(__name__)

READ_SIZE = 1 << 18  # bytes: thousands of pipelined flow-mods are applied by one call
WRITE_HIGH = 1 << 18  # bytes in a transport before its session stops writing
WRITES_PER_TURN = 4  # then the other connections have theirs
LINGER = 2.0  # s in which a closed connection may still write its last messages


class Hub:
    """The sessions of one agent, and the clock (ns)."""

    def __init__(self, agent: Agent, limits: Limits | None = None, passive_limit: int = 64) -> None:
        self.agent = agent
        self.clock: Callable[[], int] = time.monotonic_ns
        self.limits = limits
        self.passive_limit = passive_limit
        self.sessions: set[Session] = set()
        self.buffer = bytearray(READ_SIZE)  # shared: what is read is handed on before the next read
        self._scheduled = False
        self._alarm: asyncio.TimerHandle | None = None

    def flush(self) -> None:
        """Write what waits, a fair share of each, and the rest in the loop's next turn."""
        self._set_alarm()
        for session in tuple(self.sessions):
            session.flush()
        if not self._scheduled and any(session.pending for session in self.sessions):
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._again)

    def _set_alarm(self) -> None:
        """Ring the agent at the time that it asks for."""
        wait = self.agent.alarm(self.clock())
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if wait is not None:
            self._alarm = asyncio.get_running_loop().call_later(wait / 1e9, self._ring)

    def _ring(self) -> None:
        self.agent.ring(self.clock())
        self.flush()

    def crowded(self) -> bool:
        """No further connection may be accepted."""
        return sum(session.passive for session in self.sessions) >= self.passive_limit

    def _again(self) -> None:
        self._scheduled = False
        self.flush()

    async def close(self) -> None:
        """End all sessions, at once."""
        if self._alarm is not None:
            self._alarm.cancel()
        sessions = tuple(self.sessions)
        for session in sessions:
            session.abort()
        await asyncio.gather(*(session.closed.wait() for session in sessions))


def peer_of(transport: asyncio.BaseTransport) -> str:
    """` from 10.0.0.1:4711`; nothing for a Unix socket, whose peers have no names."""
    peer = transport.get_extra_info("peername")
    return f" from {peer[0]}:{peer[1]}" if isinstance(peer, tuple) else ""


class Session(asyncio.BufferedProtocol):
    """One connection: a transport on one side, the agent's `Connection` on the other."""

    def __init__(self, hub: Hub, name: str, governs: bool, passive: bool = False) -> None:
        self.hub = hub
        self.passive = passive
        self.conn = Connection(name, hub.limits, governs)
        self.closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._writable = True
        self._reading = True
        self._ending = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self.passive:
            self.conn.name += peer_of(transport)
            if self.hub.crowded():
                log.warning("%s: refused, there are %d connections", self.conn.name, self.hub.passive_limit)
                self.abort()
                return
        self._transport.set_write_buffer_limits(high=WRITE_HIGH)
        self._log("connected")
        self.hub.sessions.add(self)
        self.hub.agent.connected(self.conn, self.hub.clock())
        self.hub.flush()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.hub.buffer

    def buffer_updated(self, nbytes: int) -> None:
        with memoryview(self.hub.buffer) as view:
            data = bytes(view[:nbytes])
        self.hub.agent.received(self.conn, data, self.hub.clock())
        self.hub.flush()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self.hub.agent.drained(self.conn, self.hub.clock())
        self.hub.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ending = True
        self.closed.set()
        if self in self.hub.sessions:
            reason = self.conn.closing or (str(exc) if exc else "closed by the peer")
            self._log(f"disconnected: {reason}")
            self.hub.sessions.remove(self)
            self.hub.agent.disconnected(self.conn, self.hub.clock())
            self.hub.flush()

    def _log(self, what: str) -> None:
        """Passive connections come and go with every look of a tool."""
        log.log(logging.DEBUG if self.passive else logging.INFO, "%s: %s", self.conn.name, what)

    # the hub's side

    @property
    def pending(self) -> bool:
        """Another `flush` would do something."""
        return not self._ending and (self.conn.ready or (self._writable and bool(self.conn.outbox)))

    def flush(self) -> None:
        """Write what the transport takes; read or not as the agent wants; end what the agent has closed."""
        if self._transport is None or self._ending:
            return
        self.hub.agent.resume(self.conn, self.hub.clock())
        self._write(self._transport)
        self._follow_reading(self._transport)
        if self.conn.aborting:
            self.abort()
        elif self.conn.closing and not self.conn.outbox:
            self._end(self._transport)

    def _write(self, transport: asyncio.Transport) -> None:
        for _ in range(WRITES_PER_TURN):
            data = self.hub.agent.outgoing(self.conn, self.hub.clock()) if self._writable else b""
            if not data:
                return
            transport.write(data)

    def _follow_reading(self, transport: asyncio.Transport) -> None:
        if self.conn.wants_data != self._reading:
            self._reading = self.conn.wants_data
            (transport.resume_reading if self._reading else transport.pause_reading)()

    def _end(self, transport: asyncio.Transport) -> None:
        """Close once the last messages are written; a peer that does not read them is not waited for long."""
        self._ending = True
        transport.close()
        asyncio.get_running_loop().call_later(LINGER, transport.abort)

    def abort(self) -> None:
        self._ending = True
        if self._transport is not None:
            self._transport.abort()
