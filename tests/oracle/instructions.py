"""What instructions, actions and flow-mods on the wire mean, written as plainly as OpenFlow 1.3.5 says it.

Programs are lists of words, as `kernels/program.py` lays them out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle.nicira import EXPERIMENTER, Header, nxm_of
from tests.oracle.oxm import (
    ANY,
    BASIC_SHAPE,
    BY_NUMBER,
    HEADERS,
    NUMBERS,
    SHAPE,
    Known,
    Match,
    Refused,
    decode_match_struct,
    known_from,
    prerequisite_met,
)
from triplane.dataplane.kernels import program as p
from triplane.dataplane.kernels.nicira_fields import NXM_ROWS, ROW_TCP_FLAGS, ROW_XREG

BAD_REQUEST, BAD_ACTION, BAD_INSTRUCTION, FLOW_MOD_FAILED, METER_MOD_FAILED = 1, 2, 3, 5, 12
MANY = 1 << 32
COPY_FIELD, METER = 28, 29  # from OpenFlow 1.5 on
NXM_OF_IN_PORT = bytes.fromhex("00000002")
UNWRITABLE = {"conj_id", "ip_frag", "tcp_flags", "actset_output", "packet_type"}
SETTABLE = set(NUMBERS) - {"in_port", "in_phy_port", "metadata", "ipv6_exthdr", "actset_output", "packet_type"}


@dataclass
class Switch:
    """What exists: tables 0..tables-1, group and meter ids with their slots."""

    tables: int = 254
    max_port: int = 0xFFFFFF00
    groups: dict[int, int] = field(default_factory=dict)
    meters: dict[int, int] = field(default_factory=dict)
    output_table: bool = False
    version: int = 4  # on the wire
    first_egress: int = 0  # table, 0 for none


@dataclass
class State:
    """What is known of the packet while an action list is walked."""

    known: Known
    tags: int

    def at_ether(self, eth_type: int) -> None:
        for name in ("eth_type", "ip_proto", "icmpv6_type"):
            self.known.pop(name, None)
        self.known["eth_type"] = eth_type

    def set_tags(self, tags: int) -> None:
        self.tags = tags
        self.known["tagged"] = 1 if tags else 0


def state_of(match: Match) -> State:
    known = known_from(match)
    return State(known, MANY if known.get("tagged") else 0)


def head(op: int, size: int, arg: int = 0) -> int:
    return op | size << 8 | arg << 16


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


@dataclass
class Action:
    slot: int
    words: list[int]


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


def output(data: bytes, switch: Switch) -> Action:
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


def plain_action(kind: int, data: bytes, switch: Switch) -> Action:
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


def group(number: int, switch: Switch) -> Action:
    if number not in switch.groups:
        raise Refused(BAD_ACTION, 9)
    return Action(p.SLOT_GROUP, [head(p.OP_GROUP, 1, switch.groups[number])])


def meter_action(number: int, switch: Switch) -> Action:
    if number not in switch.meters:
        raise Refused(BAD_ACTION, 17)
    return Action(p.SLOT_METER, [head(p.OP_METER_ACTION, 1, switch.meters[number])])


def needs_met(kind: int, known: Known) -> bool:
    wanted = {15: "mpls_label", 16: "mpls_label", 20: "mpls_label", 18: "vlan_pcp", 23: "ip_dscp", 24: "ip_dscp"}
    return prerequisite_met({**wanted, 27: "pbb_isid"}.get(kind, "in_port"), known)


def follow(state: State, kind: int, tag: int) -> None:
    """What a push or pop does to what is known."""
    if kind == 17:
        state.set_tags(state.tags + 1)
    elif kind == 18:
        state.set_tags(MANY if state.tags == MANY else max(state.tags - 1, 0))
    elif kind in (19, 20):
        state.at_ether(tag)
    elif kind == 26:
        state.set_tags(0)
        state.at_ether(tag)
    elif kind == 27:
        state.known |= dict.fromkeys(("eth_type", "ip_proto", "icmpv6_type"), ANY) | {"in_port": ANY}
        state.set_tags(MANY)


def follow_set_field(state: State, name: str, value: int) -> None:
    if name == "eth_type":
        state.at_ether(value)
    elif name == "ip_proto":
        state.known.pop("icmpv6_type", None)
        state.known["ip_proto"] = value
    elif name == "icmpv6_type":
        state.known["icmpv6_type"] = value
    elif name == "vlan_tci" and value >= 0:
        state.set_tags(1 if value & 0x1000 else 0)


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


def copy_field(data: bytes, state: State | None, every: bool) -> Action:
    """OpenFlow 1.5's; its two fields' headers have four bytes each."""
    bits, source_at, target_at = (int.from_bytes(data[at : at + 2]) for at in (4, 6, 8))
    part(state, data[12:16], source_at, bits, False)
    target = part(state, data[16:20], target_at, bits, True)
    slot = p.SLOT_SET_FIELD + NUMBERS[target] if target in NUMBERS else -1
    if not every and slot < 0:
        raise Refused(BAD_ACTION, 11)
    return Action(slot, [])


def packed(data: bytes) -> tuple[int, int]:
    number = int.from_bytes(data)
    return number >> 6, (number & 0x3F) + 1


def nicira_action(data: bytes, switch: Switch, state: State | None) -> None:
    """Refuse what is wrong with one of Nicira's actions, and follow what it does to what is known."""
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
    elif subtype == 42:
        action_list(data[16:], switch, None if state is None else State(dict(state.known), state.tags))


