"""Messages of OpenFlow 1.5.1 but for multipart ones, as far as they are not those of 1.4 (sections 7.3, 7.4)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.ofproto_parser import MsgBase
from triplane.dataplane.openflow.v1_3 import messages as v1_3
from triplane.dataplane.openflow.v1_4 import messages as v1_4
from triplane.dataplane.openflow.v1_4.properties import OFPPropBase
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5.actions import ACTIONS
from triplane.dataplane.openflow.v1_5.bundles import BUNDLE_PROPERTIES
from triplane.dataplane.openflow.v1_5.groups import GROUP_PROPERTIES, OFPBucket
from triplane.dataplane.openflow.v1_5.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_5.match import OFPMatch
from triplane.dataplane.openflow.v1_5.oxs import OFPStats
from triplane.dataplane.openflow.v1_5.ports import OFPPort
from triplane.dataplane.openflow.v1_5.status import OFPControllerStatusStats
from triplane.dataplane.openflow.wire import items, match_tail, one, pad, rest, sizeof, u8, u16, u32, u64

MESSAGES = v1_4.MESSAGES.derive()
ASYNC_PROPERTIES = v1_4.ASYNC_PROPERTIES.derive()


# from switch to controller


class OFPPacketIn(v1_4.OFPPacketIn, messages=MESSAGES):
    match: Any = match_tail(OFPMatch, default=None)


class OFPFlowRemoved(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_FLOW_REMOVED):
    """An entry has gone; `stats` is None where the switch did not count."""

    table_id: int | None = u8(default=None)
    reason: int | None = u8(default=None)
    priority: int | None = u16(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    cookie: int | None = u64(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    stats: Any = match_tail(OFPStats, default=None)


class OFPPortStatus(v1_4.OFPPortStatus, messages=MESSAGES):
    desc: Any = one(OFPPort, default=None)


class OFPControllerStatus(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_CONTROLLER_STATUS):
    """Something changed about one of the switch's controllers."""

    status: Any = one(OFPControllerStatusStats, default=None)


class OFPRequestForward(v1_4.OFPRequestForward, messages=MESSAGES):
    """Its JSON holds classes of 1.5."""


# from controller to switch


class OFPPacketOut(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_PACKET_OUT):
    """Send `data`, or the packet in the buffer, through `actions`; `match` has in_port and other pipeline fields."""

    buffer_id: int | None = u32(default=ofp.OFP_NO_BUFFER, optional=True)
    actions_len = sizeof("actions")
    _pad = pad(2)
    match: Any = match_tail(OFPMatch, strict=True, default=None)
    actions: list[Any] = items(ACTIONS, default=None)
    data: Any = rest(default=None)

    check = v1_3.OFPPacketOut.check


class OFPFlowMod(v1_4.OFPFlowMod, messages=MESSAGES):
    match: Any = match_tail(OFPMatch, strict=True, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)


class OFPGroupMod(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_GROUP_MOD):
    """`command_bucket_id` says where buckets are inserted, or which are removed."""

    command: int = u16(default=ofp.OFPGC_ADD)
    type: int = u8(default=ofp.OFPGT_ALL, alias="type_")
    _pad = pad(1)
    group_id: int = u32(default=0)
    bucket_array_len = sizeof("buckets")
    _pad2 = pad(2)
    command_bucket_id: int = u32(default=ofp.OFPG_BUCKET_ALL)
    buckets: list[Any] = items(OFPBucket, default=None)
    properties: list[Any] = items(GROUP_PROPERTIES, default=None)

    check = v1_3.OFPGroupMod.check


class OFPRoleRequest(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ROLE_REQUEST):
    """`short_id` is a number that the controller wants to be known by."""

    role: int | None = u32(default=None)
    short_id: int | None = u16(default=ofp.OFPCID_UNDEFINED, optional=True)
    _pad = pad(2)
    generation_id: int | None = u64(default=None)


class OFPRoleReply(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ROLE_REPLY):
    role: int | None = u32(default=None)
    short_id: int | None = u16(default=None)
    _pad = pad(2)
    generation_id: int | None = u64(default=None)


# which asynchronous messages a controller wants


class OFPAsyncConfigPropReasons(v1_4.OFPAsyncConfigPropReasons, types=tuple(range(ofp.OFPACPT_CONT_STATUS_MASTER + 1))):
    _choice = ASYNC_PROPERTIES


class OFPGetAsyncReply(v1_4.OFPGetAsyncReply, messages=MESSAGES):
    properties: list[Any] = items(ASYNC_PROPERTIES, default=None)


class OFPSetAsync(v1_4.OFPSetAsync, messages=MESSAGES):
    properties: list[Any] = items(ASYNC_PROPERTIES, default=None)


# bundles


class OFPBundleProp(OFPPropBase):
    _choice = BUNDLE_PROPERTIES


class OFPBundleCtrlMsg(v1_4.OFPBundleCtrlMsg, messages=MESSAGES):
    properties: list[Any] = items(BUNDLE_PROPERTIES, default=None)


class OFPBundleAddMsg(v1_4.OFPBundleAddMsg, messages=MESSAGES):
    _properties = BUNDLE_PROPERTIES
