"""Flow monitors: a controller hears of the changes of flow entries (OpenFlow 1.4.1 sections 6.4 and 7.3.5.19).

Changes are told as they happen, so that a barrier's answer stands behind what came before it. While they cannot be
told (a long answer is under way, or the controller does not read and has been told PAUSED) only what has become of each
entry is kept, and told when it can be: an entry that came and went in between was never there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.switch.datapath import ADDED, CHANGED, REMOVED, UNASKED, FlowChange, FlowFilter
from triplane.dataplane.switch.monitor_match import Fields, covers, fields_of
from triplane.dataplane.switch.v1_0.match import ofp_match
from triplane.dataplane.switch.v1_0.numbers import wide_port
from triplane.dataplane.switch.wire import FLOW_STATS

if TYPE_CHECKING:
    from triplane.dataplane.switch.connection import Connection, Request
    from triplane.dataplane.switch.state import Switch
    from triplane.dataplane.switch.wire import Wire

REQUEST = Struct("!IIIHBB")  # monitor_id, out_port, out_group, flags, table_id, command; then the match
MATCH_AT = REQUEST.size
ONF_REQUEST = Struct("!IHHIB3x")  # id, flags, match_len, out_port, table_id; then the match's fields
NX_REQUEST = Struct("!IHHHB5x")  # id, flags, out_port, match_len, table_id; then the match's fields
CANCEL = Struct("!8xI")  # experimenter and type; id
ONF_FLAGS = 0x3F
MATCH_TYPE = ofp.OFPMT_OXM.to_bytes(2)
FLAGS = 0x7F
EVENT_FLAGS = {ADDED: ofp.OFPFMF_ADD, REMOVED: ofp.OFPFMF_REMOVED, CHANGED: ofp.OFPFMF_MODIFY}
EVENTS = {ADDED: ofp.OFPFME_ADDED, REMOVED: ofp.OFPFME_REMOVED, CHANGED: ofp.OFPFME_MODIFIED}


class Monitor(NamedTuple):
    """What one monitor is about; `fields` are those of its match."""

    flags: int
    table_id: int
    out_port: int
    out_group: int
    match: bytes
    fields: Fields

    def means(self, change: FlowChange) -> bool:
        """Is this monitor about such a change of such an entry?"""
        table_id = change.record[2]
        if not self.flags & EVENT_FLAGS[change.kind] or self.table_id not in (table_id, ofp.OFPTT_ALL):
            return False
        start = FLOW_STATS.size
        match = change.record[start : start + padded(match_length(change.record, start))]
        return covers(self.fields, fields_of(match)) and self._sends(change.record)

    def _sends(self, record: bytes) -> bool:
        if self.out_port == ofp.OFPP_ANY and self.out_group == ofp.OFPG_ANY:
            return True
        targets = set(targets_of(instructions_of(record)))
        port = self.out_port == ofp.OFPP_ANY or (ofp.OFPAT_OUTPUT, self.out_port) in targets
        return port and (self.out_group == ofp.OFPG_ANY or (ofp.OFPAT_GROUP, self.out_group) in targets)


class Missed(NamedTuple):
    """What has become of an entry while nothing could be told."""

    existed: bool  # before that
    change: FlowChange  # the last one
    flags: int  # OFPFMF_* of the monitors that mean it


@dataclass(slots=True)
class Updates:
    """The monitors of one connection, and what is still to be told."""

    monitors: dict[int, Monitor] = field(default_factory=dict)
    missed: dict[bytes, Missed] = field(default_factory=dict)  # by table, priority and match
    paused: bool = False


# requests


def flow_monitor(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    """OFPMP_FLOW_MONITOR."""
    return monitored(switch, request, list(requests_of(body)))


def onf_flow_monitor(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    """ONFMP_FLOW_MONITOR, the extension EXT-187 of 1.3. Its flags are the same bits."""
    return monitored(switch, request, list(onf_requests_of(body)))


def nx_flow_monitor(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    """NXST_FLOW_MONITOR, before 1.3. Its flags are the same bits, too."""
    return monitored(switch, request, list(nx_requests_of(body)))


def cancel(switch: Switch, request: Request) -> list[bytes]:
    """ONFT_FLOW_MONITOR_CANCEL, NXT_FLOW_MONITOR_CANCEL."""
    (monitor_id,) = CANCEL.unpack(request.body)
    if request.conn.updates.monitors.pop(monitor_id, None) is None:
        raise monitor_failed(ec.OFPMOFC_UNKNOWN_MONITOR)
    follow(switch)
    return []


def monitored(switch: Switch, request: Request, wanted: list[tuple[int, int, Monitor]]) -> Iterable[bytes]:
    """Change the monitors as all requests say, or not at all. The reply has the entries that are there, if wanted."""
    monitors = dict(request.conn.updates.monitors)
    initial: list[Monitor] = []
    for monitor_id, command, monitor in wanted:
        change_monitors(monitors, monitor_id, command, monitor)
        if command != ofp.OFPFMC_DELETE and monitor.flags & ofp.OFPFMF_INITIAL:
            initial.append(monitor)
    records = [(monitor, switch.datapath.flow_stats(filter_of(monitor), request.now)) for monitor in initial]
    request.conn.updates.monitors = monitors
    follow(switch)
    return initial_updates(request.wire, records)


def requests_of(body: bytes) -> Iterator[tuple[int, int, Monitor]]:
    """Id, command and monitor of each ofp_flow_monitor_request. Raises OpenFlowError."""
    at = 0
    while at < len(body):
        if len(body) - at < MATCH_AT + 8:
            raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)
        monitor_id, out_port, out_group, flags, table_id, command = REQUEST.unpack_from(body, at)
        kind, length = int.from_bytes(body[at + MATCH_AT : at + MATCH_AT + 2]), match_length(body, at + MATCH_AT)
        end = at + MATCH_AT + length + -length % 8
        if kind != ofp.OFPMT_OXM:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_TYPE)
        if length < 4 or end > len(body):
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        if flags & ~FLAGS:
            raise monitor_failed(ec.OFPMOFC_BAD_FLAGS)
        if ofp.OFPTT_MAX <= table_id < ofp.OFPTT_ALL:
            raise monitor_failed(ec.OFPMOFC_BAD_TABLE_ID)
        match = body[at + MATCH_AT : end]
        yield monitor_id, command, Monitor(flags, table_id, out_port, out_group, match, fields_of(match))
        at = end


def onf_requests_of(body: bytes) -> Iterator[tuple[int, int, Monitor]]:
    """As requests_of, of onf_flow_monitor_request. Its match is OXM fields, as Ryu has it, or an ofp_match, as OVS."""
    at = 0
    while at < len(body):
        if len(body) - at < ONF_REQUEST.size:
            raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)
        monitor_id, flags, length, out_port, table_id = ONF_REQUEST.unpack_from(body, at)
        start = at + ONF_REQUEST.size
        at = start + length + -length % 8
        if at > len(body):
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        if flags & ~ONF_FLAGS:
            raise monitor_failed(ec.OFPMOFC_BAD_FLAGS)
        check_table(table_id)
        match = with_header(body[start : start + length])
        yield monitor_id, ofp.OFPFMC_ADD, Monitor(flags, table_id, out_port, ofp.OFPG_ANY, match, fields_of(match))


def nx_requests_of(body: bytes) -> Iterator[tuple[int, int, Monitor]]:
    """As requests_of, of nx_flow_monitor_request (nicira-ext.h); one that nothing is told to is refused, as by OVS."""
    at = 0
    while at < len(body):
        if len(body) - at < NX_REQUEST.size:
            raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)
        monitor_id, flags, port, length, table_id = NX_REQUEST.unpack_from(body, at)
        start = at + NX_REQUEST.size
        at = start + padded(length)
        if at > len(body):
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        if flags & ~ONF_FLAGS or not flags & sum(EVENT_FLAGS.values()):
            raise monitor_failed(ec.OFPMOFC_BAD_FLAGS)
        check_table(table_id)
        match, out_port = ofp_match(body[start : start + length]), wide_port(port)
        yield monitor_id, ofp.OFPFMC_ADD, Monitor(flags, table_id, out_port, ofp.OFPG_ANY, match, fields_of(match))


def check_table(table_id: int) -> None:
    """The error of Open vSwitch: before 1.4 monitors have none for that."""
    if ofp.OFPTT_MAX <= table_id < ofp.OFPTT_ALL:
        raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_TABLE_ID)


def padded(length: int) -> int:
    """The next multiple of 8."""
    return length + -length % 8


def with_header(match: bytes) -> bytes:
    """An ofp_match of OXM fields, or of what is one."""
    size = match_length(match, 0)
    if match[:2] == MATCH_TYPE and len(match) in (size, size + -size % 8):
        return match + bytes(-len(match) % 8)
    return MATCH_TYPE + (4 + len(match)).to_bytes(2) + match + bytes(-(4 + len(match)) % 8)


def change_monitors(monitors: dict[int, Monitor], monitor_id: int, command: int, monitor: Monitor) -> None:
    if command == ofp.OFPFMC_ADD:
        if monitor_id in monitors:
            raise monitor_failed(ec.OFPMOFC_MONITOR_EXISTS)
        monitors[monitor_id] = monitor
    elif command not in (ofp.OFPFMC_MODIFY, ofp.OFPFMC_DELETE):
        raise monitor_failed(ec.OFPMOFC_BAD_COMMAND)
    elif monitor_id not in monitors:
        raise monitor_failed(ec.OFPMOFC_UNKNOWN_MONITOR)
    elif command == ofp.OFPFMC_MODIFY:
        monitors[monitor_id] = monitor
    else:
        del monitors[monitor_id]


def monitor_failed(code: int) -> OpenFlowError:
    return OpenFlowError(ec.OFPET_FLOW_MONITOR_FAILED, code)


def filter_of(monitor: Monitor) -> FlowFilter:
    return FlowFilter(monitor.table_id, monitor.out_port, monitor.out_group, 0, 0, monitor.match)


def initial_updates(wire: Wire, records: list[tuple[Monitor, Iterator[bytes]]]) -> Iterator[bytes]:
    """Each entry once, though several monitors may mean it."""
    seen: set[bytes] = set()
    for monitor, found in records:
        for record in found:
            key = key_of(record)
            if len(records) == 1 or key not in seen:
                seen.add(key)
                yield wire.flow_update(ofp.OFPFME_INITIAL, 0, record, bool(monitor.flags & ofp.OFPFMF_INSTRUCTIONS))


def follow(switch: Switch) -> None:
    """Have the data plane keep changes while anybody monitors them."""
    watched = any(conn.updates.monitors for conn in switch.connections)
    if watched != switch.watched:
        switch.watched = watched
        switch.datapath.watch_flows(watched)


# telling


def report(switch: Switch, cause: Connection | None, xid_at: Callable[[int], int]) -> None:
    """Tell all monitors of the changes since the last time. `cause`: whose request it was; `xid_at`: of which one."""
    changes = switch.datapath.flow_changes()
    for conn in switch.connections:
        if conn.updates.monitors and not conn.closing:
            report_to(conn, changes, conn is cause, xid_at)


def report_to(conn: Connection, changes: Iterable[FlowChange], own: bool, xid_at: Callable[[int], int]) -> None:
    abbreviated = None  # xid of the last request that was told of in short: once is enough
    for change in changes:
        flags = 0
        for monitor in conn.updates.monitors.values():
            if monitor.means(change) and (own or not monitor.flags & ofp.OFPFMF_ONLY_OWN):
                flags |= monitor.flags
        if not flags:
            continue
        wire = conn.version.wire
        if must_wait(conn):
            miss(conn.updates, change, flags)
        elif own and change.at != UNASKED and not flags & ofp.OFPFMF_NO_ABBREV:
            xid = xid_at(change.at)
            if xid != abbreviated:
                conn.outbox.reply(wire.flow_updates([wire.flow_update_abbreviated(xid)]))
            abbreviated = xid
        else:
            conn.outbox.reply(wire.flow_updates([full(wire, change, flags)]))


def full(wire: Wire, change: FlowChange, flags: int) -> bytes:
    """The update with all that the monitor asked for."""
    instructions = bool(flags & ofp.OFPFMF_INSTRUCTIONS) and change.kind != REMOVED
    return wire.flow_update(EVENTS[change.kind], change.reason, change.record, instructions)


def must_wait(conn: Connection) -> bool:
    """Nothing may be told now: something else is being said, or the controller does not read, of which it hears."""
    updates = conn.updates
    if conn.outbox.full and not updates.paused:
        updates.paused = True
        conn.outbox.reply(conn.version.wire.flow_updates_pause(ofp.OFPFME_PAUSED))
    return conn.outbox.full or updates.paused or conn.answer is not None or bool(updates.missed)


def miss(updates: Updates, change: FlowChange, flags: int) -> None:
    """Note what becomes of an entry."""
    key = key_of(change.record)
    before = updates.missed.get(key)
    existed = change.kind != ADDED if before is None else before.existed
    if change.kind == REMOVED and not existed:
        updates.missed.pop(key, None)
    else:
        updates.missed[key] = Missed(existed, change, flags | (before.flags if before else 0))


def catch_up(conn: Connection) -> Iterator[bytes] | None:
    """The messages that tell what was missed, if they can be told now; changes in the meantime come behind."""
    updates = conn.updates
    if conn.answer is not None or conn.outbox.full or not (updates.missed or updates.paused):
        return None
    return missed_updates(conn)


def missed_updates(conn: Connection) -> Iterator[bytes]:
    updates, wire = conn.updates, conn.version.wire
    while updates.missed:
        existed, change, flags = updates.missed.pop(next(iter(updates.missed)))
        kind = change.kind if change.kind == REMOVED else CHANGED if existed else ADDED
        yield wire.flow_updates([full(wire, change._replace(kind=kind), flags)])
    if updates.paused:
        updates.paused = False
        yield wire.flow_updates_pause(ofp.OFPFME_RESUMED)


# records and matches


def key_of(record: bytes) -> bytes:
    """What identifies an entry: table, priority, match."""
    return record[2:3] + record[12:14] + match_of(record)


def match_length(data: bytes, at: int) -> int:
    """Of the ofp_match at `at`, without its padding."""
    return int.from_bytes(data[at + 2 : at + 4])


def match_of(record: bytes) -> bytes:
    """The ofp_match, without its padding, of an ofp_flow_stats."""
    return record[FLOW_STATS.size : FLOW_STATS.size + match_length(record, FLOW_STATS.size)]


def instructions_of(record: bytes) -> bytes:
    length = match_length(record, FLOW_STATS.size)
    return record[FLOW_STATS.size + length + -length % 8 :]


def targets_of(instructions: bytes) -> Iterator[tuple[int, int]]:
    """(OFPAT_OUTPUT, port) and (OFPAT_GROUP, group) of all actions."""
    for kind, content in tlvs(instructions):
        if kind in (ofp.OFPIT_WRITE_ACTIONS, ofp.OFPIT_APPLY_ACTIONS):
            for action, argument in tlvs(content[4:]):
                if action in (ofp.OFPAT_OUTPUT, ofp.OFPAT_GROUP):
                    yield action, int.from_bytes(argument[:4])


def tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each instruction or action; the data plane has accepted them."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 2 : at + 4])
        yield int.from_bytes(data[at : at + 2]), data[at + 4 : at + length]
        at += length
