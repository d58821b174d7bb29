"""Controller roles (OpenFlow 1.3.5 sections 6.3.6 and 7.3.9): one master at most, a stale election refused."""

from __future__ import annotations

from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_4.constants import OFPCRR_MASTER_REQUEST, OFPT_ROLE_STATUS
from triplane.dataplane.openflow.v1_5.constants import OFPCSR_ROLE
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.connection import Connection, Request
from triplane.dataplane.switch.state import Switch

_ROLES = (ofp.OFPCR_ROLE_NOCHANGE, ofp.OFPCR_ROLE_EQUAL, ofp.OFPCR_ROLE_MASTER, ofp.OFPCR_ROLE_SLAVE)
_ELECTED = (ofp.OFPCR_ROLE_MASTER, ofp.OFPCR_ROLE_SLAVE)
_NO_ELECTION = 0xFFFF_FFFF_FFFF_FFFF  # generation_id told before any election


def role_request(switch: Switch, request: Request) -> list[bytes]:
    told = change_role(switch, request, *wire.ROLE.unpack(request.body))
    return [request.reply(ofp.OFPT_ROLE_REPLY, wire.ROLE.pack(request.conn.role, told))]


def change_role(switch: Switch, request: Request, role: int, generation_id: int) -> int:
    """Give the controller the role that it asks for; the generation id to tell it. Raises OpenFlowError."""
    if role not in _ROLES:
        raise OpenFlowError(ofp.OFPET_ROLE_REQUEST_FAILED, ofp.OFPRRFC_BAD_ROLE)
    if role in _ELECTED:
        note_election(switch, generation_id)
    if role == ofp.OFPCR_ROLE_MASTER:
        demote_master(switch, request.conn)
    if role not in (ofp.OFPCR_ROLE_NOCHANGE, request.conn.role):
        request.conn.role = role
        switch.controller_changed(request.conn, OFPCSR_ROLE)
    return _NO_ELECTION if switch.generation_id is None else switch.generation_id


def note_election(switch: Switch, generation_id: int) -> None:
    """Refuse an older election than the last one seen; ids wrap, so their distance counts as signed 64 bits."""
    if switch.generation_id is not None and (generation_id - switch.generation_id) >> 63 & 1:
        raise OpenFlowError(ofp.OFPET_ROLE_REQUEST_FAILED, ofp.OFPRRFC_STALE)
    switch.generation_id = generation_id


def demote_master(switch: Switch, new: Connection) -> None:
    """There is one master: who was it hears so, in versions that can say it (OpenFlow 1.4.1 section 7.4.4)."""
    for conn in switch.connections:
        if conn is not new and conn.role == ofp.OFPCR_ROLE_MASTER:
            conn.role = ofp.OFPCR_ROLE_SLAVE
            switch.controller_changed(conn, OFPCSR_ROLE)
            if conn.wants(OFPT_ROLE_STATUS, OFPCRR_MASTER_REQUEST):
                told = _NO_ELECTION if switch.generation_id is None else switch.generation_id
                conn.outbox.event(conn.version.wire.role_status(conn.role, OFPCRR_MASTER_REQUEST, told))
