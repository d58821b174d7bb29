"""The management socket, DIR/dataplane.sock: one JSON request a line, one JSON reply a line.

    {"show": "flows", "args": {...}}  ->  {"ok": true, "result": ...}  or  {"ok": false, "error": "..."}

What can be shown is a dict of callables that the composition passes in. They run in the control thread. A
provider raises ValueError for arguments that make no sense; its text is the error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from triplane.dataplane.switch.address import parse_passive
from triplane.dataplane.switch.sockets import here, listening

log = logging.getLogger(__name__)

Provider = Callable[[Mapping[str, Any]], Any]  # the request's arguments to anything that JSON can say
SOCKET_NAME = "dataplane.sock"
LONGEST_REQUEST = 1 << 16  # bytes
MOST_CLIENTS = 16
PATIENCE = 60.0  # s that a client may be silent, or not read


class ControlSocket:
    """`start` listens, `stop` ends it and removes the socket's file."""

    def __init__(self, run_dir: Path, providers: Mapping[str, Provider]) -> None:
        self.path = run_dir / SOCKET_NAME
        self.providers = dict(providers)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises OSError or ValueError with the path in it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            sock = listening(parse_passive(f"punix:{self.path}"), here)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {self.path}: {error.strerror}") from error
        self._server = await asyncio.start_unix_server(self._accept, sock=sock, limit=LONGEST_REQUEST)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        self._clients.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError) as error:  # a client that went away, or is silent (TimeoutError)
            log.debug("%s: %s", self.path, error)
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    line = await reader.readline()
            except ValueError:  # longer than the reader's limit
                await self._send(writer, failure(f"request longer than {LONGEST_REQUEST} bytes"))
                return
            if not line:
                return
            await self._send(writer, self.answer(line))

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, reply: dict[str, Any]) -> None:
        writer.write(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            await writer.drain()

    def answer(self, line: bytes) -> dict[str, Any]:
        """The reply to one request. Never raises for what a client may send."""
        try:
            provider, arguments = self._read(line)
            return {"ok": True, "result": provider(arguments)}
        except (ValueError, RecursionError) as error:  # JSON and Unicode errors are ValueErrors
            return failure(str(error))

    def _read(self, line: bytes) -> tuple[Provider, Mapping[str, Any]]:
        try:
            request = json.loads(line)
        except ValueError as error:
            raise ValueError(f"not JSON: {error}") from error
        if not isinstance(request, dict) or not isinstance(request.get("show"), str):
            raise ValueError('a request is an object such as {"show": "flows"}')
        arguments = request.get("args", {})
        if not isinstance(arguments, dict):
            raise ValueError('"args" must be an object')
        if request["show"] not in self.providers:
            raise ValueError(f"cannot show {request['show']!r}: known are {', '.join(sorted(self.providers))}")
        return self.providers[request["show"]], arguments


def failure(text: str) -> dict[str, Any]:
    return {"ok": False, "error": text}
