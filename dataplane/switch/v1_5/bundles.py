"""Bundles of 1.5: as 1.4's, and refused where they are to run at a time (OpenFlow 1.5.1 section 7.3.9.8)."""

from __future__ import annotations

from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.switch import bundles
from triplane.dataplane.switch.connection import Request
from triplane.dataplane.switch.state import Switch


def control(switch: Switch, request: Request) -> list[bytes]:
    """OFPT_BUNDLE_CONTROL."""
    _, _, flags = bundles.CONTROL.unpack_from(request.body)
    if flags & ofp.OFPBF_TIME:
        raise bundles.failed(ec.OFPBFC_SCHED_NOT_SUPPORTED)
    return bundles.control(switch, request)
