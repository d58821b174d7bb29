"""Multipart requests that 1.4 adds. Sections are of OpenFlow 1.4.1."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from triplane.dataplane.kernels.fields import FIELDS, PBB_UCA
from triplane.dataplane.openflow.errors import OpenFlowError
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4 import error_codes as ec
from triplane.dataplane.switch import table_features, vacancy
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import N_TABLES, Switch
from triplane.dataplane.switch.table_features import Abilities
from triplane.dataplane.switch.v1_4.properties import pack_property

QUEUE_REQUEST = Struct("!II")  # port_no, queue_id
QUEUE_DESC = Struct("!IIH6x")  # port_no, queue_id, length
RATE = Struct("!H2x")  # tenths of a percent


CAN = Abilities(
    table_features.INSTRUCTIONS,
    table_features.ACTIONS,
    (*FIELDS, PBB_UCA),
    capabilities=ofp.OFPTC_EVICTION | ofp.OFPTC_VACANCY_EVENTS,
)


def features(switch: Switch, request: Request, body: bytes) -> Iterable[bytes]:
    """OFPMP_TABLE_FEATURES, 7.3.5.5: the configuration's place is that of the capabilities now, which stay."""
    return table_features.table_features(switch, request, body, CAN)


def table_desc(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_TABLE_DESC, 7.3.5.17."""
    return [vacancy.table_desc(switch, table) for table in range(N_TABLES)]


def queue_desc(switch: Switch, request: Request, body: bytes) -> list[bytes]:
    """OFPMP_QUEUE_DESC, 7.3.5.18."""
    port_no, queue_id = QUEUE_REQUEST.unpack(body)
    if port_no != ofp.OFPP_ANY and not switch.has_port(port_no):
        raise OpenFlowError(ec.OFPET_QUEUE_OP_FAILED, ec.OFPQOFC_BAD_PORT)
    rows = [row for row in switch.datapath.queue_config(port_no) if queue_id in (row[1], ofp.OFPQ_ALL)]
    if not rows and queue_id != ofp.OFPQ_ALL:
        raise OpenFlowError(ec.OFPET_QUEUE_OP_FAILED, ec.OFPQOFC_BAD_QUEUE)
    return [encode_queue(*row) for row in rows]


def encode_queue(port_no: int, queue_id: int, min_rate: int, max_rate: int) -> bytes:
    """ofp_queue_desc with its two rates."""
    rates = pack_property(ofp.OFPQDPT_MIN_RATE, RATE.pack(min_rate))
    rates += pack_property(ofp.OFPQDPT_MAX_RATE, RATE.pack(max_rate))
    return QUEUE_DESC.pack(port_no, queue_id, QUEUE_DESC.size + len(rates)) + rates
