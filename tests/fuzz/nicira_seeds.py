"""Right messages of Nicira's that neither Ryu nor os-ken ships, for a fuzzer to damage."""

from __future__ import annotations

from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow import ofproto_v1_0 as ofp
from triplane.dataplane.openflow import ofproto_v1_0_parser as v1_0
from triplane.dataplane.openflow import ofproto_v1_3_parser as v1_3

D = codec.PROTOCOLS[1]


def requests() -> list[bytes]:
    """Of OpenFlow 1.0."""
    match = v1_0.NXMatch(reg0=(1, 3), eth_type_nxm=0x0800)
    specs = [
        v1_0.NXFlowSpecMatch(src=("eth_src_nxm", 0), dst=("eth_dst_nxm", 0), n_bits=48),
        v1_0.NXFlowSpecLoad(src=7, dst=("reg1", 0), n_bits=12),
        v1_0.NXFlowSpecOutput(src=("in_port_nxm", 0), dst="", n_bits=16),
    ]
    learn = v1_0.NXActionLearn(table_id=1, specs=specs, cookie=5, flags=3)
    monitors = [v1_0.NXFlowMonitorRequest(number, 0x3F, rule=match) for number in (1, 2)]
    messages = [
        v1_0.NXTRoleRequest(D, ofp.NX_ROLE_OTHER),
        v1_0.NXTSetFlowFormat(D, ofp.NXFF_NXM),
        v1_0.NXTFlowModTableId(D, 1),
        v1_0.NXTSetPacketInFormat(D, 2),
        v1_0.NXTSetControllerId(D, 7),
        v1_0.NXTSetAsyncConfig(D, [3, 0], [7, 7], [7, 0]),
        v1_0.NXTFlowMod(D, 5, ofp.OFPFC_ADD, rule=match, actions=[learn, v1_0.OFPActionOutput(1, 0)]),
        v1_0.NXTFlowMod(D, 5, ofp.OFPFC_MODIFY, rule=match, actions=[v1_0.OFPActionOutput(1, 0)]),
        v1_0.NXTFlowMod(D, 5, ofp.OFPFC_DELETE, rule=match),
        v1_0.NXFlowStatsRequest(D, 0, ofp.OFPP_NONE, 0xFF, match),
        v1_0.NXAggregateStatsRequest(D, 0, ofp.OFPP_NONE, 0xFF, match),
        v1_0.NXFlowMonitorStatsRequest(D, 0, monitors),
        v1_0.NXTFlowMonitorCancel(D, 1),
    ]
    return [message.serialize() for message in messages]


def replies() -> list[bytes]:
    """Of OpenFlow 1.0."""
    update = v1_0.NXFlowUpdateFull(
        *(None, ofp.NXFME_ADDED, 0, 1, 2, 3, 4, 5),
        match=v1_0.NXMatch(reg0=1),
        actions=[v1_0.OFPActionOutput(7)],
    )
    reply = v1_0.NXFlowMonitorStatsReply(D)
    reply.flags, reply.body = 0, [update, v1_0.NXFlowUpdateAbbrev(event=ofp.NXFME_ABBREV, xid=9)]
    return [reply.serialize(), v1_0.NXTFlowMonitorPaused(D).serialize()]


def packet_ins(version: int) -> list[bytes]:
    """From OpenFlow 1.3 on."""
    contents = {0: b"a frame", 1: bytes(4), 2: bytes(4), 3: b"\1", 4: bytes(12), 5: b"\1", 6: bytes(8), 7: b"data"}
    properties = [v1_3.NXTPacketIn2Prop(type_=kind, data=data) for kind, data in contents.items()]
    return [v1_3.NXTPacketIn2(codec.PROTOCOLS[version], properties).serialize()]
