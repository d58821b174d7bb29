"""Those of Nicira's actions whose layout is not a plain list of fields: each says what stands behind its subtype.

`generate` of `nx_actions` makes a class of each for every version, which has the version's fields as `_oxm` and its
actions as `_choice`.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.wire import Choice

HEAD = Struct("!HHIH")  # type, length, experimenter, subtype
_ATTRIBUTES = ("len", "subtype", "type")
_BAD_LEN = (ec.OFPET_BAD_ACTION, ec.OFPBAC_BAD_LEN)


class Odd:
    """`_carried` is what stands behind the subtype, padded when written; `_take` reads it."""

    _oxm: ClassVar[Table]
    _choice: ClassVar[Choice]
    number: ClassVar[int]
    own: ClassVar[tuple[str, ...]] = ()  # attributes, beside those that all have
    texts: ClassVar[tuple[str, ...]] = ()  # of these the ones that go to JSON as they are

    def _carried(self) -> bytes:
        raise TypeError(f"{type(self).__name__} does not say what it carries")

    @classmethod
    def _take(cls, body: bytes) -> Any:
        raise TypeError(f"{cls.__name__} does not say how it is read")

    def _pack(self: Any) -> bytes:
        body = self._carried()
        self.len = HEAD.size + len(body) + 7 & ~7
        head = HEAD.pack(self.type, self.len, NX_EXPERIMENTER, self.subtype)
        return bytes((head + body).ljust(self.len, b"\0"))

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Self:
        if end - start < HEAD.size:
            raise OpenFlowError(*_BAD_LEN)
        action = cls._take(bytes(buf[start + HEAD.size : end]))
        action.len = end - start
        return action  # type: ignore[no-any-return]


NX_EXPERIMENTER = 0x00002320


def _unpack(layout: Struct, body: bytes, at: int = 0) -> tuple[Any, ...]:
    if len(body) < at + layout.size:
        raise OpenFlowError(*_BAD_LEN)
    return layout.unpack_from(body, at)


class NXActionRegMove(Odd):
    """move:src_field[src_ofs..]->dst_field[dst_ofs..]"""

    number = nx.NXAST_REG_MOVE
    own = ("src_field", "dst_field", "n_bits", "src_ofs", "dst_ofs")
    texts = ("src_field", "dst_field")
    _FIXED = Struct("!HHH")

    def __init__(
        self, src_field: str, dst_field: str, n_bits: int, src_ofs: int = 0, dst_ofs: int = 0, *_: Any, **__: Any
    ) -> None:
        self.src_field, self.dst_field = src_field, dst_field
        self.n_bits, self.src_ofs, self.dst_ofs = n_bits, src_ofs, dst_ofs

    def _carried(self) -> bytes:
        head = self._FIXED.pack(self.n_bits, self.src_ofs, self.dst_ofs)
        return head + self._oxm.header(self.src_field) + self._oxm.header(self.dst_field)

    @classmethod
    def _take(cls, body: bytes) -> Self:
        bits, source_at, target_at = _unpack(cls._FIXED, body)
        number, at = cls._oxm.split_header(body, cls._FIXED.size, len(body))
        source = cls._oxm.number_name(number)
        number, _ = cls._oxm.split_header(body, at, len(body))
        return cls(source, cls._oxm.number_name(number), bits, source_at, target_at)


class NXActionRegLoad2(Odd):
    """set_field:value/mask->dst"""

    number = nx.NXAST_REG_LOAD2
    own = ("dst", "value", "mask")
    texts = ("dst", "value", "mask")

    def __init__(self, dst: str, value: Any, mask: Any = None, *_: Any, **__: Any) -> None:
        self.dst, self.value, self.mask = dst, value, mask

    def _carried(self) -> bytes:
        value = self.value if self.mask is None else (self.value, self.mask)
        return self._oxm.encode(self.dst, value)[1].ljust(14, b"\0")

    @classmethod
    def _take(cls, body: bytes) -> Self:
        number, _, _, value, mask = cls._oxm.split(body, 0, len(body))
        name, user = cls._oxm.user(number, value, mask)
        return cls(name, *user) if isinstance(user, tuple) else cls(name, user)


class NXActionNote(Odd):
    """note:aa.bb: nothing happens. `note` is a list of bytes; when written it is filled up with zeros."""

    number = nx.NXAST_NOTE
    own = ("note",)

    def __init__(self, note: list[int], *_: Any, **__: Any) -> None:
        self.note = note

    def _carried(self) -> bytes:
        self.note = list(self.note) + [0] * (-(len(self.note) + 2) % 8)
        return bytes(self.note)

    @classmethod
    def _take(cls, body: bytes) -> Self:
        return cls(list(body))


class NXActionLearn(Odd):
    """learn(...): adds a flow made of the packet's fields; `specs` are NXFlowSpec*."""

    number = nx.NXAST_LEARN
    own = (
        *("idle_timeout", "hard_timeout", "priority", "cookie", "flags", "table_id"),
        *("fin_idle_timeout", "fin_hard_timeout", "specs"),
    )
    _FIXED = Struct("!HHHQHBxHH")
    _specs: ClassVar[Any]

    def __init__(
        self,
        table_id: int,
        specs: list[Any],
        idle_timeout: int = 0,
        hard_timeout: int = 0,
        priority: int = 0x8000,
        cookie: int = 0,
        flags: int = 0,
        fin_idle_timeout: int = 0,
        fin_hard_timeout: int = 0,
        *_: Any,
        **__: Any,
    ) -> None:
        self.idle_timeout, self.hard_timeout, self.priority = idle_timeout, hard_timeout, priority
        self.cookie, self.flags, self.table_id = cookie, flags, table_id
        self.fin_idle_timeout, self.fin_hard_timeout, self.specs = fin_idle_timeout, fin_hard_timeout, specs

    def _carried(self) -> bytes:
        head = self._FIXED.pack(*(getattr(self, name) for name in self.own[:-1]))
        return head + b"".join([spec.serialize() for spec in self.specs])

    @classmethod
    def _take(cls, body: bytes) -> Self:
        values = dict(zip(cls.own, _unpack(cls._FIXED, body), strict=False))
        return cls(specs=cls._specs.read_list(body[cls._FIXED.size :]), **values)


