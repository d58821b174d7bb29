"""Random flow entries, groups and packets that have much to do with each other: few values, many overlaps."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.dataplane.nicira_wire import HEADERS
from tests.dataplane.wire import ALL, ANY, CONTROLLER, FLOOD, IN_PORT, LOCAL, NORMAL, TABLE, Action
from tests.oracle import frames as f
from tests.oracle.flow_table import CHECK_OVERLAP, RESET_COUNTS, SEND_FLOW_REM, Request
from tests.oracle.groups import Bucket, Group
from tests.oracle.nicira_actions import WIDTHS
from tests.oracle.oxm import SHAPE, Match

MACS = [
    bytes.fromhex(text) for text in ("020000000001", "020000000002", "0200000000ff", "01005e000001", "0180c2000003")
]
HOSTS = [bytes.fromhex(text) for text in ("0a000001", "0a000002", "0a000102", "c0a80001")]
HOSTS6 = [bytes.fromhex("20010db8") + bytes(8) + host for host in HOSTS]
L4_PORTS = [53, 80, 8080]
VLANS = [1, 100, 101]
LABELS = [16, 17]
PORTS = [1, 2, 3, 4, LOCAL]
TABLES = [0, 1, 2, 7, 253]

NUMBERS: dict[str, list[int]] = {
    "in_port": PORTS,
    "in_phy_port": PORTS,
    "metadata": [0, 1, 0xFF00, 1 << 63],
    **{name: [0, 1, 2, 3, 0x10001] for name in ("reg0", "reg1", "reg2")},
    "nw_ttl": [1, 64],
    "vlan_tci": [0, 0x1064, 0x1001],
    "tunnel_id": [0, 5],
    "eth_dst": [int.from_bytes(mac) for mac in MACS],
    "eth_src": [int.from_bytes(mac) for mac in MACS[:3]],
    "vlan_vid": [0x1000 | vlan for vlan in VLANS],
    "vlan_pcp": [0, 3],
    "ip_dscp": [0, 10],
    "ip_ecn": [0, 1],
    "ip_proto": [1, 6, 17, 58],
    "mpls_label": LABELS,
    "mpls_tc": [0, 1],
    "mpls_bos": [0, 1],
    "pbb_isid": [7, 8],
    "pbb_uca": [0, 1],
    "arp_op": [1, 2],
    "icmpv4_type": [0, 8],
    "icmpv4_code": [0],
    "icmpv6_type": [128, 135],
    "icmpv6_code": [0],
    "ipv6_flabel": [0, 1],
    "ipv6_exthdr": [0, 1],
    **{name: [int.from_bytes(host) for host in HOSTS] for name in ("ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa")},
    **{name: [int.from_bytes(host) for host in HOSTS6] for name in ("ipv6_src", "ipv6_dst", "ipv6_nd_target")},
    **{name: [int.from_bytes(mac) for mac in MACS] for name in ("arp_sha", "arp_tha", "ipv6_nd_sll")},
    **dict.fromkeys(("tcp_src", "tcp_dst", "udp_src", "udp_dst"), L4_PORTS),
}
ANYWHERE = ["eth_dst", "eth_src", "metadata", "tunnel_id", "in_port"]
Stack = tuple[dict[str, int], list[str], list[Action]]
IP_ACTIONS: list[Action] = [("dec_nw_ttl",), ("set_nw_ttl", 9), ("set_nw_ttl", 0)]
STACKS: list[Stack] = [  # prerequisites, fields they allow, actions they allow
    ({}, [], []),
    ({"vlan_vid": 0x1064}, ["vlan_pcp"], [("pop_vlan",)]),
    ({"eth_type": 0x0806}, ["arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha"], []),
    ({"eth_type": 0x0800}, ["ip_dscp", "ip_ecn", "ip_proto", "ipv4_src", "ipv4_dst"], IP_ACTIONS),
    ({"eth_type": 0x0800, "ip_proto": 6}, ["tcp_src", "tcp_dst", "ipv4_src", "ipv4_dst"], IP_ACTIONS),
    ({"eth_type": 0x0800, "ip_proto": 17}, ["udp_src", "udp_dst", "ipv4_src", "ipv4_dst"], IP_ACTIONS),
    ({"eth_type": 0x0800, "ip_proto": 1}, ["icmpv4_type", "icmpv4_code", "ipv4_dst"], IP_ACTIONS),
    ({"eth_type": 0x86DD}, ["ipv6_src", "ipv6_dst", "ipv6_flabel", "ipv6_exthdr", "ip_dscp"], IP_ACTIONS),
    ({"eth_type": 0x86DD, "ip_proto": 6}, ["tcp_src", "tcp_dst", "ipv6_dst"], IP_ACTIONS),
    ({"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 135}, ["ipv6_nd_target", "ipv6_nd_sll"], IP_ACTIONS),
    ({"eth_type": 0x8847}, ["mpls_label", "mpls_tc", "mpls_bos"], [
        ("dec_mpls_ttl",), ("set_mpls_ttl", 7), ("pop_mpls", 0x0800), ("copy_ttl_in",), ("copy_ttl_out",)]),
    ({"eth_type": 0x88E7}, ["pbb_isid", "pbb_uca"], [("pop_pbb",)]),
]  # fmt: skip
PUSHES: list[Action] = [("push_vlan", 0x8100), ("push_vlan", 0x88A8), ("push_mpls", 0x8847), ("push_pbb", 0x88E7)]
UNSETTABLE = {"in_port", "in_phy_port", "metadata", "ipv6_exthdr"}


def whole(name: str) -> int:
    return int((1 << SHAPE[name][1]) - 1)


class Rules:
    """Everything is drawn from `r`, so that a seed tells all."""

    def __init__(self, r: Random, tables: int = 4) -> None:
        self.r = r
        self.tables = TABLES[:tables]
        self.groups: dict[int, Group] = {}
        self.meters: list[int] = []
        self.cookie = 0
        self.nicira_share = 0.0
        self.table = 0  # that the flow is for
        self.lists = False  # it is a list of actions that is made, not an action set

    def match(self, stack: Stack) -> Match:
        needed, allowed, _ = stack
        fields = self.r.sample(ANYWHERE, self.r.choice([0, 0, 1, 2])) + self.r.sample(
            allowed, min(len(allowed), self.r.choice([0, 1, 1, 2]))
        )
        found = {name: (value, whole(name)) for name, value in needed.items()}
        if self.nicira_share and self.r.random() < 0.4:
            fields.append(self.r.choice(["reg0", "reg1", "reg2"]))
        found |= {name: self.masked(name) for name in fields if name not in found}
        if not needed and self.r.random() < 0.1:
            found["vlan_vid"] = self.r.choice([(0, 0x1FFF), (0x1000, 0x1000)])
        if "in_port" in found and self.r.random() < 0.2:
            found["in_phy_port"] = self.masked("in_phy_port")
        return {name: pair for name, pair in found.items() if pair[1]}

    def masked(self, name: str) -> tuple[int, int]:
        mask = whole(name)
        if SHAPE[name][2] and self.r.random() < 0.5:
            mask = self.r.choice([mask & ~0xFF, mask & ~0xFFFF, mask & 1, mask & 0xFF, mask >> 1])
        return self.r.choice(NUMBERS[name]) & mask, mask

    def output(self, packet_out: bool = False) -> Action:
        ports = [*PORTS, 1, 2, 3, 4, IN_PORT, ALL, FLOOD, CONTROLLER, 9, *([TABLE] if packet_out else [])]
        return ("output", self.r.choice(ports), self.r.choice([0xFFFF, 64]))

    def change(self, stack: Stack) -> Action:
        """An action that changes the packet, or perhaps does not apply."""
        needed, allowed, special = stack
        kind = self.r.random()
        if special and kind < 0.4:
            return self.r.choice(special)
        if kind < 0.55:
            return self.r.choice(PUSHES)
        if kind < 0.6:
            return ("set_queue", self.r.choice([0, 3]))
        fields = [name for name in [*allowed, *needed, "eth_dst", "eth_src", "tunnel_id"] if name not in UNSETTABLE]
        name = self.r.choice([name for name in fields if name in NUMBERS])
        return ("set_field", name, self.r.choice(NUMBERS[name]))

    def actions(self, stack: Stack, nicira: float = 0.0, depth: int = 0) -> list[Action]:
        """`nicira`: how many of them are Nicira's, about."""
        listed: list[Action] = []
        for _ in range(self.r.choice([0, 1, 1, 2, 3]) + (2 if nicira else 0)):
            kind = self.r.random()
            if self.r.random() < nicira:
                listed.append(self.nicira(stack, depth))
            elif kind < 0.45:
                listed.append(self.output())
            elif kind < 0.6 and self.groups:
                listed.append(("group", self.r.choice(list(self.groups))))
            elif kind < 0.63:
                listed.append(("output", NORMAL, 0))
            else:
                listed.append(self.change(stack))
        return listed

    def instructions(self, stack: Stack, table: int) -> dict[str, Any]:
        then: dict[str, Any] = {}
        self.table = table
        if self.meters and self.r.random() < 0.3:
            then["meter"] = self.r.choice([*self.meters * 5, 77])
        later = [each for each in self.tables if each > table]
        if later and self.r.random() < 0.6:
            then["goto"] = self.r.choice(later)
        if self.r.random() < 0.2:
            mask = self.r.choice([0xFF, (1 << 64) - 1, 1 << 63])
            then["metadata"] = (self.r.choice(NUMBERS["metadata"]) & mask, mask)
        if self.r.random() < 0.7:
            self.lists = True
            then["apply"] = self.actions(stack, self.nicira_share)
            self.lists = False
        if self.r.random() < 0.1:
            then["clear"] = True
        if self.r.random() < 0.5:
            then["write"] = self.actions(stack)
        return then

    def part(self, stack: Stack, write: bool) -> tuple[str, int]:
        """A field of Nicira's or of the frame, and its width."""
        names = ["reg0", "reg1", "reg2", "xreg0", "xreg1", "xxreg0", "eth_src", "eth_dst", "tunnel_id", "in_port_16"]
        names += [
            "metadata",
            "vlan_tci",
            *(["nw_ttl", "ip_tos"] if stack[0].get("eth_type") in (0x0800, 0x86DD) else []),
        ]
        names += [name for name in stack[1] if name in HEADERS and (name != "ipv6_exthdr" or not write)]
        name = self.r.choice([name for name in names if not write or name not in ("in_port_16",)])
        return name, WIDTHS[name]

    def nicira(self, stack: Stack, depth: int = 0) -> Action:
        """One of Nicira's actions; a few do not fit."""
        r, kind = self.r, self.r.random()
        if r.random() < 0.2:
            return self.multipath(stack) if kind < 0.5 else self.bundle(stack)
        if kind < 0.55:
            return self.load(stack) if kind < 0.3 else self.move(stack)
        if kind < 0.75:
            later = [
                each for each in self.tables if each > self.table
            ]  # loops fill a worker's stack: `test_nicira` has them
            return ("resubmit", r.choice([0xFFF8, 0xFFF8, 1, 2, 0xFFFE]), r.choice(later or [200]))
        if kind < 0.85:
            name, width = self.part(stack, True)
            return (r.choice(["push", "push", "pop"]), name, 0, r.choice([width, min(width, 16)]))
        if kind < 0.92:
            return ("output_reg", r.choice(["reg0", "reg1", "in_port_16"]), 0, 16)
        return ("clone", self.actions(stack, 0.3, depth + 1)) if kind < 0.96 and depth < 2 else self.last()

    def multipath(self, stack: Stack) -> Action:
        r, (name, width) = self.r, self.target(stack)
        links, bits = r.choice([1, 2, 3, 3, 4, 70]), min(width, r.choice([16, 16, 16, 2]))
        how = (r.randrange(7), r.choice([0, 1, 50]), r.randrange(4), links, r.choice([0, 3, 5, 8, 0x80000005]))
        return ("multipath", *how, name, r.choice([0, 0, width - bits]), bits)

    def bundle(self, stack: Stack) -> Action:
        r, (name, width) = self.r, self.target(stack)
        members = r.sample([1, 2, 3, 4, 0xFFFE, 9, 0xFFFF], r.choice([0, 1, 2, 3, 4, 5]))
        how = (r.randrange(7), r.choice([0, 1, 50]), r.choice([0, 1, 1]), members)
        return ("bundle", *how) if r.random() < 0.6 else ("bundle_load", name, 0, min(width, 16), *how)

    def target(self, stack: Stack) -> tuple[str, int]:
        """Mostly what is looked up and output to."""
        return self.part(stack, True) if self.r.random() < 0.3 else (self.r.choice(["reg0", "reg1"]), 32)

    def last(self) -> Action:
        return (self.r.choice(["exit", "note"]),)

    def load(self, stack: Stack) -> Action:
        name, width = self.part(stack, True)
        bits = self.r.choice([min(width, 32), min(width, 64), 1, min(8, width)])
        values = [value for value in NUMBERS.get(name, [0, 1, 2, 3]) if value >> bits == 0] or [1]
        return ("load", name, self.r.choice([0, 0, width - bits]), bits, self.r.choice(values))

    def move(self, stack: Stack) -> Action:
        r, (source, one), (target, other) = self.r, self.part(stack, False), self.part(stack, True)
        bits = r.choice([min(one, other), 1, min(16, one, other)])
        return ("move", source, r.choice([0, one - bits]), target, r.choice([0, other - bits]), bits)

    def conjunction(self, number: int) -> list[Request]:
        """Flows of a conjunction of two or three clauses, and perhaps the one that it leads to."""
        table, priority, clauses = self.r.choice(self.tables), 60 + self.r.randrange(3), self.r.choice([2, 2, 3])
        found = []
        for clause in [*range(clauses), *self.r.sample(range(clauses), 1)]:
            request = Request(0, table, priority, self.match(({}, [], [])))
            request.then = {"apply": [("conjunction", number, clause, clauses)]}
            found.append(request)
        if self.r.random() < 0.8:
            match = {"conj_id": (number, 0xFFFFFFFF)}
            found.append(Request(0, table, priority, match, {"apply": [("output", self.r.choice([1, 2, 3]), 0)]}))
        for request in found:
            self.cookie += 1
            request.cookie = self.cookie
        return found

    def request(self, commands: list[int]) -> Request:
        """A flow-mod. One in a few is refused, because its actions do not fit its match."""
        stack = self.r.choice(STACKS)
        table = self.r.choice(self.tables)
        command = self.r.choice(commands)
        miss = self.r.random() < 0.08
        flags = sum(flag for flag in (SEND_FLOW_REM, CHECK_OVERLAP, RESET_COUNTS) if self.r.random() < 0.2)
        request = Request(command, table, 0 if miss else self.r.randrange(60), {} if miss else self.match(stack))
        self.cookie += 1
        request.cookie, request.flags = self.cookie, flags
        if command:
            request.cookie_mask = self.r.choice([0, 0, 1, 3])
            request.out_port = self.r.choice([ANY, ANY, ANY, 1, CONTROLLER])
            request.out_group = self.r.choice([ANY, ANY, ANY, *self.groups])
        if command < 3:
            request.then = self.instructions(stack, table)
        return request

    def group(self, number: int, longest: int = 3) -> Group:
        """A group that may lead to those that are there."""
        kind = self.r.randrange(4)
        buckets = []
        for _ in range(1 if kind == 2 else self.r.randint(0 if kind != 3 else 1, longest)):
            listed = [self.output()] if self.r.random() < 0.8 else []
            if self.r.random() < 0.4:
                listed.append(self.change(self.r.choice(STACKS)))
            if self.groups and self.r.random() < 0.2:
                listed.append(("group", self.r.choice(list(self.groups))))
            watch = self.r.choice([1, 2, 3, 9]) if kind == 3 or self.r.random() < 0.2 else None
            buckets.append(Bucket(listed, self.r.choice([1, 1, 2, 0]) if kind == 1 else 0, watch))
        return Group(kind, buckets)

    # packets
    def frame(self) -> bytes:
        r = self.r
        kind, body = self.body()
        tags = [
            (r.choice([0x8100, 0x88A8]), r.choice([0, 3 << 13]) | r.choice(VLANS))
            for _ in range(r.choice([0, 0, 1, 2]))
        ]
        frame = f.ethernet(r.choice(MACS), r.choice(MACS[:3]), tags, kind, body)
        return frame[: r.randrange(len(frame) + 1)] if r.random() < 0.08 else frame

    def body(self, depth: int = 1) -> tuple[int, bytes]:
        r = self.r
        makers: list[Callable[[], tuple[int, bytes]]] = [
            self.ipv4,
            self.ipv4,
            self.ipv4,
            self.ipv6,
            self.ipv6,
            self.arp,
        ]
        if depth:
            makers += [self.mpls, self.pbb]
        return r.choice(makers)() if r.random() < 0.97 else (0x9000, b"loop")

    def transport(self, v6: bool) -> tuple[int, bytes]:
        r = self.r
        kind, payload = r.randrange(4), bytes(r.choice([0, 1, 30]))
        if kind == 0:
            return f.TCP, f.tcp(r.choice(L4_PORTS), r.choice(L4_PORTS), payload)
        if kind == 1:
            return f.UDP, f.udp(r.choice(L4_PORTS), r.choice(L4_PORTS), payload)
        if not v6:
            return f.ICMP, f.icmp(r.choice([0, 8]), 0, payload)
        if kind == 2:
            return f.ICMPV6, f.icmp(128, 0, payload)
        return f.ICMPV6, f.neighbour(135, r.choice(HOSTS6), [(1, r.choice(MACS))])

    def ipv4(self) -> tuple[int, bytes]:
        r = self.r
        proto, message = self.transport(False)
        return 0x0800, f.ipv4(r.choice(HOSTS), r.choice(HOSTS), proto, message, tos=r.choice([0, 41]),
                              ttl=r.choice([64, 64, 1, 0]), fragment=r.choice([0] * 6 + [0x2000, 0x0010]),
                              options=r.choice([b"", b"", b"", b"\x01" * 4]))  # fmt: skip

    def ipv6(self) -> tuple[int, bytes]:
        r = self.r
        proto, message = self.transport(True)
        numbers = r.choice([[], [], [], [0], [44]])
        chain = [(number, f.extension(number, r.randrange(256))) for number in numbers]
        return 0x86DD, f.ipv6(r.choice(HOSTS6), r.choice(HOSTS6), proto, message, chain=chain, klass=r.choice([0, 41]),
                              label=r.choice([0, 1]), hops=r.choice([64, 64, 1]))  # fmt: skip

    def arp(self) -> tuple[int, bytes]:
        r = self.r
        body = f.arp(r.choice([1, 2]), r.choice(MACS), r.choice(HOSTS), r.choice(MACS), r.choice(HOSTS))
        return 0x0806, body

    def mpls(self) -> tuple[int, bytes]:
        r = self.r
        labels = [r.choice(LABELS) << 12 | r.choice([0, 1]) << 9 | r.choice([64, 1]) for _ in range(r.choice([1, 2]))]
        labels[-1] |= 0x100
        return 0x8847, b"".join(label.to_bytes(4) for label in labels) + self.ipv4()[1]

    def pbb(self) -> tuple[int, bytes]:
        r = self.r
        kind, body = self.body(0)
        return 0x88E7, r.choice([7, 8]).to_bytes(4) + f.ethernet(r.choice(MACS), r.choice(MACS), [], kind, body)
