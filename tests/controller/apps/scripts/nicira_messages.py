"""An app of OpenFlow 1.0 that sends each of Ryu's NXT messages, and logs what comes back."""

from ryu.base import app_manager
from ryu.controller import ofp_event
from ryu.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from ryu.ofproto import nx_match, ofproto_v1_0

ARP, COOKIE, TABLE, CALLED = 0x0806, 0x77, 3, 7


class NiciraMessages(app_manager.RyuApp):
    OFP_VERSIONS = (ofproto_v1_0.OFP_VERSION,)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.deleted = False

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def connected(self, event):
        datapath = event.msg.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        send = datapath.send_msg
        send(parser.NXTRoleRequest(datapath, ofproto.NX_ROLE_MASTER))
        send(parser.NXTSetFlowFormat(datapath, ofproto.NXFF_NXM))
        send(parser.NXTFlowModTableId(datapath, 1))
        send(parser.NXTSetPacketInFormat(datapath, ofproto.NXPIF_NXM))
        send(parser.NXTSetPacketInFormat(datapath, 9))
        send(parser.NXTSetControllerId(datapath, CALLED))
        send(parser.NXTSetAsyncConfig(datapath, [3, 0], [7, 7], [7, 0]))
        send(parser.NXTFlowAge(datapath))
        self.add_flows(datapath, parser, ofproto)
        send(parser.NXFlowStatsRequest(datapath, 0, ofproto.OFPP_NONE, TABLE, self.arp()))
        send(parser.NXAggregateStatsRequest(datapath, 0, ofproto.OFPP_NONE, 0xFF, nx_match.ClsRule()))

    @staticmethod
    def arp():
        rule = nx_match.ClsRule()
        rule.set_dl_type(ARP)
        return rule

    def add_flows(self, datapath, parser, ofproto):
        """ARP goes to this controller, by way of a table and a register; all else is flooded."""
        to_table = [parser.NXActionRegLoad(31, "reg0", 5), parser.NXActionResubmitTable(table_id=TABLE)]
        everything = nx_match.ClsRule()
        datapath.send_msg(parser.NXTFlowMod(datapath, 1, ofproto.OFPFC_ADD, rule=everything, actions=to_table))
        told = [
            parser.NXActionController(0xFFFF, CALLED, ofproto.OFPR_ACTION),
            parser.OFPActionOutput(ofproto.OFPP_FLOOD),
        ]
        command = TABLE << 8 | ofproto.OFPFC_ADD
        flags = ofproto.OFPFF_SEND_FLOW_REM
        more = {"priority": 9, "flags": flags, "idle_timeout": 600}
        datapath.send_msg(parser.NXTFlowMod(datapath, COOKIE, command, rule=self.arp(), actions=told, **more))
        rest = [parser.OFPActionOutput(ofproto.OFPP_FLOOD)]
        datapath.send_msg(parser.NXTFlowMod(datapath, 2, command, priority=1, rule=everything, actions=rest))

    @set_ev_cls(ofp_event.EventOFPVendor, MAIN_DISPATCHER)
    def vendor(self, event):
        message, datapath = event.msg.data, event.msg.datapath
        name = type(message).__name__
        if name == "NXTRoleReply":
            self.logger.info("told: role %d", message.role)
        elif name == "NXTPacketIn" and not self.deleted:
            self.deleted = True
            fields = sorted((key, value) for key, value in dict(message.match.items()).items() if key != "in_port_nxm")
            same = (message.table_id, message.cookie, message.reason, fields, message.frame[2:8].hex())
            self.logger.info("told: packet %s", same)
            command = TABLE << 8 | datapath.ofproto.OFPFC_DELETE
            datapath.send_msg(datapath.ofproto_parser.NXTFlowMod(datapath, 0, command, rule=self.arp()))
        elif name == "NXTFlowRemoved":
            same = (message.cookie, message.priority, message.reason, message.idle_timeout, dict(message.match.items()))
            self.logger.info("told: removed %s", same)

    @set_ev_cls(ofp_event.EventNXFlowStatsReply, MAIN_DISPATCHER)
    def flow_stats(self, event):
        for flow in event.msg.body:
            actions = [type(action).__name__ for action in flow.actions]
            self.logger.info("told: flow %s", (flow.table_id, flow.cookie, flow.priority, flow.idle_timeout, actions))

    @set_ev_cls(ofp_event.EventNXAggregateStatsReply, MAIN_DISPATCHER)
    def aggregate(self, event):
        self.logger.info("told: flows %d", event.msg.body[0].flow_count)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, event):
        self.logger.info("told: error %d %d", event.msg.type, event.msg.code)
