"""Numbers of OpenFlow 1.0 that are 1.3's in another width or order."""

from __future__ import annotations

from triplane.dataplane.openflow import ofproto_v1_0 as ofp10
from triplane.dataplane.openflow import ofproto_v1_3 as ofp

_RESERVED = ofp.OFPP_MAX - ofp10.OFPP_MAX  # between a reserved port's two numbers
_MEDIA = 4  # OFPPF_COPPER and what follows stand so many bits lower: 1.0 knows nothing above 10 Gb/s


def wide_port(port: int) -> int:
    """A port's number in 32 bits; OFPP_NONE becomes OFPP_ANY."""
    return port if port < ofp10.OFPP_MAX else port + _RESERVED


def narrow_port(port: int) -> int:
    """A port's number in 16 bits; OFPP_NONE for one that has none there."""
    if port < ofp10.OFPP_MAX:
        return port
    return port - _RESERVED if port >= ofp.OFPP_MAX else ofp10.OFPP_NONE


def port_features(bits: int) -> int:
    """OFPPF_* of 1.0."""
    speeds = bits & (ofp.OFPPF_10GB_FD << 1) - 1
    media = bits & (ofp.OFPPF_COPPER | ofp.OFPPF_FIBER | ofp.OFPPF_AUTONEG | ofp.OFPPF_PAUSE | ofp.OFPPF_PAUSE_ASYM)
    return speeds | media >> _MEDIA
