"""Multipart requests and replies (OpenFlow 1.3.5 section 7.3.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.match import OFPMatch
from triplane.dataplane.openflow.ofproto_parser import MsgBase, MultipartReader
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3 import stats
from triplane.dataplane.openflow.v1_3.messages import MESSAGES
from triplane.dataplane.openflow.v1_3.ports import OFPPort
from triplane.dataplane.openflow.v1_3.table_features import OFPTableFeaturesStats
from triplane.dataplane.openflow.wire import (
    Choice,
    const,
    items,
    match_tail,
    one,
    pad,
    rest,
    u8,
    u16,
    u32,
    u64,
)

BAD_MULTIPART = (ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_MULTIPART)
BAD_LEN = (ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)
REQUESTS = Choice(unknown=BAD_MULTIPART, bad_len=BAD_LEN)
REPLIES = Choice(unknown=BAD_MULTIPART, bad_len=BAD_LEN)


class _Multipart(MsgBase):
    _choice: ClassVar[Choice]

    @classmethod
    def parser(cls, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
        """The message, of the class for its type."""
        return MultipartReader(cls._choice)._read(bytes(buf), datapath, version, msg_type, msg_len, xid)


# requests


class OFPMultipartRequest(_Multipart, msg_type=ofp.OFPT_MULTIPART_REQUEST):
    """What every request starts with; `flags` is OFPMPF_REQ_MORE or 0."""

    _choice = REQUESTS
    type = const("H")
    flags: int = u16(default=0)
    _pad = pad(4)


class OFPDescStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_DESC):
    pass


class OFPFlowStatsRequestBase(OFPMultipartRequest):
    """Chooses flow entries: by table, output, cookie and (non-strict) match."""

    table_id: int = u8(default=ofp.OFPTT_ALL)
    _pad2 = pad(3)
    out_port: int = u32(default=ofp.OFPP_ANY)
    out_group: int = u32(default=ofp.OFPG_ANY)
    _pad3 = pad(4)
    cookie: int = u64(default=0)
    cookie_mask: int = u64(default=0)
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPFlowStatsRequest(OFPFlowStatsRequestBase, type=ofp.OFPMP_FLOW):
    pass


class OFPAggregateStatsRequest(OFPFlowStatsRequestBase, type=ofp.OFPMP_AGGREGATE):
    pass


class OFPTableStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_TABLE):
    pass


class OFPPortStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_PORT_STATS):
    port_no: int = u32(default=ofp.OFPP_ANY)
    _pad2 = pad(4)


class OFPQueueStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_QUEUE):
    port_no: int = u32(default=ofp.OFPP_ANY)
    queue_id: int = u32(default=ofp.OFPQ_ALL)


class OFPGroupStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_GROUP):
    group_id: int = u32(default=ofp.OFPG_ALL)
    _pad2 = pad(4)


class OFPGroupDescStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_GROUP_DESC):
    pass


class OFPGroupFeaturesStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_GROUP_FEATURES):
    pass


class OFPMeterStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_METER):
    meter_id: int = u32(default=ofp.OFPM_ALL)
    _pad2 = pad(4)


class OFPMeterConfigStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_METER_CONFIG):
    meter_id: int = u32(default=ofp.OFPM_ALL)
    _pad2 = pad(4)


class OFPMeterFeaturesStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_METER_FEATURES):
    pass


class OFPTableFeaturesStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_TABLE_FEATURES):
    """Reads the features; with a body, sets them."""

    body: list[Any] = items(OFPTableFeaturesStats, default=None)


class OFPPortDescStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_PORT_DESC):
    pass


class OFPExperimenterStatsRequestBase(OFPMultipartRequest):
    experimenter: int | None = u32(default=None)
    exp_type: int | None = u32(default=None)


class OFPExperimenterStatsRequest(OFPExperimenterStatsRequestBase, type=ofp.OFPMP_EXPERIMENTER):
    data: bytes | None = rest(default=None)


# replies


class OFPMultipartReply(_Multipart, msg_type=ofp.OFPT_MULTIPART_REPLY):
    """What every reply starts with; `flags` is OFPMPF_REPLY_MORE or 0.

    `body` is a list, or the one record of a reply that has just one. A list may hold records that are bytes already.
    """

    _choice = REPLIES
    _order: ClassVar[tuple[str, ...]] = ("body", "flags")
    type = const("H")
    flags: int = u16(default=0)
    _pad = pad(4)


class OFPDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_DESC):
    body: Any = one(stats.OFPDescStats, default=None)


class OFPFlowStatsReply(OFPMultipartReply, type=ofp.OFPMP_FLOW):
    body: list[Any] = items(stats.OFPFlowStats, default=None)


class OFPAggregateStatsReply(OFPMultipartReply, type=ofp.OFPMP_AGGREGATE):
    body: Any = one(stats.OFPAggregateStats, default=None)


class OFPTableStatsReply(OFPMultipartReply, type=ofp.OFPMP_TABLE):
    body: list[Any] = items(stats.OFPTableStats, default=None)


class OFPPortStatsReply(OFPMultipartReply, type=ofp.OFPMP_PORT_STATS):
    body: list[Any] = items(stats.OFPPortStats, default=None)


class OFPQueueStatsReply(OFPMultipartReply, type=ofp.OFPMP_QUEUE):
    body: list[Any] = items(stats.OFPQueueStats, default=None)


class OFPGroupStatsReply(OFPMultipartReply, type=ofp.OFPMP_GROUP):
    body: list[Any] = items(stats.OFPGroupStats, default=None)


class OFPGroupDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_GROUP_DESC):
    body: list[Any] = items(stats.OFPGroupDescStats, default=None)


class OFPGroupFeaturesStatsReply(OFPMultipartReply, type=ofp.OFPMP_GROUP_FEATURES):
    body: Any = one(stats.OFPGroupFeaturesStats, default=None)


class OFPMeterStatsReply(OFPMultipartReply, type=ofp.OFPMP_METER):
    body: list[Any] = items(stats.OFPMeterStats, default=None)


class OFPMeterConfigStatsReply(OFPMultipartReply, type=ofp.OFPMP_METER_CONFIG):
    body: list[Any] = items(stats.OFPMeterConfigStats, default=None)


class OFPMeterFeaturesStatsReply(OFPMultipartReply, type=ofp.OFPMP_METER_FEATURES):
    """A list of one, as in Ryu."""

    body: list[Any] = items(stats.OFPMeterFeaturesStats, default=None)


class OFPTableFeaturesStatsReply(OFPMultipartReply, type=ofp.OFPMP_TABLE_FEATURES):
    body: list[Any] = items(OFPTableFeaturesStats, default=None)


class OFPPortDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_PORT_DESC):
    body: list[Any] = items(OFPPort, default=None)


class OFPExperimenterStatsReply(OFPMultipartReply, type=ofp.OFPMP_EXPERIMENTER):
    body: Any = one(stats.OFPExperimenterMultipart, default=None)


MESSAGES.classes[ofp.OFPT_MULTIPART_REQUEST] = MultipartReader(REQUESTS)
MESSAGES.classes[ofp.OFPT_MULTIPART_REPLY] = MultipartReader(REPLIES)
