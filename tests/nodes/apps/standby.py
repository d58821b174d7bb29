"""An app of a pair: asks for the role that ROLE says; where the file PROMOTED appears, it takes over as master.

Both have the generation id of the election in them: GENERATION at first, one more for the promotion.
"""

import os
import threading
from pathlib import Path
from typing import Any

from triplane.controller import MAIN_DISPATCHER, App, Datapath, ErrorMsg, OFPRoleReply, PacketIn, StateChange, on
from triplane.dataplane.openflow import ofproto_v1_3

GENERATION = 10
POLL = 0.05  # seconds between looks for the file


class Standby(App):
    OFP_VERSIONS = (ofproto_v1_3.OFP_VERSION,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.promoted = Path(os.environ["PROMOTED"])

    @on(StateChange, MAIN_DISPATCHER)
    def enter(self, event: StateChange) -> None:
        ofp = event.datapath.ofproto
        master = os.environ["ROLE"] == "master"
        self.ask(event.datapath, ofp.OFPCR_ROLE_MASTER if master else ofp.OFPCR_ROLE_SLAVE, GENERATION)
        if not master:
            threading.Thread(target=self.wait, args=(event.datapath,), daemon=True).start()

    def wait(self, datapath: Datapath) -> None:
        """Refused writes until the promotion, and then the role of the master."""
        self.write(datapath)
        while not self.promoted.exists():
            threading.Event().wait(POLL)
        self.ask(datapath, datapath.ofproto.OFPCR_ROLE_MASTER, GENERATION + 1)

    def ask(self, datapath: Datapath, role: int, generation: int) -> None:
        datapath.send_msg(datapath.ofproto_parser.OFPRoleRequest(datapath, role, generation))

    def write(self, datapath: Datapath) -> None:
        """What is sent to us is for us to see; what is addressed to nobody known stays here."""
        ofp, parser = datapath.ofproto, datapath.ofproto_parser
        output = parser.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)
        apply = parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, [output])
        datapath.send_msg(parser.OFPFlowMod(datapath, priority=0, match=parser.OFPMatch(), instructions=[apply]))

    @on(OFPRoleReply, MAIN_DISPATCHER)
    def is_now(self, event: OFPRoleReply) -> None:
        reply = event.msg
        self.logger.info("role %d generation %d", reply.role, reply.generation_id)
        if reply.role == event.datapath.ofproto.OFPCR_ROLE_MASTER:
            self.write(event.datapath)

    @on(PacketIn, MAIN_DISPATCHER)
    def see(self, event: PacketIn) -> None:
        self.logger.info("packet-in %s", event.msg.data[14:].partition(b"\0")[0].decode(errors="replace"))

    @on(ErrorMsg, MAIN_DISPATCHER)
    def refused(self, event: ErrorMsg) -> None:
        self.logger.info("refused type %d code %d", event.msg.type, event.msg.code)
