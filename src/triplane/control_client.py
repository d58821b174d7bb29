"""Asks a running dataplane or controller: one JSON line each way over its Unix socket, `DIR/dataplane.sock`.

{"show": "flows", "args": {}}  ->  {"ok": true, "result": ...}  or  {"ok": false, "error": "..."}
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from triplane.nodes.options import StartError

SECONDS = 10.0


class AskError(StartError):
    """No answer, or a refusal, in one line."""


def socket_path(run_dir: Path, plane: str = "dataplane") -> Path:
    """The socket in `run_dir`; where that has none but one subfolder has (a lab's switch), the one there.

    A lab's controller is in the folder above those of its switches.
    """
    name = f"{plane}.sock"
    if not (run_dir / name).exists():
        below = sorted(run_dir.glob(f"*/{name}"))
        if len(below) == 1:
            return below[0]
        if below:
            raise AskError(
                f"several {plane}s below {run_dir}: choose with --run-dir {' | '.join(map(str, folders(below)))}"
            )
        if plane == "controller" and (run_dir.parent / name).exists():
            return run_dir.parent / name
    return run_dir / name


def folders(sockets: list[Path]) -> list[Path]:
    return [path.parent for path in sockets]


def exchange(path: Path, request: dict[str, Any]) -> bytes:
    """Send one line, read up to the end of the reply's line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(SECONDS)
        channel.connect(str(path))
        channel.sendall(json.dumps(request).encode() + b"\n")
        received = bytearray()
        while not received.endswith(b"\n") and (chunk := channel.recv(1 << 16)):
            received += chunk
    return bytes(received)


def ask(run_dir: Path, what: str, arguments: dict[str, Any] | None = None, plane: str = "dataplane") -> Any:
    """The result; AskError when there is none or the plane refuses."""
    path = socket_path(run_dir, plane)
    try:
        line = exchange(path, {"show": what, "args": arguments or {}})
    except (FileNotFoundError, ConnectionRefusedError):
        raise AskError(f"no {plane} answers at {path}: is one running with --run-dir {path.parent}?") from None
    except TimeoutError:
        raise AskError(f"{path}: no answer in {SECONDS:.0f} s") from None
    except OSError as error:
        raise AskError(f"{path}: {error.strerror or error}") from None
    if not line.endswith(b"\n"):
        raise AskError(f"{path}: the {plane} closed the connection")
    reply: dict[str, Any] = json.loads(line)
    if not reply["ok"]:
        raise AskError(reply["error"])
    return reply["result"]
