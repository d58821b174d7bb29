"""Random tables and random packets: the node sends, punts and counts what the naive pipeline does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from struct import iter_unpack, unpack_from

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataplane import meter_rules
from tests.dataplane.forwarder import Forwarder, encode, told
from tests.dataplane.later_rules import LaterRules
from tests.dataplane.rules import PORTS, TABLES, Rules
from tests.dataplane.wire import CONTROLLER
from tests.oracle import instructions
from tests.oracle.flow_table import ADD, DELETE, DELETE_STRICT, MODIFY, MODIFY_STRICT, Request
from tests.oracle.meters import CONTROLLER as METER_CONTROLLER
from tests.oracle.oxm import Refused
from tests.oracle.packet import NO_FLOOD, NO_FWD, NO_PACKET_IN, NO_RECV, PORT_DOWN, Port
from tests.oracle.pipeline import Switch, Walk
from tests.oracle.program import Limits
from triplane.dataplane.kernels.compiler import INTERPRETED
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.datapath import Removed

MOSTLY_ADDS = [ADD] * 10 + [MODIFY, MODIFY_STRICT, DELETE, DELETE_STRICT]
CHANGES = [ADD] * 3 + [MODIFY] * 2 + [MODIFY_STRICT] * 2 + [DELETE] * 2 + [DELETE_STRICT] * 2
METERS = [1, 2, 3, METER_CONTROLLER]
CONFIGS = [0, 0, 0, PORT_DOWN, NO_RECV, NO_FLOOD, NO_FWD, NO_PACKET_IN, NO_RECV | NO_FLOOD]
CONFIG = PORT_DOWN | NO_RECV | NO_FLOOD | NO_FWD | NO_PACKET_IN
SEEDS = range(4) if INTERPRETED else range(40)


class Pair:
    """The node, and the oracle beside it."""

    def __init__(self, rules: Rules, version: int = 4) -> None:
        self.rules, self.version = rules, version
        self.node = Forwarder(version=version)
        self.switch = Switch({port: Port() for port in sorted(PORTS)})
        self.meters: set[int] = set()
        self.tied = False
        self.drops: Counter[str] = Counter()
        self.lookups: dict[int, int] = {}

    def add_group(self, number: int) -> None:
        group = self.rules.group(number)
        try:
            self.node.group(number, group)
        except OpenFlowError:
            assert group.uses("meter", 77) or (group.kind == 1 and not any(bucket.weight for bucket in group.buckets))
        else:
            self.rules.groups[number] = self.switch.groups[number] = group

    def set_meter(self, number: int) -> None:
        """Add it, or give it other bands."""
        meter, there = meter_rules.meter(self.rules.r), number in self.meters
        self.node.node.meter_mod(int(there), meter.flags, number, meter.wire(), self.node.now)
        self.switch.set_meter(number, meter.oracle(self.node.now))
        self.meters.add(number)
        self.name_meters()

    def delete_meter(self, number: int) -> None:
        removed = self.node.node.meter_mod(2, 0, number, b"", self.node.now)
        self.switch.flows.removed.clear()
        self.switch.delete_meter(number)
        self.check_removed(removed)
        self.meters.discard(number)
        self.name_meters()
        self.rules.groups = dict(self.switch.groups)

    def name_meters(self) -> None:
        """For rules to come."""
        self.rules.meters = sorted(self.meters - {METER_CONTROLLER})

    def configure(self, number: int, port: Port) -> None:
        slot = 0 if number == PORTS[-1] else number
        self.node.node.port_table.mod(number, self.node.ports[slot].hw_addr, port.config, CONFIG)
        self.node.ports[slot].up = port.up
        self.node.node.port_table.refresh(slot)
        self.switch.configure(number, port)

    def sources(self) -> list[int]:
        """Ports that frames may come from: those with a link."""
        return [number for number, port in self.switch.ports.items() if port.up]

    def flow_mod(self, request: Request) -> None:
        outcome = self.node.flow_mod(request)
        self.switch.flows.removed.clear()
        error = self.expected_error(request)
        assert [kind << 16 | code for _, kind, code in outcome.errors] == ([error] if error else []), request
        self.check_removed(outcome.removed)

    def check_removed(self, removed: Sequence[Removed]) -> None:
        """What the controller is told of."""
        gone = [(flow.cookie, reason, flow.packets, flow.octets) for flow, reason in self.switch.flows.removed]
        found = [(each.cookie, each.reason, each.packet_count, each.byte_count) for each in removed]
        if not self.tied:
            assert sorted(found) == sorted(gone)

    def expected_error(self, request: Request) -> int:
        groups = {number: number for number in self.rules.groups}
        meters = {number: number for number in self.rules.meters}
        known = Limits(groups=groups, meters=meters, version=self.version)
        known.first_egress = self.switch.egress or 0
        try:
            instructions.decode_flow_mod(encode(request, self.version), known)
        except Refused as refused:
            return refused.word
        return self.switch.flows.apply(request, self.node.now)

    def egress(self, first: int | None) -> None:
        self.node.node.set_egress(first)
        self.switch.egress = first

    def packet(self, port: int, data: bytes) -> None:
        sent = self.node.receive(0 if port == PORTS[-1] else port, data)
        self.accept(sent, list(self.switch.receive(port, data, self.node.now)), f"{data.hex()} by {port}")

    def packet_out(self, in_port: int, listed: list[tuple[object, ...]], data: bytes) -> None:
        sent = self.node.packet_out(in_port, listed, data)
        right = list(self.switch.packet_out(in_port, listed, data, self.node.now))
        self.accept(sent, right, f"{listed} on {data.hex()} by {in_port}")

    def accept(self, sent: list[tuple[int, bytes]], right: list[Walk], what: str) -> None:
        packet_ins = self.node.packet_ins()
        drops = self.new_drops()
        fitting = [
            walk
            for walk in right
            if (sorted(walk.sent), sorted(map(told, walk.packet_ins)), +walk.drops) == (sent, packet_ins, drops)
        ]
        if not fitting:
            first = right[0]
            assert sent == sorted(first.sent), what
            assert packet_ins == sorted(map(told, first.packet_ins)), what
            assert drops == +first.drops, what
        assert fitting, what
        self.tied |= any(walk.tied for walk in fitting) or len(fitting) > 1
        self.switch.accept(fitting, self.node.now)
        for table in fitting[0].lookups:
            self.lookups[table] = self.lookups.get(table, 0) + 1

    def new_drops(self) -> Counter[str]:
        """Since the last time."""
        before, self.drops = self.drops, Counter(self.node.state.drops())
        return self.drops - before

    def check_counts(self) -> None:
        """Ties apart, where the choice cannot be seen from outside."""
        self.node.assert_no_frame_lost()
        counts = self.node.counts()
        assert counts.keys() == {flow.cookie for flow in self.switch.flows.flows}
        if not self.tied:
            assert counts == {flow.cookie: (flow.packets, flow.octets) for flow in self.switch.flows.flows}
            found = {table: asked for table, _, asked, _ in self.node.node.table_stats() if asked}
            assert found == self.lookups
        for number in self.meters:
            self.check_meter(number)

    def check_meter(self, number: int) -> None:
        """The flow entries that use it, and ties apart its packets and bytes, and those of each of its bands."""
        (stats,) = self.node.node.meter_stats(number, self.node.now)
        users, *total = unpack_from("!IQQ", stats, 12)
        assert users == sum(number in flow.meters for flow in self.switch.flows.flows)
        if not self.tied:
            meter = self.switch.known[0].meters[number]
            assert (total, [list(pair) for pair in iter_unpack("!QQ", stats[40:])]) == (meter.total, meter.counts)


def run(r: Random, flows: int, packets: int, tables: int, nicira: float = 0.0) -> None:
    """`nicira`: how many of the actions are Nicira's, about."""
    pair = Pair(Rules(r, tables))
    pair.rules.nicira_share = nicira
    walk(r, pair, flows, packets)


