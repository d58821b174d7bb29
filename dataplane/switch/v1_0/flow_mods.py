"""Flow-mods of OpenFlow 1.0: each becomes one of 1.3 that does the same (1.0.0 sections 4.6, 5.3.3)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch import wire
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_0.actions import to_1_3
from triplane.dataplane.switch.v1_0.match import MATCH, to_oxm
from triplane.dataplane.switch.v1_0.numbers import wide_port

FLOW_MOD = Struct("!QHHHHIHH")  # the columns of FlowMod
FLOW_MOD_1_3 = Struct("!BBHIQQBBHHHIIIH2x")
APPLY_ACTIONS = Struct("!HH4x")
HIGHEST_PRIORITY = 0xFFFF
FIRST_TABLE = 0
FLAGS = ofp10.OFPFF_SEND_FLOW_REM | ofp10.OFPFF_CHECK_OVERLAP  # the same bits in 1.3
NO_TIMEOUT = 0
ANY_COOKIE = (0, 0)


class FlowMod(NamedTuple):
    """ofp_flow_mod behind its match. With Nicira's table ids the upper byte of `command` is a table."""

    cookie: int
    command: int
    idle: int
    hard: int
    priority: int
    buffer_id: int
    out_port: int
    flags: int


def failed(code: int) -> OpenFlowError:
    return OpenFlowError(ofp.OFPET_FLOW_MOD_FAILED, code)


def flow_mod(switch: Switch, request: Request) -> list[bytes]:
    return carry_out(switch, request, flow_mod_1_3(request.data, request.conn.table_ids), loose=True)


def carry_out(switch: Switch, request: Request, message: bytes, loose: bool = False) -> list[bytes]:
    """What the request asks for, by the flow-mod of 1.3 that does the same."""
    outcome = switch.datapath.flow_mods(message, 0, len(message), request.now, loose)
    for _, kind, code in outcome.errors:
        raise OpenFlowError(kind, code)
    switch.flows_changed(outcome.removed, request.conn, lambda at: request.xid)
    for _, buffer_id in outcome.buffers:
        switch.release_to_table(request, buffer_id)
    return []


def flow_mod_1_3(data: bytes, table_ids: bool = False) -> bytes:
    """The flow-mod of 1.3 that does the same. Raises OpenFlowError."""
    at = wire.HEADER_SIZE + MATCH.size
    asked = FlowMod(*FLOW_MOD.unpack_from(data, at))
    match = to_oxm(data[wire.HEADER_SIZE : at])
    if match.exact:
        asked = asked._replace(priority=HIGHEST_PRIORITY)
    return encode(asked, match.match, to_1_3(data[at + FLOW_MOD.size :], match.known), table_ids)


def encode(
    asked: FlowMod, match: bytes, actions: bytes, table_ids: bool, cookies: tuple[int, int] = ANY_COOKIE
) -> bytes:
    """A flow-mod of 1.3. `cookies`: value and mask of the entries that it means. Raises OpenFlowError."""
    check_emergency(asked.flags, asked.idle, asked.hard)
    table, command = divmod(asked.command, 0x100) if table_ids else (ofp.OFPTT_ALL, asked.command)
    if command > ofp10.OFPFC_DELETE_STRICT:
        raise failed(ofp.OFPFMFC_BAD_COMMAND)
    deletes = command >= ofp10.OFPFC_DELETE
    if table == ofp.OFPTT_ALL and not deletes:
        table = FIRST_TABLE
    instructions = b"" if deletes or not actions else apply(actions)
    flags = asked.flags & FLAGS
    flags |= ofp.OFPFF_RESET_COUNTS if command == ofp10.OFPFC_ADD else 0  # an add begins anew
    cookie, mask = cookies if cookies[1] and command != ofp10.OFPFC_ADD else (asked.cookie, 0)
    head = FLOW_MOD_1_3.pack(
        *(ofp.OFP_VERSION, ofp.OFPT_FLOW_MOD, FLOW_MOD_1_3.size + len(match) + len(instructions), 0),
        *(cookie, mask, table, command, asked.idle, asked.hard, asked.priority, asked.buffer_id),
        *(wide_port(asked.out_port) if deletes else ofp.OFPP_ANY, ofp.OFPG_ANY, flags),
    )
    return head + match + instructions


def check_emergency(flags: int, idle: int, hard: int) -> None:
    """There is no table for emergency entries: it is full, as in Open vSwitch. They may have no timeouts (4.6)."""
    if flags & ofp10.OFPFF_EMERG:
        raise failed(ofp.OFPFMFC_BAD_TIMEOUT if (idle, hard) != (NO_TIMEOUT, NO_TIMEOUT) else ofp.OFPFMFC_TABLE_FULL)


def apply(actions: bytes) -> bytes:
    """An apply-actions instruction."""
    return APPLY_ACTIONS.pack(ofp.OFPIT_APPLY_ACTIONS, APPLY_ACTIONS.size + len(actions)) + actions
