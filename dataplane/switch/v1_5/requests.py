"""Requests that 1.5 writes otherwise than 1.4. Sections are of OpenFlow 1.5.1."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.switch import requests, roles
from triplane.dataplane.switch.async_config import Masks
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_4 import requests as requests_1_4

PACKET_OUT = Struct("!IH2x")  # buffer_id, actions_len
ROLE = Struct("!IH2xQ")  # role, short_id, generation_id
OXM = Struct("!HBB")  # class, field << 1 | hasmask, length
SET_FIELD = Struct("!HH")  # type, length
IN_PORT, IN_PHY_PORT, METADATA, TUNNEL_ID, PACKET_TYPE = 0, 1, 2, 38, 44
SIZES = {IN_PORT: 4, IN_PHY_PORT: 4, METADATA: 8, TUNNEL_ID: 8, PACKET_TYPE: 4}
REGISTERS = 8  # of class OFPXMC_PACKET_REGS, 8 bytes each
ETHERNET = bytes(4)  # the one packet type that we have: OFPHTN_ONF, OFPHTO_ETHERNET

DEFAULT_ASYNC: Mapping[int, Masks] = {
    **requests_1_4.DEFAULT_ASYNC,
    ofp.OFPT_MULTIPART_REPLY: (1 << ofp.OFPFSR_STAT_TRIGGER, 0),
    ofp.OFPT_CONTROLLER_STATUS: (0, 0),
}


def bad_match(code: int) -> OpenFlowError:
    return OpenFlowError(ec.OFPET_BAD_MATCH, code)


def packet_out(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_PACKET_OUT, 7.3.6: the match holds the packet's pipeline fields, the ingress port among them."""
    buffer_id, actions_len = PACKET_OUT.unpack_from(request.body)
    pipeline, start = read_pipeline(request.body, PACKET_OUT.size)
    end = start + actions_len
    if end > len(request.body):
        raise requests.bad_request(ec.OFPBRC_BAD_LEN)
    port = pipeline.pop((ofp.OFPXMC_OPENFLOW_BASIC, IN_PORT), None)
    in_port = ofp.OFPP_ANY if port is None else int.from_bytes(port, "big")
    if in_port == ofp.OFPP_ANY or (in_port not in requests.PACKET_OUT_PORTS and not switch.has_port(in_port)):
        raise requests.bad_request(ec.OFPBRC_BAD_PORT)
    actions = set_fields(pipeline) + request.body[start:end]
    requests.send_packet(switch, request, buffer_id, in_port, actions, request.body[end:])
    return []


def read_pipeline(data: bytes, at: int) -> tuple[dict[tuple[int, int], bytes], int]:
    """The fields of the ofp_match at `at`, by class and number, and where its padding ends. Raises OpenFlowError."""
    if len(data) - at < 8:
        raise requests.bad_request(ec.OFPBRC_BAD_LEN)
    kind, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
    if kind != ofp.OFPMT_OXM:
        raise bad_match(ec.OFPBMC_BAD_TYPE)
    after = at + length + -length % 8
    if length < 4 or after > len(data):
        raise bad_match(ec.OFPBMC_BAD_LEN)
    found: dict[tuple[int, int], bytes] = {}
    end = at + length
    at += 4
    while at < end:
        field, value = read_field(data, at, end)
        if field in found:
            raise bad_match(ec.OFPBMC_DUP_FIELD)
        found[field] = value
        at += OXM.size + len(value)
    return found, after


def read_field(data: bytes, at: int, end: int) -> tuple[tuple[int, int], bytes]:
    if end - at < OXM.size:
        raise bad_match(ec.OFPBMC_BAD_LEN)
    oxm_class, number, length = OXM.unpack_from(data, at)
    value = data[at + OXM.size : at + OXM.size + length]
    field = (oxm_class, number >> 1)
    size = SIZES.get(number >> 1) if oxm_class == ofp.OFPXMC_OPENFLOW_BASIC else None
    if oxm_class == ofp.OFPXMC_PACKET_REGS and number >> 1 < REGISTERS:
        size = 8
    if size is None:
        raise requests.bad_request(ec.OFPBRC_PIPELINE_FIELDS_ONLY)
    if number & 1:
        raise bad_match(ec.OFPBMC_BAD_MASK)
    if length != size or at + OXM.size + length > end:
        raise bad_match(ec.OFPBMC_BAD_LEN)
    if field == (ofp.OFPXMC_OPENFLOW_BASIC, PACKET_TYPE) and value != ETHERNET:
        raise bad_match(ec.OFPBMC_BAD_VALUE)
    return field, value


def set_fields(pipeline: dict[tuple[int, int], bytes]) -> bytes:
    """Actions that give a packet these pipeline fields, but for those that it cannot lack."""
    implied = ((ofp.OFPXMC_OPENFLOW_BASIC, IN_PHY_PORT), (ofp.OFPXMC_OPENFLOW_BASIC, PACKET_TYPE))
    actions = []
    for field, value in pipeline.items():
        if field not in implied:
            tlv = OXM.pack(field[0], field[1] << 1, len(value)) + value
            length = SET_FIELD.size + len(tlv) + 7 & ~7
            actions.append((SET_FIELD.pack(ofp.OFPAT_SET_FIELD, length) + tlv).ljust(length, b"\0"))
    return b"".join(actions)


def role_request(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_ROLE_REQUEST, 7.3.8: a controller may say what number it wants to be known by."""
    role, short_id, generation_id = ROLE.unpack(request.body)
    taken = any(conn.short_id == short_id for conn in switch.connections if conn is not request.conn)
    if short_id != ofp.OFPCID_UNDEFINED and taken:
        raise OpenFlowError(ec.OFPET_ROLE_REQUEST_FAILED, ec.OFPRRFC_ID_IN_USE)
    told = roles.change_role(switch, request, role, generation_id)
    if short_id not in (ofp.OFPCID_UNDEFINED, request.conn.short_id):
        request.conn.short_id = short_id
        switch.controller_changed(request.conn, ofp.OFPCSR_SHORT_ID)
    return [request.reply(ofp.OFPT_ROLE_REPLY, ROLE.pack(request.conn.role, request.conn.short_id, told))]
