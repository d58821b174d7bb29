"""One call for either side: bytes to message, or the error to answer with."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from triplane.dataplane.openflow import (
    ofproto_v1_0,
    ofproto_v1_0_parser,
    ofproto_v1_2,
    ofproto_v1_2_parser,
    ofproto_v1_3,
    ofproto_v1_3_parser,
    ofproto_v1_4,
    ofproto_v1_4_parser,
    ofproto_v1_5,
    ofproto_v1_5_parser,
)
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_parser import HEADER, msg

_HELLO, _ERROR = 0, 1
_HEADER_SIZE, _unpack_header = HEADER.size, HEADER.unpack_from
_BAD_REQUEST, _BAD_VERSION, _BAD_LEN = 1, 0, 6


class Protocol(NamedTuple):
    """A version's two modules: enough of a datapath for messages to serialise."""

    ofproto: ModuleType
    ofproto_parser: ModuleType


PROTOCOLS = {
    ofproto_v1_0.OFP_VERSION: Protocol(ofproto_v1_0, ofproto_v1_0_parser),
    ofproto_v1_2.OFP_VERSION: Protocol(ofproto_v1_2, ofproto_v1_2_parser),
    ofproto_v1_3.OFP_VERSION: Protocol(ofproto_v1_3, ofproto_v1_3_parser),
    ofproto_v1_4.OFP_VERSION: Protocol(ofproto_v1_4, ofproto_v1_4_parser),
    ofproto_v1_5.OFP_VERSION: Protocol(ofproto_v1_5, ofproto_v1_5_parser),
}


_CLASSES: dict[int, dict[int, Any]] = {
    version: protocol.ofproto_parser.MESSAGES.classes for version, protocol in PROTOCOLS.items()
}
_NONE: dict[int, Any] = {}


def parse(version: int, data: bytes, datapath: Any = None) -> Any:
    """The message that `data` is, all of it. `version` is what was negotiated; a hello or error may have another.

    Raises OpenFlowError, and nothing else, whatever the bytes are; it carries the type and code that the
    specification names, and the start of the message.
    """
    if data.__class__ is not bytes:
        data = bytes(data)
    try:
        if len(data) < _HEADER_SIZE:
            raise OpenFlowError(_BAD_REQUEST, _BAD_LEN)
        theirs, msg_type, msg_len, xid = _unpack_header(data)
        if msg_len != len(data):
            raise OpenFlowError(_BAD_REQUEST, _BAD_LEN)
        if theirs != version and msg_type not in (_HELLO, _ERROR):
            raise OpenFlowError(_BAD_REQUEST, _BAD_VERSION)
        peer = datapath or PROTOCOLS.get(version)
        cls = _CLASSES.get(version, _NONE).get(msg_type)
        if cls is None:
            return msg(peer, version, msg_type, msg_len, xid, data)  # it knows what is wrong
        message = cls._read(data, peer, version, msg_type, msg_len, xid)
        message.version = theirs
        message.check()
        return message
    except OpenFlowError as error:
        error.data = error.data or data
        raise
