"""OXM TLVs: the fields of matches and set-field actions (OpenFlow 1.3.5 section 7.2.3).

A TLV is a 32-bit header `class:16 field:7 hasmask:1 length:8`, the experimenter's id if the class is 0xffff, the
value, and the mask if there is one. A `Table` holds the fields that one version knows; extensions `register` theirs.
A field with no entry is called `field_<number>` and has base64 text as value, as in Ryu.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Any

from triplane.dataplane.openflow import values
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_common import ONF_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_3 import error_codes as ec

BASIC, PACKET_REGS, EXPERIMENTER = 0x8000, 0x8001, 0xFFFF
_OLD_ONF_STYLE = 0  # EXT-256 put a 16-bit type behind the experimenter's id and left the field number 0
_HEADER = Struct("!I")
_EXPERIMENTER = Struct("!II")
_OLD_ONF = Struct("!IIH")

_PLAIN = {int, str, tuple}
_REMEMBERED = 16384  # TLVs of each field
_REMEMBERED_ORDERS = 1024
_REMEMBERED_READINGS = 4096  # for each table, of lists of at most so many bytes:
_SHORT = 16

Number = int | tuple[int, int]  # class << 7 | field, or (experimenter, that or the EXT-256 type)


class _Seen(dict[Any, bytes]):
    """A field's TLVs of plain values, remembered: a controller meets the same addresses and ports again and again."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self._field = field

    def __missing__(self, value: Any) -> bytes:
        data = self._field.encode(value)
        if value.__class__ in _PLAIN:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = data
        return data


class Field:
    """One OXM field: its name in scripts, its number, its kind of value, and the headers it is written with."""

    __slots__ = ("kind", "maskable", "masked", "name", "num", "order", "plain", "prefix", "seen")

    def __init__(
        self,
        name: str,
        number: int,
        kind: values.Kind,
        maskable: bool = False,
        oxm_class: int = BASIC,
        prefix: bytes = b"",
    ) -> None:
        self.name = name
        self.kind = kind
        self.maskable = maskable
        self.prefix = prefix  # what stands between header and value
        oxm_type = oxm_class << 7 | number
        size = len(prefix) + kind.size
        self.plain = _HEADER.pack(oxm_type << 9 | size) + prefix
        self.masked = _HEADER.pack(oxm_type << 9 | 1 << 8 | size + kind.size) + prefix
        self.num: Number = _number(oxm_type, prefix)
        self.order = self.num if isinstance(self.num, int) else self.num[0]
        self.seen = _Seen(self)

    def encode(self, value: Any) -> bytes:
        """The TLV for `value`, `(value, mask)` or `address/length`. Bits that the mask leaves out are cleared."""
        kind = self.kind
        if (value.__class__ is tuple or value.__class__ is list) and len(value) == 2:
            value, mask = value
            if mask is not None:
                return self._with_mask(kind.encode(value), kind.encode(mask))
        elif value.__class__ is str and "/" in value and kind.name in ("ipv4", "ipv6"):
            return self._with_mask(*values.prefix_bytes(kind, value))
        return self.plain + kind.encode(value)

    def parts(self, value: Any) -> tuple[bytes, bytes | None]:
        """Value and mask, as bytes; the value as it is, also where the mask leaves it out."""
        kind = self.kind
        if isinstance(value, tuple | list) and len(value) == 2:
            value, mask = value
            return kind.encode(value), None if mask is None else kind.encode(mask)
        if isinstance(value, str) and "/" in value and kind.name in ("ipv4", "ipv6"):
            return values.prefix_bytes(kind, value)
        return kind.encode(value), None

    def _with_mask(self, value: bytes, mask: bytes) -> bytes:
        kept = int.from_bytes(value, "big") & int.from_bytes(mask, "big")
        return self.masked + kept.to_bytes(len(mask), "big") + mask


