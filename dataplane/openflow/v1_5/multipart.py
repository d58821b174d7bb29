"""Multipart requests and replies of OpenFlow 1.5.1, as far as they are not those of 1.4 (section 7.3.5)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.ofproto_parser import MultipartReader
from triplane.dataplane.openflow.v1_3 import multipart as v1_3
from triplane.dataplane.openflow.v1_3.multipart import OFPMultipartReply, OFPMultipartRequest
from triplane.dataplane.openflow.v1_4 import multipart as v1_4
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import stats
from triplane.dataplane.openflow.v1_5.bundles import FEATURES_PROPERTIES, OFPBundleFeaturesStats
from triplane.dataplane.openflow.v1_5.match import OFPMatch
from triplane.dataplane.openflow.v1_5.messages import MESSAGES
from triplane.dataplane.openflow.v1_5.monitor import UPDATES
from triplane.dataplane.openflow.v1_5.ports import OFPPort
from triplane.dataplane.openflow.v1_5.status import OFPControllerStatusStats
from triplane.dataplane.openflow.v1_5.table_features import OFPTableFeaturesStats
from triplane.dataplane.openflow.wire import items, match_tail, one, pad, u32

REQUESTS = v1_4.REQUESTS.derive()
REPLIES = v1_4.REPLIES.derive()
MESSAGES.classes[ofp.OFPT_MULTIPART_REQUEST] = MultipartReader(REQUESTS)
MESSAGES.classes[ofp.OFPT_MULTIPART_REPLY] = MultipartReader(REPLIES)


# requests


class OFPFlowDescStatsRequest(v1_4.OFPFlowStatsRequest, type=ofp.OFPMP_FLOW_DESC):
    """Chooses flow entries, to read all of them."""

    _choice = REQUESTS
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPFlowStatsRequest(v1_4.OFPFlowStatsRequest, type=ofp.OFPMP_FLOW_STATS):
    """Chooses flow entries, to read their counters."""

    _choice = REQUESTS
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPAggregateStatsRequest(v1_4.OFPAggregateStatsRequest, type=ofp.OFPMP_AGGREGATE_STATS):
    _choice = REQUESTS
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPTableFeaturesStatsRequest(v1_4.OFPTableFeaturesStatsRequest, type=ofp.OFPMP_TABLE_FEATURES):
    _choice = REQUESTS
    body: list[Any] = items(OFPTableFeaturesStats, default=None)


class OFPPortDescStatsRequest(v1_3.OFPPortDescStatsRequest, type=ofp.OFPMP_PORT_DESC):
    _choice = REQUESTS
    port_no: int = u32(default=ofp.OFPP_ANY)
    _pad2 = pad(4)


class OFPGroupDescStatsRequest(v1_3.OFPGroupDescStatsRequest, type=ofp.OFPMP_GROUP_DESC):
    _choice = REQUESTS
    group_id: int = u32(default=ofp.OFPG_ALL)
    _pad2 = pad(4)


class OFPMeterDescStatsRequest(v1_3.OFPMeterConfigStatsRequest, type=ofp.OFPMP_METER_DESC):
    _choice = REQUESTS


class OFPFlowMonitorRequest(v1_4.OFPFlowMonitorRequestBase, type=ofp.OFPMP_FLOW_MONITOR):
    _choice = REQUESTS
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPControllerStatusStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_CONTROLLER_STATUS):
    _choice = REQUESTS


class OFPBundleFeaturesStatsRequest(OFPMultipartRequest, type=ofp.OFPMP_BUNDLE_FEATURES):
    _choice = REQUESTS
    feature_request_flags: int = u32(default=0)
    _pad2 = pad(4)
    properties: list[Any] = items(FEATURES_PROPERTIES, default=None)


# replies


class OFPFlowDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_FLOW_DESC):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPFlowDesc, default=None)


class OFPFlowStatsReply(OFPMultipartReply, type=ofp.OFPMP_FLOW_STATS):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPFlowStats, default=None)


class OFPAggregateStatsReply(OFPMultipartReply, type=ofp.OFPMP_AGGREGATE_STATS):
    _choice = REPLIES
    body: Any = one(stats.OFPAggregateStats, default=None)


class OFPGroupDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_GROUP_DESC):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPGroupDescStats, default=None)


class OFPMeterStatsReply(OFPMultipartReply, type=ofp.OFPMP_METER_STATS):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPMeterStats, default=None)


class OFPMeterDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_METER_DESC):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPMeterDescStats, default=None)


class OFPMeterFeaturesStatsReply(OFPMultipartReply, type=ofp.OFPMP_METER_FEATURES):
    _choice = REPLIES
    body: list[Any] = items(stats.OFPMeterFeaturesStats, default=None)


class OFPTableFeaturesStatsReply(OFPMultipartReply, type=ofp.OFPMP_TABLE_FEATURES):
    _choice = REPLIES
    body: list[Any] = items(OFPTableFeaturesStats, default=None)


class OFPPortDescStatsReply(OFPMultipartReply, type=ofp.OFPMP_PORT_DESC):
    _choice = REPLIES
    body: list[Any] = items(OFPPort, default=None)


class OFPFlowMonitorReply(OFPMultipartReply, type=ofp.OFPMP_FLOW_MONITOR):
    _choice = REPLIES
    body: list[Any] = items(UPDATES, default=None)


class OFPControllerStatusStatsReply(OFPMultipartReply, type=ofp.OFPMP_CONTROLLER_STATUS):
    _choice = REPLIES
    body: list[Any] = items(OFPControllerStatusStats, default=None)


class OFPBundleFeaturesStatsReply(OFPMultipartReply, type=ofp.OFPMP_BUNDLE_FEATURES):
    _choice = REPLIES
    body: Any = one(OFPBundleFeaturesStats, default=None)
