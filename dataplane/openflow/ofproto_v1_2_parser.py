"""OpenFlow 1.2 messages and structures, under Ryu's names and with Ryu's call signatures."""

# mypy: disable-error-code="assignment, no-redef"
# Its own classes are imported after those of 1.3 that have the same names.

from __future__ import annotations

import struct as struct  # noqa: PLC0414 # Ryu's module has these, and scripts that import all of it use them
from typing import Any

from triplane.dataplane.openflow import ofproto_common as ofproto_common  # noqa: PLC0414
from triplane.dataplane.openflow import ofproto_parser as ofproto_parser  # noqa: PLC0414
from triplane.dataplane.openflow import ofproto_v1_2 as ofproto
from triplane.dataplane.openflow import ofproto_v1_3_parser as _v1_3
from triplane.dataplane.openflow.match_field import FIELD_CLASSES
from triplane.dataplane.openflow.match_field import OFPMatchField as OFPMatchField  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import MsgBase as MsgBase  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import StringifyMixin as StringifyMixin  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import register_msg_parser
from triplane.dataplane.openflow.v1_2.match import OFPMatch as OFPMatch  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.v1_2.messages import MESSAGES
from triplane.dataplane.openflow.v1_3.actions import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.groups import OFPBucket as OFPBucket  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.v1_3.instructions import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.messages import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.messages import read_message
from triplane.dataplane.openflow.v1_3.ports import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.symmetric import *  # noqa: F403

from triplane.dataplane.openflow.v1_2.messages import *  # isort: skip # noqa: F403
from triplane.dataplane.openflow.v1_2.stats import *  # isort: skip # noqa: F403

_SINCE_1_3 = (  # classes of 1.3 that 1.2 does not have
    *("OFPInstructionMeter", "OFPActionPushPbb", "OFPActionPopPbb", "OFPMeterMod", "OFPQueuePropExperimenter"),
    *("OFPGetAsyncRequest", "OFPGetAsyncReply", "OFPSetAsync", "OFPHelloElemVersionBitmap", "OFPBundleProp"),
    *("ONFBundleCtrlMsg", "ONFBundleAddMsg"),
)
for _name in _SINCE_1_3:
    del globals()[_name]
globals().update(FIELD_CLASSES)
globals().update({name: item for name, item in vars(_v1_3).items() if name.startswith(("NXAction", "NXFlowSpec"))})


@register_msg_parser(ofproto.OFP_VERSION)
def msg_parser(datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
    """The message in `buf`. Raises OpenFlowError if it is malformed."""
    return read_message(MESSAGES, datapath, version, msg_type, msg_len, xid, bytes(buf))


_EXPORTED = ("OFP", "NX", "MT", "MsgBase", "StringifyMixin", "msg_parser", "ofproto", "struct")
__all__ = [name for name in globals() if name.startswith(_EXPORTED)]  # without what the classes are described with
