"""Messages of OpenFlow 1.0: calls that build what a controller says, and bytes of what a switch says."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from triplane.dataplane.openflow import codec, ofproto_v1_0_parser

MAC = "02:00:00:00:00:01"

MATCHES: list[dict[str, Any]] = [
    {},
    {"in_port": 1},
    {"dl_src": MAC, "dl_dst": b"\x02\x00\x00\x00\x00\x02"},
    {"dl_vlan": 0xFFFF, "dl_vlan_pcp": 3},
    {"dl_type": 0x0800, "nw_src": "10.1.2.3", "nw_dst": "10.0.0.0", "nw_dst_mask": 8},
    {"dl_type": 0x0800, "nw_proto": 6, "nw_tos": 0xB8, "tp_src": 80, "tp_dst": 443},
    {"nw_src": 0x0A000001, "nw_src_mask": 24},
    {"wildcards": 0x1234, "in_port": 3, "dl_dst": 0},
]


def actions(p: Any) -> list[Any]:
    return [
        p.OFPActionOutput(3),
        p.OFPActionOutput(port=0xFFFD, max_len=128),
        p.OFPActionVlanVid(100),
        p.OFPActionVlanPcp(5),
        p.OFPActionStripVlan(),
        p.OFPActionSetDlSrc(MAC),
        p.OFPActionSetDlDst(b"\x02\x00\x00\x00\x00\x02"),
        p.OFPActionSetNwSrc("10.0.0.1"),
        p.OFPActionSetNwDst(0x0A000002),
        p.OFPActionSetNwTos(0xB8),
        p.OFPActionSetTpSrc(80),
        p.OFPActionSetTpDst(81),
        p.OFPActionEnqueue(3, 7),
        p.OFPActionVendorUnknown(0x1234, b"12345678"),
    ]


def vendor(d: Any) -> Any:
    message = d.ofproto_parser.OFPVendor(d)
    message.vendor, message.data = 0x1234, b"data"
    return message


def flow_mod(d: Any) -> Any:
    p, o = d.ofproto_parser, d.ofproto
    match = p.OFPMatch(in_port=2, dl_type=0x0800, nw_dst="10.0.0.0", nw_dst_mask=9)
    return p.OFPFlowMod(d, match, 1, o.OFPFC_MODIFY, 2, 3, 4, 5, 6, o.OFPFF_SEND_FLOW_REM, actions(p))


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "hello": lambda d: d.ofproto_parser.OFPHello(d),
    "error": lambda d: d.ofproto_parser.OFPErrorMsg(d, 1, 2, b"bad"),
    "echo_request": lambda d: d.ofproto_parser.OFPEchoRequest(d, b"ping"),
    "echo_reply": lambda d: d.ofproto_parser.OFPEchoReply(d, b"pong"),
    "vendor": vendor,
    "features_request": lambda d: d.ofproto_parser.OFPFeaturesRequest(d),
    "get_config": lambda d: d.ofproto_parser.OFPGetConfigRequest(d),
    "set_config": lambda d: d.ofproto_parser.OFPSetConfig(d, 1, 128),
    "packet_out": lambda d: d.ofproto_parser.OFPPacketOut(d, 0xFFFFFFFF, 3, actions(d.ofproto_parser), b"frame"),
    "packet_out_buffered": lambda d: d.ofproto_parser.OFPPacketOut(d, buffer_id=9, in_port=3, actions=[]),
    "flow_mod": flow_mod,
    "flow_mod_delete": lambda d: d.ofproto_parser.OFPFlowMod(datapath=d, command=d.ofproto.OFPFC_DELETE),
    "port_mod": lambda d: d.ofproto_parser.OFPPortMod(d, 3, MAC, 1, 2, 3),
    "barrier": lambda d: d.ofproto_parser.OFPBarrierRequest(d),
    "queue_get_config": lambda d: d.ofproto_parser.OFPQueueGetConfigRequest(d, 5),
    "desc": lambda d: d.ofproto_parser.OFPDescStatsRequest(d, 0),
    "flow_stats": lambda d: d.ofproto_parser.OFPFlowStatsRequest(
        d, 0, d.ofproto_parser.OFPMatch(in_port=1), 0xFF, d.ofproto.OFPP_NONE
    ),
    "aggregate": lambda d: d.ofproto_parser.OFPAggregateStatsRequest(d, 0, d.ofproto_parser.OFPMatch(), 1, 2),
    "table_stats": lambda d: d.ofproto_parser.OFPTableStatsRequest(d, 0),
    "port_stats": lambda d: d.ofproto_parser.OFPPortStatsRequest(d, 0, 5),
    "queue_stats": lambda d: d.ofproto_parser.OFPQueueStatsRequest(d, 0, 5, 6),
    "vendor_stats": lambda d: d.ofproto_parser.OFPVendorStatsRequest(d, 0, 0x1234, b"data"),
    "nx_role": lambda d: d.ofproto_parser.NXTRoleRequest(d, 1),
    "nx_flow_format": lambda d: d.ofproto_parser.NXTSetFlowFormat(d, 2),
    "nx_table_id": lambda d: d.ofproto_parser.NXTFlowModTableId(d, 1),
    "nx_packet_in_format": lambda d: d.ofproto_parser.NXTSetPacketInFormat(d, 1),
    "nx_flow_age": lambda d: d.ofproto_parser.NXTFlowAge(d),
    "nx_async": lambda d: d.ofproto_parser.NXTSetAsyncConfig(d, [1, 2], [3, 4], [5, 6]),
    "nx_controller_id": lambda d: d.ofproto_parser.NXTSetControllerId(d, 7),
    "nx_flow_stats": lambda d: d.ofproto_parser.NXFlowStatsRequest(d, 0, 5, 6),
    "nx_aggregate": lambda d: d.ofproto_parser.NXAggregateStatsRequest(d, 0, 5, 6),
}


def text(value: str, size: int) -> bytes:
    return value.encode().ljust(size, b"\0")


PORT = struct.pack("!H6s16sIIIIII", 3, bytes(5) + b"\3", text("eth3", 16), 1, 2, 3, 4, 5, 6)
MATCH = ofproto_v1_0_parser.OFPMatch(in_port=1, dl_type=0x0800).to_bytes()
FLOW = (
    struct.pack("!HBx", 96, 1)
    + MATCH
    + struct.pack("!IIHHH6xQQQ", 1, 2, 3, 4, 5, 6, 7, 8)
    + bytes.fromhex("0000000800030000")
)
NXM = bytes.fromhex("0000000200010000 0602 0800".replace(" ", ""))
NX_FLOW = (
    struct.pack("!HBxIIHHHHHHQQQ", 72, 1, 1, 2, 3, 4, 5, len(NXM), 6, 7, 8, 9, 10) + NXM.ljust(16, b"\0") + FLOW[-8:]
)
QUEUE = struct.pack("!IH2x", 5, 24) + struct.pack("!HH4xH6x", 1, 16, 500)
REPLIES = {  # message type and body of what a switch says
    "features": (6, struct.pack("!QIB3xII", 1, 256, 2, 0xC7, 0xFFF) + PORT),
    "config": (8, struct.pack("!HH", 1, 128)),
    "packet_in": (10, struct.pack("!IHHBx", 5, 4, 1, 1) + b"1234"),
    "packet_in_padded": (10, struct.pack("!IHHBx", 5, 4, 1, 1) + b"1234pad"),
    "flow_removed": (11, MATCH + struct.pack("!QHBxIIH2xQQ", 1, 2, 1, 3, 4, 5, 6, 7)),
    "port_status": (12, struct.pack("!B7x", 2) + PORT),
    "desc": (
        17,
        struct.pack("!HH", 0, 0)
        + b"".join(
            text(name, size) for name, size in [("mfr", 256), ("hw", 256), ("sw", 256), ("serial", 32), ("dp", 256)]
        ),
    ),
    "flows": (17, struct.pack("!HH", 1, 1) + FLOW * 2),
    "aggregate": (17, struct.pack("!HHQQI4x", 2, 0, 1, 2, 3)),
    "tables": (17, struct.pack("!HHB3x32sIIIQQ", 3, 0, 1, text("main", 32), 0x3FFFFF, 100, 2, 3, 4)),
    "ports": (17, struct.pack("!HHH6x12Q", 4, 0, 3, *range(12))),
    "queues": (17, struct.pack("!HHH2xIQQQ", 5, 0, 3, 4, 5, 6, 7)),
    "vendor": (17, struct.pack("!HHI", 0xFFFF, 0, 0x1234) + b"data"),
    "nx_flows": (17, struct.pack("!HHII4x", 0xFFFF, 0, 0x2320, 0) + NX_FLOW),
    "nx_aggregate": (17, struct.pack("!HHII4xQQI4x", 0xFFFF, 0, 0x2320, 1, 1, 2, 3)),
    "barrier": (19, b""),
    "queue_config": (21, struct.pack("!H6x", 3) + QUEUE),
    "nx_role": (4, struct.pack("!III", 0x2320, 11, 1)),
    "nx_packet_in": (
        4,
        struct.pack("!IIIHBBQH6x", 0x2320, 17, 5, 4, 1, 2, 3, len(NXM)) + NXM.ljust(16, b"\0") + b"1234",
    ),
    "nx_flow_removed": (
        4,
        struct.pack("!IIQHBxIIHHQQ", 0x2320, 14, 1, 2, 1, 3, 4, 5, len(NXM), 6, 7) + NXM.ljust(16, b"\0"),
    ),
}


def all_messages() -> list[bytes]:
    """Of both directions, one of each kind."""
    built = [build(codec.PROTOCOLS[1]).serialize() for build in BUILDERS.values()]
    return built + [struct.pack("!BBHI", 1, kind, 8 + len(body), 7) + body for kind, body in REPLIES.values()]
