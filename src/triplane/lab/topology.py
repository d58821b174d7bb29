"""What a lab consists of, as plain data: hosts, switches, links, and the shapes that have names.

A link joins a host to a switch or two switches, once. Ports of a switch are numbered in the order of its links.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from typing import Any

from triplane.nodes.options import StartError

NAME_BYTES = 15  # a name becomes an interface's name: IFNAMSIZ less its NUL
MAX_HOSTS = 250
HOST_KEYS = {"ipv4", "ipv6", "mac"}
SWITCH_KEYS = {"dpid"}
TOP_KEYS = {"hosts", "switches", "links"}


class TopologyError(StartError):
    """A topology that cannot be built, in one line."""


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    mac: str
    ipv4: IPv4Interface
    ipv6: IPv6Interface

    @classmethod
    def numbered(cls, number: int, name: str | None = None) -> Host:
        """Host 3 is h3 with 10.0.0.3/24, fd00::3/64 and 02:00:00:00:00:03."""
        return cls(
            name or f"h{number}",
            f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}",
            IPv4Interface(f"10.0.0.{number}/24"),
            IPv6Interface(f"fd00::{number:x}/64"),
        )


@dataclass(frozen=True, slots=True)
class Switch:
    name: str
    dpid: int


@dataclass(frozen=True, slots=True)
class Link:
    one: str
    other: str

    def __contains__(self, name: object) -> bool:
        return name in (self.one, self.other)

    def beyond(self, name: str) -> str:
        """The other end, seen from `name`."""
        return self.other if name == self.one else self.one


@dataclass(frozen=True, slots=True)
class Topology:
    hosts: list[Host]
    switches: list[Switch]
    links: list[Link] = field(default_factory=list)

    def links_of(self, name: str) -> list[Link]:
        return [link for link in self.links if name in link]

    def trunks(self) -> list[Link]:
        """Links between switches."""
        names = {switch.name for switch in self.switches}
        return [link for link in self.links if link.one in names and link.other in names]

    def access(self, host: Host) -> Link:
        return self.links_of(host.name)[0]

    def spare_links(self) -> list[Link]:
        """The trunks that are not on the spanning tree: with them up, a flooded frame would go round for ever.

        The tree is found breadth first from the first switch, so paths to it are the shortest.
        """
        spare, reached = self.trunks(), set[str]()
        for root in self.switches:
            waiting = [] if root.name in reached else [root.name]
            reached.add(root.name)
            for name in waiting:  # grows while it is walked
                for link in [link for link in spare if name in link and link.beyond(name) not in reached]:
                    if link.beyond(name) not in reached:
                        reached.add(link.beyond(name))
                        waiting.append(link.beyond(name))
                        spare.remove(link)
        return spare

    def check(self) -> Topology:
        """Itself, or TopologyError when it cannot be built."""
        names = [host.name for host in self.hosts] + [switch.name for switch in self.switches]
        for name in names:
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or len(name) > NAME_BYTES:
                raise TopologyError(f"{name!r} is no name: letters, digits, - and _, at most {NAME_BYTES}")
            if names.count(name) > 1:
                raise TopologyError(f"two things are called {name!r}")
        for link in self.links:
            for name in (link.one, link.other):
                if name not in names:
                    raise TopologyError(f"link {link.one} - {link.other}: there is no {name}")
            if link.one == link.other or sum(other in (link, Link(link.other, link.one)) for other in self.links) > 1:
                raise TopologyError(f"link {link.one} - {link.other}: a link joins two things, once")
        switches = {switch.name for switch in self.switches}
        for host in self.hosts:
            if [link.beyond(host.name) in switches for link in self.links_of(host.name)] != [True]:
                raise TopologyError(f"host {host.name}: wants one link, to a switch")
        if not self.switches:
            raise TopologyError("there is no switch")
        dpids = [switch.dpid for switch in self.switches]
        if len(set(dpids)) < len(dpids):
            raise TopologyError("two switches have the same dpid")
        return self


def build(nodes: int, hosts: int, edges: list[int], trunks: list[tuple[int, int]]) -> Topology:
    """Switches s1.., hosts h1.. spread over the switches numbered `edges`, trunks between pairs of numbers."""
    if not 1 <= hosts <= MAX_HOSTS:
        raise TopologyError(f"{hosts} hosts: from 1 to {MAX_HOSTS} have addresses in 10.0.0.0/24")
    switches = [Switch(f"s{number}", number) for number in range(1, nodes + 1)]
    access = [Link(f"h{number}", f"s{edges[(number - 1) * len(edges) // hosts]}") for number in range(1, hosts + 1)]
    between = [Link(f"s{one}", f"s{other}") for one, other in trunks]
    return Topology([Host.numbered(number) for number in range(1, hosts + 1)], switches, access + between).check()


def single(nodes: int | None, hosts: int | None) -> Topology:
    """One switch with all hosts (2)."""
    if nodes not in (None, 1):
        raise TopologyError("single has one switch: choose linear, star, tree or mesh for more")
    return build(1, hosts or 2, [1], [])


def linear(nodes: int | None, hosts: int | None) -> Topology:
    """A row of switches (3), hosts (as many) along it."""
    count = nodes or 3
    row = list(range(1, count + 1))
    return build(count, hosts or count, row, list(itertools.pairwise(row)))


def star(nodes: int | None, hosts: int | None) -> Topology:
    """A switch in the middle (1 in all), other switches around it, hosts (4) at the tips."""
    count = nodes or 1
    tips = list(range(2, count + 1)) or [1]
    return build(count, hosts or max(4, len(tips)), tips, [(1, tip) for tip in tips if tip != 1])


def tree(nodes: int | None, hosts: int | None) -> Topology:
    """A binary tree of switches (3), hosts (two each) at the leaves."""
    count = nodes or 3
    leaves = [number for number in range(1, count + 1) if 2 * number > count]
    return build(count, hosts or 2 * len(leaves), leaves, [(number // 2, number) for number in range(2, count + 1)])


def mesh(nodes: int | None, hosts: int | None) -> Topology:
    """Switches (3) all linked to each other, hosts (as many) spread over them."""
    count = nodes or 3
    every = list(range(1, count + 1))
    return build(count, hosts or count, every, [(one, other) for one in every for other in every if one < other])


SHAPES: dict[str, Callable[[int | None, int | None], Topology]] = {
    "single": single,
    "linear": linear,
    "star": star,
    "tree": tree,
    "mesh": mesh,
}


def mapping(value: Any, where: str, keys: set[str] | None = None) -> dict[str, Any]:
    """`value` as a mapping, with no other than these keys; nothing (None) is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise TopologyError(f"{where}: want a mapping of names, not {value!r}")
    for key in value:
        if keys is not None and key not in keys:
            raise TopologyError(f"{where}: {key!r} is not known here (known: {', '.join(sorted(keys))})")
    return value


