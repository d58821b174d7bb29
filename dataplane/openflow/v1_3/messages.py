"""Messages but for multipart ones (OpenFlow 1.3.5 sections 7.3 to 7.5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.match import OFPMatch
from triplane.dataplane.openflow.ofproto_parser import MsgBase
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3.actions import ACTIONS, OFPActionSetField
from triplane.dataplane.openflow.v1_3.groups import BANDS, OFPBucket
from triplane.dataplane.openflow.v1_3.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_3.ports import OFPPacketQueue, OFPPort
from triplane.dataplane.openflow.wire import (
    Choice,
    gap,
    ints,
    items,
    mac,
    match_tail,
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


def check_actions(actions: Iterable[Any]) -> None:
    """Raise the OpenFlowError for a set-field of a field that a switch does not know."""
    for action in actions:
        if isinstance(action, OFPActionSetField):
            action.check()


def read_message(
    messages: Choice, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes
) -> Any:
    """The message in `buf`, whose header is read already, as one of a version's. Raises OpenFlowError if malformed."""
    cls = messages.classes.get(msg_type)
    if cls is None:
        raise OpenFlowError(*messages.unknown)
    if msg_len < 8 or msg_len > len(buf):
        raise OpenFlowError(*messages.bad_len)
    return cls._read(buf, datapath, version, msg_type, msg_len, xid)


# symmetric


class OFPEchoRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ECHO_REQUEST):
    data: bytes | None = rest(default=None)


class OFPEchoReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ECHO_REPLY):
    data: bytes | None = rest(default=None)


# the switch and its configuration


class OFPFeaturesRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FEATURES_REQUEST):
    pass


class OFPSwitchFeatures(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FEATURES_REPLY):
    datapath_id: int | None = u64(default=None)
    n_buffers: int | None = u32(default=None)
    n_tables: int | None = u8(default=None)
    auxiliary_id: int | None = u8(default=None)
    _pad = pad(2)
    capabilities: int | None = u32(default=None)
    _reserved = pad(4)


class OFPGetConfigRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GET_CONFIG_REQUEST):
    pass


class OFPGetConfigReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GET_CONFIG_REPLY):
    flags: int | None = u16(default=None)
    miss_send_len: int | None = u16(default=None)


class OFPSetConfig(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_SET_CONFIG):
    flags: int = u16(default=0)
    miss_send_len: int = u16(default=0)


# from switch to controller


class OFPPacketIn(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PACKET_IN):
    """A packet, or the start of it (`total_len` says how long it was), or its buffer's number."""

    buffer_id: int | None = u32(default=None)
    total_len: int | None = u16(default=None)
    reason: int | None = u8(default=None)
    table_id: int | None = u8(default=None)
    cookie: int | None = u64(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    _pad = gap(2)
    data: bytes | None = rest(default=None)

    def _after_read(self) -> None:
        if self.total_len < len(self.data):  # type: ignore[operator, arg-type] # they have just been read
            self.data = self.data[: self.total_len]  # type: ignore[index]


class OFPFlowRemoved(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FLOW_REMOVED):
    cookie: int | None = u64(default=None)
    priority: int | None = u16(default=None)
    reason: int | None = u8(default=None)
    table_id: int | None = u8(default=None)
    duration_sec: int | None = u32(default=None)
    duration_nsec: int | None = u32(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    packet_count: int | None = u64(default=None)
    byte_count: int | None = u64(default=None)
    match: Any = match_tail(OFPMatch, default=None)


class OFPPortStatus(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PORT_STATUS):
    reason: int | None = u8(default=None)
    _pad = pad(7)
    desc: Any = one(OFPPort, default=None)


# from controller to switch


class OFPPacketOut(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PACKET_OUT):
    """Send `data`, or the packet in the buffer, through `actions`."""

    buffer_id: int = u32(default=ofp.OFP_NO_BUFFER)
    in_port: int = u32(default=ofp.OFPP_CONTROLLER)
    actions_len = sizeof("actions")
    _pad = pad(6)
    actions: list[Any] = items(ACTIONS, default=None)
    data: Any = rest(default=None)

    def check(self) -> None:
        check_actions(self.actions)


class OFPFlowMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FLOW_MOD):
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
    _pad = pad(2)
    match: Any = match_tail(OFPMatch, strict=True, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)

    def check(self) -> None:
        for instruction in self.instructions:
            check_actions(getattr(instruction, "actions", ()))


class OFPGroupMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GROUP_MOD):
    command: int = u16(default=ofp.OFPGC_ADD)
    type: int = u8(default=ofp.OFPGT_ALL, alias="type_")
    _pad = pad(1)
    group_id: int = u32(default=0)
    buckets: list[Any] = items(OFPBucket, default=None)

    def check(self) -> None:
        for bucket in self.buckets:
            check_actions(bucket.actions)


class OFPPortMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PORT_MOD):
    port_no: int = u32(default=0)
    _pad = pad(4)
    hw_addr: str = mac(default="00:00:00:00:00:00")
    _pad2 = pad(2)
    config: int = u32(default=0)
    mask: int = u32(default=0)
    advertise: int = u32(default=0)
    _pad3 = pad(4)


class OFPTableMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_TABLE_MOD):
    table_id: int = u8()
    _pad = pad(3)
    config: int = u32()


class OFPMeterMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_METER_MOD):
    command: int = u16(default=ofp.OFPMC_ADD)
    flags: int = u16(default=ofp.OFPMF_KBPS)
    meter_id: int = u32(default=1)
    bands: list[Any] = items(BANDS, default=None)


class OFPBarrierRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_BARRIER_REQUEST):
    pass


class OFPBarrierReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_BARRIER_REPLY):
    pass


class OFPQueueGetConfigRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_QUEUE_GET_CONFIG_REQUEST):
    port: int = u32()
    _pad = pad(4)


class OFPQueueGetConfigReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_QUEUE_GET_CONFIG_REPLY):
    _order: ClassVar[tuple[str, ...]] = ("queues", "port")
    port: int | None = u32(default=None)
    _pad = pad(4)
    queues: list[Any] = items(OFPPacketQueue, default=None)


class OFPRoleRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ROLE_REQUEST):
    role: int | None = u32(default=None)
    _pad = pad(4)
    generation_id: int | None = u64(default=None)


class OFPRoleReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ROLE_REPLY):
    role: int | None = u32(default=None)
    _pad = pad(4)
    generation_id: int | None = u64(default=None)


class OFPGetAsyncRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GET_ASYNC_REQUEST):
    pass


class OFPGetAsyncReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GET_ASYNC_REPLY):
    """Each mask is a list: for the roles master and equal, and for slave."""

    packet_in_mask: list[int] | None = ints(2, default=None)
    port_status_mask: list[int] | None = ints(2, default=None)
    flow_removed_mask: list[int] | None = ints(2, default=None)


class OFPSetAsync(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_SET_ASYNC):
    packet_in_mask: list[int] = ints(2)
    port_status_mask: list[int] = ints(2)
    flow_removed_mask: list[int] = ints(2)
