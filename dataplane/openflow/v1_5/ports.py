"""Port descriptions of OpenFlow 1.5.1 (section 7.2.1): the fields that go in and out of a port's pipeline."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_4 import ports as v1_4
from triplane.dataplane.openflow.v1_4.properties import OFPPropBase
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5.table_features import OFPOxmId
from triplane.dataplane.openflow.wire import items, numbers

PORT_DESC_PROPERTIES = v1_4.PORT_DESC_PROPERTIES.derive()


class OFPPortDescPropOxm(OFPPropBase, types=(ofp.OFPPDPT_PIPELINE_INPUT, ofp.OFPPDPT_PIPELINE_OUTPUT)):
    _choice = PORT_DESC_PROPERTIES
    oxm_ids: list[Any] = items(OFPOxmId, default=None)


class OFPPortDescPropRecirculate(OFPPropBase, type=ofp.OFPPDPT_RECIRCULATE):
    """Ports that packets come back from."""

    _choice = PORT_DESC_PROPERTIES
    port_nos: list[int] = numbers("I", default=None)


class OFPPort(v1_4.OFPPort):
    properties: list[Any] = items(PORT_DESC_PROPERTIES, default=None)
