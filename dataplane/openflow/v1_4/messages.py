"""Messages of OpenFlow 1.4.1 but for multipart ones, as far as they are not those of 1.3 (sections 7.3, 7.4)."""

from __future__ import annotations

from struct import Struct
from typing import Any, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_parser import HEADER, MsgBase
from triplane.dataplane.openflow.v1_3 import messages as v1_3
from triplane.dataplane.openflow.v1_3 import symmetric
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4.actions import ACTIONS
from triplane.dataplane.openflow.v1_4.groups import OFPBucket
from triplane.dataplane.openflow.v1_4.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_4.match import OFPMatch
from triplane.dataplane.openflow.v1_4.nested import MessageInMessage, read_inner
from triplane.dataplane.openflow.v1_4.ports import PORT_MOD_PROPERTIES, TABLE_MOD_PROPERTIES, OFPPort, OFPTableDesc
from triplane.dataplane.openflow.v1_4.properties import (
    EXPERIMENTER,
    OFPPropBase,
    OFPPropCommonExperimenter4ByteData,
    family,
)
from triplane.dataplane.openflow.wire import items, mac, match_tail, one, pad, u8, u16, u32, u64

MESSAGES = symmetric.MESSAGES.derive()
del MESSAGES.classes[ofp.OFPT_QUEUE_GET_CONFIG_REQUEST], MESSAGES.classes[ofp.OFPT_QUEUE_GET_CONFIG_REPLY]

ROLE_PROPERTIES = family()
ASYNC_PROPERTIES = family()
BUNDLE_PROPERTIES = family()
_BUNDLE_ADD = Struct("!BBHII2xH")


# from switch to controller


class OFPPacketIn(v1_3.OFPPacketIn, messages=MESSAGES):
    match: Any = match_tail(OFPMatch, default=None)


class OFPFlowRemoved(v1_3.OFPFlowRemoved, messages=MESSAGES):
    match: Any = match_tail(OFPMatch, default=None)


class OFPPortStatus(v1_3.OFPPortStatus, messages=MESSAGES):
    desc: Any = one(OFPPort, default=None)


class OFPRoleProp(OFPPropBase):
    _choice = ROLE_PROPERTIES


class OFPRolePropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = ROLE_PROPERTIES


class OFPRoleStatus(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ROLE_STATUS):
    """The controller's role was changed, not at its own request."""

    role: int | None = u32(default=None)
    reason: int | None = u8(default=None)
    _pad = pad(3)
    generation_id: int | None = u64(default=None)
    properties: list[Any] = items(ROLE_PROPERTIES, default=None)


class OFPTableStatus(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_TABLE_STATUS):
    """The vacancy of a table crossed a threshold."""

    reason: int | None = u8(default=None)
    _pad = pad(7)
    table: Any = one(OFPTableDesc, default=None)


class OFPRequestForward(MessageInMessage, messages=MESSAGES, msg_type=ofp.OFPT_REQUESTFORWARD):
    """A group-mod or meter-mod of another controller, as a message."""

    _attributes = ("request",)

    def __init__(self, datapath: Any, request: Any = None) -> None:
        self.datapath = datapath
        self.version = self.msg_type = self.msg_len = self.xid = self.buf = None
        self.request = request

    def _pack(self) -> bytes:
        inner = bytes(self.request.serialize())
        xid = 0 if self.xid is None else self.xid
        self.set_headers(self.datapath.ofproto.OFP_VERSION, self.cls_msg_type, 8 + len(inner), xid)
        return HEADER.pack(self.version, self.msg_type, self.msg_len, xid) + inner

    @classmethod
    def _read(cls, buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Self:
        request, _ = read_inner(datapath, buf, 8, msg_len)
        message = cls(datapath, request)
        message.set_headers(version, msg_type, msg_len, xid)
        message.buf = buf
        return message


# from controller to switch


class OFPPacketOut(v1_3.OFPPacketOut, messages=MESSAGES):
    actions: list[Any] = items(ACTIONS, default=None)


class OFPFlowMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FLOW_MOD):
    """`importance` says which entries go first when the table is full and evicts."""

    cookie: int = u64(default=0)
    cookie_mask: int = u64(default=0)
    table_id: int = u8(default=0)
    command: int = u8(default=ofp.OFPFC_ADD)
    idle_timeout: int = u16(default=0)
    hard_timeout: int = u16(default=0)
    priority: int = u16(default=ofp.OFP_DEFAULT_PRIORITY)
    buffer_id: int = u32(default=ofp.OFP_NO_BUFFER)
    out_port: int = u32(default=0)
    out_group: int = u32(default=0)
    flags: int = u16(default=0)
    importance: int = u16(default=0)
    match: Any = match_tail(OFPMatch, strict=True, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)

    check = v1_3.OFPFlowMod.check


