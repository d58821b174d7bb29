"""What actions on the wire mean, written as plainly as OpenFlow 1.3.5 says it: lists, packet-outs and buckets."""

from __future__ import annotations

from tests.oracle.consistency import State, follow, follow_set_field, needs_met, state_of
from tests.oracle.nicira import EXPERIMENTER, Header
from tests.oracle.nicira_actions import CLONE, NICIRA_LENGTHS, UNWRITABLE, nicira_action, part
from tests.oracle.oxm import BY_NUMBER, HEADERS, NUMBERS, SHAPE, Match, Refused, prerequisite_met
from tests.oracle.program import BAD_ACTION, Action, Limits, head, signed
from triplane.dataplane.kernels import program as p
from triplane.dataplane.kernels.nicira_fields import NXM_ROWS, ROW_TCP_FLAGS, ROW_XREG

COPY_FIELD, METER = 28, 29  # from OpenFlow 1.5 on
SETTABLE = set(NUMBERS) - {"in_port", "in_phy_port", "metadata", "ipv6_exthdr", "actset_output", "packet_type"}

PLAIN = {
    11: (p.OP_COPY_TTL_OUT, p.SLOT_COPY_TTL_OUT),
    12: (p.OP_COPY_TTL_IN, p.SLOT_COPY_TTL_IN),
    16: (p.OP_DEC_MPLS_TTL, p.SLOT_DEC_MPLS_TTL),
    18: (p.OP_POP_VLAN, p.SLOT_POP_VLAN),
    24: (p.OP_DEC_NW_TTL, p.SLOT_DEC_NW_TTL),
    27: (p.OP_POP_PBB, p.SLOT_POP_PBB),
}
TTL = {15: (p.OP_SET_MPLS_TTL, p.SLOT_SET_MPLS_TTL), 23: (p.OP_SET_NW_TTL, p.SLOT_SET_NW_TTL)}
PUSH = {
    17: (p.OP_PUSH_VLAN, p.SLOT_PUSH_VLAN, (0x8100, 0x88A8)),
    19: (p.OP_PUSH_MPLS, p.SLOT_PUSH_MPLS, (0x8847, 0x8848)),
    26: (p.OP_PUSH_PBB, p.SLOT_PUSH_PBB, (0x88E7,)),
}
LENGTHS = {0: 16, 20: 8, 21: 8, 22: 8, **dict.fromkeys((*PLAIN, *TTL, *PUSH), 8)}


def split_action(data: bytes, version: int = 4) -> tuple[int, bytes, bytes]:
    """Type and bytes of the first action of `data`, and the rest."""
    if len(data) < 8:
        raise Refused(BAD_ACTION, 1)
    kind, length = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
    if length < 8 or length % 8 or length > len(data):
        raise Refused(BAD_ACTION, 1)
    if kind == 0xFFFF and data[4:8] == b"\0\0\x23\x20":
        if int.from_bytes(data[8:10]) not in NICIRA_LENGTHS:
            raise Refused(BAD_ACTION, 3)
        exact, least = NICIRA_LENGTHS[int.from_bytes(data[8:10])]
        if length < least or (exact and length != least):
            raise Refused(BAD_ACTION, 1)
        return kind, data[:length], data[length:]
    if kind == 0xFFFF:
        raise Refused(BAD_ACTION, 2)
    if kind not in LENGTHS and kind != 25 and (kind not in (COPY_FIELD, METER) or version < 6):
        raise Refused(BAD_ACTION, 0)
    if LENGTHS.get(kind, 8 if kind == METER else length) != length:
        raise Refused(BAD_ACTION, 1)
    return kind, data[:length], data[length:]


def output(data: bytes, switch: Limits) -> Action:
    port, max_len = int.from_bytes(data[4:8]), int.from_bytes(data[8:10])
    usable = set(range(0xFFFFFFF8, 0xFFFFFFFF)) - (set() if switch.output_table else {0xFFFFFFF9})
    if port not in usable and not 1 <= port <= switch.max_port:
        raise Refused(BAD_ACTION, 4)
    return Action(p.SLOT_OUTPUT, [head(p.OP_OUTPUT, 2, max_len), port])


