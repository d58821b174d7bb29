"""An app that asks switches through ryu.app.ofctl.api, and waits for the answers in its handlers."""

from ryu.app.ofctl import api
from ryu.app.ofctl.exception import InvalidDatapath, OFError
from ryu.base import app_manager
from ryu.controller import ofp_event
from ryu.controller.handler import MAIN_DISPATCHER, set_ev_cls
from ryu.ofproto import ofproto_v1_3


class AsksOfctl(app_manager.RyuApp):
    OFP_VERSIONS = (ofproto_v1_3.OFP_VERSION,)

    @set_ev_cls(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def ask(self, event):
        datapath = event.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        assert api.get_datapath(self, datapath.id) is datapath
        assert datapath in api.get_datapath(self)
        assert api.get_datapath(self, 0x77) is None

        request = parser.OFPDescStatsRequest(datapath)
        reply = api.send_msg(self, request, parser.OFPDescStatsReply)
        self.logger.info("it is made by %s", reply.body.mfr_desc.decode())
        request = parser.OFPPortDescStatsRequest(datapath)
        replies = api.send_msg(self, request, parser.OFPPortDescStatsReply, reply_multi=True)
        self.logger.info("it has ports %s", sorted(port.port_no for reply in replies for port in reply.body)[:2])
        barrier = api.send_msg(self, parser.OFPBarrierRequest(datapath), parser.OFPBarrierReply)
        self.logger.info("its barrier is a %s", type(barrier).__name__)
        assert api.send_msg(self, parser.OFPFlowMod(datapath, priority=77)) is None

        try:
            api.send_msg(self, parser.OFPFlowMod(datapath, table_id=ofproto.OFPTT_ALL))
        except OFError as error:
            self.logger.info("it refuses with type %d", error.result[0].type)
        datapath.id += 1
        try:
            api.send_msg(self, parser.OFPBarrierRequest(datapath))
        except InvalidDatapath as error:
            self.logger.info("nobody knows %s", error.result)
        datapath.id -= 1
        self.logger.info("all is answered")
