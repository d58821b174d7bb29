"""Faucet drives our forwarder: VLANs, routing between them, ACLs, mirroring, a stack of switches, on real traffic."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.controller.apps.tagged import tagged
from tests.controller.plant import ANSWER, Plant, plant, until, usual_addresses
from tests.foreign import faucet
from tests.tap.rig import raw_socket, receive_raw, transfer
from triplane.tap import namespaces as ns

pytestmark = pytest.mark.timeout(300)  # the first test installs Faucet

VLANS = """
vlans:
  office: {vid: 100}
  guests: {vid: 200}
dps:
  switch:
    dp_id: 1
    hardware: HARDWARE
    group_table: GROUPS
    interfaces:
      1: {native_vlan: office}
      2: {native_vlan: office}
      3: {native_vlan: guests}
      4: {tagged_vlans: [office, guests]}
"""

ROUTER = """
vlans:
  office: {vid: 100, faucet_mac: "0e:00:00:00:01:00", faucet_vips: ["10.0.1.254/24", "fd00:1::fe/64"]}
  guests: {vid: 200, faucet_mac: "0e:00:00:00:02:00", faucet_vips: ["10.0.2.254/24", "fd00:2::fe/64"]}
routers:
  between: {vlans: [office, guests]}
dps:
  switch:
    dp_id: 1
    hardware: Open vSwitch
    interfaces:
      1: {native_vlan: office}
      2: {native_vlan: guests}
"""

ACL = """
vlans:
  office: {vid: 100}
meters:
  few:
    meter_id: 1
    entry: {flags: [PKTPS, BURST], bands: [{type: DROP, rate: 1, burst_size: 5}]}
acls:
  guarded:
    - rule: {dl_type: 0x800, nw_proto: 6, tcp_dst: 7777, actions: {allow: 0}}
    - rule: {dl_type: 0x800, ipv4_dst: 10.0.0.3, actions: {allow: 0}}
    - rule: {dl_type: 0x800, nw_proto: 17, actions: {meter: few, allow: 1}}
    - rule: {actions: {allow: 1}}
dps:
  switch:
    dp_id: 1
    hardware: Open vSwitch
    interfaces:
      1: {native_vlan: office, acl_in: guarded}
      2: {native_vlan: office}
      3: {native_vlan: office}
"""

MIRROR = """
vlans:
  office: {vid: 100}
dps:
  switch:
    dp_id: 1
    hardware: Open vSwitch
    interfaces:
      1: {native_vlan: office}
      2: {native_vlan: office}
      3: {mirror: 1, output_only: true}
"""

STACK = """
vlans:
  office: {vid: 100}
dps:
  first:
    dp_id: 1
    hardware: Open vSwitch
    stack: {priority: 1}
    interfaces:
      1: {native_vlan: office}
      2: {stack: {dp: second, port: 2}}
      3: {stack: {dp: second, port: 3}}
  second:
    dp_id: 2
    hardware: Open vSwitch
    interfaces:
      1: {native_vlan: office}
      2: {stack: {dp: first, port: 2}}
      3: {stack: {dp: first, port: 3}}
