"""OFPMP_TABLE_FEATURES, read and write (OpenFlow 1.3.5 section 7.3.5.5).

All 254 tables can do everything, always. A write asks for tables that can do *at least* what it lists ("a superset
of, or equal to the requested capabilities"), so each well-formed one for the whole pipeline is granted with the
capabilities unchanged; what it changes is the tables' names and configuration. `max_entries` is read-only. A
write that leaves tables out asks for their removal from the pipeline, which is not offered: OFPTFFC_EPERM
(Open vSwitch answers that to every write).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from struct import Struct
from typing import NamedTuple

from triplane.dataplane.kernels.fields import FIELDS, Field
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import N_TABLES, Switch

FEATURES = Struct("!HB5x32sQQII")  # length, table_id, name, metadata_match, metadata_write, config, max_entries
PROPERTY = Struct("!HH")  # type, length without padding
IDENTIFIER = Struct("!HH")  # instruction or action: type, length 4
OXM = Struct("!HBB")  # class, field << 1 | hasmask, length of the payload
ALL_METADATA = 0xFFFF_FFFF_FFFF_FFFF
DEPRECATED_CONFIG = 3  # OFPTC_DEPRECATED_MASK

INSTRUCTIONS = (
    ofp.OFPIT_GOTO_TABLE,
    ofp.OFPIT_WRITE_METADATA,
    ofp.OFPIT_WRITE_ACTIONS,
    ofp.OFPIT_APPLY_ACTIONS,
    ofp.OFPIT_CLEAR_ACTIONS,
    ofp.OFPIT_METER,
)
ACTIONS = (
    ofp.OFPAT_OUTPUT,
    ofp.OFPAT_GROUP,
    ofp.OFPAT_SET_QUEUE,
    ofp.OFPAT_SET_FIELD,
    ofp.OFPAT_PUSH_VLAN,
    ofp.OFPAT_POP_VLAN,
    ofp.OFPAT_PUSH_MPLS,
    ofp.OFPAT_POP_MPLS,
    ofp.OFPAT_PUSH_PBB,
    ofp.OFPAT_POP_PBB,
    ofp.OFPAT_SET_MPLS_TTL,
    ofp.OFPAT_DEC_MPLS_TTL,
    ofp.OFPAT_SET_NW_TTL,
    ofp.OFPAT_DEC_NW_TTL,
    ofp.OFPAT_COPY_TTL_OUT,
    ofp.OFPAT_COPY_TTL_IN,
)


class Abilities(NamedTuple):
    """What every table can do, in one OpenFlow version."""

    instructions: tuple[int, ...]  # goto-table first
    actions: tuple[int, ...]
    fields: tuple[Field, ...]
    capabilities: int | None = None  # OFPTC_*, told in the place of a configuration since 1.4

    @property
    def settable(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.settable)


V1_3 = Abilities(INSTRUCTIONS, ACTIONS, FIELDS)


Check = Callable[[int, bytes, Abilities], None]  # table, content


def failed(code: int) -> OpenFlowError:
    return OpenFlowError(ofp.OFPET_TABLE_FEATURES_FAILED, code)


def table_features(switch: Switch, request: Request, body: bytes, can: Abilities = V1_3) -> Iterator[bytes]:
    """Read, or with a body write and then read."""
    if body:
        if request.conn.role == ofp.OFPCR_ROLE_SLAVE:
            raise OpenFlowError(ofp.OFPET_BAD_REQUEST, ofp.OFPBRC_IS_SLAVE)
        configure(switch, wanted_tables(body, can), can)
    return (encode_table(switch, table_id, can) for table_id in range(N_TABLES))


# reading


def encode_table(switch: Switch, table_id: int, can: Abilities) -> bytes:
    """One ofp_table_features. Without _MISS properties: the table-miss entry can do what others can."""
    properties = encode_properties(table_id, can)
    head = FEATURES.pack(
        FEATURES.size + len(properties),
        table_id,
        switch.table_names[table_id],
        ALL_METADATA,
        ALL_METADATA,
        switch.table_config[table_id] if can.capabilities is None else can.capabilities,
        switch.config.max_entries,
    )
    return head + properties


@cache
def encode_properties(table_id: int, can: Abilities) -> bytes:
    last = table_id == N_TABLES - 1
    instructions = b"".join(IDENTIFIER.pack(kind, 4) for kind in can.instructions[last:])  # nowhere to go from the last
    next_tables = bytes(range(table_id + 1, N_TABLES))
    actions = b"".join(IDENTIFIER.pack(kind, 4) for kind in can.actions)
    settable = oxm_list(can.settable)
    return b"".join(
        (
            encode_property(ofp.OFPTFPT_INSTRUCTIONS, instructions),
            encode_property(ofp.OFPTFPT_NEXT_TABLES, next_tables),
            encode_property(ofp.OFPTFPT_WRITE_ACTIONS, actions),
            encode_property(ofp.OFPTFPT_APPLY_ACTIONS, actions),
            encode_property(ofp.OFPTFPT_MATCH, oxm_list(can.fields, masks=True)),
            encode_property(ofp.OFPTFPT_WILDCARDS, oxm_list(can.fields)),
            encode_property(ofp.OFPTFPT_WRITE_SETFIELD, settable),
            encode_property(ofp.OFPTFPT_APPLY_SETFIELD, settable),
        )
    )


def encode_property(kind: int, content: bytes) -> bytes:
    length = PROPERTY.size + len(content)
    return PROPERTY.pack(kind, length) + content + bytes(-length % 8)


def oxm_list(fields: Iterable[Field], masks: bool = False) -> bytes:
    """OXM headers; `masks`: those of fields that can be masked say so."""
    headers = []
    for field in fields:
        masked = masks and field.maskable
        headers.append(OXM.pack(ofp.OFPXMC_OPENFLOW_BASIC, field.number << 1 | masked, field.size << masked))
    return b"".join(headers)


# writing


class Wanted(NamedTuple):
    """What a write asks of one table beyond what all tables can do."""

    table_id: int
    name: bytes
    config: int


def configure(switch: Switch, wanted: list[Wanted], can: Abilities) -> None:
    """Apply a checked write: all of it or, with OpenFlowError, none."""
    tables = {table.table_id for table in wanted}
    if len(tables) < len(wanted):
        raise failed(ofp.OFPTFFC_BAD_TABLE)
    if len(tables) < N_TABLES:
        raise failed(ofp.OFPTFFC_EPERM)
    for table in wanted:
        switch.table_names[table.table_id] = table.name
        if can.capabilities is None:
            switch.table_config[table.table_id] = table.config


def wanted_tables(body: bytes, can: Abilities) -> list[Wanted]:
    """Decode and check an array of ofp_table_features. Raises OpenFlowError."""
    wanted = []
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 2], "big")
        if length < FEATURES.size or length % 8 or at + length > len(body):
            raise failed(ofp.OFPTFFC_BAD_LEN)
        wanted.append(wanted_table(body[at : at + length], can))
        at += length
    return wanted


def wanted_table(record: bytes, can: Abilities) -> Wanted:
    _, table_id, name, _, _, config, _ = FEATURES.unpack_from(record)
    if table_id >= N_TABLES:
        raise failed(ofp.OFPTFFC_BAD_TABLE)
    if config & ~(DEPRECATED_CONFIG if can.capabilities is None else can.capabilities) or not name.endswith(b"\0"):
        raise failed(ofp.OFPTFFC_BAD_ARGUMENT)
    check_properties(record, table_id, can, CHECKS)
    return Wanted(table_id, name.split(b"\0")[0], config)


def check_properties(record: bytes, table_id: int, can: Abilities, checks: Mapping[int, Check]) -> None:
    """Raise the OpenFlowError for a property that asks for what the tables cannot do."""
    seen = set()
    for kind, content in properties_of(record, checks):
        if kind in seen:
            raise failed(ofp.OFPTFFC_BAD_ARGUMENT)
        seen.add(kind)
        checks[kind](table_id, content, can)


def properties_of(record: bytes, checks: Mapping[int, Check]) -> Iterator[tuple[int, bytes]]:
    """Type and content of each property. Raises OpenFlowError."""
    at = FEATURES.size
    while at < len(record):
        kind, length = PROPERTY.unpack_from(record, at)  # records and padded properties are multiples of 8
        if kind not in checks:
            raise failed(ofp.OFPTFFC_BAD_TYPE)
        if length < PROPERTY.size or at + length + -length % 8 > len(record):
            raise failed(ofp.OFPTFFC_BAD_LEN)
        yield kind, record[at + PROPERTY.size : at + length]
        at += length + -length % 8


def check_identifiers(content: bytes, known: tuple[int, ...]) -> None:
    """Instruction or action headers of 4 bytes each."""
    if len(content) % IDENTIFIER.size:
        raise failed(ofp.OFPTFFC_BAD_LEN)
    for kind, length in IDENTIFIER.iter_unpack(content):
        if length != IDENTIFIER.size:
            raise failed(ofp.OFPTFFC_BAD_LEN)
        if kind not in known:
            raise failed(ofp.OFPTFFC_BAD_ARGUMENT)


def check_instructions(table_id: int, content: bytes, can: Abilities) -> None:
    check_identifiers(content, can.instructions[table_id == N_TABLES - 1 :])


def check_actions(table_id: int, content: bytes, can: Abilities) -> None:
    check_identifiers(content, can.actions)


def check_next_tables(table_id: int, content: bytes, can: Abilities) -> None:
    if any(not table_id < following < N_TABLES for following in content):
        raise failed(ofp.OFPTFFC_BAD_ARGUMENT)


def check_fields(content: bytes, fields: Iterable[Field], maskable: bool) -> None:
    """OXM headers. A header with a mask may count it in its length or not: both are in use."""
    if len(content) % OXM.size:
        raise failed(ofp.OFPTFFC_BAD_LEN)
    by_number = {field.number: field for field in fields}
    for oxm_class, number, length in OXM.iter_unpack(content):
        field = by_number.get(number >> 1) if oxm_class == ofp.OFPXMC_OPENFLOW_BASIC else None
        if field is None:
            raise failed(ofp.OFPTFFC_BAD_ARGUMENT)
        masked = number & 1
        if masked and not (maskable and field.maskable):
            raise failed(ofp.OFPTFFC_BAD_ARGUMENT)
        if length not in (field.size, field.size << masked):
            raise failed(ofp.OFPTFFC_BAD_LEN)


def check_match(table_id: int, content: bytes, can: Abilities) -> None:
    check_fields(content, can.fields, maskable=True)


def check_wildcards(table_id: int, content: bytes, can: Abilities) -> None:
    check_fields(content, can.fields, maskable=False)


def check_set_fields(table_id: int, content: bytes, can: Abilities) -> None:
    check_fields(content, can.settable, maskable=True)


CHECKS: dict[int, Check] = {
    ofp.OFPTFPT_INSTRUCTIONS: check_instructions,
    ofp.OFPTFPT_INSTRUCTIONS_MISS: check_instructions,
    ofp.OFPTFPT_NEXT_TABLES: check_next_tables,
    ofp.OFPTFPT_NEXT_TABLES_MISS: check_next_tables,
    ofp.OFPTFPT_WRITE_ACTIONS: check_actions,
    ofp.OFPTFPT_WRITE_ACTIONS_MISS: check_actions,
    ofp.OFPTFPT_APPLY_ACTIONS: check_actions,
    ofp.OFPTFPT_APPLY_ACTIONS_MISS: check_actions,
    ofp.OFPTFPT_MATCH: check_match,
    ofp.OFPTFPT_WILDCARDS: check_wildcards,
    ofp.OFPTFPT_WRITE_SETFIELD: check_set_fields,
    ofp.OFPTFPT_WRITE_SETFIELD_MISS: check_set_fields,
    ofp.OFPTFPT_APPLY_SETFIELD: check_set_fields,
    ofp.OFPTFPT_APPLY_SETFIELD_MISS: check_set_fields,
}
