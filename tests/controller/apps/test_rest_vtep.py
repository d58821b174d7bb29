"""rest_vtep: two sites tell each other by BGP (EVPN) who lives there, and carry their packets over VXLAN (RFC 7432).

    host a [10.0.0.1] -- br1 . br-phy [172.17.0.1] ==== [172.17.0.2] br-phy . br1 -- [10.0.0.2] host b

Each site is an Open vSwitch and a controller in a network namespace. The app needs both OVSDB and VXLAN ports, which
our forwarder has not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.controller.apps.rest import Api, served
from tests.controller.ovs import PrivateOvs, run
from tests.controller.plant import ANSWER, until
from triplane.tap import namespaces as ns

RyuApp = Callable[[str], str]
AS, VNI = 65000, 10
CONTROLLER = "tcp:127.0.0.1:6653"
PATIENT = str(Path(__file__).parent / "scripts" / "patient_ovsdb.py")
RECONNECT = 120  # seconds: BGP tries again 30 after the speakers have called each other at once


def names(number: int) -> tuple[str, str]:
    """The namespaces of a site and of its host."""
    return f"tp{os.getpid()}v{number}", f"tp{os.getpid()}w{number}"


def router_id(number: int) -> str:
    return f"172.17.0.{number}"


class Site(NamedTuple):
    number: int
    ovs: PrivateOvs
    api: Api

    @property
    def client(self) -> dict[str, str]:
        """Its host, as the app is told of it."""
        number = self.number
        return {"port": "port", "mac": f"aa:bb:cc:00:00:0{number}", "ip": f"10.0.0.{number}"}

    def pings(self, target: str, wait: float = 1.0) -> bool:
        words = ("ip", "netns", "exec", names(self.number)[1], "ping", "-c", "1", "-W", str(wait), target)
        return " 0% packet loss" in run(*words, check=False)


@contextmanager
def site(number: int, app: str, folder: Path) -> Iterator[Site]:
    """One side, its cable `phy` laid already."""
    here, host = names(number)
    ns.veth("eth0", host, "port", here)
    ns.set_link(host, "eth0", address=f"aa:bb:cc:00:00:0{number}", mtu=1400)
    ns.add_address(host, "eth0", f"10.0.0.{number}/24")
    run("ip", "netns", "exec", host, "ethtool", "-K", "eth0", "tx", "off")
    folder.mkdir()
    with PrivateOvs(folder, here) as ovs:
        ovs.vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev")
        ovs.vsctl("add-port", "br-phy", "phy")
        ns.add_address(here, "br-phy", f"{router_id(number)}/24")
        ns.set_link(here, "br-phy", up=True)
        run("ip", "netns", "exec", here, "ethtool", "-K", "br-phy", "tx", "off")
        ovs.offer_database("ptcp:6640:127.0.0.1")
        with served(folder, PATIENT, app, "--listen", CONTROLLER, netns=here) as api:
            ovs.add_bridge("br1", number, ["port"], [CONTROLLER], "OpenFlow13")
            api.said("is in service")
            yield Site(number, ovs, api)


@contextmanager
def sites(app: str, folder: Path) -> Iterator[tuple[Site, Site]]:
    all_names = [name for number in (1, 2) for name in names(number)]
    with ns.namespaces(*all_names):
        ns.veth("phy", names(1)[0], "phy", names(2)[0])
        with site(1, app, folder / "1") as one, site(2, app, folder / "2") as two:
            yield one, two


def state(at: Site, other: Site) -> Any:
    address = router_id(other.number)
    return at.api.get(f"/vtep/neighbors/{address}")[address]["EvpnNeighbor"]["state"]


def clients(at: Site) -> dict[str, Any]:
    found: dict[str, Any] = at.api.get(f"/vtep/networks/{VNI}")[str(VNI)]["EvpnNetwork"]["clients"]
    return {mac: client["EvpnClient"] for mac, client in found.items()}


def test_two_sites(ryu_app: RyuApp, tmp_path: Path) -> None:
    with sites(ryu_app("rest_vtep"), tmp_path) as both:
        one, two = both
        for here, there in ((one, two), (two, one)):
            speaker = {"dpid": here.number, "as_number": AS, "router_id": router_id(here.number)}
            told = here.api.post("/vtep/speakers", speaker)
            assert told[router_id(here.number)]["EvpnSpeaker"]["as_number"] == AS
            here.api.post("/vtep/neighbors", {"address": router_id(there.number), "remote_as": AS})
        for here, there in ((one, two), (two, one)):
            until(lambda here=here, there=there: state(here, there) == "up", "the neighbour", RECONNECT)
        for here in both:
            here.api.post("/vtep/networks", {"vni": VNI})
        for here in both:
            here.api.post(f"/vtep/networks/{VNI}/clients", here.client)
        for here, there in ((one, two), (two, one)):
            until(lambda here=here: len(clients(here)) == 2, "both clients", RECONNECT)
            assert clients(here)[there.client["mac"]]["next_hop"] == router_id(there.number)
        until(lambda: one.pings("10.0.0.2"), "host 1 to reach host 2")
        assert two.pings("10.0.0.1", wait=ANSWER)
        assert f"vxlan_{router_id(2)}_{VNI}" in one.ovs.vsctl("list-ports", "br1")

        two.api.delete(f"/vtep/networks/{VNI}/clients/{two.client['mac']}")
        until(lambda: list(clients(one)) == [one.client["mac"]], "the other's client to be withdrawn")
        until(lambda: not one.pings("10.0.0.2", wait=0.3), "host 2 to be out of reach")
        for here in both:
            here.api.delete(f"/vtep/networks/{VNI}")
            here.api.delete("/vtep/speakers")
        for at in both:
            told = at.api.log.read_text()
            assert not [error for error in ("RuntimeError", "KeyError", "AttributeError") if error in told], told
