"""OXS: statistics of flow entries as a list of TLVs (OpenFlow 1.5.1 section 7.2.4).

They are written as OXM fields are, but have no masks: durations are pairs of seconds and nanoseconds.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from struct import Struct
from typing import Any, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.field_list import FieldList
from triplane.dataplane.openflow.oxm import Field, Table
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.openflow.values import INT4, INT8, Kind

_HEADER = Struct("!HH")
_PAIR = Struct("!II")
PAIR = Kind("pair", 8, lambda value: _PAIR.pack(*value), _PAIR.unpack)
BAD_LEN = (ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)


class StatField(Field):
    """A statistic: a pair is its value, not a value and a mask."""

    __slots__ = ()

    def __init__(self, name: str, number: int, kind: Kind) -> None:
        super().__init__(name, number, kind, oxm_class=ofp.OFPXSC_OPENFLOW_BASIC)

    def encode(self, value: Any) -> bytes:
        return self.plain + self.kind.encode(value)

    def parts(self, value: Any) -> tuple[bytes, bytes | None]:
        return self.kind.encode(value), None


OXS = Table(
    (
        StatField("duration", 0, PAIR),
        StatField("idle_time", 1, PAIR),
        StatField("flow_count", 3, INT4),
        StatField("packet_count", 4, INT8),
        StatField("byte_count", 5, INT8),
    )
)


class OFPStats(FieldList):
    """Statistics: `OFPStats(duration=(1, 500), packet_count=3)`. Raises KeyError for one that does not exist."""

    _oxm = OXS

    def __init__(
        self, length: int | None = None, _ordered_fields: list[tuple[str, Any]] | None = None, **kwargs: Any
    ) -> None:
        found = [self._oxm.encode(name, value) for name, value in (_ordered_fields or kwargs.items())]
        if _ordered_fields is None:
            found.sort()
        self._wire = b"".join([data for _, data in found])
        self._user = None

    def _pack(self) -> bytes:
        size = 4 + len(self._wire)
        return _HEADER.pack(0, size) + self._wire + bytes(-size % 8)

    @classmethod
    def read_lazy(cls, buf: bytes, pos: int, end: int) -> tuple[Self | None, int]:
        """The ofp_stats at `pos`, and where its padding ends; None where it was left out."""
        if pos == end:
            return None, pos
        if end - pos < 8:
            raise OpenFlowError(*BAD_LEN)
        _, size = _HEADER.unpack_from(buf, pos)
        after = pos + (size + 7 & ~7)
        if size < 4 or after > end:
            raise OpenFlowError(*BAD_LEN)
        return cls.from_fields(buf[pos + 4 : pos + size]), after

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Self | None:
        return cls.read_lazy(bytes(buf), offset, len(buf))[0]

    @property
    def fields(self) -> list[tuple[str, Any]]:
        """Names and values, in the order of the wire."""
        return self.items()

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        yield "oxs_fields", dict(self.items())

    def to_jsondict(self, encode_string: Any = b64encode) -> dict[str, Any]:
        fields = [{"OXSTlv": {"field": name, "value": value}} for name, value in self.items()]
        return {"OFPStats": {"length": self.length, "oxs_fields": fields}}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Self:
        tlvs = [field["OXSTlv"] for field in dict_["oxs_fields"]]
        return cls(_ordered_fields=[(tlv["field"], tlv["value"]) for tlv in tlvs])
