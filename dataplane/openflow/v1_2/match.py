"""OFPMatch with the fields of OpenFlow 1.2: the last four of 1.3 are not among them."""

from __future__ import annotations

from triplane.dataplane.openflow import match
from triplane.dataplane.openflow.oxm import Table
from triplane.dataplane.openflow.v1_3.oxm_fields import OXM as _OXM

_SINCE_1_3 = ("mpls_bos", "pbb_isid", "tunnel_id", "ipv6_exthdr")
OXM = Table(field for field in _OXM.by_name.values() if field.name not in _SINCE_1_3)


class OFPMatch(match.OFPMatch):
    """A match; see the class it is made from."""

    _oxm = OXM
