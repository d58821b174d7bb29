"""OpenFlow's pipeline, with 1.5.1's egress tables, on bytes and dictionaries, one packet at a time, nothing optimised.

Where the protocol leaves a choice (the bucket of a select group, one of several flows of equal priority), `outcomes`
gives every result that is right. Copies of a packet (of groups, clones, egress tables) come after it, the last first:
no order is specified, and it shows only in what output:NORMAL learns first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.oracle import actions as rewrite
from tests.oracle import multipath, subfields
from tests.oracle.action_set import Action, by_kind, in_order
from tests.oracle.field_actions import Exit, FieldActions
from tests.oracle.flow_table import GROUP_DELETE, METER_DELETE, Flow, FlowTable
from tests.oracle.groups import ALL as ALL_BUCKETS
from tests.oracle.groups import Group, candidates, plain
from tests.oracle.meters import DROP, OracleMeter, remarked
from tests.oracle.nicira import wide_port
from tests.oracle.outputs import Memory, Outputs
from tests.oracle.packet import (
    ACTION,
    ACTION_SET,
    GROUP,
    INVALID_TTL,
    NO_RECV,
    PACKET_OUT,
    PORT_DOWN,
    Gone,
    Packet,
    PacketIn,
    Port,
)
from tests.oracle.parse import parse

MOST_KNOWN = 32
OWN_TABLE, OWN_PORT, RESUBMITS = 255, 0xFFF8, 4096
NICIRA = {"load", "move", "resubmit", "push", "pop", "output_reg", "exit", "note", "clone"}
NICIRA |= {"multipath", "bundle", "bundle_load"}
OWN = {"output", "group", "meter", "set_masked", "copy_field"} | NICIRA  # what a walk does itself, not `rewrite`


@dataclass
class Switch:
    """`ports` by OpenFlow number."""

    ports: dict[int, Port]
    flows: FlowTable = field(default_factory=FlowTable)
    groups: dict[int, Group] = field(default_factory=dict)
    known: list[Memory] = field(default_factory=lambda: [Memory()])  # what may have happened
    egress: int | None = None  # the first egress table

    def receive(self, port: int, data: bytes, now: int = 0) -> Iterator[Walk]:
        """Every right result of a packet coming in by a port."""
        return self._outcomes(now, lambda walk: walk.receive(port, data))

    def packet_out(self, in_port: int, actions: list[Action], data: bytes, now: int = 0) -> Iterator[Walk]:
        return self._outcomes(now, lambda walk: walk.packet_out(in_port, actions, data))

    def _outcomes(self, now: int, run: Callable[[Walk], None]) -> Iterator[Walk]:
        plans: list[tuple[list[int], Memory]] = [([], memory) for memory in self.known]
        while plans:
            plan, memory = plans.pop()
            walk = Walk(self, list(plan), memory.copy(), now)
            try:
                run(walk)
            except Undecided as undecided:
                plans += [([*plan, choice], memory) for choice in range(undecided.choices)]
            else:
                yield walk

    def accept(self, walks: list[Walk], now: int) -> None:
        """Count what the first of these walks matched, and know what may have happened in any."""
        self.known = []
        for walk in walks:
            if not self.lost and walk.memory not in self.known:
                self.known.append(walk.memory)
        for flow, octets in walks[0].matched:
            flow.packets, flow.octets, flow.used = flow.packets + 1, flow.octets + octets, now

    @property
    def lost(self) -> bool:
        """Whether so much may have happened that it is not worth following."""
        return len(self.known) > MOST_KNOWN

    def set_meter(self, number: int, meter: OracleMeter) -> None:
        """Add a meter, or give it other bands: it keeps its counters then (OpenFlow 1.3.5 section 6.7)."""
        for memory in self.known:
            fresh = deepcopy(meter)
            fresh.total = memory.meters[number].total if number in memory.meters else fresh.total
            memory.meters[number] = fresh

    def delete_meter(self, number: int) -> None:
        """With it go the groups that use it, groups that use those, and flow entries that use any of them."""
        for memory in self.known:
            memory.meters.pop(number, None)
        self.flows.remove_using(lambda flow: number in flow.meters, METER_DELETE)
        doomed = {each for each, group in self.groups.items() if group.uses("meter", number)}
        while doomed:
            gone = doomed.pop()
            del self.groups[gone]
            doomed |= {each for each, group in self.groups.items() if group.uses("group", gone)}
            self.flows.remove_using(lambda flow, gone=gone: ("group", gone) in flow.actions(), GROUP_DELETE)

    def configure(self, number: int, port: Port) -> None:
        self.ports[number] = port
        for memory in self.known:
            if not port.live:
                memory.forget(number)


class Undecided(Exception):
    def __init__(self, choices: int) -> None:
        super().__init__(f"{choices} choices")
        self.choices = choices


@dataclass
class Walk(FieldActions, Outputs):
    """What happened to one packet: (port, bytes) sent, packet-ins, flows matched, tables asked."""

    switch: Switch
    plan: list[int]
    memory: Memory
    now: int
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    packet_ins: list[PacketIn] = field(default_factory=list)
    matched: list[tuple[Flow, int]] = field(default_factory=list)
    lookups: list[int] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)
    drops: Counter[str] = field(default_factory=Counter)
    tied: bool = False

    def choose(self, number: int) -> int:
        if number == 1:
            return 0
        if not self.plan:
            raise Undecided(number)
        return self.plan.pop(0)

    def receive(self, port: int, data: bytes) -> None:
        if self.switch.ports[port].config & (NO_RECV | PORT_DOWN):
            self.drops["port_config"] += 1
            return
        self.tables(Packet(data, port))
        self.drain()

    def packet_out(self, in_port: int, actions: list[Action], data: bytes) -> None:
        packet = Packet(data, in_port, reason=PACKET_OUT)
        if self.long_enough(packet):
            self.all_of(packet, actions)
            self.drain()

    def long_enough(self, packet: Packet) -> bool:
        self.drops["short"] += len(packet.data) < 14
        return len(packet.data) >= 14

    def drain(self) -> None:
        while self.waiting:
            self.waiting.pop()()

    def later(self, do: Callable[..., None], *arguments: Any) -> None:
        self.waiting.append(partial(do, *arguments))

    def tables(self, packet: Packet, first: int = 0) -> None:
        if not self.long_enough(packet):
            return
        packet.reason = ACTION
        packet.action_set = {}
        table: int | None = first
        with self.life(packet):
            with suppress(Exit):
                while table is not None:
                    flow = self.lookup(packet, table)
                    if flow is None:
                        raise Gone("no_match")
                    table = self.entry(packet, flow, table)
            self.execute_set(packet)

    @contextmanager
    def life(self, packet: Packet) -> Iterator[None]:
        """Why it ended, unless it was sent."""
        try:
            yield
            self.drops["no_action"] += not packet.sent
        except Gone as gone:
            self.drops[str(gone)] += 1

    def execute_set(self, packet: Packet) -> None:
        packet.reason = ACTION_SET
        self.each(packet, in_order(packet.action_set, packet.leaving is not None))
        if packet.leaving is not None:
            self.send(packet, packet.leaving)

    def lookup(self, packet: Packet, table: int, in_port: int | None = None) -> Flow | None:
        self.lookups.append(table)
        best = self.switch.flows.best(table, packet.fields(in_port))
        if not best:
            return None
        self.tied |= len(best) > 1
        flow = best[self.choose(len(best))]
        self.matched.append((flow, len(packet.data)))
        return flow

    def entry(self, packet: Packet, flow: Flow, table: int) -> int | None:
        """Do what a flow says; the table that it goes on to."""
        packet.flow, packet.table = flow, table
        if "meter" in flow.then:
            self.meter(packet, flow.then["meter"])
        self.each(packet, flow.then.get("apply", []))
        if "clear" in flow.then:
            packet.action_set = {}
        packet.action_set |= by_kind(flow.then.get("write", []))
        value, mask = flow.then.get("metadata", (0, 0))
        packet.metadata = packet.metadata & ~mask | value & mask
        return flow.then.get("goto")

    def resubmit(self, packet: Packet, port: int, table: int) -> None:
        """Nicira's resubmit, and what it leads to."""
        table = packet.table if table == OWN_TABLE else table
        self.bounded(packet)
        came_from, deep = (packet.table, packet.flow), table <= packet.table
        flow = self.lookup(packet, table, None if port == OWN_PORT else wide_port(port))
        packet.depth += deep
        following: int | None = table
        while flow is not None:
            following = self.entry(packet, flow, following or 0)
            if following is None:
                break
            self.bounded(packet, RESUBMITS)
            flow = self.lookup(packet, following)
        packet.depth -= deep
        packet.table, packet.flow = came_from

    def bounded(self, packet: Packet, deepest: int = 64) -> None:
        if packet.resubmits >= RESUBMITS or packet.depth >= deepest:
            raise Gone("resubmit")
        packet.resubmits += 1

    def all_of(self, packet: Packet, actions: list[Action]) -> None:
        """Do a list of its own: what a bucket, a clone or a packet-out says."""
        with self.life(packet), suppress(Exit):
            self.each(packet, actions)

    def to_the_end(self, packet: Packet, actions: list[Action]) -> None:
        with self.life(packet):
            with suppress(Exit):
                self.each(packet, actions)
            self.execute_set(packet)

    def each(self, packet: Packet, actions: list[Action]) -> None:
        for action in actions:
            self.act(packet, action)

    def act(self, packet: Packet, action: Action) -> None:
        name, *arguments = action
        if name in OWN:
            getattr(self, name)(packet, *arguments)
        elif name != "set_queue":
            frame = rewrite.Frame(packet.data, tunnel=packet.tunnel)
            result = getattr(rewrite, name)(frame, *arguments)
            packet.data, packet.tunnel = frame.data, frame.tunnel
            if result == rewrite.EXPIRED:
                self.punt(packet, INVALID_TTL, -1)
                raise Gone("ttl")

    def meter(self, packet: Packet, number: int) -> None:
        """What was sent before stays sent; what is no IP packet has nothing to remark."""
        verdict = self.measured(packet, number)
        if verdict == DROP:
            raise Gone("meter")
        dscp = parse(packet.data).fields.get("ip_dscp")
        if verdict and dscp is not None:
            self.act(packet, ("set_field", "ip_dscp", remarked(dscp, verdict)))

    def group(self, packet: Packet, number: int) -> None:
        packet.sent = True
        self.later(self.buckets, packet.copy(in_bucket=True, reason=GROUP), number)

    def buckets(self, packet: Packet, number: int) -> None:
        group = self.switch.groups[number]
        indices = self.chosen(number, group)
        self.drops["group"] += not indices
        for index in reversed(indices):
            self.later(self.all_of, packet.copy(), in_order(by_kind(group.buckets[index].actions)))

    # Nicira's actions

    def clone(self, packet: Packet, listed: list[Action]) -> None:
        """As in Open vSwitch the copy has the action set, too, and executes it; but not in a bucket."""
        packet.sent = True
        self.later(self.all_of if packet.in_bucket else self.to_the_end, packet.copy(), listed)

    def live(self) -> set[int]:
        return {each for each, port in self.switch.ports.items() if port.live}

    def multipath(self, packet: Packet, fields: int, basis: int, algorithm: int, links: int, argument: int,
                  name: str, offset: int, bits: int) -> None:  # fmt: skip
        number = multipath.hashed(packet.data, multipath.FIELDS[fields], basis)
        link = multipath.link(number, multipath.ALGORITHMS[algorithm], links, argument)
        subfields.write(packet, name, offset, bits, link)

    def member(self, packet: Packet, fields: int, basis: int, algorithm: int, members: list[int]) -> int:
        number = multipath.hashed(packet.data, multipath.FIELDS[fields], basis)
        return multipath.member(number, algorithm, [wide_port(port) for port in members], self.live())

    def bundle(self, packet: Packet, *how: Any) -> None:
        self.output(packet, wide_port(self.member(packet, *how)), 0)

    def bundle_load(self, packet: Packet, name: str, offset: int, bits: int, *how: Any) -> None:
        subfields.write(packet, name, offset, bits, self.member(packet, *how))

    def chosen(self, number: int, group: Group) -> list[int]:
        if group.kind == ALL_BUCKETS:
            return list(range(len(group.buckets)))
        groups = {each: plain(self.switch.groups[each]) for each in self.switch.groups}
        fitting = candidates(groups, groups[number], self.live())
        return [fitting[self.choose(len(fitting))]] if fitting else []
