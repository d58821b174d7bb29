"""What Nicira's flow monitors say, which versions before 1.3 have (Open vSwitch, nicira-ext.h)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import NICIRA_ERROR
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.openflow.v1_4.constants import OFPFME_PAUSED
from triplane.dataplane.switch.wire import EXPERIMENTER, FLOW_STATS, ONF_EVENTS, ONF_UPDATE, Wire

TLV = Struct("!I")
MONITOR_HEAD = EXPERIMENTER.pack(NX_EXPERIMENTER_ID, nx.NXST_FLOW_MONITOR)


class NiciraWire(Wire):
    """The encoders of a version whose flow monitors are Nicira's: ONF's extension has their numbers and layouts."""

    monitor_head = MONITOR_HEAD  # what each message of updates begins with
    monitor_errors: Mapping[int, int] = {}  # Nicira's codes of OFPMOFC_*
    nicira_codes = 0  # this version's code of one of Nicira's, less that from 1.2 on

    def error(self, kind: int, code: int, xid: int, data: bytes) -> bytes:
        if kind == ec.OFPET_FLOW_MONITOR_FAILED and code in self.monitor_errors:
            return self.message(ofp.OFPT_ERROR, xid, self.nicira_error(self.monitor_errors[code]) + data)
        if kind == NICIRA_ERROR:
            return self.message(ofp.OFPT_ERROR, xid, self.nicira_error(code + self.nicira_codes) + data)
        return self.standard_error(kind, code, xid, data)

    def standard_error(self, kind: int, code: int, xid: int, data: bytes) -> bytes:
        """As `error`, of what is not Nicira's."""
        return super().error(kind, code, xid, data)

    def nicira_error(self, code: int) -> bytes:
        """The body of an OFPT_ERROR with a code of Nicira's, but for the quoted request."""
        raise NotImplementedError

    def actions_of(self, instructions: bytes) -> bytes:
        """The actions that this version tells in place of instructions."""
        raise NotImplementedError

    def flow_update(self, event: int, reason: int, record: bytes, instructions: bool) -> bytes:
        """nx_flow_update_full: the fields stand without the header of an ofp_match, and actions follow."""
        _, table_id, _, _, priority, idle, hard, _, _, cookie, _, _ = FLOW_STATS.unpack_from(record)
        start = FLOW_STATS.size
        size = int.from_bytes(record[start + 2 : start + 4])
        fields = untagged_as_tci(record[start + 4 : start + size])
        rest = fields + bytes(-len(fields) % 8)
        if instructions:
            rest += self.actions_of(record[start + size + -size % 8 :])
        head = (ONF_UPDATE.size + len(rest), ONF_EVENTS[event], reason, priority, idle, hard, len(fields), table_id)
        return ONF_UPDATE.pack(*head, cookie) + rest

    def flow_updates(self, updates: Iterable[bytes]) -> bytes:
        return self.multipart_reply(ofp.OFPMP_EXPERIMENTER, 0, 0, (self.monitor_head, *updates))

    def flow_updates_pause(self, event: int) -> bytes:
        """NXT_FLOW_MONITOR_PAUSED and NXT_FLOW_MONITOR_RESUMED."""
        kind = nx.NXT_FLOW_MONITOR_PAUSED if event == OFPFME_PAUSED else nx.NXT_FLOW_MONITOR_RESUMED
        return self.message(ofp.OFPT_EXPERIMENTER, 0, EXPERIMENTER.pack(NX_EXPERIMENTER_ID, kind))


def untagged_as_tci(fields: bytes) -> bytes:
    """That there is no tag has another form in NXM, which Open vSwitch tells from 1.2's."""
    at = 0
    while at + TLV.size <= len(fields):
        (header,) = TLV.unpack_from(fields, at)
        end = at + TLV.size + (header & 0xFF)
        if header == ofp.OXM_OF_VLAN_VID and fields[at + TLV.size : end] == bytes(2):
            return fields[:at] + TLV.pack(nx.NXM_OF_VLAN_TCI) + fields[at + TLV.size :]
        at = end
    return fields
