"""What instructions and flow-mods on the wire mean, written as plainly as OpenFlow 1.3.5 says it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.action_list import action_list
from tests.oracle.consistency import state_of
from tests.oracle.oxm import Match, Refused, decode_match_struct
from tests.oracle.program import (
    BAD_ACTION,
    BAD_INSTRUCTION,
    BAD_REQUEST,
    FLOW_MOD_FAILED,
    METER_MOD_FAILED,
    Limits,
    head,
    signed,
)
from triplane.dataplane.kernels import program as p


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


def meter(data: bytes, switch: Limits) -> list[int]:
    number = int.from_bytes(data[4:8])
    if number == 0 or number > 0xFFFF0000:
        raise Refused(METER_MOD_FAILED, 2)
    if number not in switch.meters:
        raise Refused(METER_MOD_FAILED, 3)
    return [head(p.OP_METER, 1, switch.meters[number])]


def goto(data: bytes, switch: Limits, table: int) -> list[int]:
    if data[4] <= table or data[4] >= switch.tables or table < switch.first_egress <= data[4]:
        raise Refused(BAD_INSTRUCTION, 2)
    return [head(p.OP_GOTO, 1, data[4])]


def decode_instructions(data: bytes, switch: Limits, table: int, match: Match) -> list[int]:
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


def decode_flow_mod(data: bytes, switch: Limits) -> FlowMod:
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
