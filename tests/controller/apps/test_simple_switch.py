"""Learning switches: the first packet of a pair goes by the controller, the others by flows that the app made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.controller.apps.driven import RyuApp, driven, said
from tests.controller.plant import Plant, until

LEARNING = (
    "simple_switch",
    "simple_switch_12",
    "simple_switch_13",
    "simple_switch_14",
    "simple_switch_15",
    "example_switch_13",
)


@pytest.mark.parametrize("app", LEARNING)
def test_learning(app: str, kind: str, ryu_app: RyuApp, tmp_path: Path) -> None:
    with driven(ryu_app(app), kind, tmp_path, hosts=(1, 1, 1)) as net:
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        for port in (1, 2):
            assert [flow for flow in net.flows(1) if f"in_port={port}" in flow], net.flows(1)
        before = net.counted(1, "h3")
        assert net.reaches(1, 2, count=5)
        assert net.counted(1, "h3") == before  # nothing is flooded any more
        assert net.reaches(2, 3)


def test_monitor(kind: str, ryu_app: RyuApp, tmp_path: Path) -> None:
    """simple_monitor_13 asks for flow and port statistics every ten seconds, and logs what it hears."""
    with driven(ryu_app("simple_monitor_13"), kind, tmp_path, "--log-rate=0") as net:
        until(lambda: net.pings(1, 2), "the hosts to reach each other")
        assert net.reaches(1, 2, count=10)
        row = f"0000000000000001        1 {net.mac(2)}        2"
        until(lambda: [line for line in said(net).splitlines() if row in line and int(line.split()[-2]) >= 10], row)
        until(lambda: [counts for counts in port_rows(net) if min(counts) >= 10], "the counters of port 1")


def port_rows(net: Plant) -> list[tuple[int, int]]:
    """Packets received and sent, in rows for port 1: six numbers, where rows of the flow table have four."""
    rows = [line.partition("0000000000000001        1 ")[2].split() for line in said(net).splitlines()]
    return [(int(row[0]), int(row[3])) for row in rows if len(row) == 6]


def test_conf_switch_key(kind: str, ryu_app: RyuApp, tmp_path: Path) -> None:
    """It is no app, but two names for `ryu.controller.conf_switch`; Ryu takes it among apps."""
    with driven(ryu_app("simple_switch_13"), kind, tmp_path, ryu_app("conf_switch_key")) as net:
        until(lambda: net.pings(1, 2), "the hosts to reach each other")
        assert "conf_switch_key.py: it has no subclass of RyuApp, it is only imported" in said(net)