def set_other_field(data: bytes, header: Header, row: int) -> tuple[Action, str, int]:
    """A set-field of one of Nicira's fields, perhaps masked: a load."""
    masked, size = data[6] & 1, data[7]
    value_at = 8 + size - header.size * (1 + masked)
    if 8 + size > len(data):
        raise Refused(BAD_ACTION, 1)
    if value_at != (12 if data[4:6] == b"\xff\xff" else 8):
        raise Refused(BAD_ACTION, 14)
    if header.shows[0] in UNWRITABLE:
        raise Refused(BAD_ACTION, 15)
    full = 0xFC if header.shows == ("ip_dscp",) and header.bits == 8 else (1 << header.bits) - 1
    value = int.from_bytes(data[value_at : value_at + header.size])
    mask = int.from_bytes(data[value_at + header.size : value_at + 2 * header.size]) if masked else full
    if mask == (1 << 8 * header.size) - 1:
        mask = full
    if mask & ~full or value & ~mask:
        raise Refused(BAD_ACTION, 15)
    halves = [signed(word) for number in (value, mask) for word in (number >> 64, number & (1 << 64) - 1)]
    slot = written_slot(row)
    known = header.shows[0] if header.shows != ("vlan_vid", "vlan_pcp") else "vlan_tci"
    return Action(slot, [head(p.OP_LOAD, 5, row), *halves]), known, value if mask == full else -2


def written_slot(row: int) -> int:
    """Slot of the action set: OXM fields have one each."""
    return p.SLOT_SET_FIELD + row if row < 45 else -1


def set_field(data: bytes, version: int = 4) -> tuple[Action, str, int]:
    oxm_class, number, masked, size = int.from_bytes(data[4:6]), data[6] >> 1, data[6] & 1, data[7]
    header, row = other_header(data, version)
    if header is not None:
        return set_other_field(data, header, row)
    if oxm_class != 0x8000 or number not in BY_NUMBER:
        raise Refused(BAD_ACTION, 13)
    name = BY_NUMBER[number]
    if name not in SETTABLE or masked:
        raise Refused(BAD_ACTION, 15)
    if size != SHAPE[name][0]:
        raise Refused(BAD_ACTION, 14)
    if len(data) != (8 + size + 7) // 8 * 8:
        raise Refused(BAD_ACTION, 1)
    value = int.from_bytes(data[8 : 8 + size])
    if value >> SHAPE[name][1] or (name == "vlan_vid" and not value & 0x1000):
        raise Refused(BAD_ACTION, 15)
    high, low = (value >> 64, value & (1 << 64) - 1) if size == 16 else (value, 0)
    words = [head(p.OP_SET_FIELD, 3, number), signed(high), signed(low)]
    return Action(p.SLOT_SET_FIELD + number, words), name, value


def other_header(data: bytes, version: int) -> tuple[Header | None, int]:
    """What the set-field says if it is a load, and its row in the kernels' table: of none of OXM's fields, or from
    OpenFlow 1.5 on with a mask, or of the metadata."""
    oxm_class, number = int.from_bytes(data[4:6]), data[6] >> 1
    name = BY_NUMBER.get(number, "") if oxm_class == 0x8000 else ""
    if version >= 6 and (name == "metadata" or (name in SETTABLE and data[6] & 1)):
        return HEADERS[oxm_class, number], number
    if oxm_class == 0xFFFF and len(data) >= 12:
        return EXPERIMENTER.get((int.from_bytes(data[8:12]), number)), ROW_TCP_FLAGS
    if oxm_class == 0x8000 or (oxm_class, number) not in HEADERS:
        return None, 0
    row = ROW_XREG + number if oxm_class == 0x8001 else int(NXM_ROWS[oxm_class, number])
    return HEADERS[oxm_class, number], row


