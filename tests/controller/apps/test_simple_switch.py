"""Learning switches: the first packet of a pair goes by the controller, the others by flows that the app made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.controller.plant import plant, until
from tests.controller.process import Controller

RyuApp = Callable[[str], str]


@pytest.mark.parametrize(
    "app", ["simple_switch", "simple_switch_12", "simple_switch_13", "simple_switch_14", "simple_switch_15"]
)
def test_learning(app: str, kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    log = tmp_path / "controller.log"
    with (
        Controller(log, ryu_app(app), "--listen", address),
        plant(kind, tmp_path, address, hosts=(1, 1, 1)) as net,
    ):
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        for port in (1, 2):
            assert [flow for flow in net.flows(1) if f"in_port={port}" in flow], net.flows(1)
        before = net.counted(1, "h3")
        assert net.pings(1, 2, count=5)
        assert net.counted(1, "h3") == before  # nothing is flooded any more
        assert net.pings(2, 3)
        assert "ERROR" not in log.read_text()
