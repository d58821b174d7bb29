"""Bundles: requests that are kept, and carried out together or not at all (OpenFlow 1.4.1 sections 6.8 and 7.3.9).

1.3 has them as ONF's extension EXT-230, the same structures behind an experimenter's head. All are atomic and ordered,
whether the controller asks for that or not: see `commit`. What changes the data plane may be in one, and packet-outs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.ofproto_common import ONF_EXPERIMENTER_ID
from triplane.dataplane.openflow.v1_3 import onf_constants as onf
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.commit import MessageFailed, apply
from triplane.dataplane.switch.connection import Connection, Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_4.properties import read_properties

CONTROL = Struct("!IHH")  # bundle_id, type, flags
ADD = Struct("!I2xH")  # bundle_id, flags
ONF_HEAD = Struct("!II")  # experimenter, type
ONF_CONTROL = ONF_HEAD.pack(ONF_EXPERIMENTER_ID, onf.ONF_ET_BUNDLE_CONTROL)
ONF_ADD = ONF_HEAD.pack(ONF_EXPERIMENTER_ID, onf.ONF_ET_BUNDLE_ADD_MESSAGE)
FLAGS = ofp.OFPBF_ATOMIC | ofp.OFPBF_ORDERED


@dataclass(slots=True)
class Bundle:
    """One bundle of one connection."""

    opened: Request  # the request that made it
    flags: int
    touched: int  # ns
    closed: bool = False
    due: int | None = None  # ns, of the wall clock: when it is to be carried out (1.5)
    messages: list[bytes] = field(default_factory=list)
    size: int = 0  # bytes of all messages


def failed(code: int) -> OpenFlowError:
    return OpenFlowError(ec.OFPET_BUNDLE_FAILED, code)


# open, close, commit, discard


def control(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_BUNDLE_CONTROL."""
    return [request.reply(ofp.OFPT_BUNDLE_CONTROL, controlled(switch, request, request.body))]


def onf_control(switch: Switch, request: Request) -> list[bytes]:
    """ONF_ET_BUNDLE_CONTROL."""
    answer = controlled(switch, request, request.body[len(ONF_CONTROL) :])
    return [request.reply(ofp.OFPT_EXPERIMENTER, ONF_CONTROL + answer)]


def controlled(switch: Switch, request: Request, body: bytes) -> bytes:
    """Carry out a control request; returns the body of its answer."""
    bundle_id, kind, flags = CONTROL.unpack_from(body)
    read_properties(body[CONTROL.size :], {})
    step = STEPS.get(kind)
    if step is None:
        raise failed(ec.OFPBFC_BAD_TYPE)
    step(switch, request, bundle_id, flags)
    return CONTROL.pack(bundle_id, kind + 1, flags)


def open_bundle(switch: Switch, request: Request, bundle_id: int, flags: int) -> Bundle:
    bundles = request.conn.bundles
    if bundle_id in bundles:
        del bundles[bundle_id]
        raise failed(ec.OFPBFC_BUNDLE_EXIST)
    if flags & ~FLAGS:
        raise failed(ec.OFPBFC_BAD_FLAGS)
    if len(bundles) >= switch.config.bundles:
        raise failed(ec.OFPBFC_OUT_OF_BUNDLES)
    bundles[bundle_id] = Bundle(request, flags, request.now)
    return bundles[bundle_id]


def opened(request: Request, bundle_id: int, flags: int) -> Bundle:
    """The bundle that a request is about. One that is asked for with other flags is lost, as in Open vSwitch."""
    bundle = request.conn.bundles.get(bundle_id)
    if bundle is None:
        raise failed(ec.OFPBFC_BAD_ID)
    if bundle.due is not None:
        raise failed(ec.OFPBFC_BUNDLE_IN_PROGRESS)
    if flags != bundle.flags:
        del request.conn.bundles[bundle_id]
        raise failed(ec.OFPBFC_BAD_FLAGS)
    bundle.touched = request.now
    return bundle


def close(switch: Switch, request: Request, bundle_id: int, flags: int) -> None:
    bundle = opened(request, bundle_id, flags)
    if bundle.closed:
        del request.conn.bundles[bundle_id]
        raise failed(ec.OFPBFC_BUNDLE_CLOSED)
    bundle.closed = True


def commit(switch: Switch, request: Request, bundle_id: int, flags: int) -> None:
    """Carry the bundle out."""
    bundle = opened(request, bundle_id, flags)
    del request.conn.bundles[bundle_id]
    carry_out(switch, request, bundle)


def carry_out(switch: Switch, request: Request, bundle: Bundle) -> None:
    """By a commit, which gets an error if that fails, and so does the message that failed."""
    try:
        apply(switch, request, bundle.messages)
    except MessageFailed as error:
        request.conn.refuse(error.message, error)
        raise failed(ec.OFPBFC_MSG_FAILED) from error


def discard(switch: Switch, request: Request, bundle_id: int, flags: int) -> None:
    if request.conn.bundles.pop(bundle_id, None) is None:
        raise failed(ec.OFPBFC_BAD_ID)


STEPS: dict[int, Callable[[Switch, Request, int, int], object]] = {
    ofp.OFPBCT_OPEN_REQUEST: open_bundle,
    ofp.OFPBCT_CLOSE_REQUEST: close,
    ofp.OFPBCT_COMMIT_REQUEST: commit,
    ofp.OFPBCT_DISCARD_REQUEST: discard,
}


def expire(conn: Connection, now: int, patience: int) -> None:
    """Discard the bundles that the controller has not touched for so long, and say so."""
    for bundle_id, bundle in list(conn.bundles.items()):
        if bundle.due is None and now - bundle.touched >= patience:
            del conn.bundles[bundle_id]
            conn.refuse(bundle.opened, failed(ec.OFPBFC_TIMEOUT))


# adding


def add(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_BUNDLE_ADD_MESSAGE."""
    return added(switch, request, request.body)


def onf_add(switch: Switch, request: Request) -> list[bytes]:
    """ONF_ET_BUNDLE_ADD_MESSAGE."""
    return added(switch, request, request.body[len(ONF_ADD) :])


def added(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """Keep a message. One for a bundle that is not there opens it (7.3.9.6)."""
    bundle_id, flags = ADD.unpack_from(body)
    message = inner_message(request, body[ADD.size :])
    if bundle_id in request.conn.bundles:
        bundle = opened(request, bundle_id, flags)
    else:
        bundle = open_bundle(switch, request, bundle_id, flags)
    if bundle.closed:
        del request.conn.bundles[bundle_id]
        raise failed(ec.OFPBFC_BUNDLE_CLOSED)
    if bundle.size + len(message) > switch.config.bundle_limit:
        raise failed(ec.OFPBFC_MSG_TOO_MANY)
    bundle.messages.append(message)
    bundle.size += len(message)
    return []


def inner_message(request: Request, data: bytes) -> bytes:
    """The message at the start of `data`, fit for a bundle; properties may follow."""
    if len(data) < wire.HEADER_SIZE:
        raise failed(ec.OFPBFC_MSG_BAD_LEN)
    version, kind, length, xid = wire.HEADER.unpack_from(data)
    if not wire.HEADER_SIZE <= length <= len(data):
        raise failed(ec.OFPBFC_MSG_BAD_LEN)
    if version != request.data[0]:
        raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_VERSION)
    if xid != request.xid:
        raise failed(ec.OFPBFC_MSG_BAD_XID)
    row = request.conn.version.requests.get(kind)
    if row is None or not row.bundled:
        raise failed(ec.OFPBFC_MSG_UNSUP)
    read_properties(data[length + -length % 8 :], {})
    return data[:length]
