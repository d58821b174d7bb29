"""Nicira's flow monitors (Open vSwitch, nicira-ext.h). Ryu has no classes for them; these are named as ONF's of 1.3."""

from __future__ import annotations

from struct import Struct
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.updates import UpdateChoice
from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.v1_0 import nicira_constants as nx
from triplane.dataplane.openflow.v1_0.actions import ACTIONS
from triplane.dataplane.openflow.v1_0.nicira import NXMatch, _Nicira
from triplane.dataplane.openflow.v1_0.nicira_stats import NICIRA_REPLIES, NICIRA_REQUESTS, NXStatsReply, NXStatsRequest
from triplane.dataplane.openflow.v1_0.stats import BAD_LEN, BAD_STAT
from triplane.dataplane.openflow.wire import Record, const, fields_tail, items, length, pad, sizeof, u8, u16, u32, u64

_REQUEST = Struct("!IHHHB5x")


class NXFlowMonitorRequest(Record):
    """One monitor: `flags` are NXFMF_*; `rule` is an NXMatch."""

    id: int = u32(alias="id_")
    flags: int = u16()
    out_port: int = u16(default=ofp.OFPP_NONE)
    match_len = sizeof("rule")
    table_id: int = u8(default=0xFF)
    _pad = pad(5)
    rule: Any = fields_tail(NXMatch, default=None)

    @classmethod
    def _end(cls, buf: bytes, start: int, limit: int) -> int:
        if limit - start < _REQUEST.size:
            raise OpenFlowError(*BAD_LEN)
        end = start + _REQUEST.size + (int(_REQUEST.unpack_from(buf, start)[3]) + 7 & ~7)
        if end > limit:
            raise OpenFlowError(*BAD_LEN)
        return end


class NXFlowMonitorStatsRequest(NXStatsRequest):
    """Asks for the changes of flow entries, by several monitors."""

    subtype = const("I", nx.NXST_FLOW_MONITOR)
    body: list[Any] = items(NXFlowMonitorRequest, default=None)


UPDATES = UpdateChoice(unknown=BAD_STAT, bad_len=BAD_LEN)


class NXFlowUpdate(Record):
    """What every update starts with."""

    _choice = UPDATES
    _order: ClassVar[tuple[str, ...]] = ("length", "event")
    length = length()
    event: int | None = u16(default=None)

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Self:
        """The update at `offset`, of whatever class it is."""
        found: Self = cls._choice.parser(buf, offset)
        return found


class NXFlowUpdateFull(NXFlowUpdate, types=(nx.NXFME_ADDED, nx.NXFME_DELETED, nx.NXFME_MODIFIED)):
    """An entry that is there or was added, removed, changed."""

    reason: int | None = u16(default=None)
    priority: int | None = u16(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    match_len = sizeof("match")
    table_id: int | None = u8(default=None)
    _pad = pad(1)
    cookie: int | None = u64(default=None)
    match: Any = fields_tail(NXMatch, default=None)
    actions: list[Any] = items(ACTIONS, default=None)


class NXFlowUpdateAbbrev(NXFlowUpdate, types=(nx.NXFME_ABBREV,)):
    """A change that the monitor's own controller asked for, by the xid of the request."""

    xid: int | None = u32(default=None)


class NXFlowMonitorStatsReply(NXStatsReply):
    """Updates."""

    subtype = const("I", nx.NXST_FLOW_MONITOR)
    body: list[Any] = items(UPDATES, default=None)


class NXTFlowMonitorCancel(_Nicira, subtype=nx.NXT_FLOW_MONITOR_CANCEL):
    """The end of a monitor."""

    subtype = const("I", nx.NXT_FLOW_MONITOR_CANCEL)
    id: int = u32(alias="id_")


class NXTFlowMonitorPaused(_Nicira, subtype=nx.NXT_FLOW_MONITOR_PAUSED):
    """The controller does not keep up: updates pause."""

    subtype = const("I", nx.NXT_FLOW_MONITOR_PAUSED)


class NXTFlowMonitorResumed(_Nicira, subtype=nx.NXT_FLOW_MONITOR_RESUMED):
    """They go on; what has happened in the meantime has been told."""

    subtype = const("I", nx.NXT_FLOW_MONITOR_RESUMED)


NICIRA_REQUESTS[nx.NXST_FLOW_MONITOR] = NXFlowMonitorStatsRequest
NICIRA_REPLIES[nx.NXST_FLOW_MONITOR] = NXFlowMonitorStatsReply
