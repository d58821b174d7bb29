"""A repeater: what comes in at one port goes out at all others. The smallest app there is."""

from __future__ import annotations

from typing import ClassVar

from triplane.controller import CONFIG_DISPATCHER, App, SwitchFeatures, on
from triplane.dataplane.openflow import ofproto_v1_3


class Repeater(App):
    OFP_VERSIONS: ClassVar = [ofproto_v1_3.OFP_VERSION]

    @on(SwitchFeatures, CONFIG_DISPATCHER)
    def flood_all(self, event: SwitchFeatures) -> None:
        datapath, ofp, parser = event.datapath, event.datapath.ofproto, event.datapath.ofproto_parser
        actions = [parser.OFPActionOutput(ofp.OFPP_FLOOD)]
        instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
        datapath.send_msg(parser.OFPFlowMod(datapath, match=parser.OFPMatch(), instructions=instructions))