def multipath(body: bytes, state: State | None) -> None:
    """Links are counted to the highest, which must fit."""
    fields, algorithm, highest = (int.from_bytes(body[at : at + 2]) for at in (0, 6, 8))
    offset, bits = packed(body[16:18])
    if fields > 6 or algorithm > 3 or highest >> bits:
        raise Refused(BAD_ACTION, 5)
    part(state, body[18:22], offset, bits, True)


def bundle(body: bytes, loads: bool, switch: Switch, state: State | None) -> None:
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


def one_action(kind: int, data: bytes, switch: Switch, state: State | None, every: bool) -> Action:
    """Decode one action; with a state, check it against that, and follow it. `every`: not only set-fields."""
    if kind == 0xFFFF:
        if not every and int.from_bytes(data[8:10]) not in (6, 7):
            raise Refused(BAD_ACTION, 11)
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


def action_list(data: bytes, switch: Switch, state: State | None, every: bool = True) -> list[Action]:
    actions = []
    while data:
        kind, action, data = split_action(data, switch.version)
        actions.append(one_action(kind, action, switch, state, every))
    return actions


def decode_actions(data: bytes, switch: Switch, match: Match | None) -> list[int]:
    """A packet-out's program; a match of None means no check of consistency."""
    actions = action_list(data, switch, None if match is None else state_of(match))
    return [word for action in actions for word in action.words] + [head(p.OP_END, 1)]


def decode_bucket(data: bytes, switch: Switch) -> list[int]:
    """A bucket's program: the last action of each slot, in the order of slots."""
    listed = action_list(data, switch, None)
    if any(action.slot < 0 for action in listed):  # a field that no action set has: done in the order given
        return [word for action in listed for word in action.words] + [head(p.OP_END, 1)]
    chosen = {action.slot: action.words for action in listed}
    if p.SLOT_GROUP in chosen:
        chosen.pop(p.SLOT_OUTPUT, None)
    return [word for _, words in sorted(chosen.items()) for word in words] + [head(p.OP_END, 1)]