class NXActionController2(Odd):
    """controller(max_len=, controller_id=, reason=, userdata=, pause): attributes are there for what was given."""

    number = nx.NXAST_CONTROLLER2
    _PROPERTY = Struct("!HH")
    _NUMBERS: ClassVar = {"max_len": (nx.NXAC2PT_MAX_LEN, 2, 8), "controller_id": (nx.NXAC2PT_CONTROLLER_ID, 2, 8),
                          "reason": (nx.NXAC2PT_REASON, 1, 5)}  # fmt: skip
    _NAMES: ClassVar = ("max_len", "controller_id", "reason", "userdata", "pause")

    def __init__(self, *_: Any, **kwargs: Any) -> None:
        for name in self._NAMES:
            if name in kwargs:
                setattr(self, name, kwargs[name])

    def _carried(self) -> bytes:
        body = bytes(6)
        for name, (kind, size, told) in self._NUMBERS.items():
            if hasattr(self, name):
                body += self._PROPERTY.pack(kind, told) + getattr(self, name).to_bytes(size, "big").ljust(4, b"\0")
        if hasattr(self, "userdata"):
            data = bytes(self.userdata)
            body += (self._PROPERTY.pack(nx.NXAC2PT_USERDATA, 4 + len(data)) + data).ljust(
                4 + len(data) + 7 & ~7, b"\0"
            )
        if hasattr(self, "pause"):
            body += self._PROPERTY.pack(nx.NXAC2PT_PAUSE, 4) + bytes(4)
        return body

    @classmethod
    def _take(cls, body: bytes) -> Self:
        found: dict[str, Any] = {}
        at = 6
        while at < len(body):
            kind, size = _unpack(cls._PROPERTY, body, at)
            if size < 4 or at + size > len(body):
                raise OpenFlowError(*_BAD_LEN)
            cls._property(kind, body[at + 4 : at + (size + 7 & ~7)], size - 4, found)
            at += size + 7 & ~7
        return cls(**found)

    @classmethod
    def _property(cls, kind: int, data: bytes, size: int, found: dict[str, Any]) -> None:
        for name, (number, octets, _) in cls._NUMBERS.items():
            if kind == number:
                found[name] = int.from_bytes(data[:octets], "big")
        if kind == nx.NXAC2PT_USERDATA:
            found["userdata"] = list(data[:size])
        elif kind == nx.NXAC2PT_PAUSE:
            found["pause"] = True

    def stringify_attrs(self: Any) -> Any:
        names = sorted((self._who, *_ATTRIBUTES, *(name for name in self._NAMES if hasattr(self, name))))
        return ((name, getattr(self, name)) for name in names)


