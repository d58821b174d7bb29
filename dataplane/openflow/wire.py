"""Records: wire structures described by their fields, in the order of the wire.

    class OFPActionOutput(OFPAction, type=OFPAT_OUTPUT):
        port: int = u32()
        max_len: int = u16(default=OFPCML_MAX)
        _pad = pad(6)

The annotated fields are the constructor's arguments, as in a dataclass. From the fields each class gets a
constructor, `_pack` and `_read`, written once as source by `codegen` and compiled on first use, so that a message
costs one struct call and no loop over fields. A field is of a *fixed* part (one struct format) or of the *tail*
behind it (matches, lists, data). A record with tail has a length field or reaches to the end of what holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, ClassVar, Self, dataclass_transform

from triplane.dataplane.openflow import codegen
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.text import StringifyMixin

REQUIRED: Any = codegen.REQUIRED
_TYPE_AND_LENGTH = Struct("!HH")


@dataclass(slots=True)
class Spec:
    """One field. `fmt` holds its struct codes; a tail field has none and `source` says how to read it."""

    role: str  # field, const, length, sizeof, pad, or a tail: match, fields, items, one, rest, numbers, gap
    fmt: str = ""
    kind: str = "int"  # of a fixed field: int, mac, text, ints, converted, record; of items: what they are keyed by
    default: Any = REQUIRED
    alias: str = ""  # the constructor's name for it
    text: str = ""  # ascii or utf-8: how it goes to JSON
    source: Any = (
        None  # what a tail or record is read with; the field that `sizeof` measures; a const's value; a converter
    )
    optional: bool = False  # the constructor takes None for the default
    name: str = field(default="", init=False)

    @property
    def argument(self) -> str:
        return self.alias or self.name


def u8(*, default: Any = REQUIRED, alias: str = "") -> Any:
    return Spec("field", "B", default=default, alias=alias)


def u16(*, default: Any = REQUIRED, alias: str = "", optional: bool = False) -> Any:
    """`optional`: None stands for the default."""
    return Spec("field", "H", default=default, alias=alias, optional=optional)


def u32(*, default: Any = REQUIRED, alias: str = "", optional: bool = False) -> Any:
    """`optional`: None stands for the default."""
    return Spec("field", "I", default=default, alias=alias, optional=optional)


def u64(*, default: Any = REQUIRED, alias: str = "") -> Any:
    return Spec("field", "Q", default=default, alias=alias)


def mac(*, default: Any = REQUIRED, alias: str = "") -> Any:
    return Spec("field", "6s", "mac", default, alias, text="ascii")


def chars(size: int, text: str, *, default: Any = REQUIRED, alias: str = "") -> Any:
    """Bytes filled up with zeros; read without them."""
    return Spec("field", f"{size}s", "text", default, alias, text=text)


def converted(fmt: str, convert: Callable[[Any], Any]) -> Any:
    """What the constructor gets goes through `convert`; then it is what the struct code `fmt` takes."""
    return Spec("field", fmt, "converted", source=convert)


def nested(source: Any, *, default: Any = None, alias: str = "") -> Any:
    """A record of fixed size in the fixed part; an empty one if the constructor gets none."""
    return Spec("field", f"{source._size}s", "record", default, alias, source=source)


def field_header() -> Any:
    """The name of an OXM field, as its 4-byte header; the class says by `_oxm` which fields there are."""
    return Spec("field", "4s", "header", text="ascii")


def ints(count: int, *, default: Any = REQUIRED, alias: str = "") -> Any:
    """A list of u32."""
    return Spec("field", f"{count}I", "ints", default, alias)


def pad(size: int) -> Any:
    return Spec("pad", f"{size}x")


def const(fmt: str, value: int | None = None) -> Any:
    """A number that the class has, not the instance: the type of a TLV. The class statement's `type=` fills it."""
    return Spec("const", fmt, source=value)


def length(fmt: str = "H") -> Any:
    """The record's own length in bytes."""
    return Spec("length", fmt, default=None)


