"""The control plane: apps that program switches over OpenFlow.

What an app needs, typed. It is Ryu's model, and scripts written for Ryu run as they are (`import ryu` works here):

    from triplane.controller import App, PacketIn, SwitchFeatures, on

    class Hub(App):
        @on(SwitchFeatures)
        def flood_all(self, event: SwitchFeatures) -> None:
            datapath, ofp, parser = event.datapath, event.datapath.ofproto, event.datapath.ofproto_parser
            actions = [parser.OFPActionOutput(ofp.OFPP_FLOOD)]
            instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions)]
            datapath.send_msg(parser.OFPFlowMod(datapath, match=parser.OFPMatch(), instructions=instructions))

Run it with `triplane controller hub.py`. An app's handlers are called one after the other; one may block, it holds up
only its own app. docs/controller-apps.md says more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triplane.controller.runtime.app import RyuApp as App
from triplane.controller.runtime.datapath import Datapath
from triplane.controller.runtime.handler import (
    CONFIG_DISPATCHER,
    DEAD_DISPATCHER,
    HANDSHAKE_DISPATCHER,
    MAIN_DISPATCHER,
    Handler,
    set_ev_cls,
)
from triplane.controller.runtime.ofp_event import EventOFPErrorMsg as ErrorMsg
from triplane.controller.runtime.ofp_event import EventOFPFlowRemoved as FlowRemoved
from triplane.controller.runtime.ofp_event import EventOFPPacketIn as PacketIn
from triplane.controller.runtime.ofp_event import EventOFPPortStateChange as PortStateChange
from triplane.controller.runtime.ofp_event import EventOFPPortStatus as PortStatus
from triplane.controller.runtime.ofp_event import EventOFPStateChange as StateChange
from triplane.controller.runtime.ofp_event import EventOFPSwitchFeatures as SwitchFeatures

__all__ = [
    "CONFIG_DISPATCHER",
    "DEAD_DISPATCHER",
    "HANDSHAKE_DISPATCHER",
    "MAIN_DISPATCHER",
    "App",
    "Datapath",
    "ErrorMsg",
    "FlowRemoved",
    "PacketIn",
    "PortStateChange",
    "PortStatus",
    "StateChange",
    "SwitchFeatures",
    "on",
    "set_ev_cls",
]


def on(event: type, *phases: str) -> Callable[[Handler], Handler]:
    """Call the method below for events of this class, in these phases of the switch (none given: in all)."""
    return set_ev_cls(event, list(phases))


def __getattr__(name: str) -> Any:
    """Events of the other messages: `OFPFlowStatsReply` here is Ryu's `ofp_event.EventOFPFlowStatsReply`."""
    from triplane.controller.runtime import ofp_event

    event = getattr(ofp_event, f"Event{name}", None) if name.startswith(("OFP", "ONF")) else None
    if event is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return event
