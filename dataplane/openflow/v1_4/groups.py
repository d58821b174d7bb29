"""Group buckets of OpenFlow 1.4.1: those of 1.3, with 1.4's actions. Meter bands are the same."""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow.v1_3 import groups as v1_3
from triplane.dataplane.openflow.v1_4.actions import ACTIONS
from triplane.dataplane.openflow.wire import items


class OFPBucket(v1_3.OFPBucket):
    actions: list[Any] = items(ACTIONS, default=None)
