"""Messages that either side may send: hello, error, experimenter (OpenFlow 1.3.5 sections 7.4.4, 7.5)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, ClassVar, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_common import ONF_EXPERIMENTER_ID
from triplane.dataplane.openflow.ofproto_parser import HEADER, MsgBase, msg
from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3 import onf_constants as onf
from triplane.dataplane.openflow.v1_3.messages import MESSAGES as MESSAGES  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.wire import Choice, Record, const, items, length, rest, u16, u32

_TWO_SHORTS = Struct("!HH")
_EXPERIMENTER_ERROR = Struct("!HHI")
_EXPERIMENTER = Struct("!II")
_BUNDLE_ADD = Struct("!BBHIIII2xH")


class OFPHelloElemVersionBitmap(Record):
    """The versions that a side speaks, as numbers; element type 1."""

    _attributes = ("length", "type", "versions")
    type = ofp.OFPHET_VERSIONBITMAP

    def __init__(self, versions: list[int], type_: int | None = None, length: int | None = None) -> None:
        self.versions = versions
        self.length = length

    def _pack(self) -> bytes:
        words = [0] * (max(self.versions, default=0) // 32 + 1)
        for version in self.versions:
            words[version // 32] |= 1 << version % 32
        self.length = 4 + 4 * len(words)
        packed = Struct(f"!HH{len(words)}I").pack(self.type, self.length, *words)
        return packed + bytes(-len(packed) % 8)

    @classmethod
    def _read(cls, buf: bytes, start: int, end: int) -> Self:
        words = Struct(f"!{(end - start - 4) // 4}I").unpack_from(buf, start + 4)
        versions = [32 * at + bit for at, word in enumerate(words) for bit in range(32) if word >> bit & 1]
        return cls(versions, length=end - start)


class _HelloElements(Choice):
    """Elements that are not known are skipped (section 7.5.1)."""

    def read_list(self, buf: bytes, pos: int, end: int) -> list[Any]:
        found = []
        while pos < end:
            if end - pos < 4:
                raise OpenFlowError(*self.bad_len)
            kind, size = _TWO_SHORTS.unpack_from(buf, pos)
            if size < 4 or size > end - pos:
                raise OpenFlowError(*self.bad_len)
            if kind in self.classes:
                found.append(self.classes[kind]._read(buf, pos, pos + size))
            pos += size + 7 & ~7
        return found


HELLO_ELEMENTS = _HelloElements(unknown=MESSAGES.unknown, bad_len=MESSAGES.bad_len, align=1)
HELLO_ELEMENTS.classes[ofp.OFPHET_VERSIONBITMAP] = OFPHelloElemVersionBitmap


class OFPHello(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_HELLO):
    elements: list[Any] = items(HELLO_ELEMENTS, default=None)


class OFPErrorMsg(MsgBase, messages=MESSAGES, msg_type=ofp.OFPT_ERROR):
    """An error; `data` is the start of the message it is about. Experimenters have `exp_type` in place of `code`."""

    def __init__(
        self,
        datapath: Any,
        type_: int | None = None,
        code: int | None = None,
        data: bytes | str | None = None,
        **kwargs: Any,
    ) -> None:
        self.datapath = datapath
        self.version = self.msg_type = self.msg_len = self.xid = self.buf = None
        self.type = type_
        self.code = code
        self.data = data.encode("ascii") if isinstance(data, str) else data
        if type_ == ec.OFPET_EXPERIMENTER:
            self.exp_type = kwargs.get("exp_type")
            self.experimenter = kwargs.get("experimenter")

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        special = ("code", "data", "exp_type", "experimenter", "type")
        for name in special if self.type == ec.OFPET_EXPERIMENTER else ("code", "data", "type"):
            yield name, getattr(self, name)

    def _pack(self) -> bytes:
        if self.type == ec.OFPET_EXPERIMENTER:
            body = _EXPERIMENTER_ERROR.pack(self.type, self.exp_type, self.experimenter)
        else:
            body = _TWO_SHORTS.pack(self.type, self.code)
        body += bytes(self.data or b"")
        xid = 0 if self.xid is None else self.xid
        self.set_headers(self.datapath.ofproto.OFP_VERSION, self.cls_msg_type, 8 + len(body), xid)
        return HEADER.pack(self.version, self.msg_type, self.msg_len, xid) + body

    @classmethod
    def _read(cls, buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Self:
        if msg_len < 12:
            raise OpenFlowError(*cls._bad_len)
        kind, code = _TWO_SHORTS.unpack_from(buf, 8)
        message = cls(datapath, kind, code, buf[12:msg_len])
        if kind == ec.OFPET_EXPERIMENTER:
            if msg_len < 16:
                raise OpenFlowError(*cls._bad_len)
            _, message.exp_type, message.experimenter = _EXPERIMENTER_ERROR.unpack_from(buf, 8)
            message.code, message.data = None, buf[16:msg_len]
        message.set_headers(version, msg_type, msg_len, xid)
        message.buf = buf
        return message


def OFPErrorExperimenterMsg(
    datapath: Any,
    type_: int | None = None,
    exp_type: int | None = None,
    experimenter: int | None = None,
    data: bytes | None = None,
) -> OFPErrorMsg:
    """An error message of an experimenter."""
    return OFPErrorMsg(datapath, ec.OFPET_EXPERIMENTER, data=data, exp_type=exp_type, experimenter=experimenter)


class ExperimenterHeader(MsgBase, msg_type=ofp.OFPT_EXPERIMENTER):
    """What an experimenter's message starts with."""

    experimenter: int | None = u32(default=None)
    exp_type: int | None = u32(default=None)


