"""What the switch agent asks of the data plane: the one border between OpenFlow's state machine and the arrays.

Bytes are OpenFlow 1.3 wire structures, so that a flow entry is never taken apart into objects. Every
method may raise `OpenFlowError(type, code)` before it has changed anything. `now` is CLOCK_MONOTONIC in ns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Removed:
    """A flow entry that is gone: the body of an OFPT_FLOW_REMOVED (1.3.5 section 7.4.2)."""

    cookie: int
    priority: int
    reason: int  # OFPRR_*
    table_id: int
    duration_sec: int
    duration_nsec: int
    idle_timeout: int
    hard_timeout: int
    packet_count: int
    byte_count: int
    match: bytes  # ofp_match with its padding
    flags: int = 0  # OFPFF_*: only those with SEND_FLOW_REM are told of


@dataclass(slots=True)
class FlowModOutcome:
    """What became of a run of flow-mods: `consumed` is the offset after the last one that was looked at."""

    consumed: int
    errors: list[tuple[int, int, int]] = field(default_factory=list)  # offset of the message, type, code
    removed: list[Removed] = field(default_factory=list)
    buffers: list[tuple[int, int]] = field(default_factory=list)  # offset of the message, buffer id to release


NO_COOKIE = (1 << 64) - 1  # of a packet-in that no flow entry caused


class FlowChange(NamedTuple):
    """A flow entry was added, removed, or got other instructions (an add in place of one that was there, too)."""

    kind: int  # ADDED, REMOVED, CHANGED
    reason: int  # OFPRR_* of what was removed
    record: bytes  # its ofp_flow_stats, 1.4's
    at: int  # offset of the flow-mod that did it, in the run; -1: the request; UNASKED: it follows from a change


ADDED, REMOVED, CHANGED = 1, 2, 3
UNASKED = -2  # no request says it: the monitors of its own controller are told in full (as by Open vSwitch)


class PacketIn(NamedTuple):
    """A packet for the controller; `match` is an ofp_match with padding (in_port, metadata, tunnel ...)."""

    reason: int
    table_id: int
    cookie: int
    in_port: int
    max_len: int  # of the output action; OFPCML_NO_BUFFER: whole packet, no buffer; -1: use miss_send_len
    match: bytes
    data: bytes  # the whole packet
    controller: int = 0  # id of the controller that it is for (Nicira's); a connection that said nothing has 0
    userdata: bytes = b""  # of the action that sent it
    paused: bytes = b""  # what `Datapath.resume` needs to go on with it; to controllers, its name


class Pipeline(NamedTuple):
    """The fields of a packet that are not in its bytes."""

    in_port: int | None  # as it was
    metadata: int = 0
    tunnel_id: int = 0
    mark: int = 0
    registers: tuple[int, ...] = (0,) * 16


class FlowFilter(NamedTuple):
    """Selects entries as OFPMP_FLOW and OFPFC_DELETE do (non-strict)."""

    table_id: int  # OFPTT_ALL: every table
    out_port: int
    out_group: int
    cookie: int
    cookie_mask: int
    match: bytes  # ofp_match with its padding


class PortInfo(NamedTuple):
    """One port as OFPMP_PORT_DESC tells it (1.3.5 section 7.2.1)."""

    port_no: int
    hw_addr: bytes
    name: str
    config: int  # OFPPC_*
    state: int  # OFPPS_*
    curr: int  # OFPPF_*
    advertised: int
    supported: int
    peer: int
    curr_speed: int  # kbps
    max_speed: int


class PortCounters(NamedTuple):
    """One port's OFPMP_PORT_STATS, in the order of ofp_port_stats."""

    port_no: int
    rx_packets: int
    tx_packets: int
    rx_bytes: int
    tx_bytes: int
    rx_dropped: int
    tx_dropped: int
    rx_errors: int
    tx_errors: int
    duration_ns: int


