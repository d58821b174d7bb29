"""Runs an agent: its controllers connected and reconnected, its listeners, its timer, the data plane's wake-ups."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from triplane.dataplane.switch.address import Address, parse_active, parse_passive
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.channel import Hub, Session
from triplane.dataplane.switch.datapath import PortInfo
from triplane.dataplane.switch.outbox import Limits
from triplane.dataplane.switch.sockets import Within, connect, here, listening
from triplane.dataplane.switch.tls import TlsOptions, client_context, server_context

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Times in seconds."""

    tls: TlsOptions = field(default_factory=TlsOptions)
    within: Within = here  # opens sockets, in another network namespace perhaps
    limits: Limits = field(default_factory=Limits)
    first_backoff: float = 1.0  # after a connection that failed; doubles with each
    last_backoff: float = 8.0
    connect_timeout: float = 5.0  # also of a TLS handshake
    tick: float = 0.25
    passive_limit: int = 64  # connections that listeners accept, together


class Service:
    """`start`, then `port_changed` as ports change, then `stop`. Controllers and listeners as users write them.

    The loss of passive connections counts for the fail mode only if there are no controllers to connect to: a tool
    that looks at a switch in passing must not take it out of standalone.
    """

    def __init__(
        self,
        agent: Agent,
        controllers: Sequence[str],
        listeners: Sequence[str],
        options: ServiceOptions | None = None,
        packet_in_fd: int | None = None,
    ) -> None:
        """Raises ValueError, a line for the user. `packet_in_fd`: an eventfd that says that packet-ins wait."""
        self.agent = agent
        self.options = options or ServiceOptions()
        self.controllers = [parse_active(text) for text in controllers]
        self.listeners = [parse_passive(text) for text in listeners]
        self.hub = Hub(agent, self.options.limits, self.options.passive_limit)
        self._packet_in_fd = packet_in_fd
        self._contexts = self._tls_contexts()
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.failed: asyncio.Future[None] | None = None  # has the exception of a task that ended, which none should

    def _tls_contexts(self) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
        active = any(address.kind == "tls" for address in self.controllers)
        passive = any(address.kind == "tls" for address in self.listeners)
        return (
            client_context(self.options.tls) if active else None,
            server_context(self.options.tls) if passive else None,
        )

    async def start(self) -> list[Address]:
        """Listen and begin to connect; returns where it listens. Raises OSError with the address in it."""
        bound = [await self._listen(address) for address in self.listeners]
        self.failed = asyncio.get_running_loop().create_future()
        for work in (self._tick(), *(self._keep_connected(address) for address in self.controllers)):
            task = asyncio.create_task(work)
            task.add_done_callback(self._note_end)
            self._tasks.append(task)
        if self._packet_in_fd is not None:
            asyncio.get_running_loop().add_reader(self._packet_in_fd, self._wake)
        return bound

    async def stop(self) -> None:
        """End all connections and listeners, and remove Unix sockets."""
        if self._packet_in_fd is not None:
            asyncio.get_running_loop().remove_reader(self._packet_in_fd)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            server.close()
        for address in self.listeners[: len(self._servers)]:
            if address.kind == "unix":
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(address.path)
        await self.hub.close()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self.failed is not None and not self.failed.done():
            self.failed.set_exception(error)

    def port_changed(self, reason: int, info: PortInfo) -> None:
        """Tell the controllers of a port added, deleted or modified (OFPPR_*)."""
        self.agent.port_changed(reason, info)
        self.hub.flush()

    # time and packets

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.options.tick)
            self.agent.tick(self.hub.clock())
            self._pull()

    def _wake(self) -> None:
        if self._packet_in_fd is not None:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._packet_in_fd)
        self._pull()

    def _pull(self) -> None:
        """Take a share of the waiting packet-ins, and the rest in the loop's next turn."""
        more = self.agent.poll_packet_ins(self.hub.clock())
        self.hub.flush()
        if more:
            asyncio.get_running_loop().call_soon(self._pull)

    # connections

    async def _keep_connected(self, address: Address) -> None:
        """Connect, and again whenever the connection is lost; waits longer after each failure."""
        backoff = self.options.first_backoff
        while True:
            established = await self._one_connection(address)
            backoff = self.options.first_backoff if established else backoff
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, self.options.last_backoff)

    async def _one_connection(self, address: Address) -> bool:
        """Connect and wait for the end; whether a controller had agreed on the version."""
        try:
            async with asyncio.timeout(self.options.connect_timeout):
                session = await self._connect(address)
        except OSError as error:  # TimeoutError and ssl.SSLError are among them
            log.warning("%s: cannot connect: %s", address, error or "no answer")
            return False
        await session.closed.wait()
        return session.conn.established

    async def _connect(self, address: Address) -> Session:
        sock = await connect(address, self.options.within)
        tls = address.kind == "tls"
        _, session = await asyncio.get_running_loop().create_connection(
            lambda: Session(self.hub, str(address), governs=True),
            sock=sock,
            ssl=self._contexts[0] if tls else None,
            server_hostname=address.host if tls else None,
        )
        return session

    async def _listen(self, address: Address) -> Address:
        try:
            sock = listening(address, self.options.within)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from error
        if address.kind != "unix":
            address = address._replace(port=sock.getsockname()[1])
        governs = not self.controllers
        tls = address.kind == "tls"
        server = await asyncio.get_running_loop().create_server(
            lambda: Session(self.hub, str(address), governs, passive=True),
            sock=sock,
            ssl=self._contexts[1] if tls else None,
            ssl_handshake_timeout=self.options.connect_timeout if tls else None,
        )
        self._servers.append(server)
        return address


async def serve(service: Service, stop: asyncio.Event, ready: Callable[[list[Address]], None]) -> None:
    """Run `service` until `stop` is set; `ready` hears where it listens. Raises what ends it otherwise."""
    try:
        ready(await service.start())
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait({waiting, service.failed or waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if service.failed is not None and service.failed.done():
            service.failed.result()
    finally:
        await service.stop()
