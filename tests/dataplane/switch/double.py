"""A data plane of dictionaries behind the `Datapath` protocol: enough for the agent's own tests, no packets move.

Flow entries are compared by their wire bytes; it refuses what the tests need refused, and records what it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.datapath import (
    ADDED,
    CHANGED,
    REMOVED,
    FlowChange,
    FlowFilter,
    FlowModOutcome,
    PacketIn,
    Pipeline,
    PortCounters,
    PortInfo,
    Removed,
)

HEADER = Struct("!BBHI")
FLOW_MOD = Struct("!QQBBHHHIIIH2x")
FLOW_STATS = Struct("!HBxIIHHHH4xQQQ")


@dataclass
class Entry:
    cookie: int
    table_id: int
    priority: int
    idle_timeout: int
    hard_timeout: int
    flags: int
    match: bytes
    instructions: bytes
    since: int

    def removed(self, reason: int, now: int) -> Removed:
        age = divmod(now - self.since, 1_000_000_000)
        timeouts = self.idle_timeout, self.hard_timeout
        return Removed(self.cookie, self.priority, reason, self.table_id, *age, *timeouts, 0, 0, self.match, self.flags)

    def stats(self, now: int) -> bytes:
        age = divmod(now - self.since, 1_000_000_000)
        length = FLOW_STATS.size + len(self.match) + len(self.instructions)
        fixed = (self.priority, self.idle_timeout, self.hard_timeout, self.flags, self.cookie, 0, 0)
        return FLOW_STATS.pack(length, self.table_id, *age, *fixed) + self.match + self.instructions


def port(number: int) -> PortInfo:
    hw_addr = bytes((2, 0, 0, 0, 0, number & 0xFF))
    return PortInfo(number, hw_addr, f"port{number}", 0, ofp.OFPPS_LIVE, ofp.OFPPF_10GB_FD, 0, 0, 0, 10_000_000, 0)


class Rehearsed(OpenFlowError):
    """Nothing failed."""


class Double:
    """See the module."""

    def __init__(self, ports: int = 2) -> None:
        self.known = {number: port(number) for number in range(1, ports + 1)}
        self.flows: dict[tuple[int, int, bytes], Entry] = {}
        self.runs: list[int] = []  # flow-mods in each call
        self.sent: list[tuple[int, bytes, bytes]] = []  # packet-outs
        self.resumed: list[tuple[bytes, Pipeline, bytes]] = []
        self.waiting: list[PacketIn] = []
        self.groups: list[tuple[int, int, int, bytes]] = []
        self.meters: list[tuple[int, int, int, bytes]] = []
        self.changes: list[FlowChange] = []
        self.watched = False
        self.limit = 1_000_000  # entries, of all tables together
        self.eviction: dict[int, int | None] = {}
        self.held = False  # in a bundle
        self.rehearsing = False  # one that is only tried
        self.removed: list[Removed] = []  # in this bundle
        self.fragments = 0
        self.misses = False
        self.first_egress: int | None = None
        self.standalone = False

    def flow_mods(
        self, data: bytes | bytearray | memoryview, start: int, end: int, now: int, loose: bool = False
    ) -> FlowModOutcome:
        outcome = FlowModOutcome(start)
        count = 0
        while end - outcome.consumed >= HEADER.size:
            version, kind, length, _ = HEADER.unpack_from(data, outcome.consumed)
            if version < 4 or kind != ofp.OFPT_FLOW_MOD or length < 8 or outcome.consumed + length > end:
                break
            self._flow_mod(bytes(data[outcome.consumed : outcome.consumed + length]), outcome, now)
            outcome.consumed += length
            count += 1
        self.runs.append(count)
        return outcome

    def _flow_mod(self, message: bytes, outcome: FlowModOutcome, now: int) -> None:
        at = outcome.consumed
        if len(message) < 56:
            outcome.errors.append((at, ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN))
            return
        cookie, _, table_id, command, idle, hard, priority, buffer_id, _, _, flags = FLOW_MOD.unpack_from(message, 8)
        if table_id >= 254 and command != ofp.OFPFC_DELETE:
            outcome.errors.append((at, ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_BAD_TABLE_ID))
            return
        size = int.from_bytes(message[50:52], "big")
        match, instructions = message[48 : 48 + size + -size % 8], message[48 + size + -size % 8 :]
        if command == ofp.OFPFC_ADD:
            if len(self.flows) >= self.limit:
                outcome.errors.append((at, ofp.OFPET_FLOW_MOD_FAILED, ofp.OFPFMFC_TABLE_FULL))
                return
            entry = Entry(cookie, table_id, priority, idle, hard, flags, match, instructions, now)
            kind = CHANGED if (table_id, priority, match) in self.flows else ADDED
            self.flows[table_id, priority, match] = entry
            self.changes.append(FlowChange(kind, 0, entry.stats(now), at))
            if buffer_id != ofp.OFP_NO_BUFFER:
                outcome.buffers.append((at, buffer_id))
        elif command == ofp.OFPFC_DELETE:
            outcome.removed += self._clear(ofp.OFPRR_DELETE, now, at)

    def _clear(self, reason: int, now: int, at: int = -1) -> list[Removed]:
        gone = list(self.flows.values())
        self.flows.clear()
        self.changes += [FlowChange(REMOVED, reason, entry.stats(now), at) for entry in gone]
        removed = [entry.removed(reason, now) for entry in gone]
        self.removed += removed if self.held else []
        return [] if self.held else removed

    def watch_flows(self, on: bool) -> None:
        self.watched, self.changes = on, []

    def flow_changes(self) -> list[FlowChange]:
        found, self.changes = self.changes, []
        return found if self.watched else []

    def table_room(self, table: int) -> tuple[int, int]:
        return sum(key[0] == table for key in self.flows), self.limit

    def set_eviction(self, table: int, flags: int | None) -> None:
        self.eviction[table] = flags

    def atomically(self, change: Callable[[], None], now: int) -> list[Removed]:
        before = (
            dict(self.flows),
            list(self.groups),
            list(self.meters),
            dict(self.known),
            list(self.changes),
            dict(self.eviction),
        )
        self.held, self.removed = True, []
        try:
            change()
        except OpenFlowError:
            self.flows, self.groups, self.meters, self.known, self.changes, self.eviction = before
            raise
        finally:
            self.held = False
        return self.removed

    def rehearse(self, change: Callable[[], None], now: int) -> None:
        def fail_at_the_end() -> None:
            change()
            raise Rehearsed(0, 0)

        self.rehearsing = True
        try:
            self.atomically(fail_at_the_end, now)
        except Rehearsed:
            pass
        finally:
            self.rehearsing = False

    def flow_stats(self, chosen: FlowFilter, now: int, ages: bool = False) -> Iterator[bytes]:
        for entry in tuple(self.flows.values()):
            if chosen.table_id in (entry.table_id, ofp.OFPTT_ALL):
                record = entry.stats(now)
                age = Struct("!HH").pack(*[(now - entry.since) // 10**9 + 1] * 2)
                yield record[:20] + age + record[24:] if ages else record

    def aggregate(self, chosen: FlowFilter) -> tuple[int, int, int]:
        return 0, 0, len(self.flows)

    def table_stats(self) -> list[tuple[int, int, int, int]]:
        return [(table, sum(key[0] == table for key in self.flows), 0, 0) for table in range(254)]

    def triggered(self, now: int) -> list[bytes]:
        return []

    def expire(self, now: int) -> list[Removed]:
        old = [
            key
            for key, flow in self.flows.items()
            if flow.hard_timeout and now - flow.since >= flow.hard_timeout * 10**9
        ]
        gone = [self.flows.pop(key) for key in old]
        self.changes += [FlowChange(REMOVED, ofp.OFPRR_HARD_TIMEOUT, entry.stats(now), -1) for entry in gone]
        return [entry.removed(ofp.OFPRR_HARD_TIMEOUT, now) for entry in gone]

    def packet_out(
        self, in_port: int, actions: bytes, data: bytes, now: int, loose: bool = False, version: int = 4
    ) -> None:
        if actions[:2] not in (b"", b"\0\0"):
            raise OpenFlowError(ofp.OFPET_BAD_ACTION, ofp.OFPBAC_BAD_TYPE)
        if not self.rehearsing:
            self.sent.append((in_port, actions, data))

    def resume(self, paused: bytes, fields: Pipeline, data: bytes, now: int) -> None:
        self.resumed.append((paused, fields, data))

    def packet_ins(self, limit: int) -> list[PacketIn]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def group_mod(
        self,
        command: int,
        kind: int,
        group_id: int,
        buckets: bytes,
        now: int,
        ids: tuple[int, ...] | None = None,
        version: int = 4,
    ) -> list[Removed]:
        if command > ofp.OFPGC_DELETE:
            raise OpenFlowError(ofp.OFPET_GROUP_MOD_FAILED, ofp.OFPGMFC_BAD_COMMAND)
        self.groups.append((command, kind, group_id, buckets))
        if command != ofp.OFPGC_DELETE:
            return []
        return self._clear(ofp.OFPRR_GROUP_DELETE, now)

    def group_parts(self, group_id: int) -> tuple[int, tuple[int, ...], list[bytes]]:
        raise OpenFlowError(ofp.OFPET_GROUP_MOD_FAILED, ofp.OFPGMFC_UNKNOWN_GROUP)

    def group_rebuild(self, group_id: int, ids: tuple[int, ...], buckets: list[bytes], now: int) -> None:
        raise OpenFlowError(ofp.OFPET_GROUP_MOD_FAILED, ofp.OFPGMFC_UNKNOWN_GROUP)

    def group_stats(self, group_id: int, now: int) -> list[bytes]:
        return [Struct("!H2xII4xQQII").pack(40, group, 1, 2, 3, 4, 5) for _, _, group, _ in self.groups]

    def group_desc(self) -> list[bytes]:
        return [
            Struct("!HBxI").pack(8 + len(buckets), kind, group) + buckets for _, kind, group, buckets in self.groups
        ]

    def group_features(self) -> bytes:
        return Struct("!II4I4I").pack(15, 7, *(100,) * 4, *(1,) * 4)

    def meter_mod(self, command: int, flags: int, meter_id: int, bands: bytes, now: int) -> list[Removed]:
        if flags & ~15:
            raise OpenFlowError(ofp.OFPET_METER_MOD_FAILED, ofp.OFPMMFC_BAD_FLAGS)
        self.meters.append((command, flags, meter_id, bands))
        return []

    def meter_stats(self, meter_id: int, now: int) -> list[bytes]:
        return [Struct("!IH6xIQQII").pack(meter, 40, 1, 2, 3, 4, 5) for _, _, meter, _ in self.meters]

    def meter_config(self, meter_id: int) -> list[bytes]:
        return [Struct("!HHI").pack(8 + len(bands), flags, meter) + bands for _, flags, meter, bands in self.meters]

    def meter_features(self) -> bytes:
        return Struct("!IIIBB2x").pack(1000, 6, 15, 4, 0)

    def ports(self) -> list[PortInfo]:
        return list(self.known.values())

    def port_counters(self, port_no: int) -> list[PortCounters]:
        chosen = self.known if port_no == ofp.OFPP_ANY else (port_no,)
        return [PortCounters(number, 1, 2, 3, 4, 5, 6, 7, 8, 9_000_000_010) for number in chosen]

    def port_mod(self, port_no: int, hw_addr: bytes, config: int, mask: int, advertise: int) -> None:
        info = self.known[port_no]
        self.known[port_no] = info._replace(config=info.config & ~mask | config & mask)

    def queue_counters(self, port_no: int, queue_id: int, now: int) -> list[tuple[int, int, int, int, int, int]]:
        rows = [(1, 7, 10, 20, 30, 1_500_000_000)]
        return [row for row in rows if queue_id in (row[1], ofp.OFPQ_ALL)]

    def queue_config(self, port_no: int) -> list[tuple[int, int, int, int]]:
        return [(1, 7, 100, 0xFFFF)]

    def set_fragments(self, flags: int) -> None:
        self.fragments = flags

    def set_egress(self, first: int | None) -> None:
        self.first_egress = first

    def set_misses(self, told: bool) -> None:
        self.misses = told

    def set_standalone(self, standalone: bool) -> None:
        self.standalone = standalone
