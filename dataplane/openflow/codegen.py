"""Writes the methods of a record class from its fields (see `wire`), as a dataclass does.

A class compiles its methods when one of them is first called: a process uses few of the hundred classes, and
starts the sooner. `_source_*` return the text; `explain(cls)` shows all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any

from triplane.dataplane.openflow import values
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.text import argument_of

REQUIRED: Any = object()
_TAILS = ("match", "fields", "items", "one", "rest", "numbers", "gap")
_METHODS = ("__init__", "_pack", "_read")
_IMPLIED = ("const", "length", "sizeof")  # fields that the constructor takes because Ryu's does, and need not get
_HEADER = "BBHI"  # ofp_header: version, type, length, xid
_BASE = ("datapath", "version", "msg_type", "msg_len", "xid", "buf")


def slots(fields: dict[str, Any], own: dict[str, Any], bases: tuple[type, ...]) -> tuple[str, ...]:
    """Names a class needs slots for: its own fields, unless a base has the slot already."""
    taken = {name for base in bases for cls in base.__mro__ for name in cls.__dict__.get("__slots__", ())}
    stored = (spec for spec in own.values() if spec.role not in ("pad", "gap", "const"))
    fixed = not any(spec.role in _TAILS for spec in fields.values())
    return tuple(s.name for s in stored if s.name not in taken and not (fixed and s.role == "length"))


def install(cls: Any, own: dict[str, Any]) -> None:
    """Lay out a new class with fields of its `own`, and give it methods that write themselves when called."""
    specs = list(cls._fields_by_name.values())
    head = [spec for spec in specs if spec.role not in _TAILS]
    cls._fixed = len(head) == len(specs)
    is_message = getattr(cls, "_is_message", False)
    prefix = _HEADER if is_message else ""
    cls._struct = Struct("!" + prefix + "".join(spec.fmt for spec in head))
    cls._body = Struct("!" + "".join(spec.fmt for spec in head))
    cls._size = cls._struct.size
    cls._length = _length_struct(specs)
    named = [s for s in specs if s.role not in ("pad", "gap") and not s.name.startswith("_")]
    cls._texts = cls._texts | {spec.name: spec.text for spec in named if spec.text}
    cls._arguments = cls._arguments | {spec.name: spec.alias or argument_of(spec.name) for spec in named}
    ordered = [s.name for s in named if s.role in ("field", *_TAILS)]
    if "_fields" in cls.__dict__ or any("_fields" in base.__dict__ for base in cls.__mro__[1:]):
        cls._fields = tuple(ordered)
        cls._attributes = cls._fields
        cls.length = cls._size  # as Ryu's named tuples have it
    elif own and "_attributes" not in cls.__dict__:
        cls._attributes = tuple(sorted({spec.name for spec in named}))
    if cls._fixed:
        for spec in specs:
            if spec.role == "length":
                setattr(cls, spec.name, cls._size)
    _install_stubs(cls, own)


def _length_struct(specs: list[Any]) -> tuple[Struct, int] | None:
    fmt = "!"
    for spec in specs:
        if spec.role == "length":
            return Struct("!" + spec.fmt), Struct(fmt).size
        fmt += spec.fmt
    return None


def _inherited(cls: Any, own: dict[str, Any]) -> set[str]:
    """Methods written by hand that a class has from its bases: those of a class that adds no fields fit it."""
    bases = cls.__mro__[1:-3] if not own else ()  # without Record, whose methods only say that there are none
    return {name for base in bases for name in base.__dict__.get("_by_hand", ())}


def _install_stubs(cls: Any, own: dict[str, Any]) -> None:
    cls._by_hand = {name for name in _METHODS if name in cls.__dict__} | _inherited(cls, own)
    made = [name for name in _METHODS if name not in cls._by_hand]

    def build() -> None:
        for name in made:
            setattr(cls, name, _compile(cls, name))

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        build()
        cls.__init__(self, *args, **kwargs)

    def pack(self: Any) -> bytes:
        build()
        return bytes(cls._pack(self))

    def read(current: Any, *args: Any) -> Any:
        build()
        return cls._read.__func__(current, *args)

    stubs: dict[str, Any] = {"__init__": init, "_pack": pack, "_read": classmethod(read)}
    for name in made:
        setattr(cls, name, stubs[name])


def _compile(cls: Any, name: str) -> Any:
    names: dict[str, Any] = {
        "S": cls._struct,
        "B": cls._body,
        "new": object.__new__,
        "Error": OpenFlowError,
        "bad_len": cls._bad_len,
        "mac_bytes": values.mac_bytes,
        "mac_text": values.mac_text,
        "text_bytes": text_bytes,
        "pack_numbers": pack_numbers,
        "records": lambda found: found.values() if isinstance(found, dict) else found,
        "read_numbers": read_numbers,
        "fields_bytes": fields_bytes,
        "oxm": getattr(cls, "_oxm", None),
    }
    writer: Callable[[Any, dict[str, Any]], str] = {
        "__init__": _source_init,
        "_pack": _source_pack,
        "_read": _source_read,
    }[name]
    source = writer(cls, names)
    exec(compile(source, f"<{cls.__name__}.{name}>", "exec"), names)
    function = names[name]
    function.__qualname__ = f"{cls.__qualname__}.{name}"
    return classmethod(function) if name == "_read" else function


def explain(cls: Any) -> str:
    """The source of a class's methods, for the curious and for debugging."""
    return "\n\n".join(writer(cls, {}) for writer in (_source_init, _source_pack, _source_read))


