"""The controller's side of the agent's tests: os-ken builds the requests, it and our codec read the replies."""

from __future__ import annotations

from typing import Any

from os_ken.ofproto import ofproto_parser as os_ken_parser
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as parser
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from tests.dataplane.switch.double import Double
from triplane.dataplane.openflow import codec
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.connection import Connection
from triplane.dataplane.switch.outbox import Limits
from triplane.dataplane.switch.state import AgentConfig, Identity

DESC = ProtocolDesc(version=ofp.OFP_VERSION)
SECOND = 1_000_000_000
HELLO = bytes.fromhex("0400000800000001")


def switch(config: AgentConfig | None = None, ports: int = 2) -> tuple[Agent, Double]:
    """An agent over a double, `dpid` 0x1234; of OpenFlow 1.3 only, unless `config` says otherwise."""
    datapath = Double(ports)
    return Agent(datapath, Identity(dpid=0x1234), config or AgentConfig(versions=(ofp.OFP_VERSION,))), datapath


def messages(stream: bytes) -> list[bytes]:
    """Cut a stream of whole messages."""
    found = []
    while stream:
        length = int.from_bytes(stream[2:4], "big")
        assert 8 <= length <= len(stream), "the switch sent a broken message"
        found.append(stream[:length])
        stream = stream[length:]
    return found


def read(message: bytes) -> Any:
    """The message, read by os-ken; our own codec must understand it too, and write it the same."""
    version, kind, length, xid = os_ken_parser.header(message)
    ours = codec.parse(version, message, codec.PROTOCOLS[version])
    ours.serialize()
    assert bytes(ours.buf) == message
    if type(ours).__name__ == "OFPFlowMonitorReply":
        return ours  # os-ken's reads but one of the events
    return os_ken_parser.msg(ProtocolDesc(version=version), version, kind, length, xid, message)


def build(message: Any, xid: int = 77) -> bytes:
    message.xid = xid  # set_xid allows no second sending
    message.serialize()
    return bytes(message.buf)


def raw(kind: int, body: bytes = b"", xid: int = 77, version: int = 4, length: int | None = None) -> bytes:
    """A message of any shape."""
    size = 8 + len(body) if length is None else length
    return bytes((version, kind)) + size.to_bytes(2, "big") + xid.to_bytes(4, "big") + body


class Peer:
    """One connection to the agent; time stands still unless a test moves `now`."""

    def __init__(self, agent: Agent, hello: bytes = HELLO, limits: Limits | None = None) -> None:
        self.agent = agent
        self.now = 0
        self.conn = Connection("peer", limits)
        agent.connected(self.conn, self.now)
        if hello:
            agent.received(self.conn, hello, self.now)
            assert messages(self.drain())[0][1] == ofp.OFPT_HELLO

    def drain(self) -> bytes:
        """Let the switch work, and read all that it has to write."""
        read = []
        while self.conn.ready or self.conn.outbox:
            self.agent.resume(self.conn, self.now)
            read.append(self.agent.outgoing(self.conn, self.now))
        return b"".join(read)

    def push(self, data: bytes) -> None:
        """Send without reading."""
        self.agent.received(self.conn, data, self.now)

    def send(self, *requests: Any) -> list[Any]:
        """Send requests (bytes, or os-ken's objects); returns all that comes back, read."""
        self.push(b"".join(item if isinstance(item, bytes) else build(item) for item in requests))
        return self.replies()

    def replies(self) -> list[Any]:
        return [read(message) for message in messages(self.drain())]

    def one(self, request: Any) -> Any:
        """Send one request that has exactly one reply."""
        (reply,) = self.send(request)
        return reply

    def error(self, request: Any) -> tuple[int, int]:
        """Type and code of the one error that a request gets."""
        reply = self.one(request)
        assert type(reply).__name__ == "OFPErrorMsg", reply
        return reply.type, reply.code


def role_request(role: int, generation_id: int) -> Any:
    return parser.OFPRoleRequest(DESC, role, generation_id)
