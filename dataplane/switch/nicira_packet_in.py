"""Packet-ins in Nicira's formats, which a controller asks for by NXT_SET_PACKET_IN_FORMAT (Open vSwitch, nicira-ext.h).

Both tell of table, cookie and pipeline fields in every version of OpenFlow: NXT_PACKET_IN in the fields of NXM,
NXT_PACKET_IN2 as properties, with the fields as the data plane has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from struct import Struct

from triplane.dataplane.openflow import nicira_ext as nx
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.ofproto_common import NX_EXPERIMENTER_ID
from triplane.dataplane.switch.datapath import NO_COOKIE, PacketIn
from triplane.dataplane.switch.v1_0.numbers import narrow_port
from triplane.dataplane.switch.wire import EXPERIMENTER, HEADER_SIZE, MAX_MESSAGE, PACKET_IN_PAD, Wire

Encoder = Callable[[Wire, PacketIn, int, int], bytes]  # of packet, buffer id, and how much of the packet may be shown

PACKET_IN = Struct("!IHBBQH6x")  # buffer_id, total_len, reason, table_id, cookie, match_len
PROPERTY = Struct("!HH")
TLV = Struct("!I")
FULL_LEN = BUFFER_ID = Struct("!I")
COOKIE = Struct("!4xQ")
OTHER_PROPERTIES = 72  # bytes, at most, of those that are neither packet nor fields
OURS = 0x8080  # the property in a continuation, which nobody reads but we; those of Open vSwitch begin at 0x8000
NXM_HEADERS = {ofp.OXM_OF_TUNNEL_ID: nx.NXM_NX_TUN_ID}


def packet_in(wire: Wire, packet: PacketIn, buffer_id: int, limit: int) -> bytes:
    """NXT_PACKET_IN, struct nx_packet_in."""
    fields = nxm_fields(packet.match)
    head = PACKET_IN.pack(
        buffer_id,
        min(len(packet.data), 0xFFFF),
        wire.reason(ofp.OFPT_PACKET_IN, packet.reason),
        packet.table_id,
        packet.cookie,
        len(fields),
    )
    head = EXPERIMENTER.pack(NX_EXPERIMENTER_ID, nx.NXT_PACKET_IN) + head + padded(fields) + PACKET_IN_PAD
    room = MAX_MESSAGE - HEADER_SIZE - len(head)
    return wire.message(ofp.OFPT_EXPERIMENTER, 0, head + packet.data[: min(limit, room)])


def packet_in2(wire: Wire, packet: PacketIn, buffer_id: int, limit: int) -> bytes:
    """NXT_PACKET_IN2, a list of properties."""
    fields = packet.match[4 : match_length(packet.match)]
    more = b""
    if packet.userdata:
        more += packed(nx.NXPINT_USERDATA, packet.userdata)
    if packet.paused:
        more += packed(nx.NXPINT_CONTINUATION, bytes(4) + packed(OURS, packet.paused))
    room = MAX_MESSAGE - HEADER_SIZE - EXPERIMENTER.size - OTHER_PROPERTIES - len(fields) - len(more) & ~7
    shown = packet.data[: min(limit, room)]
    listed = [packed(nx.NXPINT_PACKET, shown)]
    if len(shown) < len(packet.data):
        listed.append(packed(nx.NXPINT_FULL_LEN, FULL_LEN.pack(len(packet.data))))
    if buffer_id != ofp.OFP_NO_BUFFER:
        listed.append(packed(nx.NXPINT_BUFFER_ID, BUFFER_ID.pack(buffer_id)))
    listed.append(packed(nx.NXPINT_TABLE_ID, bytes((packet.table_id,))))
    if packet.cookie != NO_COOKIE:
        listed.append(packed(nx.NXPINT_COOKIE, COOKIE.pack(packet.cookie)))
    listed.append(packed(nx.NXPINT_REASON, bytes((wire.reason(ofp.OFPT_PACKET_IN, packet.reason),))))
    listed += (packed(nx.NXPINT_METADATA, fields), more)
    head = EXPERIMENTER.pack(NX_EXPERIMENTER_ID, nx.NXT_PACKET_IN2)
    return wire.message(ofp.OFPT_EXPERIMENTER, 0, head + b"".join(listed))


FORMATS: Mapping[int, Encoder] = {
    nx.NXPIF_OPENFLOW10: lambda wire, *shown: wire.packet_in(*shown),
    nx.NXPIF_NXM: packet_in,
    nx.NXPIF_NXT_PACKET_IN2: packet_in2,
}


def nxm_fields(match: bytes) -> bytes:
    """The pipeline fields of an ofp_match as NXM has them: a port of 16 bits, and no physical one."""
    return b"".join(_nxm(header, value) for header, value in fields_of(match))


def fields_of(match: bytes) -> Iterable[tuple[int, bytes]]:
    """Header and content of each TLV of an ofp_match of the data plane's."""
    at, stop = 4, match_length(match)
    while at < stop:
        (header,) = TLV.unpack_from(match, at)
        start, at = at + TLV.size, at + TLV.size + (header & 0xFF)
        yield header, match[start:at]


def _nxm(header: int, value: bytes) -> bytes:
    if header == ofp.OXM_OF_IN_PHY_PORT:
        return b""
    if header == ofp.OXM_OF_IN_PORT:
        return TLV.pack(nx.NXM_OF_IN_PORT) + narrow_port(int.from_bytes(value)).to_bytes(2)
    return TLV.pack(NXM_HEADERS.get(header, header)) + value


def match_length(match: bytes) -> int:
    return int.from_bytes(match[2:4])


def packed(kind: int, content: bytes) -> bytes:
    """One property: its length without the padding (ofp-prop.h)."""
    return padded(PROPERTY.pack(kind, PROPERTY.size + len(content)) + content)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)
