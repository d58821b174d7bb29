"""An app of OpenFlow 1.3 that wants its packet-ins in Nicira's newest form, as scripts for os-ken do, and logs them."""

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_3

ARP, NXT_PACKET_IN2 = 0x0806, 2


class PacketIn2(app_manager.OSKenApp):
    OFP_VERSIONS = (ofproto_v1_3.OFP_VERSION,)

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def connected(self, event):
        datapath = event.msg.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        datapath.send_msg(parser.NXTSetPacketInFormatMsg(datapath, NXT_PACKET_IN2))
        to_table = [
            parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, [parser.NXActionRegLoad(31, "reg0", 5)]),
            parser.OFPInstructionWriteMetadata(9, 0xFF),
            parser.OFPInstructionGotoTable(3),
        ]
        datapath.send_msg(parser.OFPFlowMod(datapath, cookie=1, instructions=to_table))
        told = [parser.OFPActionOutput(ofproto.OFPP_CONTROLLER, 65535), parser.OFPActionOutput(ofproto.OFPP_FLOOD)]
        apply = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, told)]
        match = parser.OFPMatch(eth_type=ARP)
        datapath.send_msg(
            parser.OFPFlowMod(datapath, cookie=1 << 33 | 7, table_id=3, priority=9, match=match, instructions=apply)
        )
        apply = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, [told[1]])]
        datapath.send_msg(parser.OFPFlowMod(datapath, table_id=3, priority=1, instructions=apply))
        self.logger.info("told: that is all")

    @set_ev_cls(ofp_event.EventNXTPacketIn2, MAIN_DISPATCHER)
    def packet_in(self, event):
        message = event.msg
        fields = (message.table_id, message.cookie, message.reason, message.buffer_id)
        whole = message.total_len == len(message.data)
        self.logger.info("told: packet %s", (*fields, whole, message.data[:6].hex(), sorted(self.fields(message))))

    @staticmethod
    def fields(message):
        """The pipeline fields, but for the port."""
        match = message.datapath.ofproto_parser.OFPMatch.from_fields(message.metadata)
        return [(name, value) for name, value in match.items() if name != "in_port"]
