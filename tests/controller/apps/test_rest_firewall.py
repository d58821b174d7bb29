"""rest_firewall: what its rules allow passes, what they deny is logged and stays out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.controller.apps.rest import Api, served
from tests.controller.apps.tagged import tagged
from tests.controller.plant import Plant, plant, until

RyuApp = Callable[[str], str]
SWITCH = "0000000000000001"
RULES = f"/firewall/rules/{SWITCH}"
VLAN = 110
PATIENT = str(Path(__file__).parent / "scripts" / "patient_ofctl.py")


def allow(api: Api, net: Plant, one: int, other: int, path: str = RULES, subnet: str = "10.0.0", **more: Any) -> None:
    """ICMP between two hosts."""
    for source, target in ((one, other), (other, one)):
        rule = {"nw_src": f"{subnet}.{source}/32", "nw_dst": f"{subnet}.{target}/32", "nw_proto": "ICMP", **more}
        (answer,) = api.post(path, rule)
        assert [result["result"] for result in answer["command_result"]] == ["success"]


def status(api: Api, what: str, key: str) -> str:
    (answer,) = api.get(f"/firewall/{what}/status")
    assert answer["switch_id"] == SWITCH
    return str(answer[key])


def rules(api: Api, path: str = RULES) -> list[dict[str, Any]]:
    lists = api.get(path)[0]["access_control_list"]
    return [rule for group in lists for rule in group["rules"]]


def blocked(api: Api, source: str) -> bool:
    """Whether the log tells of a packet from there that was kept out."""
    return any("Blocked packet" in line and f"src='{source}'" in line for line in api.log.read_text().splitlines())


def test_rules(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, PATIENT, ryu_app("rest_firewall"), "--listen", address) as api,
        plant(kind, tmp_path, address, hosts=(1, 1, 1)) as net,
    ):
        until(lambda: api.ask("GET", "/firewall/module/status").status == 200, "the firewall")
        assert status(api, "module", "status") == "disable"
        assert not net.pings(1, 2, wait=0.3)
        api.put(f"/firewall/module/enable/{SWITCH}")
        assert status(api, "module", "status") == "enable"

        assert status(api, "log", "log_status") == "enable"
        until(lambda: not net.pings(1, 2, wait=0.3) and blocked(api, "10.0.0.1"), "a packet of host 1 to be blocked")

        allow(api, net, 1, 2)
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        assert not net.pings(1, 3, wait=0.3)
        assert {rule["nw_src"].partition("/")[0] for rule in rules(api)} == {"10.0.0.1", "10.0.0.2"}

        api.post(RULES, {"nw_src": "10.0.0.1/32", "actions": "DENY", "priority": "10"})
        until(lambda: not net.pings(1, 2, wait=0.3), "host 1 to be kept out")
        denied = next(rule for rule in rules(api) if rule["priority"] == 10)
        api.delete(RULES, {"rule_id": str(denied["rule_id"])})
        until(lambda: net.pings(1, 2), "host 1 to be let in again")

        api.delete(RULES, {"rule_id": "all"})
        assert rules(api) == []
        assert not net.pings(1, 2, wait=0.3)
        api.put(f"/firewall/log/disable/{SWITCH}")
        assert status(api, "log", "log_status") == "disable"
        until(lambda: [flow for flow in net.flows(1) if flow.startswith("priority=0") and "drop" in flow], "no log")
        api.put(f"/firewall/module/disable/{SWITCH}")
        assert status(api, "module", "status") == "disable"

        assert api.ask("POST", RULES, {"nw_proto": "NONSENSE"}).status == 400
        assert api.ask("POST", RULES, b"{nonsense").status == 400
        assert api.ask("GET", "/firewall/rules/0000000000000009").status == 400


def test_rules_of_a_vlan(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, PATIENT, ryu_app("rest_firewall"), "--listen", address) as api,
        plant(kind, tmp_path, address) as net,
        ExitStack() as stack,
    ):
        until(lambda: api.ask("GET", "/firewall/module/status").status == 200, "the firewall")
        api.put(f"/firewall/module/enable/{SWITCH}")
        for host in (1, 2):
            stack.enter_context(tagged(net.host(host), "eth0", VLAN, f"10.1.0.{host}/24"))
        assert not net.pings(1, "10.1.0.2", wait=0.3)
        allow(api, net, 1, 2, f"{RULES}/{VLAN}", "10.1.0")
        until(lambda: net.pings(1, "10.1.0.2"), "host 1 to reach host 2 in the VLAN")
        allow(api, net, 1, 2, f"{RULES}/{VLAN}")
        assert not net.pings(1, 2, wait=0.3)  # it has no tag
        assert rules(api) == []
        assert {rule["dl_vlan"] for rule in rules(api, f"{RULES}/all")} == {str(VLAN)}
        assert api.ask("GET", f"{RULES}/9999").status == 400