def split_instructions(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    sizes = {1: 8, 2: 24, 5: 8, 6: 8}
    while data:
        if len(data) < 8:
            raise Refused(BAD_INSTRUCTION, 7)
        kind, length = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
        if length < 8 or length % 8 or length > len(data):
            raise Refused(BAD_INSTRUCTION, 7)
        if kind == 0xFFFF:
            raise Refused(BAD_INSTRUCTION, 5)
        if kind not in (1, 2, 3, 4, 5, 6):
            raise Refused(BAD_INSTRUCTION, 0)
        if sizes.get(kind, length) != length:
            raise Refused(BAD_INSTRUCTION, 7)
        if kind in found:
            raise Refused(BAD_INSTRUCTION, 9)
        found[kind], data = data[:length], data[length:]
    return found


def meter(data: bytes, switch: Switch) -> list[int]:
    number = int.from_bytes(data[4:8])
    if number == 0 or number > 0xFFFF0000:
        raise Refused(METER_MOD_FAILED, 2)
    if number not in switch.meters:
        raise Refused(METER_MOD_FAILED, 3)
    return [head(p.OP_METER, 1, switch.meters[number])]


def goto(data: bytes, switch: Switch, table: int) -> list[int]:
    if data[4] <= table or data[4] >= switch.tables or table < switch.first_egress <= data[4]:
        raise Refused(BAD_INSTRUCTION, 2)
    return [head(p.OP_GOTO, 1, data[4])]


def decode_instructions(data: bytes, switch: Switch, table: int, match: Match) -> list[int]:
    found = split_instructions(data)
    state, leaves = state_of(match), False
    code = meter(found[6], switch) if 6 in found else []
    for action in action_list(found[4][8:], switch, state) if 4 in found else []:
        code += action.words
    if 5 in found:
        code.append(head(p.OP_CLEAR, 1))
    for action in action_list(found[3][8:], switch, state, every=False) if 3 in found else []:
        code += [head(p.OP_WRITE, 1, action.slot), *action.words]
        leaves |= action.slot >= p.SLOT_GROUP
    if leaves and 0 < switch.first_egress <= table:
        raise Refused(BAD_ACTION, 0)
    if 2 in found:
        value, mask = int.from_bytes(found[2][8:16]), int.from_bytes(found[2][16:24])
        code += [head(p.OP_METADATA, 3), signed(value & mask), signed(mask)]
    return code + (goto(found[1], switch, table) if 1 in found else []) + [head(p.OP_END, 1)]


@dataclass
class FlowMod:
    fixed: dict[str, int]
    match: Match
    match_len: int
    program: list[int]


FIXED = {  # name: (offset, bytes)
    "COOKIE": (8, 8),
    "COOKIE_MASK": (16, 8),
    "TABLE": (24, 1),
    "COMMAND": (25, 1),
    "IDLE": (26, 2),
    "HARD": (28, 2),
    "PRIORITY": (30, 2),
    "BUFFER": (32, 4),
    "OUT_PORT": (36, 4),
    "OUT_GROUP": (40, 4),
    "FLAGS": (44, 2),
    "IMPORTANCE": (46, 2),
    "XID": (4, 4),
    "LEN": (2, 2),
}


def decode_flow_mod(data: bytes, switch: Switch) -> FlowMod:
    length = int.from_bytes(data[2:4])
    if len(data) < 56 or not 56 <= length <= len(data):
        raise Refused(BAD_REQUEST, 6)
    data = data[:length]
    fixed = {name: int.from_bytes(data[at : at + size]) for name, (at, size) in FIXED.items()}
    if data[0] < 5:
        fixed["IMPORTANCE"] = 0
    delete = fixed["COMMAND"] in (3, 4)
    if fixed["COMMAND"] > 4:
        raise Refused(FLOW_MOD_FAILED, 6)
    if fixed["TABLE"] >= switch.tables and not (delete and fixed["TABLE"] == 255):
        raise Refused(FLOW_MOD_FAILED, 2)
    if fixed["FLAGS"] > 0x1F:
        raise Refused(FLOW_MOD_FAILED, 7)
    match, padded = decode_match_struct(data[48:])
    instructions = data[48 + padded :]
    program = [] if delete else decode_instructions(instructions, switch, fixed["TABLE"], match)
    return FlowMod(fixed, match, padded, program)
