"""Requests of a bundle, carried out: one change of the data plane between two packets, or none.

A request that fails takes all back, and what the controllers would have heard is never said. A packet-out meets what
the requests before it have made of the switch and nothing of those behind it, as in Open vSwitch. What has been sent
cannot be taken back, so a bundle with a packet-out is rehearsed first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.version import admit


class MessageFailed(OpenFlowError):
    """The error of one message of a bundle, and that message."""

    def __init__(self, error: OpenFlowError, message: Request) -> None:
        super().__init__(error.type, error.code, error.data)
        self.message = message


def apply(switch: Switch, request: Request, messages: Sequence[bytes]) -> None:
    """All messages between two packets, or none of them and MessageFailed."""
    whole = b"".join(messages)
    released: list[tuple[Request, int]] = []
    if any(message[1] == ofp.OFPT_PACKET_OUT for message in messages):
        with _taken_back(switch):
            switch.datapath.rehearse(lambda: carry_out(switch, request, whole, []), request.now)
    with _taken_back(switch) as stand:
        removed = switch.datapath.atomically(lambda: carry_out(switch, request, whole, released), request.now)
        stand()
    switch.flows_changed(removed, request.conn, lambda at: xid_at(request, whole, at))
    for flow_mod, buffer_id in released:
        switch.release_to_table(flow_mod, buffer_id)


@contextmanager
def _taken_back(switch: Switch) -> Iterator[Callable[[], None]]:
    """What is changed within of the switch's own state, and said, is taken back at the end unless it is to stand."""
    before, kept = switch.remember(), []
    switch.hold()
    try:
        yield lambda: kept.append(True)
    finally:
        if kept:
            switch.say_held()
        else:
            switch.put_back(before)
            switch.drop_held()


def xid_at(request: Request, whole: bytes, at: int) -> int:
    """Of the message at an offset of the bundle; of the commit if it is none's."""
    return request.xid if at < 0 else int(wire.HEADER.unpack_from(whole, at)[3])


def carry_out(switch: Switch, request: Request, whole: bytes, released: list[tuple[Request, int]]) -> None:
    """All messages, those back to back. The packets that flow-mods release, afterwards, go to `released`."""
    at = 0
    while at < len(whole):
        one = request_of(request, whole, at)
        if one.kind == ofp.OFPT_FLOW_MOD and request.conn.version.flow_runs:
            at = flow_mods(switch, request, whole, at, released)
            continue
        try:
            tuple(admit(request.conn.version.requests[one.kind], switch, one))
        except OpenFlowError as error:
            raise MessageFailed(error, one) from error
        at += len(one.data)


def request_of(request: Request, whole: bytes, at: int) -> Request:
    """The message at an offset, as if it had come by itself."""
    _, kind, length, xid = wire.HEADER.unpack_from(whole, at)
    return request._replace(kind=kind, xid=xid, data=whole[at : at + length])


def flow_mods(switch: Switch, request: Request, whole: bytes, at: int, released: list[tuple[Request, int]]) -> int:
    """The run of flow-mods at an offset; returns where it ends."""
    outcome = switch.datapath.flow_mods(whole, at, len(whole), request.now)
    for offset, kind, code in outcome.errors:
        raise MessageFailed(OpenFlowError(kind, code), request_of(request, whole, offset))
    released += [(request_of(request, whole, offset), buffer_id) for offset, buffer_id in outcome.buffers]
    return outcome.consumed
