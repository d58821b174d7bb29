"""Requests that have properties in 1.4: port-mod, table-mod, asynchronous configuration. Sections are of 1.4.1."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.openflow.v1_5 import constants as v1_5
from triplane.dataplane.switch import async_config, requests, vacancy, wire
from triplane.dataplane.switch.async_config import AsyncConfig, Masks
from triplane.dataplane.switch.connection import Connection, Request
from triplane.dataplane.switch.state import Switch
from triplane.dataplane.switch.v1_4.properties import bad_property, pack_property, read_properties

PORT_MOD = Struct("!I4x6s2xII")  # port_no, hw_addr, config, mask
NUMBER = Struct("!I")
VACANCY = Struct("!BBBx")  # down, up, current

# table-mod

TABLE_CONFIG = ofp.OFPTC_DEPRECATED_MASK | ofp.OFPTC_EVICTION | ofp.OFPTC_VACANCY_EVENTS
EVICTION_FLAGS = ofp.OFPTMPEF_OTHER | ofp.OFPTMPEF_IMPORTANCE | ofp.OFPTMPEF_LIFETIME
TABLE_PROPERTIES = {ofp.OFPTMPT_EVICTION: NUMBER.size, ofp.OFPTMPT_VACANCY: VACANCY.size}

# asynchronous configuration: the property types of each message type, for slave and for master and equal

ASYNC_TYPES = {
    ofp.OFPT_PACKET_IN: (ofp.OFPACPT_PACKET_IN_SLAVE, ofp.OFPACPT_PACKET_IN_MASTER),
    ofp.OFPT_PORT_STATUS: (ofp.OFPACPT_PORT_STATUS_SLAVE, ofp.OFPACPT_PORT_STATUS_MASTER),
    ofp.OFPT_FLOW_REMOVED: (ofp.OFPACPT_FLOW_REMOVED_SLAVE, ofp.OFPACPT_FLOW_REMOVED_MASTER),
    ofp.OFPT_ROLE_STATUS: (ofp.OFPACPT_ROLE_STATUS_SLAVE, ofp.OFPACPT_ROLE_STATUS_MASTER),
    ofp.OFPT_TABLE_STATUS: (ofp.OFPACPT_TABLE_STATUS_SLAVE, ofp.OFPACPT_TABLE_STATUS_MASTER),
    ofp.OFPT_REQUESTFORWARD: (ofp.OFPACPT_REQUESTFORWARD_SLAVE, ofp.OFPACPT_REQUESTFORWARD_MASTER),
    # of versions that have these
    ofp.OFPT_MULTIPART_REPLY: (v1_5.OFPACPT_FLOW_STATS_SLAVE, v1_5.OFPACPT_FLOW_STATS_MASTER),
    v1_5.OFPT_CONTROLLER_STATUS: (v1_5.OFPACPT_CONT_STATUS_SLAVE, v1_5.OFPACPT_CONT_STATUS_MASTER),
}


def bits(*reasons: int) -> int:
    return sum(1 << reason for reason in reasons)


KNOWN_REASONS = {  # of each message type
    ofp.OFPT_PACKET_IN: bits(*range(6)),
    ofp.OFPT_PORT_STATUS: bits(*range(3)),
    ofp.OFPT_FLOW_REMOVED: bits(*range(6)),
    ofp.OFPT_ROLE_STATUS: bits(*range(3)),
    ofp.OFPT_TABLE_STATUS: bits(ofp.OFPTR_VACANCY_DOWN, ofp.OFPTR_VACANCY_UP),
    ofp.OFPT_REQUESTFORWARD: bits(*range(2)),
    ofp.OFPT_MULTIPART_REPLY: bits(v1_5.OFPFSR_STATS_REQUEST, v1_5.OFPFSR_STAT_TRIGGER),
    v1_5.OFPT_CONTROLLER_STATUS: bits(*range(7)),
}
# as in 1.3; a change of role and of vacancy is told unless asked not to, another's requests only when asked for
DEFAULT_ASYNC: Mapping[int, Masks] = {
    ofp.OFPT_PACKET_IN: (KNOWN_REASONS[ofp.OFPT_PACKET_IN] & ~bits(ofp.OFPR_INVALID_TTL), 0),
    ofp.OFPT_PORT_STATUS: async_config.DEFAULT[ofp.OFPT_PORT_STATUS],
    ofp.OFPT_FLOW_REMOVED: (KNOWN_REASONS[ofp.OFPT_FLOW_REMOVED], 0),
    ofp.OFPT_ROLE_STATUS: (KNOWN_REASONS[ofp.OFPT_ROLE_STATUS], KNOWN_REASONS[ofp.OFPT_ROLE_STATUS]),
    ofp.OFPT_TABLE_STATUS: (KNOWN_REASONS[ofp.OFPT_TABLE_STATUS], 0),
    ofp.OFPT_REQUESTFORWARD: (0, 0),
}


def async_types(request: Request) -> dict[int, tuple[int, int]]:
    """Those of the controller's version."""
    known = request.conn.version.asynchronous
    return {message: kinds for message, kinds in ASYNC_TYPES.items() if message in known}


