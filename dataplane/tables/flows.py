"""The flow tables' owner: hands runs of flow-mods to compiled code and tells what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from triplane.dataplane.kernels import flow_decoder as fd
from triplane.dataplane.kernels import flow_log as log
from triplane.dataplane.kernels import flow_mods as k
from triplane.dataplane.kernels import flow_stats, learners
from triplane.dataplane.kernels.arena import A_USED, arena_turn, make_words
from triplane.dataplane.kernels.classify import (
    F_PRIORITY,
    N_BYTES,
    N_PACKETS,
    T_COUNT,
    T_EVICTION,
    T_LIMIT,
    TABLE_WORDS,
    TABLES,
    Flows,
)
from triplane.dataplane.kernels.flow_expiry import expire
from triplane.dataplane.kernels.flow_filter import (
    Q_COOKIE,
    Q_COOKIE_MASK,
    Q_METER,
    Q_OUT_GROUP,
    Q_OUT_PORT,
    find_strict,
)
from triplane.dataplane.kernels.flow_wire import FM_PRIORITY, FM_TABLE, OFPTT_ALL
from triplane.dataplane.kernels.flows import (
    C_COOKIE,
    C_CREATED,
    C_FLAGS,
    C_HARD,
    C_IDLE,
    C_LEARNT,
    C_MATCH,
    C_MATCH_LEN,
    C_TABLE,
    cold_of,
    flow_free,
)
from triplane.dataplane.kernels.ids import id_lookup
from triplane.dataplane.kernels.limits import (
    LEARNERS_STIRRED,
    LEARNERS_WATCHED,
    LIMIT_LEARNERS,
    LIMIT_LOOSE,
    LIMIT_TRIGGERS,
)
from triplane.dataplane.kernels.oxm import decode_match_struct
from triplane.dataplane.kernels.pool import Bytes, Words
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.datapath import UNASKED, FlowChange, FlowFilter, FlowModOutcome, Removed
from triplane.dataplane.tables.learners import Learners
from triplane.dataplane.tables.punts import Learnt
from triplane.dataplane.tables.triggers import Triggers

MOST_FLOWS = 4_000_000  # in one table
DUMP_BYTES = 1 << 20
MATCH_AT = 48  # of an OFPT_FLOW_MOD
EMPTY_MATCH = b"\x00\x01\x00\x04\x00\x00\x00\x00"
MASK64 = (1 << 64) - 1


class FlowTables:
    """All flow tables of a node. Single writer: the control thread."""

    def __init__(self, arena: Words, workers: int, groups: Words, meters: Words) -> None:
        self.flows = Flows(arena, make_words(TABLES * TABLE_WORDS), np.array([workers], np.int64))
        self.flows.tables[T_LIMIT::TABLE_WORDS] = MOST_FLOWS
        self.decoder = fd.make_decoder(groups, meters)
        self._result = np.zeros(4, np.int64)
        self._out = np.zeros(DUMP_BYTES, np.uint8)
        self._wire = np.zeros(1 << 18, np.uint8)
        self._triggers = Triggers()
        self._watched = False  # by flow monitors
        self._open = False  # between `begin` and `commit` or `undo`
        self._evictions = self.flows.tables[T_EVICTION::TABLE_WORDS].copy()  # when that began
        self._changes: list[FlowChange] = []
        self._learners = Learners()
        self._untold: list[Removed] = []  # that flows which packets asked for have removed

    def flow_mods(
        self, data: bytes | bytearray | memoryview, start: int, end: int, now: int, loose: bool = False
    ) -> FlowModOutcome:
        """See Datapath.flow_mods."""
        self.decoder.limits[LIMIT_LOOSE] = loose
        wire = self._copied(data, start, end)
        outcome = FlowModOutcome(start)
        while True:
            self.decoder.events[0] = 0
            at = int(k.flow_mods(self.flows, self.decoder, wire, outcome.consumed, end, now))
            full = self.decoder.events[0] >= fd.EVENTS - 2
            self._read_events(outcome, now)
            outcome.consumed = at
            full |= self._read_log(outcome.removed, now)
            if not self._tend_learners(outcome.removed, now) and not full:
                return outcome
            wire = self._copied(data, start, end)  # whose place may have been used

    def learn(self, learnt: Learnt, now: int) -> bool:
        """Add a flow that a packet asked for; False if it cannot be. The worker knows it again by the mark."""
        if learnt.limit and not self._below(learnt):
            return False
        watched = self.decoder.limits[LIMIT_LEARNERS]  # then the decoder may be used for more than this
        outcome = self.flow_mods(learnt.flow_mod, 0, len(learnt.flow_mod), now)
        self._untold += outcome.removed
        if outcome.errors:
            return False
        if watched:
            self.choose(FlowFilter(OFPTT_ALL, fd.ANY, fd.ANY, 0, 0, learnt.flow_mod[MATCH_AT:]))
        flow = self._decoded()
        if flow:
            self.flows.arena[int(cold_of(self.flows, flow)) + C_LEARNT] = learnt.mark
        return flow != 0

    def _decoded(self) -> int:
        """The flow that was added last, or 0."""
        d = self.decoder
        return int(find_strict(self.flows, int(d.header[FM_TABLE]), d.key, d.mask, int(d.header[FM_PRIORITY])))

    def _below(self, learnt: Learnt) -> bool:
        """Whether the table may have one more flow of the cookie."""
        cookie, table = int.from_bytes(learnt.flow_mod[8:16]), learnt.flow_mod[24]
        _, _, flows = self.aggregate(FlowFilter(table, fd.ANY, fd.ANY, cookie, MASK64, EMPTY_MATCH))
        return flows < learnt.limit

    def warm(self, now: int) -> None:
        """Load the compiled code of what controllers ask for first, which nobody is to wait for then."""
        self.flow_mods(b"", 0, 0, now)
        self.expire(now)
        flow_stats.start(self.flows, OFPTT_ALL)
        flow_stats.dump(self.flows, self.decoder, OFPTT_ALL, 0, self._out, self._result, now, False)
        self.aggregate(FlowFilter(OFPTT_ALL, fd.ANY, fd.ANY, 0, 0, EMPTY_MATCH))
        learners.any_learner(self.flows, learners.ANY_TABLE, 0)
        self._learners.warm()

    def _copied(self, data: bytes | bytearray | memoryview, start: int, end: int) -> Bytes:
        """data[start:end], at the same place in memory of our own: read-only bytes would be compiled for once more."""
        if end > len(self._wire):
            self._wire = np.zeros(2 * end, np.uint8)
        self._wire[start:end] = np.frombuffer(data, np.uint8)[start:end]
        return self._wire

    def _read_events(self, outcome: FlowModOutcome, now: int) -> None:
        events = self.decoder.events
        for at in range(1, 1 + int(events[0]) * fd.EVENT_WORDS, fd.EVENT_WORDS):
            kind, first, second = (int(word) for word in events[at : at + fd.EVENT_WORDS])
            if kind == fd.E_ERROR:
                outcome.errors.append((first, second >> 16, second & 0xFFFF))
            elif kind == fd.E_BUFFER:
                outcome.buffers.append((first, second))
            else:
                outcome.removed.append(self._removed(first, second, now))

    def _removed(self, flow: int, reason: int, now: int) -> Removed:
        """Describe an unlinked flow and free it."""
        removed = self._describe(flow, reason, now)
        flow_free(self.flows, flow)
        return removed

    def _describe(self, flow: int, reason: int, now: int) -> Removed:
        arena = self.flows.arena
        cold = arena[int(cold_of(self.flows, flow)) :]
        age = now - int(cold[C_CREATED])
        start = int(cold[C_MATCH])
        match = arena.view(np.uint8)[start : start + int(cold[C_MATCH_LEN])].tobytes()
        return Removed(
            cookie=int(cold[C_COOKIE]) & MASK64,
            priority=int(arena[flow + F_PRIORITY]),
            reason=reason,
            table_id=int(cold[C_TABLE]),
            duration_sec=age // k.SECOND,
            duration_nsec=age % k.SECOND,
            idle_timeout=int(cold[C_IDLE]),
            hard_timeout=int(cold[C_HARD]),
            packet_count=int(flow_stats.total(self.flows, flow, N_PACKETS)),
            byte_count=int(flow_stats.total(self.flows, flow, N_BYTES)),
            match=match,
            flags=int(cold[C_FLAGS]),
        )

    # the log of changes, for monitors and bundles

    def watch(self, on: bool) -> None:
        """Keep the changes of flow entries, for `changes`, from now on or no longer."""
        self._watched = on
        self._switch_log()

    def changes(self) -> list[FlowChange]:
        """What has changed since they were last asked for."""
        found, self._changes = self._changes, []
        return found

    def begin(self) -> None:
        """From now on all changes can be undone, until `commit` or `undo`; nothing is freed. No worker may run."""
        self._open = True
        self._evictions = self.flows.tables[T_EVICTION::TABLE_WORDS].copy()
        self._switch_log()

    def commit(self, now: int) -> list[Removed]:
        """Let the changes since `begin` stand; returns the entries that they removed."""
        self._open = False
        removed: list[Removed] = []
        self._read_log(removed, now)
        self._switch_log()
        return removed

    def undo(self) -> None:
        """Take back the changes since `begin`. What was added may have to be freed for that: no worker runs, it can."""
        while not log.undo(self.flows, self.decoder.log):
            self.turn()
            self.turn()
        self.flows.tables[T_EVICTION::TABLE_WORDS] = self._evictions
        self._open = False
        self._learners.forget()
        self._switch_log()

    def _switch_log(self) -> None:
        on = self._watched or self._open or bool(self.decoder.limits[LIMIT_LEARNERS])
        if on != (self.decoder.log[log.LOG_COUNT] != log.OFF):
            self.decoder.log[log.LOG_COUNT] = 0 if on else log.OFF

    def _read_log(self, removed: list[Removed], now: int) -> bool:
        """Note what the log tells and let it stand, unless it may have to be undone; True: it had run full."""
        rows = self.decoder.log
        full, rows[log.LOG_FULL], rows[log.LOG_AT] = bool(rows[log.LOG_FULL]), 0, -1
        count = int(rows[log.LOG_COUNT])
        if self.decoder.limits[LIMIT_LEARNERS]:
            self._learners.note(self.flows, rows)
        if full and (self._open or count <= 0):
            larger = np.zeros(2 * len(rows), np.int64)
            larger[: len(rows)] = rows
            self.decoder = self.decoder._replace(log=larger)
        elif count > 0 and not self._open:
            for at in range(log.LOG_HEAD, log.LOG_HEAD + count * log.LOG_ROW, log.LOG_ROW):
                self._read_row(rows[at : at + log.LOG_ROW].tolist(), removed, now)
            log.settle(self.flows, rows)
            self._learners.noted = 0
        return full

    def _tend_learners(self, removed: list[Removed], now: int) -> bool:
        """Remove what was learnt by actions that are gone and owned it; True: a run had stopped for that."""
        limits = self.decoder.limits
        if not limits[LIMIT_LEARNERS]:
            return False
        before, limits[LIMIT_LEARNERS] = int(limits[LIMIT_LEARNERS]), LEARNERS_WATCHED
        self._switch_log()
        doubt = before == LEARNERS_STIRRED or self._learners.lost  # whether there are any
        for table, cookie in self._learners.orphans(self.flows):
            if self.choose(FlowFilter(table, fd.ANY, fd.ANY, cookie, MASK64, EMPTY_MATCH)):
                self._delete_learnt(table, removed, now)
        if doubt and not self._open and not learners.any_learner(self.flows, learners.ANY_TABLE, 0):
            limits[LIMIT_LEARNERS] = 0
            self._switch_log()
        return bool(before & LEARNERS_STIRRED)

    def _delete_learnt(self, table: int, removed: list[Removed], now: int) -> None:
        """Delete the chosen flows of a table; their changes are nobody's request."""
        done = False
        while not done:
            self.decoder.log[log.LOG_AT] = UNASKED
            done = bool(k.delete_all(self.flows, self.decoder, table, fd.OFPRR_DELETE))
            self._read_log(removed, now)

    def _read_row(self, row: list[int], removed: list[Removed], now: int) -> None:
        kind, flow, other, at = row
        event = log.CHANGED if kind == log.ADDED and other else kind
        reason = other if kind == log.REMOVED else 0
        if kind == log.REMOVED and self.flows.arena[int(cold_of(self.flows, flow)) + C_FLAGS] & fd.OFPFF_SEND_FLOW_REM:
            removed.append(self._describe(flow, reason, now))
        if self._watched:
            self._changes.append(FlowChange(event, reason, self.encoded(flow, now), at))

    def choose(self, chosen: FlowFilter) -> bool:
        """Set the decoder's filter; False if it names a group or a table that is not there. Raises OpenFlowError."""
        wire = self._copied(chosen.match, 0, len(chosen.match))
        error = int(decode_match_struct(wire, 0, len(chosen.match), self.decoder.key, self.decoder.mask))
        if error:
            raise OpenFlowError(error >> 16, error & 0xFFFF)
        query = self.decoder.query
        query[Q_COOKIE] = np.uint64(chosen.cookie).astype(np.int64)
        query[Q_COOKIE_MASK] = np.uint64(chosen.cookie_mask).astype(np.int64)
        query[Q_OUT_PORT], query[Q_OUT_GROUP], query[Q_METER] = chosen.out_port, -1, -1
        if TABLES <= chosen.table_id < OFPTT_ALL:
            return False
        if chosen.out_group != fd.ANY:
            query[Q_OUT_GROUP] = id_lookup(self.decoder.groups, chosen.out_group)
            return int(query[Q_OUT_GROUP]) >= 0
        return True

    def stats(self, chosen: FlowFilter, now: int, ages: bool = False) -> Iterator[bytes]:
        """See Datapath.flow_stats; as the entries are now: they may be read later, while tables change."""
        runs: list[bytes] = []
        flow = int(flow_stats.start(self.flows, chosen.table_id)) if self.choose(chosen) else 0
        while flow:
            where = (chosen.table_id, flow, self._out, self._result)
            flow = int(flow_stats.dump(self.flows, self.decoder, *where, now, ages))
            runs.append(self._out[: int(self._result[0])].tobytes())
        return split_all(runs)

    def encoded(self, flow: int, now: int) -> bytes:
        """The ofp_flow_stats of one flow."""
        return self._out[: int(flow_stats.encode(self.flows, flow, self._out, 0, now))].tobytes()

    def aggregate(self, chosen: FlowFilter) -> tuple[int, int, int]:
        """Packets, bytes, entries."""
        if not self.choose(chosen):
            return 0, 0, 0
        flow_stats.aggregate(self.flows, self.decoder, chosen.table_id, self._result)
        return int(self._result[0]), int(self._result[1]), int(self._result[2])

    def count(self, table: int) -> int:
        return int(self.flows.tables[table * TABLE_WORDS + T_COUNT])

    def room(self, table: int) -> tuple[int, int]:
        """Entries in a table, and how many it can hold."""
        return self.count(table), int(self.flows.tables[table * TABLE_WORDS + T_LIMIT])

    def set_eviction(self, table: int, flags: int | None) -> None:
        """OFPTMPEF_* by which a full table chooses whom it gives up for a new entry; None: nobody."""
        self.flows.tables[table * TABLE_WORDS + T_EVICTION] = flags or 0

    def limit(self, entries: int) -> None:
        """The most entries that each table takes."""
        self.flows.tables[T_LIMIT::TABLE_WORDS] = entries

    def remove_using(self, group: int, meter: int, reason: int, now: int) -> list[Removed]:
        """Remove every flow that sends to a group slot or a meter slot (-1: none)."""
        if not self.choose(FlowFilter(OFPTT_ALL, fd.ANY, fd.ANY, 0, 0, EMPTY_MATCH)):
            return []
        self.decoder.query[Q_OUT_GROUP], self.decoder.query[Q_METER] = group, meter
        return self._until_done(lambda: bool(k.delete_all(self.flows, self.decoder, OFPTT_ALL, reason)), now)

    def triggered(self, now: int) -> list[bytes]:
        """The ofp_flow_stats of the entries that have reached a threshold since the last call."""
        if not self.decoder.limits[LIMIT_TRIGGERS]:
            return []
        due, seen = [], set()
        flow = int(flow_stats.next_trigger(self.flows, flow_stats.start(self.flows, OFPTT_ALL)))
        while flow:
            record = self.encoded(flow, now)
            created = int(self.flows.arena[int(cold_of(self.flows, flow)) + C_CREATED])
            seen.add((flow, created))
            if self._triggers.reached((flow, created), record):
                due.append(record)
            flow = int(flow_stats.next_trigger(self.flows, flow_stats.after(self.flows, flow, TABLES - 1)))
        self._triggers.keep(seen)
        self.decoder.limits[LIMIT_TRIGGERS] = bool(seen)
        return due

    def expire(self, now: int) -> list[Removed]:
        """Remove the flows whose idle or hard timeout has passed; told are also those that learnt flows removed."""
        untold, self._untold = self._untold, []
        return untold + self._until_done(lambda: bool(expire(self.flows, self.decoder, now)), now)

    def _until_done(self, step: Callable[[], bool], now: int) -> list[Removed]:
        outcome = FlowModOutcome(0)
        done = False
        while not done:
            self.decoder.events[0] = 0
            done = step()
            self._read_events(outcome, now)
            self._read_log(outcome.removed, now)
        self._tend_learners(outcome.removed, now)
        return outcome.removed

    def turn(self) -> None:
        """Free what was removed two turns ago; the caller knows that every worker began a new breath since the last."""
        arena_turn(self.flows.arena)

    def bytes_used(self) -> int:
        """Bytes that all entries, programs, indexes and buckets take."""
        return int(self.flows.arena[A_USED]) * 8


def split_all(runs: list[bytes]) -> Iterator[bytes]:
    """The structures of all runs, each of which is let go once it has been read."""
    runs.reverse()
    while runs:
        yield from split(runs.pop())


def split(encoded: bytes) -> Iterator[bytes]:
    """The structures of an encoded run, each of which begins with its length."""
    at = 0
    while at < len(encoded):
        length = int.from_bytes(encoded[at : at + 2], "big")
        yield encoded[at : at + length]
        at += length
