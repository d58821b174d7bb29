"""Nicira's packet-ins from OpenFlow 1.3 on, as os-ken has them; Ryu has none there (Open vSwitch, nicira-ext.h)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_3.symmetric import MESSAGES, ExperimenterHeader, OFPExperimenter
from triplane.dataplane.openflow.wire import Choice, Record, const, items, length, rest, u16, u32


class NXTSetPacketInFormatMsg(ExperimenterHeader):
    """How packets are to be shown from now on (NXPIF_*)."""

    experimenter = const("I", NX_EXPERIMENTER_ID)
    exp_type = const("I", nx.NXT_SET_PACKET_IN_FORMAT)
    packet_in_format: int | None = u32(default=None)


PACKET_IN2_PROPERTIES = Choice(unknown=MESSAGES.bad_len, bad_len=MESSAGES.bad_len, align=1)
PACKET_IN2_PROPERTIES.padded = True


class NXTPacketIn2Prop(Record):
    """One property; `data` is what stands behind its type and length."""

    _choice = PACKET_IN2_PROPERTIES
    _pad_to_8 = "uncounted"
    _order: ClassVar[tuple[str, ...]] = ("type", "length")
    type: int | None = u16(default=None, alias="type_")
    length = length()
    data: bytes | None = rest(default=None)


PACKET_IN2_PROPERTIES.default = NXTPacketIn2Prop


class NXTPacketIn2PropPacket(NXTPacketIn2Prop, type=nx.NXPINT_PACKET):
    """The packet, or the start of it."""


class NXTPacketIn2PropFullLen(NXTPacketIn2Prop, type=nx.NXPINT_FULL_LEN):
    """How long the packet is of which only the start is shown."""


class NXTPacketIn2PropBufferId(NXTPacketIn2Prop, type=nx.NXPINT_BUFFER_ID):
    """Where the switch keeps it."""


class NXTPacketIn2PropTableId(NXTPacketIn2Prop, type=nx.NXPINT_TABLE_ID):
    """Table of the flow entry that sent it."""


class NXTPacketIn2PropCookie(NXTPacketIn2Prop, type=nx.NXPINT_COOKIE):
    """Cookie of that entry."""


class NXTPacketIn2PropReason(NXTPacketIn2Prop, type=nx.NXPINT_REASON):
    """OFPR_*."""


class NXTPacketIn2PropMetadata(NXTPacketIn2Prop, type=nx.NXPINT_METADATA):
    """Pipeline fields, as TLVs."""


class NXTPacketIn2PropUserData(NXTPacketIn2Prop, type=nx.NXPINT_USERDATA):
    """What the action had for the controller."""


class NXTPacketIn2PropContinuation(NXTPacketIn2Prop, type=nx.NXPINT_CONTINUATION):
    """What a switch wants to hear again to go on with the packet."""


class NXTPacketIn2(ExperimenterHeader):
    """A packet as properties. Those that were read stand in the attributes, too; None: it is not told.

    `metadata`, `userdata` and `continuation` are bytes.
    """

    experimenter = const("I", NX_EXPERIMENTER_ID)
    exp_type = const("I", nx.NXT_PACKET_IN2)
    properties: list[Any] = items(PACKET_IN2_PROPERTIES, default=None)

    data: ClassVar[bytes | None] = None
    total_len: ClassVar[int | None] = None
    buffer_id: ClassVar[int | None] = None
    table_id: ClassVar[int | None] = None
    cookie: ClassVar[int | None] = None
    reason: ClassVar[int | None] = None
    metadata: ClassVar[bytes | None] = None
    userdata: ClassVar[bytes | None] = None
    continuation: ClassVar[bytes | None] = None

    def _after_read(self) -> None:
        found = {item.type: item.data for item in self.properties}
        for kind, (name, size) in _ATTRIBUTES.items():
            if kind in found:
                self.__dict__[name] = int.from_bytes(found[kind][-size:]) if size else found[kind]
        if self.data is not None:
            self.__dict__.setdefault("total_len", len(self.data))


_ATTRIBUTES = {  # name, and the size of a number (which may have padding ahead of it)
    nx.NXPINT_PACKET: ("data", 0),
    nx.NXPINT_FULL_LEN: ("total_len", 4),
    nx.NXPINT_BUFFER_ID: ("buffer_id", 4),
    nx.NXPINT_TABLE_ID: ("table_id", 1),
    nx.NXPINT_COOKIE: ("cookie", 8),
    nx.NXPINT_REASON: ("reason", 1),
    nx.NXPINT_METADATA: ("metadata", 0),
    nx.NXPINT_USERDATA: ("userdata", 0),
    nx.NXPINT_CONTINUATION: ("continuation", 0),
}

OFPExperimenter.subtypes[NX_EXPERIMENTER_ID, nx.NXT_SET_PACKET_IN_FORMAT] = NXTSetPacketInFormatMsg
OFPExperimenter.subtypes[NX_EXPERIMENTER_ID, nx.NXT_PACKET_IN2] = NXTPacketIn2
