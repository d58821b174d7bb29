"""Group buckets and meter bands (OpenFlow 1.3.5 sections 7.3.4.2, 7.3.4.4)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import constants as ofp
from triplane.dataplane.openflow.v1_3 import error_codes as ec
from triplane.dataplane.openflow.v1_3.actions import ACTIONS
from triplane.dataplane.openflow.wire import Choice, Record, const, items, length, pad, u8, u16, u32


class OFPBucket(Record):
    """Actions of a group, with the weight (select) and what must be live (fast failover)."""

    _bad_len = (ec.OFPET_GROUP_MOD_FAILED, ec.OFPGMFC_BAD_BUCKET)
    len = length()
    weight: int = u16(default=0)
    watch_port: int = u32(default=ofp.OFPP_ANY)
    watch_group: int = u32(default=ofp.OFPG_ANY)
    _pad = pad(4)
    actions: list[Any] = items(ACTIONS, default=None)


BANDS = Choice(
    unknown=(ec.OFPET_METER_MOD_FAILED, ec.OFPMMFC_BAD_BAND),
    bad_len=(ec.OFPET_METER_MOD_FAILED, ec.OFPMMFC_BAD_BAND),
)


class OFPMeterBand(Record):
    """What every band starts with: the rate at which it applies, and its burst, in the meter's units."""

    _choice = BANDS
    _bad_len = BANDS.bad_len
    type = const("H")
    len = length()
    rate: int = u32(default=0)
    burst_size: int = u32(default=0)

    @classmethod
    def parser(cls, buf: bytes, offset: int) -> Any:
        """The band at `offset`, of whatever class it is."""
        return cls._choice.parser(buf, offset)


OFPMeterBandHeader = OFPMeterBand


class OFPMeterBandDrop(OFPMeterBand, type=ofp.OFPMBT_DROP):
    _pad = pad(4)


class OFPMeterBandDscpRemark(OFPMeterBand, type=ofp.OFPMBT_DSCP_REMARK):
    """Raises the drop precedence of the DSCP by `prec_level`."""

    prec_level: int = u8(default=0)
    _pad = pad(3)


class OFPMeterBandExperimenter(OFPMeterBand, type=ofp.OFPMBT_EXPERIMENTER):
    experimenter: int | None = u32(default=None)