def port_mod(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_PORT_MOD, 7.3.4.3. Without the property the advertised features stay."""
    port_no, hw_addr, config, mask = PORT_MOD.unpack_from(request.body)
    found = read_properties(request.body[PORT_MOD.size :], {ofp.OFPPMPT_ETHERNET: NUMBER.size})
    (advertise,) = NUMBER.unpack(found.get(ofp.OFPPMPT_ETHERNET, bytes(NUMBER.size)))
    requests.change_port(switch, port_no, hw_addr, config, mask, advertise)
    return []


def table_mod(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_TABLE_MOD, 7.3.4.1: eviction and vacancy events, each with its property or with what it had."""
    table_id, config = wire.TABLE_MOD.unpack_from(request.body)
    found = read_properties(request.body[wire.TABLE_MOD.size :], TABLE_PROPERTIES)
    tables = requests.tables_meant(table_id)
    if config & ~TABLE_CONFIG:
        raise requests.table_mod_failed(ec.OFPTMFC_BAD_CONFIG)
    flags = eviction_flags(found.get(ofp.OFPTMPT_EVICTION))
    levels = vacancy_levels(found.get(ofp.OFPTMPT_VACANCY))
    for table in tables:
        switch.table_config[table] = config
        if flags is not None:
            switch.table_eviction[table] = flags
        evicts = config & ofp.OFPTC_EVICTION
        switch.datapath.set_eviction(table, switch.table_eviction.get(table, EVICTION_FLAGS) if evicts else None)
        vacancy.configure(switch, table, bool(config & ofp.OFPTC_VACANCY_EVENTS), levels)
    return []


def eviction_flags(content: bytes | None) -> int | None:
    """OFPTMPEF_* of the property; none at all leaves the choice to the switch."""
    if content is None:
        return None
    (flags,) = NUMBER.unpack(content)
    if flags & ~EVICTION_FLAGS:
        raise bad_property(ec.OFPBPC_BAD_VALUE)
    return int(flags) or EVICTION_FLAGS


def vacancy_levels(content: bytes | None) -> tuple[int, int] | None:
    """Percentages of free entries: below the first it is told that it goes down, above the second that it is up."""
    if content is None:
        return None
    down, up, _ = VACANCY.unpack(content)
    if not down <= up <= 100:
        raise bad_property(ec.OFPBPC_BAD_VALUE)
    return down, up


def get_async(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_GET_ASYNC_REPLY, 7.3.10."""
    masks = request.conn.async_config.masks
    properties = [
        pack_property(kind, NUMBER.pack(mask))
        for message, kinds in async_types(request).items()
        for kind, mask in zip(kinds, reversed(masks[message]), strict=True)
    ]
    return [request.reply(ofp.OFPT_GET_ASYNC_REPLY, b"".join(properties))]


def set_async(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_SET_ASYNC, 7.3.10."""
    configure_async(request.conn, request.body, async_types(request))
    return []


def configure_async(conn: Connection, body: bytes, types: Mapping[int, tuple[int, int]]) -> None:
    """Properties of these types; what they do not name stays as it was."""
    try:
        found = read_properties(body, {kind: NUMBER.size for kinds in types.values() for kind in kinds})
    except OpenFlowError as error:
        if (error.type, error.code) != (ec.OFPET_BAD_PROPERTY, ec.OFPBPC_BAD_TYPE):
            raise
        raise OpenFlowError(ec.OFPET_ASYNC_CONFIG_FAILED, ec.OFPACFC_UNSUPPORTED) from None
    masks = dict(conn.async_config.masks)
    for message, (slave, master) in types.items():
        old = masks.get(message, (0, 0))
        new = tuple(wanted(found.get(kind), before) for kind, before in zip((master, slave), old, strict=True))
        if any(mask & ~KNOWN_REASONS[message] for mask in new):
            raise OpenFlowError(ec.OFPET_ASYNC_CONFIG_FAILED, ec.OFPACFC_INVALID)
        masks[message] = (new[0], new[1])
    conn.async_config = AsyncConfig(masks)


def wanted(content: bytes | None, before: int) -> int:
    return before if content is None else int.from_bytes(content)