"""


@pytest.fixture(scope="session")
def commands(request: pytest.FixtureRequest) -> Path:
    """Where Faucet is installed."""
    return faucet.install(request.config.cache.mkdir("faucet"))


@contextmanager
def driven(
    commands: Path,
    folder: Path,
    config: str,
    hosts: Sequence[int],
    links: Sequence[tuple[int, int]] = (),
    addresses: Callable[[int], Sequence[str]] = usual_addresses,
    ipv6: bool = False,
) -> Iterator[Plant]:
    """A network of ours under Faucet with this configuration."""
    with (
        plant("triplane", folder, faucet.ADDRESS, hosts=hosts, links=links, addresses=addresses, ipv6=ipv6) as net,
        faucet.Faucet(commands, net.netns, folder, config),
    ):
        yield net


@pytest.mark.parametrize(
    ("hardware", "groups"),
    [("Open vSwitch", "false"), ("Open vSwitch TFM", "true")],
    ids=["plain", "table features and groups"],
)
def test_vlans(hardware: str, groups: str, commands: Path, tmp_path: Path) -> None:
    config = VLANS.replace("HARDWARE", hardware).replace("GROUPS", groups)
    with driven(commands, tmp_path, config, hosts=(1, 1, 1, 1)) as net:
        until(lambda: net.pings(1, 2), "two hosts of one VLAN to reach each other")
        assert not net.pings(1, 3)
        net.run(4, "ip", "address", "flush", "dev", "eth0")
        ns.set_sysctl(net.host(4), "net/ipv4/conf/all/arp_ignore", "1")
        trunk = net.host(4), "eth0"
        with tagged(*trunk, 100, "10.0.0.14/32"), tagged(*trunk, 200, "10.0.0.24/32"):
            for peer, vlan in ((1, 100), (3, 200)):
                net.run(4, "ip", "route", "add", f"10.0.0.{peer}", "dev", f"vlan{vlan}")
            assert net.reaches(1, "10.0.0.14", 3)
            assert net.reaches(3, "10.0.0.24", 3)
            assert not net.pings(1, "10.0.0.24")


def routed(host: int) -> Sequence[str]:
    return [f"10.0.{host}.1/24", f"fd00:{host}::1/64"]


def test_routing_between_vlans(commands: Path, tmp_path: Path) -> None:
    with driven(commands, tmp_path, ROUTER, hosts=(1, 1), addresses=routed, ipv6=True) as net:
        for host in (1, 2):
            net.run(host, "ip", "route", "add", "default", "via", f"10.0.{host}.254")
            net.run(host, "ip", "-6", "route", "add", "default", "via", f"fd00:{host}::fe")
        for gateway, far in (("10.0.1.254", "10.0.2.1"), ("fd00:1::fe", "fd00:2::1")):
            until(lambda gateway=gateway: net.pings(1, gateway), "the gateway to answer")
            until(lambda far=far: net.pings(1, far), "the host of the other VLAN to answer")
            assert "ttl=63" in net.ping(1, far, wait=ANSWER)
        assert net.reaches(2, "10.0.1.1", 5)
        data = bytes(range(256)) * 4096
        assert transfer(data, "10.0.2.1", source=net.host(1), sink=net.host(2)) == data
        assert transfer(data, "fd00:2::1", socket.AF_INET6, source=net.host(1), sink=net.host(2)) == data


def test_acl(commands: Path, tmp_path: Path) -> None:
    with driven(commands, tmp_path, ACL, hosts=(1, 1, 1)) as net:
        until(lambda: net.pings(1, 2), "what no rule forbids to pass")
        assert net.reaches(2, 3)
        assert not net.pings(1, 3)  # by address
        with pytest.raises(TimeoutError):  # by TCP port
            dial(net, 1, 2, seconds=2)
        with pytest.raises(ConnectionRefusedError):  # it comes through, nobody listens
            dial(net, 2, 3, seconds=ANSWER)
        assert 1 <= datagrams(net, 1, 2) <= 20  # of 100: the meter lets few pass
        assert datagrams(net, 2, 3) == 100


def dial(net: Plant, source: int, sink: int, seconds: float) -> None:
    with ns.in_namespace(net.host(source), socket.socket) as client:
        client.settimeout(seconds)
        client.connect((f"10.0.0.{sink}", 7777))


def datagrams(net: Plant, source: int, sink: int) -> int:
    """How many of 100 datagrams arrive."""
    receiver, sender = (
        ns.in_namespace(net.host(host), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for host in (sink, source)
    )
    with receiver, sender:
        receiver.bind((f"10.0.0.{sink}", 5005))
        for number in range(100):
            sender.sendto(bytes([number]), (f"10.0.0.{sink}", 5005))
        until(lambda: net.pings(source, sink), "what was sent after them")
        receiver.setblocking(False)
        arrived = 0
        while True:
            try:
                receiver.recv(10)
                arrived += 1
            except BlockingIOError:
                return arrived


def test_mirroring(commands: Path, tmp_path: Path) -> None:
    with driven(commands, tmp_path, MIRROR, hosts=(1, 1, 1)) as net:
        until(lambda: net.pings(1, 2), "the hosts to reach each other")
        with raw_socket(net.host(3), "eth0") as mirror:
            pattern = "c0ffee0123456789"
            net.run(1, "ping", "-c", "1", "-p", pattern, "10.0.0.2")
            frames = [receive_raw(mirror, bytes.fromhex(pattern)) for _ in range(2)]
        addresses = [bytes.fromhex(net.mac(host).replace(":", "")) for host in (1, 2)]
        assert sorted(frame[6:12] for frame in frames) == addresses  # the echo and its reply
        assert not net.pings(1, 3)


def test_stack(commands: Path, tmp_path: Path) -> None:
    """Two switches with two cables between them: one tree, and another when a cable is cut."""
    with driven(commands, tmp_path, STACK, hosts=(1, 2), links=((1, 2), (1, 2))) as net:
        until(lambda: net.pings(1, 2), "the hosts to reach each other across the stack")
        assert net.reaches(2, 1, 5)
        net.set_cable(1, "s2", up=False)
        until(lambda: net.pings(1, 2), "the other cable to be used")
