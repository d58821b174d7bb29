"""Statistics of OpenFlow 1.0 (1.0.0 section 5.3.5)."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch import multipart, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.datapath import FlowFilter
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.v1_0.match import MATCH, to_oxm
from triplane.dataplane.switch.v1_0.numbers import wide_port
from triplane.dataplane.switch.v1_0.wire import TABLE_STATS
from triplane.dataplane.switch.version import MultipartRow

CHOICE = Struct("!BxH")  # table_id, out_port; behind the match
PORT = Struct("!H6x")
QUEUE = Struct("!H2xI")
ALL_PORTS = (ofp10.OFPP_NONE, ofp10.OFPP_ALL)


def chosen(body: bytes) -> FlowFilter | None:
    """What the request means; None: nothing, by its table."""
    table_id, out_port = CHOICE.unpack_from(body, MATCH.size)
    if N_TABLES <= table_id < ofp.OFPTT_ALL:
        return None
    return FlowFilter(table_id, wide_port(out_port), ofp.OFPG_ANY, 0, 0, to_oxm(body[: MATCH.size]).match)


def flow(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    meant = chosen(body)
    return () if meant is None else map(request.wire.flow_stats, switch.datapath.flow_stats(meant, request.now))


def aggregate(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    meant = chosen(body)
    return [wire.AGGREGATE.pack(*((0, 0, 0) if meant is None else switch.datapath.aggregate(meant)))]


def table(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    most = switch.config.max_entries
    return [
        TABLE_STATS.pack(number, switch.table_names[number], ofp10.OFPFW_ALL, most, *counts)
        for number, *counts in switch.datapath.table_stats()
    ]


def port(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """Of a port that is not there: nothing, for 1.0 has no error for that."""
    (number,) = PORT.unpack(body)
    port_no = ofp.OFPP_ANY if number in ALL_PORTS else wide_port(number)
    if port_no != ofp.OFPP_ANY and not switch.has_port(port_no):
        return []
    return [request.wire.port_stats(row) for row in switch.datapath.port_counters(port_no)]


def queue(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    number, queue_id = QUEUE.unpack(body)
    port_no = ofp.OFPP_ANY if number in ALL_PORTS else wide_port(number)
    if port_no != ofp.OFPP_ANY and not switch.has_port(port_no):
        raise OpenFlowError(ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_PORT)
    rows = switch.datapath.queue_counters(port_no, queue_id, request.now)
    if not rows and queue_id != ofp10.OFPQ_ALL:
        raise OpenFlowError(ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_QUEUE)
    return [request.wire.queue_stats(row) for row in rows]


def vendor(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_EXPERIMENTER)


ROWS = {
    ofp10.OFPST_DESC: MultipartRow(multipart.desc, 0),
    ofp10.OFPST_FLOW: MultipartRow(flow, MATCH.size + CHOICE.size),
    ofp10.OFPST_AGGREGATE: MultipartRow(aggregate, MATCH.size + CHOICE.size),
    ofp10.OFPST_TABLE: MultipartRow(table, 0),
    ofp10.OFPST_PORT: MultipartRow(port, PORT.size),
    ofp10.OFPST_QUEUE: MultipartRow(queue, QUEUE.size),
    ofp10.OFPST_VENDOR: MultipartRow(vendor, None),
}
