"""Version negotiation (OpenFlow 1.3.5 sections 6.3.1 and 7.5.1). This switch speaks 1.3 (0x04) only."""

from __future__ import annotations

from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.wire import HEADER_SIZE, VERSION

_ELEMENT = Struct("!HH")  # type, length without padding
_WORD = Struct("!I")


def refuse(text: str) -> OpenFlowError:
    """OFPHFC_INCOMPATIBLE; its data is text for a person to read."""
    return OpenFlowError(ofp.OFPET_HELLO_FAILED, ofp.OFPHFC_INCOMPATIBLE, text.encode())


def check_hello(data: bytes) -> None:
    """Agree on 1.3 with the sender of this OFPT_HELLO. Raises OpenFlowError when that cannot be."""
    bitmap = version_bitmap(data)
    spoken = bitmap >> VERSION & 1 if bitmap is not None else data[0] >= VERSION
    if not spoken:
        raise refuse("this switch speaks OpenFlow 1.3 (0x04) only")


def version_bitmap(data: bytes) -> int | None:
    """The versions in the hello's bitmap, bit n for version n; None if it has none. Other elements are skipped."""
    at = HEADER_SIZE
    while at < len(data):
        kind, length = _ELEMENT.unpack_from(data, at) if at + 4 <= len(data) else (0, 0)
        if length < 4 or at + length > len(data):
            raise refuse("malformed hello element")
        if kind == ofp.OFPHET_VERSIONBITMAP and length >= 8:
            return int(_WORD.unpack_from(data, at + 4)[0])
        at += length + -length % 8
    return None
