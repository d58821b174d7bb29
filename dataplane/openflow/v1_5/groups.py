"""Group buckets of OpenFlow 1.5.1 (section 7.3.4.3): with ids, weight and watch as properties."""

from __future__ import annotations

from typing import Any, ClassVar

from triplane.dataplane.openflow.v1_4.properties import (
    EXPERIMENTER,
    OFPPropBase,
    OFPPropCommonExperimenter4ByteData,
    family,
)
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.v1_5 import error_codes as ec
from triplane.dataplane.openflow.v1_5.actions import ACTIONS
from triplane.dataplane.openflow.wire import Record, items, length, pad, sizeof, u16, u32

BUCKET_PROPERTIES = family()
GROUP_PROPERTIES = family()


class OFPGroupProp(OFPPropBase):
    _choice = GROUP_PROPERTIES


class OFPGroupPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = GROUP_PROPERTIES


class OFPGroupBucketProp(OFPPropBase):
    _choice = BUCKET_PROPERTIES


class OFPGroupBucketPropWeight(OFPGroupBucketProp, type=ofp.OFPGBPT_WEIGHT):
    """The share of a bucket of a select group."""

    weight: int | None = u16(default=None)
    _pad = pad(2)


class OFPGroupBucketPropWatch(OFPGroupBucketProp, types=(ofp.OFPGBPT_WATCH_PORT, ofp.OFPGBPT_WATCH_GROUP)):
    """The port or group, by `type`, that must be live."""

    watch: int | None = u32(default=None)


class OFPGroupBucketPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = BUCKET_PROPERTIES


class OFPBucket(Record):
    """Actions of a group."""

    _bad_len: ClassVar[tuple[int, int]] = (ec.OFPET_GROUP_MOD_FAILED, ec.OFPGMFC_BAD_BUCKET)
    len = length()
    action_array_len = sizeof("actions")
    bucket_id: int = u32(default=0)
    actions: list[Any] = items(ACTIONS, default=None)
    properties: list[Any] = items(BUCKET_PROPERTIES, default=None)
