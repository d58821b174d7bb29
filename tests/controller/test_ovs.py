"""Real switching: Open vSwitch, two hosts in namespaces, and the flows that an app installs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.controller import ryu_source
from tests.controller.ovs import PrivateSwitch
from tests.controller.process import Controller


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.05)


@pytest.fixture(params=["simple_switch_13", "learning_switch"])
def app(request: pytest.FixtureRequest) -> str:
    """Ryu's own app, as it was, and ours."""
    if request.param == "learning_switch":
        return "triplane.controller.apps.learning_switch"
    return str(ryu_source.app(request.config.cache.mkdir("ryu"), request.param))


def test_hosts_reach_each_other_by_the_flows_of_the_app(app: str, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/of.sock"
    log = tmp_path / "controller.log"
    with Controller(log, app, "--listen", address), PrivateSwitch(tmp_path, address) as switch:
        until(lambda: "CONTROLLER:65535" in switch.flows())  # table miss: the app has answered switch-features
        assert " 0% packet loss" in switch.ping(1, 2, 5)
        learned = [line for line in switch.flows().splitlines() if "priority=1," in line]
        assert len(learned) == 2, learned
        assert any("in_port=1" in line or 'in_port="s1"' in line for line in learned)
        assert "ERROR" not in log.read_text()


def test_a_switch_comes_back_to_a_new_controller(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/of.sock"
    words = ("triplane.controller.apps.learning_switch", "--listen", address)
    logs = tmp_path / "first.log", tmp_path / "second.log"
    with Controller(logs[0], *words) as first, PrivateSwitch(tmp_path, address) as switch:
        until(lambda: "is in service" in logs[0].read_text())
        first.process.kill()
        first.process.wait()
        with Controller(logs[1], *words):
            until(lambda: "is in service" in logs[1].read_text())
            assert " 0% packet loss" in switch.ping(2, 1, 3)