def sizeof(name: str, fmt: str = "H") -> Any:
    """The length in bytes of the tail field `name`."""
    return Spec("sizeof", fmt, source=name, default=None)


def match_tail(source: Any, *, strict: bool = False, default: Any = None, alias: str = "") -> Any:
    """An ofp_match with its padding, of class `source`. Strict: checked when read, else when looked at."""
    return Spec("match", kind="strict" if strict else "lazy", default=default, alias=alias, source=source)


def fields_tail(source: Any, *, default: Any = None, alias: str = "") -> Any:
    """The TLVs of a match of class `source` without its header, padded to 8; a `sizeof` field tells their length."""
    return Spec("fields", default=default, alias=alias, source=source)


def items(source: Any, *, default: Any = None, alias: str = "") -> Any:
    """A list of records: `source` is their class, or the Choice that knows their types."""
    return Spec("items", default=default, alias=alias, source=source)


def keyed(source: Any, key: str, *, default: Any = None) -> Any:
    """A list of records that becomes a dict by the attribute `key` when read."""
    return Spec("items", kind=key, default=default, source=source)


def one(source: Any, *, default: Any = None, alias: str = "") -> Any:
    """A nested record of fixed size."""
    return Spec("one", default=default, alias=alias, source=source)


def rest(*, default: Any = None, alias: str = "") -> Any:
    """The bytes that remain."""
    return Spec("rest", default=default, alias=alias)


def numbers(code: str, *, default: Any = None, alias: str = "") -> Any:
    """A list of ints, each of struct code `code`, as far as the record reaches."""
    return Spec("numbers", default=default, alias=alias, source=code)


def gap(size: int) -> Any:
    """Padding between tail fields."""
    return Spec("gap", source=size)


def attribute(*, init: bool) -> Any:
    """For the type checker: an attribute that is no field of the wire."""


@dataclass_transform(
    field_specifiers=(
        u8,
        u16,
        u32,
        u64,
        mac,
        chars,
        converted,
        nested,
        field_header,
        ints,
        match_tail,
        fields_tail,
        items,
        keyed,
        one,
        rest,
        numbers,
        attribute,
    ),
)
class RecordType(type):
    """Collects the fields of a record class, its bases' first, and gives it slots for them."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        type: int | None = None,
        types: tuple[int, ...] = (),
        **kwargs: Any,
    ) -> Any:
        fields: dict[str, Spec] = {}
        for base in bases:
            fields.update(getattr(base, "_fields_by_name", {}))
        own = {key: namespace.pop(key) for key, value in list(namespace.items()) if isinstance(value, Spec)}
        for key, spec in own.items():
            spec.name = key
            if spec.role == "const" and spec.source is not None:
                namespace[key] = spec.source
            fields[key if spec.role not in ("pad", "gap") else f"{name}.{key}"] = spec
        if type is not None:
            fields["type"] = Spec("const", fields["type"].fmt, source=type)
            fields["type"].name = "type"
            namespace["type"] = type
        namespace["_fields_by_name"] = fields
        namespace.setdefault("__slots__", codegen.slots(fields, own, bases))
        cls: Any = super().__new__(mcs, name, bases, namespace, **kwargs)
        codegen.install(cls, own)
        for number in types or (() if type is None else (type,)):
            cls._choice.classes[number] = cls
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any) -> None:
        super().__init__(name, bases, namespace)


class Record(StringifyMixin, metaclass=RecordType):
    """A wire structure. `_pack` gives its bytes, `_read(buf, start, end)` makes one of them."""

    __slots__ = ("__dict__", "__weakref__")  # scripts hang things of their own on messages
    _fields_by_name: ClassVar[dict[str, Spec]] = {}
    _bad_len: ClassVar[tuple[int, int]] = (1, 6)  # OFPET_BAD_REQUEST, OFPBRC_BAD_LEN
    _choice: ClassVar[Choice]
    _pad_to_8: ClassVar[str] = ""  # "counted" in the length field, or "uncounted"
    _order: ClassVar[tuple[str, ...]] = ()  # of the constructor's arguments, where it is not the wire's
    _size: ClassVar[int] = 0  # of the fixed part
    _fixed: ClassVar[bool] = True  # no tail

    def _pack(self) -> bytes:
        raise TypeError(f"{type(self).__name__} has no bytes of its own")

    @classmethod
    def _read(cls, *args: Any, **kwargs: Any) -> Any:
        """Of (buf, start, end); messages take more. Raises OpenFlowError if the bytes are not such a record."""
        raise TypeError(f"{cls.__name__} is not read from bytes")

    @classmethod
    def parser(cls, *args: Any, **kwargs: Any) -> Any:
        """Ryu's name for reading one record: `parser(buf, offset)`; messages take more."""
        return cls._parse_at(*args, **kwargs)

    @classmethod
    def _parse_at(cls, buf: bytes, offset: int) -> Self:
        buf = bytes(buf)
        found: Self = cls._read(buf, offset, cls._end(buf, offset, len(buf)))
        return found

    def serialize(self, buf: bytearray | None = None, offset: int = 0) -> bytes:
        """The record's bytes; put into `buf` at `offset` too, as Ryu does, if one is given."""
        data = self._pack()
        if buf is not None:
            if len(buf) < offset:
                buf.extend(bytes(offset - len(buf)))
            buf[offset : offset + len(data)] = data
        return data

    @classmethod
    def _end(cls, buf: bytes, start: int, limit: int) -> int:
        """Where the record at `start` ends: from its length field, else its fixed size, else the limit."""
        return codegen.record_end(cls, buf, start, limit)

    @classmethod
    def read_list(cls, buf: bytes, pos: int, end: int) -> list[Any]:
        """The records that fill buf[pos:end]."""
        found = []
        while pos < end:
            stop = cls._end(buf, pos, end)
            found.append(cls._read(buf, pos, stop))
            pos = stop
        return found


