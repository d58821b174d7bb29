"""OpenFlow 1.0 messages and structures, under Ryu's names and with Ryu's call signatures.

from triplane.dataplane.openflow import ofproto_v1_0_parser as parser
parser.OFPFlowMod(datapath, match=parser.OFPMatch(in_port=1), actions=[parser.OFPActionOutput(2)]).serialize()
"""

from __future__ import annotations

import struct as struct  # noqa: PLC0414 # Ryu's module has these four, and scripts that import all of it use them
from typing import Any

from triplane.dataplane.openflow import nx_actions as _nx_actions
from triplane.dataplane.openflow import ofproto_common as ofproto_common  # noqa: PLC0414
from triplane.dataplane.openflow import ofproto_parser as ofproto_parser  # noqa: PLC0414
from triplane.dataplane.openflow import ofproto_v1_0 as _ofproto
from triplane.dataplane.openflow import ofproto_v1_0 as ofproto  # noqa: F401
from triplane.dataplane.openflow.ofproto_parser import MsgBase as MsgBase  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import StringifyMixin as StringifyMixin  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import register_msg_parser
from triplane.dataplane.openflow.v1_0 import constants as _constants
from triplane.dataplane.openflow.v1_0.actions import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.match import OFPMatch as OFPMatch  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.v1_0.messages import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.messages import read_message
from triplane.dataplane.openflow.v1_0.nicira import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.nicira_monitor import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.nicira_stats import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.ports import *  # noqa: F403
from triplane.dataplane.openflow.v1_0.stats import *  # noqa: F403


@register_msg_parser(_constants.OFP_VERSION)
def msg_parser(datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
    """The message in `buf`. Raises OpenFlowError if it is malformed."""
    return read_message(datapath, version, msg_type, msg_len, xid, bytes(buf))


_nx_actions.generate(_ofproto.__name__, __name__)

_EXPORTED = ("OFP", "NX", "Nicira", "MsgBase", "StringifyMixin", "msg_parser", "ofproto", "struct")
__all__ = [name for name in globals() if name.startswith(_EXPORTED)]  # without what the classes are described with
