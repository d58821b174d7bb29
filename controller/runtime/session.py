"""One switch's connection, sans I/O: bytes come in, the datapath's phase moves on, apps hear of it.

HANDSHAKE: hello is out; the peer's hello settles the version (OpenFlow 1.3.5 section 6.3.1).
CONFIG: features-request, then the ports; MAIN: in service, which must be reached within `HANDSHAKE_SECONDS`. From
then on an echo request goes out when the peer has been silent for `ECHO_INTERVAL`; after `ECHO_LIMIT` of them without
an answer the peer is dead. `now` is seconds of a monotonic clock.

Packet-ins wait in a queue, of which `run` serves one; everything else is dealt with when it is received, and
so goes ahead of them. One that comes while there is nothing else to do is served at once. While more than a few wait
the driver reads the connection only rarely; what does not fit is dropped.
"""

from __future__ import annotations

import logging
from collections import deque
from struct import Struct
from typing import Any

from triplane.controller.runtime import ofp_event
from triplane.controller.runtime.app import RyuApp
from triplane.controller.runtime.datapath import Channel, Datapath
from triplane.controller.runtime.handler import (
    CONFIG_DISPATCHER,
    DEAD_DISPATCHER,
    HANDSHAKE_DISPATCHER,
    MAIN_DISPATCHER,
)
from triplane.controller.runtime.loop import Mortal
from triplane.dataplane.openflow import codec, ofproto_parser
from triplane.dataplane.openflow.codec import PROTOCOLS
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.nicira_ext import NXT_PACKET_IN, NXT_PACKET_IN2
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.stream import Framer

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 15.0
ECHO_INTERVAL = 15.0
ECHO_LIMIT = 3
PACKET_IN_LIMIT = 4096  # that wait in a session
_HELLO, _EXPERIMENTER, _PACKET_IN = 0, 4, 10  # message types, the same in all versions
_NICIRA_PACKET_INS = tuple(Struct("!II").pack(NX_EXPERIMENTER_ID, kind) for kind in (NXT_PACKET_IN, NXT_PACKET_IN2))
_WITH_BITMAP = 4  # OpenFlow 1.3 and later say in hello which versions they speak, in a format that all share


def _is_nicira_packet_in(message: bytes) -> bool:
    return message[1] == _EXPERIMENTER and message[8:16] in _NICIRA_PACKET_INS


