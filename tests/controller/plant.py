"""Networks for tests of controllers: switches of either kind, hosts in namespaces, cables between them.

    with Controller(log, app, "--listen", address), plant(kind, tmp_path, address, hosts=(1, 1)) as net:
        until(lambda: net.pings(1, 2))
        assert [flow for flow in net.flows(1) if "in_port=1" in flow]

`kind` is "triplane" (our forwarder, a process for each switch) or "ovs" (a private Open vSwitch in user space, a bridge
for each switch); both offer a controller every version of OpenFlow they know. `address` is that of the controller, or
a list of several. `unix:PATH` is reached from every namespace, and Open vSwitch wants PATH directly in `folder`; a
controller that runs in `net.netns`, where the switches are, may have any TCP port for itself.

`hosts=(1, 2)`: host 1 is on switch 1, host 2 on switch 2. Host N has eth0 with 02:00:00:00:00:0N and 10.0.0.N/24, or
what `addresses(N)` says; IPv6 is off unless `ipv6`. A host may have several cables: `hosts=((1, 1), 2)` gives host 1
eth0 and eth1. `links=((1, 2), (2, 3))` are cables between switches. Switches are numbered from 1, and the number is the
datapath id. The ports of a switch are numbered from 1: first the hosts in their order, then the links;
`net.port(1, "h2")` or `net.port(1, "s2")` knows. Devices have the names "s1-h2", "s1-s2" (further cables between the
same two: "s1-h2.1"); they are in the namespace `net.netns`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.controller.ovs import VERSIONS, PrivateOvs, run
from tests.controller.process import Dataplane
from triplane.tap import namespaces as ns

KINDS = ("triplane", "ovs")
PATIENCE = 60.0  # seconds until a test gives up
ANSWER = 10.0  # seconds that an echo may take which must be answered: a switch may be held up for some
Cable = tuple[str, str]  # names of the nodes at its ends: "s1", "h2"


def until(condition: Callable[[], object], what: object = None, seconds: float = PATIENCE) -> None:
    """Wait for `condition()` to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what or condition}"
        time.sleep(0.05)


def ovs_version(openflow: str) -> str:
    """As Open vSwitch writes it: "1.3" is OpenFlow13."""
    return f"OpenFlow{openflow.replace('.', '')}"


def usual_addresses(host: int) -> Sequence[str]:
    return [f"10.0.0.{host}/24"]


