"""NXT_RESUME: a packet that an action paused goes on, as the controller sends it back (Open vSwitch, nicira-ext.h).

The controller may change the packet and its pipeline fields; one that it leaves out is 0. The port is as it was then.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch import requests
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.datapath import Pipeline
from triplane.dataplane.switch.nicira_packet_in import NXM_HEADERS, PROPERTY, TLV
from triplane.dataplane.switch.paused import NAME
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_0.numbers import wide_port
from triplane.dataplane.switch.wire import EXPERIMENTER

NUMBER = Struct("!I")
NESTED = 8  # bytes of a continuation before its name
REGISTERS = 16
KNOWN = range(nx.NXPINT_PACKET, nx.NXPINT_CONTINUATION + 1)
WIDE_REGISTERS = {  # header of the first, bytes of each
    nx.nxm_nx_reg(0): 4,
    0x80010008: 8,  # OXM_OF_PKT_REG0
    0x0001DE10: 16,  # NXM_NX_XXREG0
}
METADATA, TUNNEL_ID, MARK = ofp.OXM_OF_METADATA, ofp.OXM_OF_TUNNEL_ID, 0x00014204
NXM_TUNNEL_ID = NXM_HEADERS[TUNNEL_ID]
PACKET_TYPE = 0x80005804
IGNORED = (ofp.OXM_OF_IN_PHY_PORT, PACKET_TYPE)


def bad_property(code: int) -> OpenFlowError:
    """The error of a property, as 1.3 has it; later versions tell it by its own type."""
    return OpenFlowError(ofp.OFPET_TABLE_FEATURES_FAILED, code)


def bad_match(code: int) -> OpenFlowError:
    return OpenFlowError(ofp.OFPET_BAD_MATCH, code)


def resume(switch: Switch, request: Request) -> list[bytes]:
    found = dict(properties(request.body[EXPERIMENTER.size :]))
    data = found.get(nx.NXPINT_PACKET, b"")
    whole = found.get(nx.NXPINT_FULL_LEN, NUMBER.pack(len(data)))[-NUMBER.size :]
    if not data or len(whole) < NUMBER.size or int.from_bytes(whole) < len(data):
        raise requests.bad_request(ofp.OFPBRC_BAD_LEN)
    if len(data) < requests.SHORTEST_FRAME:
        raise requests.bad_request(ofp.OFPBRC_BAD_PACKET)
    fields = pipeline(found.get(nx.NXPINT_METADATA, b""))
    name = found.get(nx.NXPINT_CONTINUATION, b"")[NESTED : NESTED + NAME]
    switch.datapath.resume(switch.paused.take(name), fields, data, request.now)
    return []


def properties(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each property. Raises OpenFlowError."""
    at = 0
    while at < len(data):
        if len(data) - at < PROPERTY.size:
            raise bad_property(ofp.OFPTFFC_BAD_LEN)
        kind, length = PROPERTY.unpack_from(data, at)
        if length < PROPERTY.size or at + length > len(data):
            raise bad_property(ofp.OFPTFFC_BAD_LEN)
        if kind not in KNOWN:
            raise bad_property(ofp.OFPTFFC_BAD_TYPE)
        yield kind, data[at + PROPERTY.size : at + length]
        at += length + -length % 8


def pipeline(data: bytes) -> Pipeline:
    """Pipeline fields from TLVs, NXM's or OXM's. Raises OpenFlowError."""
    registers, port = [0] * REGISTERS, None
    numbers = {METADATA: 0, TUNNEL_ID: 0, MARK: 0}
    for header, value in tlvs(data):
        if header in (ofp.OXM_OF_IN_PORT, nx.NXM_OF_IN_PORT):
            port = int.from_bytes(value) if header == ofp.OXM_OF_IN_PORT else wide_port(int.from_bytes(value))
        elif header in numbers or header == NXM_TUNNEL_ID:
            numbers[TUNNEL_ID if header == NXM_TUNNEL_ID else header] = int.from_bytes(value)
        elif not set_registers(registers, header, value) and header not in IGNORED:
            raise bad_match(ofp.OFPBMC_BAD_FIELD)
    return Pipeline(port, numbers[METADATA], numbers[TUNNEL_ID], numbers[MARK], tuple(registers))


def tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Header and value of each TLV."""
    at = 0
    while at < len(data):
        if len(data) - at < TLV.size:
            raise bad_match(ofp.OFPBMC_BAD_LEN)
        (header,) = TLV.unpack_from(data, at)
        start, at = at + TLV.size, at + TLV.size + (header & 0xFF)
        if at > len(data):
            raise bad_match(ofp.OFPBMC_BAD_LEN)
        yield header, data[start:at]


def set_registers(registers: list[int], header: int, value: bytes) -> bool:
    """Set the registers that a field is made of; False if it is none."""
    for first, size in WIDE_REGISTERS.items():
        number, rest = divmod(header - first, 1 << 9)
        at = number * size // 4
        if rest == 0 and 0 <= at < REGISTERS:
            registers[at : at + size // 4] = (int.from_bytes(value[i : i + 4]) for i in range(0, size, 4))
            return True
    return False