class Session(Mortal):
    """A connection and the datapath at its other end. `brick` is the app in whose name events are sent.

    `backlog` is the loop's: the session goes into it when it has packet-ins.
    """

    def __init__(self, channel: Channel, address: Any, brick: RyuApp, now: float, backlog: deque[Any]) -> None:
        self.datapath = Datapath(channel, address)
        self.malformed = 0  # messages that could not be read
        self.messages = 0  # all that came, packet-ins too
        self.served = 0  # packet-ins
        self.dropped = 0  # packet-ins
        self.packet_ins: deque[bytes] = deque()
        self._channel = channel
        self._backlog = backlog
        self._brick = brick
        self._framer = Framer()
        self.began = now
        self._heard = now
        self._echoes = 0  # unanswered

    # what the driver calls

    def connected(self) -> None:
        self._send(_hello(self.datapath))

    def received(self, data: bytes, now: float, alone: bool = False) -> None:
        """Handle bytes of the switch. `alone`: the loop has nothing else to do, which lets this raise Relieved."""
        self._heard = now
        self._echoes = 0
        try:
            messages = self._framer.feed(data)
        except OpenFlowError as error:
            log.warning("%r sends no OpenFlow, disconnecting: %s", self.datapath, error)
            self.datapath.close()
            return
        self.messages += len(messages)
        datapath, waiting = self.datapath, self.packet_ins
        if alone and len(messages) == 1 and messages[0][1] == _PACKET_IN and datapath.state == MAIN_DISPATCHER:
            self._serve(messages[0])  # by way of the backlog an answer takes a tenth longer
            return
        empty = not waiting
        for message in messages:
            if (message[1] == _PACKET_IN or _is_nicira_packet_in(message)) and datapath.state == MAIN_DISPATCHER:
                if len(waiting) < PACKET_IN_LIMIT:
                    waiting.append(message)
                else:
                    self._drop()
            elif datapath.state != DEAD_DISPATCHER:
                self._message(message)
        if empty and waiting:
            self._backlog.append(self)

    def run(self) -> bool:
        """Serve one of the packet-ins that wait: the loop's call. Raises Relieved."""
        waiting = self.packet_ins
        if not waiting:
            return False  # it has been disconnected meanwhile
        data = waiting.popleft()
        more = bool(waiting)
        if more:
            self._backlog.append(self)
        self._serve(data)
        return more

    def _serve(self, data: bytes) -> None:
        datapath = self.datapath
        try:
            message = codec.parse(datapath.ofproto.OFP_VERSION, data, datapath)
        except OpenFlowError as error:
            self._malformed(data, error)
            return
        self.served += 1
        self._brick.deliver(ofp_event.EVENTS[message.__class__](message), datapath.state)

    def tick(self, now: float) -> float:
        """To be called when the time comes that the last call returned: keeps the connection alive or ends it."""
        if self.datapath.state != MAIN_DISPATCHER:
            if now - self.began >= HANDSHAKE_SECONDS:
                self._give_up("has not finished the handshake")
            return now + 1.0
        if now - self._heard >= ECHO_INTERVAL * (self._echoes + 1):
            if self._echoes >= ECHO_LIMIT:
                self._give_up("does not answer")
                return now + 1.0
            self._echoes += 1
            self._send(self.datapath.ofproto_parser.OFPEchoRequest(self.datapath))
        return max(now + 1.0, self._heard + ECHO_INTERVAL * (self._echoes + 1))

    def _give_up(self, reason: str) -> None:
        if self.datapath.is_active:
            log.warning("%r %s, disconnecting", self.datapath, reason)
            self.datapath.close()

    def disconnected(self) -> None:
        self.dropped += len(self.packet_ins)
        self.packet_ins.clear()
        self.datapath.set_state(DEAD_DISPATCHER)

    def fail(self) -> None:
        """An error of the controller's own came up when a packet-in was served: see the loop's `Mortal`."""
        self._channel.abort()

    def __repr__(self) -> str:
        return repr(self.datapath)

    # messages

    def _drop(self) -> None:
        self.dropped += 1
        if self.dropped & (self.dropped - 1) == 0:  # said at 1, 2, 4, 8 ...
            log.warning("%r sends packet-ins faster than they are served: %d dropped", self.datapath, self.dropped)

    def _message(self, data: bytes) -> None:
        datapath = self.datapath
        version = datapath.ofproto.OFP_VERSION
        try:
            message = _read_hello(datapath, data) if data[1] == _HELLO else codec.parse(version, data, datapath)
        except OpenFlowError as error:
            self._malformed(data, error)
            return
        event = ofp_event.EVENTS[message.__class__](message)
        self._brick.send_event_to_observers(event, datapath.state)
        step = _STEPS.get(message.__class__.__name__)
        if step is not None:
            step(self, message)

    def _malformed(self, data: bytes, error: OpenFlowError) -> None:
        self.malformed += 1
        text = "%r: message of type %d is malformed, ignored: %s"
        log.warning(text, self.datapath, data[1], error)

    def _send(self, message: Any) -> None:
        self.datapath.send_msg(message)

    def _hello(self, hello: Any) -> None:
        if self.datapath.state != HANDSHAKE_DISPATCHER:
            return
        ours = self.datapath.supported_ofp_version
        told = {version for element in hello.elements for version in element.versions}
        common = told & ours if told else {min(hello.version, max(ours))} & ours
        if not common:
            self._refuse(hello, told)
            return
        self.datapath.set_version(max(common))
        self.datapath.set_state(CONFIG_DISPATCHER)
        self._send(self.datapath.ofproto_parser.OFPFeaturesRequest(self.datapath))

    def _refuse(self, hello: Any, told: set[int]) -> None:
        theirs, ours = sorted(told) or [hello.version], sorted(self.datapath.supported_ofp_version)
        reason = f"the switch speaks OpenFlow versions {theirs}, the controller {ours} (1 is 1.0, 4 is 1.3)"
        log.error("%r: no common version: %s", self.datapath, reason)
        ofp, parser = self.datapath.ofproto, self.datapath.ofproto_parser
        failed = ofp.OFPET_HELLO_FAILED, ofp.OFPHFC_INCOMPATIBLE
        self._send(parser.OFPErrorMsg(self.datapath, *failed, reason.encode()))
        self.datapath.close()

    def _echo_request(self, request: Any) -> None:
        reply = self.datapath.ofproto_parser.OFPEchoReply(self.datapath, request.data)
        reply.xid = request.xid
        self._send(reply)

    def _features(self, features: Any) -> None:
        """Before OpenFlow 1.3 the features have the ports; later there may be too many for one message."""
        datapath = self.datapath
        if datapath.state != CONFIG_DISPATCHER:
            return
        datapath.id, datapath.features = features.datapath_id, features
        datapath.ports = getattr(features, "ports", {})
        if hasattr(datapath.ofproto_parser, "OFPPortDescStatsRequest"):
            self._send(datapath.ofproto_parser.OFPPortDescStatsRequest(datapath, 0))
        else:
            self._in_service()

    def _ports(self, reply: Any) -> None:
        if self.datapath.state != CONFIG_DISPATCHER:
            return
        self.datapath.ports.update({port.port_no: port for port in reply.body})
        if not reply.flags & self.datapath.ofproto.OFPMPF_REPLY_MORE:
            self._in_service()

    def _in_service(self) -> None:
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
        ofp = self.datapath.ofproto
        kind, code = ofp.ofp_error_type_to_str(error.type), ofp.ofp_error_code_to_str(error.type, error.code or 0)
        log.warning("%r answers xid %#x with error %s, %s", self.datapath, error.xid, kind, code)


# what the session itself does with a message, by its class; in every version
_STEPS = {
    "OFPHello": Session._hello,
    "OFPEchoRequest": Session._echo_request,
    "OFPSwitchFeatures": Session._features,
    "OFPPortDescStatsReply": Session._ports,
    "OFPPortStatus": Session._port_status,
    "OFPErrorMsg": Session._error,
}


def _hello(datapath: Datapath) -> Any:
    parser = datapath.ofproto_parser
    if datapath.ofproto.OFP_VERSION < _WITH_BITMAP:
        return parser.OFPHello(datapath)
    return parser.OFPHello(datapath, [parser.OFPHelloElemVersionBitmap(sorted(datapath.supported_ofp_version))])


def _read_hello(datapath: Datapath, data: bytes) -> Any:
    """A hello of any version. What an older one has behind its header is not looked at."""
    if data[0] < _WITH_BITMAP:
        data = data[:2] + b"\0\x08" + data[4:8]
    hello = PROTOCOLS[_WITH_BITMAP].ofproto_parser.OFPHello
    return hello.parser(datapath, *ofproto_parser.header(data), data)