def run_later(r: Random, flows: int, packets: int, tables: int, nicira: float = 0.0) -> None:
    """OpenFlow 1.5, mostly with egress tables."""
    rules = LaterRules(r, tables, r.choice([None, *TABLES[1:tables]]))
    rules.nicira_share = nicira
    pair = Pair(rules, version=6)
    pair.egress(rules.egress)
    for request in rules.leaving():
        pair.flow_mod(request)
    walk(r, pair, flows, packets)


def walk(r: Random, pair: Pair, flows: int, packets: int) -> None:
    for number in r.choice([[], METERS[:2], METERS]):
        pair.set_meter(number)
    for number in range(r.randrange(5)):
        pair.add_group(10 + number)
    for _ in range(flows):
        pair.flow_mod(pair.rules.request(MOSTLY_ADDS))
    for number in range(2 if pair.rules.nicira_share else 0):
        for request in pair.rules.conjunction(7 + number):
            pair.flow_mod(request)
    for _ in range(packets):
        if pair.switch.lost:
            break
        pair.node.now += r.choice(meter_rules.STEPS)
        if r.random() < 0.1:
            pair.flow_mod(pair.rules.request(CHANGES))
        if r.random() < 0.05:
            change_meters(r, pair)
        if r.random() < 0.1:
            pair.configure(r.choice(PORTS), Port(r.choice(CONFIGS), up=r.random() < 0.8))
        if r.random() < 0.1:
            listed = [pair.rules.output(packet_out=True) for _ in range(r.randrange(3))]
            pair.packet_out(r.choice([*pair.sources(), CONTROLLER]), listed, pair.rules.frame())
        if pair.sources():
            pair.packet(r.choice(pair.sources()), pair.rules.frame())
    pair.check_counts()
    pair.node.close()


def change_meters(r: Random, pair: Pair) -> None:
    if pair.meters and r.random() < 0.3:
        pair.delete_meter(r.choice(sorted(pair.meters)))
    else:
        pair.set_meter(r.choice(METERS))


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_full_of_overlaps(seed: int) -> None:
    run(Random(seed), flows=12 if INTERPRETED else 60, packets=15 if INTERPRETED else 80, tables=3 + seed % 3)


@settings(max_examples=20 if INTERPRETED else 60)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 3))
def test_few_flows_and_packets(r: Random, flows: int, packets: int) -> None:
    run(r, flows, packets, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_registers_resubmits_clones_and_conjunctions(seed: int) -> None:
    run(Random(1000 + seed), 16 if INTERPRETED else 60, 15 if INTERPRETED else 80, 3 + seed % 3, nicira=0.5)


@settings(max_examples=20 if INTERPRETED else 60)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 3))
def test_few_flows_of_niciras(r: Random, flows: int, packets: int) -> None:
    run(r, flows, packets, 2, nicira=0.6)


@pytest.mark.parametrize("seed", SEEDS)
def test_masks_copies_and_egress_tables(seed: int) -> None:
    flows, packets = (16, 15) if INTERPRETED else (60, 80)
    run_later(Random(2000 + seed), flows, packets, 3 + seed % 3, nicira=0.3 * (seed % 2))


@settings(max_examples=20 if INTERPRETED else 60)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 3))
def test_few_flows_of_egress_tables(r: Random, flows: int, packets: int) -> None:
    run_later(r, flows, packets, 3)
