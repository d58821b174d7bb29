"""Ryu's functions between fields as scripts write them ("user") and as numbers with bytes, for one table of fields.

A version's module has them as `oxm_from_user` and so on; 1.5's has them once more for statistics, as `oxs_from_user`.
"""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.oxm import Number, Table
from triplane.dataplane.openflow.values import Kind

_LENGTH_AND_MASK = 0x1FF


class Oxx:
    """The functions for `table`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get_field_info_by_name(self, name: str) -> tuple[Number, Kind]:
        """Number and kind of value of a field. Raises KeyError."""
        field = self._table.named(name)
        return field.num, field.kind

    def from_user_header(self, name: str) -> Number:
        return self._table.named(name).num

    def from_user(self, name: str, user_value: Any) -> tuple[Number, bytes | None, bytes | None]:
        """Number, value and mask, as bytes."""
        field = self._table.named(name)
        if user_value is None or user_value == ():
            return field.num, None, None
        return field.num, *field.parts(user_value)

    def to_user_header(self, number: Number) -> str:
        field = self._table.by_number.get(number)
        return field.name if field else f"field_{number}"

    def to_user(self, number: Number, value: bytes | None, mask: bytes | None) -> tuple[str, Any]:
        """Name and value as scripts have them."""
        return (self.to_user_header(number), None) if value is None else self._table.user(number, value, mask)

    def normalize_user(self, name: str, user_value: Any) -> tuple[str, Any]:
        """The value as it will be read back: masked, addresses in their usual text."""
        _, wire = self._table.encode(name, user_value)
        return self._table.decode(wire, 0, len(wire))[0]

    def parse(self, buf: bytes, offset: int) -> tuple[Number, bytes, bytes | None, int]:
        """Number, value, mask and length of the TLV at `offset`. Raises OpenFlowError."""
        number, _, stop, value, mask = self._table.split(bytes(buf), offset, len(buf))
        return number, value, mask, stop - offset

    def parse_header(self, buf: bytes, offset: int) -> tuple[Number, int]:
        """Number of the TLV whose header is at `offset`, and the header's length."""
        number, start = self._table.split_header(bytes(buf), offset, len(buf))
        return number, start - offset

    def serialize(self, number: Number, value: bytes, mask: bytes | None, buf: bytearray, offset: int) -> int:
        """Put a TLV into `buf`; returns its length."""
        field = self._table.by_number.get(number) or self._table.named(f"field_{number}")
        content = field.prefix + value + (mask or b"")
        header = int.from_bytes(field.plain[:4], "big") & ~_LENGTH_AND_MASK | (mask is not None) << 8 | len(content)
        data = header.to_bytes(4, "big") + content
        buf[offset : offset + len(data)] = data
        return len(data)

    def serialize_header(self, number: Number, buf: bytearray, offset: int) -> int:
        """Put a TLV's header into `buf`; returns its length."""
        header = self._table.by_number[number].plain
        buf[offset : offset + len(header)] = header
        return len(header)
