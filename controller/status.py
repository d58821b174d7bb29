"""What a running controller is asked for by `triplane show controller`: plain data, for JSON.

It is read by a thread of its own while the loop works: counters may be a moment apart, but nothing waits for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from triplane import __version__
from triplane.controller.connection import Connection
from triplane.controller.runtime.app import SERVICE_BRICKS, RyuApp
from triplane.controller.runtime.handler import MAIN_DISPATCHER
from triplane.controller.runtime.loop import LOOP
from triplane.controller.runtime.openflow import OFPHandler
from triplane.controller.server import COUNTED, Server

BLOCKED_SECONDS = 1.0  # in one handler, after which an app is called blocked
_VERSIONS = {1: "1.0", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.4", 6: "1.5"}
_BEGAN = time.monotonic()

Row = dict[str, Any]


def snapshot(server: Server, rest: Sequence[str]) -> dict[str, Any]:
    """The controller, its switches, the oldest connection first, and its apps. `rest`: where that is served."""
    switches = [switch(connection) for connection in tuple(server.connections)]
    apps = [app(one) for one in tuple(SERVICE_BRICKS.values()) if not isinstance(one, OFPHandler)]
    return {"controller": totals(server, rest, switches), "switches": switches, "apps": apps}


def totals(server: Server, rest: Sequence[str], switches: Sequence[Row]) -> Row:
    """Of the controller as a whole, with the switches that have gone."""
    in_service = sum(row["phase"] == MAIN_DISPATCHER for row in switches)
    return {
        "version": __version__,
        "pid": os.getpid(),
        "since": clock(_BEGAN),
        "listen": [str(address) for address in server.addresses],
        "rest": list(rest),
        "switches": in_service,
        "half_open": len(switches) - in_service,
        "disconnected": server.disconnected,
        "refused": server.refused,
        **{name: server.past[name] + sum(row[name] for row in switches) for name in COUNTED},
        "handlers_called": LOOP.calls,
        "takeovers": LOOP.takeovers,
        "errors": LOOP.errors,
    }


def switch(connection: Connection) -> Row:
    """One connection: whose, in which state, and what came over it."""
    session = connection.session
    datapath = session.datapath
    agreed = datapath.id is not None
    return {
        "dpid": f"{datapath.id:016x}" if agreed else None,
        "address": peer(datapath.address),
        "openflow": _VERSIONS.get(datapath.ofproto.OFP_VERSION) if agreed else None,
        "phase": datapath.state,
        "since": clock(session.began),
        **{name: getattr(session, counter) for name, counter in COUNTED.items()},
        "waiting": len(session.packet_ins),
        "unsent": connection.unsent,
    }


def app(one: RyuApp) -> Row:
    """One app: what it does, what waits for it, what went wrong."""
    handler, seconds = occupied(one)
    handlers = one._app_contained
    state = "idle" if handler is None else "blocked" if seconds >= BLOCKED_SECONDS else "busy"
    return {
        "app": one.name,
        "module": type(one).__module__,
        "state": state if one.is_active else "stopped",
        "handler": handler,
        "seconds": None if handler is None else round(seconds, 1),
        "waiting": len(one.events),
        "dropped_packet_ins": one.dropped_packet_ins,
        "dropped_events": one.dropped_events,
        "failures": handlers.failures,
        "slow": handlers.slow,
    }


def occupied(one: RyuApp) -> tuple[str | None, float]:
    """The handler of an app that runs, and for how many seconds; None if none does."""
    handlers = one._app_contained
    handler = handlers.handler
    if not one._app_running or not one.is_active or handler is None:
        return None, 0.0
    return getattr(handler, "__qualname__", repr(handler)), max(0.0, time.monotonic() - handlers.since)


def peer(address: Any) -> str:
    """Where a switch is, as users write addresses."""
    if not isinstance(address, tuple):
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def clock(moment: float) -> str:
    """Local time of a moment of the monotonic clock."""
    at = time.time() - (time.monotonic() - moment)
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at))
