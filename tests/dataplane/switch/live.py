"""A service on real sockets over the double, and controllers that speak to it, for the channel's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from os_ken.ofproto import ofproto_v1_3 as ofp

from tests.dataplane.switch.double import Double
from tests.dataplane.switch.peer import HELLO, raw, switch
from triplane.dataplane.switch.address import Address
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.service import Service, ServiceOptions
from triplane.dataplane.switch.state import AgentConfig

QUICK = ServiceOptions(first_backoff=0.05, last_backoff=0.2, tick=0.02, connect_timeout=2.0)
PATIENCE = 60.0


@dataclass
class Live:
    agent: Agent
    datapath: Double
    service: Service
    bound: list[Address]


@asynccontextmanager
async def live(
    controllers: list[str] | None = None,
    listeners: list[str] | None = None,
    options: ServiceOptions = QUICK,
    config: AgentConfig | None = None,
    packet_in_fd: int | None = None,
) -> AsyncIterator[Live]:
    agent, datapath = switch(config)
    service = Service(agent, controllers or [], listeners or [], options, packet_in_fd)
    try:
        yield Live(agent, datapath, service, await service.start())
    finally:
        await service.stop()
    assert not service.hub.sessions
    assert not agent.switch.connections


@dataclass
class Controller:
    """Accepts switches; each becomes a pair of streams in `arrived`."""

    address: str = ""
    server: asyncio.Server | None = None
    arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=asyncio.Queue)

    async def accept(self) -> Link:
        reader, writer = await within(self.arrived.get())
        return Link(reader, writer)

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()


async def controller(
    kind: str = "tcp", path: str = "", port: int = 0, ssl: Any = None, host: str = "127.0.0.1"
) -> Controller:
    made = Controller()

    async def arrive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.arrived.put((reader, writer))

    if kind == "unix":
        made.server = await asyncio.start_unix_server(arrive, path)
        made.address = f"unix:{path}"
    else:
        made.server = await asyncio.start_server(arrive, host, port, ssl=ssl)
        made.address = f"{kind}:{host}:{made.server.sockets[0].getsockname()[1]}"
    return made


@dataclass
class Link:
    """A controller's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def receive(self) -> bytes:
        head = await within(self.reader.readexactly(8))
        return head + await within(self.reader.readexactly(int.from_bytes(head[2:4], "big") - 8))

    async def greet(self) -> None:
        self.writer.write(HELLO)
        assert (await self.receive())[1] == ofp.OFPT_HELLO

    async def ask(self, request: bytes) -> bytes:
        self.writer.write(request)
        return await self.receive()

    async def alive(self) -> bool:
        return await self.ask(raw(ofp.OFPT_BARRIER_REQUEST)) == raw(ofp.OFPT_BARRIER_REPLY)

    async def ended(self) -> bool:
        """Whether the switch has ended the connection; what it still said is passed over."""
        with suppress(ConnectionError):
            await within(self.reader.read(-1))
        return True


async def dial(address: Address, ssl: Any = None) -> Link:
    if address.kind == "unix":
        return Link(*await asyncio.open_unix_connection(address.path))
    name = address.host if ssl else None
    return Link(*await asyncio.open_connection(address.host, address.port, ssl=ssl, server_hostname=name))


async def within(work: Any) -> Any:
    """Wait for it, and not for ever."""
    return await asyncio.wait_for(work, PATIENCE)


async def until(condition: Any) -> None:
    """Wait for a condition to become true."""

    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    await within(poll())
