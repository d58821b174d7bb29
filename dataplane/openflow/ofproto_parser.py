"""What all versions' parsers share: the base of messages, and finding a message's class (Ryu's module of that name)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import TYPE_CHECKING, Any, ClassVar, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.text import StringifyMixin
from triplane.dataplane.openflow.wire import Choice, Record, attribute

__all__ = ["MsgBase", "StringifyMixin", "header", "msg", "ofp_msg_from_jsondict", "register_msg_parser"]

HEADER = Struct("!BBHI")
_TYPE = Struct("!H")  # of a multipart message, behind its header
MsgParser = Callable[[Any, int, int, int, int, bytes], Any]
_MSG_PARSERS: dict[int, MsgParser] = {}


def header(buf: bytes) -> tuple[int, int, int, int]:
    """Version, type, length, xid of the message that `buf` starts with."""
    version, msg_type, msg_len, xid = HEADER.unpack_from(bytes(buf[:8]))
    return version, msg_type, msg_len, xid


def register_msg_parser(version: int) -> Callable[[MsgParser], MsgParser]:
    """Decorator: this function reads the messages of `version`."""

    def register(parser: MsgParser) -> MsgParser:
        _MSG_PARSERS[version] = parser
        return parser

    return register


def msg(datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
    """The message in `buf`. Raises OpenFlowError if it is malformed or of a version nobody registered."""
    parser = _MSG_PARSERS.get(version)
    if parser is None:
        raise OpenFlowError(1, 0, bytes(buf))  # OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION
    return parser(datapath, version, msg_type, msg_len, xid, buf)


class MsgBase(Record):
    """A message. `datapath` needs `.ofproto` to serialise; `buf` are its bytes once parsed or serialised."""

    __slots__ = ("buf", "datapath", "msg_len", "msg_type", "version", "xid")
    _is_message = True
    cls_msg_type: ClassVar[int] = -1
    datapath: Any
    if TYPE_CHECKING:  # attributes, but not arguments of the constructor
        version: int | None = attribute(init=False)
        msg_type: int | None = attribute(init=False)
        msg_len: int | None = attribute(init=False)
        xid: int | None = attribute(init=False)
        buf: bytes | None = attribute(init=False)

    def __init_subclass__(cls, *, messages: Choice | None = None, msg_type: int | None = None, **kwargs: Any) -> None:
        super().__init_subclass__()
        if msg_type is not None:
            cls.cls_msg_type = msg_type
        if messages is not None:
            messages.classes[cls.cls_msg_type] = cls

    @classmethod
    def parser(cls, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Self:
        """The message in `buf`; as in Ryu, its data reaches to the end of `buf`, whatever `msg_len` says."""
        size = msg_len if cls._fixed and msg_len == cls._size else len(buf)
        found: Self = cls._read(bytes(buf), datapath, version, msg_type, size, xid)
        found.msg_len = msg_len
        return found

    def set_headers(self, version: int, msg_type: int, msg_len: int, xid: int) -> None:
        self.version, self.msg_type, self.msg_len, self.xid = version, msg_type, msg_len, xid

    def set_xid(self, xid: int) -> None:
        """Give the message its transaction id; it must have none yet."""
        if self.xid is not None:
            raise ValueError(f"{type(self).__name__} has xid {self.xid} already")
        self.xid = xid

    def set_buf(self, buf: bytes) -> None:
        self.buf = bytes(buf)

    def serialize(self, *_: Any) -> bytes:
        """Make `buf`: the bytes of the message; xid 0 if it has none."""
        self.buf = self._pack()
        return self.buf

    def check(self) -> None:
        """Raise the OpenFlowError for what only a switch finds fault with; to be overridden."""

    def __str__(self) -> str:
        head = (("version", self.version), ("msg_type", self.msg_type), ("msg_len", self.msg_len), ("xid", self.xid))
        shown = ",".join(f"{name}={'None' if value is None else hex(value)}" for name, value in head)
        return f"{shown},{super().__str__()}"


def msg_str_attr(msg_: Any, buf: str, attr_list: Iterable[str] | None = None) -> str:
    """`buf` with names and values of attributes behind it."""
    names = vars(msg_) if attr_list is None else attr_list
    shown = ((name, getattr(msg_, name, None)) for name in names)
    return buf + "".join(f" {name} {value}" for name, value in shown if value is not None)


class MultipartReader:
    """Stands for the class of multipart messages (1.0, 1.2: statistics) where messages are read: chooses by the type.

    `shortest` is the message's least length in bytes.
    """

    def __init__(self, choice: Choice, shortest: int = 16) -> None:
        self.choice = choice
        self.shortest = shortest

    def _read(self, buf: bytes, datapath: Any, version: int, msg_type: int, msg_len: int, xid: int) -> Any:
        if msg_len < self.shortest:
            raise OpenFlowError(*self.choice.bad_len)
        cls = self.choice.classes.get(_TYPE.unpack_from(buf, 8)[0])
        if cls is None:
            raise OpenFlowError(*self.choice.unknown)
        return cls._read(buf, datapath, version, msg_type, msg_len, xid)


def ofp_msg_from_jsondict(dp: Any, jsondict: dict[str, Any]) -> Any:
    """The message that `{"OFPSetConfig": {"flags": 0, ...}}` describes, for the version of `dp`."""
    ((name, body),) = jsondict.items()
    return getattr(dp.ofproto_parser, name).from_jsondict(body, datapath=dp)


def ofp_instruction_from_jsondict(dp: Any, jsonlist: list[dict[str, Any]], encap: bool = True) -> list[Any]:
    """Instructions from a list of JSON instructions and actions; loose actions are applied first, if `encap`."""
    parser = dp.ofproto_parser
    built = [getattr(parser, name).from_jsondict(body) for jsondict in jsonlist for name, body in jsondict.items()]
    actions = [item for item in built if isinstance(item, parser.OFPAction)] if encap else []
    others = [item for item in built if item not in actions]
    if not actions:
        return others
    return [parser.OFPInstructionActions(dp.ofproto.OFPIT_APPLY_ACTIONS, actions), *others]
