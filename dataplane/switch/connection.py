"""One controller's connection, as the agent remembers it. The channel only moves its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.nicira_ext import NXPIF_OPENFLOW10
from triplane.dataplane.switch.async_config import AsyncConfig
from triplane.dataplane.switch.monitors import Updates
from triplane.dataplane.switch.outbox import Limits, Outbox
from triplane.dataplane.switch.version import Version
from triplane.dataplane.switch.wire import ERROR_DATA, Wire

if TYPE_CHECKING:
    from triplane.dataplane.switch.bundles import Bundle

DEFAULT_MISS_SEND_LEN = 128  # OFP_DEFAULT_MISS_SEND_LEN, 7.3.2
SHORTEST_RUN = 4096  # bytes of flow-mods shown to the data plane at a time, at first


class Request(NamedTuple):
    """One message of a controller; `data` is all of it, header included."""

    conn: Connection
    kind: int  # OFPT_*
    xid: int
    data: bytes
    now: int  # ns

    @property
    def body(self) -> bytes:
        return self.data[8:]

    @property
    def wire(self) -> Wire:
        """The encoders of the controller's version."""
        return self.conn.version.wire

    def reply(self, kind: int, body: bytes = b"") -> bytes:
        """The message that answers this one; `kind` by 1.3's numbers."""
        return self.wire.message(kind, self.xid, body)

    def refusal(self, error: OpenFlowError) -> bytes:
        """The OFPT_ERROR that says so, with the start of this message."""
        quoted = error.data if error.type == ofp.OFPET_HELLO_FAILED else self.data[:ERROR_DATA]
        return self.wire.error(error.type, error.code, self.xid, quoted)


class Connection:
    """`name` is for people ("tcp:127.0.0.1:6653"); `governs`: its loss counts for the fail mode."""

    version: Version  # that it speaks; until both have greeted, the newest of the switch

    def __init__(self, name: str, limits: Limits | None = None, governs: bool = True) -> None:
        self.name = name
        self.governs = governs
        self.outbox = Outbox(limits or Limits())
        self.established = False  # versions agreed
        self.closing = ""  # why the channel is to close it, once the outbox is empty
        self.aborting = False  # close at once: the peer does not read
        self.requests = 0  # a run of flow-mods counts as one
        self.errors = 0

        self.role: int = ofp.OFPCR_ROLE_EQUAL
        self.controller_id = 0  # by which Nicira's actions name it
        self.short_id = 0  # that the controller wants to be known by; 0: none (OpenFlow 1.5)
        self.async_config = AsyncConfig()
        self.miss_send_len = DEFAULT_MISS_SEND_LEN
        self.packet_in_format: int = NXPIF_OPENFLOW10
        self.table_ids = False  # flow-mods of OpenFlow 1.0 name a table, as Nicira has it
        self.updates = Updates()
        self.bundles: dict[int, Bundle] = {}
        self.pieces: dict[int, tuple[int, bytearray]] = {}  # multipart requests under way: xid to type, body so far

        self.data = b""  # received; [at:] is still to be looked at
        self.at = 0
        self.run_size = SHORTEST_RUN
        self.unfinished = False  # there may be whole requests in `data`
        self.answer: Iterator[bytes] | None = None  # a reply that is produced as the controller reads
        self.answering: Request | None = None

        self.heard = 0  # ns, when the peer last wrote, or read what had waited
        self.probed = 0  # ns, when an echo request went out that has no answer yet; 0: none

    @property
    def blocked(self) -> bool:
        """No request of this connection may be looked at now: its replies wait for it to read."""
        return self.answer is not None or self.outbox.full or bool(self.closing)

    @property
    def ready(self) -> bool:
        """Its turn had ended before its requests did, and it may go on."""
        return self.unfinished and not self.blocked

    @property
    def wants_data(self) -> bool:
        """Whether the channel is to read."""
        return not self.unfinished and not self.blocked

    def refuse(self, request: Request, error: OpenFlowError) -> None:
        """Answer a request with an error."""
        self.errors += 1
        self.outbox.reply(request.refusal(error))

    def take_in(self, data: bytes) -> None:
        self.data = self.data[self.at :] + data if self.at < len(self.data) else data
        self.at = 0

    def wants(self, kind: int, reason: int) -> bool:
        """Whether asynchronous messages of this type and reason are for this controller."""
        known = kind in self.version.asynchronous
        return known and self.async_config.wants(kind, self.role, self.version.wire.reason(kind, reason))

    def agree(self, version: Version) -> None:
        """Both sides have greeted; asynchronous messages are as this version has them at first."""
        self.version, self.established = version, True
        self.async_config = AsyncConfig(version.asynchronous)

    def close(self, reason: str, abort: bool = False) -> None:
        self.closing = self.closing or reason
        self.aborting = self.aborting or abort
