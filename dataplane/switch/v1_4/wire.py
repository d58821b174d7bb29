"""What the switch says in OpenFlow 1.4 otherwise than in 1.3. Sections are of OpenFlow 1.4.1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import ClassVar

from triplane.dataplane.openflow import ofproto_v1_3 as v1_3
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.datapath import PortCounters, PortInfo
from triplane.dataplane.switch.v1_4.properties import pack_property

PORT = Struct("!IH2x6s2x16sII")  # port_no, length, hw_addr, name, config, state
ETHERNET = Struct("!4x6I")  # curr, advertised, supported, peer, curr_speed, max_speed
PORT_STATS = Struct("!H2xIII8Q")  # length, port_no, duration in s and ns, counters
ETHERNET_STATS = Struct("!4x4Q")  # frame, overrun and CRC errors, collisions
QUEUE_STATS = Struct("!H6xIIQQQII")  # length, port_no, queue_id, bytes, packets, errors, duration in s and ns
ROLE_STATUS = Struct("!IB3xQ")  # role, reason, generation_id
TABLE_STATUS = Struct("!B7x")  # reason
FLOW_UPDATE = Struct("!HHBBHHH4xQ")  # length, event, table_id, reason, idle, hard, priority, cookie
SHORT_UPDATE = Struct("!HHI")  # length, event, xid
TABLE_DESC = Struct("!HBxI")  # length, table_id, config


class Wire14(wire.Wire):
    """See the module."""

    version = 5
    error_codes: Mapping[tuple[int, int], tuple[int, int]] = {  # properties have errors of their own (7.5.4.15)
        (v1_3.OFPET_TABLE_FEATURES_FAILED, v1_3.OFPTFFC_BAD_TYPE): (ec.OFPET_BAD_PROPERTY, ec.OFPBPC_BAD_TYPE),
        (v1_3.OFPET_TABLE_FEATURES_FAILED, v1_3.OFPTFFC_BAD_LEN): (ec.OFPET_BAD_PROPERTY, ec.OFPBPC_BAD_LEN),
        (v1_3.OFPET_TABLE_FEATURES_FAILED, v1_3.OFPTFFC_BAD_ARGUMENT): (ec.OFPET_BAD_PROPERTY, ec.OFPBPC_BAD_VALUE),
    }
    reasons: Mapping[tuple[int, int], int] = {}
    forwards: ClassVar[frozenset[int]] = frozenset((4, 5))  # versions whose group-mods and meter-mods are as ours

    def error(self, kind: int, code: int, xid: int, data: bytes) -> bytes:
        """OFPT_ERROR, 7.5.4."""
        return self._error(*self.error_codes.get((kind, code), (kind, code)), xid, data)

    def flow_stats(self, record: bytes) -> bytes:
        """ofp_flow_stats, 7.3.5.2."""
        return record

    def port(self, info: PortInfo) -> bytes:
        """ofp_port, 7.2.1. A name of more than 15 bytes is cut."""
        name = info.name.encode()[: ofp.OFP_MAX_PORT_NAME_LEN - 1]
        features = pack_property(ofp.OFPPDPT_ETHERNET, ETHERNET.pack(*info[5:]))
        length = PORT.size + len(features)
        return (
            PORT.pack(info.port_no, length, info.hw_addr, name, info.config & wire.PORT_CONFIG, info.state) + features
        )

    def port_stats(self, row: PortCounters) -> bytes:
        """ofp_port_stats, 7.3.5.6; what Ethernet counts of its own is within rx_errors."""
        ethernet = pack_property(ofp.OFPPSPT_ETHERNET, ETHERNET_STATS.pack(0, 0, 0, 0))
        life = divmod(row.duration_ns, wire.SECOND)
        return PORT_STATS.pack(PORT_STATS.size + len(ethernet), row.port_no, *life, *row[1:9]) + ethernet

    def queue_stats(self, row: tuple[int, int, int, int, int, int]) -> bytes:
        """ofp_queue_stats, 7.3.5.8."""
        return QUEUE_STATS.pack(QUEUE_STATS.size, *row[:5], *divmod(row[5], wire.SECOND))

    def role_status(self, role: int, reason: int, generation_id: int) -> bytes:
        """OFPT_ROLE_STATUS, 7.4.4."""
        return self.message(ofp.OFPT_ROLE_STATUS, 0, ROLE_STATUS.pack(role, reason, generation_id))

    def table_status(self, reason: int, desc: bytes) -> bytes:
        """OFPT_TABLE_STATUS, 7.4.5, of a table's ofp_table_desc."""
        return self.message(ofp.OFPT_TABLE_STATUS, 0, TABLE_STATUS.pack(reason) + desc)

    def request_forward(self, request: bytes) -> bytes:
        """OFPT_REQUESTFORWARD, 7.4.6: another controller's group-mod or meter-mod, of a version that has the same."""
        if request[0] not in self.forwards:
            return b""
        return self.message(ofp.OFPT_REQUESTFORWARD, 0, bytes((self.version,)) + request[1:])

    def flow_update(self, event: int, reason: int, record: bytes, instructions: bool) -> bytes:
        """ofp_flow_update_full, 7.3.5.19, of an entry's ofp_flow_stats."""
        _, table_id, _, _, priority, idle, hard, _, _, cookie, _, _ = wire.FLOW_STATS.unpack_from(record)
        size = int.from_bytes(record[wire.FLOW_STATS.size + 2 : wire.FLOW_STATS.size + 4])
        end = None if instructions else wire.FLOW_STATS.size + size + -size % 8
        rest = record[wire.FLOW_STATS.size : end]
        length = FLOW_UPDATE.size + len(rest)
        return FLOW_UPDATE.pack(length, event, table_id, reason, idle, hard, priority, cookie) + rest

    def flow_update_abbreviated(self, xid: int) -> bytes:
        """ofp_flow_update_abbrev: a change that the controller's own request made."""
        return SHORT_UPDATE.pack(SHORT_UPDATE.size, ofp.OFPFME_ABBREV, xid)

    def flow_updates_pause(self, event: int) -> bytes:
        """ofp_flow_update_paused, in a message of its own."""
        return self.flow_updates([SHORT_UPDATE.pack(SHORT_UPDATE.size, event, 0)])

    def flow_updates(self, updates: Iterable[bytes]) -> bytes:
        """A reply to a monitor's request, long after it: its transaction is 0."""
        return self.multipart_reply(ofp.OFPMP_FLOW_MONITOR, 0, 0, updates)
