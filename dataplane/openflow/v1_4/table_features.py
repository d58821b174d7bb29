"""Table features of OpenFlow 1.4.1 (section 7.3.5.5): as in 1.3, and the tables that a table is a copy of."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import table_features as v1_3
from triplane.dataplane.openflow.v1_4 import constants as ofp
from triplane.dataplane.openflow.v1_4.oxm_fields import OXM
from triplane.dataplane.openflow.v1_4.properties import OFPPropUnknown
from triplane.dataplane.openflow.wire import items

PROPERTIES = v1_3.PROPERTIES.derive()
PROPERTIES.default = OFPPropUnknown


class OFPTableFeaturePropNextTables(
    v1_3.OFPTableFeaturePropNextTables,
    types=(ofp.OFPTFPT_NEXT_TABLES, ofp.OFPTFPT_NEXT_TABLES_MISS, ofp.OFPTFPT_TABLE_SYNC_FROM),
):
    _choice = PROPERTIES


class OFPExperimenterOxmId(v1_3.OFPExperimenterOxmId):
    _oxm = OXM


class OFPOxmId(v1_3.OFPOxmId):
    _oxm = OXM
    _of_experimenter = OFPExperimenterOxmId


OXM_PROPERTIES = (
    ofp.OFPTFPT_MATCH,
    ofp.OFPTFPT_WILDCARDS,
    ofp.OFPTFPT_WRITE_SETFIELD,
    ofp.OFPTFPT_WRITE_SETFIELD_MISS,
    ofp.OFPTFPT_APPLY_SETFIELD,
    ofp.OFPTFPT_APPLY_SETFIELD_MISS,
)


class OFPTableFeaturePropOxm(v1_3.OFPTableFeaturePropOxm, types=OXM_PROPERTIES):
    _choice = PROPERTIES
    oxm_ids: list[Any] = items(OFPOxmId, default=None)


class OFPTableFeaturesStats(v1_3.OFPTableFeaturesStats):
    properties: list[Any] = items(PROPERTIES, default=None)
