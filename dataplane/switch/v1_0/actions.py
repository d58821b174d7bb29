"""Action lists between OpenFlow 1.0 and 1.3 (1.0.0 section 5.2.4, 1.3.5 section 7.2.5).

1.0 sets a VLAN id or priority whether there is a tag or not, and a port number whatever the protocol. So a set is
preceded by a push that says in its padding that it is for packets without a tag (see `Datapath.flow_mods`), unless the
match tells; and there is a set-field for each protocol, of which a packet has one at most. Told back, they are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct

from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.v1_0.match import Known, tlv
from triplane.dataplane.switch.v1_0.numbers import narrow_port, wide_port

_HEAD = Struct("!HH")
_OUTPUT = Struct("!HHIH6x")
_NUMBER = Struct("!HHI")
_PUSH = Struct("!HHHH")
_PLAIN = Struct("!HH4x")
_OXM = Struct("!I")
_ENQUEUE = Struct("!H6xI")
_VLAN, _UNLESS_TAGGED = 0x8100, 1
_NO_QUEUE = 0
_SOURCES = {6: ofp.OXM_OF_TCP_SRC, 17: ofp.OXM_OF_UDP_SRC, 132: ofp.OXM_OF_SCTP_SRC}
_TARGETS = {6: ofp.OXM_OF_TCP_DST, 17: ofp.OXM_OF_UDP_DST, 132: ofp.OXM_OF_SCTP_DST}


def bad_action(code: int) -> OpenFlowError:
    return OpenFlowError(ofp.OFPET_BAD_ACTION, code)


# from 1.0


def to_1_3(actions: bytes, known: Known) -> bytes:
    """The actions of 1.3 that do the same. Raises OpenFlowError."""
    translator = _Translator(known)
    return b"".join([translator.one(kind, body) for kind, body in split(actions)])


def split(actions: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and actions without their type and length. Raises OpenFlowError."""
    at, end = 0, len(actions)
    while at < end:
        if end - at < 8:
            raise bad_action(ofp.OFPBAC_BAD_LEN)
        kind, length = _HEAD.unpack_from(actions, at)
        if length < 8 or length % 8 or length > end - at:
            raise bad_action(ofp.OFPBAC_BAD_LEN)
        yield kind, actions[at + 4 : at + length]
        at += length


def set_field(header: int, value: int) -> bytes:
    field = tlv(header, value)
    length = 4 + len(field) + 7 & ~7
    return (_HEAD.pack(ofp.OFPAT_SET_FIELD, length) + field).ljust(length, b"\0")


def output(port: int, max_len: int) -> bytes:
    return _OUTPUT.pack(ofp.OFPAT_OUTPUT, _OUTPUT.size, port, max_len)


