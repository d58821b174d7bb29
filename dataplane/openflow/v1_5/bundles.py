"""Bundles that run at a time (OpenFlow 1.5.1 sections 7.3.5.21, 7.3.9)."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_4 import messages as v1_4
from triplane.dataplane.openflow.v1_4.properties import (
    EXPERIMENTER,
    OFPPropBase,
    OFPPropCommonExperimenter4ByteData,
    family,
)
from triplane.dataplane.openflow.v1_5 import constants as ofp
from triplane.dataplane.openflow.wire import Record, TupleRecord, items, nested, pad, u16, u32, u64

BUNDLE_PROPERTIES = v1_4.BUNDLE_PROPERTIES.derive()
FEATURES_PROPERTIES = family()


class OFPTime(Record):
    seconds: int | None = u64(default=None)
    nanoseconds: int | None = u32(default=None)
    _pad = pad(4)


class OFPBundlePropTime(OFPPropBase, type=ofp.OFPBPT_TIME):
    """When a commit is to be carried out."""

    _choice = BUNDLE_PROPERTIES
    _pad = pad(4)
    scheduled_time: Any = nested(OFPTime, default=None)


class OFPBundleFeaturesProp(OFPPropBase):
    _choice = FEATURES_PROPERTIES


class OFPBundleFeaturesPropTime(OFPBundleFeaturesProp, type=ofp.OFPTMPBF_TIME_CAPABILITY):
    """How well, and how far ahead, a switch can keep a time."""

    _pad = pad(4)
    sched_accuracy: Any = nested(OFPTime, default=None)
    sched_max_future: Any = nested(OFPTime, default=None)
    sched_max_past: Any = nested(OFPTime, default=None)
    timestamp: Any = nested(OFPTime, default=None)


class OFPBundleFeaturesPropExperimenter(OFPPropCommonExperimenter4ByteData, type=EXPERIMENTER):
    _choice = FEATURES_PROPERTIES


class OFPBundleFeaturesStats(TupleRecord):
    capabilities: int = u16()
    _pad = pad(6)
    properties: list[Any] = items(FEATURES_PROPERTIES)
