"""Nicira's messages that OpenFlow 1.0 alone has: flows by more than twelve fields (Open vSwitch, nicira-ext.h).

NXM and OXM TLVs are the same to the data plane, and Open vSwitch reads either in either place: what an entry was given
is what is told of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.switch import monitors, nicira, requests, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.datapath import FlowFilter
from triplane.dataplane.switch.multipart import multipart_request
from triplane.dataplane.switch.nicira_wire import untagged_as_tci
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_0.actions import to_1_3, to_ofp10
from triplane.dataplane.switch.v1_0.flow_mods import FlowMod, carry_out, encode
from triplane.dataplane.switch.v1_0.match import Known, ofp_match
from triplane.dataplane.switch.v1_0.numbers import wide_port
from triplane.dataplane.switch.v1_0.wire import FLOW_STATS_1_3, MATCH_LENGTH, WIRES
from triplane.dataplane.switch.version import Row

FLOW_MOD = Struct("!QHHHHIHHH6x")  # cookie, command, timeouts, priority, buffer_id, out_port, flags, match_len
STATS = Struct("!HHII4x")  # type, flags, vendor, subtype
CHOICE = Struct("!HHB3x")  # out_port, match_len, table_id
FLOW_STATS = Struct("!HBxIIHHHHHHQQQ")
AGES, AGES_AT = Struct("!HH"), 20  # of a record that has them
TLV = Struct("!I")
COOKIE, COOKIE_MASKED = 0x00013C08, 0x00013D10  # NXM_NX_COOKIE, which is of the flow and not of packets
ALL64 = (1 << 64) - 1
ROOM = wire.MAX_MESSAGE - wire.HEADER_SIZE - STATS.size


def vendor(switch: Switch, request: Request) -> Iterable[bytes]:
    """OFPT_VENDOR, by the table of the vendors' messages; one too short for a type is of no vendor that we know."""
    if len(request.body) < wire.EXPERIMENTER.size:
        raise requests.bad_request(ofp.OFPBRC_BAD_EXPERIMENTER)
    return requests.experimenter(switch, request)


def flow_format(switch: Switch, request: Request) -> list[bytes]:
    """NXT_SET_FLOW_FORMAT. Flow-mods are taken in both formats, whichever was chosen; what has gone is told in it."""
    (chosen,) = nicira.NUMBER.unpack(request.body)
    if chosen not in WIRES:
        raise nicira.refused()
    request.conn.version = request.conn.version._replace(wire=WIRES[chosen])
    return []


def flow_mod(switch: Switch, request: Request) -> list[bytes]:
    """NXT_FLOW_MOD."""
    body = request.body[nicira.BODY :]
    *head, match_len = FLOW_MOD.unpack_from(body)
    at = FLOW_MOD.size + (match_len + 7 & ~7)
    if at > len(body):
        raise requests.bad_request(ofp.OFPBRC_BAD_LEN)
    fields, cookie, cookie_mask = without_cookie(body[FLOW_MOD.size : FLOW_MOD.size + match_len])
    asked = FlowMod(*head)
    actions = to_1_3(body[at:], Known())
    message = encode(asked, ofp_match(fields), actions, request.conn.table_ids, (cookie, cookie_mask))
    return carry_out(switch, request, message, loose=True)


def without_cookie(fields: bytes) -> tuple[bytes, int, int]:
    """NXM TLVs but for NXM_NX_COOKIE, whose value and mask come along (0, 0 if it is not there)."""
    kept, cookie, mask, at = b"", 0, 0, 0
    while at + TLV.size <= len(fields):
        (header,) = TLV.unpack_from(fields, at)
        start, at = at, at + TLV.size + (header & 0xFF)
        if header not in (COOKIE, COOKIE_MASKED) or at > len(fields):
            kept += fields[start:at]
            continue
        cookie = int.from_bytes(fields[start + 4 : start + 12], "big")
        mask = int.from_bytes(fields[start + 12 : at], "big") if header == COOKIE_MASKED else ALL64
    return kept + fields[at:], cookie, mask