class Plant:
    """The network while it runs."""

    def __init__(
        self, folder: Path, cables: Sequence[Cable], openflow: str = "", port_options: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.openflow = openflow
        self.port_options = port_options or {}
        self.netns = f"tp{os.getpid()}s"
        self.cables = cables
        self.ports: dict[str, list[str]] = {}  # of each switch, in order
        self.management: dict[int, str] = {}  # where a switch answers Open vSwitch's tools
        self.ovs: PrivateOvs | None = None  # if the switches are its bridges

    @property
    def switches(self) -> list[int]:
        return sorted(int(node[1:]) for node in self.ports if node[0] == "s")

    def host(self, number: int) -> str:
        """The namespace of a host."""
        return f"tp{os.getpid()}h{number}"

    def mac(self, host: int) -> str:
        return f"02:00:00:00:00:{host:02x}"

    def port(self, switch: int, neighbour: str) -> int:
        """The number of the port to a neighbour: "h1", "s2"."""
        return self.ports[f"s{switch}"].index(f"s{switch}-{neighbour}") + 1

    def neighbours(self, switch: int) -> list[str]:
        """What its ports lead to, in their order: "h1", "s2"."""
        return [port.partition("-")[2] for port in self.ports[f"s{switch}"]]

    def run(self, host: int, *words: str, check: bool = True) -> str:
        """What a command in a host says."""
        return run("ip", "netns", "exec", self.host(host), *words, check=check)

    def ping(self, source: int, target: int | str, count: int = 1, wait: float = 1.0) -> str:
        """What ping says; `target` is a host's number (its usual address) or an address. `wait` in seconds."""
        address = f"10.0.0.{target}" if isinstance(target, int) else target
        return self.run(source, "ping", "-c", str(count), "-i", "0.1", "-W", str(wait), address, check=False)

    def pings(self, source: int, target: int | str, count: int = 1, wait: float = 1.0) -> bool:
        """Whether each echo is answered. A ping for each: of several, it waits for the last no longer than two round
        trips.
        """
        return all(" 0% packet loss" in self.ping(source, target, 1, wait) for _ in range(count))

    def reaches(self, source: int, target: int | str, count: int = 1) -> bool:
        """As `pings`, for echoes of which none may be lost: nobody is in a hurry."""
        return self.pings(source, target, count, wait=ANSWER)

    def ofctl(self, switch: int, command: str, *words: str, version: str = "") -> str:
        """What Open vSwitch's tool learns from a switch, in 1.3 unless it speaks one version only; ports by number."""
        target = f"unix:{self.management[switch]}"
        version = version or ovs_version(self.openflow or "1.3")
        return run("ovs-ofctl", "-O", version, "--no-names", command, target, *words)

    def flows(self, switch: int, *match: str) -> list[str]:
        """The flows of a switch, a line each, without statistics."""
        text = self.ofctl(switch, "dump-flows", "--no-stats", *match)
        return [line.strip() for line in text.splitlines() if "=" in line and "reply" not in line]

    def counted(self, switch: int, neighbour: str, what: str = "tx_packets") -> int:
        """A counter of the device of a port, as Linux counts it."""
        path = f"/sys/class/net/s{switch}-{neighbour}/statistics/{what}"
        return int(run("ip", "netns", "exec", self.netns, "cat", path))

    def set_cable(self, switch: int, neighbour: str, up: bool) -> None:
        """Pull a cable, or plug it in again; both ends see it."""
        ns.set_link(self.netns, f"s{switch}-{neighbour}", up=up)


@contextmanager
def plant(
    kind: str,
    folder: Path,
    controllers: str | Sequence[str],
    hosts: Sequence[int | tuple[int, ...]] = (1, 1),
    links: Sequence[tuple[int, int]] = (),
    addresses: Callable[[int], Sequence[str]] = usual_addresses,
    ipv6: bool = False,
    openflow: str = "",
    port_options: Mapping[str, str] | None = None,
) -> Iterator[Plant]:
    """A running network; the module says what it looks like.

    `openflow`: the one version that the switches speak; `port_options`: of our forwarder's ports, by device.
    """
    homes = [(home,) if isinstance(home, int) else home for home in hosts]
    cables = [(f"s{switch}", f"h{host}") for host, home in enumerate(homes, 1) for switch in home]
    net = Plant(folder, [*cables, *((f"s{a}", f"s{b}") for a, b in links)], openflow, port_options or {})
    with ns.namespaces(net.netns, *(net.host(number) for number in range(1, len(homes) + 1))), ExitStack() as stack:
        ns.set_sysctl(net.netns, "net/ipv6/conf/default/disable_ipv6", "1")
        for number in range(1, len(homes) + 1):
            ns.set_sysctl(net.host(number), "net/ipv6/conf/default/disable_ipv6", str(int(not ipv6)))
        _lay_cables(net)
        _set_up_hosts(net, len(homes), addresses)
        wanted = [controllers] if isinstance(controllers, str) else list(controllers)
        (_start_ovs if kind == "ovs" else _start_triplane)(net, stack, wanted)
        yield net


def _lay_cables(net: Plant) -> None:
    """Each end is a device that its node counts as its next port."""
    for a, b in net.cables:
        far = _host_end(net, b) if b[0] == "h" else _switch_end(net, b, a)
        ns.veth(*_switch_end(net, a, b), *far)


def _switch_end(net: Plant, node: str, other: str) -> tuple[str, str]:
    """A new device of a switch: its name and namespace."""
    ports, name = net.ports.setdefault(node, []), f"{node}-{other}"
    again = sum(port.partition(".")[0] == name for port in ports)
    ports.append(f"{name}.{again}" if again else name)
    return ports[-1], net.netns


def _host_end(net: Plant, node: str) -> tuple[str, str]:
    ports = net.ports.setdefault(node, [])
    ports.append(f"eth{len(ports)}")
    return ports[-1], net.host(int(node[1:]))


def _set_up_hosts(net: Plant, hosts: int, addresses: Callable[[int], Sequence[str]]) -> None:
    for host in range(1, hosts + 1):
        ns.set_link(net.host(host), "eth0", address=net.mac(host))
        for address in addresses(host):
            ns.add_address(net.host(host), "eth0", address)
        for device in net.ports[f"h{host}"]:  # Open vSwitch in user space forwards checksums as they are
            net.run(host, "ethtool", "-K", device, "tx", "off")


def _start_ovs(net: Plant, stack: ExitStack, controllers: Sequence[str]) -> None:
    net.ovs = stack.enter_context(PrivateOvs(net.folder, net.netns))
    for number in net.switches:
        versions = ovs_version(net.openflow) if net.openflow else VERSIONS
        net.ovs.add_bridge(f"br{number}", number, net.ports[f"s{number}"], controllers, versions)
        net.management[number] = f"{net.folder}/br{number}.mgmt"


def _start_triplane(net: Plant, stack: ExitStack, controllers: Sequence[str]) -> None:
    """All at once: each takes a second or two to be ready."""
    switches = [_dataplane(net, number, controllers) for number in net.switches]
    for switch in switches:
        switch.start()
        stack.callback(switch.kill)
    for switch in switches:
        stack.enter_context(switch)


def _dataplane(net: Plant, number: int, controllers: Sequence[str]) -> Dataplane:
    net.management[number] = f"{net.folder}/s{number}.sock"
    words = ["--dpid", str(number), "--run-dir", f"{net.folder}/s{number}"]
    words += [f"--listen=punix:{net.management[number]}", *(f"--controller={address}" for address in controllers)]
    options = {port: f",{text}" for port, text in net.port_options.items()}
    words += [f"--port={port}:packet{options.get(port, '')}" for port in net.ports[f"s{number}"]]
    words += [f"--openflow={net.openflow}"] if net.openflow else []
    return Dataplane(net.folder / f"s{number}.log", net.netns, *words)
