"""A network under an app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.controller.plant import Plant, plant
from tests.controller.process import Controller

RyuApp = Callable[[str], str]


@contextmanager
def driven(app: str, kind: str, folder: Path, *options: str, **network: Any) -> Iterator[Plant]:
    """`plant(kind, folder, ..., **network)` under the app in this file, run with these options.

    What the controller logs is in `folder`/controller.log; at the end of the test no exception must be there.
    """
    log, address = folder / "controller.log", f"unix:{folder}/of.sock"
    with Controller(log, app, *options, "--listen", address), plant(kind, folder, address, **network) as net:
        yield net
        assert "Traceback" not in log.read_text(), log.read_text()


def said(net: Plant) -> str:
    """What the controller has logged so far."""
    return (net.folder / "controller.log").read_text()


def loses_packet_ins(app: str, kind: str) -> bool:
    """Three apps of OpenFlow 1.0 answer a packet-in by its buffer only; Open vSwitch has kept no packets since 2.7.

    What they have handled themselves is lost there, whatever controller runs them; what their flows forward is not.
    """
    return kind == "ovs" and app in ("simple_switch_stp", "simple_switch_lacp", "simple_switch_igmp")


def acquaint(net: Plant) -> None:
    """The hosts know each other's addresses, as broadcasts may be lost."""
    hosts = [int(node[1:]) for node in net.ports if node[0] == "h"]
    for host in hosts:
        for other in hosts:
            words = ("neighbour", "replace", f"10.0.0.{other}", "lladdr", net.mac(other), "dev", "eth0")
            if other != host:
                net.run(host, "ip", *words)


def meet(net: Plant, one: int, other: int) -> bool:
    """Both ask, so that a switch learns both; and whether the last is answered."""
    net.ping(one, other, wait=0.3)
    net.ping(other, one, wait=0.3)
    return net.pings(one, other)
