"""Flow monitors (OpenFlow 1.4.1 section 7.3.5.18)."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.updates import UpdateChoice
from triplane.dataplane.openflow.v1_3.multipart import BAD_LEN, BAD_MULTIPART
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4.instructions import INSTRUCTIONS
from triplane.dataplane.openflow.v1_4.match import OFPMatch
from triplane.dataplane.openflow.wire import Record, items, length, match_tail, pad, u8, u16, u32, u64

UPDATES = UpdateChoice(unknown=BAD_MULTIPART, bad_len=BAD_LEN)


class OFPFlowUpdate(Record):
    """What every update starts with."""

    _choice = UPDATES
    _order: ClassVar[tuple[str, ...]] = ("length", "event")
    length = length()
    event: int | None = u16(default=None)


class OFPFlowUpdateHeader(OFPFlowUpdate):
    """What scripts check updates against."""

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Any:
        """The update at `offset`, of whatever class it is."""
        return cls._choice.parser(buf, offset)


class OFPFlowUpdateFull(
    OFPFlowUpdateHeader,
    types=(ofp.OFPFME_INITIAL, ofp.OFPFME_ADDED, ofp.OFPFME_REMOVED, ofp.OFPFME_MODIFIED),
):
    """An entry that is there, or was added, removed, changed."""

    table_id: int | None = u8(default=None)
    reason: int | None = u8(default=None)
    idle_timeout: int | None = u16(default=None)
    hard_timeout: int | None = u16(default=None)
    priority: int | None = u16(default=None)
    _pad = pad(4)
    cookie: int | None = u64(default=None)
    match: Any = match_tail(OFPMatch, default=None)
    instructions: list[Any] = items(INSTRUCTIONS, default=None)


class OFPFlowUpdateAbbrev(OFPFlowUpdateHeader, types=(ofp.OFPFME_ABBREV,)):
    """A change that the monitor's own controller asked for, by the xid of the request."""

    xid: int | None = u32(default=None)


class OFPFlowUpdatePaused(OFPFlowUpdateHeader, types=(ofp.OFPFME_PAUSED, ofp.OFPFME_RESUMED)):
    """The controller does not keep up: updates pause, or go on."""

    _pad = pad(4)
