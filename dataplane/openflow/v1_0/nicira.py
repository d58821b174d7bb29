"""Nicira's messages in OpenFlow 1.0, and those of other vendors (section 5.5.4; Open vSwitch, nicira-ext.h)."""

from __future__ import annotations

from struct import Struct
from typing import Any, ClassVar

from triplane.dataplane.openflow.match import OFPMatch as _OXMMatch
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.ofproto_parser import HEADER, MsgBase
from triplane.dataplane.openflow.v1_0 import constants as ofp
from triplane.dataplane.openflow.v1_0 import nicira_constants as nx
from triplane.dataplane.openflow.v1_0.actions import ACTIONS
from triplane.dataplane.openflow.v1_0.messages import MESSAGES
from triplane.dataplane.openflow.wire import (
    Choice,
    const,
    fields_tail,
    ints,
    items,
    pad,
    rest,
    sizeof,
    u8,
    u16,
    u32,
    u64,
)

_VENDOR = Struct("!I")
_SUBTYPE = Struct("!II")
NICIRA = Choice(unknown=MESSAGES.unknown, bad_len=MESSAGES.bad_len)


class OFPVendor(MsgBase, msg_type=ofp.OFPT_VENDOR):
    """A vendor's message: `data` is bytes, or the message of `NICIRA` that it was read as."""

    _attributes: ClassVar[tuple[str, ...]] = ("data", "vendor")
    vendor: int | None = u32(default=None)
    data: Any = rest(default=None)

    def _after_read(self) -> None:
        cls = None
        if self.vendor == NX_EXPERIMENTER_ID and self.msg_len is not None and self.msg_len >= 16:
            cls = NICIRA.classes.get(_SUBTYPE.unpack_from(self.buf or b"", 8)[1])
        if cls is not None:
            self.data = cls._read(self.buf, self.datapath, self.version, self.msg_type, self.msg_len, self.xid)

    def _pack(self) -> bytes:
        data = self.data._pack()[12:] if isinstance(self.data, MsgBase) else bytes(self.data or b"")
        self.set_headers(self.datapath.ofproto.OFP_VERSION, self.cls_msg_type, 12 + len(data), self.xid or 0)
        return HEADER.pack(self.version, self.msg_type, self.msg_len, self.xid) + _VENDOR.pack(self.vendor) + data


MESSAGES.classes[ofp.OFPT_VENDOR] = OFPVendor


class _Nicira(MsgBase, msg_type=ofp.OFPT_VENDOR):
    vendor = const("I", NX_EXPERIMENTER_ID)

    def __init_subclass__(cls, *, subtype: int | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if subtype is not None:
            NICIRA.classes[subtype] = cls


class NiciraHeader(_Nicira):
    """A message of a subtype that has no class."""

    subtype: int = u32()
    data: bytes | None = rest(default=None)


class NXMatch(_OXMMatch):
    """A match of Nicira's fields (NXM): `eth_dst_nxm` and so on."""


class NXTSetFlowFormat(_Nicira, subtype=nx.NXT_SET_FLOW_FORMAT):
    subtype = const("I", nx.NXT_SET_FLOW_FORMAT)
    format: int = u32(alias="flow_format")


class NXTFlowMod(_Nicira, subtype=nx.NXT_FLOW_MOD):
    """A flow-mod whose match is NXM; `rule` is an NXMatch or a ClsRule."""

    subtype = const("I", nx.NXT_FLOW_MOD)
    cookie: int = u64()
    command: int = u16()
    idle_timeout: int = u16(default=0)
    hard_timeout: int = u16(default=0)
    priority: int = u16(default=ofp.OFP_DEFAULT_PRIORITY)
    buffer_id: int = u32(default=ofp.OFP_NO_BUFFER)
    out_port: int = u16(default=ofp.OFPP_NONE)
    flags: int = u16(default=0)
    match_len = sizeof("rule")
    _pad = pad(6)
    rule: Any = fields_tail(NXMatch, default=None)
    actions: list[Any] = items(ACTIONS, default=None)


class NXTRoleRequest(_Nicira, subtype=nx.NXT_ROLE_REQUEST):
    subtype = const("I", nx.NXT_ROLE_REQUEST)
    role: int = u32()


class NXTRoleReply(_Nicira, subtype=nx.NXT_ROLE_REPLY):
    subtype = const("I", nx.NXT_ROLE_REPLY)
    role: int = u32()


class NXTFlowModTableId(_Nicira, subtype=nx.NXT_FLOW_MOD_TABLE_ID):
    """`set`: the upper byte of a flow-mod's command is a table number."""

    subtype = const("I", nx.NXT_FLOW_MOD_TABLE_ID)
    set: int = u8(alias="set_")
    _pad = pad(7)


class NXTFlowRemoved(_Nicira, subtype=nx.NXT_FLOW_REMOVED):
    subtype = const("I", nx.NXT_FLOW_REMOVED)
    cookie: int = u64()
    priority: int = u16()
    reason: int = u8()
    _pad = pad(1)
    duration_sec: int = u32()
    duration_nsec: int = u32()
    idle_timeout: int = u16()
    match_len = sizeof("match")
    packet_count: int = u64()
    byte_count: int = u64()
    match: Any = fields_tail(NXMatch, default=None)


class NXTSetPacketInFormat(_Nicira, subtype=nx.NXT_SET_PACKET_IN_FORMAT):
    subtype = const("I", nx.NXT_SET_PACKET_IN_FORMAT)
    format: int = u32(alias="packet_in_format")


class NXTPacketIn(_Nicira, subtype=nx.NXT_PACKET_IN):
    """A packet with its match; `frame` is its data."""

    subtype = const("I", nx.NXT_PACKET_IN)
    buffer_id: int = u32()
    total_len: int = u16()
    reason: int = u8()
    table_id: int = u8()
    cookie: int = u64()
    match_len = sizeof("match")
    _pad = pad(6)
    match: Any = fields_tail(NXMatch, default=None)
    frame: bytes | None = rest(default=None)

    def _after_read(self) -> None:
        if self.frame is not None and self.total_len < len(self.frame):
            self.frame = self.frame[: self.total_len]


class NXTFlowAge(_Nicira, subtype=nx.NXT_FLOW_AGE):
    subtype = const("I", nx.NXT_FLOW_AGE)


class NXTSetAsyncConfig(_Nicira, subtype=nx.NXT_SET_ASYNC_CONFIG):
    """Each mask is a list: for the roles master and other, and for slave."""

    subtype = const("I", nx.NXT_SET_ASYNC_CONFIG)
    packet_in_mask: list[int] = ints(2)
    port_status_mask: list[int] = ints(2)
    flow_removed_mask: list[int] = ints(2)


class NXTSetControllerId(_Nicira, subtype=nx.NXT_SET_CONTROLLER_ID):
    subtype = const("I", nx.NXT_SET_CONTROLLER_ID)
    _pad = pad(6)
    controller_id: int = u16()
