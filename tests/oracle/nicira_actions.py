"""Nicira's actions on the wire: what is refused of them, as Open vSwitch refuses it."""

from __future__ import annotations

from tests.oracle.consistency import State, follow_set_field
from tests.oracle.nicira import nxm_of
from tests.oracle.oxm import BASIC_SHAPE, NUMBERS, SHAPE, Refused, prerequisite_met
from tests.oracle.program import BAD_ACTION, Limits

NXM_OF_IN_PORT = bytes.fromhex("00000002")
UNWRITABLE = {"conj_id", "ip_frag", "tcp_flags", "actset_output", "packet_type"}
CLONE = 42
NICIRA_LENGTHS = {  # by subtype: whether that is the length, or the least
    **dict.fromkeys((6, 7, 15, 27, 28), (True, 24)),
    **dict.fromkeys((14, 17, 34), (True, 16)),
    **dict.fromkeys((8, 42), (False, 16)),
    10: (True, 32),
    12: (False, 32),
    13: (False, 32),
}
NXM = {number: name for name, number in nxm_of(BASIC_SHAPE).items()} | {
    0x8000 << 16 | number << 9 | SHAPE[name][0]: name for name, number in NUMBERS.items()
}
WIDTHS = {name: bits for name, (_, bits, _) in SHAPE.items()} | {
    **{f"xreg{number}": 64 for number in range(8)},
    **{f"xxreg{number}": 128 for number in range(4)},
    "in_port_16": 16,
    "vlan_tci": 16,
    "ip_tos": 8,
}


def part(state: State | None, field: bytes, offset: int, bits: int, write: bool) -> str:
    """The field of a header, if these bits of it may be read or written."""
    name = NXM.get(int.from_bytes(field))
    if name is None:
        raise Refused(4, 6)
    if bits == 0 or offset + bits > WIDTHS[name]:
        raise Refused(BAD_ACTION, 14)
    if write and name in (*UNWRITABLE, "ipv6_exthdr"):
        raise Refused(BAD_ACTION, 15)
    asks = {"ip_tos": "ip_dscp", "vlan_vid": "vlan_pcp" if write else "vlan_vid"}.get(name, name)
    if state is not None and not prerequisite_met(asks, state.known):
        raise Refused(BAD_ACTION, 10)
    return name


def packed(data: bytes) -> tuple[int, int]:
    number = int.from_bytes(data)
    return number >> 6, (number & 0x3F) + 1


def nicira_action(data: bytes, switch: Limits, state: State | None) -> None:
    """Refuse what is wrong with one of Nicira's actions but clone, and follow what it does to what is known."""
    subtype, body = int.from_bytes(data[8:10]), data[10:]
    if subtype == 7:
        load(body, state)
    elif subtype == 6:
        bits, source_at, target_at = (int.from_bytes(body[at : at + 2]) for at in (0, 2, 4))
        part(state, body[6:10], source_at, bits, False)
        part(state, body[10:14], target_at, bits, True)
    elif subtype in (27, 28):
        part(state, body[2:6], int.from_bytes(body[:2]), int.from_bytes(body[6:8]), subtype == 28)
    elif subtype == 15:
        part(state, body[2:6], *packed(body[:2]), False)
    elif subtype == 10:
        multipath(body, state)
    elif subtype in (12, 13):
        bundle(body, subtype == 13, switch, state)
    elif (subtype == 14 and body[2] != 255 and body[2] >= switch.tables) or (subtype == 34 and not 2 <= body[1] <= 64):
        raise Refused(BAD_ACTION, 5)


def multipath(body: bytes, state: State | None) -> None:
    """Links are counted to the highest, which must fit."""
    fields, algorithm, highest = (int.from_bytes(body[at : at + 2]) for at in (0, 6, 8))
    offset, bits = packed(body[16:18])
    if fields > 6 or algorithm > 3 or highest >> bits:
        raise Refused(BAD_ACTION, 5)
    part(state, body[18:22], offset, bits, True)


def bundle(body: bytes, loads: bool, switch: Limits, state: State | None) -> None:
    """Ports are of 16 bits, and so are the fields that they are loaded into, or wider."""
    algorithm, fields, members = (int.from_bytes(body[at : at + 2]) for at in (0, 2, 10))
    offset, bits = packed(body[12:14])
    if fields > 6 or algorithm > 1 or body[6:10] != NXM_OF_IN_PORT:
        raise Refused(BAD_ACTION, 5)
    if len(body) - 22 < 2 * members:
        raise Refused(BAD_ACTION, 1)
    if loads:
        part(state, body[14:18], offset, bits, True)
        if bits < 16:
            raise Refused(BAD_ACTION, 5)
    for at in range(22, 22 + 2 * members, 2):
        port = int.from_bytes(body[at : at + 2])
        if port not in (0xFFFE, 0xFFFF) and not 1 <= port <= min(switch.max_port, 0xFF00):
            raise Refused(BAD_ACTION, 4)


def load(body: bytes, state: State | None) -> None:
    offset, bits = packed(body[:2])
    name, value = part(state, body[2:6], offset, bits, True), int.from_bytes(body[6:14])
    if value >> bits:
        raise Refused(BAD_ACTION, 5)
    if state is not None and bits == WIDTHS[name]:
        follow_set_field(state, name, value)
