"""A switch as apps see it (Ryu's `ryu.controller.controller.Datapath`)."""

from __future__ import annotations

import itertools
import random
from typing import Any, Protocol

from triplane.controller.runtime import ofp_event
from triplane.controller.runtime.app import SERVICE_BRICKS
from triplane.controller.runtime.handler import DEAD_DISPATCHER, HANDSHAKE_DISPATCHER
from triplane.controller.runtime.protocol import ProtocolDesc

NO_BUFFER = 0xFFFFFFFF  # OFP_NO_BUFFER of every version


class Channel(Protocol):
    """Where a datapath's bytes go. `send` and `close` may be called from any thread."""

    def send(self, data: bytes) -> bool:
        """Queue bytes for the switch; False if it is gone."""

    def close(self) -> None:
        """Disconnect, after what is queued."""

    def abort(self) -> None:
        """Disconnect at once."""


class Datapath(ProtocolDesc):
    """A connected switch: its `id` once it has told, its `ports` by number, its phase, and `send_msg`."""

    def __init__(self, channel: Channel, address: Any = None) -> None:
        super().__init__()
        self.id: int | None = None
        self.ports: dict[int, Any] = {}
        self.features: Any = None  # the OFPSwitchFeatures it has told
        self.state = HANDSHAKE_DISPATCHER
        self.address = address
        self.flow_format = 0  # NXFF_OPENFLOW10
        self._channel = channel
        self._xids = itertools.count(random.randint(1, 1 << 31))

    @property
    def is_active(self) -> bool:
        return self.state != DEAD_DISPATCHER

    def set_state(self, state: str) -> None:
        """Go to another phase and tell the apps."""
        if state == self.state:
            return
        self.state = state
        brick = SERVICE_BRICKS.get(ofp_event.NAME)
        if brick is not None:
            brick.send_event_to_observers(ofp_event.EventOFPStateChange(self, state), state)

    def set_xid(self, msg: Any) -> int:
        """Give a message a transaction id of its own."""
        xid = next(self._xids) & 0xFFFFFFFF
        msg.set_xid(xid)
        return xid

    def send_msg(self, msg: Any, close_socket: bool = False) -> bool:
        """Send a message, from any thread; False if the switch is gone."""
        if msg.xid is None:
            msg.xid = next(self._xids) & 0xFFFFFFFF
        sent = self._channel.send(msg.serialize())
        if close_socket:
            self._channel.close()
        return sent

    def send(self, buf: bytes, close_socket: bool = False) -> bool:
        """Send bytes that are messages already."""
        sent = self._channel.send(bytes(buf))
        if close_socket:
            self._channel.close()
        return sent

    def send_barrier(self) -> bool:
        """Send a barrier request; the reply is an EventOFPBarrierReply."""
        return self.send_msg(self.ofproto_parser.OFPBarrierRequest(self))

    def send_packet_out(
        self, buffer_id: int = NO_BUFFER, in_port: int | None = None, actions: Any = None, data: bytes | None = None
    ) -> bool:
        """Send a packet-out; without `in_port` it comes from no port."""
        nowhere = getattr(self.ofproto, "OFPP_NONE", self.ofproto.OFPP_CONTROLLER)  # NONE: only 1.0 has it
        port = nowhere if in_port is None else in_port
        return self.send_msg(self.ofproto_parser.OFPPacketOut(self, buffer_id, port, actions, data))

    # for OpenFlow 1.0 alone, with a `rule` of Ryu's nx_match

    def send_flow_mod(
        self,
        rule: Any,
        cookie: int,
        command: int,
        idle_timeout: int,
        hard_timeout: int,
        priority: int | None = None,
        buffer_id: int = NO_BUFFER,
        out_port: int | None = None,
        flags: int = 0,
        actions: Any = None,
    ) -> None:
        """Send a flow-mod, Nicira's if only that can say what the rule does."""
        ofp, parser = self.ofproto, self.ofproto_parser
        priority = ofp.OFP_DEFAULT_PRIORITY if priority is None else priority
        out_port = ofp.OFPP_NONE if out_port is None else out_port
        timeouts, rest = (idle_timeout, hard_timeout), (priority, buffer_id, out_port, flags)
        if self.flow_format < rule.flow_format():
            self.send_nxt_set_flow_format(rule.flow_format())
        if rule.flow_format() == ofp.NXFF_OPENFLOW10:
            match = parser.OFPMatch(*rule.match_tuple())
            self.send_msg(parser.OFPFlowMod(self, match, cookie, command, *timeouts, *rest, actions))
        else:
            self.send_msg(parser.NXTFlowMod(self, cookie, command, *timeouts, *rest, rule, actions))

    def send_flow_del(self, rule: Any, cookie: int, out_port: int | None = None) -> None:
        """Delete the flow entries of a rule."""
        self.send_flow_mod(rule, cookie, self.ofproto.OFPFC_DELETE, 0, 0, priority=0, out_port=out_port)

    def send_delete_all_flows(self) -> None:
        """Delete all flow entries."""
        ofp, parser = self.ofproto, self.ofproto_parser
        everything = parser.OFPMatch(wildcards=ofp.OFPFW_ALL)
        self.send_msg(parser.OFPFlowMod(self, everything, 0, ofp.OFPFC_DELETE, priority=0, buffer_id=0))

    def send_nxt_set_flow_format(self, flow_format: int) -> None:
        """Say in which format flow-mods come from now on."""
        if self.flow_format != flow_format:
            self.flow_format = flow_format
            self.send_msg(self.ofproto_parser.NXTSetFlowFormat(self, flow_format))
            self.send_barrier()

    def is_reserved_port(self, port_no: int) -> bool:
        return bool(port_no > self.ofproto.OFPP_MAX)

    def close(self) -> None:
        """Disconnect the switch."""
        self.set_state(DEAD_DISPATCHER)
        self._channel.close()

    def __repr__(self) -> str:
        return f"<Datapath {'unknown' if self.id is None else f'{self.id:016x}'} {self.address}>"