class _Translator:
    """One list: what is known of the packet at this point of it."""

    def __init__(self, known: Known) -> None:
        self.tagged = known.tagged
        self.proto = known.proto
        self.queue = _NO_QUEUE

    def one(self, kind: int, body: bytes) -> bytes:
        if kind == ofp10.OFPAT_VENDOR:  # the data plane knows whose it is; the format is the same in both versions
            return _HEAD.pack(ofp.OFPAT_EXPERIMENTER, 4 + len(body)) + body
        if kind not in _ROWS:
            raise bad_action(ofp.OFPBAC_BAD_TYPE)
        size, translate = _ROWS[kind]
        if len(body) + 4 != size:
            raise bad_action(ofp.OFPBAC_BAD_LEN)
        return translate(self, body)

    def output(self, body: bytes) -> bytes:
        port, max_len = _HEAD.unpack(body)
        return self.choose_queue(_NO_QUEUE) + output(wide_port(port), max_len)

    def enqueue(self, body: bytes) -> bytes:
        port, queue = _ENQUEUE.unpack(body)
        if port >= ofp10.OFPP_MAX and port not in (ofp10.OFPP_IN_PORT, ofp10.OFPP_LOCAL):
            raise bad_action(ofp.OFPBAC_BAD_OUT_PORT)
        return self.choose_queue(queue) + output(wide_port(port), 0)

    def choose_queue(self, queue: int) -> bytes:
        if queue == self.queue:
            return b""
        self.queue = queue
        return _NUMBER.pack(ofp.OFPAT_SET_QUEUE, _NUMBER.size, queue)

    def tag(self) -> bytes:
        """See to it that there is a tag."""
        tagged, self.tagged = self.tagged, True
        if tagged:
            return b""
        return _PUSH.pack(ofp.OFPAT_PUSH_VLAN, _PUSH.size, _VLAN, _UNLESS_TAGGED if tagged is None else 0)

    def vlan_vid(self, body: bytes) -> bytes:
        vid = int.from_bytes(body[:2], "big")
        if vid > 0xFFF:
            raise bad_action(ofp.OFPBAC_BAD_ARGUMENT)
        return self.tag() + set_field(ofp.OXM_OF_VLAN_VID, ofp.OFPVID_PRESENT | vid)

    def vlan_pcp(self, body: bytes) -> bytes:
        if body[0] > 7:
            raise bad_action(ofp.OFPBAC_BAD_ARGUMENT)
        return self.tag() + set_field(ofp.OXM_OF_VLAN_PCP, body[0])

    def strip_vlan(self, body: bytes) -> bytes:
        self.tagged = None  # there may be a tag behind the tag
        return _PLAIN.pack(ofp.OFPAT_POP_VLAN, _PLAIN.size)

    def dl_src(self, body: bytes) -> bytes:
        return set_field(ofp.OXM_OF_ETH_SRC, int.from_bytes(body[:6], "big"))

    def dl_dst(self, body: bytes) -> bytes:
        return set_field(ofp.OXM_OF_ETH_DST, int.from_bytes(body[:6], "big"))

    def nw_src(self, body: bytes) -> bytes:
        return set_field(ofp.OXM_OF_IPV4_SRC, int.from_bytes(body, "big"))

    def nw_dst(self, body: bytes) -> bytes:
        return set_field(ofp.OXM_OF_IPV4_DST, int.from_bytes(body, "big"))

    def nw_tos(self, body: bytes) -> bytes:
        """The upper six bits, which are the DSCP."""
        return set_field(ofp.OXM_OF_IP_DSCP, body[0] >> 2)

    def tp_src(self, body: bytes) -> bytes:
        return self.ports(_SOURCES, body)

    def tp_dst(self, body: bytes) -> bytes:
        return self.ports(_TARGETS, body)

    def ports(self, headers: dict[int, int], body: bytes) -> bytes:
        port = int.from_bytes(body[:2], "big")
        known = headers.get(self.proto) if self.proto is not None else None
        return b"".join(set_field(header, port) for header in ([known] if known else headers.values()))


_ROWS: dict[int, tuple[int, Callable[[_Translator, bytes], bytes]]] = {  # length, and what it becomes
    ofp10.OFPAT_OUTPUT: (8, _Translator.output),
    ofp10.OFPAT_SET_VLAN_VID: (8, _Translator.vlan_vid),
    ofp10.OFPAT_SET_VLAN_PCP: (8, _Translator.vlan_pcp),
    ofp10.OFPAT_STRIP_VLAN: (8, _Translator.strip_vlan),
    ofp10.OFPAT_SET_DL_SRC: (16, _Translator.dl_src),
    ofp10.OFPAT_SET_DL_DST: (16, _Translator.dl_dst),
    ofp10.OFPAT_SET_NW_SRC: (8, _Translator.nw_src),
    ofp10.OFPAT_SET_NW_DST: (8, _Translator.nw_dst),
    ofp10.OFPAT_SET_NW_TOS: (8, _Translator.nw_tos),
    ofp10.OFPAT_SET_TP_SRC: (8, _Translator.tp_src),
    ofp10.OFPAT_SET_TP_DST: (8, _Translator.tp_dst),
    ofp10.OFPAT_ENQUEUE: (16, _Translator.enqueue),
}
ACTIONS = sum(1 << kind for kind in _ROWS)  # as the features reply tells

# to 1.0

