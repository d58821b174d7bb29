"""Link aggregation: a host with two cables in one bond, of which each may fail.

The host's end is Open vSwitch's: a bond with LACP on the two cables, and an address on its bridge. The hosts know each
other's MAC addresses, and both ask: see `loses_packet_ins`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.controller.apps.driven import RyuApp, driven, meet, said
from tests.controller.ovs import PrivateOvs
from tests.controller.plant import Plant, until

TIMEOUT = 3  # seconds that a partner in fast mode may be silent: 802.1AX short timeout


@contextmanager
def bonded(net: Plant, host: int) -> Iterator[PrivateOvs]:
    """The host's eth0 and eth1 become one; its address moves to bond0."""
    net.run(host, "ip", "address", "flush", "dev", "eth0")
    with PrivateOvs(net.folder / "host", net.host(host)) as ovs:
        words = ("datapath_type=netdev", f'other-config:hwaddr="{net.mac(host)}"')
        ovs.vsctl("add-br", "bond0", "--", "set", "bridge", "bond0", *words)
        bond = "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast other_config:bond-rebalance-interval=0"
        ovs.vsctl("add-bond", "bond0", "cables", "eth0", "eth1", "--", "set", "port", "cables", *bond.split())
        net.run(host, "ip", "address", "add", f"10.0.0.{host}/24", "dev", "bond0")
        net.run(host, "ip", "link", "set", "bond0", "up")
        for one, other, device in ((host, 2, "bond0"), (2, host, "eth0")):
            net.run(one, "ip", "neighbour", "replace", f"10.0.0.{other}", "lladdr", net.mac(other), "dev", device)
        yield ovs


def working(ovs: PrivateOvs) -> int:
    """Cables that LACP has agreed on."""
    return ovs.appctl("bond/show", "cables").count(": enabled")


@pytest.mark.parametrize("app", ["simple_switch_lacp", "simple_switch_lacp_13"])
def test_a_bond_of_two_cables(app: str, kind: str, ryu_app: RyuApp, tmp_path: Path) -> None:
    with (
        driven(ryu_app(app), kind, tmp_path, "--log-rate=0", hosts=((1, 1), 1)) as net,
        bonded(net, 1) as ovs,
    ):
        until(lambda: "lacp_status: negotiated" in ovs.appctl("bond/show", "cables"), "LACP to agree")
        until(lambda: working(ovs) == 2, "both cables to work")
        for port in (1, 2):
            until(lambda port=port: f"slave state changed port: {port} enabled: True" in said(net), port)
        until(lambda: meet(net, 1, 2), "the bonded host to answer")
        net.set_cable(1, "h1", up=False)
        until(lambda: "slave state changed port: 1 enabled: False" in said(net), "the switch to miss the first cable")
        until(lambda: meet(net, 1, 2), "the second cable to be used")
        until(lambda: net.pings(2, 1, count=5), "each echo to be answered")
