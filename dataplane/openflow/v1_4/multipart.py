"""Multipart requests and replies of OpenFlow 1.4.1, as far as they are not those of 1.3 (section 7.3.5)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.ofproto_parser import MultipartReader
from triplane.dataplane.openflow.v1_3 import multipart as v1_3
from triplane.dataplane.openflow.v1_3.multipart import OFPMultipartReply, OFPMultipartRequest
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4 import stats
from triplane.dataplane.openflow.v1_4.match import OFPMatch
from triplane.dataplane.openflow.v1_4.messages import MESSAGES
from triplane.dataplane.openflow.v1_4.monitor import UPDATES
from triplane.dataplane.openflow.v1_4.ports import OFPPort, OFPPortStats, OFPQueueDesc, OFPQueueStats, OFPTableDesc
from triplane.dataplane.openflow.v1_4.table_features import OFPTableFeaturesStats
from triplane.dataplane.openflow.wire import items, match_tail, u8, u16, u32

REQUESTS = v1_3.REQUESTS.derive()
REPLIES = v1_3.REPLIES.derive()
REQUESTS.classes[ofp.OFPMP_EXPERIMENTER] = v1_3.OFPExperimenterStatsRequest  # 1.3's knows ONF's flow monitors
MESSAGES.classes[ofp.OFPT_MULTIPART_REQUEST] = MultipartReader(REQUESTS)
MESSAGES.classes[ofp.OFPT_MULTIPART_REPLY] = MultipartReader(REPLIES)


# requests


class OFPFlowStatsRequest(v1_3.OFPFlowStatsRequest, type=ofp.OFPMP_FLOW):
    _choice = REQUESTS
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPAggregateStatsRequest(v1_3.OFPAggregateStatsRequest, type=ofp.OFPMP_AGGREGATE):
    _choice = REQUESTS
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPTableFeaturesStatsRequest(v1_3.OFPTableFeaturesStatsRequest, type=ofp.OFPMP_TABLE_FEATURES):
    _choice = REQUESTS
    body: list[Any] = items(OFPTableFeaturesStats, default=None)


class OFPTableDescStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_TABLE_DESC):
    _choice = REQUESTS


class OFPQueueDescStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_QUEUE_DESC):
    _choice = REQUESTS
    port_no: int = u32(default=ofp.OFPP_ANY)
    queue_id: int = u32(default=ofp.OFPQ_ALL)


class OFPFlowMonitorRequestBase(OFPMultipartRequest):
    """Asks to hear of changes of flow entries, from now on."""

    _choice = REQUESTS
    monitor_id: int = u32(default=0)
    out_port: int = u32(default=ofp.OFPP_ANY)
    out_group: int = u32(default=ofp.OFPG_ANY)
    monitor_flags: int = u16(default=0)
    table_id: int = u8(default=ofp.OFPTT_ALL)
    command: int = u8(default=ofp.OFPFMC_ADD)
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPFlowMonitorRequest(OFPFlowMonitorRequestBase, type=ofp.OFPMP_FLOW_MONITOR):
    pass


# replies


class OFPFlowStatsReply(v1_3.OFPFlowStatsReply, type=ofp.OFPMP_FLOW):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPFlowStats, default=None)


class OFPPortStatsReply(v1_3.OFPPortStatsReply, type=ofp.OFPMP_PORT_STATS):
    _choice = REPLIES
    body: list[Any] = items(OFPPortStats, default=None)


class OFPQueueStatsReply(v1_3.OFPQueueStatsReply, type=ofp.OFPMP_QUEUE_STATS):
    _choice = REPLIES
    body: list[Any] = items(OFPQueueStats, default=None)


class OFPGroupDescStatsReply(v1_3.OFPGroupDescStatsReply, type=ofp.OFPMP_GROUP_DESC):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPGroupDescStats, default=None)


class OFPTableFeaturesStatsReply(v1_3.OFPTableFeaturesStatsReply, type=ofp.OFPMP_TABLE_FEATURES):
    _choice = REPLIES
    body: list[Any] = items(OFPTableFeaturesStats, default=None)


class OFPPortDescStatsReply(v1_3.OFPPortDescStatsReply, type=ofp.OFPMP_PORT_DESC):
    _choice = REPLIES
    body: list[Any] = items(OFPPort, default=None)


class OFPTableDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_TABLE_DESC):
    _choice = REPLIES
    body: list[Any] = items(OFPTableDesc, default=None)


class OFPQueueDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_QUEUE_DESC):
    _choice = REPLIES
    body: list[Any] = items(OFPQueueDesc, default=None)


class OFPFlowMonitorReply(OFPMultipartReply, type=ofp.OFPMP_FLOW_MONITOR):
    """The answer to a request, and from then on what happens, unasked."""

    _choice = REPLIES
    body: list[Any] = items(UPDATES, default=None)