ROWS = nicira.ROWS_BEFORE_1_4 | {
    (NX_EXPERIMENTER_ID, nx.NXT_SET_FLOW_FORMAT): Row(flow_format, 20),
    (NX_EXPERIMENTER_ID, nx.NXT_FLOW_MOD): Row(flow_mod, 16 + FLOW_MOD.size, longer=True, writes=True),
}


# statistics


def stats_request(switch: Switch, request: Request) -> Iterable[bytes]:
    """Nicira's here, the others by their table."""
    if len(request.body) >= STATS.size:
        kind, _, number, subtype = STATS.unpack_from(request.body)
        if (kind, number) == (ofp10.OFPST_VENDOR, NX_EXPERIMENTER_ID):
            return nicira_stats(switch, request, subtype)
    return multipart_request(switch, request)


def nicira_stats(switch: Switch, request: Request, subtype: int) -> Iterator[bytes]:
    if subtype == nx.NXST_FLOW_MONITOR:
        return replies(request, subtype, monitors.nx_flow_monitor(switch, request, request.body[STATS.size :]))
    chosen = flow_filter(request.body[STATS.size :])
    if subtype == nx.NXST_FLOW:
        return replies(request, subtype, map(flow_stats, switch.datapath.flow_stats(chosen, request.now, ages=True)))
    if subtype == nx.NXST_AGGREGATE:
        return replies(request, subtype, [wire.AGGREGATE.pack(*switch.datapath.aggregate(chosen))])
    raise requests.bad_request(ofp.OFPBRC_BAD_EXP_TYPE)


def flow_filter(body: bytes) -> FlowFilter:
    if len(body) < CHOICE.size:
        raise requests.bad_request(ofp.OFPBRC_BAD_LEN)
    out_port, match_len, table = CHOICE.unpack_from(body)
    if CHOICE.size + (match_len + 7 & ~7) != len(body):
        raise requests.bad_request(ofp.OFPBRC_BAD_LEN)
    fields, cookie, mask = without_cookie(body[CHOICE.size : CHOICE.size + match_len])
    return FlowFilter(table, wide_port(out_port), ofp.OFPG_ANY, cookie, mask, ofp_match(fields))


def flow_stats(record: bytes) -> bytes:
    """nx_flow_stats, of a record with ages. Open vSwitch tells them whether NXT_FLOW_AGE was sent or not."""
    _, table, seconds, ns, priority, idle, hard, _, *counts = FLOW_STATS_1_3.unpack_from(record)
    start = FLOW_STATS_1_3.size
    length = MATCH_LENGTH.unpack_from(record, start)[0]
    fields, actions = untagged_as_tci(record[start + 4 : start + length]), to_ofp10(record[start + (length + 7 & ~7) :])
    padded = fields + bytes(-len(fields) % 8)
    size = FLOW_STATS.size + len(padded) + len(actions)
    ages = AGES.unpack_from(record, AGES_AT)
    head = FLOW_STATS.pack(size, table, seconds, ns, priority, idle, hard, len(fields), *ages, *counts)
    return head + padded + actions


def replies(request: Request, subtype: int, records: Iterable[bytes]) -> Iterator[bytes]:
    """The records in as few messages as hold them, all but the last flagged MORE."""
    held: list[bytes] = []
    for record in records:
        if sum(map(len, held)) + len(record) > ROOM:
            yield reply(request, subtype, ofp10.OFPSF_REPLY_MORE, held)
            held = []
        held.append(record)
    yield reply(request, subtype, 0, held)


def reply(request: Request, subtype: int, flags: int, records: list[bytes]) -> bytes:
    head = STATS.pack(ofp10.OFPST_VENDOR, flags, NX_EXPERIMENTER_ID, subtype)
    return request.reply(ofp.OFPT_MULTIPART_REPLY, head + b"".join(records))