def plain_action(kind: int, data: bytes, switch: Limits) -> Action:
    """Any action but set-field."""
    number = int.from_bytes(data[4:8])
    if kind == 0:
        return output(data, switch)
    if kind in PLAIN:
        return Action(PLAIN[kind][1], [head(PLAIN[kind][0], 1)])
    if kind in TTL:
        return Action(TTL[kind][1], [head(TTL[kind][0], 1, data[4])])
    if kind in PUSH:
        op, slot, tags = PUSH[kind]
        if number >> 16 not in tags:
            raise Refused(BAD_ACTION, 12)
        return Action(slot, [head(op, 1, number >> 16)])
    if kind == 20:
        return Action(p.SLOT_POP_MPLS, [head(p.OP_POP_MPLS, 1, number >> 16)])
    return meter_action(number, switch) if kind == METER else queue(number) if kind == 21 else group(number, switch)


def queue(number: int) -> Action:
    if number == 0xFFFFFFFF:
        raise Refused(BAD_ACTION, 8)
    return Action(p.SLOT_QUEUE, [head(p.OP_SET_QUEUE, 2), number])


def group(number: int, switch: Limits) -> Action:
    if number not in switch.groups:
        raise Refused(BAD_ACTION, 9)
    return Action(p.SLOT_GROUP, [head(p.OP_GROUP, 1, switch.groups[number])])


def meter_action(number: int, switch: Limits) -> Action:
    if number not in switch.meters:
        raise Refused(BAD_ACTION, 17)
    return Action(p.SLOT_METER, [head(p.OP_METER_ACTION, 1, switch.meters[number])])


def copy_field(data: bytes, state: State | None, every: bool) -> Action:
    """OpenFlow 1.5's; its two fields' headers have four bytes each."""
    bits, source_at, target_at = (int.from_bytes(data[at : at + 2]) for at in (4, 6, 8))
    part(state, data[12:16], source_at, bits, False)
    target = part(state, data[16:20], target_at, bits, True)
    slot = p.SLOT_SET_FIELD + NUMBERS[target] if target in NUMBERS else -1
    if not every and slot < 0:
        raise Refused(BAD_ACTION, 11)
    return Action(slot, [])


def one_action(kind: int, data: bytes, switch: Limits, state: State | None, every: bool) -> Action:
    """Decode one action; with a state, check it against that, and follow it. `every`: not only set-fields."""
    if kind == 0xFFFF:
        if not every and int.from_bytes(data[8:10]) not in (6, 7):
            raise Refused(BAD_ACTION, 11)
        if int.from_bytes(data[8:10]) == CLONE:
            action_list(data[16:], switch, None if state is None else State(dict(state.known), state.tags))
        else:
            nicira_action(data, switch, state)
        return Action(0, [])
    if kind == 25:
        action, name, value = set_field(data, switch.version)
        if state is not None:
            if not prerequisite_met("vlan_pcp" if name == "vlan_vid" else name, state.known):
                raise Refused(BAD_ACTION, 10)
            follow_set_field(state, name, value)
        if not every and action.slot < 0:
            raise Refused(BAD_ACTION, 11)
        return action
    if kind == COPY_FIELD:
        return copy_field(data, state, every)
    action = plain_action(kind, data, switch)
    if state is not None:
        if every and not needs_met(kind, state.known):
            raise Refused(BAD_ACTION, 10)
        follow(state, kind, int.from_bytes(data[4:6]))
    return action


def action_list(data: bytes, switch: Limits, state: State | None, every: bool = True) -> list[Action]:
    actions = []
    while data:
        kind, action, data = split_action(data, switch.version)
        actions.append(one_action(kind, action, switch, state, every))
    return actions


def decode_actions(data: bytes, switch: Limits, match: Match | None) -> list[int]:
    """A packet-out's program; a match of None means no check of consistency."""
    actions = action_list(data, switch, None if match is None else state_of(match))
    return [word for action in actions for word in action.words] + [head(p.OP_END, 1)]


def decode_bucket(data: bytes, switch: Limits) -> list[int]:
    """A bucket's program: the last action of each slot, in the order of slots."""
    listed = action_list(data, switch, None)
    if any(action.slot < 0 for action in listed):  # a field that no action set has: done in the order given
        return [word for action in listed for word in action.words] + [head(p.OP_END, 1)]
    chosen = {action.slot: action.words for action in listed}
    if p.SLOT_GROUP in chosen:
        chosen.pop(p.SLOT_OUTPUT, None)
    return [word for _, words in sorted(chosen.items()) for word in words] + [head(p.OP_END, 1)]
