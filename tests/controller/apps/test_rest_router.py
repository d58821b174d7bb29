"""rest_router: hosts of different subnets reach each other by the addresses and routes that the API is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.controller.apps.rest import Api, served
from tests.controller.apps.tagged import name_of, tagged
from tests.controller.plant import Plant, plant, until

RyuApp = Callable[[str], str]
HOST = {1: "10.0.1.1", 2: "10.0.2.2"}
GATEWAY = {1: "10.0.1.254", 2: "10.0.2.254"}
VLAN = 110
PATIENT = str(Path(__file__).parent / "scripts" / "patient_router.py")
CHANGED = "RuntimeError: dictionary changed size during iteration"


def router(switch: int, *rest: object) -> str:
    return "/".join(["/router", f"{switch:016x}", *map(str, rest)])


def told(api: Api, path: str, **data: Any) -> None:
    """The router accepts an address or a route."""
    (answer,) = api.post(path, data)
    assert [result["result"] for result in answer["command_result"]] == ["success"], answer


def use_gateway(net: Plant, host: int, device: str = "eth0") -> None:
    net.run(host, "ip", "route", "add", "default", "via", GATEWAY[host], "dev", device)


def test_two_routers(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, ryu_app("rest_router"), PATIENT, "--listen", address) as api,
        plant(
            kind, tmp_path, address, hosts=(1, 2), links=((1, 2),), addresses=lambda host: [f"{HOST[host]}/24"]
        ) as net,
    ):
        until(lambda: api.ask("GET", "/router/all").text.count("switch_id") == 2, "both routers")
        for switch in (1, 2):
            told(api, router(switch), address=f"{GATEWAY[switch]}/24")
            told(api, router(switch), address=f"10.0.9.{switch}/24")
            use_gateway(net, switch)
            until(lambda switch=switch: net.pings(switch, GATEWAY[switch]), "the router's own address")
        assert not net.pings(1, HOST[2], wait=0.3)

        told(api, router(1), destination="10.0.2.0/24", gateway="10.0.9.2")
        told(api, router(2), gateway="10.0.9.1")
        until(lambda: net.pings(1, HOST[2]), "host 1 to reach host 2")
        assert net.reaches(2, HOST[1], count=3)
        flows = [flow for flow in net.flows(1) if "dec_ttl" in flow]
        assert flows, net.flows(1)
        assert "Time to live exceeded" in net.run(1, "ping", "-c", "1", "-t", "1", "-W", "10", HOST[2], check=False)

        (told_all,) = api.get(router(1))
        (network,) = told_all["internal_network"]
        assert [entry["address"] for entry in network["address"]] == ["10.0.1.254/24", "10.0.9.1/24"]
        (route,) = network["route"]
        assert (route["destination"], route["gateway"]) == ("10.0.2.0/24", "10.0.9.2")

        api.delete(router(1), {"route_id": str(route["route_id"])})
        until(lambda: not net.pings(1, HOST[2], wait=0.3), "the route to be gone")
        api.delete(router(1), {"address_id": "all"})
        assert api.get(router(1))[0]["internal_network"] == [{}]
        until(lambda: not net.pings(1, GATEWAY[1], wait=0.3), "the address to be gone")

        (refused,) = api.post(router(1), {"gateway": "10.0.77.1"})
        assert refused["command_result"][0]["result"] == "failure"
        assert api.ask("GET", router(7)).status == 404


def test_a_vlan_of_its_own(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    """Two subnets in VLAN 110, beside another pair of addresses without a tag."""
    with (
        # the app iterates over its VLANs with a pause at each, and fails if one comes meanwhile: in Ryu too
        served(tmp_path, ryu_app("rest_router"), PATIENT, "--listen", address, traces=CHANGED) as api,
        plant(kind, tmp_path, address, addresses=lambda host: [f"192.168.{host}.1/24"]) as net,
        ExitStack() as stack,
    ):
        until(lambda: api.ask("GET", "/router/all").status == 200, "the router")
        for host in (1, 2):
            stack.enter_context(tagged(net.host(host), "eth0", VLAN, f"{HOST[host]}/24"))
            use_gateway(net, host, name_of(VLAN))
            told(api, router(1, VLAN), address=f"{GATEWAY[host]}/24")
        until(lambda: net.pings(1, HOST[2]), "host 1 to reach host 2 in the VLAN")
        assert net.reaches(2, HOST[1])
        assert not net.pings(1, "192.168.2.1", wait=0.3)
        (found,) = api.get(router(1, VLAN))[0]["internal_network"]
        assert found["vlan_id"] == VLAN
        assert {entry["address"] for entry in found["address"]} == {f"{GATEWAY[host]}/24" for host in (1, 2)}
