"""The OpenFlow versions that the switch speaks. One more is a `Version`: its differences from another."""

from __future__ import annotations

from collections.abc import Iterable

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID, ONF_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_3 import onf_constants as onf
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_5 import constants as v1_5
from triplane.dataplane.switch import bundles, handlers, monitors, multipart, nicira, v1_2, wire
from triplane.dataplane.switch.v1_0 import nicira as nicira_1_0
from triplane.dataplane.switch.v1_0 import requests as requests_1_0
from triplane.dataplane.switch.v1_0 import stats as stats_1_0
from triplane.dataplane.switch.v1_0 import wire as wire_1_0
from triplane.dataplane.switch.v1_4 import multipart as multipart_1_4
from triplane.dataplane.switch.v1_4 import requests as requests_1_4
from triplane.dataplane.switch.v1_4.wire import Wire14
from triplane.dataplane.switch.v1_5 import bundles as bundles_1_5
from triplane.dataplane.switch.v1_5 import groups, table_features
from triplane.dataplane.switch.v1_5 import multipart as multipart_1_5
from triplane.dataplane.switch.v1_5 import requests as requests_1_5
from triplane.dataplane.switch.v1_5.wire import Wire15
from triplane.dataplane.switch.version import MultipartRow, Row, Version

ONF_BUNDLES = {
    (ONF_EXPERIMENTER_ID, onf.ONF_ET_BUNDLE_CONTROL): Row(bundles.onf_control, 24, longer=True, writes=True),
    (ONF_EXPERIMENTER_ID, onf.ONF_ET_BUNDLE_ADD_MESSAGE): Row(bundles.onf_add, 32, longer=True, writes=True),
}
ONF_MONITORS = {
    (ONF_EXPERIMENTER_ID, onf.ONFT_FLOW_MONITOR_CANCEL): Row(monitors.cancel, 20),
}
NX_MONITORS = {
    (NX_EXPERIMENTER_ID, nx.NXT_FLOW_MONITOR_CANCEL): Row(monitors.cancel, 20),
}
V1_0 = Version(
    *(1, "1.0", wire_1_0.WIRE, requests_1_0.ROWS, stats_1_0.ROWS),
    flow_runs=False,
    misses=True,
    experimenters=nicira_1_0.ROWS | NX_MONITORS,
)
V1_2 = Version(
    *(3, "1.2", v1_2.WIRE, v1_2.REQUESTS, v1_2.STATS),
    flow_runs=False,
    misses=True,
    experimenters=nicira.ROWS_BEFORE_1_4 | NX_MONITORS,
    experimenter_multiparts={
        (NX_EXPERIMENTER_ID, nx.NXST_FLOW_MONITOR): MultipartRow(monitors.nx_flow_monitor, None),
    },
)
V1_3 = Version(
    *(4, "1.3", wire.WIRE, handlers.ROWS, multipart.ROWS),
    experimenters=ONF_BUNDLES | ONF_MONITORS | nicira.ROWS_BEFORE_1_4,
    experimenter_multiparts={
        (ONF_EXPERIMENTER_ID, onf.ONFMP_FLOW_MONITOR): MultipartRow(monitors.onf_flow_monitor, None),
    },
)