class NXActionDecTtlCntIds(Odd):
    """dec_ttl(id1,id2): these controllers are told of a packet whose TTL is spent."""

    number = nx.NXAST_DEC_TTL_CNT_IDS
    own = ("cnt_ids",)
    _FIXED = Struct("!H4x")

    def __init__(self, cnt_ids: list[int], *_: Any, **__: Any) -> None:
        self.cnt_ids = cnt_ids

    def _carried(self) -> bytes:
        return self._FIXED.pack(len(self.cnt_ids)) + b"".join([each.to_bytes(2, "big") for each in self.cnt_ids])

    @classmethod
    def _take(cls, body: bytes) -> Self:
        (count,) = _unpack(cls._FIXED, body)
        return cls(list(_unpack(Struct(f"!{count}H"), body, cls._FIXED.size)))


class _Bundle(Odd):
    own = ("algorithm", "fields", "basis", "slave_type", "n_slaves", "ofs_nbits", "dst", "slaves")
    _FIXED = Struct("!HHHIHH4s4x")

    def __init__(
        self,
        algorithm: int,
        fields: int,
        basis: int,
        slave_type: int,
        n_slaves: int,
        ofs_nbits: int,
        dst: Any,
        slaves: list[int],
        *_: Any,
        **__: Any,
    ) -> None:
        self.algorithm, self.fields, self.basis, self.slave_type = algorithm, fields, basis, slave_type
        self.n_slaves, self.ofs_nbits, self.dst, self.slaves = n_slaves, ofs_nbits, dst, slaves

    def _carried(self) -> bytes:
        self.n_slaves = len(self.slaves)
        values = [getattr(self, name) for name in self.own[:6]]
        target = self._oxm.header(self.dst) if self.dst else bytes(4)
        return self._FIXED.pack(*values, target) + b"".join([port.to_bytes(2, "big") for port in self.slaves])

    @classmethod
    def _take(cls, body: bytes) -> Self:
        *values, target = _unpack(cls._FIXED, body)
        slaves = list(_unpack(Struct(f"!{values[4]}H"), body, cls._FIXED.size))
        return cls(*values, cls._oxm.header_name(target) if any(target) else 0, slaves)


class NXActionBundle(_Bundle):
    """bundle(...): to one of several ports that are up."""

    number = nx.NXAST_BUNDLE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ofs_nbits, self.dst = 0, 0


class NXActionBundleLoad(_Bundle):
    """bundle_load(...): the number of that port goes to a field."""

    number = nx.NXAST_BUNDLE_LOAD
    texts = ("dst",)


