"""Instructions: kernels against the oracle and the specification's own cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dataplane.kernels.test_actions import arrays, well_formed
from tests.dataplane.kernels.wire_samples import mutated, some_instructions, tlv_soup
from tests.oracle import instructions as oracle
from tests.oracle import oxm as oxm_oracle
from tests.oracle.program import Limits
from triplane.dataplane.kernels.ids import id_insert, make_index
from triplane.dataplane.kernels.instructions import decode_instructions
from triplane.dataplane.kernels.limits import LIMIT_TABLE, make_limits
from triplane.dataplane.kernels.program import (
    OP_CLEAR,
    OP_END,
    OP_GOTO,
    OP_METADATA,
    OP_METER,
    OP_OUTPUT,
    OP_POP_VLAN,
    OP_WRITE,
    SLOT_OUTPUT,
    head_of,
)

SWITCH = Limits(tables=250, groups={1: 4, 3: 0}, meters={1: 5, 0xFFFF0000: 0})


def decode(data: bytes, match: oxm_oracle.Match, table: int = 0, room: int = 200, at: int = 1) -> int | list[int]:
    """The program, or the error word."""
    limits, code = make_limits(tables=SWITCH.tables), np.full(room + 1, -7, np.int64)
    limits[LIMIT_TABLE] = table
    groups, meters = make_index(4), make_index(4)
    for index, ids in ((groups, SWITCH.groups), (meters, SWITCH.meters)):
        for number, slot in ids.items():
            id_insert(index, number, slot)
    wire = np.frombuffer(bytearray(b"\xaa" * at + data + b"\0\4\0\x08" * 2), np.uint8)
    where = (wire, at, at + len(data), limits, groups, meters)
    words = decode_instructions(*where, *arrays(match), code, 0, room)
    assert code[room] == -7
    return -int(words) if words < 0 else code[:words].tolist()


def expected(data: bytes, match: oxm_oracle.Match, table: int = 0) -> int | list[int]:
    try:
        return oracle.decode_instructions(data, SWITCH, table, match)
    except oxm_oracle.Refused as refused:
        return refused.word


@given(some_instructions(), tlv_soup(), st.sampled_from([0, 7, 249]), st.integers(0, 2))
def test_nearly_right_instructions(data: bytes, match: bytes, table: int, at: int) -> None:
    known = well_formed(match) or {}
    assert decode(data, known, table, at=at) == expected(data, known, table)


@given(mutated(some_instructions()))
def test_changed_instructions(data: bytes) -> None:
    assert decode(data, {}) == expected(data, {})


@given(st.binary(max_size=64))
def test_noise(data: bytes) -> None:
    assert decode(data, {}) == expected(data, {})


GOTO, METER, CLEAR = b"\0\1\0\x08\x05\0\0\0", b"\0\6\0\x08\0\0\0\1", b"\0\5\0\x08\0\0\0\0"
METADATA = b"\0\2\0\x18\0\0\0\0" + b"\xff" * 8 + b"\0" * 7 + b"\x0f"
OUTPUT = b"\0\0\0\x10\0\0\0\2\0\x80" + bytes(6)
POP_VLAN = b"\0\x12\0\x08\0\0\0\0"
SET_VLAN = b"\0\x19\0\x10\x80\0\x0c\2\x10\5" + bytes(6)


def apply(*steps: bytes) -> bytes:
    return b"\0\4" + (8 + sum(map(len, steps))).to_bytes(2) + bytes(4) + b"".join(steps)


def write(*steps: bytes) -> bytes:
    return b"\0\3" + apply(*steps)[2:]


def test_the_program_is_in_execution_order_whatever_the_wire_says() -> None:
    output = [head_of(OP_OUTPUT, 2, 0x80), 2]
    whole = [head_of(OP_METER, 1, 5), *output, head_of(OP_CLEAR, 1, 0), head_of(OP_WRITE, 1, SLOT_OUTPUT), *output]
    whole += [head_of(OP_METADATA, 3, 0), 15, 15, head_of(OP_GOTO, 1, 5), head_of(OP_END, 1, 0)]
    assert decode(GOTO + METADATA + write(OUTPUT) + CLEAR + apply(OUTPUT) + METER, {}) == whole
    assert decode(METER + apply(OUTPUT) + CLEAR + write(OUTPUT) + METADATA + GOTO, {}) == whole


BAD_INSTRUCTION, BAD_ACTION, METER_MOD_FAILED = 3, 2, 12


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"\0\7\0\x08\0\0\0\0", BAD_INSTRUCTION, 0),
        (b"\0\0\0\x08\0\0\0\0", BAD_INSTRUCTION, 0),
        (CLEAR + CLEAR, BAD_INSTRUCTION, 9),
        (apply(OUTPUT) + apply(OUTPUT), BAD_INSTRUCTION, 9),
        (b"\0\1\0\x08\x03\0\0\0", BAD_INSTRUCTION, 2),
        (b"\0\1\0\x08\xfa\0\0\0", BAD_INSTRUCTION, 2),
        (b"\xff\xff\0\x08\0\0\x23\x20", BAD_INSTRUCTION, 5),
        (b"\0\5\0\x10" + bytes(12), BAD_INSTRUCTION, 7),
        (METADATA[:3] + b"\x10" + METADATA[4:16], BAD_INSTRUCTION, 7),
        (GOTO[:4], BAD_INSTRUCTION, 7),
        (b"\0\5\0\x04\0\0\0\0", BAD_INSTRUCTION, 7),
        (b"\0\5\0\x0a" + bytes(6), BAD_INSTRUCTION, 7),
        (apply(OUTPUT)[:-8], BAD_INSTRUCTION, 7),
        (apply(OUTPUT[:8]), BAD_ACTION, 1),
        (apply(POP_VLAN), BAD_ACTION, 10),
        (apply(SET_VLAN), BAD_ACTION, 10),
        (write(SET_VLAN), BAD_ACTION, 10),
        (METER[:-1] + b"\7", METER_MOD_FAILED, 3),
        (METER[:-1] + b"\0", METER_MOD_FAILED, 2),
        (METER[:4] + b"\xff\xff\xff\xfd", METER_MOD_FAILED, 2),
    ],
)
def test_each_error_of_the_specification(data: bytes, kind: int, code: int) -> None:
    assert decode(data, {}, table=3) == kind << 16 | code
    assert expected(data, {}, table=3) == kind << 16 | code


def test_write_actions_need_no_more_than_set_fields_that_fit() -> None:
    assert decode(write(POP_VLAN), {}) == [head_of(OP_WRITE, 1, 1), head_of(OP_POP_VLAN, 1, 0), head_of(OP_END, 1, 0)]


def test_what_apply_actions_pushed_write_actions_may_set() -> None:
    push = b"\0\x11\0\x08\x81\0\0\0"
    assert isinstance(decode(write(SET_VLAN) + apply(push), {}), list)
    assert isinstance(decode(write(push, SET_VLAN), {}), list)


@pytest.mark.parametrize(
    "data",
    [
        METER,
        CLEAR,
        METER + CLEAR,
        apply(OUTPUT) + CLEAR,
        apply(SET_VLAN, OUTPUT) + write(SET_VLAN),
        METADATA + GOTO,
        METER + apply(OUTPUT, SET_VLAN) + CLEAR + write(SET_VLAN) + METADATA + GOTO,
    ],
)
def test_no_room_is_too_many_and_nothing_is_written_beyond(data: bytes) -> None:
    tagged = {"vlan_vid": (0x1001, 0x1FFF)}
    whole = decode(data, tagged)
    assert isinstance(whole, list)
    for room in range(len(whole)):
        assert decode(data, tagged, room=room) == BAD_ACTION << 16 | 7
    assert decode(data, tagged, room=len(whole) + 5) == whole