def text_bytes(value: Any) -> bytes:
    """Text or bytes of a fixed or trailing field; None is empty; a packet object is serialised (Ryu's packet-out)."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, list):
        return bytes(value)
    if hasattr(value, "serialize"):
        value.serialize()
        return bytes(value.data)
    return bytes(value)


def pack_numbers(code: str, numbers: list[int] | None) -> bytes:
    """Ints, each of struct code `code`."""
    return Struct(f"!{len(numbers)}{code}").pack(*numbers) if numbers else b""


def read_numbers(code: str, raw: bytes) -> list[int] | None:
    """The ints that fill `raw`; None if it is no whole number of them."""
    count, odd = divmod(len(raw), Struct(f"!{code}").size)
    return None if odd else list(Struct(f"!{count}{code}").unpack(raw))


def fields_bytes(match: Any) -> bytes:
    """The TLVs of a match that stands without a header; None is an empty one.

    A rule of Ryu's `nx_match` is written by the function of that module.
    """
    if match is None or hasattr(match, "fields_bytes"):
        return b"" if match is None else bytes(match.fields_bytes)
    buf = bytearray()
    size = sys.modules[type(match).__module__].serialize_nxm_match(match, buf, 0)
    return bytes(buf[:size])


def record_end(cls: Any, buf: bytes, start: int, limit: int) -> int:
    """Where the record of `cls` at `start` ends. Raises OpenFlowError if it does not fit below `limit`."""
    if limit - start < cls._size:
        raise OpenFlowError(*cls._bad_len)
    if cls._fixed:
        return int(start + cls._size)
    if cls._length is None:
        return limit
    packed, offset = cls._length
    (size,) = packed.unpack_from(buf, start + offset)
    if size < cls._size or size > limit - start:
        raise OpenFlowError(*cls._bad_len)
    return int(start + size)


# the constructor


def _source_init(cls: Any, names: dict[str, Any]) -> str:
    is_message = getattr(cls, "_is_message", False)
    params, body = ["self"], []
    if is_message:
        params.append("datapath")
        body += ["self.datapath = datapath", "self.version = self.msg_type = self.msg_len = self.xid = self.buf = None"]
    for spec in _in_order(cls):
        argument = cls._arguments[spec.name]
        if spec.role in _IMPLIED:
            params.append(f"{argument}=None")
            if spec.role != "const" and not (cls._fixed and spec.role == "length"):
                body.append(f"self.{spec.name} = {argument}")
            continue
        default = f"default_{spec.name}"
        names[default] = spec.default
        names[f"make_{spec.name}"] = list if spec.role in ("items", "numbers") else spec.source
        params.append(argument if spec.default is REQUIRED else f"{argument}={default}")
        body.append(f"self.{spec.name} = {_initial(spec, argument)}")
    return _function("__init__", params, body or ["pass"])


def _in_order(cls: Any) -> Iterable[Any]:
    """The constructor's arguments: those that `_order` names, then the other values, then what the record implies."""
    named = [s for s in cls._fields_by_name.values() if s.role in ("field", *_IMPLIED, *_TAILS[:-1])]
    specs = {s.name: s for s in sorted(named, key=lambda s: s.role in _IMPLIED) if not s.name.startswith("_")}
    order = dict.fromkeys((*cls._order, *specs))
    return (specs[name] for name in order if name in specs)