class NXActionCT(Odd):
    """ct(...): connection tracking. `zone_src` is a field, or "" for the zone number that zone_ofs_nbits is then."""

    number = nx.NXAST_CT
    own = ("flags", "zone_src", "zone_ofs_nbits", "recirc_table", "alg", "actions")
    texts = ("zone_src",)
    _FIXED = Struct("!H4sHB3xH")

    def __init__(
        self, flags: int, zone_src: Any, zone_ofs_nbits: int, recirc_table: int, alg: int, actions: list[Any], *_: Any,
        **__: Any,
    ) -> None:  # fmt: skip
        self.flags, self.zone_src, self.zone_ofs_nbits = flags, zone_src, zone_ofs_nbits
        self.recirc_table, self.alg, self.actions = recirc_table, alg, actions

    def _carried(self) -> bytes:
        named = isinstance(self.zone_src, str) and self.zone_src != ""
        zone = self._oxm.header(self.zone_src) if named else int(self.zone_src or 0).to_bytes(4, "big")
        head = self._FIXED.pack(self.flags, zone, self.zone_ofs_nbits, self.recirc_table, self.alg)
        return head + b"".join([action.serialize() for action in self.actions])

    @classmethod
    def _take(cls, body: bytes) -> Self:
        flags, zone, bits, table, alg = _unpack(cls._FIXED, body)
        actions = cls._choice.read_list(body, cls._FIXED.size, len(body))
        return cls(flags, cls._oxm.header_name(zone) if any(zone) else "", bits, table, alg, actions)


class NXActionClone(Odd):
    """clone(...): a copy of the packet meets `actions`. Not among Ryu's."""

    number = nx.NXAST_CLONE
    own = ("actions",)

    def __init__(self, actions: list[Any], *_: Any, **__: Any) -> None:
        self.actions = actions

    def _carried(self) -> bytes:
        return bytes(6) + b"".join([action.serialize() for action in self.actions])

    @classmethod
    def _take(cls, body: bytes) -> Self:
        return cls(cls._choice.read_list(body, 6, len(body)))


class NXActionNAT(Odd):
    """nat(...), inside of ct: addresses as text, "" for none."""

    number = nx.NXAST_NAT
    own = (
        *("flags", "range_ipv4_min", "range_ipv4_max", "range_ipv6_min", "range_ipv6_max"),
        *("range_proto_min", "range_proto_max"),
    )
    texts = own[1:5]
    _FIXED = Struct("!2xHH")
    _SIZES: ClassVar = (4, 4, 16, 16, 2, 2)

    def __init__(
        self,
        flags: int,
        range_ipv4_min: str = "",
        range_ipv4_max: str = "",
        range_ipv6_min: str = "",
        range_ipv6_max: str = "",
        range_proto_min: int | None = None,
        range_proto_max: int | None = None,
        *_: Any,
        **__: Any,
    ) -> None:
        self.flags = flags
        self.range_ipv4_min, self.range_ipv4_max = range_ipv4_min, range_ipv4_max
        self.range_ipv6_min, self.range_ipv6_max = range_ipv6_min, range_ipv6_max
        self.range_proto_min, self.range_proto_max = range_proto_min, range_proto_max

    def _carried(self) -> bytes:
        present, data = 0, b""
        for bit, (name, size) in enumerate(zip(self.own[1:], self._SIZES, strict=True)):
            value = getattr(self, name)
            if value is not None and value != "":
                present |= 1 << bit
                data += value.to_bytes(2, "big") if size == 2 else ip_address(value).packed
        return self._FIXED.pack(self.flags, present) + data

    @classmethod
    def _take(cls, body: bytes) -> Self:
        flags, present = _unpack(cls._FIXED, body)
        at = cls._FIXED.size
        found: dict[str, Any] = {}
        for bit, (name, size) in enumerate(zip(cls.own[1:], cls._SIZES, strict=True)):
            if present >> bit & 1:
                (data,) = _unpack(Struct(f"!{size}s"), body, at)
                found[name] = int.from_bytes(data, "big") if size == 2 else str(ip_address(data))
                at += size
        return cls(flags, **found)


ODD: tuple[type[Odd], ...] = (
    *(NXActionRegMove, NXActionRegLoad2, NXActionNote, NXActionLearn, NXActionController2, NXActionDecTtlCntIds),
    *(NXActionBundle, NXActionBundleLoad, NXActionCT, NXActionClone, NXActionNAT),
)
