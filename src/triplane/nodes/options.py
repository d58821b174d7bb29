"""What the command line says to the processes: plain data, so that reading it imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM_RUN_DIR = Path("/run/triplane")


class StartError(Exception):
    """Why a process cannot start, in one clear line: what, where, what to do about it."""


def default_run_dir() -> Path:
    """$TRIPLANE_RUN_DIR; else root's processes meet in /run/triplane, another user's in a folder of his own."""
    if chosen := os.environ.get("TRIPLANE_RUN_DIR"):
        return Path(chosen)
    if os.geteuid() == 0:
        return SYSTEM_RUN_DIR
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "triplane" if base else Path(f"/tmp/triplane-{os.getuid()}")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of an OpenFlow channel over TLS; None where the option was not given."""

    private_key: Path | None = None
    certificate: Path | None = None
    ca_cert: Path | None = None  # the peer's certificate must be signed by it


@dataclass(frozen=True, slots=True)
class DataplaneOptions:
    """The options of `triplane dataplane`, as typed; whoever opens a port or a channel reads its specification."""

    dpid: int
    ports: list[str] = field(default_factory=list)  # NAME[:KIND[,opt=val...]], numbered from 1 in this order
    controllers: list[str] = field(default_factory=list)  # tcp:H:P | tls:H:P | unix:PATH
    listeners: list[str] = field(default_factory=list)  # ptcp:PORT[:HOST]
    fail_mode: str = "secure"  # or "standalone"
    openflow: str = ""  # versions, 1.0,1.3; empty: all that there are
    table_size: int = 0  # entries that each flow table takes; 0: as many as there can be
    workers: int = 1
    netns: str | None = None  # name of the network namespace that holds the ports; None: this one
    run_dir: Path = field(default_factory=default_run_dir)
    tls: TlsFiles = field(default_factory=TlsFiles)
    verbose: bool = False
