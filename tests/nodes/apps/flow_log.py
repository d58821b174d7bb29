"""An app that tells, in its log, which flow entries a switch holds when it comes into service."""

from triplane.controller import MAIN_DISPATCHER, App, OFPFlowStatsReply, StateChange, on
from triplane.dataplane.openflow import ofproto_v1_3


class FlowLog(App):
    OFP_VERSIONS = (ofproto_v1_3.OFP_VERSION,)

    @on(StateChange, MAIN_DISPATCHER)
    def ask(self, event: StateChange) -> None:
        datapath = event.datapath
        datapath.send_msg(datapath.ofproto_parser.OFPFlowStatsRequest(datapath))

    @on(OFPFlowStatsReply, MAIN_DISPATCHER)
    def tell(self, event: OFPFlowStatsReply) -> None:
        for flow in event.msg.body:
            self.logger.info("flow priority=%d packets=%d", flow.priority, flow.packet_count)
        self.logger.info("the switch holds %d flows", len(event.msg.body))
