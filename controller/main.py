"""`triplane controller`: apps, listeners, and a loop until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from triplane.controller import address, compat
from triplane.controller.runtime import ofp_event, openflow
from triplane.controller.runtime.app import SERVICE_BRICKS
from triplane.controller.runtime.loop import LOOP
from triplane.controller.runtime.manager import AppError, AppManager
from triplane.controller.server import Server, TlsFiles, tls_context

CANNOT_START = 1
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run(
    apps: list[str],
    listen: list[str],
    rest: str | None = None,
    verbose: bool = False,
    *,
    private_key: Path | None = None,
    certificate: Path | None = None,
    ca_cert: Path | None = None,
    connect: Sequence[str] = (),
) -> int:
    """Run apps until SIGTERM or SIGINT; the result is the exit status.

    `apps` are files or module names, `listen` addresses for switches, `connect` those of switches that listen. One
    line `ready ...` on stdout says that it serves; one line on stderr says why it cannot start.
    """
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format=LOG_FORMAT)
    try:
        if rest is not None:
            raise AppError("--rest: this version has no REST API; leave the option out")
        listening = [address.parse(text) for text in listen]
        connecting = [address.parse(text, "--connect") for text in connect]
        manager = load(apps)
        try:
            return serve(manager, listening, connecting, TlsFiles(private_key, certificate, ca_cert))
        finally:
            manager.close()
    except (AppError, ValueError, OSError) as error:
        print(f"triplane controller: {error}", file=sys.stderr)
        return CANNOT_START


def load(apps: list[str]) -> AppManager:
    """Load and make the apps, with `ryu` answered by us. Raises AppError."""
    compat.install()
    manager = AppManager.get_instance()
    manager.load_apps([*apps, openflow.__name__])
    manager.instantiate_apps(**manager.create_contexts())
    if manager.failed and len(manager.failed) >= len(manager.applications_cls) - 1:
        module, error = next(iter(manager.failed.items()))
        raise AppError(f"app {module}: {type(error).__name__}: {error}")
    return manager


def serve(manager: AppManager, listen: list[address.Address], connect: list[address.Address], tls: TlsFiles) -> int:
    """Listen, connect, and run until a signal to end. Raises OSError or ValueError if it cannot."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = Server(SERVICE_BRICKS[ofp_event.NAME])
    LOOP.start()
    try:
        bound = [_listen(server, wanted, tls) for wanted in listen]
        for wanted in connect:
            server.connect(wanted, tls_context(tls, server_side=False) if wanted.kind == "tls" else None)
        print("ready", *(f"listen={there}" for there in bound), flush=True)
        stop.wait()
    finally:
        server.close()
        LOOP.stop()
    return 0


def _listen(server: Server, wanted: address.Address, tls: TlsFiles) -> address.Address:
    context = tls_context(tls) if wanted.kind == "tls" else None
    try:
        return server.listen(wanted, context)
    except OSError as error:
        raise OSError(f"cannot listen on {wanted}: {error.strerror or error}") from error
