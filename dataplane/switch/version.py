"""What an OpenFlow version is to the agent: two tables of requests and the encoders of what the switch says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.async_config import DEFAULT, Masks

if TYPE_CHECKING:
    from triplane.dataplane.switch.connection import Request
    from triplane.dataplane.switch.state import Switch


class Row(NamedTuple):
    """`size`: of the whole message; `longer`: it may be longer; `writes`: refused from a slave (6.3.6); `bundled`: fit
    for a bundle."""

    handler: Callable[[Switch, Request], Iterable[bytes]]
    size: int = wire.HEADER_SIZE
    longer: bool = False
    writes: bool = False
    bundled: bool = False


class MultipartRow(NamedTuple):
    """A multipart type's handler, and the length of its body; None: the handler checks."""

    handler: Callable[[Switch, Request, bytes], Iterable[bytes]]
    size: int | None


class Version(NamedTuple):
    """`requests` and `multiparts` are keyed by this version's own numbers; what is not in them is answered with
    OFPBRC_BAD_TYPE or OFPBRC_BAD_MULTIPART. `asynchronous`: the messages that it has, and who gets which at first.
    `flow_runs`: the data plane reads this version's flow-mods itself. `misses`: what no flow entry matches goes to the
    controller, as before 1.3. `experimenters`: by experimenter and type."""

    number: int  # on the wire
    name: str  # as people say it
    wire: wire.Wire
    requests: Mapping[int, Row]
    multiparts: Mapping[int, MultipartRow]
    asynchronous: Mapping[int, Masks] = DEFAULT
    flow_runs: bool = True
    misses: bool = False
    experimenters: Mapping[tuple[int, int], Row] = {}
    experimenter_multiparts: Mapping[tuple[int, int], MultipartRow] = {}


def admit(row: Row, switch: Switch, request: Request) -> Iterable[bytes]:
    """Carry out a request by its row, if its length and the controller's role allow it."""
    if len(request.data) < row.size or (len(request.data) > row.size and not row.longer):
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_BAD_LEN)
    if row.writes and request.conn.role == ofp.OFPCR_ROLE_SLAVE:
        raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)
    return row.handler(switch, request)
