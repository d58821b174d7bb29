"""OFPMatch with the fields of OpenFlow 1.5."""

from __future__ import annotations

from triplane.dataplane.openflow import match
from triplane.dataplane.openflow.v1_5.oxm_fields import OXM


class OFPMatch(match.OFPMatch):
    """A match; see the class it is made from."""

    _oxm = OXM
