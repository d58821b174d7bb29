"""One switch's connection, sans I/O: bytes come in, the datapath's phase moves on, apps hear of it.

HANDSHAKE: hello is out; the peer's hello settles the version (OpenFlow 1.3.5 section 6.3.1).
CONFIG: features-request, then the ports; MAIN: in service, which must be reached within `HANDSHAKE_SECONDS`. From
then on an echo request goes out when the peer has been silent for `ECHO_INTERVAL`; after `ECHO_LIMIT` of them without
an answer the peer is dead. `now` is seconds of a monotonic clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from triplane.controller.runtime import ofp_event
from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.datapath import Channel, Datapath
from triplane.controller.runtime.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER
from triplane.dataplane.openflow import codec, ofproto_v1_3_parser
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.stream import Framer

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 15.0
ECHO_INTERVAL = 15.0
ECHO_LIMIT = 3
_PARSER = ofproto_v1_3_parser


class Session:
    """A connection and the datapath at its other end. `brick` is the app in whose name events are sent."""

    def __init__(self, channel: Channel, address: Any, brick: RyuApp, now: float) -> None:
        self.datapath = Datapath(channel, address)
        self.malformed = 0  # messages that could not be read
        self._channel = channel
        self._brick = brick
        self._framer = Framer()
        self._began = now
        self._heard = now
        self._echoes = 0  # unanswered
        self._steps: dict[type, Callable[[Any], None]] = {
            _PARSER.OFPHello: self._hello,
            _PARSER.OFPEchoRequest: self._echo_request,
            _PARSER.OFPSwitchFeatures: self._features,
            _PARSER.OFPPortDescStatsReply: self._ports,
            _PARSER.OFPPortStatus: self._port_status,
            _PARSER.OFPErrorMsg: self._error,
        }

    # what the driver calls

    def connected(self) -> None:
        versions = sorted(self.datapath.supported_ofp_version)
        self._send(_PARSER.OFPHello(self.datapath, [_PARSER.OFPHelloElemVersionBitmap(versions)]))

    def received(self, data: bytes, now: float) -> None:
        """Handle bytes of the switch."""
        self._heard = now
        self._echoes = 0
        try:
            messages = self._framer.feed(data)
        except OpenFlowError as error:
            log.warning("%r sends no OpenFlow, disconnecting: %s", self.datapath, error)
            self.datapath.close()
            return
        for message in messages:
            if self.datapath.is_active:
                self._message(message)

    def tick(self, now: float) -> float:
        """To be called when the time comes that the last call returned: keeps the connection alive or ends it."""
        if self.datapath.state != MAIN_DISPATCHER:
            if now - self._began >= HANDSHAKE_SECONDS:
                self._give_up("has not finished the handshake")
            return now + 1.0
        if now - self._heard >= ECHO_INTERVAL * (self._echoes + 1):
            if self._echoes >= ECHO_LIMIT:
                self._give_up("does not answer")
                return now + 1.0
            self._echoes += 1
            self._send(_PARSER.OFPEchoRequest(self.datapath))
        return max(now + 1.0, self._heard + ECHO_INTERVAL * (self._echoes + 1))

    def _give_up(self, reason: str) -> None:
        if self.datapath.is_active:
            log.warning("%r %s, disconnecting", self.datapath, reason)
            self.datapath.close()

    def disconnected(self) -> None:
        self.datapath.set_state(DEAD_DISPATCHER)

    # messages

    def _message(self, data: bytes) -> None:
        try:
            message = codec.parse(self.datapath.ofproto.OFP_VERSION, data, self.datapath)
        except OpenFlowError as error:
            self.malformed += 1
            log.warning("%r: message of type %d is malformed, ignored: %s", self.datapath, data[1], error)
            return
        event = ofp_event.EVENTS[message.__class__](message)
        self._brick.send_event_to_observers(event, self.datapath.state)
        step = self._steps.get(message.__class__)
        if step is not None:
            step(message)

    def _send(self, message: Any) -> None:
        self.datapath.send_msg(message)

    def _hello(self, hello: Any) -> None:
        ours = self.datapath.supported_ofp_version
        told = {version for element in hello.elements for version in element.versions}
        common = told & ours if told else {min(hello.version, max(ours))} & ours
        if not common:
            self._refuse(hello, told)
            return
        self.datapath.set_version(max(common))
        self.datapath.set_state(CONFIG_DISPATCHER)
        self._send(_PARSER.OFPFeaturesRequest(self.datapath))

    def _refuse(self, hello: Any, told: set[int]) -> None:
        theirs, ours = sorted(told) or [hello.version], sorted(self.datapath.supported_ofp_version)
        reason = f"the switch speaks OpenFlow versions {theirs}, the controller {ours} (4 is 1.3)"
        log.error("%r: no common version: %s", self.datapath, reason)
        ofp = self.datapath.ofproto
        self._send(_PARSER.OFPErrorMsg(self.datapath, ofp.OFPET_HELLO_FAILED, ofp.OFPHFC_INCOMPATIBLE, reason))
        self.datapath.close()

    def _echo_request(self, request: Any) -> None:
        reply = _PARSER.OFPEchoReply(self.datapath, request.data)
        reply.xid = request.xid
        self._send(reply)

    def _features(self, features: Any) -> None:
        if self.datapath.state != CONFIG_DISPATCHER:
            return
        self.datapath.id = features.datapath_id
        self.datapath.ports = {}
        self._send(_PARSER.OFPPortDescStatsRequest(self.datapath))

    def _ports(self, reply: Any) -> None:
        if self.datapath.state != CONFIG_DISPATCHER:
            return
        self.datapath.ports.update({port.port_no: port for port in reply.body})
        if not reply.flags & self.datapath.ofproto.OFPMPF_REPLY_MORE:
            self.datapath.set_state(MAIN_DISPATCHER)
            log.info("switch %016x is in service, with %d ports", self.datapath.id, len(self.datapath.ports))

    def _port_status(self, status: Any) -> None:
        port, reason = status.desc, status.reason
        if reason == self.datapath.ofproto.OFPPR_DELETE:
            self.datapath.ports.pop(port.port_no, None)
        else:
            self.datapath.ports[port.port_no] = port
        event = ofp_event.EventOFPPortStateChange(self.datapath, reason, port.port_no)
        self._brick.send_event_to_observers(event, self.datapath.state)

    def _error(self, error: Any) -> None:
        names = self.datapath.ofproto.ofp_error_to_jsondict(error.type, error.code or 0)
        log.warning("%r answers xid %#x with error %s, %s", self.datapath, error.xid, names["type"], names["code"])
