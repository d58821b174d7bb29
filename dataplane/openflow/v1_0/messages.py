"""Messages but for statistics and vendors' (OpenFlow 1.0.0 sections 5.3 to 5.5)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_parser import MsgBase
from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.v1_0 import error_codes as ec
from triplane.dataplane.openflow.v1_0.actions import ACTIONS
from triplane.dataplane.openflow.v1_0.match import OFPMatch
from triplane.dataplane.openflow.v1_0.ports import OFPPacketQueue, OFPPhyPort
from triplane.dataplane.openflow.wire import (
    Choice,
    items,
    keyed,
    mac,
    nested,
    one,
    pad,
    rest,
    sizeof,
    u8,
    u16,
    u32,
    u64,
)

MESSAGES = Choice(
    unknown=(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_TYPE),
    bad_len=(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN),
)


def read_message(datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
    """The message in `buf`, whose header is read already. Raises OpenFlowError if it is malformed."""
    cls = MESSAGES.classes.get(msg_type)
    if cls is None:
        raise OpenFlowError(*MESSAGES.unknown)
    if msg_len < 8 or msg_len > len(buf):
        raise OpenFlowError(*MESSAGES.bad_len)
    return cls._read(buf, datapath, version, msg_type, msg_len, xid)


# symmetric


class OFPHello(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_HELLO):
    """`elements`, what later versions put into their hellos, is not looked at (section 5.5.1)."""

    _attributes: ClassVar[tuple[str, ...]] = ()
    elements: bytes | None = rest(default=None)


class OFPErrorMsg(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ERROR):
    """An error; `data` is the start of the message it is about."""

    type: int | None = u16(default=None, alias="type_")
    code: int | None = u16(default=None)
    data: Any = rest(default=None)


class OFPEchoRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ECHO_REQUEST):
    data: bytes | None = rest(default=None)


class OFPEchoReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ECHO_REPLY):
    data: bytes | None = rest(default=None)


# the switch and its configuration


class OFPFeaturesRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FEATURES_REQUEST):
    pass


class OFPSwitchFeatures(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FEATURES_REPLY):
    """`ports` is a dict by port number once parsed; `actions` has a bit for each OFPAT_*."""

    datapath_id: int | None = u64(default=None)
    n_buffers: int | None = u32(default=None)
    n_tables: int | None = u8(default=None)
    _pad = pad(3)
    capabilities: int | None = u32(default=None)
    actions: int | None = u32(default=None)
    ports: Any = keyed(OFPPhyPort, "port_no", default=None)


class OFPGetConfigRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GET_CONFIG_REQUEST):
    pass


class OFPGetConfigReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GET_CONFIG_REPLY):
    flags: int | None = u16(default=None)
    miss_send_len: int | None = u16(default=None)


class OFPSetConfig(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_SET_CONFIG):
    flags: int | None = u16(default=None)
    miss_send_len: int | None = u16(default=None)


# from switch to controller


class OFPPacketIn(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PACKET_IN):
    """A packet, or the start of it (`total_len` says how long it was), or its buffer's number."""

    buffer_id: int | None = u32(default=None)
    total_len: int | None = u16(default=None)
    in_port: int | None = u16(default=None)
    reason: int | None = u8(default=None)
    _pad = pad(1)
    data: bytes | None = rest(default=None)

    def _after_read(self) -> None:
        if self.total_len < len(self.data):  # type: ignore[operator, arg-type] # they have just been read
            self.data = self.data[: self.total_len]  # type: ignore[index]


class OFPFlowRemoved(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FLOW_REMOVED):
    match: Any = nested(OFPMatch, default=None)
    cookie: int | None = u64(default=None)
    priority: int | None = u16(default=None)
    reason: int | None = u8(default=None)
    _pad = pad(1)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    idle_timeout: int | None = u16(default=None)
    _pad2 = pad(2)
    packet_count: int | None = u64(default=None)
    byte_count: int | None = u64(default=None)


class OFPPortStatus(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PORT_STATUS):
    reason: int | None = u8(default=None)
    _pad = pad(7)
    desc: Any = one(OFPPhyPort, default=None)


# from controller to switch


class OFPPacketOut(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PACKET_OUT):
    """Send `data`, or the packet in the buffer, through `actions`."""

    buffer_id: int | None = u32(default=ofp.OFP_NO_BUFFER)
    in_port: int | None = u16(default=ofp.OFPP_NONE)
    _actions_len = sizeof("actions")
    actions: list[Any] = items(ACTIONS, default=None)
    data: Any = rest(default=None)


class OFPFlowMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FLOW_MOD):
    match: Any = nested(OFPMatch, default=None)
    cookie: int = u64(default=0)
    command: int = u16(default=ofp.OFPFC_ADD)
    idle_timeout: int = u16(default=0)
    hard_timeout: int = u16(default=0)
    priority: int = u16(default=ofp.OFP_DEFAULT_PRIORITY)
    buffer_id: int = u32(default=ofp.OFP_NO_BUFFER)
    out_port: int = u16(default=ofp.OFPP_NONE)
    flags: int = u16(default=0)
    actions: list[Any] = items(ACTIONS, default=None)


class OFPPortMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PORT_MOD):
    port_no: int = u16(default=0)
    hw_addr: str = mac(default="00:00:00:00:00:00")
    config: int = u32(default=0)
    mask: int = u32(default=0)
    advertise: int = u32(default=0)
    _pad = pad(4)


class OFPBarrierRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_BARRIER_REQUEST):
    pass


class OFPBarrierReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_BARRIER_REPLY):
    pass


class OFPQueueGetConfigRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_QUEUE_GET_CONFIG_REQUEST):
    port: int = u16()
    _pad = pad(2)


class OFPQueueGetConfigReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_QUEUE_GET_CONFIG_REPLY):
    _order: ClassVar[tuple[str, ...]] = ("queues", "port")
    port: int | None = u16(default=None)
    _pad = pad(6)
    queues: list[Any] = items(OFPPacketQueue, default=None)