_SHORT, _BYTE = "!HHH2x", "!HHB3x"
_SET_FIELDS: dict[int, tuple[int, str, Callable[[int], int | bytes]]] = {  # by field: action, format, value
    ofp.OFPXMT_OFB_ETH_DST: (ofp10.OFPAT_SET_DL_DST, "!HH6s6x", lambda value: value.to_bytes(6, "big")),
    ofp.OFPXMT_OFB_ETH_SRC: (ofp10.OFPAT_SET_DL_SRC, "!HH6s6x", lambda value: value.to_bytes(6, "big")),
    ofp.OFPXMT_OFB_VLAN_VID: (ofp10.OFPAT_SET_VLAN_VID, _SHORT, lambda value: value & 0xFFF),
    ofp.OFPXMT_OFB_VLAN_PCP: (ofp10.OFPAT_SET_VLAN_PCP, _BYTE, int),
    ofp.OFPXMT_OFB_IP_DSCP: (ofp10.OFPAT_SET_NW_TOS, _BYTE, lambda value: value << 2),
    ofp.OFPXMT_OFB_IPV4_SRC: (ofp10.OFPAT_SET_NW_SRC, "!HHI", int),
    ofp.OFPXMT_OFB_IPV4_DST: (ofp10.OFPAT_SET_NW_DST, "!HHI", int),
    ofp.OFPXMT_OFB_TCP_SRC: (ofp10.OFPAT_SET_TP_SRC, _SHORT, int),
    ofp.OFPXMT_OFB_TCP_DST: (ofp10.OFPAT_SET_TP_DST, _SHORT, int),
    ofp.OFPXMT_OFB_UDP_SRC: (ofp10.OFPAT_SET_TP_SRC, _SHORT, int),
    ofp.OFPXMT_OFB_UDP_DST: (ofp10.OFPAT_SET_TP_DST, _SHORT, int),
    ofp.OFPXMT_OFB_SCTP_SRC: (ofp10.OFPAT_SET_TP_SRC, _SHORT, int),
    ofp.OFPXMT_OFB_SCTP_DST: (ofp10.OFPAT_SET_TP_DST, _SHORT, int),
}


def to_ofp10(instructions: bytes) -> bytes:
    """The actions of 1.0 that are closest to an entry's instructions: what 1.0 has no words for is left out."""
    found: list[bytes] = []
    for kind, body in split(instructions):
        if kind in (ofp.OFPIT_APPLY_ACTIONS, ofp.OFPIT_WRITE_ACTIONS):
            found += actions_to_ofp10(body[4:])
    return b"".join(found)


def actions_to_ofp10(actions: bytes) -> list[bytes]:
    found: list[bytes] = []
    queue = _NO_QUEUE
    for kind, body in split(actions):
        if kind == ofp.OFPAT_SET_QUEUE:
            queue = int.from_bytes(body, "big")
        elif kind == ofp.OFPAT_OUTPUT:
            found.append(told_output(body, queue))
        elif kind == ofp.OFPAT_POP_VLAN:
            found.append(_PLAIN.pack(ofp10.OFPAT_STRIP_VLAN, _PLAIN.size))
        elif kind == ofp.OFPAT_EXPERIMENTER:
            found.append(_HEAD.pack(ofp10.OFPAT_VENDOR, 4 + len(body)) + body)
        elif kind == ofp.OFPAT_SET_FIELD:
            told = told_set_field(body)
            if told and found[-1:] != [told]:  # one of the fields that 1.0 sets as one
                found.append(told)
    return found


def told_output(body: bytes, queue: int) -> bytes:
    port, max_len = Struct("!IH").unpack_from(body)
    if queue == _NO_QUEUE:
        return Struct("!HHHH").pack(ofp10.OFPAT_OUTPUT, 8, narrow_port(port), max_len)
    return Struct("!HHH6xI").pack(ofp10.OFPAT_ENQUEUE, 16, narrow_port(port), queue)


def told_set_field(body: bytes) -> bytes:
    """Empty for a field that 1.0 does not set."""
    (header,) = _OXM.unpack_from(body)
    if header >> 16 != ofp.OFPXMC_OPENFLOW_BASIC or header >> 9 & 0x7F not in _SET_FIELDS:
        return b""
    kind, layout, value = _SET_FIELDS[header >> 9 & 0x7F]
    packed = Struct(layout)
    return packed.pack(kind, packed.size, value(int.from_bytes(body[4 : 4 + (header & 0xFF)], "big")))
