"""Where channels go, as users write it: `tcp:HOST:PORT`, `ptcp:PORT:HOST` and so on, as for Open vSwitch."""

from __future__ import annotations

import re
from typing import NamedTuple

OPENFLOW_PORT = 6653  # IANA
_ACTIVE = re.compile(r"(tcp|tls|ssl):(\[[^\]]+\]|[^:\[\]]+)(?::(\d+))?")
_PASSIVE = re.compile(r"p(tcp|tls|ssl):(\d+)?(?::(\[[^\]]+\]|[^:\[\]]+))?")
_UNIX = re.compile(r"(p?)unix:(.+)", re.DOTALL)
_LONGEST_PATH = 107  # sun_path, unix(7)

ACTIVE_FORMS = "tcp:HOST:PORT, tls:HOST:PORT or unix:PATH"
PASSIVE_FORMS = "ptcp:PORT[:HOST], ptls:PORT[:HOST] or punix:PATH"


class Address(NamedTuple):
    """`kind`: tcp, tls or unix; of a unix one only `path` counts, of the others `host` and `port`."""

    kind: str
    passive: bool
    host: str = ""  # passive: empty for every IPv4 address
    port: int = OPENFLOW_PORT
    path: str = ""

    def __str__(self) -> str:
        prefix = "p" * self.passive + self.kind
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.kind == "unix":
            return f"{prefix}:{self.path}"
        if self.passive:
            return f"{prefix}:{self.port}" + f":{host}" * bool(host)
        return f"{prefix}:{host}:{self.port}"


def parse_active(text: str) -> Address:
    """A controller to connect to. Raises ValueError, a line for the user."""
    if unix := _UNIX.fullmatch(text):
        if not unix[1]:
            return Address("unix", False, path=_path(text, unix[2]))
    elif found := _ACTIVE.fullmatch(text):
        return Address(_kind(found[1]), False, found[2].strip("[]"), _port(text, found[3]))
    raise ValueError(f"controller {text!r}: must be {ACTIVE_FORMS}")


def parse_passive(text: str) -> Address:
    """An address to listen on. Raises ValueError, a line for the user."""
    if unix := _UNIX.fullmatch(text):
        if unix[1]:
            return Address("unix", True, path=_path(text, unix[2]))
    elif found := _PASSIVE.fullmatch(text):
        return Address(_kind(found[1]), True, (found[3] or "").strip("[]"), _port(text, found[2]))
    raise ValueError(f"listener {text!r}: must be {PASSIVE_FORMS}")


def _kind(name: str) -> str:
    return "tls" if name == "ssl" else name  # ssl: Open vSwitch's name for it


def _port(text: str, digits: str | None) -> int:
    port = OPENFLOW_PORT if digits is None else int(digits)
    if port > 0xFFFF:
        raise ValueError(f"{text!r}: port {port} is above 65535")
    return port


def _path(text: str, path: str) -> str:
    if len(path.encode()) > _LONGEST_PATH:
        raise ValueError(f"{text!r}: a Unix socket's path has at most {_LONGEST_PATH} bytes")
    return path
