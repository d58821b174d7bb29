"""A learning switch: remembers behind which port each MAC address is, and has the switch forward by it.

The switch floods what is for everybody, or for nobody known, by itself after asking us; pairs that have been seen
get a flow entry each way, which goes away when it is idle for `IDLE_SECONDS`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.controller import (
    CONFIG_DISPATCHER,
    DEAD_DISPATCHER,
    MAIN_DISPATCHER,
    App,
    Datapath,
    PacketIn,
    PortStateChange,
    StateChange,
    SwitchFeatures,
    on,
)
from triplane.dataplane.openflow import ofproto_v1_3

IDLE_SECONDS = 60
TABLE_MISS, LEARNED = 0, 1  # priorities
LLDP = 0x88CC  # IEEE 802.1AB: between neighbours, never forwarded


class LearningSwitch(App):
    """Each switch has a table of its own: `ports[dpid][mac]`."""

    OFP_VERSIONS: ClassVar = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ports: dict[int, dict[bytes, int]] = {}

    @on(SwitchFeatures, CONFIG_DISPATCHER)
    def ask_for_unknown(self, event: SwitchFeatures) -> None:
        """Table miss: the whole packet comes to us."""
        datapath = event.datapath
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        self.ports[event.msg.datapath_id or 0] = {}
        to_us = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)
        self.install(datapath, TABLE_MISS, parser.OFPMatch(), to_us)

    @on(PacketIn, MAIN_DISPATCHER)
    def learn_and_forward(self, event: PacketIn) -> None:
        """Remember where the sender is, and send the packet on."""
        message, datapath = event.msg, event.datapath
        frame, in_port = message.data or b"", message.match["in_port"]
        destination, source, ethertype = frame[0:6], frame[6:12], int.from_bytes(frame[12:14], "big")
        if ethertype == LLDP or len(frame) < 14:
            return
        known = self.ports.setdefault(datapath.id or 0, {})
        known[source] = in_port
        out_port = known.get(destination, datapath.ofproto.OFPP_FLOOD)
        output = datapath.ofproto_parser.OFPActionOutput(out_port)
        if out_port != datapath.ofproto.OFPP_FLOOD:
            match = datapath.ofproto_parser.OFPMatch(in_port=in_port, eth_dst=destination, eth_src=source)
            self.install(datapath, LEARNED, match, output, IDLE_SECONDS)
        self.send(datapath, message, in_port, output)

    @on(PortStateChange, MAIN_DISPATCHER)
    def forget_port(self, event: PortStateChange) -> None:
        """A port that went away, or down, has nobody behind it."""
        datapath = event.datapath
        port = datapath.ports.get(event.port_no)
        if port is not None and not port.state & datapath.ofproto.OFPPS_LINK_DOWN:
            return
        known = self.ports.get(datapath.id or 0, {})
        self.ports[datapath.id or 0] = {mac: number for mac, number in known.items() if number != event.port_no}
        self.remove(datapath, event.port_no)

    @on(StateChange, DEAD_DISPATCHER)
    def forget_switch(self, event: StateChange) -> None:
        self.ports.pop(event.datapath.id or 0, None)

    def install(self, datapath: Datapath, priority: int, match: Any, action: Any, idle: int = 0) -> None:
        """Add a flow entry."""
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [action])]
        datapath.send_msg(
            parser.OFPFlowMod(datapath, priority=priority, match=match, instructions=instructions, idle_timeout=idle)
        )

    def remove(self, datapath: Datapath, port: int) -> None:
        """Remove the flow entries that send to a port."""
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        everywhere = {"command": ofp.OFPFC_DELETE, "out_group": ofp.OFPG_ANY, "table_id": ofp.OFPTT_ALL}
        datapath.send_msg(parser.OFPFlowMod(datapath, out_port=port, **everywhere))

    def send(self, datapath: Datapath, message: Any, in_port: int, action: Any) -> None:
        """Send the packet on, out of the switch's buffer if it is there."""
        buffered = message.buffer_id != datapath.ofproto.OFP_NO_BUFFER
        data = None if buffered else message.data
        out = datapath.ofproto_parser.OFPPacketOut(datapath, message.buffer_id, in_port, [action], data)
        datapath.send_msg(out)
