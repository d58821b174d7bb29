"""The OXM fields of OpenFlow 1.4.1 (section 7.2.3.7) and those extensions that Ryu knows."""

from __future__ import annotations

from triplane.dataplane.openflow.oxm import Field, Table
from triplane.dataplane.openflow.v1_3 import oxm_fields as v1_3
from triplane.dataplane.openflow.v1_3.nicira_fields import NICIRA_FIELDS
from triplane.dataplane.openflow.values import INT1

BASIC_FIELDS = (*v1_3.BASIC_FIELDS, Field("pbb_uca", 41, INT1))
EXTENSION_FIELDS = tuple(field for field in v1_3.EXTENSION_FIELDS if field.name != "pbb_uca")

OXM = Table((*BASIC_FIELDS, *EXTENSION_FIELDS, *NICIRA_FIELDS))