class TupleRecord(Record):
    """A record that is a named tuple in Ryu: it can be unpacked, indexed and compared."""

    __slots__ = ()

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    _fields: ClassVar[tuple[str, ...]] = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, index: Any) -> Any:
        return self._values()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | TupleRecord) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(self._values())

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **changes: Any) -> Any:
        return type(self)(**{**self._asdict(), **changes})


class Choice:
    """The classes of a TLV family by type. New types, an experimenter's too, register by being defined."""

    def __init__(self, unknown: tuple[int, int], bad_len: tuple[int, int], align: int = 8, default: Any = None) -> None:
        self.classes: dict[int, Any] = {}
        self.unknown = unknown  # error type and code for a type that is not here
        self.bad_len = bad_len
        self.align = align  # what a length must be a multiple of
        self.default = default  # class for unknown types, if they are to be read all the same
        self.padded = False  # elements start at multiples of 8, their lengths not

    def derive(self) -> Self:
        """A family for another version that begins with the same classes."""
        derived = type(self)(self.unknown, self.bad_len, self.align, self.default)
        derived.padded = self.padded
        derived.classes.update(self.classes)
        return derived

    def read_list(self, buf: bytes, pos: int, end: int) -> list[Any]:
        """The TLVs that fill buf[pos:end]. Raises OpenFlowError for an unknown type or a length that cannot be."""
        found = []
        while pos < end:
            stop, cls = self._one(buf, pos, end)
            found.append(cls._read(buf, pos, stop))
            pos = stop + 7 & ~7 if self.padded else stop
        return found

    def parser(self, buf: bytes, offset: int) -> Any:
        """The one TLV at `offset`."""
        buf = bytes(buf)
        stop, cls = self._one(buf, offset, len(buf))
        return cls._read(buf, offset, stop)

    def _one(self, buf: bytes, pos: int, end: int) -> tuple[int, Any]:
        if end - pos < 4:
            raise OpenFlowError(*self.bad_len)
        kind, size = _TYPE_AND_LENGTH.unpack_from(buf, pos)
        if size < 4 or size > end - pos or size % self.align:
            raise OpenFlowError(*self.bad_len)
        cls = self.classes.get(kind, self.default)
        if cls is None:
            raise OpenFlowError(*self.unknown)
        return pos + size, cls
