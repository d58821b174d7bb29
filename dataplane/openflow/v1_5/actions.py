"""Actions of OpenFlow 1.5.1 (section 7.2.6): set-field with a mask, copy-field, meter."""

from __future__ import annotations

from struct import Struct
from typing import Any, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_3.actions import OFPAction
from triplane.dataplane.openflow.v1_4 import actions as v1_4
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5.oxm_fields import OXM
from triplane.dataplane.openflow.v1_5.table_features import OFPOxmId
from triplane.dataplane.openflow.wire import u32

ACTIONS = v1_4.ACTIONS.derive()
_COPY_FIELD = Struct("!HHHHH2x")


class OFPActionSetField(v1_4.OFPActionSetField, type=ofp.OFPAT_SET_FIELD):
    """`OFPActionSetField(eth_dst=("00:00:00:00:00:01", "00:00:00:00:00:ff"))` sets the bits of the mask."""

    _choice = ACTIONS
    _oxm = OXM
    _masks = True


class OFPActionMeter(OFPAction, type=ofp.OFPAT_METER):
    _choice = ACTIONS
    meter_id: int = u32()


class OFPActionCopyField(OFPAction, type=ofp.OFPAT_COPY_FIELD):
    """Copies `n_bits` bits; `oxm_ids` are the source and the destination, by name or as OFPOxmId."""

    _choice = ACTIONS
    _attributes = ("dst_offset", "len", "n_bits", "oxm_ids", "src_offset", "type")

    def __init__(
        self,
        n_bits: int = 0,
        src_offset: int = 0,
        dst_offset: int = 0,
        oxm_ids: list[Any] | None = None,
        type_: int | None = None,
        len_: int | None = None,
    ) -> None:
        self.n_bits = n_bits
        self.src_offset = src_offset
        self.dst_offset = dst_offset
        self.oxm_ids = [OFPOxmId(each) if isinstance(each, str) else each for each in oxm_ids or []]
        if len(self.oxm_ids) != 2:
            raise ValueError("OFPActionCopyField takes two fields: from, to")
        self.len = len_

    def _pack(self) -> bytes:
        fields = b"".join([each._pack() for each in self.oxm_ids])
        size = _COPY_FIELD.size + len(fields)
        self.len = size + 7 & ~7
        head = _COPY_FIELD.pack(self.type, self.len, self.n_bits, self.src_offset, self.dst_offset)
        return head + fields + bytes(self.len - size)

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Self:
        if end - start < _COPY_FIELD.size:
            raise OpenFlowError(*cls._bad_len)
        _, size, n_bits, src_offset, dst_offset = _COPY_FIELD.unpack_from(buf, start)
        pos, fields = start + _COPY_FIELD.size, []
        for _ in range(2):
            stop = OFPOxmId._end(buf, pos, end)
            fields.append(OFPOxmId._read(buf, pos, stop))
            pos = stop
        if end - pos >= 8:
            raise OpenFlowError(*cls._bad_len)
        return cls(n_bits, src_offset, dst_offset, fields, None, size)