_REQUESTS_1_4 = {kind: row for kind, row in handlers.ROWS.items() if kind != ofp.OFPT_QUEUE_GET_CONFIG_REQUEST} | {
    ofp.OFPT_PORT_MOD: Row(requests_1_4.port_mod, 32, longer=True, writes=True, bundled=True),
    ofp.OFPT_TABLE_MOD: Row(requests_1_4.table_mod, 16, longer=True, writes=True, bundled=True),
    ofp.OFPT_GET_ASYNC_REQUEST: Row(requests_1_4.get_async),
    ofp.OFPT_SET_ASYNC: Row(requests_1_4.set_async, longer=True),
    ofp.OFPT_BUNDLE_CONTROL: Row(bundles.control, 16, longer=True, writes=True),
    ofp.OFPT_BUNDLE_ADD_MESSAGE: Row(bundles.add, 24, longer=True, writes=True),
}
_MULTIPARTS_1_4 = multipart.ROWS | {
    ofp.OFPMP_TABLE_FEATURES: MultipartRow(multipart_1_4.features, None),
    ofp.OFPMP_TABLE_DESC: MultipartRow(multipart_1_4.table_desc, 0),
    ofp.OFPMP_FLOW_MONITOR: MultipartRow(monitors.flow_monitor, None),
    ofp.OFPMP_QUEUE_DESC: MultipartRow(multipart_1_4.queue_desc, multipart_1_4.QUEUE_REQUEST.size),
}
V1_4 = Version(
    *(5, "1.4", Wire14(), _REQUESTS_1_4, _MULTIPARTS_1_4, requests_1_4.DEFAULT_ASYNC),
    experimenters=nicira.ROWS,
)

_REQUESTS_1_5 = _REQUESTS_1_4 | {
    ofp.OFPT_PACKET_OUT: Row(requests_1_5.packet_out, 24, longer=True, writes=True, bundled=True),
    ofp.OFPT_GROUP_MOD: Row(groups.group_mod, 24, longer=True, writes=True, bundled=True),
    ofp.OFPT_ROLE_REQUEST: Row(requests_1_5.role_request, 24),
    ofp.OFPT_BUNDLE_CONTROL: Row(bundles_1_5.control, 16, longer=True, writes=True),
    ofp.OFPT_BUNDLE_ADD_MESSAGE: Row(bundles_1_5.add, 24, longer=True, writes=True),
}
_MULTIPARTS_1_5 = _MULTIPARTS_1_4 | {
    v1_5.OFPMP_FLOW_DESC: MultipartRow(multipart_1_5.flow_desc, None),
    v1_5.OFPMP_FLOW_STATS: MultipartRow(multipart_1_5.flow_stats, None),
    v1_5.OFPMP_AGGREGATE_STATS: MultipartRow(multipart_1_5.aggregate, None),
    v1_5.OFPMP_PORT_DESC: MultipartRow(multipart_1_5.port_desc, wire.ONE_NUMBER.size),
    v1_5.OFPMP_GROUP_DESC: MultipartRow(groups.group_desc, wire.ONE_NUMBER.size),
    v1_5.OFPMP_GROUP_FEATURES: MultipartRow(multipart_1_5.group_features, 0),
    v1_5.OFPMP_METER_FEATURES: MultipartRow(multipart_1_5.meter_features, 0),
    v1_5.OFPMP_TABLE_FEATURES: MultipartRow(table_features.table_features, None),
    v1_5.OFPMP_CONTROLLER_STATUS: MultipartRow(multipart_1_5.controller_status, 0),
    v1_5.OFPMP_BUNDLE_FEATURES: MultipartRow(bundles_1_5.features, None),
}
V1_5 = Version(
    *(6, "1.5", Wire15(), _REQUESTS_1_5, _MULTIPARTS_1_5, requests_1_5.DEFAULT_ASYNC),
    experimenters=nicira.ROWS,
)

VERSIONS = {version.number: version for version in (V1_0, V1_2, V1_3, V1_4, V1_5)}
NAMES = {version.name: version.number for version in VERSIONS.values()}


def numbers_of(text: str) -> tuple[int, ...]:
    """`1.3,1.4`: the versions' numbers. Raises ValueError, a line for the user."""
    names = text.split(",")
    for name in names:
        if name not in NAMES:
            raise ValueError(f"OpenFlow version {name!r} is not spoken, only {', '.join(NAMES)}")
    return tuple(NAMES[name] for name in names)


def chosen(numbers: Iterable[int]) -> dict[int, Version]:
    """The versions of these numbers; all, if there are none."""
    wanted = tuple(numbers)
    return {number: version for number, version in VERSIONS.items() if not wanted or number in wanted}
