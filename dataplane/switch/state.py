"""What all connections of one switch share: its identity, ports, tables' names, packet buffers, the election.

Handlers get it as their first argument, change it, and send asynchronous messages through it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from struct import Struct
from typing import NamedTuple

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.nicira_ext import NXPIF_NXT_PACKET_IN2
from triplane.dataplane.openflow.v1_5.constants import OFPFSR_STAT_TRIGGER, OFPT_CONTROLLER_STATUS
from triplane.dataplane.switch import monitors, vacancy
from triplane.dataplane.switch.buffers import PacketBuffers
from triplane.dataplane.switch.connection import Connection, Request
from triplane.dataplane.switch.datapath import NO_COOKIE, Datapath, PacketIn, PortInfo, Removed
from triplane.dataplane.switch.nicira_packet_in import FORMATS
from triplane.dataplane.switch.paused import Paused
from triplane.dataplane.switch.vacancy import Vacancy
from triplane.dataplane.switch.wire import SECOND, Wire

N_TABLES = 254  # 0 to OFPTT_MAX - 1
OUTPUT_TO_TABLE = Struct("!HHIH6x").pack(ofp.OFPAT_OUTPUT, 16, ofp.OFPP_TABLE, 0)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the switch says it is: OFPT_FEATURES_REPLY and OFPMP_DESC."""

    dpid: int
    manufacturer: str = "Triplane"
    hardware: str = "user-space data plane"
    software: str = "0.1.0"
    serial: str = "None"
    description: str = "None"


def wall_clock(now: int) -> int:
    """ns since 1970, of a time of CLOCK_MONOTONIC."""
    return now + time.time_ns() - time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Limits and times; all times in ns."""

    buffers: int = 256  # packets kept for the controller
    paused: int = 1024  # packets that wait to go on (Nicira's)
    max_entries: int = 1_000_000  # of each flow table, as OFPMP_TABLE_FEATURES tells
    multipart_limit: int = 2 << 20  # bytes of multipart requests under way, of one connection
    multipart_sequences: int = 16  # how many may be under way
    probe: int = 5 * SECOND  # silence before an echo request, and then before the end; 0: never
    standalone: bool = False  # fail mode
    packet_in_burst: int = 256  # packets taken from the data plane at a time
    bundles: int = 64  # that one connection may have open
    bundle_limit: int = 64 << 20  # bytes of the messages in one
    bundle_patience: int = 10 * SECOND  # until one that nobody touches is discarded
    sched_max_future: int = 3600 * SECOND  # until a bundle is due, at first (1.5)
    sched_max_past: int = SECOND  # since it was
    wall: Callable[[int], int] = wall_clock
    versions: tuple[int, ...] = ()  # of OpenFlow that it speaks; none: all that it can


class Before(NamedTuple):
    """What a bundle may change of the switch's own state, as it was."""

    ports: dict[int, PortInfo]
    table_config: list[int]
    table_eviction: dict[int, int]
    table_vacancy: dict[int, Vacancy]
    buffers: list[PacketIn | None]