def read_host(number: int, name: str, value: Any) -> Host:
    given, default = mapping(value, f"host {name}", HOST_KEYS), Host.numbered(number, name)
    try:
        ipv4 = IPv4Interface(given["ipv4"]) if "ipv4" in given else default.ipv4
        ipv6 = IPv6Interface(given["ipv6"]) if "ipv6" in given else default.ipv6
    except ValueError as error:
        raise TopologyError(f"host {name}: {error}") from None
    return Host(name, str(given.get("mac", default.mac)), ipv4, ipv6)


def read_switch(number: int, name: str, value: Any) -> Switch:
    dpid = mapping(value, f"switch {name}", SWITCH_KEYS).get("dpid", number)
    if not isinstance(dpid, int) or not 0 < dpid < 1 << 64:
        raise TopologyError(f"switch {name}: dpid {dpid!r} is not a number from 1 to 2**64 - 1")
    return Switch(name, dpid)


def read_link(value: Any) -> Link:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(end, str) for end in value):
        raise TopologyError(f"links: want [NAME, NAME], not {value!r}")
    return Link(value[0], value[1])


def from_text(text: str) -> Topology:
    """Read YAML: `hosts` and `switches` are mappings by name, `links` a list of pairs of names."""
    import yaml

    try:
        document = mapping(yaml.safe_load(text), "file", TOP_KEYS)
    except yaml.YAMLError as error:
        raise TopologyError(f"not YAML: {' '.join(str(error).split())}") from None
    hosts, switches = mapping(document.get("hosts"), "hosts"), mapping(document.get("switches"), "switches")
    links = document.get("links") or []
    if not isinstance(links, list):
        raise TopologyError("links: want a list of [NAME, NAME]")
    return Topology(
        [read_host(number, name, value) for number, (name, value) in enumerate(hosts.items(), 1)],
        [read_switch(number, name, value) for number, (name, value) in enumerate(switches.items(), 1)],
        [read_link(link) for link in links],
    ).check()


def choose(shape: str, nodes: int | None, hosts: int | None) -> Topology:
    """A shape by name, or a YAML file."""
    if shape in SHAPES:
        return SHAPES[shape](nodes, hosts)
    path = Path(shape)
    if not path.is_file():
        raise TopologyError(f"{shape}: neither a file nor one of {', '.join(SHAPES)}")
    if nodes is not None or hosts is not None:
        raise TopologyError(f"--nodes and --hosts do not go with a file: {shape} says it all")
    try:
        return from_text(path.read_text())
    except TopologyError as error:
        raise TopologyError(f"{shape}: {error}") from None