def _initial(spec: Any, argument: str) -> str:
    if (spec.role in ("items", "match", "numbers") or spec.kind == "record") and spec.default is None:
        return f"make_{spec.name}() if {argument} is None else {argument}"
    if spec.kind == "converted":
        return f"make_{spec.name}({argument})"
    if spec.optional:
        return f"default_{spec.name} if {argument} is None else {argument}"
    return argument


# to bytes


def _source_pack(cls: Any, names: dict[str, Any]) -> str:
    is_message = getattr(cls, "_is_message", False)
    specs = cls._fields_by_name.values()
    body = [f"t_{s.name} = {_pack_tail(s)}" for s in specs if s.role in _TAILS]
    tails = [name for spec in specs if spec.role in _TAILS for name in _packed_names(spec)]
    body += [f"p_{s.name} = bytes(-len(t_{s.name}) % 8)" for s in specs if s.role == "fields"]
    size = " + ".join([str(cls._size), *(f"len({tail})" for tail in tails)])
    body += _pack_size(cls, size, tails)
    values_ = [value for spec in specs for value in _pack_fixed(spec)]
    if is_message:
        body += [
            "self.version = version = self.datapath.ofproto.OFP_VERSION",
            f"self.msg_type = {cls.cls_msg_type}",
            "if self.xid is None: self.xid = 0",
            "self.msg_len = n",
        ]
        values_ = ["version", str(cls.cls_msg_type), "n", "self.xid", *values_]
    for spec in specs:
        if spec.role == "length" and not cls._fixed:
            body.append(f"self.{spec.name} = n")
        if spec.role == "sizeof":
            body.append(f"self.{spec.name} = len(t_{spec.source})")
    body.append("return " + " + ".join([f"S.pack({', '.join(values_)})", *tails]))
    return _function("_pack", ["self"], body)


def _pack_size(cls: Any, size: str, tails: list[str]) -> list[str]:
    lines = [f"n = {size}"]
    if cls._pad_to_8:
        tails.append("padding")
        lines.append("padding = bytes(-n % 8)")
    if cls._pad_to_8 == "counted":
        lines.append("n += len(padding)")
    return lines


def _packed_names(spec: Any) -> list[str]:
    return [f"t_{spec.name}", f"p_{spec.name}"] if spec.role == "fields" else [f"t_{spec.name}"]


def _pack_tail(spec: Any) -> str:
    attribute = f"self.{spec.name}"
    if spec.role == "gap":
        return repr(bytes(spec.source))
    if spec.role == "items":
        each = attribute if spec.kind == "int" else f"records({attribute})"
        return f"b''.join([item if item.__class__ is bytes else item._pack() for item in {each}])"
    if spec.role == "rest":
        return f"{attribute} if {attribute}.__class__ is bytes else text_bytes({attribute})"
    if spec.role == "fields":
        return f"fields_bytes({attribute})"
    if spec.role == "numbers":
        return f"pack_numbers({spec.source!r}, {attribute})"
    return f"{attribute} if {attribute}.__class__ is bytes else {attribute}._pack()"


def _pack_fixed(spec: Any) -> list[str]:
    attribute = f"self.{spec.name}"
    if spec.role == "length":
        return ["n"]
    if spec.role == "sizeof":
        return [f"len(t_{spec.source})"]
    if spec.role == "const":
        return [str(spec.source)]
    if spec.role != "field":
        return []
    forms = {
        "mac": f"mac_bytes({attribute})",
        "text": f"text_bytes({attribute})",
        "ints": f"*{attribute}",
        "record": f"{attribute}._pack()",
        "header": f"oxm.header({attribute})",
    }
    return [forms.get(spec.kind, attribute)]


# from bytes


def _source_read(cls: Any, names: dict[str, Any]) -> str:
    specs = cls._fields_by_name.values()
    is_message = getattr(cls, "_is_message", False)
    arguments = ["cls", "buf", *_BASE[:-1]] if is_message else ["cls", "buf", "start", "end"]
    size = "msg_len" if is_message else "end - start"
    body = [f"if {size} {'!=' if cls._fixed else '<'} {cls._size}: raise Error(*bad_len)", "self = new(cls)"]
    if is_message:
        body += [f"self.{name} = {name}" for name in _BASE]
    targets, after = [], []
    for spec in specs:
        new_targets, new_after = _read_fixed(cls, spec, names)
        targets += new_targets
        after += new_after
    if targets:
        body.append(f"({', '.join(targets)},) = B.unpack_from(buf, {8 if is_message else 'start'})")
    body += after
    if not cls._fixed:
        body.append(f"pos = {cls._size}" if is_message else f"pos = start + {cls._size}")
        if is_message:
            body.append("end = msg_len")
        for spec in specs:
            body += _read_tail(cls, spec, names) if spec.role in _TAILS else []
    if hasattr(cls, "_after_read"):
        body.append("self._after_read()")
    return _function("_read", arguments, [*body, "return self"])