class OFPExperimenter(ExperimenterHeader, messages=MESSAGES):
    """An experimenter's message. Classes for known ones register in `subtypes`, by experimenter and type."""

    subtypes: ClassVar[dict[tuple[int, int], Any]] = {}
    data: bytes | None = rest(default=None)

    @classmethod
    def parser(cls, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
        """The message, of its experimenter's class if there is one."""
        return read_experimenter(bytes(buf), datapath, version, msg_type, msg_len, xid)


class _ExperimenterReader:
    """Stands for the class of experimenter messages where messages are read: it chooses the class."""

    @staticmethod
    def _read(buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Any:
        return read_experimenter(buf, datapath, version, msg_type, msg_len, xid)


def read_experimenter(buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Any:
    """Read an experimenter message as what its (experimenter, type) says."""
    if msg_len < 16:
        raise OpenFlowError(*MESSAGES.bad_len)
    known: Any = OFPExperimenter.subtypes.get(_EXPERIMENTER.unpack_from(buf, 8), OFPExperimenter)
    return known._read(buf, datapath, version, msg_type, msg_len, xid)


MESSAGES.classes[ofp.OFPT_EXPERIMENTER] = _ExperimenterReader


# bundles (ONF EXT-230)

BUNDLE_PROPERTIES = Choice(unknown=MESSAGES.bad_len, bad_len=MESSAGES.bad_len, align=1)
BUNDLE_PROPERTIES.padded = True


class OFPBundleProp(Record):
    """A property of a bundle; none is defined, so its data is kept as bytes."""

    _choice = BUNDLE_PROPERTIES
    _pad_to_8 = "uncounted"
    type: int = u16(alias="type_")
    length = length()
    data: bytes | None = rest(default=None)


BUNDLE_PROPERTIES.default = OFPBundleProp


class ONFBundleCtrlMsg(ExperimenterHeader):
    """Open, close, commit or discard a bundle, or the answer to that."""

    experimenter = const("I", ONF_EXPERIMENTER_ID)
    exp_type = const("I", onf.ONF_ET_BUNDLE_CONTROL)
    bundle_id: int | None = u32(default=None)
    type: int | None = u16(default=None, alias="type_")
    flags: int | None = u16(default=None)
    properties: list[Any] = items(BUNDLE_PROPERTIES, default=None)


class ONFBundleAddMsg(ExperimenterHeader):
    """A message that is to be done when its bundle is committed. It gets the xid of this one."""

    _attributes = ("bundle_id", "exp_type", "experimenter", "flags", "message", "properties")
    experimenter = ONF_EXPERIMENTER_ID
    exp_type = onf.ONF_ET_BUNDLE_ADD_MESSAGE

    def __init__(
        self, datapath: Any, bundle_id: int, flags: int, message: Any, properties: list[Any] | None = None
    ) -> None:
        self.datapath = datapath
        self.version = self.msg_type = self.msg_len = self.xid = self.buf = None
        self.bundle_id = bundle_id
        self.flags = flags
        self.message = message
        self.properties = properties or []

    def _pack(self) -> bytes:
        xid = 0 if self.xid is None else self.xid
        self.message.xid = xid
        inner = bytes(self.message.serialize())
        if self.properties:
            inner += bytes(-len(inner) % 8) + b"".join([item._pack() for item in self.properties])
        self.set_headers(self.datapath.ofproto.OFP_VERSION, self.cls_msg_type, _BUNDLE_ADD.size + len(inner), xid)
        head = (self.version, self.msg_type, self.msg_len, xid, self.experimenter, self.exp_type)
        return _BUNDLE_ADD.pack(*head, self.bundle_id, self.flags) + inner

    @classmethod
    def _read(cls, buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Self:
        if msg_len < _BUNDLE_ADD.size + 8:
            raise OpenFlowError(*cls._bad_len)
        *_, bundle_id, flags = _BUNDLE_ADD.unpack_from(buf)
        start = _BUNDLE_ADD.size
        theirs, kind, size, inner_xid = HEADER.unpack_from(buf, start)
        stop = start + size
        if stop > msg_len:
            raise OpenFlowError(*cls._bad_len)
        inner = msg(datapath, theirs, kind, size, inner_xid, buf[start:stop])
        properties = BUNDLE_PROPERTIES.read_list(buf, min(stop + 7 & ~7, msg_len), msg_len)
        message = cls(datapath, bundle_id, flags, inner, properties)
        message.set_headers(version, msg_type, msg_len, xid)
        message.buf = buf
        return message


OFPExperimenter.subtypes[ONF_EXPERIMENTER_ID, onf.ONF_ET_BUNDLE_CONTROL] = ONFBundleCtrlMsg
OFPExperimenter.subtypes[ONF_EXPERIMENTER_ID, onf.ONF_ET_BUNDLE_ADD_MESSAGE] = ONFBundleAddMsg
