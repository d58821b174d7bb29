"""Events of switches: one class for each OpenFlow message, and changes of phase (Ryu's `ryu.controller.ofp_event`).

The event for message classes `OFPPacketIn`, of whatever version, is `EventOFPPacketIn`. Those that most apps use stand
here for the type checker; the others are made from the parsers' classes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from triplane.controller.runtime.event import EventBase
from triplane.dataplane.openflow import ofproto_v1_3_parser
from triplane.dataplane.openflow.codec import PROTOCOLS

if TYPE_CHECKING:
    from triplane.controller.runtime.datapath import Datapath

NAME = "ofp_event"  # of the app that sends these events


class EventOFPMsgBase(EventBase):
    """A message from a switch."""

    def __init__(self, msg: Any) -> None:
        self.timestamp = time.time()
        self.msg = msg

    @property
    def datapath(self) -> Datapath:
        """The switch."""
        datapath: Datapath = self.msg.datapath
        return datapath


class EventOFPSwitchFeatures(EventOFPMsgBase):
    """The switch has told its datapath id: the time to install the first flow entries."""

    msg: ofproto_v1_3_parser.OFPSwitchFeatures


class EventOFPPacketIn(EventOFPMsgBase):
    """The switch has sent a packet."""

    msg: ofproto_v1_3_parser.OFPPacketIn


class EventOFPFlowRemoved(EventOFPMsgBase):
    """A flow entry is gone that was to be told of (OFPFF_SEND_FLOW_REM)."""

    msg: ofproto_v1_3_parser.OFPFlowRemoved


class EventOFPPortStatus(EventOFPMsgBase):
    """A port came, went or changed."""

    msg: ofproto_v1_3_parser.OFPPortStatus


class EventOFPErrorMsg(EventOFPMsgBase):
    """The switch refused something."""

    msg: ofproto_v1_3_parser.OFPErrorMsg


class EventOFPStateChange(EventBase):
    """A switch is in another phase, `state`."""

    def __init__(self, dp: Datapath, state: str = "") -> None:
        self.datapath = dp
        self.state = state


class EventOFPPortStateChange(EventBase):
    """As EventOFPPortStatus, after `datapath.ports` has changed."""

    def __init__(self, dp: Datapath, reason: int, port_no: int) -> None:
        self.datapath = dp
        self.reason = reason
        self.port_no = port_no


EVENTS: dict[type, type[EventOFPMsgBase]] = {}  # by message class


def _make_events() -> None:
    for _, parser in PROTOCOLS.values():
        for name, cls in vars(parser).items():
            if hasattr(cls, "cls_msg_type"):
                event = f"Event{name}"
                if event not in globals():
                    globals()[event] = type(event, (EventOFPMsgBase,), {"__module__": __name__})
                EVENTS[cls] = globals()[event]


_make_events()
_SERVICE_NAME = "triplane.controller.runtime.openflow"  # the app that sends these events


def ofp_msg_to_ev_cls(msg_cls: type) -> type[EventOFPMsgBase]:
    """The event class for a message class."""
    return EVENTS[msg_cls]


def ofp_msg_to_ev(msg: Any) -> EventOFPMsgBase:
    """The event for a message."""
    return EVENTS[msg.__class__](msg)


if TYPE_CHECKING:

    def __getattr__(name: str) -> type[EventOFPMsgBase]: ...