def _read_fixed(cls: Any, spec: Any, names: dict[str, Any]) -> tuple[list[str], list[str]]:
    attribute, local = f"self.{spec.name}", f"v_{spec.name}"
    if spec.role == "const" or (spec.role == "length" and cls._fixed):
        return ["_"], []
    if spec.role in ("length", "sizeof"):
        return [attribute], []
    if spec.role != "field":
        return [], []
    if spec.kind == "ints":
        parts = [f"{local}_{index}" for index in range(int(spec.fmt[:-1]))]
        return parts, [f"{attribute} = [{', '.join(parts)}]"]
    names[f"source_{spec.name}"] = spec.source
    record = f"source_{spec.name}._read({local}, 0, {spec.fmt[:-1]})"
    forms = {"mac": f"mac_text({local})", "text": f"{local}.rstrip(b'\\0')", "record": record}
    forms["header"] = f"oxm.header_name({local})"
    return ([local], [f"{attribute} = {forms[spec.kind]}"]) if spec.kind in forms else ([attribute], [])


def _read_tail(cls: Any, spec: Any, names: dict[str, Any]) -> list[str]:
    source = f"source_{spec.name}"
    names[source] = spec.source
    lines: list[str] = _TAIL_READERS[spec.role](cls, spec, f"self.{spec.name}", source)
    return lines


def _read_gap(cls: Any, spec: Any, attribute: str, source: str) -> list[str]:
    return [f"pos += {spec.source}", "if pos > end: raise Error(*bad_len)"]


def _read_match(cls: Any, spec: Any, attribute: str, source: str) -> list[str]:
    reader = "read_strict" if spec.kind == "strict" else "read_lazy"
    return [f"{attribute}, pos = {source}.{reader}(buf, pos, end)"]


def _read_one(cls: Any, spec: Any, attribute: str, source: str) -> list[str]:
    stop = f"stop = {source}._end(buf, pos, end)"
    return [stop, f"{attribute} = {source}._read(buf, pos, stop)", "pos = stop"]


def _read_rest(cls: Any, spec: Any, attribute: str, source: str) -> list[str]:
    return [f"{attribute} = buf[pos:end]"]


def _read_numbers(cls: Any, spec: Any, attribute: str, source: str) -> list[str]:
    check = f"if {attribute} is None: raise Error(*bad_len)"
    return [f"{attribute} = read_numbers({spec.source!r}, buf[pos:end])", check]


def _measured_by(cls: Any, spec: Any) -> list[str]:
    return [s.name for s in cls._fields_by_name.values() if s.role == "sizeof" and s.source == spec.name]


def _read_fields(cls: Any, spec: Any, attribute: str, source: str) -> list[str]:
    return [
        f"stop = pos + self.{_measured_by(cls, spec)[0]}",
        "if stop > end: raise Error(*bad_len)",
        f"{attribute} = {source}.from_fields(buf[pos:stop])",
        "pos = min(stop + (pos - stop) % 8, end)",
    ]


def _read_items(cls: Any, spec: Any, attribute: str, source: str) -> list[str]:
    measured = _measured_by(cls, spec)
    if not measured:
        found = f"{source}.read_list(buf, pos, end)"
        if spec.kind != "int":
            found = f"{{item.{spec.kind}: item for item in {found}}}"
        return [f"{attribute} = {found}", "pos = end"]
    return [
        f"stop = pos + self.{measured[0]}",
        "if stop > end: raise Error(*bad_len)",
        f"{attribute} = {source}.read_list(buf, pos, stop)",
        "pos = stop",
    ]


_TAIL_READERS: dict[str, Callable[[Any, Any, str, str], list[str]]] = {
    "gap": _read_gap,
    "fields": _read_fields,
    "match": _read_match,
    "one": _read_one,
    "rest": _read_rest,
    "numbers": _read_numbers,
    "items": _read_items,
}


def _function(name: str, params: list[str], body: list[str]) -> str:
    lines = "\n".join(f"    {line}" for line in body)
    return f"def {name}({', '.join(params)}):\n{lines}\n"
