"""The controller's management socket, DIR/controller.sock: what `triplane show controller` asks, one line each way.

    {"show": "controller", "args": {}}  ->  {"ok": true, "result": ...}  or  {"ok": false, "error": "..."}

It is served by threads of its own, so that it answers while the loop or an app is stuck.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from triplane.controller import address
from triplane.controller.server import listening

log = logging.getLogger(__name__)

SOCKET_NAME = "controller.sock"
LONGEST_REQUEST = 1 << 16  # bytes
MOST_CLIENTS = 16
PATIENCE = 10.0  # s that a client may be silent, or not read


def answer(line: bytes, snapshot: Callable[[], Any]) -> bytes:
    """The reply to one request. Never raises for what a client may send."""
    try:
        _check(line)
    except (ValueError, RecursionError) as error:  # JSON and Unicode errors are ValueErrors
        return _line({"ok": False, "error": str(error)})
    return _line({"ok": True, "result": snapshot()})


def _check(line: bytes) -> None:
    if len(line) > LONGEST_REQUEST:
        raise ValueError(f"request longer than {LONGEST_REQUEST} bytes")
    try:
        request = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("show"), str):
        raise ValueError('a request is an object such as {"show": "controller"}')
    if request["show"] != "controller":
        raise ValueError(f"cannot show {request['show']!r}: a controller shows `controller`, a dataplane the rest")


def _line(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply, separators=(",", ":")).encode() + b"\n"


class StatusSocket:
    """`open` listens and serves, `close` ends it and removes the socket's file."""

    def __init__(self, run_dir: Path, snapshot: Callable[[], Any]) -> None:
        self.path = run_dir / SOCKET_NAME
        self._snapshot = snapshot
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)

    def open(self) -> None:
        """Raises OSError or ValueError, a line for the user, if it cannot."""
        where = address.parse(f"unix:{self.path}", "--run-dir")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._sock = listening(where)
        except OSError as error:
            raise OSError(f"cannot listen on {self.path}: {error.strerror or error}") from error
        threading.Thread(target=self._accept, name="triplane status", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._sock.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._sock.accept()
            except OSError:  # closed
                return
            if not self._places.acquire(blocking=False):
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), name="triplane status", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rb") as reader:
                client.settimeout(PATIENCE)
                while line := reader.readline(LONGEST_REQUEST + 1):
                    client.sendall(answer(line, self._snapshot))
        except OSError as error:  # a client that went away, or is silent
            log.debug("%s: %s", self.path, error)
        finally:
            self._places.release()
