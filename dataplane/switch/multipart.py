"""OFPT_MULTIPART_REQUEST: a table of 1.3's types, reassembly of long requests, splitting of long replies (7.3.5).

A handler returns the records of its reply, possibly lazily: a table of a million flows is encoded as fast as its
controller reads, so that a slow one costs one message of memory and not the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch import table_features, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.datapath import FlowFilter
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.version import MultipartRow

ROOM = wire.MAX_MESSAGE - wire.HEADER_SIZE - wire.MULTIPART.size  # of one reply's records
MATCH_AT = wire.FLOW_STATS_REQUEST.size


def multipart_request(switch: Switch, request: Request) -> Iterable[bytes]:
    layout = request.wire.multipart
    kind, flags = layout.unpack_from(request.data, wire.HEADER_SIZE)
    body = request.data[wire.HEADER_SIZE + layout.size :]
    row = request.conn.version.multiparts.get(kind)
    if row is None:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_MULTIPART)
    if flags & ofp.OFPMPF_REQ_MORE:
        keep_piece(switch, request, kind, body)
        return ()
    body = join_pieces(request, kind, body)
    if row.size is not None and len(body) != row.size:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN)
    head = body[: wire.EXPERIMENTER.size] if kind == ofp.OFPMP_EXPERIMENTER else b""
    return replies(request, kind, row.handler(switch, request, body), head)


def keep_piece(switch: Switch, request: Request, kind: int, body: bytes) -> None:
    """Hold a part of a request until its last one. Raises OpenFlowError when it grows too long."""
    pieces = request.conn.pieces
    held_kind, held = pieces.setdefault(request.xid, (kind, bytearray()))
    total = len(body) + sum(len(part) for _, part in pieces.values())
    room = total <= switch.config.multipart_limit and len(pieces) <= switch.config.multipart_sequences
    if held_kind == kind and room:
        held += body
        return
    del pieces[request.xid]
    code = ofp.OFPBRC_MULTIPART_BUFFER_OVERFLOW if held_kind == kind else ofp.OFPBRC_BAD_MULTIPART
    raise OpenFlowError(ofp.OFPET_BAD_REQUEST, code)


def join_pieces(request: Request, kind: int, body: bytes) -> bytes:
    """The parts held under this xid and `body`; they are held no longer."""
    held_kind, held = request.conn.pieces.pop(request.xid, (kind, b""))
    if held_kind != kind:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_MULTIPART)
    return bytes(held) + body


def replies(request: Request, kind: int, records: Iterable[bytes], head: bytes = b"") -> Iterator[bytes]:
    """The records in as few messages as hold them, all but the last flagged MORE; a record is never split.

    A record that no message can hold (a flow entry within 16 bytes of 64 KiB) cannot be told, and is left out. Each
    begins with `head`.
    """
    held = [head]
    size = len(head)
    for record in records:
        if len(head) + len(record) > ROOM:
            continue
        if size + len(record) > ROOM:
            yield request.wire.multipart_reply(kind, request.xid, ofp.OFPMPF_REPLY_MORE, held)
            held, size = [head], len(head)
        held.append(record)
        size += len(record)
    yield request.wire.multipart_reply(kind, request.xid, 0, held)


def desc(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    who = switch.identity
    texts = (who.manufacturer, who.hardware, who.software, who.serial, who.description)
    room = (255, 255, 255, 31, 255)  # each ends with a NUL
    return [wire.DESC.pack(*(text.encode()[:most] for text, most in zip(texts, room, strict=True)))]


def flow_filter(body: bytes) -> FlowFilter:
    """Decode ofp_flow_stats_request; the match's own fields are the data plane's to check."""
    if len(body) < MATCH_AT + 8:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN)
    table_id, out_port, out_group, cookie, cookie_mask = wire.FLOW_STATS_REQUEST.unpack_from(body)
    if N_TABLES <= table_id < ofp.OFPTT_ALL:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_TABLE_ID)
    match = body[MATCH_AT:]
    if int.from_bytes(match[:2], "big") != ofp.OFPMT_OXM:
        raise OpenFlowError(ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_TYPE)
    length = int.from_bytes(match[2:4], "big")
    if length < 4 or length + -length % 8 != len(match):
        raise OpenFlowError(ofp.OFPET_BAD_MATCH, ofp.OFPBMC_BAD_LEN)
    return FlowFilter(table_id, out_port, out_group, cookie, cookie_mask, match)


def flow(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    return map(request.wire.flow_stats, switch.datapath.flow_stats(flow_filter(body), request.now))


def aggregate(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    return [wire.AGGREGATE.pack(*switch.datapath.aggregate(flow_filter(body)))]


def table(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    return [request.wire.table_stats(row) for row in switch.datapath.table_stats()]


def port_stats(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    (port_no,) = wire.ONE_NUMBER.unpack(body)
    if port_no != ofp.OFPP_ANY and not switch.has_port(port_no):
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_PORT)
    return [request.wire.port_stats(row) for row in switch.datapath.port_counters(port_no)]


def queue_stats(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    port_no, queue_id = wire.QUEUE_STATS_REQUEST.unpack(body)
    if port_no != ofp.OFPP_ANY and not switch.has_port(port_no):
        raise OpenFlowError(ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_PORT)
    rows = switch.datapath.queue_counters(port_no, queue_id, request.now)
    if not rows and queue_id != ofp.OFPQ_ALL:
        raise OpenFlowError(ofp.OFPET_QUEUE_OP_FAILED, ofp.OFPQOFC_BAD_QUEUE)
    return [request.wire.queue_stats(row) for row in rows]


def group_stats(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    (group_id,) = wire.ONE_NUMBER.unpack(body)
    return switch.datapath.group_stats(group_id, request.now)


def group_desc(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    return switch.datapath.group_desc()


def group_features(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    return [switch.datapath.group_features()]


def meter_stats(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    (meter_id,) = wire.ONE_NUMBER.unpack(body)
    return switch.datapath.meter_stats(meter_id, request.now)


def meter_config(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    (meter_id,) = wire.ONE_NUMBER.unpack(body)
    return switch.datapath.meter_config(meter_id)


def meter_features(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    return [switch.datapath.meter_features()]


def port_desc(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    return [request.wire.port(info) for info in switch.datapath.ports()]


def experimenter(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    """An extension's multipart, by the version's table of them; each of its replies begins with its head."""
    if len(body) < wire.EXPERIMENTER.size:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN)
    row = request.conn.version.experimenter_multiparts.get(wire.EXPERIMENTER.unpack_from(body))
    if row is None:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_EXPERIMENTER)
    return row.handler(switch, request, body[wire.EXPERIMENTER.size :])


ROWS = {
    ofp.OFPMP_DESC: MultipartRow(desc, 0),
    ofp.OFPMP_FLOW: MultipartRow(flow, None),
    ofp.OFPMP_AGGREGATE: MultipartRow(aggregate, None),
    ofp.OFPMP_TABLE: MultipartRow(table, 0),
    ofp.OFPMP_PORT_STATS: MultipartRow(port_stats, wire.ONE_NUMBER.size),
    ofp.OFPMP_QUEUE: MultipartRow(queue_stats, wire.QUEUE_STATS_REQUEST.size),
    ofp.OFPMP_GROUP: MultipartRow(group_stats, wire.ONE_NUMBER.size),
    ofp.OFPMP_GROUP_DESC: MultipartRow(group_desc, 0),
    ofp.OFPMP_GROUP_FEATURES: MultipartRow(group_features, 0),
    ofp.OFPMP_METER: MultipartRow(meter_stats, wire.ONE_NUMBER.size),
    ofp.OFPMP_METER_CONFIG: MultipartRow(meter_config, wire.ONE_NUMBER.size),
    ofp.OFPMP_METER_FEATURES: MultipartRow(meter_features, 0),
    ofp.OFPMP_TABLE_FEATURES: MultipartRow(table_features.table_features, None),
    ofp.OFPMP_PORT_DESC: MultipartRow(port_desc, 0),
    ofp.OFPMP_EXPERIMENTER: MultipartRow(experimenter, None),
}