def _number(oxm_type: int, prefix: bytes) -> Number:
    if not prefix:
        return oxm_type
    experimenter = int.from_bytes(prefix[:4], "big")
    return (experimenter, int.from_bytes(prefix[4:], "big") if len(prefix) > 4 else oxm_type)


def experimenter_field(name: str, experimenter: int, number: int, kind: values.Kind, maskable: bool = True) -> Field:
    """A field of class OFPXMC_EXPERIMENTER."""
    return Field(name, number, kind, maskable, EXPERIMENTER, _HEADER.pack(experimenter))


def old_onf_field(name: str, exp_type: int, kind: values.Kind) -> Field:
    """A field written in the way of ONF's EXT-256."""
    prefix = _HEADER.pack(ONF_EXPERIMENTER_ID) + exp_type.to_bytes(2, "big")
    return Field(name, _OLD_ONF_STYLE, kind, True, EXPERIMENTER, prefix)


class Table:
    """The OXM fields of one protocol version."""

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        self.by_name: dict[str, Field] = {}
        self.by_number: dict[Number, Field] = {}
        self.by_header: dict[int, Field] = {}  # plain and, where allowed, masked headers of non-experimenter fields
        self._orders: dict[
            tuple[str, ...], list[tuple[str, Field]]
        ] = {}  # of matches that were built, by the names in them
        self._readings: dict[bytes, list[tuple[str, Any]]] = {}  # of short lists that were decoded
        for field in fields:
            self.register(field)

    def register(self, field: Field) -> None:
        """Make a field known to matches and set-field actions."""
        self._orders.clear()
        self._readings.clear()
        self.by_name[field.name] = field
        self.by_number[field.num] = field
        if not field.prefix:
            self.by_header[int.from_bytes(field.plain, "big")] = field
            if field.maskable:
                self.by_header[int.from_bytes(field.masked, "big")] = field

    def named(self, name: str) -> Field:
        """The field that scripts call `name`. Raises KeyError."""
        field = self.by_name.get(name)
        if field is not None:
            return field
        if name.startswith("field_") and name[6:].isdigit():
            number = int(name[6:])
            return Field(name, number & 0x7F, values.UNKNOWN, True, number >> 7)
        raise KeyError(f"unknown OXM field: {name}")

    def pack(self, fields: dict[str, Any]) -> bytes:
        """The TLVs of a match, in the order of the fields' numbers. Raises KeyError for a name that is not known."""
        names = tuple(fields)
        order = self._orders.get(names)
        if order is not None:
            try:
                return b"".join([field.seen[fields[name]] for name, field in order])
            except TypeError:
                pass  # a list cannot be looked up, and what cannot be encoded fails below too
        found = [self.encode(name, value) for name, value in fields.items()]
        self._remember_order(names)
        return b"".join([data for _, data in sorted(found)])

    def _remember_order(self, names: tuple[str, ...]) -> None:
        """If it is the same for all values, and the fields have headers of their own."""
        order = sorted(((name, self.named(name)) for name in names), key=lambda pair: pair[1].order)
        if len({field.order for _, field in order}) == len(order) and all(field.kind.size for _, field in order):
            if len(self._orders) >= _REMEMBERED_ORDERS:
                self._orders.clear()
            self._orders[names] = order

    def header(self, name: str) -> bytes:
        """The header of a field, unmasked. Raises KeyError for a name that is not known."""
        return self.named(name).plain

    def number_name(self, number: Number) -> str:
        field = self.by_number.get(number)
        return field.name if field else f"field_{_flat(number)}"

    def header_name(self, header: bytes) -> str:
        """The name of the field that a 4-byte header is of."""
        return self.number_name(int.from_bytes(header, "big") >> 9)

    def encode(self, name: str, value: Any) -> tuple[int, bytes]:
        """Sort key and TLV of one match field."""
        field = self.by_name.get(name) or self.named(name)
        data = field.encode(value)
        if not field.kind.size:  # an unknown field's header depends on the value
            masked = isinstance(value, tuple | list)
            size = len(data) - 4
            data = _HEADER.pack(int.from_bytes(data[:4], "big") & ~0x1FF | masked << 8 | size) + data[4:]
        return field.order, data

    def split(self, buf: bytes, pos: int, end: int) -> tuple[Number, int, int, bytes, bytes | None]:
        """Of the TLV at `pos`: number, header, its end, value, mask. Raises OpenFlowError if it does not fit."""
        number, start = self.split_header(buf, pos, end)
        (header,) = _HEADER.unpack_from(buf, pos)
        stop = pos + 4 + (header & 0xFF)
        size = stop - start >> (header >> 8 & 1)
        if stop > end or size <= 0:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        mask = buf[start + size : stop] if header & 0x100 else None
        return number, header, stop, buf[start : start + size], mask

    def split_header(self, buf: bytes, pos: int, end: int) -> tuple[Number, int]:
        """Of the TLV at `pos`: number, and where its value begins."""
        if end - pos < 4:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        (header,) = _HEADER.unpack_from(buf, pos)
        if header >> 16 == EXPERIMENTER:
            return self._experimenter(buf, pos, min(pos + 4 + (header & 0xFF), end))
        return header >> 9, pos + 4

    def _experimenter(self, buf: bytes, pos: int, end: int) -> tuple[Number, int]:
        if end - pos < 8:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        header, experimenter = _EXPERIMENTER.unpack_from(buf, pos)
        if experimenter == ONF_EXPERIMENTER_ID and header >> 9 & 0x7F == _OLD_ONF_STYLE and end - pos >= 10:
            return (experimenter, _OLD_ONF.unpack_from(buf, pos)[2]), pos + 10
        return (experimenter, header >> 9), pos + 8

    def user(self, number: Number, value: bytes, mask: bytes | None) -> tuple[str, Any]:
        """Name and value as scripts see them."""
        field = self.by_number.get(number)
        name, kind = (field.name, field.kind) if field else (f"field_{_flat(number)}", values.UNKNOWN)
        if kind.size and len(value) != kind.size:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        return name, kind.decode(value) if mask is None else (kind.decode(value), kind.decode(mask))

    def read(self, wire: bytes) -> list[tuple[str, Any]]:
        """As decode, of all of `wire`; the result is shared, and not to be changed.

        The match of a packet-in is an input port more often than not, and of those there are few.
        """
        found = self._readings.get(wire)
        if found is None:
            found = self.decode(wire, 0, len(wire))
            if len(wire) <= _SHORT:
                if len(self._readings) >= _REMEMBERED_READINGS:
                    self._readings.clear()
                self._readings[wire] = found
        return found

    def decode(self, buf: bytes, pos: int, end: int) -> list[tuple[str, Any]]:
        """Names and values of the TLVs that fill buf[pos:end]. Unknown fields pass."""
        found = []
        while pos < end:
            number, _, pos, value, mask = self.split(buf, pos, end)
            found.append(self.user(number, value, mask))
        return found

    def check(self, buf: bytes, pos: int, end: int) -> None:
        """Raise the OpenFlowError that a switch answers to these match fields, by structure alone."""
        seen = set()
        while pos < end:
            number, header, pos, value, mask = self.split(buf, pos, end)
            field = self.by_header.get(header) or self._questionable(number, value, mask)
            if field.num in seen:
                raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_DUP_FIELD)
            seen.add(field.num)

    def _questionable(self, number: Number, value: bytes, mask: bytes | None) -> Field:
        field = self.by_number.get(number)
        if field is None:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_FIELD)
        if len(value) != field.kind.size or (mask is not None and len(mask) != len(value)):
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_LEN)
        if mask is not None and not field.maskable:
            raise OpenFlowError(ec.OFPET_BAD_MATCH, ec.OFPBMC_BAD_MASK)
        return field


def _flat(number: Number) -> int:
    return number if isinstance(number, int) else number[1]
