"""Our own app, and what a switch does when its controller is replaced: Open vSwitch on real traffic."""

from __future__ import annotations

from pathlib import Path

from tests.controller.plant import plant, until
from tests.controller.process import Controller

LEARNING = "triplane.controller.apps.learning_switch"


def test_hosts_reach_each_other_by_the_flows_of_the_app(address: str, tmp_path: Path) -> None:
    log = tmp_path / "controller.log"
    with Controller(log, LEARNING, "--listen", address), plant("ovs", tmp_path, address) as net:
        until(lambda: any("CONTROLLER:65535" in flow for flow in net.flows(1)), "the flow for what no other matches")
        assert net.reaches(1, 2, count=5)
        learned = [flow for flow in net.flows(1) if "priority=1," in flow]
        assert len(learned) == 2, learned
        assert any("in_port=1" in flow for flow in learned)
        assert "ERROR" not in log.read_text()


def test_a_switch_comes_back_to_a_new_controller(address: str, tmp_path: Path) -> None:
    logs = tmp_path / "first.log", tmp_path / "second.log"
    with Controller(logs[0], LEARNING, "--listen", address) as first, plant("ovs", tmp_path, address) as net:
        until(lambda: "is in service" in logs[0].read_text())
        first.process.kill()
        first.process.wait()
        with Controller(logs[1], LEARNING, "--listen", address):
            until(lambda: "is in service" in logs[1].read_text())
            assert net.reaches(2, 1, count=3)
