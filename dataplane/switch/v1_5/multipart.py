"""Multipart requests of 1.5 that are not 1.4's. Sections are of OpenFlow 1.5.1."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.switch import multipart
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_5.wire import Wire15, totals

WIRE = Wire15()
ONE_NUMBER = Struct("!I4x")
METER_FEATURES = Struct("!I4x")  # behind 1.3's: OFPMFF_*
METERS_CAN = ofp.OFPMFF_ACTION_SET | ofp.OFPMFF_ANY_POSITION | ofp.OFPMFF_MULTI_LIST
GROUP_FEATURES = Struct("!10I")  # types, capabilities, most groups of each type, actions of each type
GROUP_ACTIONS = 1 << ofp.OFPAT_COPY_FIELD | 1 << ofp.OFPAT_METER  # beside those of 1.3


def flow_desc(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    """OFPMP_FLOW_DESC, 7.3.5.2."""
    return map(WIRE.flow_desc, switch.datapath.flow_stats(multipart.flow_filter(body), request.now))


def flow_stats(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    """OFPMP_FLOW_STATS, 7.3.5.3."""
    records = switch.datapath.flow_stats(multipart.flow_filter(body), request.now)
    return (WIRE.flow_counters(record, ofp.OFPFSR_STATS_REQUEST) for record in records)


def aggregate(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_AGGREGATE_STATS, 7.3.5.4."""
    return [totals(*switch.datapath.aggregate(multipart.flow_filter(body)))]


def port_desc(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_PORT_DESC, 7.3.5.6, of one port or of all."""
    (port_no,) = ONE_NUMBER.unpack(body)
    if port_no != ofp.OFPP_ANY and not switch.has_port(port_no):
        raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_PORT)
    ports = switch.datapath.ports()
    return [WIRE.port(info) for info in ports if port_no in (info.port_no, ofp.OFPP_ANY)]


def group_features(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_GROUP_FEATURES, 7.3.5.11."""
    told = GROUP_FEATURES.unpack(switch.datapath.group_features())
    return [GROUP_FEATURES.pack(*told[:-4], *(actions | GROUP_ACTIONS for actions in told[-4:]))]


def meter_features(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_METER_FEATURES, 7.3.5.16: meters are actions, anywhere and as often as wanted."""
    return [switch.datapath.meter_features() + METER_FEATURES.pack(METERS_CAN)]


def controller_status(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_CONTROLLER_STATUS, 7.3.5.20."""
    known = (conn for conn in switch.connections if conn.established)
    return [WIRE.controller_state(conn, ofp.OFPCSR_REQUEST) for conn in known]