@dataclass(slots=True)
class Switch:
    """See the module."""

    datapath: Datapath
    identity: Identity
    config: AgentConfig
    connections: list[Connection] = field(default_factory=list)
    ports: dict[int, PortInfo] = field(default_factory=dict)  # as last told
    buffers: PacketBuffers = field(init=False)
    paused: Paused = field(init=False)
    fragments: int = ofp.OFPC_FRAG_NORMAL
    table_names: list[bytes] = field(default_factory=lambda: [b"table%d" % table for table in range(N_TABLES)])
    table_config: list[int] = field(default_factory=lambda: [0] * N_TABLES)
    table_eviction: dict[int, int] = field(default_factory=dict)  # by table, OFPTMPEF_* that a table-mod gave it
    table_vacancy: dict[int, Vacancy] = field(default_factory=dict)  # by table, of those that a table-mod has named
    first_egress: int | None = None  # table, if there are egress tables (OpenFlow 1.5)
    sched_max_future: int = field(init=False)
    sched_max_past: int = field(init=False)
    alarms: list[int] = field(default_factory=list)  # a heap: when, of the wall clock, bundles are due (1.5)
    generation_id: int | None = None  # the greatest an election has named
    watched: bool = False  # changes of flow entries are monitored
    held: list[Callable[[], None]] | None = None  # asynchronous messages that wait for a bundle's end
    unwanted: Counter[int] = field(default_factory=Counter)  # packet-ins that no controller asked for, by reason

    def __post_init__(self) -> None:
        self.buffers = PacketBuffers(self.config.buffers)
        self.paused = Paused(self.config.paused)
        self.sched_max_future, self.sched_max_past = self.config.sched_max_future, self.config.sched_max_past
        self.find_ports()

    def find_ports(self) -> None:
        """Learn of new ports; what is known of others stays as it was last told to the controllers."""
        for info in self.datapath.ports():
            self.ports.setdefault(info.port_no, info)

    def has_port(self, port_no: int) -> bool:
        if port_no not in self.ports:
            self.find_ports()
        return port_no in self.ports

    def listeners(self, kind: int, reason: int) -> list[Connection]:
        """The controllers that want asynchronous messages of this type and reason."""
        return [conn for conn in self.connections if conn.established and not conn.closing and conn.wants(kind, reason)]

    def port_changed(self, reason: int, info: PortInfo) -> None:
        """Tell of a port added, deleted or modified (OFPPR_*), once for each change."""
        if reason == ofp.OFPPR_MODIFY and self.ports.get(info.port_no) == info:
            return
        if reason == ofp.OFPPR_DELETE:
            self.ports.pop(info.port_no, None)
        else:
            self.ports[info.port_no] = info
        self.tell(ofp.OFPT_PORT_STATUS, reason, lambda wire: wire.port_status(reason, info))

    @property
    def attentive(self) -> bool:
        """Whether `flows_changed` has something to do though nothing was removed."""
        return self.watched or bool(self.table_vacancy)

    def flows_changed(
        self,
        removed: Iterable[Removed],
        cause: Connection | None = None,
        xid_at: Callable[[int], int] = lambda at: 0,
    ) -> None:
        """Tell of what has become of flow entries, `removed` and others. `cause`: whose request it was, if anybody's;
        `xid_at`: the transaction of the flow-mod at an offset, or of the request for -1."""
        if self.held is not None:
            return  # a bundle's end tells of all
        for gone in removed:
            if gone.flags & ofp.OFPFF_SEND_FLOW_REM:
                self._flow_removed(gone)
        if self.watched:
            monitors.report(self, cause, xid_at)
        if self.table_vacancy:
            vacancy.check(self)

    def _flow_removed(self, gone: Removed) -> None:
        self.tell(ofp.OFPT_FLOW_REMOVED, gone.reason, lambda wire: wire.flow_removed(gone))

    def triggered(self, records: Iterable[bytes]) -> None:
        """Tell of flow entries, by their ofp_flow_stats, that have reached a threshold of theirs (OpenFlow 1.5)."""
        for record in records:
            self._triggered(record)

    def _triggered(self, record: bytes) -> None:
        self.tell(ofp.OFPT_MULTIPART_REPLY, OFPFSR_STAT_TRIGGER, lambda wire: wire.stat_trigger(record))

    def controller_changed(self, conn: Connection, reason: int) -> None:
        """Tell the other controllers of one whose role, connection or id has changed (OFPCSR_*, OpenFlow 1.5)."""
        self.tell(OFPT_CONTROLLER_STATUS, reason, lambda wire: wire.controller_status(conn, reason), but=conn)

    def tell(self, kind: int, reason: int, encode: Callable[[Wire], bytes], but: Connection | None = None) -> None:
        """Send an asynchronous message to each controller that wants it, encoded once for each way of theirs to say it.

        Not to `but`, which caused it; nor is a message sent that a version has no bytes for.
        """
        if self.held is not None:
            self.held.append(lambda: self.tell(kind, reason, encode, but))
            return
        told: dict[Wire, bytes] = {}
        for conn in self.listeners(kind, reason):
            if conn is but:
                continue
            wire = conn.version.wire
            told[wire] = told.get(wire) or encode(wire)
            if told[wire]:
                conn.outbox.event(told[wire])

    def remember(self) -> Before:
        """For `put_back`, if a bundle fails."""
        vacancies = {table: replace(state) for table, state in self.table_vacancy.items()}
        tables = list(self.table_config), dict(self.table_eviction), vacancies
        return Before(dict(self.ports), *tables, self.buffers.packets())

    def put_back(self, before: Before) -> None:
        self.ports, self.table_config, self.table_eviction, self.table_vacancy, buffers = before
        self.buffers.put_back(buffers)

    def hold(self) -> None:
        """From now on asynchronous messages wait for what becomes of a bundle."""
        self.held = []

    def say_held(self) -> None:
        """What waited is true."""
        held, self.held = self.held or [], None
        for say in held:
            say()

    def drop_held(self) -> None:
        """What waited has not happened."""
        self.held = None

    def packet_in(self, packet: PacketIn, now: int) -> None:
        """Show a packet to each controller that wants it; its buffer, if it needs one, is shared by all.

        Before 1.3 a miss is kept also when it is shown whole: scripts of that time answer with its buffer id only.
        """
        conns = self.listeners(ofp.OFPT_PACKET_IN, packet.reason)
        conns = [conn for conn in conns if conn.controller_id == packet.controller]
        if packet.cookie == NO_COOKIE and packet.reason == ofp.OFPR_NO_MATCH:
            conns = [conn for conn in conns if conn.version.misses]
        if not conns:
            self.unwanted[packet.reason] += 1
        packet = self._named(packet, conns)
        shown: dict[tuple[int, int, int], bytes] = {}  # by version, format, and how much of the packet may be shown
        buffer_id = ofp.OFP_NO_BUFFER
        for conn in conns:
            limit = conn.miss_send_len if packet.max_len < 0 else packet.max_len
            if not conn.outbox.room(min(limit, len(packet.data))):
                conn.outbox.sent.packet_ins_dropped[packet.reason] += 1
                continue
            keeps = limit < ofp.OFPCML_NO_BUFFER and (
                limit < len(packet.data) or (conn.version.misses and packet.max_len < 0)
            )
            if buffer_id == ofp.OFP_NO_BUFFER and keeps:
                buffer_id = self.buffers.keep(packet, now)
            key = conn.version.number, conn.packet_in_format, limit
            kept = buffer_id if keeps else ofp.OFP_NO_BUFFER
            shown[key] = shown.get(key) or self._show(conn, packet, limit, kept)
            conn.outbox.packet_in(packet.reason, shown[key])

    def _named(self, packet: PacketIn, conns: Iterable[Connection]) -> PacketIn:
        """A paused packet is shown whole, with its name if one of them can say that it may go on."""
        if not packet.paused:
            return packet
        asked = any(conn.packet_in_format == NXPIF_NXT_PACKET_IN2 for conn in conns)
        name = self.paused.keep(packet.paused) if asked else b""
        return packet._replace(paused=name, max_len=ofp.OFPCML_NO_BUFFER)

    @staticmethod
    def _show(conn: Connection, packet: PacketIn, limit: int, buffer_id: int) -> bytes:
        """The message for controllers like this one that asked for `limit` bytes; whole if it is not kept (7.4.1)."""
        whole = len(packet.data)
        size = whole if buffer_id == ofp.OFP_NO_BUFFER else min(limit, whole)
        return FORMATS[conn.packet_in_format](conn.version.wire, packet, buffer_id, size)

    def release_to_table(self, flow_mod: Request, buffer_id: int) -> None:
        """Send the packet that a flow-mod names to OFPP_TABLE (7.3.4.1); an error is answered."""
        try:
            self.release_buffer(buffer_id, None, OUTPUT_TO_TABLE, flow_mod.now)
        except OpenFlowError as error:
            flow_mod.conn.refuse(flow_mod, error)

    def release_buffer(
        self,
        buffer_id: int,
        in_port: int | None,
        actions: bytes,
        now: int,
        loose: bool = False,
        version: int = ofp.OFP_VERSION,
    ) -> None:
        """Send a kept packet through `actions` of this version; None: from the port it came in by.

        Raises OpenFlowError, and then the packet stays.
        """
        kept = self.buffers.look(buffer_id)
        source = kept.in_port if in_port is None else in_port
        self.datapath.packet_out(source, actions, kept.data, now, loose, version)
        self.buffers.release(buffer_id)
