"""Sockets of the channels. Each is opened through `within`, which may enter another network namespace for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable
from functools import partial
from typing import Any

from triplane.dataplane.switch.address import Address

Within = Callable[[Callable[[], socket.socket]], socket.socket]  # runs the call in the namespace of the channels
BACKLOG = 16


def here(call: Callable[[], socket.socket]) -> socket.socket:
    """The `Within` of this process's own namespace."""
    return call()


def keepalive(sock: socket.socket) -> None:
    """Let the kernel notice a dead peer too. TCP_NODELAY is asyncio's default."""
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


async def connect(address: Address, within: Within) -> socket.socket:
    """A connected socket. Raises OSError, the last one of several addresses."""
    failure: OSError | None = None
    for family, target in await _targets(address):
        sock = within(partial(socket.socket, family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        try:
            await asyncio.get_running_loop().sock_connect(sock, target)
        except OSError as error:
            sock.close()
            failure = error
        except asyncio.CancelledError:
            sock.close()
            raise
        else:
            keepalive(sock)
            return sock
    raise failure or OSError(f"{address}: no address")


async def _targets(address: Address) -> list[tuple[int, tuple[Any, ...] | str]]:
    if address.kind == "unix":
        return [(socket.AF_UNIX, address.path)]
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [(family, target) for family, _, _, _, target in found]


def listening(address: Address, within: Within) -> socket.socket:
    """A listening socket. Raises OSError."""
    return within(lambda: _listening(address))


def _listening(address: Address) -> socket.socket:
    family = socket.AF_UNIX if address.kind == "unix" else socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if address.kind == "unix":
            bind_unix(sock, address.path)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address.host, address.port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def bind_unix(sock: socket.socket, path: str) -> None:
    """Bind, taking the place of a socket that a dead process left behind; only its owner and group may connect."""
    remove_stale(path)
    sock.bind(path)
    os.chmod(path, 0o660)


def remove_stale(path: str) -> None:
    """Remove a socket file that nobody listens on; another file, or a living listener, makes bind fail instead."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
            except BlockingIOError:
                return  # its backlog is full: somebody listens
