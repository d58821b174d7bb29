"""OFPT_FLOW_MOD, from the wire to a row of numbers, a key, a mask and a program (OpenFlow 1.3.5 section 7.3.4.1)."""

from __future__ import annotations

from triplane.dataplane.kernels.bytes import be8, be16, be32, be64
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.errors import (
    BAD_REQUEST_LEN,
    FLOW_MOD_BAD_COMMAND,
    FLOW_MOD_BAD_FLAGS,
    FLOW_MOD_BAD_TABLE,
)
from triplane.dataplane.kernels.instructions import decode_instructions
from triplane.dataplane.kernels.limits import LIMIT_TABLE, LIMIT_TABLES, LIMIT_VERSION
from triplane.dataplane.kernels.oxm import decode_match_struct, match_length
from triplane.dataplane.kernels.pool import Bytes, Words

# columns of a header row
FM_COOKIE = 0
FM_COOKIE_MASK = FM_COOKIE + 1
FM_TABLE = FM_COOKIE_MASK + 1  # OFPTT_ALL only with a delete
FM_COMMAND = FM_TABLE + 1  # OFPFC_*
FM_IDLE = FM_COMMAND + 1  # seconds
FM_HARD = FM_IDLE + 1  # seconds
FM_PRIORITY = FM_HARD + 1
FM_BUFFER = FM_PRIORITY + 1  # OFP_NO_BUFFER or a buffer's id
FM_OUT_PORT = FM_BUFFER + 1
FM_OUT_GROUP = FM_OUT_PORT + 1
FM_FLAGS = FM_OUT_GROUP + 1  # OFPFF_*
FM_IMPORTANCE = FM_FLAGS + 1  # 0 before OpenFlow 1.4
FM_XID = FM_IMPORTANCE + 1
FM_LEN = FM_XID + 1  # of the whole message
FM_MATCH_AT = FM_LEN + 1  # offset in the wire of the ofp_match
FM_MATCH_LEN = FM_MATCH_AT + 1  # of the ofp_match with its padding
FM_INSTR_AT = FM_MATCH_LEN + 1  # offset of the instructions
FM_INSTR_LEN = FM_INSTR_AT + 1
FM_CODE_LEN = FM_INSTR_LEN + 1  # words of the program, 0 for a delete
FM_WORDS = FM_CODE_LEN + 1

OFPFC_ADD, OFPFC_MODIFY, OFPFC_MODIFY_STRICT, OFPFC_DELETE, OFPFC_DELETE_STRICT = range(5)
OFPTT_ALL = 0xFF
KNOWN_FLAGS = 0x1F  # OFPFF_SEND_FLOW_REM .. OFPFF_NO_BYT_COUNTS

MATCH_AT = 48  # offset of the match in the message
OPENFLOW_1_4 = 5  # the version that gave flow entries an importance
SHORTEST = 56  # a flow-mod with an empty match and no instructions


@kernel
def load_header(wire: Bytes, at: int, header: Words) -> None:
    """The fixed part of the flow-mod at `at`, which is at least SHORTEST bytes long."""
    header[FM_LEN] = be16(wire, at + 2)
    header[FM_XID] = be32(wire, at + 4)
    header[FM_COOKIE] = be64(wire, at + 8)
    header[FM_COOKIE_MASK] = be64(wire, at + 16)
    header[FM_TABLE] = be8(wire, at + 24)
    header[FM_COMMAND] = be8(wire, at + 25)
    header[FM_IDLE] = be16(wire, at + 26)
    header[FM_HARD] = be16(wire, at + 28)
    header[FM_PRIORITY] = be16(wire, at + 30)
    header[FM_BUFFER] = be32(wire, at + 32)
    header[FM_OUT_PORT] = be32(wire, at + 36)
    header[FM_OUT_GROUP] = be32(wire, at + 40)
    header[FM_FLAGS] = be16(wire, at + 44)
    header[FM_IMPORTANCE] = be16(wire, at + 46) if be8(wire, at) >= OPENFLOW_1_4 else 0


@kernel
def is_delete(header: Words) -> bool:
    return header[FM_COMMAND] >= OFPFC_DELETE


@kernel
def header_error(header: Words, limits: Words) -> int:
    if header[FM_COMMAND] > OFPFC_DELETE_STRICT:
        return FLOW_MOD_BAD_COMMAND
    table = header[FM_TABLE]
    if table >= limits[LIMIT_TABLES] and not (table == OFPTT_ALL and is_delete(header)):
        return FLOW_MOD_BAD_TABLE
    return FLOW_MOD_BAD_FLAGS if header[FM_FLAGS] & ~KNOWN_FLAGS else 0


@kernel
def decode_program(
    wire: Bytes,
    limits: Words,
    groups: Words,
    meters: Words,
    header: Words,
    key: Words,
    mask: Words,
    code: Words,
    code_at: int,
    code_end: int,
) -> int:
    """The instructions of the flow-mod whose header and match are decoded: sets FM_CODE_LEN; 0 or an error word."""
    limits[LIMIT_TABLE] = header[FM_TABLE]
    at = header[FM_INSTR_AT]
    end = at + header[FM_INSTR_LEN]
    words = decode_instructions(wire, at, end, limits, groups, meters, key, mask, code, code_at, code_end)
    header[FM_CODE_LEN] = max(words, 0)
    return 0 if words >= 0 else -words


@kernel
def decode_flow_mod(
    wire: Bytes,
    at: int,
    end: int,
    limits: Words,
    groups: Words,
    meters: Words,
    header: Words,
    key: Words,
    mask: Words,
    code: Words,
    code_at: int,
    code_end: int,
) -> int:
    """Decode the OFPT_FLOW_MOD message at `at`, within wire[at:end], to header[FM_WORDS], key, mask and program.

    Returns 0, or an error word of `errors`; header's fixed columns are right even then, unless the message is
    too short (BAD_REQUEST, BAD_LEN). The program goes to code[code_at:code_end]. A delete's instructions are ignored.
    """
    if end - at < SHORTEST or be16(wire, at + 2) < SHORTEST or be16(wire, at + 2) > end - at:
        return BAD_REQUEST_LEN
    load_header(wire, at, header)
    limits[LIMIT_VERSION] = be8(wire, at)
    error = header_error(header, limits)
    if error:
        return error
    end = at + header[FM_LEN]
    error = decode_match_struct(wire, at + MATCH_AT, end, key, mask)
    if error:
        return error
    header[FM_MATCH_AT] = at + MATCH_AT
    header[FM_MATCH_LEN] = match_length(wire, at + MATCH_AT)
    header[FM_INSTR_AT] = at + MATCH_AT + header[FM_MATCH_LEN]
    header[FM_INSTR_LEN] = end - header[FM_INSTR_AT]
    header[FM_CODE_LEN] = 0
    if is_delete(header):
        return 0
    return decode_program(wire, limits, groups, meters, header, key, mask, code, code_at, code_end)
