"""OpenFlow 1.3 messages and structures, under Ryu's names and with Ryu's call signatures.

from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
parser.OFPFlowMod(datapath, match=parser.OFPMatch(in_port=1), instructions=[...]).serialize()
"""

from __future__ import annotations

from typing import Any

from triplane.dataplane.openflow import nx_actions as _nx_actions
from triplane.dataplane.openflow import ofproto_v1_3 as _ofproto
from triplane.dataplane.openflow.match import OFPMatch as OFPMatch  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.match_field import FIELD_CLASSES
from triplane.dataplane.openflow.match_field import OFPMatchField as OFPMatchField  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import MsgBase as MsgBase  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import StringifyMixin as StringifyMixin  # noqa: PLC0414 # told to be exported
from triplane.dataplane.openflow.ofproto_parser import register_msg_parser
from triplane.dataplane.openflow.v1_3 import constants as _constants
from triplane.dataplane.openflow.v1_3.actions import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.groups import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.instructions import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.messages import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.messages import MESSAGES, read_message
from triplane.dataplane.openflow.v1_3.monitor import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.multipart import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.nicira import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.ports import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.stats import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.symmetric import *  # noqa: F403
from triplane.dataplane.openflow.v1_3.table_features import *  # noqa: F403

UINT64_MAX, UINT32_MAX, UINT16_MAX = (1 << 64) - 1, (1 << 32) - 1, (1 << 16) - 1  # apps compare with them

globals().update(FIELD_CLASSES)


@register_msg_parser(_constants.OFP_VERSION)
def msg_parser(datapath: Any, version: int, msg_type: int, msg_len: int, xid: int, buf: bytes) -> Any:
    """The message in `buf`. Raises OpenFlowError if it is malformed."""
    return read_message(MESSAGES, datapath, version, msg_type, msg_len, xid, bytes(buf))


_nx_actions.generate(_ofproto.__name__, __name__)