class OFPGroupMod(v1_3.OFPGroupMod, messages=MESSAGES):
    buckets: list[Any] = items(OFPBucket, default=None)


class OFPPortMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PORT_MOD):
    port_no: int = u32(default=0)
    _pad = pad(4)
    hw_addr: str = mac(default="00:00:00:00:00:00")
    _pad2 = pad(2)
    config: int = u32(default=0)
    mask: int = u32(default=0)
    properties: list[Any] = items(PORT_MOD_PROPERTIES, default=None)


class OFPTableMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_TABLE_MOD):
    table_id: int = u8()
    _pad = pad(3)
    config: int = u32()
    properties: list[Any] = items(TABLE_MOD_PROPERTIES)


# which asynchronous messages a controller wants


class OFPAsyncConfigProp(OFPPropBase):
    _choice = ASYNC_PROPERTIES


class OFPAsyncConfigPropReasons(OFPAsyncConfigProp, types=tuple(range(ofp.OFPACPT_REQUESTFORWARD_MASTER + 1))):
    """A mask of reasons, for the message and role that `type` says."""

    mask: int | None = u32(default=None)


class OFPAsyncConfigPropExperimenter(
    OFPPropCommonExperimenter4ByteData, types=(ofp.OFPACPT_EXPERIMENTER_SLAVE, ofp.OFPACPT_EXPERIMENTER_MASTER)
):
    _choice = ASYNC_PROPERTIES


class OFPGetAsyncReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GET_ASYNC_REPLY):
    properties: list[Any] = items(ASYNC_PROPERTIES, default=None)


class OFPSetAsync(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_SET_ASYNC):
    properties: list[Any] = items(ASYNC_PROPERTIES, default=None)


# bundles


class OFPBundleProp(OFPPropBase):
    _choice = BUNDLE_PROPERTIES


class OFPBundlePropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = BUNDLE_PROPERTIES


class OFPBundleCtrlMsg(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_BUNDLE_CONTROL):
    """Open, close, commit or discard a bundle, or the answer to that."""

    bundle_id: int | None = u32(default=None)
    type: int | None = u16(default=None, alias="type_")
    flags: int | None = u16(default=None)
    properties: list[Any] = items(BUNDLE_PROPERTIES, default=None)


class OFPBundleAddMsg(MessageInMessage, messages=MESSAGES, msg_type=ofp.OFPT_BUNDLE_ADD_MESSAGE):
    """A message that is to be done when its bundle is committed. It gets the xid of this one."""

    _attributes = ("bundle_id", "flags", "message", "properties")
    _properties = BUNDLE_PROPERTIES

    def __init__(self, datapath: Any, bundle_id: int, flags: int, message: Any, properties: list[Any] | None) -> None:
        self.datapath = datapath
        self.version = self.msg_type = self.msg_len = self.xid = self.buf = None
        self.bundle_id = bundle_id
        self.flags = flags
        self.message = message
        self.properties = properties or []

    def _pack(self) -> bytes:
        self.xid = 0 if self.xid is None else self.xid
        self.message.xid = self.xid
        inner = bytes(self.message.serialize())
        if self.properties:
            inner += bytes(-len(inner) % 8) + b"".join([item._pack() for item in self.properties])
        self.set_headers(self.datapath.ofproto.OFP_VERSION, self.cls_msg_type, _BUNDLE_ADD.size + len(inner), self.xid)
        head = (self.version, self.msg_type, self.msg_len, self.xid)
        return _BUNDLE_ADD.pack(*head, self.bundle_id, self.flags) + inner

    @classmethod
    def _read(cls, buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Self:
        if msg_len < _BUNDLE_ADD.size:
            raise OpenFlowError(*cls._bad_len)
        *_, bundle_id, flags = _BUNDLE_ADD.unpack_from(buf)
        inner, stop = read_inner(datapath, buf, _BUNDLE_ADD.size, msg_len)
        properties = cls._properties.read_list(buf, min(stop + 7 & ~7, msg_len), msg_len)
        message = cls(datapath, bundle_id, flags, inner, properties)
        message.set_headers(version, msg_type, msg_len, xid)
        message.buf = buf
        return message
