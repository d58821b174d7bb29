"""The specs of NXActionLearn: what a learnt flow matches and does (Open vSwitch, NXAST_LEARN), under Ryu's names.

A source or target is (field, first bit); a source may be a number instead. On the wire a spec is a 16-bit head,
`source:1 at bit 13, target:2 at bit 11, n_bits:11`, the source (a field's header and its first bit, or the number in
whole 16-bit words) and, but for an output, the target. A head of zero ends the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.text import StringifyMixin
from triplane.dataplane.openflow.v1_3 import error_codes as ec

Part = tuple[str, int]

_HEAD, _OFFSET = Struct("!H"), Struct("!H")
_PART = 6  # bytes of a field's header and its first bit
_IMMEDIATE, _KIND_SHIFT, _BITS = 1 << 13, 11, 0x7FF
MATCH, LOAD, OUTPUT = 0, 1, 2


class _NXFlowSpec(StringifyMixin):
    """Any spec."""

    _oxm: ClassVar[Table]
    _dst_type: ClassVar[int]
    _kinds: ClassVar[dict[int, type[_NXFlowSpec]]]
    _attributes = ("dst", "n_bits", "src")

    def __init__(self, src: Part | int, dst: Part | str, n_bits: int) -> None:
        self.src, self.dst, self.n_bits = src, dst, n_bits

    def serialize(self) -> bytes:
        size = _words(self.n_bits)
        source = self.src.to_bytes(size, "big") if isinstance(self.src, int) else self._part_bytes(self.src)
        head = _HEAD.pack(isinstance(self.src, int) << 13 | self._dst_type << _KIND_SHIFT | self.n_bits)
        return head + source + self._part_bytes(self.dst)

    def _part_bytes(self, part: Part | str) -> bytes:
        if isinstance(part, str):
            return b""
        field, offset = part
        return self._oxm.header(field) + _OFFSET.pack(offset)

    @classmethod
    def parse(cls, buf: bytes) -> tuple[Any, bytes]:
        """The first spec of `buf`, None for a head of zero; and the rest of `buf`. Raises OpenFlowError."""
        buf = bytes(buf)
        (head,) = _HEAD.unpack(_whole(buf, 0, 2))
        if head == 0:
            return None, buf[2:]
        kind, bits, at = head >> _KIND_SHIFT & 3, head & _BITS, 2
        if kind not in cls._kinds:
            raise OpenFlowError(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_ARGUMENT)
        size = _words(bits) if head & _IMMEDIATE else _PART
        data = _whole(buf, at, size)
        source = int.from_bytes(data, "big") if head & _IMMEDIATE else cls._part(data)
        at += size
        target: Part | str = "" if kind == OUTPUT else cls._part(_whole(buf, at, _PART))
        at += 0 if kind == OUTPUT else _PART
        made: Any = cls._kinds[kind]
        return made(src=source, dst=target, n_bits=bits), buf[at:]

    @classmethod
    def _part(cls, data: bytes) -> Part:
        return cls._oxm.header_name(data[:4]), _OFFSET.unpack(data[4:])[0]

    @classmethod
    def read_list(cls, buf: bytes) -> list[Any]:
        """The specs up to a head of zero."""
        found = []
        while len(buf) >= 2:
            spec, buf = cls.parse(buf)
            if spec is None:
                break
            found.append(spec)
        return found

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in self._attributes)

    def to_jsondict(self, *_: Any) -> dict[str, Any]:
        body = {name: list(value) if isinstance(value, tuple) else value for name, value in self.stringify_attrs()}
        return {type(self).__name__: body}

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Self:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in dict_.items()
        }
        return cls(values["src"], values["dst"], values["n_bits"])


class NXFlowSpecMatch(_NXFlowSpec):
    """The learnt flow matches `dst`; in ovs-ofctl's words NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]."""

    _dst_type = MATCH


class NXFlowSpecLoad(_NXFlowSpec):
    """The learnt flow loads `dst`: load:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15]."""

    _dst_type = LOAD


class NXFlowSpecOutput(_NXFlowSpec):
    """The learnt flow outputs to the port that `src` holds: output:NXM_OF_IN_PORT[]."""

    _dst_type = OUTPUT

    def __init__(self, src: Part | int, n_bits: int, dst: str = "") -> None:
        if dst != "":
            raise ValueError("an output has no target field")
        super().__init__(src, dst, n_bits)

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], *_: Any, **__: Any) -> Self:
        source = dict_["src"]
        return cls(tuple(source) if isinstance(source, list) else source, dict_["n_bits"])


SPECS = (NXFlowSpecMatch, NXFlowSpecLoad, NXFlowSpecOutput)


def specs_for(oxm: Table, module: str) -> dict[str, type[_NXFlowSpec]]:
    """The classes for a version's fields."""
    base: Any = type("_NXFlowSpec", (_NXFlowSpec,), {"_oxm": oxm, "_kinds": {}, "__module__": module})
    made: dict[str, Any] = {each.__name__: type(each.__name__, (each, base), {"__module__": module}) for each in SPECS}
    base._kinds.update({cls._dst_type: cls for cls in made.values()})
    return {"_NXFlowSpec": base, **made}


def _words(bits: int) -> int:
    """Bytes of a number of so many bits."""
    return (bits + 15) // 16 * 2


def _whole(buf: bytes, at: int, size: int) -> bytes:
    if len(buf) < at + size:
        raise OpenFlowError(ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_LEN)
    return buf[at : at + size]
