"""One forwarder: the Datapath that the switch agent commands, over the arrays, the workers and the ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from triplane.dataplane.kernels import node as n
from triplane.dataplane.kernels.actions import decode_actions
from triplane.dataplane.kernels.arena import arena_take
from triplane.dataplane.kernels.classify import TABLES
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.flow_decoder import CODE_WORDS, OFPRR_GROUP_DELETE, OFPRR_METER_DELETE
from triplane.dataplane.kernels.inject import inject, resume, write_program
from triplane.dataplane.kernels.limits import (
    CHECK_NONE,
    LIMIT_CHECK,
    LIMIT_EGRESS,
    LIMIT_LOOSE,
    LIMIT_OUTPUT_TABLE,
    LIMIT_VERSION,
    give_meters,
    make_limits,
)
from triplane.dataplane.kernels.packet import IN_PORT, MARK, METADATA, PACKET_WORDS, REG, REGS, TUNNEL_ID
from triplane.dataplane.kernels.pause import S_REUSED, S_ROW
from triplane.dataplane.kernels.pool import Words
from triplane.dataplane.kernels.publish import publish
from triplane.dataplane.kernels.registers import IN_USE
from triplane.dataplane.openflow.errors import NICIRA_ERROR, NXR_STALE, OpenFlowError
from triplane.dataplane.ports import OpenPort, Ports
from triplane.dataplane.state import State
from triplane.dataplane.switch.datapath import (
    FlowChange,
    FlowFilter,
    FlowModOutcome,
    PacketIn,
    Pipeline,
    PortCounters,
    PortInfo,
    Removed,
)
from triplane.dataplane.tables.punts import Learnt
from triplane.dataplane.workers import Workers

OFPG_ALL, OFPM_ALL = 0xFFFFFFFC, 0xFFFFFFFF
ANY = np.zeros(KEY_WORDS, np.int64)  # a match of every packet


class Node:
    """The data plane of one switch. All methods are the control thread's."""

    def __init__(self, workers: int = 1, small_frames: int = 16384, big_frames: int = 512) -> None:
        self.state = State(workers, small_frames, big_frames)
        self.port_table = Ports(self.state)
        self.workers = Workers(self.state)
        self._limits = make_limits(TABLES)
        self._limits[LIMIT_OUTPUT_TABLE], self._limits[LIMIT_CHECK] = 1, CHECK_NONE
        give_meters(self._limits, self.state.meters.arrays.ids)
        self._code = np.zeros(CODE_WORDS, np.int64)
        self._program = int(arena_take(self.state.arena, CODE_WORDS))
        self._running = False
        self._held = False  # changes may yet be undone
        self._rehearsing = False  # they will be
        self.learn_refused = 0  # flows that packets asked for and could not have: limit reached, table full

    @property
    def packet_in_fd(self) -> int:
        """An eventfd that is readable when packets wait for the controller."""
        return self.workers.event

    # life
    def start(self) -> None:
        """Let the workers run on the ports that are there."""
        self.workers.assign(self.port_table.queues())
        self.workers.start()
        self._running = True

    def warm(self) -> None:
        """Load what the control thread will call, and wait for the workers: nobody is to wait for that later."""
        self.workers.await_breath()
        now = time.monotonic_ns()
        self.state.flows.warm(now)
        self.expire(now)
        self.table_stats()
        self.group_stats(OFPG_ALL, now)
        self.meter_stats(OFPM_ALL, now)

    def close(self) -> None:
        """Stop the workers and close every port."""
        self.workers.close()
        self._running = False
        for slot in list(self.port_table.open):
            self.port_table.remove(slot).close()

    def add_port(self, port: OpenPort) -> None:
        """Take a port in, while running or before."""
        self._paused(lambda: self.port_table.add(port))

    def remove_port(self, slot: int) -> None:
        """Close a port and forget it."""
        self._paused(lambda: self.port_table.remove(slot).close())

    def reopen_port(self, slot: int) -> None:
        """Take up a port's device again, after it was gone and is back."""
        self._paused(self.port_table.open[slot].reopen)

    def _paused(self, change: Callable[[], None]) -> None:
        """Change the set of ports while no worker runs: some hundred microseconds without forwarding."""
        running = self._running
        if running:
            self.workers.stop()
        try:
            change()
        finally:
            if running:
                self.start()

    def atomically(self, change: Callable[[], None], now: int) -> list[Removed]:
        removed: list[Removed] = []
        self._paused(lambda: removed.extend(self._all_or_nothing(change, now)))
        return removed

    def rehearse(self, change: Callable[[], None], now: int) -> None:
        self._rehearsing = True
        try:
            self._paused(lambda: self._take_back(change))
        finally:
            self._rehearsing = False

    def _all_or_nothing(self, change: Callable[[], None], now: int) -> list[Removed]:
        """`change`, while no worker runs: one that fails leaves flow entries, groups, meters and ports as before."""
        with self._undone() as stand:
            change()
            stand()
        state = self.state
        state.groups.commit()
        state.meters.commit()
        return state.flows.commit(now)

    def _take_back(self, change: Callable[[], None]) -> None:
        with self._undone():
            change()

    @contextmanager
    def _undone(self) -> Iterator[Callable[[], None]]:
        """What is changed within is undone at the end, but for what is done when the function was called."""
        ports = self.port_table.configs()
        tables = (self.state.flows, self.state.groups, self.state.meters)
        self._held, kept = True, []
        for table in tables:
            table.begin()
        try:
            yield lambda: kept.append(True)
        finally:
            self._held = False
            if not kept:
                for table in tables:
                    table.undo()
                self.port_table.set_configs(ports)

    def turn(self) -> None:
        """Free what was removed, once every worker has seen that it is gone; nothing that may have to come back."""
        if not self._held and self.workers.quiet():
            self.state.flows.turn()
            self.state.groups.turn()
            self.state.meters.turn()
            publish(self.state.node, n.N_REUSED, self.state.groups.reused + self.state.meters.reused)

    # flow tables
    def flow_mods(
        self, data: bytes | bytearray | memoryview, start: int, end: int, now: int, loose: bool = False
    ) -> FlowModOutcome:
        outcome = self.state.flows.flow_mods(data, start, end, now, loose)
        self.turn()
        return outcome

    def flow_stats(self, chosen: FlowFilter, now: int, ages: bool = False) -> Iterator[bytes]:
        return self.state.flows.stats(chosen, now, ages)

    def aggregate(self, chosen: FlowFilter) -> tuple[int, int, int]:
        return self.state.flows.aggregate(chosen)

    def table_stats(self) -> list[tuple[int, int, int, int]]:
        return [(table, self.state.flows.count(table), *self.state.table_counts(table)) for table in range(TABLES)]

    def table_room(self, table: int) -> tuple[int, int]:
        return self.state.flows.room(table)

    def set_eviction(self, table: int, flags: int | None) -> None:
        self.state.flows.set_eviction(table, flags)

    def watch_flows(self, on: bool) -> None:
        self.state.flows.watch(on)

    def flow_changes(self) -> list[FlowChange]:
        return self.state.flows.changes()

    def expire(self, now: int) -> list[Removed]:
        removed = self.state.flows.expire(now)
        self.state.macs.expire(now)
        self.turn()
        return removed

    def triggered(self, now: int) -> list[bytes]:
        return self.state.flows.triggered(now)

    # packets
    def packet_out(
        self, in_port: int, actions: bytes, data: bytes, now: int, loose: bool = False, version: int = 4
    ) -> None:
        wire = np.frombuffer(bytearray(actions), np.uint8)
        flows = self.state.flows
        groups = flows.decoder.groups
        self._limits[LIMIT_LOOSE], self._limits[LIMIT_VERSION] = loose, version
        words = int(decode_actions(wire, 0, len(wire), self._limits, groups, ANY, ANY, self._code, 0, CODE_WORDS))
        if words < 0:
            raise OpenFlowError(-words >> 16, -words & 0xFFFF)
        if self._rehearsing:
            return
        write_program(self.state.arena, self._program, self._code, words)
        frame = np.frombuffer(bytearray(data), np.uint8)
        inject(self.state.node, self.state.control, frame, len(frame), in_port, self._program, now)

    def resume(self, paused: bytes, fields: Pipeline, data: bytes, now: int) -> None:
        state = np.frombuffer(bytearray(paused), np.int64)
        if state[S_REUSED] != self.state.node[n.N_REUSED]:
            raise OpenFlowError(NICIRA_ERROR, NXR_STALE)
        change_fields(state[S_ROW : S_ROW + PACKET_WORDS], fields)
        write_program(self.state.arena, self._program, state, len(state))
        frame = np.frombuffer(bytearray(data), np.uint8)
        resume(self.state.node, self.state.control, frame, len(frame), self._program, now)

    def packet_ins(self, limit: int) -> list[PacketIn]:
        found = self.state.punts.read(limit)
        wanted, self.state.punts.learnt = self.state.punts.learnt, []
        if wanted:
            self._learn(wanted)
        return found

    def _learn(self, wanted: list[Learnt]) -> None:
        """Add the flows that packets asked for."""
        now = time.monotonic_ns()
        for learnt in wanted:
            self.learn_refused += not self.state.flows.learn(learnt, now)
        self.turn()

    # groups and meters
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
        gone = self.state.groups.mod(command, kind, group_id, buckets, now, ids, version)
        removed: list[Removed] = []
        for group in gone:
            removed += self.state.flows.remove_using(group.slot, -1, OFPRR_GROUP_DELETE, now)
        return removed

    def group_parts(self, group_id: int) -> tuple[int, tuple[int, ...], list[bytes]]:
        return self.state.groups.parts(group_id)

    def group_rebuild(self, group_id: int, ids: tuple[int, ...], buckets: list[bytes], now: int) -> None:
        self.state.groups.rebuild(group_id, ids, buckets, now)

    def group_stats(self, group_id: int, now: int) -> list[bytes]:
        return self.state.groups.stats(group_id, now)

    def group_desc(self) -> list[bytes]:
        return self.state.groups.desc()

    def group_features(self) -> bytes:
        return self.state.groups.features()

    def meter_mod(self, command: int, flags: int, meter_id: int, bands: bytes, now: int) -> list[Removed]:
        gone = self.state.meters.mod(command, flags, meter_id, bands, now)
        removed: list[Removed] = []
        for meter in gone:
            removed += self.state.flows.remove_using(-1, meter.slot, OFPRR_METER_DELETE, now)
            for group in self.state.groups.delete_metered(meter.identifier):
                removed += self.state.flows.remove_using(group.slot, -1, OFPRR_GROUP_DELETE, now)
        return removed

    def meter_stats(self, meter_id: int, now: int) -> list[bytes]:
        return self.state.meters.stats(meter_id, now)

    def meter_config(self, meter_id: int) -> list[bytes]:
        return self.state.meters.config(meter_id)

    def meter_features(self) -> bytes:
        return self.state.meters.features()

    # ports and queues
    def ports(self) -> list[PortInfo]:
        return self.port_table.infos()

    def port_counters(self, port_no: int) -> list[PortCounters]:
        return self.port_table.counters(port_no)

    def port_mod(self, port_no: int, hw_addr: bytes, config: int, mask: int, advertise: int) -> None:
        self.port_table.mod(port_no, hw_addr, config, mask)

    def queue_counters(self, port_no: int, queue_id: int, now: int) -> list[tuple[int, int, int, int, int, int]]:
        return self.state.queues.counters(port_no, queue_id, now)

    def queue_config(self, port_no: int) -> list[tuple[int, int, int, int]]:
        return self.state.queues.config(port_no)

    # modes
    def set_fragments(self, flags: int) -> None:
        self.state.node[n.N_FRAGMENTS] = flags

    def set_misses(self, told: bool) -> None:
        self.state.node[n.N_MISSES] = told

    def set_egress(self, first: int | None) -> None:
        self.state.node[n.N_EGRESS] = self.state.flows.decoder.limits[LIMIT_EGRESS] = first or 0

    def set_standalone(self, standalone: bool) -> None:
        self.state.node[n.N_MODE] = n.MODE_STANDALONE if standalone else n.MODE_PIPELINE


def change_fields(row: Words, fields: Pipeline) -> None:
    """Give a packet's row these pipeline fields."""
    wide = np.array([fields.metadata, fields.tunnel_id, fields.mark << 32], np.uint64).astype(np.int64)
    if fields.in_port is not None:
        row[IN_PORT] = fields.in_port
    row[METADATA], row[TUNNEL_ID], row[MARK] = wide
    pairs = np.array(fields.registers, np.uint64).reshape(-1, 2)
    row[REG : REG + len(pairs)] = (pairs[:, 0] << np.uint64(32) | pairs[:, 1]).astype(np.int64)
    row[REGS] |= IN_USE
