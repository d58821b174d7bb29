"""Bundles of 1.5: as 1.4's, and at a time that a commit names (OpenFlow 1.5.1 sections 7.3.5.21 and 7.3.9).

Times are those of the switch's clock, which a features reply tells. A commit is answered when it has been carried out.
One for a time that has just passed is carried out at once.
"""

from __future__ import annotations

from heapq import heappop, heappush
from struct import Struct

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.switch import bundles, wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_4.properties import bad_property, pack_property, read_properties

TIME = Struct("!4xQI4x")  # seconds, nanoseconds
FEATURES_REQUEST = Struct("!I4x")  # feature_request_flags
FEATURES = Struct("!H6x")  # capabilities
TIMES = Struct("!4xQI4xQI4xQI4xQI4x")  # accuracy, furthest future and past, now
CAPABILITIES = ofp.OFPBF_ATOMIC | ofp.OFPBF_ORDERED | ofp.OFPBF_TIME
ACCURACY = 10_000_000  # ns: the control thread may be busy with what one read of a socket brought
FURTHEST = 24 * 3600 * wire.SECOND  # that a controller may ask for, either way


def control(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_BUNDLE_CONTROL. That there is a time counts with the commit."""
    bundle_id, kind, flags = bundles.CONTROL.unpack_from(request.body)
    found = read_properties(request.body[bundles.CONTROL.size :], {ofp.OFPBPT_TIME: TIME.size})
    body = bundles.CONTROL.pack(bundle_id, kind, flags & ~ofp.OFPBF_TIME)
    if kind == ofp.OFPBCT_COMMIT_REQUEST and flags & ofp.OFPBF_TIME:
        if ofp.OFPBPT_TIME not in found:
            raise bundles.failed(ec.OFPBFC_BAD_FLAGS)
        return schedule(switch, request, bundle_id, flags, time_of(*TIME.unpack(found[ofp.OFPBPT_TIME])))
    bundles.controlled(switch, request, body)
    return [answer(request, bundle_id, kind, flags)]


def answer(request: Request, bundle_id: int, kind: int, flags: int) -> bytes:
    return request.reply(ofp.OFPT_BUNDLE_CONTROL, bundles.CONTROL.pack(bundle_id, kind + 1, flags))


def add(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_BUNDLE_ADD_MESSAGE."""
    bundle_id, flags = bundles.ADD.unpack_from(request.body)
    head = bundles.ADD.pack(bundle_id, flags & ~ofp.OFPBF_TIME)
    return bundles.added(switch, request, head + request.body[len(head) :])


def time_of(seconds: int, nanoseconds: int) -> int:
    """In ns. Raises OpenFlowError."""
    if nanoseconds >= wire.SECOND:
        raise bad_property(ec.OFPBPC_BAD_VALUE)
    return seconds * wire.SECOND + nanoseconds


# commits at a time


def schedule(switch: Switch, request: Request, bundle_id: int, flags: int, due: int) -> list[bytes]:
    bundle = bundles.opened(request, bundle_id, flags & ~ofp.OFPBF_TIME)
    early = due - switch.config.wall(request.now)
    if early > switch.sched_max_future:
        raise bundles.failed(ec.OFPBFC_SCHED_FUTURE)
    if -early > switch.sched_max_past:
        raise bundles.failed(ec.OFPBFC_SCHED_PAST)
    bundle.closed, bundle.due, bundle.opened = True, due, request
    heappush(switch.alarms, due)
    run_due(switch, request.now)
    return []


def run_due(switch: Switch, now: int) -> None:
    """Carry out the bundles whose time has come, the earliest first."""
    wall = switch.config.wall(now)
    while switch.alarms and switch.alarms[0] <= wall:
        due = heappop(switch.alarms)
        for conn in switch.connections:
            for bundle_id, bundle in list(conn.bundles.items()):
                if bundle.due == due:
                    del conn.bundles[bundle_id]
                    carry_out(switch, bundle, now)


def carry_out(switch: Switch, bundle: bundles.Bundle, now: int) -> None:
    """What the commit, long ago, asked for."""
    request = bundle.opened._replace(now=now)
    try:
        bundles.carry_out(switch, request, bundle)
    except OpenFlowError as error:
        request.conn.refuse(request, error)
    else:
        request.conn.outbox.reply(answer(request, *bundles.CONTROL.unpack_from(request.body)))


# what the switch can do


def features(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_BUNDLE_FEATURES, 7.3.5.21; with OFPBF_TIME_SET_SCHED the controller says how far ahead it wants to plan."""
    if len(body) < FEATURES_REQUEST.size:
        raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)
    (flags,) = FEATURES_REQUEST.unpack_from(body)
    found = read_properties(body[FEATURES_REQUEST.size :], {ofp.OFPTMPBF_TIME_CAPABILITY: TIMES.size})
    if flags & ofp.OFPBF_TIME_SET_SCHED:
        set_limits(switch, found.get(ofp.OFPTMPBF_TIME_CAPABILITY))
    clock = switch.config.wall(request.now)
    times = (ACCURACY, switch.sched_max_future, switch.sched_max_past, clock)
    told = TIMES.pack(*(part for time in times for part in divmod(time, wire.SECOND)))
    return [FEATURES.pack(CAPABILITIES) + pack_property(ofp.OFPTMPBF_TIME_CAPABILITY, told)]


def set_limits(switch: Switch, content: bytes | None) -> None:
    """How far from now a commit may be. Raises OpenFlowError."""
    if content is None:
        raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_MULTIPART_BAD_SCHED)
    _, _, *wanted, _, _ = TIMES.unpack(content)
    future, past = time_of(*wanted[:2]), time_of(*wanted[2:])
    if max(future, past) > FURTHEST:
        raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_MULTIPART_BAD_SCHED)
    switch.sched_max_future, switch.sched_max_past = future, past
