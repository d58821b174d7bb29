"""Messages of OpenFlow 1.2 but for statistics, as far as they are not those of 1.3 (sections A.3, A.4)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.ofproto_parser import MsgBase
from triplane.dataplane.openflow.v1_2.match import OFPMatch
from triplane.dataplane.openflow.v1_3 import constants as v1_3
from triplane.dataplane.openflow.v1_3 import messages as v1_3_messages
from triplane.dataplane.openflow.v1_3 import symmetric
from triplane.dataplane.openflow.v1_3.ports import OFPPort
from triplane.dataplane.openflow.wire import gap, keyed, match_tail, pad, rest, u8, u16, u32, u64

MESSAGES = symmetric.MESSAGES.derive()
for _later in (
    *(v1_3.OFPT_MULTIPART_REQUEST, v1_3.OFPT_MULTIPART_REPLY, v1_3.OFPT_METER_MOD),
    *(v1_3.OFPT_GET_ASYNC_REQUEST, v1_3.OFPT_GET_ASYNC_REPLY, v1_3.OFPT_SET_ASYNC),
):
    MESSAGES.classes.pop(_later, None)


class OFPHello(symmetric.OFPHello, messages=MESSAGES):
    """Without elements, which came with 1.3; what a newer peer says in them is kept."""

    _attributes: ClassVar[tuple[str, ...]] = ()


class OFPSwitchFeatures(MsgBase, messages=MESSAGES, msg_type=v1_3.OFPT_FEATURES_REPLY):
    """`ports` is a dict by port number once parsed."""

    datapath_id: int | None = u64(default=None)
    n_buffers: int | None = u32(default=None)
    n_tables: int | None = u8(default=None)
    _pad = pad(3)
    capabilities: int | None = u32(default=None)
    _reserved = pad(4)
    ports: Any = keyed(OFPPort, "port_no", default=None)


class OFPPacketIn(MsgBase, messages=MESSAGES, msg_type=v1_3.OFPT_PACKET_IN):
    """A packet, or the start of it (`total_len` says how long it was), or its buffer's number."""

    buffer_id: int | None = u32(default=None)
    total_len: int | None = u16(default=None)
    reason: int | None = u8(default=None)
    table_id: int | None = u8(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    _pad = gap(2)
    data: bytes | None = rest(default=None)

    def _after_read(self) -> None:
        if self.total_len < len(self.data):  # type: ignore[operator, arg-type] # they have just been read
            self.data = self.data[: self.total_len]  # type: ignore[index]


class OFPFlowMod(v1_3_messages.OFPFlowMod, messages=MESSAGES):
    """Its priority is 0 unless told, as in Ryu."""

    priority: int = u16(default=0)
    match: Any = match_tail(OFPMatch, strict=True, default=None)


class OFPFlowRemoved(v1_3_messages.OFPFlowRemoved, messages=MESSAGES):
    match: Any = match_tail(OFPMatch, default=None)
