"""The OXM fields of OpenFlow 1.5.1 (section 7.2.3.8) and those extensions that Ryu knows."""

from __future__ import annotations

from triplane.dataplane.openflow.oxm import Field, Table
from triplane.dataplane.openflow.v1_3.nicira_fields import NICIRA_FIELDS
from triplane.dataplane.openflow.v1_4 import oxm_fields as v1_4
from triplane.dataplane.openflow.values import INT2, INT4

BASIC_FIELDS = (
    *v1_4.BASIC_FIELDS,
    Field("tcp_flags", 42, INT2, maskable=True),
    Field("actset_output", 43, INT4),
    Field("packet_type", 44, INT4),
)
_NOW_BASIC = {field.name for field in BASIC_FIELDS}
EXTENSION_FIELDS = tuple(field for field in v1_4.EXTENSION_FIELDS if field.name not in _NOW_BASIC)

OXM = Table((*BASIC_FIELDS, *EXTENSION_FIELDS, *NICIRA_FIELDS))
