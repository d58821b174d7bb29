"""Vacancy events: a controller hears when the room in a flow table falls low, and when it is back (OpenFlow 1.4.1
section 7.4.5).

A table that watches its vacancy waits for one of the two events: first for the fall below `down`, then for the rise
above `up`, and so on, so that a table about the border does not speak with every entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.switch.v1_4.properties import pack_property
from triplane.dataplane.switch.v1_4.wire import TABLE_DESC

if TYPE_CHECKING:
    from triplane.dataplane.switch.state import Switch

EVICTION = Struct("!I")  # flags
VACANCY = Struct("!BBBx")  # down, up, current


@dataclass(slots=True)
class Vacancy:
    """Percentages of a table's entries that are free."""

    down: int = 0
    up: int = 0
    watched: bool = False
    low: bool = False  # told of the fall, and not yet of the rise


def configure(switch: Switch, table: int, watched: bool, levels: tuple[int, int] | None) -> None:
    """What a table-mod says of a table's vacancy; without levels they stay."""
    state = switch.table_vacancy.setdefault(table, Vacancy())
    if levels is not None:
        state.down, state.up = levels
    if watched and not state.watched:
        state.low = percentage(switch, table) < state.down
    state.watched = watched


def percentage(switch: Switch, table: int) -> int:
    """Of the table's entries that are free."""
    count, limit = switch.datapath.table_room(table)
    return max(limit - count, 0) * 100 // limit if limit else 0


def check(switch: Switch) -> None:
    """Tell of the tables that have crossed a level since the last time."""
    for table, state in switch.table_vacancy.items():
        if not state.watched:
            continue
        now = percentage(switch, table)
        if not state.low and now < state.down:
            state.low = True
            tell(switch, table, ofp.OFPTR_VACANCY_DOWN)
        elif state.low and now > state.up:
            state.low = False
            tell(switch, table, ofp.OFPTR_VACANCY_UP)


def tell(switch: Switch, table: int, reason: int) -> None:
    desc = table_desc(switch, table)
    switch.tell(ofp.OFPT_TABLE_STATUS, reason, lambda wire: wire.table_status(reason, desc))


def table_desc(switch: Switch, table: int) -> bytes:
    """ofp_table_desc, with the properties that a table-mod has set (7.3.5.17)."""
    properties = b""
    if table in switch.table_eviction:
        properties += pack_property(ofp.OFPTMPT_EVICTION, EVICTION.pack(switch.table_eviction[table]))
    state = switch.table_vacancy.get(table)
    if state is not None and (state.watched or state.down or state.up):
        content = VACANCY.pack(state.down, state.up, percentage(switch, table))
        properties += pack_property(ofp.OFPTMPT_VACANCY, content)
    return TABLE_DESC.pack(TABLE_DESC.size + len(properties), table, switch.table_config[table]) + properties
