"""Flow monitors: ONF's extension EXT-187, as an experimenter's multipart request."""

from __future__ import annotations

from struct import Struct
from typing import Any, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.match import OFPMatch
from triplane.dataplane.openflow.ofproto_common import ONF_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import onf_constants as onf
from triplane.dataplane.openflow.v1_3.multipart import REQUESTS, OFPExperimenterStatsRequest, OFPMultipartRequest
from triplane.dataplane.openflow.wire import Record, const, items

_REQUEST = Struct(onf.ONF_FLOW_MONITOR_REQUEST_PACK_STR)
_EXPERIMENTER = Struct("!II")


class ONFFlowMonitorRequest(Record):
    """One monitor. Its match stands there without the header of an ofp_match."""

    _attributes = ("flags", "id", "match", "match_len", "out_port", "table_id")

    def __init__(
        self,
        id_: int,
        flags: int,
        match: OFPMatch | None = None,
        out_port: int = ofp.OFPP_ANY,
        table_id: int = ofp.OFPTT_ALL,
        match_len: int | None = None,
    ) -> None:
        self.id = id_
        self.flags = flags
        self.match = OFPMatch() if match is None else match
        self.out_port = out_port
        self.table_id = table_id
        self.match_len = match_len

    def _pack(self) -> bytes:
        fields = self.match.fields_bytes
        self.match_len = len(fields)
        head = _REQUEST.pack(self.id, self.flags, self.match_len, self.out_port, self.table_id)
        return head + fields + bytes(-self.match_len % 8)

    @classmethod
    def _end(cls, buf: bytes, start: int, limit: int) -> int:
        if limit - start < _REQUEST.size:
            raise OpenFlowError(*cls._bad_len)
        end = start + _REQUEST.size + (int(_REQUEST.unpack_from(buf, start)[2]) + 7 & ~7)
        if end > limit:
            raise OpenFlowError(*cls._bad_len)
        return end

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Self:
        number, flags, size, out_port, table_id = _REQUEST.unpack_from(buf, start)
        at = start + _REQUEST.size
        return cls(number, flags, OFPMatch.from_fields(buf[at : at + size]), out_port, table_id, size)


class ONFFlowMonitorStatsRequest(OFPMultipartRequest):
    """Asks for the changes of flow entries, by several monitors."""

    type = const("H", ofp.OFPMP_EXPERIMENTER)
    experimenter = const("I", ONF_EXPERIMENTER_ID)
    exp_type = const("I", onf.ONFMP_FLOW_MONITOR)
    body: list[Any] = items(ONFFlowMonitorRequest, default=None)


_SUBTYPES: dict[tuple[int, int], Any] = {(ONF_EXPERIMENTER_ID, onf.ONFMP_FLOW_MONITOR): ONFFlowMonitorStatsRequest}


class _ExperimenterReader:
    """Chooses the class of an experimenter's multipart request."""

    @staticmethod
    def _read(buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Any:
        if msg_len < 24:
            raise OpenFlowError(*REQUESTS.bad_len)
        cls: Any = _SUBTYPES.get(_EXPERIMENTER.unpack_from(buf, 16), OFPExperimenterStatsRequest)
        return cls._read(buf, datapath, version, msg_type, msg_len, xid)


REQUESTS.classes[ofp.OFPMP_EXPERIMENTER] = _ExperimenterReader