class Datapath(Protocol):
    """The data plane, to its agent. Single-threaded: called from the control thread only."""

    # flow tables
    def flow_mods(
        self, data: bytes | bytearray | memoryview, start: int, end: int, now: int, loose: bool = False
    ) -> FlowModOutcome:
        """Apply the flow-mods that stand back to back in data[start:end]; stops before another message type or
        version, a message that is not whole, and one whose length is below 8.

        `loose`: with the semantics of OpenFlow 1.0. Actions that do not fit a packet leave it as it is, a push-vlan
        with something in its padding is for packets that have no tag, and a modify that means no entry adds one.
        """

    def flow_stats(self, chosen: FlowFilter, now: int, ages: bool = False) -> Iterator[bytes]:
        """One encoded ofp_flow_stats for each entry that is there now. Read as the controller reads: flows may have
        changed between two steps. With `ages` importance and padding give way to the idle age and the hard age, as
        nx_flow_stats has them."""

    def aggregate(self, chosen: FlowFilter) -> tuple[int, int, int]:
        """Packets, bytes, entries."""

    def table_stats(self) -> list[tuple[int, int, int, int]]:
        """Of each table: table_id, active_count, lookup_count, matched_count."""

    def table_room(self, table: int) -> tuple[int, int]:
        """Entries in a table, and how many it can hold."""

    def set_eviction(self, table: int, flags: int | None) -> None:
        """Let a full table give up entries for new ones, by OFPTMPEF_*; None: it refuses new ones."""

    def set_egress(self, first: int | None) -> None:
        """Let packets that leave by a port go through the tables from `first` on; None: there are no egress tables."""

    def watch_flows(self, on: bool) -> None:
        """Whether `flow_changes` are wanted; to keep them costs a little with each change."""

    def flow_changes(self) -> list[FlowChange]:
        """The changes of flow entries since they were last asked for."""

    def atomically(self, change: Callable[[], None], now: int) -> list[Removed]:
        """Call `change`, which calls other methods of this, between two packets: each packet meets all that it does
        or nothing of it. If it raises OpenFlowError, flow entries, groups, meters and ports are as before, and the
        error is raised again. Returns what was removed; the methods that `change` calls do not."""

    def rehearse(self, change: Callable[[], None], now: int) -> None:
        """Find out whether `atomically` would carry `change` out: it is done and taken back, and no packet is sent.
        Raises the OpenFlowError that `change` raises."""

    def expire(self, now: int) -> list[Removed]:
        """Remove entries whose idle or hard timeout has passed."""

    def triggered(self, now: int) -> list[bytes]:
        """The ofp_flow_stats of the entries that have reached a threshold of their stat-trigger (OpenFlow 1.5) since
        the last call."""

    # packets
    def packet_out(
        self, in_port: int, actions: bytes, data: bytes, now: int, loose: bool = False, version: int = 4
    ) -> None:
        """Execute encoded actions, of an OpenFlow version, on a packet. `loose`: as for flow-mods."""

    def resume(self, paused: bytes, fields: Pipeline, data: bytes, now: int) -> None:
        """Go on with a paused packet, changed perhaps. Raises OpenFlowError if that has become impossible."""

    def packet_ins(self, limit: int) -> list[PacketIn]:
        """Packets that wait for the controller, at most `limit`."""

    # groups and meters; `buckets` and `bands` are encoded arrays of ofp_bucket, ofp_meter_band_*
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
        """`ids` of the buckets, 0 and so on if there are none; `version` of OpenFlow that the actions are of."""

    def group_parts(self, group_id: int) -> tuple[int, tuple[int, ...], list[bytes]]:
        """Type, bucket ids and encoded buckets of a group."""

    def group_rebuild(self, group_id: int, ids: tuple[int, ...], buckets: list[bytes], now: int) -> None:
        """Give a group these buckets; those that it had, by their ids, keep their counters."""

    def group_stats(self, group_id: int, now: int) -> list[bytes]:
        """Encoded ofp_group_stats."""

    def group_desc(self) -> list[bytes]:
        """Encoded ofp_group_desc."""

    def group_features(self) -> bytes:
        """Body of the OFPMP_GROUP_FEATURES reply."""

    def meter_mod(self, command: int, flags: int, meter_id: int, bands: bytes, now: int) -> list[Removed]: ...
    def meter_stats(self, meter_id: int, now: int) -> list[bytes]: ...
    def meter_config(self, meter_id: int) -> list[bytes]: ...
    def meter_features(self) -> bytes: ...

    # ports and queues
    def ports(self) -> list[PortInfo]: ...
    def port_counters(self, port_no: int) -> list[PortCounters]:
        """OFPP_ANY: all."""

    def port_mod(self, port_no: int, hw_addr: bytes, config: int, mask: int, advertise: int) -> None: ...
    def queue_counters(self, port_no: int, queue_id: int, now: int) -> list[tuple[int, int, int, int, int, int]]:
        """Of each queue: port_no, queue_id, tx_bytes, tx_packets, tx_errors, duration ns."""

    def queue_config(self, port_no: int) -> list[tuple[int, int, int, int]]:
        """Of each queue: port_no, queue_id, min_rate, max_rate (tenths of a percent, 0xffff: none)."""

    # modes
    def set_fragments(self, flags: int) -> None:
        """OFPC_FRAG_NORMAL or OFPC_FRAG_DROP."""

    def set_misses(self, told: bool) -> None:
        """True: what no flow entry matches is a packet-in with NO_COOKIE, as before OpenFlow 1.3. False: dropped."""

    def set_standalone(self, standalone: bool) -> None:
        """True: every packet is switched as by output:NORMAL, flow tables aside."""
