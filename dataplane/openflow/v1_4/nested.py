"""Messages that hold another message (OpenFlow 1.4.1 sections 7.3.9.6, 7.4.6)."""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Self

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_parser import HEADER, MsgBase, msg


def read_inner(datapath: Any, buf: bytes, start: int, end: int) -> tuple[Any, int]:
    """The message at `start` and where it ends. Raises OpenFlowError."""
    if end - start < HEADER.size:
        raise OpenFlowError(*MsgBase._bad_len)
    version, kind, size, xid = HEADER.unpack_from(buf, start)
    stop = start + size
    if stop > end or size < HEADER.size:
        raise OpenFlowError(*MsgBase._bad_len)
    return msg(datapath, version, kind, size, xid, buf[start:stop]), stop


class MessageInMessage(MsgBase):
    """Its JSON form holds the inner message's, which needs the datapath too."""

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], decode_string: Any = b64decode, **additional_args: Any) -> Self:
        inner = {}
        for name, value in dict_.items():
            if isinstance(value, dict) and len(value) == 1 and cls._class_named(next(iter(value))) is not None:
                inner[name] = cls.obj_from_jsondict(value, datapath=additional_args.get("datapath"))
        plain = {name: value for name, value in dict_.items() if name not in inner}
        return super().from_jsondict(plain, decode_string, **inner, **additional_args)
