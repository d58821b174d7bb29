"""Where the controller or a switch listens, as users write it: `tcp:HOST:PORT`, `tls:HOST:PORT`, `unix:PATH`."""

from __future__ import annotations

import re
from typing import NamedTuple

OPENFLOW_PORT = 6653  # IANA
FORMS = "tcp:HOST:PORT, tls:HOST:PORT or unix:PATH"
_NETWORK = re.compile(r"(tcp|tls|ssl):(\[[^\]]*\]|[^:\[\]]*)(?::(\d+))?")
_LAST_PORT = 0xFFFF
_LONGEST_PATH = 107  # sun_path, unix(7)


class Address(NamedTuple):
    """`kind` is tcp, tls or unix; `host` and `port` or `path` count accordingly."""

    kind: str
    host: str = ""
    port: int = OPENFLOW_PORT
    path: str = ""

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        return f"{self.kind}:{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def parse(text: str, option: str = "--listen") -> Address:
    """Raises ValueError, a line for the user."""
    kind, _, path = text.partition(":")
    if kind == "unix" and path:
        if len(path.encode()) > _LONGEST_PATH:
            raise ValueError(f"{option} {text}: a Unix socket's path has at most {_LONGEST_PATH} bytes")
        return Address("unix", path=path)
    found = _NETWORK.fullmatch(text)
    if found is None:
        raise ValueError(f"{option} {text}: must be {FORMS}")
    port = int(found[3] or OPENFLOW_PORT)
    if port > _LAST_PORT:
        raise ValueError(f"{option} {text}: a port is a number up to {_LAST_PORT}")
    return Address("tls" if found[1] == "ssl" else found[1], found[2].strip("[]"), port)
