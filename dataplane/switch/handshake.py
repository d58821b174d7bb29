"""Version negotiation (OpenFlow 1.3.5 sections 6.3.1 and 7.5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.version import Version
from triplane.dataplane.switch.wire import HEADER_SIZE

_ELEMENT = Struct("!HH")  # type, length without padding
_WORD = Struct("!I")


def refuse(text: str) -> OpenFlowError:
    """OFPHFC_INCOMPATIBLE; its data is text for a person to read."""
    return OpenFlowError(ofp.OFPET_HELLO_FAILED, ofp.OFPHFC_INCOMPATIBLE, text.encode())


def agree(ours: Mapping[int, Version], data: bytes) -> Version:
    """The newest version that both we and the sender of this OFPT_HELLO speak. Raises OpenFlowError if none is.

    One that sends no bitmap is taken to speak the version of its header and all before, as Open vSwitch has it.
    """
    bitmap = version_bitmap(data)
    theirs = (2 << data[0]) - 1 if bitmap is None else bitmap
    common = [number for number in ours if theirs >> number & 1]
    if not common:
        raise refuse(f"this switch speaks {spoken(ours.values())} only")
    return ours[max(common)]


def spoken(versions: Iterable[Version]) -> str:
    """`OpenFlow 1.0 (0x01), 1.3 (0x04)`."""
    return "OpenFlow " + ", ".join(f"{version.name} (0x{version.number:02x})" for version in versions)


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
