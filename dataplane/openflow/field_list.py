"""A list of OXM or OXS TLVs under a small header: what OFPMatch and OFPStats are.

It is kept as it stands on the wire; names and values are made when someone looks. Invariant: `_wire` holds the TLVs,
without the header and the padding; `_user` is their decoded form, which other lists may share, or None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.text import StringifyMixin


class FieldList(StringifyMixin):
    """Names and values, as a script reads them."""

    __slots__ = ("__dict__", "_user", "_wire")
    _oxm: ClassVar[Table]
    _wire: bytes
    _user: list[tuple[str, Any]] | None

    def _pack(self) -> bytes:
        raise TypeError(f"{type(self).__name__} has no bytes of its own")

    @classmethod
    def from_fields(cls, wire: bytes) -> Self:
        """The list of these TLVs, which are not looked at yet."""
        made = cls.__new__(cls)
        made._wire = wire
        made._user = None
        return made

    def serialize(self, buf: bytearray | None = None, offset: int = 0) -> int:
        """Put the ofp_match into `buf`; returns its length with padding."""
        data = self._pack()
        if buf is not None:
            if len(buf) < offset:
                buf.extend(bytes(offset - len(buf)))
            buf[offset : offset + len(data)] = data
        return len(data)

    @property
    def fields_bytes(self) -> bytes:
        """The OXM TLVs alone."""
        return self._wire

    @property
    def length(self) -> int:
        return 4 + len(self._wire)

    # names and values

    def items(self) -> list[tuple[str, Any]]:
        """Names and values, in the order of the wire. Raises OpenFlowError if a peer sent nonsense."""
        return list(self._user or self._decode_all())

    def _decode_all(self) -> list[tuple[str, Any]]:
        self._user = self._oxm.read(self._wire)
        return self._user

    def __getitem__(self, key: str) -> Any:
        for name, value in self._user or self._decode_all():
            if name == key:
                return value
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self._user or self._decode_all())

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._user or self._decode_all()])

    def __len__(self) -> int:
        return len(self._user or self._decode_all())

    def __bool__(self) -> bool:
        return True  # as in Ryu: an empty match is no less a match

    def iteritems(self) -> Iterator[tuple[str, Any]]:
        return iter(dict(self._user or self._decode_all()).items())

    def keys(self) -> list[str]:
        return list(self)

    def get(self, key: str, default: Any = None) -> Any:
        for name, value in self._user or self._decode_all():
            if name == key:
                return value
        return default
