"""An app of OpenFlow 1.0 that watches by Nicira's monitors what it does to flow entries, and logs what it hears."""

from ryu.base import app_manager
from ryu.controller import ofp_event
from ryu.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from ryu.ofproto import ofproto_v1_0

EVERYTHING = 0x3F  # NXFMF_*, what is there and one's own changes too
CHANGES = 0x0E


class NiciraMonitor(app_manager.RyuApp):
    OFP_VERSIONS = (ofproto_v1_0.OFP_VERSION,)

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def connected(self, event):
        datapath = event.msg.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        self.flow(datapath, 1, ofproto.OFPFC_ADD)
        watched = parser.NXMatch(eth_type_nxm=0x0800)
        request = parser.NXFlowMonitorRequest(1, EVERYTHING, rule=watched)
        datapath.send_msg(parser.NXFlowMonitorStatsRequest(datapath, 0, [request]))
        datapath.send_msg(parser.NXFlowMonitorStatsRequest(datapath, 0, [request]))  # there is one of this number
        self.flow(datapath, 2, ofproto.OFPFC_ADD)
        self.flow(datapath, 2, ofproto.OFPFC_MODIFY_STRICT, out=ofproto.OFPP_FLOOD)
        self.flow(datapath, 2, ofproto.OFPFC_DELETE_STRICT)
        datapath.send_msg(parser.OFPFlowMod(datapath, cookie=7, match=parser.OFPMatch(dl_type=0x0806)))
        datapath.send_msg(parser.NXTFlowMonitorCancel(datapath, 1))
        datapath.send_msg(parser.NXTFlowMonitorCancel(datapath, 1))
        request = parser.NXFlowMonitorRequest(2, CHANGES)
        datapath.send_msg(parser.NXFlowMonitorStatsRequest(datapath, 0, [request]))
        self.flow(datapath, 3, ofproto.OFPFC_ADD, xid=0x33)
        datapath.send_barrier()

    @staticmethod
    def flow(datapath, number, command, out=1, xid=None):
        parser = datapath.ofproto_parser
        match = parser.OFPMatch(dl_type=0x0800, nw_dst=number)
        actions = [parser.OFPActionOutput(out, 0)]
        message = parser.OFPFlowMod(datapath, match, number, command, 0, 0, number, actions=actions)
        if xid:
            message.set_xid(xid)
        datapath.send_msg(message)

    @set_ev_cls(ofp_event.EventNXFlowMonitorStatsReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def updates(self, event):
        for update in event.msg.body:
            if hasattr(update, "xid"):
                self.logger.info("told: in short %s", (update.event, update.xid))
                continue
            gone = update.event == ofproto_v1_0.NXFME_DELETED  # Open vSwitch tells its actions, nicira-ext.h says no
            ports = [] if gone else [action.port for action in update.actions]
            fields = (update.table_id, update.cookie, update.priority, update.reason, ports)
            self.logger.info("told: entry %s", (update.event, *fields))

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, event):
        self.logger.info("told: error %#x %s", event.msg.type, event.msg.data[:8].hex())

    @set_ev_cls(ofp_event.EventOFPBarrierReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def done(self, event):
        self.logger.info("told: that is all")
