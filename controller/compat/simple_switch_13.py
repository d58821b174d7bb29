"""`ryu.app.simple_switch_13`, where Ryu's own is not there: the one of its apps that scripts inherit from.

Ours, but with the names that those scripts use and override: `SimpleSwitch13`, its `mac_to_port` (by datapath id, as 16
decimal digits, then by address), `add_flow` and its two handlers. A frame whose receiver has been seen gets a flow
entry, all others are flooded. There is nothing to forget: for more than a base class, take `apps/learning_switch`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from triplane.controller.runtime.ofp_event import EventOFPPacketIn, EventOFPSwitchFeatures
from triplane.controller.runtime.packet import Packet
from triplane.dataplane.openflow import ofproto_v1_3

LLDP = 0x88CC
TABLE_MISS, LEARNED = 0, 1  # priorities


class SimpleSwitch13(RyuApp):
    OFP_VERSIONS: ClassVar = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mac_to_port: dict[str, dict[str, int]] = {}

    @set_ev_cls(EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def switch_features_handler(self, ev: EventOFPSwitchFeatures) -> None:
        """What no entry matches comes to the controller, whole."""
        datapath: Any = ev.msg.datapath
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        to_us = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)
        self.add_flow(datapath, TABLE_MISS, parser.OFPMatch(), [to_us])

    def add_flow(self, datapath: Any, priority: int, match: Any, actions: Any, buffer_id: int | None = None) -> None:
        """Add a flow entry; with `buffer_id` the packet in that buffer is sent on by it."""
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
        buffer = {"buffer_id": buffer_id} if buffer_id else {}
        flow = parser.OFPFlowMod(datapath, priority=priority, match=match, instructions=instructions, **buffer)
        datapath.send_msg(flow)

    @set_ev_cls(EventOFPPacketIn, MAIN_DISPATCHER)
    def _packet_in_handler(self, ev: EventOFPPacketIn) -> None:
        message: Any = ev.msg
        frame = Packet(message.data)[0]
        if frame.ethertype == LLDP:
            return
        datapath, in_port = message.datapath, message.match["in_port"]
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        dpid = f"{datapath.id:016d}"
        self.logger.info("packet in %s %s %s %s", dpid, frame.src, frame.dst, in_port)
        known = self.mac_to_port.setdefault(dpid, {})
        known[frame.src] = in_port
        actions = [parser.OFPActionOutput(known.get(frame.dst, ofp.OFPP_FLOOD))]
        buffered = message.buffer_id != ofp.OFP_NO_BUFFER
        if frame.dst in known:
            match = parser.OFPMatch(in_port=in_port, eth_dst=frame.dst, eth_src=frame.src)
            self.add_flow(datapath, LEARNED, match, actions, message.buffer_id if buffered else None)
        if frame.dst not in known or not buffered:
            data = None if buffered else message.data
            datapath.send_msg(parser.OFPPacketOut(datapath, message.buffer_id, in_port, actions, data))
