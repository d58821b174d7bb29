"""OFPMP_TABLE_FEATURES of 1.5 (OpenFlow 1.5.1 section 7.3.5.18): as 1.3's, with commands and egress tables.

All tables are enabled, always, and each may be an ingress or an egress table: those from the one that is told to be
the first egress table on are egress tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from triplane.dataplane.kernels.fields import FIELDS, LATER_FIELDS
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.switch import table_features as v1_3
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.table_features import Abilities, failed

FEATURES = Struct("!HBBI32sQQII")  # length, table_id, command, features, name, metadata_match, metadata_write,
# capabilities, max_entries
PACKET_TYPE = Struct("!HBBI")  # OXM header, value
ETHERNET = PACKET_TYPE.pack(ofp.OFPXMC_OPENFLOW_BASIC, 44 << 1, 4, 0)
FLAGS = ofp.OFPTFF_INGRESS_TABLE | ofp.OFPTFF_EGRESS_TABLE | ofp.OFPTFF_FIRST_EGRESS
CAPABILITIES = ofp.OFPTC_EVICTION | ofp.OFPTC_VACANCY_EVENTS

CAN = Abilities(
    (*v1_3.INSTRUCTIONS, ofp.OFPIT_STAT_TRIGGER),
    (*v1_3.ACTIONS, ofp.OFPAT_COPY_FIELD, ofp.OFPAT_METER),
    (*FIELDS, *LATER_FIELDS),
)


class Wanted(NamedTuple):
    """What a write asks of one table beyond what all tables can do."""

    table_id: int
    command: int
    features: int
    name: bytes


def table_features(switch: Switch, request: Request, body: bytes) -> Iterator[bytes]:
    """Read, or with a body write and then read."""
    if body:
        if request.conn.role == ofp.OFPCR_ROLE_SLAVE:
            raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_IS_SLAVE)
        configure(switch, wanted_tables(switch, body))
    return (encode_table(switch, table_id) for table_id in range(N_TABLES))


# reading


def encode_table(switch: Switch, table_id: int) -> bytes:
    """One ofp_table_features."""
    properties = v1_3.encode_properties(table_id, CAN) + more_properties()
    first = ofp.OFPTFF_FIRST_EGRESS if table_id == switch.first_egress else 0
    head = FEATURES.pack(
        FEATURES.size + len(properties),
        table_id,
        ofp.OFPTFC_REPLACE,
        ofp.OFPTFF_INGRESS_TABLE | ofp.OFPTFF_EGRESS_TABLE | first,
        switch.table_names[table_id],
        v1_3.ALL_METADATA,
        v1_3.ALL_METADATA,
        CAPABILITIES,
        switch.config.max_entries,
    )
    return head + properties


def more_properties() -> bytes:
    """Those that 1.4 does not have."""
    copied = v1_3.oxm_list(CAN.fields)
    return b"".join(
        (
            v1_3.encode_property(ofp.OFPTFPT_WRITE_COPYFIELD, copied),
            v1_3.encode_property(ofp.OFPTFPT_APPLY_COPYFIELD, copied),
            v1_3.encode_property(ofp.OFPTFPT_PACKET_TYPES, ETHERNET),
        )
    )


# writing


def configure(switch: Switch, wanted: list[Wanted]) -> None:
    """Apply a checked write: all of it or, with OpenFlowError, none."""
    tables = {table.table_id for table in wanted}
    commands = {table.command for table in wanted}
    firsts = [table.table_id for table in wanted if table.features & ofp.OFPTFF_FIRST_EGRESS]
    if len(tables) < len(wanted):
        raise failed(ec.OFPTFFC_BAD_TABLE)
    if len(commands) > 1 or not commands <= {ofp.OFPTFC_REPLACE, ofp.OFPTFC_MODIFY, ofp.OFPTFC_ENABLE}:
        raise failed(ec.OFPTFFC_EPERM if ofp.OFPTFC_DISABLE in commands else ec.OFPTFFC_BAD_COMMAND)
    if ofp.OFPTFC_REPLACE in commands and len(tables) < N_TABLES:
        raise failed(ec.OFPTFFC_EPERM)
    if len(firsts) > 1 or 0 in firsts:
        raise failed(ec.OFPTFFC_BAD_FEATURES)
    if ofp.OFPTFC_ENABLE not in commands:
        rename(switch, wanted)
        choose_egress(switch, tables, firsts)


def rename(switch: Switch, wanted: list[Wanted]) -> None:
    for table in wanted:
        switch.table_names[table.table_id] = table.name


def choose_egress(switch: Switch, tables: set[int], firsts: list[int]) -> None:
    """The first egress table is the one that says so; no table is, if it does not say so any longer."""
    if firsts:
        switch.first_egress = firsts[0]
    elif switch.first_egress in tables:
        switch.first_egress = None
    switch.datapath.set_egress(switch.first_egress)


def wanted_tables(switch: Switch, body: bytes) -> list[Wanted]:
    """Decode and check an array of ofp_table_features. Raises OpenFlowError."""
    wanted = []
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + 2], "big")
        if length < FEATURES.size or length % 8 or at + length > len(body):
            raise OpenFlowError(ec.OFPET_BAD_REQUEST, ec.OFPBRC_BAD_LEN)
        wanted.append(wanted_table(switch, body[at : at + length]))
        at += length
    return wanted


def wanted_table(switch: Switch, record: bytes) -> Wanted:
    _, table_id, command, features, name, _, _, capabilities, entries = FEATURES.unpack_from(record)
    if table_id >= N_TABLES:
        raise failed(ec.OFPTFFC_BAD_TABLE)
    if capabilities & ~(CAPABILITIES | v1_3.DEPRECATED_CONFIG):
        raise failed(ec.OFPTFFC_BAD_CAP)
    if entries > switch.config.max_entries:
        raise failed(ec.OFPTFFC_BAD_MAX_ENT)
    egress = features & ofp.OFPTFF_EGRESS_TABLE
    if features & ~FLAGS or (features & ofp.OFPTFF_FIRST_EGRESS and not egress):
        raise failed(ec.OFPTFFC_BAD_FEATURES)
    v1_3.check_properties(record, table_id, CAN, CHECKS)
    return Wanted(table_id, command, features, name.split(b"\0")[0][:31])


def check_copy_fields(table_id: int, content: bytes, can: Abilities) -> None:
    v1_3.check_fields(content, can.fields, maskable=True)


def check_packet_types(table_id: int, content: bytes, can: Abilities) -> None:
    if content not in (b"", ETHERNET):
        raise OpenFlowError(ec.OFPET_BAD_PROPERTY, ec.OFPBPC_BAD_VALUE)


CHECKS: dict[int, v1_3.Check] = {
    **v1_3.CHECKS,
    ofp.OFPTFPT_WRITE_COPYFIELD: check_copy_fields,
    ofp.OFPTFPT_WRITE_COPYFIELD_MISS: check_copy_fields,
    ofp.OFPTFPT_APPLY_COPYFIELD: check_copy_fields,
    ofp.OFPTFPT_APPLY_COPYFIELD_MISS: check_copy_fields,
    ofp.OFPTFPT_PACKET_TYPES: check_packet_types,
}
