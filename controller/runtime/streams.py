"""Stream sockets of the hub: `listen`, `connect`, a server that gives each client a thread, and a client that retries.

A slow client holds up nobody: also its TLS handshake is done in its own thread, within `HANDSHAKE_SECONDS`.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from triplane.controller.runtime.turns import in_turn
from triplane.controller.runtime.waiting import current

HANDSHAKE_SECONDS = 10.0
log = logging.getLogger(__name__)


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def listen(
    addr: Any, family: int = socket.AF_INET, backlog: int = 50, reuse_addr: bool = True, reuse_port: bool = False
) -> socket.socket:
    """A listening socket. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuse_addr and family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(addr)
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def connect(addr: Any, family: int = socket.AF_INET, bind: Any = None) -> socket.socket:
    """A connected socket. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if bind is not None:
            sock.bind(bind)
        sock.connect(addr)
    except OSError:
        sock.close()
        raise
    return sock


def context_of(options: dict[str, Any], server: bool) -> ssl.SSLContext:
    """A TLS context of the arguments that `ssl.wrap_socket` took: keyfile, certfile, ca_certs, cert_reqs, ciphers."""
    context: ssl.SSLContext | None = options.get("ssl_ctx")
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.get("certfile"):
        context.load_cert_chain(options["certfile"], options.get("keyfile"))
    if options.get("ca_certs"):
        context.load_verify_locations(options["ca_certs"])
    if "cert_reqs" in options:
        context.verify_mode = options["cert_reqs"]
    if options.get("ciphers"):
        context.set_ciphers(options["ciphers"])
    return context


class StreamServer:
    """Listens at `(host, port)` or, if the host is a path, on a Unix socket; calls `handle(socket, address)`."""

    def __init__(
        self,
        listen_info: Any,
        handle: Callable[..., Any] | None = None,
        backlog: int | None = None,
        spawn: str = "default",
        **ssl_args: Any,
    ) -> None:
        host = listen_info[0]
        if os.path.isdir(os.path.dirname(host)):
            self.server = listen(host, socket.AF_UNIX, backlog or 50)
        else:
            self.server = listen(listen_info, family_of(host), backlog or 50)
        self.handle = handle
        self._context = context_of(ssl_args, server=True) if ssl_args else None

    def serve_forever(self) -> None:
        """Serve until the thread is killed or the socket is closed."""
        from triplane.controller.runtime.hub import spawn

        while self.server.fileno() >= 0:
            current().park_on(self.server.fileno(), select.POLLIN)
            client, address = self.server.accept()
            spawn(self._serve, client, address)

    def _serve(self, client: socket.socket, address: Any) -> None:
        if self._context is not None:
            client.settimeout(HANDSHAKE_SECONDS)
            try:
                with in_turn(None):
                    client = self._context.wrap_socket(client, server_side=True)
            except OSError as error:  # ssl.SSLError is one
                log.warning("TLS handshake with %s failed: %s", address, error)
                client.close()
                return
            client.settimeout(None)
        if self.handle is not None:
            self.handle(client, address)


class StreamClient:
    """Connects to `(host, port)`; `connect_loop` does so again and again."""

    def __init__(self, addr: Any, timeout: float | None = None, **ssl_args: Any) -> None:
        self.addr = addr
        self.timeout = timeout
        self.ssl_args = ssl_args
        self._is_active = True

    def connect(self) -> socket.socket | None:
        """A connected socket; None if it could not be."""
        try:
            with in_turn(None):
                client = socket.create_connection(self.addr, timeout=self.timeout)
        except OSError as error:
            log.debug("no connection to %s: %s", self.addr, error)
            return None
        if not self.ssl_args:
            return client
        try:
            with in_turn(None):
                return context_of(self.ssl_args, server=False).wrap_socket(client)
        except OSError as error:
            log.warning("TLS handshake with %s failed: %s", self.addr, error)
            client.close()
            return None

    def connect_loop(self, handle: Callable[..., Any], interval: float) -> None:
        """Call `handle(socket, address)` for each connection, one after the other, with pauses."""
        from triplane.controller.runtime.hub import sleep

        while self._is_active:
            sock = self.connect()
            if sock is not None:
                handle(sock, self.addr)
            sleep(interval)

    def stop(self) -> None:
        self._is_active = False
